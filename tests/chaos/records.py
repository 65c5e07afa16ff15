"""Reads from the database what the journal tells of it: events as they are recorded, and the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from daemon.store import people
from daemon.store.tables import (
    acting,
    agenda,
    attempts,
    cases,
    decisions,
    deliveries,
    events,
    items,
    mutes,
    notices,
    persons,
    posts,
    subjects,
    tally,
    unaddressed,
    units,
)
from tests.chaos import journal as j

TO_OFFICE = ("note", "ask")
"""What speaks to the office of trouble: in the morning, and at once of what the gate on floods holds."""
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def config_files(folder: Path) -> dict[str, str]:
    """Return a config folder as text, by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.yaml"))
    }


def directory(connection: Connection) -> j.Directory:
    """Return all units, people and posts on file."""
    return j.Directory(
        tuple(
            j.Unit(r.id, r.name, r.kind, r.since, r.until)
            for r in connection.execute(select(units).order_by(units.c.id))
        ),
        tuple(
            j.Person(r.id, r.name, r.phone or "", r.email or "", r.wecom or "")
            for r in connection.execute(select(persons).order_by(persons.c.id))
        ),
        tuple(
            j.Post(r.person_id, r.role, r.unit_id, r.since, r.until)
            for r in connection.execute(select(posts).order_by(posts.c.id))
        ),
        tuple(
            j.Acting(r.person_id, r.stand_in_id, r.since, r.until)
            for r in connection.execute(select(acting).order_by(acting.c.id))
        ),
    )


def cases_of(connection: Connection, delivery_ids: Iterable[int]) -> list[int]:
    """Return the cases that these deliveries tell of."""
    query = (
        select(decisions.c.subject_id)
        .join_from(deliveries, items, items.c.notice_id == deliveries.c.notice_id)
        .join(decisions, decisions.c.id == items.c.decision_id)
        .where(deliveries.c.id.in_(list(delivery_ids)), decisions.c.subject_kind == "case")
        .distinct()
    )
    return sorted(connection.execute(query).scalars())


def items_of(connection: Connection, numbers: Iterable[int]) -> tuple[int, ...]:
    """Return the items that are bound to these notices."""
    query = select(items.c.id).where(items.c.notice_id.in_(list(numbers)), items.c.state == "open")
    return tuple(sorted(connection.execute(query).scalars()))


def last_event(connection: Connection) -> int:
    return connection.execute(select(events.c.id).order_by(events.c.id.desc()).limit(1)).scalar() or 0


def new_events(
    connection: Connection, after: int, began: datetime, known: datetime
) -> list[j.CaseEvent | j.FilingEvent]:
    """Return what was recorded after that event; one transaction wrote them all."""
    names = subject_names(connection)
    found: list[j.CaseEvent | j.FilingEvent] = []
    for row in connection.execute(select(events).where(events.c.id > after).order_by(events.c.id)):
        subject = names[row.subject_kind, row.subject_id]
        if row.subject_kind == "case":
            found.append(_case_event(connection, row, subject, began, known, together=bool(found)))
        elif row.subject_kind == "filing":
            when = (row.effective_on, began, known)
            found.append(j.FilingEvent(row.recorded_at, subject, row.kind, *when, row.by))
    return found


def altered(connection: Connection, written: Iterable[j.Record]) -> Iterator[str]:
    """Yield each event that is on file otherwise than it was when its act was journalled, or not at all.

    The table of events is the audit: who did what, and when. Nothing in it may change or go.
    """
    kinds = (j.CaseEvent, j.FilingEvent)
    journalled = Counter(_lasting(record) for record in written if isinstance(record, kinds))
    on_file = Counter(map(_lasting, new_events(connection, 0, _NEVER, _NEVER)))
    for sign, left in (("journalled", journalled - on_file), ("on file", on_file - journalled)):
        yield from (f"an event is only {sign}: {event}" for event in left)


def _lasting(event: j.CaseEvent | j.FilingEvent) -> j.CaseEvent | j.FilingEvent:
    """Return an event without what is known while it happens only: wall clock, transaction, first unit."""
    if isinstance(event, j.CaseEvent):
        unit = None if event.kind == "registered" else event.unit
        return replace(event, unit=unit, wall=None, wall_before=None, together=False)
    return replace(event, wall=None, wall_before=None)


def _case_event(
    connection: Connection, row: Any, no: str, began: datetime, known: datetime, *, together: bool
) -> j.CaseEvent:
    data: Mapping[str, Any] = row.data
    unit = data.get("unit")
    if row.kind == "registered":
        unit = connection.execute(select(cases.c.unit_id).where(cases.c.no == no)).scalar()
    due = data.get("due_on") or data.get("changes", {}).get("due_on")
    signer = people.person_named(connection, row.by) if row.kind == "signed" and row.by else None
    return j.CaseEvent(
        row.recorded_at,
        no,
        row.kind,
        row.effective_on,
        unit=unit,
        due_on=date.fromisoformat(due) if isinstance(due, str) else due,
        signer=signer.id if signer else None,
        together=together,
        wall_before=began,
        wall=known,
        by=row.by,
    )


