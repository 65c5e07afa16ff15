"""Persons, their posts, and the units they hold them in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, and_, bindparam, func, or_, select

from daemon.domain.ladder import Role
from daemon.domain.people import Acting, Directory, Post
from daemon.store.asked import Asked
from daemon.store.engine import chunks
from daemon.store.numbers import among
from daemon.store.tables import acting, persons, posts, units

CHANNEL_ADDRESS = {"email": "email", "sms": "phone", "wecom": "wecom"}
"""Which column of a person a channel writes to."""


@dataclass(frozen=True, slots=True)
class Person:
    """One human. The contact table is the only place that holds a whole phone number."""

    id: int
    name: str
    phone: str | None
    email: str | None
    wecom: str | None

    def address(self, channel: str) -> str | None:
        """Return where ``channel`` reaches this person; the office can always be asked by hand."""
        if channel not in CHANNEL_ADDRESS:
            return f"{self.name}{f'（{self.phone}）' if self.phone else ''}"
        found: str | None = getattr(self, CHANNEL_ADDRESS[channel])
        return found


def directory(connection: Connection, on: date, of: Iterable[int] | None = None) -> Directory:
    """Return who holds which post on a day: of all units, or of those of ``of`` and outside the units."""
    if of is None:
        rows = connection.execute(_HELD, {"on": on}).all()
    else:
        rows = connection.execute(_HELD_IN, {"on": on, "of": sorted(of)}).all()
    held = [Post(p, Role(r), u, s, e) for p, r, u, s, e in rows]
    stand_ins = [
        Acting(row.person_id, row.stand_in_id, row.since, row.until)
        for row in connection.execute(_ACTING, {"on": on})
    ]
    return Directory(held, on, stand_ins)


_p, _a = posts.c, acting.c
_ON_THAT_DAY = and_(
    or_(_p.since.is_(None), _p.since <= bindparam("on")),
    or_(_p.until.is_(None), _p.until >= bindparam("on")),
)
_HELD = select(_p.person_id, _p.role, _p.unit_id, _p.since, _p.until).where(_ON_THAT_DAY).order_by(_p.id)
_HELD_IN = _HELD.where(or_(among(_p.unit_id, "of"), _p.unit_id.is_(None)))
_ACTING = select(acting).where(_a.since <= bindparam("on"), _a.until >= bindparam("on"))


def ever_held(connection: Connection, seats: Iterable[Role]) -> bool:
    """Whether anybody holds, held or will hold any of these seats outside the units."""
    return connection.execute(_EVER, {"seats": list(seats)}).first() is not None


_EVER = select(_p.id).where(_p.role.in_(bindparam("seats", expanding=True)), _p.unit_id.is_(None)).limit(1)


def held_since(connection: Connection, seats: Iterable[Role], on: date) -> date | None:
    """Return since when anybody who holds one of these seats on a day holds it; ``None``: always."""
    found = connection.execute(_SINCE, {"seats": list(seats), "on": on}).scalars().all()
    return None if None in found else min(found, default=None)


def next_taken(connection: Connection, seats: Iterable[Role], after: date) -> date | None:
    """Return the first day after a day on which somebody takes any of these seats outside the units."""
    found: date | None = connection.execute(_NEXT, {"seats": list(seats), "after": after}).scalar()
    return found


_SINCE = select(_p.since).where(
    _p.role.in_(bindparam("seats", expanding=True)),
    _p.unit_id.is_(None),
    _ON_THAT_DAY,
)
_NEXT = select(func.min(_p.since)).where(
    _p.role.in_(bindparam("seats", expanding=True)), _p.unit_id.is_(None), _p.since > bindparam("after")
)


_COLUMNS = (persons.c.id, persons.c.name, persons.c.phone, persons.c.email, persons.c.wecom)
_LOAD = select(*_COLUMNS).where(among(persons.c.id, "ids"))


def load(connection: Connection, ids: Iterable[int] | None) -> dict[int, Person]:
    """Return persons by their number: those of ``ids``, or all."""
    if ids is None:
        return {row[0]: Person(*row) for row in connection.execute(select(*_COLUMNS))}
    found = (connection.execute(_LOAD, {"ids": some}).all() for some in chunks(list(ids)))
    return {row[0]: Person(*row) for rows in found for row in rows}


def load_all(connection: Connection) -> dict[int, Person]:
    return load(connection, None)


def asked(connection: Connection, first: Iterable[int]) -> Asked[Person]:
    """Return persons as they are asked for; ``first`` surely are."""
    return Asked(connection, load, first)


def titles(connection: Connection, ids: Iterable[int]) -> dict[tuple[int, str], str]:
    """Return the title a person bears in a role."""
    return {(person, role): title for person, role, title in connection.execute(_TITLES, {"ids": list(ids)})}


_TITLES = select(_p.person_id, _p.role, _p.title).where(among(_p.person_id, "ids"))


def unit_ids(connection: Connection, on: date, kinds: Iterable[str] | None = None) -> list[int]:
    """Return the units that stand on a day, of the given kinds or of all."""
    query = select(units.c.id).where(
        or_(units.c.since.is_(None), units.c.since <= on), or_(units.c.until.is_(None), units.c.until >= on)
    )
    if kinds is not None:
        query = query.where(units.c.kind.in_(list(kinds)))
    return list(connection.execute(query.order_by(units.c.id)).scalars())


def person_named(connection: Connection, who: str) -> Person | None:
    """Find the one person that ``who`` names: a name, a phone, a WeCom account or a mail address."""
    c = persons.c
    query = select(*_COLUMNS).where(or_(c.name == who, c.phone == who, c.wecom == who, c.email == who))
    rows = connection.execute(query).all()
    if len(rows) != 1:
        return None
    return Person(*rows[0])
