"""Whether the directory can carry the rules: who is missing, whom nothing reaches, whose post ends.

Pure: it is given everything and returns findings as values. What is asked of later days is asked only of the
days on which anything changes, so that it costs little however far it looks ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from itertools import combinations
from typing import TypeVar

from daemon.domain.ladder import Addressee, Ladder, Role, Rung, SubjectKind
from daemon.domain.people import EVERY_UNIT, Acting, Directory, Post

AHEAD = timedelta(days=92)
"""How far it looks ahead for lines that reach nobody."""
SOON = timedelta(days=30)
"""A post that ends within this and has no successor is told."""
_DAY = timedelta(days=1)
_IN_UNIT = (Role.UNIT_HEAD, Role.UNIT_DEPUTY, Role.UNIT_LIAISON)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as it stands: its kind, from a day to a day, both included."""

    id: int
    kind: str
    since: date | None = None
    until: date | None = None

    def stands_on(self, day: date) -> bool:
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


@dataclass(frozen=True)
class Roster:
    """Everything on file about who holds what. ``reach``: the channels that have an address, by person."""

    units: Sequence[Unit] = ()
    posts: Sequence[Post] = ()
    acting: Sequence[Acting] = ()
    reach: Mapping[int, Collection[str]] = field(default_factory=dict)

    def directory(self, day: date) -> Directory:
        return Directory(self.posts, day, self.acting)

    def standing(self, day: date) -> list[int]:
        return [unit.id for unit in self.units if unit.stands_on(day)]


@dataclass(frozen=True)
class Demands:
    """What the rules want of the directory. ``owed_by``: the kinds of units that owe filings."""

    ladders: Sequence[Ladder]
    channels: Collection[str]
    owed_by: Collection[str] = ()


