"""What happened: the day it took effect and the moment we were told. Never changed, only undone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from daemon.domain.ladder import Subject, SubjectKind
from daemon.store.tables import events


@dataclass(frozen=True, slots=True)
class Recorded:
    id: int
    subject: Subject
    kind: str
    effective_on: date
    recorded_at: datetime
    by: str
    note: str
    data: Mapping[str, Any]
    undone_by: int | None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was done, in the words of who did it; ``due_on`` is the deadline that it set, if any."""

    words: str
    due_on: str | None = None


def record(
    connection: Connection,
    subject: Subject,
    kind: str,
    effective_on: date,
    now: datetime,
    *,
    by: str = "",
    note: str = "",
    data: Mapping[str, Any] | None = None,
) -> int:
    result = connection.execute(
        insert(events).values(
            subject_kind=subject.kind,
            subject_id=subject.id,
            kind=kind,
            effective_on=effective_on,
            recorded_at=now,
            by=by,
            note=note,
            data=dict(data or {}),
        )
    )
    assert result.inserted_primary_key
    return int(result.inserted_primary_key[0])


def record_all(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Record many at once, in their order; each is a row of ``events``."""
    if rows:
        connection.execute(insert(events), list(rows))


def mark_undone(connection: Connection, event: int, by: int) -> None:
    connection.execute(update(events).where(events.c.id == event).values(undone_by=by))


def reasons(
    connection: Connection, wanted: Iterable[Subject], kinds: Collection[str]
) -> dict[tuple[Subject, str], Reason]:
    """Return the last event of each of these kinds that stands, with the words that came with it."""
    subjects = set(wanted)
    c = events.c
    query = (
        select(c.subject_kind, c.subject_id, c.kind, c.note, c.data)
        .where(c.subject_id.in_({each.id for each in subjects}), c.kind.in_(kinds), c.undone_by.is_(None))
        .order_by(c.id)
    )
    found = {
        (Subject(SubjectKind(row.subject_kind), row.subject_id), row.kind): Reason(
            row.note, row.data.get("due_on")
        )
        for row in connection.execute(query)
    }
    return {key: reason for key, reason in found.items() if key[0] in subjects}


def of_subject(connection: Connection, subject: Subject) -> list[Recorded]:
    query = select(events).where(events.c.subject_kind == subject.kind, events.c.subject_id == subject.id)
    return [
        Recorded(
            row.id,
            Subject(SubjectKind(row.subject_kind), row.subject_id),
            row.kind,
            row.effective_on,
            row.recorded_at,
            row.by,
            row.note,
            row.data,
            row.undone_by,
        )
        for row in connection.execute(query.order_by(events.c.id))
    ]
