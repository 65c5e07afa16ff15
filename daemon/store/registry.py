"""Writes units, persons and posts: the same phone is the same person, however many posts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any, Protocol

from sqlalchemy import Connection, insert, select, update

from daemon.domain.ladder import Role
from daemon.store import agenda
from daemon.store.tables import persons, posts, units


class UnitLike(Protocol):
    """A unit as a workbook writes it."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def short(self) -> str: ...
    @property
    def city_leader(self) -> str: ...


class PersonLike(Protocol):
    """One person in one post."""

    @property
    def unit(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def phone(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def wecom(self) -> str: ...
    @property
    def since(self) -> date | None: ...
    @property
    def until(self) -> date | None: ...
    @property
    def role(self) -> Role | None: ...


Count = Callable[[str], None]


def units_by_name(connection: Connection) -> dict[str, int]:
    """Return the units by name and by short name."""
    found: dict[str, int] = {}
    for row in connection.execute(select(units.c.id, units.c.name, units.c.short)):
        found[row.name] = row.id
        if row.short:
            found.setdefault(row.short, row.id)
    return found


def store(
    connection: Connection,
    unit_rows: Iterable[UnitLike],
    person_rows: Iterable[PersonLike],
    count: Count,
    now: datetime,
) -> None:
    """Store units, persons and posts; those on file are brought up to date. ``count`` is told of each.

    What a unit whose kind changed owes is looked at: rules may ask for the kind.
    """
    unit_rows, person_rows = list(unit_rows), list(person_rows)
    for unit in unit_rows:
        _store_unit(connection, unit, count, now)
    by_name = units_by_name(connection)
    leaders: dict[str, tuple[int, PersonLike]] = {}
    for person in person_rows:
        number = _store_person(connection, person, count)
        if person.role is Role.UNIT_CITY_LEADER:
            leaders[person.name] = (number, person)
        elif person.role is not None:
            seat = by_name.get(person.unit) if person.role.value.startswith("unit.") else None
            _store_post(connection, number, person.role, seat, person, count)
    for unit in unit_rows:
        if unit.city_leader in leaders:
            number, leader = leaders[unit.city_leader]
            _store_post(connection, number, Role.UNIT_CITY_LEADER, by_name[unit.name], leader, count)


def _store_unit(connection: Connection, unit: UnitLike, count: Count, now: datetime) -> None:
    row = connection.execute(select(units).where(units.c.name == unit.name)).first()
    values = {"kind": unit.kind, "short": unit.short}
    if row is None:
        connection.execute(insert(units).values(name=unit.name, **values))
        count("units")
    elif (row.kind, row.short) != (unit.kind, unit.short):
        connection.execute(update(units).where(units.c.id == row.id).values(**values))
        if row.kind != unit.kind:
            agenda.touch_unit(connection, row.id, now)
        count("units_updated")


def _store_person(connection: Connection, person: PersonLike, count: Count) -> int:
    c = persons.c
    same = c.phone == person.phone if person.phone else c.name == person.name
    row = connection.execute(select(persons).where(same)).first()
    values: dict[str, Any] = {
        "name": person.name,
        "phone": person.phone or None,
        "email": person.email or None,
        "wecom": person.wecom or None,
    }
    if row is None:
        result = connection.execute(insert(persons).values(**values))
        assert result.inserted_primary_key
        count("persons")
        return int(result.inserted_primary_key[0])
    news = {name: value for name, value in values.items() if value and value != row._mapping[name]}
    if news:
        connection.execute(update(persons).where(c.id == row.id).values(**news))
        count("persons_updated")
    return int(row.id)


def _store_post(
    connection: Connection, person: int, role: Role, unit: int | None, row: PersonLike, count: Count
) -> None:
    c = posts.c
    same_unit = c.unit_id == unit if unit is not None else c.unit_id.is_(None)
    same_since = c.since == row.since if row.since else c.since.is_(None)
    found = connection.execute(
        select(posts).where(c.person_id == person, c.role == role, same_unit, same_since)
    ).first()
    values = {"title": row.title, "until": row.until}
    if found is None:
        connection.execute(
            insert(posts).values(person_id=person, role=role, unit_id=unit, since=row.since, **values)
        )
        count("posts")
    elif (found.title, found.until) != (row.title, row.until):
        connection.execute(update(posts).where(c.id == found.id).values(**values))
        count("posts_updated")
