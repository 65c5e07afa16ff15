"""What a person asks to see: lists and counts, read only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, true

from daemon.domain.case import OPEN, Case, State
from daemon.domain.ladder import Part, Role, Subject, SubjectKind
from daemon.domain.plan import Outcome
from daemon.store import agenda
from daemon.store.agenda import AgendaRow
from daemon.store.decisions import Decision, decision_of
from daemon.store.engine import chunks
from daemon.store.facts import Matter, case_of, matter_of
from daemon.store.notices import ITEM_COLUMNS, StoredItem, held, item_of
from daemon.store.tables import agenda as agenda_table
from daemon.store.tables import (
    attempts,
    cases,
    decisions,
    deliveries,
    items,
    notices,
    persons,
    posts,
    subjects,
    tally,
    unaddressed,
    units,
)

_c, _n, _d, _a, _i = cases.c, notices.c, deliveries.c, attempts.c, items.c
AT_ONCE = 500


def found_cases(
    connection: Connection,
    *,
    unit: int | None = None,
    states: Sequence[State] = (),
    open_only: bool = False,
    overdue_on: date | None = None,
) -> list[Case]:
    """Return the cases that all filters let through; ``overdue_on``: open, and due before that day."""
    query = select(cases).order_by(_c.no)
    if unit is not None:
        query = query.where(_c.unit_id == unit)
    if states:
        query = query.where(_c.state.in_(list(states)))
    if open_only or overdue_on:
        query = query.where(_c.state.in_(list(OPEN)))
    if overdue_on:
        query = query.where(_c.due_on < overdue_on)
    return [case_of(row) for row in connection.execute(query)]


def case_numbers(connection: Connection) -> list[str]:
    return list(connection.execute(select(_c.no).order_by(_c.no)).scalars())


def cases_by_state(connection: Connection, campaign: int) -> dict[State, int]:
    query = select(_c.state, func.count()).where(_c.campaign_id == campaign).group_by(_c.state)
    found: dict[str, int] = dict(map(tuple, connection.execute(query)))
    return {state: found[state] for state in State if state in found}


@dataclass(frozen=True, slots=True)
class UnitLine:
    id: int
    name: str
    kind: str
    short: str


def all_units(connection: Connection) -> list[UnitLine]:
    query = select(units.c.id, units.c.name, units.c.kind, units.c.short).order_by(units.c.id)
    return [UnitLine(*row) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True)
class PostLine:
    """One post of a person; ``unit`` is '' for those of the office and the leading group."""

    role: Role
    title: str
    unit: str
    unit_id: int | None
    since: date | None
    until: date | None


@dataclass(frozen=True, slots=True)
class PersonLine:
    id: int
    name: str
    phone: str
    email: str
    wecom: str
    posts: tuple[PostLine, ...]


def all_people(connection: Connection) -> list[PersonLine]:
    """Return everybody with all their posts, past ones too."""
    held = posts_of(connection)
    return [
        PersonLine(p.id, p.name, p.phone or "", p.email or "", p.wecom or "", tuple(held.get(p.id, ())))
        for p in connection.execute(select(persons).order_by(persons.c.id))
    ]


def posts_of(connection: Connection) -> dict[int, list[PostLine]]:
    """Return the posts of everybody, past ones too."""
    query = select(posts, units.c.name.label("unit")).join_from(
        posts, units, posts.c.unit_id == units.c.id, isouter=True
    )
    held: dict[int, list[PostLine]] = {}
    for p in connection.execute(query.order_by(posts.c.id)):
        line = PostLine(Role(p.role), p.title, p.unit or "", p.unit_id, p.since, p.until)
        held.setdefault(p.person_id, []).append(line)
    return held


def filings(
    connection: Connection, *, unit: int | None = None, key: str | None = None, open_only: bool = False
) -> list[Matter]:
    query = select(subjects).where(subjects.c.kind == SubjectKind.FILING)
    if unit is not None:
        query = query.where(subjects.c.unit_id == unit)
    if key is not None:
        query = query.where(subjects.c.key == key)
    if open_only:
        query = query.where(subjects.c.state.in_(("open", "returned")))
    return [matter_of(row) for row in connection.execute(query.order_by(subjects.c.due_on, subjects.c.id))]


# notices


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """One notice as a list shows it."""

    id: int
    kind: str
    state: str
    act: str | None
    audience: str
    person: str
    items: int
    moment: datetime
    created_at: datetime
    sent_at: datetime | None
    sent_leg: str | None
    approval: str | None
    units: tuple[str, ...] = ()


def notice_lines(
    connection: Connection, *, states: Sequence[str] = (), person: int | None = None
) -> list[NoticeLine]:
    """Return notices in the order in which they were made."""
    mine = _notices_where(states, person)
    counted = (
        select(_i.notice_id, func.count().label("number"))
        .where(_i.state.in_(("open", "said")))
        .group_by(_i.notice_id)
        .subquery()
    )
    query = (
        select(notices, persons.c.name.label("name"), counted.c.number)
        .join_from(notices, persons, _n.person_id == persons.c.id)
        .join(counted, counted.c.notice_id == _n.id, isouter=True)
        .where(mine)
        .order_by(_n.id)
    )
    where = _units_of_notices(connection, mine)
    return [
        NoticeLine(
            row.id,
            row.kind,
            row.state,
            row.act,
            row.audience,
            row.name,
            row.number or 0,
            row.moment,
            row.created_at,
            row.sent_at,
            row.sent_leg,
            row.approval,
            tuple(where.get(row.id, ())),
        )
        for row in connection.execute(query)
    ]


def _notices_where(states: Sequence[str], person: int | None) -> ColumnElement[bool]:
    stated = _n.state.in_(list(states)) if states else true()
    return and_(stated, _n.person_id == person if person is not None else true())


def _units_of_notices(connection: Connection, mine: ColumnElement[bool]) -> dict[int, list[str]]:
    """Return in which units' seats each notice is addressed."""
    query = (
        select(_i.notice_id, units.c.name)
        .join_from(items, notices, _i.notice_id == _n.id)
        .join(units, _i.unit_id == units.c.id)
        .where(mine)
        .distinct()
        .order_by(_i.notice_id, units.c.name)
    )
    found: dict[int, list[str]] = {}
    for notice, name in connection.execute(query):
        found.setdefault(notice, []).append(name)
    return found


