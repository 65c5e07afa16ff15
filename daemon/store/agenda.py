"""When to look at each subject next. A tick's cost grows with what is due, never with what is on file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    tuple_,
    update,
)

from daemon.domain.ladder import Ladder, Subject, SubjectKind
from daemon.domain.plan import Plan, Rest, Standing
from daemon.domain.standing import Move, moved
from daemon.store.engine import chunks
from daemon.store.numbers import among
from daemon.store.tables import Instant, agenda, cases, decisions, subjects


@dataclass(frozen=True, slots=True)
class AgendaRow:
    """One subject on one ladder, as it was read; ``version`` guards what is written back."""

    subject: Subject
    ladder: str
    due_at: datetime | None
    standing: Standing
    version: int
    resting: frozenset[str] = frozenset()

    @property
    def rest(self) -> Rest:
        """Return what the last look left at rest; what changed the subject since asked for a look at once."""
        return Rest(self.resting, self.due_at)

    @property
    def key(self) -> tuple[str, int, str]:
        return (self.subject.kind, self.subject.id, self.ladder)


def _joined(rungs: Iterable[str]) -> str | None:
    return " ".join(sorted(rungs)) or None


_NO_RUNGS: frozenset[str] = frozenset()
_c = agenda.c
_LIVE = and_(_c.due_at.is_not(None), _c.set_aside.is_(None))


def _row(row: Any) -> AgendaRow:
    kind, subject_id, ladder, due_at, since, moved_at, anchor_version, version, resting = row
    standing = Standing(anchor_version, since, moved_at)
    rungs = frozenset(resting.split()) if resting else _NO_RUNGS
    return AgendaRow(Subject(SubjectKind(kind), subject_id), ladder, due_at, standing, version, rungs)


_COLUMNS = (
    _c.subject_kind,
    _c.subject_id,
    _c.ladder,
    _c.due_at,
    _c.since,
    _c.moved_at,
    _c.anchor_version,
    _c.version,
    _c.resting,
)


def due(connection: Connection, now: datetime, limit: int) -> list[AgendaRow]:
    """Read the rows to look at now, the longest due first."""
    return [_row(row) for row in connection.execute(_DUE, {"now": now, "limit": limit}).all()]


_IS_DUE = and_(_LIVE, _c.due_at <= bindparam("now", type_=Instant()))
_DUE = select(*_COLUMNS).where(_IS_DUE).order_by(_c.due_at).limit(bindparam("limit", type_=Integer()))
_EARLIEST = select(_c.due_at).where(_LIVE).order_by(_c.due_at).limit(1)
_WAITING = select(func.count()).select_from(agenda).where(_IS_DUE)


def rows_of(connection: Connection, keys: Iterable[tuple[str, int, str]]) -> list[AgendaRow]:
    """Read the given rows, whether due or not, in the order of their keys."""
    wanted = list(keys)
    query = select(*_COLUMNS).where(tuple_(_c.subject_kind, _c.subject_id, _c.ladder).in_(wanted))
    return sorted(map(_row, connection.execute(query)), key=lambda row: row.key) if wanted else []


def of_subject(connection: Connection, subject: Subject) -> list[AgendaRow]:
    query = select(*_COLUMNS).where(_c.subject_kind == subject.kind, _c.subject_id == subject.id)
    return [_row(row) for row in connection.execute(query.order_by(_c.ladder))]


def standings_of(connection: Connection, subject: Subject) -> dict[str, Standing]:
    """Return where a subject stands on each of its ladders."""
    return {row.ladder: row.standing for row in of_subject(connection, subject)}


def of_subjects(connection: Connection, kind: SubjectKind, ids: Sequence[int]) -> dict[int, list[AgendaRow]]:
    """Return the rows of many subjects, by their number."""
    found: dict[int, list[AgendaRow]] = {}
    for some in chunks(ids):
        for row in map(_row, connection.execute(_OF_SUBJECTS, {"kind": kind, "ids": some})):
            found.setdefault(row.subject.id, []).append(row)
    return found


_OF_SUBJECTS = (
    select(*_COLUMNS)
    .where(_c.subject_kind == bindparam("kind"), among(_c.subject_id, "ids"))
    .order_by(_c.subject_id, _c.ladder)
)


def standings(
    connection: Connection, kind: SubjectKind, ids: Sequence[int], ladders: Collection[str] | None = None
) -> dict[int, dict[str, Standing]]:
    """Return where subjects stand on each of their ladders, or on the given ones."""
    found: dict[int, dict[str, Standing]] = {}
    if ladders is not None and not ladders:
        return found
    query, on = (_STANDINGS, {}) if ladders is None else (_STANDINGS_ON, {"ladders": sorted(ladders)})
    for chunk in chunks(ids):
        rows = connection.execute(query, {"kind": kind, "ids": chunk, **on}).all()
        for subject_id, ladder, *standing in rows:
            found.setdefault(subject_id, {})[ladder] = Standing(*standing)
    return found


_STANDINGS = select(_c.subject_id, _c.ladder, _c.anchor_version, _c.since, _c.moved_at).where(
    _c.subject_kind == bindparam("kind"), among(_c.subject_id, "ids")
)
_STANDINGS_ON = _STANDINGS.where(_c.ladder.in_(bindparam("ladders", expanding=True)))


def earliest(connection: Connection) -> datetime | None:
    """Return the earliest moment at which anything is to be looked at."""
    found: datetime | None = connection.execute(_EARLIEST).scalar()
    return found


_SETTLE = (
    update(agenda)
    .where(
        _c.subject_kind == bindparam("kind"),
        _c.subject_id == bindparam("id"),
        _c.ladder == bindparam("on"),
        _c.version == bindparam("seen"),
    )
    .values(due_at=bindparam("next_at"), resting=bindparam("rests"), version=_c.version + 1)
)


def advance(connection: Connection, steps: Sequence[tuple[AgendaRow, Plan]]) -> int:
    """Set when to look next, each row only if it is still as it was read; return how many were.

    This update comes first in the transaction that stores what was planned: it is the guard that makes two
    scanners, a crash and a second scan harmless.
    """
    rows = [
        {
            "kind": row.subject.kind,
            "id": row.subject.id,
            "on": row.ladder,
            "seen": row.version,
            "next_at": plan.next_at,
            "rests": _joined(plan.resting),
        }
        # in one order, so that two scanners never wait for each other
        for row, plan in sorted(steps, key=lambda step: step[0].key)
    ]
    return connection.execute(_SETTLE, rows).rowcount if rows else 0


def set_aside(connection: Connection, row: AgendaRow, why: str) -> None:
    """Look at a row no more until its subject changes: planning or storing it failed, or killed a process.

    A row that changed since it was read has been mended, and stays.
    """
    same = and_(_c.subject_kind == row.subject.kind, _c.subject_id == row.subject.id, _c.ladder == row.ladder)
    connection.execute(
        update(agenda).where(same, _c.version == row.version).values(set_aside=why, version=_c.version + 1)
    )


def aside(connection: Connection) -> list[tuple[Subject, str, str]]:
    """Return the rows set aside, with the reason."""
    query = select(_c.subject_kind, _c.subject_id, _c.ladder, _c.set_aside).where(_c.set_aside.is_not(None))
    return [(Subject(SubjectKind(k), i), ladder, why) for k, i, ladder, why in connection.execute(query)]


def enter(
    connection: Connection, subject: Subject, ladders: Iterable[Ladder], since: datetime | None, now: datetime
) -> None:
    """Put a new subject on its ladders, to be looked at now."""
    rows = [
        {
            "subject_kind": subject.kind,
            "subject_id": subject.id,
            "ladder": ladder.id,
            "since": since,
            "moved_at": now,
            "due_at": now,
        }
        for ladder in ladders
    ]
    if rows:
        connection.execute(insert(agenda), rows)


def move(
    connection: Connection,
    subject: Subject,
    ladders: Mapping[str, Ladder],
    kind: Move,
    before: Mapping[str, date | None],
    after: Mapping[str, date | None],
    now: datetime,
    zone: tzinfo,
) -> dict[str, Standing]:
    """Move a subject's standings as an event demands, look at it now, and return where it stood before."""
    rows = of_subject(connection, subject)
    fresh = [
        moved_standing(row.standing, ladders.get(row.ladder), kind, before, after, now, zone) for row in rows
    ]
    used: Mapping[str, int] = {}
    if any(row.standing.anchor_version != new.anchor_version for row, new in zip(rows, fresh, strict=True)):
        used = versions_used(connection, subject.kind, [subject.id]).get(subject.id, {})
    settled = [
        (row, never_used(row.standing, new, used.get(row.ladder, 0)))
        for row, new in zip(rows, fresh, strict=True)
    ]
    put(connection, settled, now)
    return {row.ladder: row.standing for row in rows}