def muted(connection: Connection, number: int, began: datetime, known: datetime) -> j.Muted:
    """Return a mute as the journal has it."""
    row = connection.execute(select(mutes).where(mutes.c.id == number)).one()
    case = subject_names(connection)["case", row.case_id] if row.case_id else ""
    what = (row.ladder or "", row.unit_id, case, row.person_id)
    return j.Muted(row.recorded_at, row.id, row.since, row.until, *what, began, known)


def subject_names(connection: Connection) -> dict[tuple[str, int], str]:
    """Return how people name each subject: a case by its 编号, what is kept per unit with ``/unit``."""
    by_id = {row.id: row.name for row in connection.execute(select(units.c.id, units.c.name))}
    found: dict[tuple[str, int], str] = {
        ("case", row.id): row.no for row in connection.execute(select(cases.c.id, cases.c.no))
    }
    for row in connection.execute(select(subjects.c.id, subjects.c.kind, subjects.c.key, subjects.c.unit_id)):
        found[row.kind, row.id] = f"{row.key}/{by_id[row.unit_id]}" if row.unit_id else row.key
    return found


def rehearsed(connection: Connection) -> tuple[j.Anew, ...]:
    """Return the ladders of which rehearsal has taken anything up under their present version."""
    names, found = subject_names(connection), []
    for row in connection.execute(select(agenda)):
        d, i, n = decisions.c, items.c, notices.c
        mine = (
            d.subject_kind == row.subject_kind,
            d.subject_id == row.subject_id,
            d.ladder == row.ladder,
            d.anchor_version == row.anchor_version,
            d.outcome == "said",
        )
        query = select(d.instant, d.released_at, i.state, n.state.label("notice"), n.rehearsal)
        known = connection.execute(
            query.select_from(decisions.outerjoin(items, i.decision_id == d.id).outerjoin(notices)).where(
                *mine
            )
        ).all()
        if any(one.rehearsal for one in known):
            pending = [one.instant for one in known if _is_pending(one)]
            name = names[row.subject_kind, row.subject_id]
            found.append(j.Anew(row.subject_kind, name, row.ladder, min(pending, default=None)))
    return tuple(found)


def _is_pending(row: Any) -> bool:
    """Whether a decision, or an item of it, has not been handed over, not even in rehearsal."""
    under_way = row.state == "open" and row.notice in (None, "ready", "waiting", "held")
    return row.released_at is None or under_way


def end_state(connection: Connection) -> Iterator[j.Record]:
    """Yield what the database says in the end."""
    yield from _decided(connection)
    yield from _items(connection)
    yield from _notices(connection)
    yield from _attempts(connection)
    for row in connection.execute(select(unaddressed)):
        yield j.Gap(row.decision_id, row.part, row.line, row.since, row.resolved_at)
    for row in connection.execute(select(tally)):
        yield j.Tallied(
            row.unit_id, row.effective_on, row.known_from, row.registered, row.dismissed, row.closed
        )


def _decided(connection: Connection) -> Iterator[j.Record]:
    names = subject_names(connection)
    for row in connection.execute(select(decisions).order_by(decisions.c.id)):
        yield j.Decided(
            row.id,
            row.subject_kind,
            names[row.subject_kind, row.subject_id],
            row.ladder,
            row.rung,
            row.occurrence,
            row.anchor_version,
            row.outcome,
            row.instant,
            row.decided_at,
            row.released_at,
        )


def _items(connection: Connection) -> Iterator[j.Record]:
    for row in connection.execute(select(items).order_by(items.c.id)):
        yield j.Item(
            row.id,
            row.decision_id,
            row.person_id,
            row.role,
            row.part,
            row.state,
            (row.reason or {}).get("code", ""),
            row.unit_id,
            row.line,
            row.notice_id,
            row.superseded_by,
            row.opened_at,
            row.closed_at,
            row.held_until,
        )


def _notices(connection: Connection) -> Iterator[j.Record]:
    said = _note_texts(connection)
    for row in connection.execute(select(notices).order_by(notices.c.id)):
        yield j.Notice(
            row.id,
            row.person_id,
            row.state,
            row.kind,
            row.act or "",
            row.bundle,
            row.moment,
            row.created_at,
            row.sent_at,
            row.sent_leg or "",
            row.ended_at,
            (row.reason or {}).get("code", ""),
            said.get(row.id, "") if row.kind in TO_OFFICE else "",
            row.approval is not None,
            row.rehearsal,
        )


def _note_texts(connection: Connection) -> dict[int, str]:
    d, a, n = deliveries.c, attempts.c, notices.c
    query = (
        select(d.notice_id, a.said)
        .join_from(attempts, deliveries, a.delivery_id == d.id)
        .join(notices, n.id == d.notice_id)
        .where(n.kind.in_(TO_OFFICE))
    )
    return {row.notice_id: row.said for row in connection.execute(query)}


def _attempts(connection: Connection) -> Iterator[j.Record]:
    d, a = deliveries.c, attempts.c
    query = select(attempts, d.notice_id, d.channel, d.state.label("delivery_state")).join_from(
        attempts, deliveries, a.delivery_id == d.id
    )
    for row in connection.execute(query.order_by(a.id)):
        yield j.Attempt(
            row.id,
            row.notice_id,
            row.channel,
            row.number,
            row.opened_at,
            row.closed_at,
            row.outcome or "",
            row.repeat,
            row.delivery_state,
        )
