"""Whether the rules can reach the people there are: channels that nobody in a seat can receive."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date

from sqlalchemy import Connection

from daemon.config.models import ActFile
from daemon.config.source import LADDERS, Inspection
from daemon.domain.ladder import Addressee, Role
from daemon.domain.people import EVERY_UNIT
from daemon.domain.why import ROLE_TITLES
from daemon.errors import Fault
from daemon.store import people
from daemon.store.people import CHANNEL_ADDRESS, Person

_OF_UNIT = (Role.UNIT_HEAD, Role.UNIT_DEPUTY, Role.UNIT_LIAISON, Role.UNIT_CITY_LEADER)
_CHANNEL_TITLES = {"email": "邮箱", "sms": "手机", "wecom": "企业微信账号"}


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