def moved_standing(
    standing: Standing,
    ladder: Ladder | None,
    kind: Move,
    before: Mapping[str, date | None],
    after: Mapping[str, date | None],
    now: datetime,
    zone: tzinfo,
) -> Standing:
    """Return where a subject stands on a ladder after an event that moved its dated facts so.

    ``None`` stands for a ladder that is out of the rules. Its anchor is not known: should it come back, any
    day that changed may be it.
    """
    if ladder is not None:
        was, is_ = before.get(ladder.anchor), after.get(ladder.anchor)
    else:
        changed = [day for name, day in after.items() if day and day != before.get(name)]
        was, is_ = None, max(changed, default=None)
    return moved(standing, kind, was, is_, now, zone)


def never_used(before: Standing, after: Standing, used: int) -> Standing:
    """Give a new anchor version a number that nothing was settled under, not even before an undo.

    ``used`` is the highest under which anything was.
    """
    if before.anchor_version == after.anchor_version:
        return after
    return replace(after, anchor_version=max(after.anchor_version, used + 1))


def versions_used(connection: Connection, kind: SubjectKind, ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Return the highest anchor version under which anything was settled, by subject and ladder."""
    found: dict[int, dict[str, int]] = {}
    for some in chunks(ids):
        for subject, ladder, version in connection.execute(_USED, {"kind": kind, "ids": some}):
            found.setdefault(subject, {})[ladder] = version
    return found


_d = decisions.c
_USED = (
    select(_d.subject_id, _d.ladder, func.max(_d.anchor_version))
    .where(_d.subject_kind == bindparam("kind"), among(_d.subject_id, "ids"))
    .group_by(_d.subject_id, _d.ladder)
)


_PUT = (
    update(agenda)
    .where(
        _c.subject_kind == bindparam("kind"), _c.subject_id == bindparam("id"), _c.ladder == bindparam("on")
    )
    .values(
        since=bindparam("begins"),
        moved_at=bindparam("came"),
        anchor_version=bindparam("anchored"),
        due_at=bindparam("look_at"),
        resting=bindparam("rests"),
        version=_c.version + bindparam("steps"),
        set_aside=None,
    )
)


def put(
    connection: Connection, rows: Sequence[tuple[AgendaRow, Standing]], now: datetime, steps: int = 1
) -> None:
    """Set where subjects stand on their ladders after so many events, and look at them now.

    A look that was due already stays due since then, so that releases wait for it. Under a new anchor version
    nothing rests yet. Whether a ladder has anything to say is for the scan, which knows the rules in force.
    """
    values = [
        {
            "kind": row.subject.kind,
            "id": row.subject.id,
            "on": row.ladder,
            "begins": standing.since,
            "came": standing.moved_at,
            "anchored": standing.anchor_version,
            "look_at": min(row.due_at, now) if row.due_at else now,
            "rests": _joined(row.resting if standing.anchor_version == row.standing.anchor_version else ()),
            "steps": steps,
        }
        for row, standing in rows
    ]
    if values:
        connection.execute(_PUT, values)


def _not_later(now: datetime) -> object:
    return case((and_(_c.due_at.is_not(None), _c.due_at < now), _c.due_at), else_=literal(now, Instant))


def touch(connection: Connection, concerned: Iterable[Subject], now: datetime) -> int:
    """Look at these subjects now; their standing stays. Return how many rows."""
    touched = 0
    for kind, ids in by_kind(concerned).items():
        touched += connection.execute(
            update(agenda)
            .where(_c.subject_kind == kind, _c.subject_id.in_(ids))
            .values(due_at=_not_later(now), version=_c.version + 1, set_aside=None)
        ).rowcount
    return touched


def touch_unit(connection: Connection, unit: int, now: datetime) -> int:
    """Look now at every case, filing and target of a unit; return how many rows."""
    is_case = _c.subject_kind == SubjectKind.CASE
    of_unit = or_(
        and_(is_case, _c.subject_id.in_(select(cases.c.id).where(cases.c.unit_id == unit))),
        and_(not_(is_case), _c.subject_id.in_(select(subjects.c.id).where(subjects.c.unit_id == unit))),
    )
    return connection.execute(
        update(agenda).where(of_unit).values(due_at=_not_later(now), version=_c.version + 1, set_aside=None)
    ).rowcount


Key = tuple[str, int, str]
"""A row's key: kind, subject, ladder."""
_FIRST: Key = ("", -1, "")


def touch_ladders(connection: Connection, ladders: Iterable[str], now: datetime) -> int:
    """Look now at every subject on these ladders, in this transaction; return how many."""
    mine = _c.ladder.in_(list(ladders))
    values = {"due_at": _not_later(now), "version": _c.version + 1, "set_aside": None}
    return connection.execute(update(agenda).where(mine).values(values)).rowcount


def touch_some(
    connection: Connection, ladders: Iterable[str], now: datetime, after: Key | None = None, limit: int = 2000
) -> tuple[int, Key | None]:
    """Look now at the next ``limit`` rows of these ladders, those behind ``after`` in the order of keys.

    Return how many, and the last of them; ``None`` where no row is left.
    """
    keys = tuple_(_c.subject_kind, _c.subject_id, _c.ladder)
    ahead = and_(_c.ladder.in_(list(ladders)), keys > (after or _FIRST))
    query = select(_c.subject_kind, _c.subject_id, _c.ladder).where(ahead)
    rows = connection.execute(query.order_by(_c.subject_kind, _c.subject_id, _c.ladder).limit(limit)).all()
    if not rows:
        return 0, None
    last: Key = (rows[-1][0], rows[-1][1], rows[-1][2])
    touched = connection.execute(
        update(agenda)
        .where(ahead, keys <= last)
        .values(due_at=_not_later(now), version=_c.version + 1, set_aside=None)
    ).rowcount
    return touched, last if len(rows) == limit else None


def rename(connection: Connection, old: str, new: str) -> None:
    """Give the rows of a ladder its new name; they keep their standing."""
    connection.execute(update(agenda).where(_c.ladder == old).values(ladder=new, version=_c.version + 1))


def restart_all(connection: Connection, since: datetime) -> None:
    """Begin again from a moment: nothing before it is owed (the simulator's ``--from``)."""
    connection.execute(
        update(agenda).values(
            since=since, moved_at=since, due_at=since, resting=None, version=_c.version + 1, set_aside=None
        )
    )


def by_kind(subjects: Iterable[Subject]) -> dict[SubjectKind, list[int]]:
    kinds: dict[SubjectKind, list[int]] = {}
    for subject in subjects:
        kinds.setdefault(subject.kind, []).append(subject.id)
    return kinds


def waiting(connection: Connection, now: datetime) -> int:
    """Count the rows that are due and not yet looked at."""
    return connection.execute(_WAITING, {"now": now}).scalar() or 0
