"""Who holds which post on a day, and whom a rung therefore reaches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from daemon.domain.ladder import Addressee, Role, Rung

UP: Mapping[Role, Role] = {
    Role.UNIT_CITY_LEADER: Role.GROUP_DEPUTY,
    Role.OFFICE_DUTY: Role.OFFICE_DIRECTOR,
    Role.OFFICE_MEMBER: Role.OFFICE_DIRECTOR,
    Role.OFFICE_DIRECTOR: Role.GROUP_DEPUTY,
    Role.GROUP_MEMBER: Role.GROUP_DEPUTY,
    Role.GROUP_DEPUTY: Role.GROUP_LEADER,
}
"""The next seat above, for a person who may not be told as an escalation of his own unit."""

EVERY_UNIT: Mapping[Role, Role] = {
    Role.UNITS_HEAD: Role.UNIT_HEAD,
    Role.UNITS_LIAISON: Role.UNIT_LIAISON,
}


def tells_every_unit(rung: Rung) -> bool:
    """Whether a rung speaks to seats of all units, not only of the one concerned."""
    return any(names_every_unit(line) for line in (*rung.to, *rung.copy))


def units_concerned(units: Iterable[int | None], rungs: Iterable[Rung | None]) -> set[int] | None:
    """Return the units whose seats may be asked for; ``None`` where any may be.

    Any may where a subject is no one unit's, or a rung speaks to seats of all of them. ``units`` and
    ``rungs`` are those of what is to be said; a rung that is gone asks for nobody.
    """
    concerned = set(units)
    if None in concerned or any(tells_every_unit(rung) for rung in rungs if rung):
        return None
    return {unit for unit in concerned if unit is not None}


def names_every_unit(line: Addressee) -> bool:
    return not EVERY_UNIT.keys().isdisjoint(line)


_OF_UNIT = (Role.UNIT_HEAD, Role.UNIT_DEPUTY, Role.UNIT_LIAISON)


@dataclass(frozen=True, slots=True)
class Post:
    """A seat that a person holds, from a day to a day, both included."""

    person: int
    role: Role
    unit: int | None
    since: date | None = None
    until: date | None = None

    def held_on(self, day: date) -> bool:
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True)
class Acting:
    """A dated stand-in (AB角): what goes to ``person`` goes to ``stand_in`` on those days."""

    person: int
    stand_in: int
    since: date
    until: date


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person reached, in which seat, and how.

    ``unit`` is the seat's unit; ``own_unit`` says that the line climbed because its holder belongs to the
    unit concerned (本单位); ``acting_for`` is the person stood in for.
    """

    person: int
    role: Role
    unit: int | None
    own_unit: bool = False
    acting_for: int | None = None


class Directory:
    """The posts of one day, by seat."""

    def __init__(self, posts: Iterable[Post], on: date, acting: Iterable[Acting] = ()) -> None:
        self._seats: dict[tuple[Role, int | None], list[Post]] = {}
        self._units_of: dict[int, set[int]] = {}
        for post in posts:
            if not post.held_on(on):
                continue
            self._seats.setdefault((post.role, post.unit), []).append(post)
            if post.unit is not None and post.role is not Role.UNIT_CITY_LEADER:
                self._units_of.setdefault(post.person, set()).add(post.unit)
        self._resolved: dict[tuple[Addressee, int | None], tuple[Recipient, ...]] = {}
        self._stand_ins = {a.person: a.stand_in for a in acting if a.since <= on <= a.until}

    def resolve(self, line: Addressee, unit: int | None, units: Iterable[int] = ()) -> tuple[Recipient, ...]:
        """Return whom a line of ``to`` reaches: the holders of its first seat that anybody holds.

        ``unit`` is the unit concerned, ``units`` those of the campaign. Empty where nobody holds any seat.
        """
        if names_every_unit(line):
            return self._reached(line, unit, units)
        found = self._resolved.get((line, unit))
        if found is None:
            found = self._resolved[line, unit] = self._reached(line, unit, ())
        return found

    def _reached(self, line: Addressee, unit: int | None, units: Iterable[int]) -> tuple[Recipient, ...]:
        for role in line:
            if found := self._holders(role, unit, units):
                return tuple(dict.fromkeys(map(self._stand_in, found)))
        return ()

    def holders(self, roles: Iterable[Role]) -> tuple[Recipient, ...]:
        """Return who holds any of these seats outside the units, or stands in for a holder."""
        return tuple(self._stand_in(r) for role in roles for r in self._seat(role, None))

    def _holders(self, role: Role, unit: int | None, units: Iterable[int]) -> list[Recipient]:
        if role in EVERY_UNIT:
            return [r for each in units for r in self._seat(EVERY_UNIT[role], each)]
        if role in _OF_UNIT:
            return self._seat(role, unit) if unit is not None else []
        return self._above(role, unit)

    def _seat(self, role: Role, unit: int | None) -> list[Recipient]:
        return [Recipient(post.person, role, unit) for post in self._seats.get((role, unit), ())]

    def _above(self, role: Role, unit: int | None) -> list[Recipient]:
        """Return who holds a seat outside the unit; who belongs to the unit gives way to the seat above."""
        found: list[Recipient] = []
        for recipient in self._seat(role, unit if role is Role.UNIT_CITY_LEADER else None):
            if unit is None or unit not in self._units_of.get(recipient.person, ()):
                found.append(recipient)
            elif role in UP:
                above = self._above(UP[role], unit)
                found.extend(Recipient(r.person, r.role, r.unit, own_unit=True) for r in above)
        return found

    def _stand_in(self, recipient: Recipient) -> Recipient:
        stand_in = self._stand_ins.get(recipient.person)
        if stand_in is None:
            return recipient
        return Recipient(stand_in, recipient.role, recipient.unit, recipient.own_unit, recipient.person)