class Trouble(StrEnum):
    """What may be wrong, gravest first."""

    EMPTY_GROUP = "empty_group"
    NO_HEAD = "no_head"
    EMPTY_RUNG = "empty_rung"
    UNREACHED = "unreached"
    ENDING = "ending"
    SAME_PERSON = "same_person"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``since`` to ``until``: the days it is so (``None``: as far as was looked).

    ``roles`` are the seats concerned: of a rung the line that reaches nobody, of two seats with one holder
    the lower first. ``rungs`` are those that fall silent, like ``case-due/letter``.
    """

    trouble: Trouble
    unit: int | None = None
    person: int | None = None
    roles: tuple[Role, ...] = ()
    rungs: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None


def readiness(roster: Roster, demands: Demands, on: date, ahead: timedelta = AHEAD) -> list[Finding]:
    """Return all that is wrong on a day, or will be within ``ahead``; the gravest first."""
    days = _turning_days(roster, on, on + ahead)
    empty = list(_empty_lines(roster, demands, days))
    headless = {f.unit: f for f in empty if f.roles == (Role.UNIT_HEAD,) and f.since == on}
    found = [
        *_silent_group(roster, demands.ladders, days),
        *(headless.get(finding.unit, finding) for finding in _no_head(roster, on)),
        *(finding for finding in empty if finding not in headless.values()),
        *_unreached(roster, demands, on),
        *_ending(roster, on),
        *_same_person(roster, demands.ladders, on),
    ]
    order = list(Trouble)
    return sorted(found, key=lambda f: order.index(f.trouble))


def empty_group(roster: Roster, ladders: Iterable[Ladder], on: date) -> list[Finding]:
    """Return the rungs to the leading group that reach no seat of it on that day."""
    return list(_silent_group(roster, ladders, [on]))


def _silent_group(roster: Roster, ladders: Iterable[Ladder], days: Sequence[date]) -> Iterator[Finding]:
    """Yield the seats of the group that rungs address and nobody holds, not one of them."""
    addressed: dict[tuple[Role, ...], list[str]] = {}
    for ladder in ladders:
        for rung in ladder.rungs:
            lines = [line for line in rung.to if _to_group(line)]
            if roles := tuple(dict.fromkeys(role for line in lines for role in line)):
                addressed.setdefault(roles, []).append(f"{ladder.id}/{rung.id}")

    def empty(day: date) -> set[tuple[Role, ...]]:
        directory = roster.directory(day)
        return {roles for roles in addressed if not directory.resolve(roles, None)}

    for roles, since, until in _stretches(days, empty):
        rungs = tuple(addressed[roles])
        yield Finding(Trouble.EMPTY_GROUP, roles=roles, rungs=rungs, since=since, until=until)


def _to_group(line: Addressee) -> bool:
    return all(role.of_group for role in line)


_Key = TypeVar("_Key")


def _stretches(
    days: Iterable[date], empty: Callable[[date], set[_Key]]
) -> Iterator[tuple[_Key, date, date | None]]:
    """Yield each thing that is empty with its stretch of days; ``None``: to the end of what was looked at."""
    began: dict[_Key, date] = {}
    for day in days:
        now_empty = empty(day)
        for key in [key for key in began if key not in now_empty]:
            yield key, began.pop(key), day - _DAY
        began |= dict.fromkeys(sorted(now_empty - began.keys(), key=repr), day)
    for key, since in began.items():
        yield key, since, None


def _no_head(roster: Roster, on: date) -> Iterator[Finding]:
    directory = roster.directory(on)
    for unit in roster.standing(on):
        if not directory.resolve((Role.UNIT_HEAD,), unit):
            yield Finding(Trouble.NO_HEAD, unit, roles=(Role.UNIT_HEAD,), since=on)


def _unreached(roster: Roster, demands: Demands, on: date) -> Iterator[Finding]:
    """Yield who holds a post, now or later, or stands in, and has no address on any channel in use."""
    holders = {post.person for post in roster.posts if post.until is None or post.until >= on}
    holders |= {acting.stand_in for acting in roster.acting if acting.until >= on}
    for person in sorted(holders):
        if not set(roster.reach.get(person, ())) & set(demands.channels):
            yield Finding(Trouble.UNREACHED, person=person)


def _ending(roster: Roster, on: date) -> Iterator[Finding]:
    """Yield the posts that end soon and are then held by nobody."""
    for post in roster.posts:
        if post.until is None or not on <= post.until <= on + SOON or not post.held_on(on):
            continue
        after = post.until + _DAY
        if not any((p.role, p.unit) == (post.role, post.unit) and p.held_on(after) for p in roster.posts):
            yield Finding(Trouble.ENDING, post.unit, post.person, (post.role,), until=post.until)


# lines that reach nobody

_Line = tuple[Addressee, int | None]


def _empty_lines(roster: Roster, demands: Demands, days: Sequence[date]) -> Iterator[Finding]:
    """Yield each line that reaches nobody, with the stretch of days and the rungs it stands in."""
    wanted = _wanted(roster, demands)
    for line, since, until in _stretches(days, lambda day: set(_empty_on(roster, wanted, day))):
        roles, unit = line
        trouble = Trouble.NO_HEAD if roles == (Role.UNIT_HEAD,) and since == days[0] else Trouble.EMPTY_RUNG
        yield Finding(trouble, unit, roles=roles, rungs=tuple(wanted[line]), since=since, until=until)


def _turning_days(roster: Roster, on: date, until: date) -> list[date]:
    """Return ``on`` and every later day on which somebody or some unit comes or goes."""
    terms: list[tuple[date | None, date | None]] = [(p.since, p.until) for p in roster.posts]
    terms += [(a.since, a.until) for a in roster.acting]
    terms += [(u.since, u.until) for u in roster.units]
    turns = {since for since, _ in terms if since} | {end + _DAY for _, end in terms if end}
    return sorted({on, *(day for day in turns if on < day <= until)})


def _wanted(roster: Roster, demands: Demands) -> dict[_Line, list[str]]:
    """Return every line of the rules for every unit it may speak about, with its rungs.

    A line to the handler of a case is left out: who that is depends on the case. Seats of the leading group
    are told rung by rung (``empty_group``): one of them is enough.
    """
    found: dict[_Line, list[str]] = {}
    for ladder in demands.ladders:
        units = _units_of(ladder, roster, demands)
        for rung in ladder.rungs:
            for line in _judged(rung):
                for unit in units if any(_is_of_unit(role) for role in line) else (None,):
                    rungs = found.setdefault((line, unit), [])
                    if (name := f"{ladder.id}/{rung.id}") not in rungs:
                        rungs.append(name)
    return found


def _judged(rung: Rung) -> list[Addressee]:
    return [line for line in rung.to if Role.CASE_HANDLER not in line and not _to_group(line)]


def _is_of_unit(role: Role) -> bool:
    return role in _IN_UNIT or role is Role.UNIT_CITY_LEADER


def _units_of(ladder: Ladder, roster: Roster, demands: Demands) -> list[int]:
    if ladder.about is SubjectKind.FILING:
        return [unit.id for unit in roster.units if unit.kind in demands.owed_by]
    return [unit.id for unit in roster.units]


def _empty_on(roster: Roster, wanted: Iterable[_Line], day: date) -> Iterator[_Line]:
    directory, standing = roster.directory(day), roster.standing(day)
    alive = set(standing)
    for line, unit in wanted:
        if unit is not None and unit not in alive:
            continue
        if not standing and any(role in EVERY_UNIT for role in line):
            continue
        if not directory.resolve(line, unit, standing):
            yield line, unit


# two seats, one holder


def _same_person(roster: Roster, ladders: Sequence[Ladder], on: date) -> Iterator[Finding]:
    """Yield who holds two seats of one unit, or would be told as the escalation of himself."""
    directory = roster.directory(on)
    climbs = {pair for ladder in ladders for pair in _climbs(ladder)}
    climbs = {pair for pair in climbs if pair < pair[::-1] or pair[::-1] not in climbs}  # either way, once
    pairs = {*combinations(reversed(_IN_UNIT), 2), *climbs}
    for unit in (*roster.standing(on), None):
        for lower, higher in sorted(pairs):
            if (unit is not None) is not (_is_of_unit(lower) or _is_of_unit(higher)):
                continue
            told = {r.person for r in directory.resolve((lower,), unit)}
            above = directory.resolve((higher,), unit)
            for person in sorted({r.person for r in above if not r.own_unit} & told):
                yield Finding(Trouble.SAME_PERSON, unit, person, (lower, higher), since=on)


def _climbs(ladder: Ladder) -> Iterator[tuple[Role, Role]]:
    """Yield the pairs of seats of which a later rung addresses the second as escalation of the first."""
    for earlier, later in combinations(ladder.rungs, 2):
        before = {line[0] for line in earlier.to}
        for higher in {line[0] for line in later.to} - before:
            for lower in before:
                if lower not in EVERY_UNIT and higher not in EVERY_UNIT:
                    yield lower, higher