def notice_numbers(connection: Connection) -> tuple[int, int] | None:
    """Return the first and the last number of a notice, ``None`` where there is none."""
    first, last = connection.execute(select(func.min(_n.id), func.max(_n.id))).one()
    return None if first is None else (first, last)


def notices_by_state(connection: Connection) -> dict[str, int]:
    query = select(_n.state, func.count()).group_by(_n.state)
    return dict(map(tuple, connection.execute(query)))


@dataclass(frozen=True, slots=True)
class ItemLine:
    """An item that a notice carries, or that gave way to one of them; ``reason`` where it fell out."""

    item: StoredItem
    reason: Mapping[str, Any] | None


def items_told(connection: Connection, notice: int) -> list[ItemLine]:
    """Return all items of a notice, whatever became of them, and those they speak for."""
    found: list[ItemLine] = []
    told = select(*ITEM_COLUMNS, _i.reason).order_by(_i.id)
    query = told.where(_i.notice_id == notice)
    while fresh := [ItemLine(item_of(row[:-1]), row[-1]) for row in connection.execute(query)]:
        found += fresh
        query = told.where(_i.superseded_by.in_([line.item.id for line in fresh]))
    return found


@dataclass(frozen=True, slots=True)
class Try:
    """One try of one channel; ``number`` is ``None`` where a channel was opened and nothing tried yet."""

    leg: int
    channel: str
    state: str
    next_attempt_at: datetime
    number: int | None
    opened_at: datetime | None
    outcome: str | None
    repeat: bool
    code: str
    message: str
    said: str


def tries(connection: Connection, notice: int) -> list[Try]:
    """Return every channel opened for a notice with each of its tries, in order."""
    query = (
        select(
            _d.leg,
            _d.channel,
            _d.state,
            _d.next_attempt_at,
            _a.number,
            _a.opened_at,
            _a.outcome,
            _a.repeat,
            _a.code,
            _a.message,
            _a.said,
        )
        .join_from(deliveries, attempts, _a.delivery_id == _d.id, isouter=True)
        .where(_d.notice_id == notice)
        .order_by(_d.leg, _d.id, _a.number)
    )
    return [
        Try(
            r.leg,
            r.channel,
            r.state,
            r.next_attempt_at,
            r.number,
            r.opened_at,
            r.outcome,
            bool(r.repeat),
            r.code or "",
            r.message or "",
            r.said or "",
        )
        for r in connection.execute(query)
    ]


@dataclass(frozen=True, slots=True)
class Told:
    """Who was told what about a subject, in which notice."""

    notice: int | None
    person: str
    part: Part
    ladder: str
    rung: str
    instant: datetime
    state: str
    notice_state: str | None
    sent_at: datetime | None


