"""Whether the rules fit the office there is: its people, its units, and the rules it has had so far."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date

from sqlalchemy import Connection

from daemon.activate import source_of
from daemon.config.history import parse_history, unknown_pasts
from daemon.config.models import ActFile
from daemon.config.source import LADDERS, Inspection
from daemon.config.words import nearest
from daemon.domain.ladder import Addressee, Role
from daemon.domain.people import EVERY_UNIT
from daemon.domain.why import ROLE_TITLES
from daemon.errors import Fault
from daemon.store import people, roster, rules
from daemon.store.people import CHANNEL_ADDRESS, Person

_OF_UNIT = (Role.UNIT_HEAD, Role.UNIT_DEPUTY, Role.UNIT_LIAISON, Role.UNIT_CITY_LEADER)
_CHANNEL_TITLES = {"email": "邮箱", "sms": "手机", "wecom": "企业微信账号"}


def misfits(connection: Connection, found: Inspection, today: date) -> Iterator[Fault]:
    """Yield what only the database tells: whom nothing reaches, kinds no unit has, names no rule ever had."""
    yield from unreachable(connection, found, today)
    yield from _unknown_kinds(connection, found)
    active = rules.active(connection)
    if active and found.ladders:
        old, past = source_of(connection, active.hash), parse_history(active.history)
        yield from unknown_pasts(found.documents[LADDERS], found.ladders, old, past)


def _unknown_kinds(connection: Connection, found: Inspection) -> Iterator[Fault]:
    """Yield the kinds of units that owe filings and that no unit of the directory is of."""
    kinds = sorted({unit.kind for unit in roster.load(connection).units})
    for place, campaign in found.campaigns.items() if kinds else ():
        for key, filing in campaign.filings.items():
            path = ("filings", key, "owed_by")
            for n, kind in enumerate(filing.owed_by):
                if kind not in kinds and found.documents[place].sure(path):
                    message = f"名录里没有一个单位是“{kind}”类，不会有人报送"
                    yield found.documents[place].fault((*path, n), message, nearest(kind, kinds))


def unreachable(connection: Connection, found: Inspection, today: date) -> Iterator[Fault]:
    """Yield once, where it first stands, each channel that no present holder of a role could receive."""
    if found.ladders is None:
        return
    document, told = found.documents[LADDERS], set[tuple[Role, str]]()
    holders = _holders(connection, today)
    for ladder_id, ladder in found.ladders.ladders.items():
        for rung_id, rung in ladder.rungs.items():
            path = ("ladders", ladder_id, "rungs", rung_id)
            if not document.sure(path) or rung.act not in found.ladders.acts:
                continue
            for n, line in enumerate(rung.to):
                for role, channel in _deaf(line, found.ladders.acts[rung.act], holders):
                    if (role, channel) not in told:
                        told.add((role, channel))
                        yield document.fault((*path, "to", n), *_words(role, channel))


def _words(role: Role, channel: str) -> tuple[str, str]:
    title = ROLE_TITLES[role]
    message = f"现任{title}没有一人登记了{_CHANNEL_TITLES[channel]}，{channel} 渠道到不了他们"
    return message, "请补全名录后重新导入，或在 acts 里换渠道"


def _deaf(
    line: Addressee, act: ActFile, holders: dict[Role, Collection[Person]]
) -> Iterator[tuple[Role, str]]:
    """Yield the roles of a line with the channels of an act that none of their holders has."""
    channels = dict.fromkeys(channel for leg in act.legs for channel in leg if channel in CHANNEL_ADDRESS)
    for role in line:
        persons = holders.get(EVERY_UNIT.get(role, role), ())
        for channel in channels:
            if persons and not any(person.address(channel) for person in persons):
                yield EVERY_UNIT.get(role, role), channel


def _holders(connection: Connection, today: date) -> dict[Role, Collection[Person]]:
    """Return who is told today what goes to each role; roles that nobody holds are left out."""
    directory, units = people.directory(connection, today), people.unit_ids(connection, today)
    persons = people.load_all(connection)
    held: dict[Role, Collection[Person]] = {}
    for role in Role:
        places = units if role in _OF_UNIT else [None]
        reached = {r.person for unit in places for r in directory.resolve((role,), unit)}
        if reached:
            held[role] = [persons[each] for each in sorted(reached)]
    return held
