"""Decisions: one row settles one occurrence, once. The key has no person, channel or text in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, insert, select, update

from daemon.domain.ladder import Ladder, Subject, SubjectKind
from daemon.domain.plan import Outcome, Settled, Settlement
from daemon.store.agenda import AgendaRow, by_kind
from daemon.store.engine import chunks
from daemon.store.numbers import among
from daemon.store.tables import Instant, decisions

_c = decisions.c


@dataclass(frozen=True, slots=True)
class Decision:
    """A settled occurrence as it is on file."""

    id: int
    subject: Subject
    ladder: str
    rung: str
    anchor_version: int
    occurrence: str
    outcome: Outcome
    instant: datetime
    decided_at: datetime
    release_at: datetime | None
    released_at: datetime | None
    campaign: int
    rules: str
    inputs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewDecision:
    row: AgendaRow
    settlement: Settlement
    release_at: datetime | None
    campaign: int


def decision_of(row: Sequence[Any]) -> Decision:
    """Parse a whole row of ``decisions``."""
    number, kind, subject_id, ladder, rung, version, occurrence, outcome, *others = row
    subject = Subject(_KINDS[kind], subject_id)
    return Decision(number, subject, ladder, rung, version, occurrence, _OUTCOMES[outcome], *others)


_KINDS = {kind.value: kind for kind in SubjectKind}
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}


def settled(
    connection: Connection, rows: Iterable[AgendaRow], ladders: Mapping[str, Ladder]
) -> dict[tuple[str, int, str], Settled]:
    """Return what is settled under the present anchor version of each row.

    What was settled on a ladder under a name that it had is settled on it.
    """
    rows = list(rows)
    present = {name: ladder.id for ladder in ladders.values() for name in ladder.was}
    asked = {row.ladder for row in rows}
    names = sorted(asked | {name for name, now in present.items() if now in asked})
    versions = {row.key: row.standing.anchor_version for row in rows}
    found: dict[tuple[str, int, str], set[tuple[str, str]]] = {key: set() for key in versions}
    for kind, ids in by_kind(row.subject for row in rows).items():
        mine = connection.execute(_SETTLED, {"kind": kind, "ids": ids, "ladders": names})
        for subject_id, ladder, rung, occurrence, version in mine:
            key = (kind.value, subject_id, present.get(ladder, ladder))
            if versions.get(key) == version:
                found[key].add((rung, occurrence))
    return {key: frozenset(pairs) for key, pairs in found.items()}


_SETTLED = select(_c.subject_id, _c.ladder, _c.rung, _c.occurrence, _c.anchor_version).where(
    _c.subject_kind == bindparam("kind"),
    among(_c.subject_id, "ids"),
    _c.ladder.in_(bindparam("ladders", expanding=True)),
)


def put(connection: Connection, new: Sequence[NewDecision], rules: str, now: datetime) -> None:
    """Store decisions. A second one for the same occurrence is an ``IntegrityError``, never a silence."""
    rows = [
        {
            "subject_kind": n.row.subject.kind,
            "subject_id": n.row.subject.id,
            "ladder": n.row.ladder,
            "rung": n.settlement.rung,
            "anchor_version": n.row.standing.anchor_version,
            "occurrence": n.settlement.occurrence,
            "outcome": n.settlement.outcome,
            "instant": n.settlement.instant,
            "decided_at": now,
            "release_at": n.release_at,
            "campaign_id": n.campaign,
            "rules": rules,
            "inputs": dict(n.settlement.inputs),
        }
        for n in new
    ]
    if rows:
        connection.execute(insert(decisions), rows)


def next_release(connection: Connection) -> datetime | None:
    """Return the earliest moment of which anything waits to be released."""
    found: datetime | None = connection.execute(_NEXT).scalar()
    return found


_WAITS = and_(_c.outcome == "said", _c.released_at.is_(None))
_NEXT = select(_c.release_at).where(_WAITS).order_by(_c.release_at).limit(1)
_OF_MOMENT = (
    select(_c.id).where(_c.release_at == bindparam("moment", type_=Instant()), _WAITS).order_by(_c.id)
)


def of_moment(connection: Connection, moment: datetime) -> list[int]:
    """Return the numbers of what waits to be released at a moment."""
    return list(connection.execute(_OF_MOMENT, {"moment": moment}).scalars())


def unreleased(connection: Connection, ids: Sequence[int]) -> list[Decision]:
    """Return those of ``ids`` that nobody has released meanwhile."""
    return [decision_of(row) for row in connection.execute(_UNRELEASED, {"ids": ids}).all()]


_STILL = and_(among(_c.id, "ids"), _c.released_at.is_(None))
_UNRELEASED = select(decisions).where(_STILL).order_by(_c.id)
_RELEASED = update(decisions).where(_STILL).values(released_at=bindparam("now"))


def mark_released(connection: Connection, ids: Sequence[int], now: datetime) -> int:
    """Mark decisions released, only those that still wait; return how many."""
    changed = 0
    for chunk in chunks(ids):
        changed += connection.execute(_RELEASED, {"ids": chunk, "now": now}).rowcount
    return changed


def of_subject(connection: Connection, subject: Subject) -> list[Decision]:
    """Return everything that was ever settled about a subject, oldest first."""
    mine = select(decisions).where(_c.subject_kind == subject.kind, _c.subject_id == subject.id)
    return [decision_of(row) for row in connection.execute(mine.order_by(_c.instant, _c.id))]


_LOAD = select(decisions).where(among(_c.id, "ids"))


def load(connection: Connection, ids: Iterable[int]) -> dict[int, Decision]:
    found: dict[int, Decision] = {}
    for chunk in chunks(list(dict.fromkeys(ids))):
        rows = connection.execute(_LOAD, {"ids": chunk}).all()
        found |= {row.id: decision_of(row) for row in rows}
    return found