def told_about(connection: Connection, subject: Subject) -> list[Told]:
    """Return every item about a subject, in the order of its rungs."""
    c = decisions.c
    query = (
        select(
            *(_i.notice_id, persons.c.name, _i.part, c.ladder, c.rung, c.instant),
            *(_i.state, _n.state, _n.sent_at),
        )
        .join_from(items, decisions, _i.decision_id == c.id)
        .join(persons, _i.person_id == persons.c.id)
        .join(notices, _i.notice_id == _n.id, isouter=True)
        .where(c.subject_kind == subject.kind, c.subject_id == subject.id)
        .order_by(c.instant, _i.id)
    )
    return [Told(notice, name, Part(part), *rest) for notice, name, part, *rest in connection.execute(query)]


# what waits, what comes


@dataclass(frozen=True, slots=True)
class Waits:
    """What is not done: counts, each of which somebody may have to see to."""

    agenda_due: int
    unreleased: int
    undelivered: int
    unaddressed: int
    approvals: int
    flood: int
    manual: int
    failed: int
    over_budget: int
    set_aside: int


def waits(connection: Connection, now: datetime) -> Waits:
    by_state = notices_by_state(connection)
    c = decisions.c
    late = and_(c.outcome == Outcome.SAID, c.released_at.is_(None), c.release_at <= now)
    tried = or_(_d.state == "sending", and_(_d.state == "ready", _d.next_attempt_at <= now))
    return Waits(
        agenda_due=agenda.waiting(connection, now),
        unreleased=_count(connection, select(func.count()).select_from(decisions).where(late)),
        undelivered=_count(connection, select(func.count()).select_from(deliveries).where(tried)),
        unaddressed=_count(
            connection,
            select(func.count()).select_from(unaddressed).where(unaddressed.c.resolved_at.is_(None)),
        ),
        approvals=by_state.get("waiting", 0),
        flood=by_state.get("held", 0),
        manual=by_state.get("manual", 0),
        failed=by_state.get("failed", 0),
        over_budget=held(connection, now),
        set_aside=len(agenda.aside(connection)),
    )


def _count(connection: Connection, query: Select[Any]) -> int:
    return connection.execute(query).scalar() or 0


def due_rows(connection: Connection, until: datetime) -> list[AgendaRow]:
    """Return everything that will be looked at up to ``until``."""
    c = agenda_table.c
    query = (
        select(c.subject_kind, c.subject_id, c.ladder)
        .where(c.due_at.is_not(None), c.set_aside.is_(None), c.due_at <= until)
        .order_by(c.due_at)
    )
    return _rows(connection, query)


def rows_on(connection: Connection, ladders: Iterable[str]) -> list[AgendaRow]:
    """Return where every subject stands on these ladders."""
    c = agenda_table.c
    return _rows(
        connection, select(c.subject_kind, c.subject_id, c.ladder).where(c.ladder.in_(list(ladders)))
    )


def _rows(connection: Connection, query: Select[Any]) -> list[AgendaRow]:
    keys = [(kind, subject, ladder) for kind, subject, ladder in connection.execute(query)]
    return [row for chunk in chunks(keys, AT_ONCE) for row in agenda.rows_of(connection, chunk)]


def unreleased(connection: Connection, until: datetime) -> list[Decision]:
    """Return what was decided and is released up to ``until``."""
    c = decisions.c
    query = select(decisions).where(c.outcome == Outcome.SAID, c.released_at.is_(None), c.release_at <= until)
    return [decision_of(row) for row in connection.execute(query.order_by(c.release_at, c.id))]


def leaving(connection: Connection, until: datetime) -> dict[int, datetime]:
    """Return the notices that are tried (again) up to ``until``, and when."""
    query = (
        select(_d.notice_id, func.min(_d.next_attempt_at))
        .where(or_(_d.state == "sending", and_(_d.state == "ready", _d.next_attempt_at <= until)))
        .group_by(_d.notice_id)
    )
    return dict(map(tuple, connection.execute(query)))


def sent_between(connection: Connection, since: datetime, until: datetime) -> int:
    query = select(func.count()).select_from(notices).where(_n.sent_at >= since, _n.sent_at <= until)
    return _count(connection, query)


def matters_of_day(connection: Connection, day: date) -> list[Matter]:
    """Return the filings, targets, phases and campaigns that begin or fall due on a day."""
    query = select(subjects).where(or_(subjects.c.due_on == day, subjects.c.start_on == day))
    return [matter_of(row) for row in connection.execute(query.order_by(subjects.c.id))]


def cases_due_on(connection: Connection, day: date) -> list[Case]:
    query = select(cases).where(_c.due_on == day, _c.state.in_(list(OPEN))).order_by(_c.no)
    return [case_of(row) for row in connection.execute(query)]


def first_known(connection: Connection, campaign: int) -> date | None:
    """Return the first day whose beginning midnight knew anything of a campaign's cases."""
    query = select(func.min(tally.c.known_from)).where(tally.c.campaign_id == campaign)
    found: date | None = connection.execute(query).scalar()
    return found
