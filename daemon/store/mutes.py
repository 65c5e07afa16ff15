"""Mutes: what a person of the office has silenced, from when to when, why, and who ended it early.

Rows are never deleted: an instant that lay in a mute stays muted, whenever it is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, func, insert, or_, select, update

from daemon.domain.case import AT_REST
from daemon.domain.ladder import Subject, SubjectKind
from daemon.domain.mute import Mute
from daemon.store import agenda
from daemon.store.tables import Instant, cases, mutes, persons, subjects, units
from daemon.store.tables import agenda as agenda_table

_c = mutes.c


@dataclass(frozen=True, slots=True)
class Target:
    """What is muted: exactly one of these."""

    ladder: str | None = None
    unit: int | None = None
    case: int | None = None
    person: int | None = None


@dataclass(frozen=True, slots=True)
class NewMute:
    """A mute to be; ``until`` is excluded."""

    target: Target
    since: datetime
    until: datetime
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class MuteLine:
    """A mute as a list shows it; ``what`` names its target, ``kind`` says what that is."""

    id: int
    kind: str
    what: str
    since: datetime
    until: datetime
    reason: str
    by: str
    recorded_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    ended_why: str | None

    def in_force(self, now: datetime) -> bool:
        return self.since <= now < (self.ended_at or self.until)


@dataclass(frozen=True)
class Mutes:
    """Every mute there has been of ladders, units and cases, for facts to be made of."""

    rows: Sequence[Any]

    def of(self, subject: Subject, unit: int | None) -> tuple[Mute, ...]:
        """Return the mutes that concern a subject."""
        mine = self._of_ladders
        if unit is not None:
            mine += self._of_units.get(unit, ())
        if subject.kind is SubjectKind.CASE:
            mine += self._of_cases.get(subject.id, ())
        return mine

    @cached_property
    def _of_ladders(self) -> tuple[Mute, ...]:
        return tuple(_mute(row) for row in self.rows if row.ladder)

    @cached_property
    def _of_units(self) -> dict[int, tuple[Mute, ...]]:
        return self._grouped("unit_id")

    @cached_property
    def _of_cases(self) -> dict[int, tuple[Mute, ...]]:
        return self._grouped("case_id")

    def _grouped(self, column: str) -> dict[int, tuple[Mute, ...]]:
        found: dict[int, tuple[Mute, ...]] = {}
        for row in self.rows:
            if (key := row._mapping[column]) is not None:
                found[key] = (*found.get(key, ()), _mute(row))
        return found


def _mute(row: Any) -> Mute:
    return Mute(row.id, row.since, row.until, row.ladder, row.ended_at)


def of_subjects(connection: Connection) -> Mutes:
    return Mutes(connection.execute(_OF_SUBJECTS).all())


_OF_SUBJECTS = (
    select(_c.id, _c.ladder, _c.unit_id, _c.case_id, _c.since, _c.until, _c.ended_at)
    .where(_c.person_id.is_(None))
    .order_by(_c.id)
)


def persons_muted(connection: Connection, now: datetime) -> dict[int, int]:
    """Return who is muted now, each with the mute."""
    return dict(map(tuple, connection.execute(_PERSONS, {"now": now})))


_NOW = bindparam("now", type_=Instant())
_IS_NOT_OVER = and_(_c.until > _NOW, _c.ended_at.is_(None))
_PERSONS = (
    select(_c.person_id, _c.id)
    .where(_c.person_id.is_not(None), _c.since <= _NOW, _IS_NOT_OVER)
    .order_by(_c.id)
)


def put(connection: Connection, new: NewMute, now: datetime) -> tuple[int, int]:
    """Store a mute, and look again at what it concerns; return its number, and how many agenda rows."""
    t = new.target
    values: dict[str, object] = {"ladder": t.ladder, "unit_id": t.unit}
    values |= {"case_id": t.case, "person_id": t.person}
    values |= {"since": new.since, "until": new.until, "reason": new.reason, "by": new.by, "recorded_at": now}
    number = connection.execute(insert(mutes).values(values).returning(_c.id)).scalar_one()
    return number, _touch(connection, t, now)


def end(connection: Connection, number: int, by: str, why: str, now: datetime) -> int | None:
    """End a mute now; return how many agenda rows are looked at again, ``None`` if it was over before."""
    ended = connection.execute(
        update(mutes)
        .where(_c.id == number, _c.ended_at.is_(None), _c.until > now)
        .values(ended_at=now, ended_by=by, ended_why=why)
        .returning(_c.ladder, _c.unit_id, _c.case_id, _c.person_id)
    ).first()
    return _touch(connection, Target(*ended), now) if ended else None


def concerned(connection: Connection, target: Target) -> dict[SubjectKind, int]:
    """Count the subjects that are still to be spoken of and that a mute would silence, by kind."""
    a, is_case = agenda_table.c, agenda_table.c.subject_kind == SubjectKind.CASE
    of_unit = or_(
        and_(is_case, a.subject_id.in_(select(cases.c.id).where(cases.c.unit_id == target.unit))),
        and_(~is_case, a.subject_id.in_(select(subjects.c.id).where(subjects.c.unit_id == target.unit))),
    )
    mine = {
        target.ladder: a.ladder == target.ladder,
        target.case: and_(is_case, a.subject_id == target.case),
        target.unit: of_unit,
    }
    where = next((test for word, test in mine.items() if word is not None), None)
    if where is None:
        return {}
    counted = select(a.subject_kind, func.count(func.distinct(a.subject_id)))
    over = select(cases.c.id).where(cases.c.state.in_(AT_REST))
    live = and_(a.due_at.is_not(None), or_(~is_case, a.subject_id.not_in(over)))
    rows = connection.execute(counted.where(where, live).group_by(a.subject_kind))
    return {SubjectKind(kind): int(number) for kind, number in rows}


def rename_ladder(connection: Connection, old: str, new: str) -> None:
    """Let the mutes of a ladder hold under its new name."""
    connection.execute(update(mutes).where(_c.ladder == old).values(ladder=new))


def _touch(connection: Connection, target: Target, now: datetime) -> int:
    """Look at what a mute concerns now; what was planned without knowing of it is refused."""
    if target.ladder:
        return agenda.touch_ladders(connection, [target.ladder], now)
    if target.case:
        return agenda.touch(connection, [Subject(SubjectKind.CASE, target.case)], now)
    return agenda.touch_unit(connection, target.unit, now) if target.unit else 0


NAMED = func.coalesce(units.c.name, cases.c.no, persons.c.name, _c.ladder)
"""What a mute is of, by its name; read it from ``WITH_NAMES``."""
WITH_NAMES = (
    mutes.join(units, _c.unit_id == units.c.id, isouter=True)
    .join(cases, _c.case_id == cases.c.id, isouter=True)
    .join(persons, _c.person_id == persons.c.id, isouter=True)
)
_KIND: Mapping[str, Any] = {"unit": _c.unit_id, "case": _c.case_id, "person": _c.person_id}


def listed(connection: Connection, now: datetime | None = None) -> list[MuteLine]:
    """Return the mutes that are not over at ``now``, or all there have been."""
    kind = case(*((column.is_not(None), word) for word, column in _KIND.items()), else_="ladder")
    query = select(mutes, kind.label("kind"), NAMED.label("what")).select_from(WITH_NAMES).order_by(_c.id)
    if now is not None:
        query = query.where(_IS_NOT_OVER)
    names = MuteLine.__dataclass_fields__
    rows = connection.execute(query, {"now": now} if now is not None else {})
    return [MuteLine(**{name: row._mapping[name] for name in names}) for row in rows]
