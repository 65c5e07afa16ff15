"""Items and the notices that carry them to a person."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError

from daemon.domain.flood import Hold
from daemon.domain.ladder import Act, Audience, Part, Role, Subject, SubjectKind
from daemon.domain.people import Recipient
from daemon.domain.plan import Reason, ReasonCode, Standing
from daemon.store.engine import chunks
from daemon.store.numbers import among
from daemon.store.tables import (
    Instant,
    attempts,
    decisions,
    deliveries,
    items,
    notices,
    signatures,
    unaddressed,
)

_a, _i, _n, _d, _u = attempts.c, items.c, notices.c, deliveries.c, unaddressed.c
OVER_BUDGET = "over_budget"
"""Why a notice is over whose items wait for the next bundle."""


@dataclass(frozen=True, slots=True)
class StoredItem:
    """One decision for one person."""

    id: int
    decision: int
    person: int
    role: Role
    unit: int | None
    part: Part
    line: int
    own_unit: bool
    acting_for: int | None
    state: str
    notice: int | None
    superseded_by: int | None
    doubt: frozenset[str] = frozenset()
    """The channels over which a notice that it was taken out of may have said it: nobody knows."""

    @property
    def recipient(self) -> Recipient:
        return Recipient(self.person, self.role, self.unit, self.own_unit, self.acting_for)

    def tells(self, part: Part) -> bool:
        """Whether it told its person, or surely will, what is his by ``part``: an open copy may fall yet."""
        may_fall = part is Part.TO and self.part is Part.COPY and self.state == "open"
        return self.state != "dropped" and not may_fall


@dataclass(frozen=True, slots=True)
class NewItem:
    decision: int
    recipient: Recipient
    part: Part
    line: int
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class NewNotice:
    """A notice to be: its items, and the first leg that reaches the person."""

    person: int
    campaign: int
    bundle: str
    moment: datetime
    legs: tuple[tuple[str, ...], ...]
    act: Act | None
    audience: Audience
    items: tuple[int, ...] = ()
    approval: str | None = None
    kind: str = "rungs"
    channels: Mapping[str, datetime] = field(default_factory=dict)
    """The channels of the first leg, each with when it may leave; empty while approval is waited for."""
    leg: int = 0
    to_group: bool = False
    hold: Hold | None = None
    """Why it is held until the office lets it go; no leg of it is opened."""
    lines: tuple[Mapping[str, Any], ...] = ()
    """What it tells by itself, where no rung speaks."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a person approved, word for word: by channel, the parts of its message. It leaves unchanged."""

    contents: Mapping[str, Mapping[str, Any]]

    @property
    def hash(self) -> str:
        """Return what binds an approval to these words."""
        words = json.dumps(self.contents, ensure_ascii=False, sort_keys=True, default=str)
        return hashlib.sha256(words.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Notice:
    id: int
    kind: str
    person: int
    campaign: int
    bundle: str
    moment: datetime
    legs: tuple[tuple[str, ...], ...]
    leg: int
    act: Act | None
    audience: Audience
    state: str
    created_at: datetime
    sent_at: datetime | None
    sent_leg: str | None
    reason: Mapping[str, Any] | None
    approval: str | None
    approved_at: datetime | None
    approved_by: str | None
    document: Document | None

    @property
    def tells_lines(self) -> bool:
        """Whether it tells the office its own lines (the morning note, a question), not what rungs said."""
        return self.kind != "rungs"


ITEM_COLUMNS = (
    _i.id,
    _i.decision_id,
    _i.person_id,
    _i.role,
    _i.unit_id,
    _i.part,
    _i.line,
    _i.own_unit,
    _i.acting_for,
    _i.state,
    _i.notice_id,
    _i.superseded_by,
    _i.doubt,
)
"""What an item is read from, in the order of its fields."""
_ROLES = {role.value: role for role in Role}
_PARTS = {part.value: part for part in Part}
_NO_CHANNELS: frozenset[str] = frozenset()


def item_of(row: Sequence[Any]) -> StoredItem:
    """Parse the ``ITEM_COLUMNS`` of a row."""
    number, decision, person, role, unit, part, line, own, acting, state, notice, superseded_by, doubt = row
    channels = frozenset(doubt) if doubt else _NO_CHANNELS
    seat = (_ROLES[role], unit, _PARTS[part])
    return StoredItem(
        number, decision, person, *seat, line, own, acting, state, notice, superseded_by, channels
    )


def notice_of(row: Row[Any]) -> Notice:
    return Notice(
        row.id,
        row.kind,
        row.person_id,
        row.campaign_id,
        row.bundle,
        row.moment,
        tuple(tuple(leg) for leg in row.legs),
        row.leg,
        Act(row.act) if row.act else None,
        Audience(row.audience),
        row.state,
        row.created_at,
        row.sent_at,
        row.sent_leg,
        row.reason,
        row.approval,
        row.approved_at,
        row.approved_by,
        Document(row.document) if row.document else None,
    )


def reason_json(reason: Reason) -> dict[str, Any]:
    return {"code": reason.code.value, **reason.inputs}


def put_items(connection: Connection, new: Sequence[NewItem], now: datetime) -> None:
    """Store items; those without a reason wait for a notice."""
    if new:
        connection.execute(insert(items), [_item_row(each, now) for each in new])


def _item_row(new: NewItem, now: datetime) -> dict[str, Any]:
    return {
        "decision_id": new.decision,
        "person_id": new.recipient.person,
        "role": new.recipient.role,
        "unit_id": new.recipient.unit,
        "part": new.part,
        "line": new.line,
        "own_unit": new.recipient.own_unit,
        "acting_for": new.recipient.acting_for,
        "state": "dropped" if new.reason else "open",
        "reason": reason_json(new.reason) if new.reason else None,
        "opened_at": now,
        "closed_at": now if new.reason else None,
    }


_UNBOUND = and_(_i.state == "open", _i.notice_id.is_(None))


def unbound_by_person(connection: Connection, now: datetime) -> list[tuple[int, int]]:
    """Return (person, item) of all that waits for a notice, those of one person together.

    That is what was just addressed, a new holder's, weaker ones whose stronger fell out, and those that no
    channel could take and whose next bundle has come.
    """
    rows = connection.execute(_BY_PERSON, {"now": now}).all()
    return sorted((person, item) for person, item in rows)


def unbound(connection: Connection, ids: Sequence[int]) -> list[StoredItem]:
    """Return those of ``ids`` that still wait for a notice."""
    return [item_of(row) for row in connection.execute(_OF_UNBOUND, {"ids": ids}).all()]


def has_unbound(connection: Connection, now: datetime) -> bool:
    """Whether anything waits for a notice: an item, or a line that is to be tried again at once."""
    return connection.execute(_ANY_UNBOUND, {"now": now}).first() is not None


_STILL_UNBOUND = and_(_i.state == "open", func.coalesce(_i.notice_id, 0) == 0)
"""The same of items that are given by their numbers. So written no index but that of the numbers will do.

Where PostgreSQL last counted when nothing waited, it walked through all that waits for each of them.
"""
_HELD_NO_LONGER = or_(_i.held_until.is_(None), _i.held_until <= bindparam("now", type_=Instant()))
_OF_UNBOUND = select(*ITEM_COLUMNS).where(among(_i.id, "ids"), _STILL_UNBOUND).order_by(_i.id)
_BY_PERSON = select(_i.person_id, _i.id).where(_UNBOUND, _HELD_NO_LONGER)
_ANY_UNBOUND = select(literal(1)).where(
    or_(exists().where(_UNBOUND, _HELD_NO_LONGER), exists().where(_u.reopened_at.is_not(None)))
)
_NEXT_HELD = select(func.min(_i.held_until)).where(_UNBOUND)


def held(connection: Connection, now: datetime) -> int:
    """Count the items that wait for the next bundle, because no channel had room for them."""
    query = select(func.count()).select_from(items).where(_UNBOUND, _i.held_until > now)
    return connection.execute(query).scalar() or 0


def next_held(connection: Connection) -> datetime | None:
    """Return when the next of those is bound again."""
    found: datetime | None = connection.execute(_NEXT_HELD).scalar()
    return found


def hold_until(connection: Connection, notice: int, until: datetime, now: datetime) -> None:
    """Take a notice's items out of it, to be bound anew at ``until``; the notice itself is over."""
    _note_doubt(connection, and_(_i.notice_id == notice, _i.state == "open"))
    connection.execute(
        update(items)
        .where(_i.notice_id == notice, _i.state == "open")
        .values(notice_id=None, held_until=until)
    )
    end(connection, notice, "dropped", {"code": OVER_BUDGET, "until": until}, now)


def supersede(connection: Connection, pairs: Sequence[tuple[int, int]], now: datetime) -> None:
    """Let the stronger item speak for the weaker, given as (weaker, stronger)."""
    for weaker, stronger in pairs:
        connection.execute(
            update(items)
            .where(_i.id == weaker)
            .values(state="superseded", superseded_by=stronger, closed_at=now, notice_id=None)
        )


def put_notices(connection: Connection, new: Sequence[NewNotice], now: datetime) -> list[int]:
    """Store notices with their items bound and their first leg opened, and return their numbers."""
    if not new:
        return []
    rows = [_notice_row(notice, now) for notice in new]
    query = insert(notices).returning(_n.id, sort_by_parameter_order=True)
    numbers = list(connection.execute(query, rows).scalars())
    pairs = list(zip(numbers, new, strict=True))
    bound = [{"item": item, "carrier": number} for number, notice in pairs for item in notice.items]
    if bound:
        connection.execute(BIND, bound)
    leaving = [(number, notice) for number, notice in pairs if notice.hold is None]
    open_legs(connection, [(number, notice.leg, notice.channels) for number, notice in leaving])
    return numbers


BIND = update(items).where(_i.id == bindparam("item"), _STILL_UNBOUND).values(notice_id=bindparam("carrier"))


def _notice_row(notice: NewNotice, now: datetime) -> dict[str, Any]:
    return {
        "kind": notice.kind,
        "person_id": notice.person,
        "campaign_id": notice.campaign,
        "bundle": notice.bundle,
        "moment": notice.moment,
        "legs": [list(leg) for leg in notice.legs],
        "leg": notice.leg,
        "act": notice.act,
        "audience": notice.audience,
        "state": "held" if notice.hold else "waiting" if notice.approval else "ready",
        "created_at": now,
        "approval": notice.approval,
        "reason": _reason(notice),
    }


def _reason(notice: NewNotice) -> dict[str, Any] | None:
    if notice.hold:
        return {"code": notice.hold.value}
    return {"lines": [dict(line) for line in notice.lines]} if notice.lines else None


def open_legs(connection: Connection, legs: Iterable[tuple[int, int, Mapping[str, datetime]]]) -> None:
    """Open a leg of each notice: one delivery for each of its channels, ready at the given moment."""
    rows = [
        {"notice_id": notice, "leg": leg, "channel": channel, "state": "ready", "next_attempt_at": at}
        for notice, leg, channels in legs
        for channel, at in channels.items()
    ]
    if rows:
        connection.execute(insert(deliveries), rows)


Gap = tuple[int, Part, int]
"""A line that reached nobody: decision, part, line."""
REACHED = "reached"
"""What a gap is closed for when its line reaches somebody; else for the ``ReasonCode`` of what is not due."""


def put_unaddressed(connection: Connection, gaps: Iterable[Gap], now: datetime) -> None:
    """Note the lines that reached nobody. They are tried again at every release."""
    for gap in dict.fromkeys(gaps):
        decision, part, line = gap
        again = update(unaddressed).where(_is(gap), _u.resolved_at.is_not(None))
        if not connection.execute(again.values(since=now, resolved_at=None, closed_for=None)).rowcount:
            values = {"decision_id": decision, "part": part, "line": line, "since": now}
            with suppress(IntegrityError), connection.begin_nested():  # known already
                connection.execute(insert(unaddressed).values(values))


def open_gaps(connection: Connection) -> list[Gap]:
    return [(row.decision_id, Part(row.part), row.line) for row in connection.execute(_OPEN_GAPS)]


_OPEN_GAPS = select(unaddressed).where(_u.resolved_at.is_(None)).order_by(_u.since)


def close_gaps(connection: Connection, closed: Mapping[Gap, str], now: datetime) -> None:
    """Close gaps, each for its reason: by that, an undo knows which it concerns."""
    for gap, reason in closed.items():
        values = {"resolved_at": now, "closed_for": reason, "reopened_at": None}
        connection.execute(update(unaddressed).where(_is(gap)).values(values))


def mark_tried(connection: Connection, gaps: Sequence[Gap]) -> None:
    """Keep that these were tried: those reopened that stay open wait for the next release, as all do."""
    connection.execute(_TRIED, {"gaps": gaps})


def _is(gap: Gap) -> ColumnElement[bool]:
    decision, part, line = gap
    return and_(_u.decision_id == decision, _u.part == part, _u.line == line)


_TRIED = (
    update(unaddressed)
    .where(
        _u.reopened_at.is_not(None),
        tuple_(_u.decision_id, _u.part, _u.line).in_(bindparam("gaps", expanding=True)),
    )
    .values(reopened_at=None)
)


_LOAD = select(notices).where(among(_n.id, "ids"))
_ITEMS_OF = (
    select(*ITEM_COLUMNS).where(among(_i.notice_id, "ids"), _i.state.in_(("open", "said"))).order_by(_i.id)
)


def load(connection: Connection, ids: Iterable[int]) -> dict[int, Notice]:
    return {row.id: notice_of(row) for row in connection.execute(_LOAD, {"ids": list(ids)}).all()}


def items_of(connection: Connection, notice_ids: Iterable[int]) -> dict[int, list[StoredItem]]:
    """Return the items of notices that are still to be said, or were said."""
    found: dict[int, list[StoredItem]] = {}
    for item in map(item_of, connection.execute(_ITEMS_OF, {"ids": list(notice_ids)}).all()):
        assert item.notice is not None
        found.setdefault(item.notice, []).append(item)
    return found


@dataclass(frozen=True, slots=True)
class Rival:
    """A live item, with what it says; others of the same subject, ladder and person may give way to it."""

    item: int
    subject: Subject
    ladder: str
    anchor_version: int
    person: int
    part: Part
    decision: int
    rung: str
    occurrence: str
    instant: datetime


_by = decisions.c
_RIVALS = (
    select(
        _i.id,
        _by.subject_kind,
        _by.subject_id,
        _by.ladder,
        _by.anchor_version,
        _i.person_id,
        _i.part,
        _by.id.label("decision"),
        _by.rung,
        _by.occurrence,
        _by.instant,
    )
    .join_from(items, decisions, _i.decision_id == _by.id)
    .where(
        _by.subject_kind.in_(bindparam("kinds", expanding=True)),
        among(_by.subject_id, "subjects"),
        among(_i.person_id, "persons"),
        _i.state.in_(("open", "said")),
        _by.instant > bindparam("after", type_=Instant()),
    )
)


def rivals(
    connection: Connection, subjects: Iterable[Subject], persons: Iterable[int], after: datetime
) -> list[Rival]:
    """Return every live item that says something of these subjects to these persons, of later rungs."""
    wanted = set(subjects)
    values = {
        "kinds": list({subject.kind for subject in wanted}),
        "subjects": [subject.id for subject in wanted],
        "persons": list(set(persons)),
        "after": after,
    }
    found = [
        Rival(i, Subject(SubjectKind(kind), sid), ladder, anchored, person, Part(part), *rest)
        for i, kind, sid, ladder, anchored, person, part, *rest in connection.execute(_RIVALS, values).all()
    ]
    return [rival for rival in found if rival.subject in wanted]


def siblings(connection: Connection, decision_ids: Iterable[int]) -> dict[int, list[StoredItem]]:
    """Return all items of decisions, whatever became of them."""
    found: dict[int, list[StoredItem]] = {}
    for chunk in chunks(list(dict.fromkeys(decision_ids))):
        for item in map(item_of, connection.execute(_SIBLINGS, {"ids": chunk}).all()):
            found.setdefault(item.decision, []).append(item)
    return found


_SIBLINGS = select(*ITEM_COLUMNS).where(among(_i.decision_id, "ids")).order_by(_i.id)


def same_document(connection: Connection, notice: Notice) -> list[int]:
    """Return the waiting notices that carry the same decision to its other addressees."""
    mine = items_of(connection, [notice.id]).get(notice.id, [])
    others = siblings(connection, [item.decision for item in mine])
    ids = {item.notice for items in others.values() for item in items if item.notice}
    return sorted(n.id for n in load(connection, ids).values() if n.state == "waiting")


def signed(connection: Connection, subjects: Iterable[Subject]) -> set[tuple[Subject, int]]:
    """Return who has signed for what."""
    wanted = set(subjects)
    c = signatures.c
    query = select(c.subject_kind, c.subject_id, c.person_id).where(
        c.subject_kind.in_({subject.kind for subject in wanted}),
        c.subject_id.in_({subject.id for subject in wanted}),
    )
    found = {(Subject(SubjectKind(kind), sid), person) for kind, sid, person in connection.execute(query)}
    return {(subject, person) for subject, person in found if subject in wanted}


def put_heirs(connection: Connection, heirs: Sequence[NewItem], now: datetime) -> None:
    """Open items for those who hold a seat now.

    Who held it before, too, is told after all, and so is whose copy fell out as nobody was told; a copy that
    is still on its way becomes his own. Who has been told, or will be, by another line, is not told again.
    """
    fell = [code.value for code in (ReasonCode.NOT_HOLDER, ReasonCode.COPY_OF_NOTHING)]
    for heir in heirs:
        mine = and_(_i.decision_id == heir.decision, _i.person_id == heir.recipient.person)
        again = and_(mine, _i.state == "dropped", _i.reason["code"].as_string().in_(fell))
        values = _item_row(heir, now) | {"notice_id": None}
        if heir.part is Part.TO:
            copy = update(items).where(mine, _i.state == "open", _i.part == Part.COPY.value)
            if connection.execute(copy.values({name: values[name] for name in _SEAT})).rowcount:
                continue
        _note_doubt(connection, again)
        if not connection.execute(update(items).where(again).values(values)).rowcount:
            with suppress(IntegrityError), connection.begin_nested():  # told already, or about to be
                connection.execute(insert(items).values(values))


_SEAT = ("role", "unit_id", "part", "line", "own_unit", "acting_for")
"""As what an item is addressed to its person."""


def revive_copies(connection: Connection, reached: Collection[int]) -> None:
    """Let the copies of these decisions be judged once more that fell out while nobody was told.

    A line of theirs that had reached nobody has found a holder.
    """
    for some in chunks(sorted(reached)):
        nothing = _i.reason["code"].as_string() == ReasonCode.COPY_OF_NOTHING.value
        _open_again(connection, and_(_i.decision_id.in_(some), _i.state == "dropped", nothing))


def drop_items(
    connection: Connection, dropped: Sequence[tuple[int, Reason]], now: datetime
) -> frozenset[int]:
    """Drop items with their reason, and look again at those that had given way to them.

    Return those that were open until now: what another worker dropped is his.
    """
    mine: set[int] = set()
    for number, reason in dropped:
        changed = connection.execute(
            update(items)
            .where(_i.id == number, _i.state == "open")
            .values(state="dropped", reason=reason_json(reason), closed_at=now)
        )
        if changed.rowcount:
            mine.add(number)
            connection.execute(
                update(items)
                .where(_i.superseded_by == number, _i.state == "superseded")
                .values(state="open", superseded_by=None, closed_at=None, notice_id=None)
            )
    if mine:
        _note_doubt(connection, _i.id.in_(mine))
    return frozenset(mine)


def _note_doubt(connection: Connection, leaving: ColumnElement[bool]) -> None:
    """Keep over which channels items that leave their notice may have been said all the same.

    Whatever is still open had been in the bytes of every try of its notice; if it comes back, in another
    notice, it is a repeat there.
    """
    found: dict[int, set[str]] = {}
    query = (
        select(_i.id, _i.doubt, _d.channel)
        .join_from(items, deliveries, _d.notice_id == _i.notice_id)
        .join(attempts, _a.delivery_id == _d.id)
        .where(leaving, or_(_a.outcome.is_(None), _a.outcome == "unknown"))
    )
    for number, before, channel in connection.execute(query):
        found.setdefault(number, set(before or ())).add(channel)
    for number, channels in found.items():
        connection.execute(update(items).where(_i.id == number).values(doubt=sorted(channels)))


_TAKEN_BACK = (ReasonCode.CONDITION, ReasonCode.ANCHOR_MOVED)
_UNSIGNED = (*_TAKEN_BACK, ReasonCode.SIGNED, ReasonCode.COPY_OF_NOTHING)
"""What a signature silenced comes back with that signature alone: a move takes signatures with it."""


def look_again(
    connection: Connection,
    subject: Subject,
    standings: Mapping[str, Standing],
    now: datetime,
    *,
    unsigned: bool = False,
) -> None:
    """Let what was dropped for a fact that was taken back (``unsigned``: a signature) be judged once more.

    An occurrence is settled once. What fell out of it only because of a fact that did not hold (a case
    submitted by mistake, or returned the same day) would otherwise never be said. The caller has his turn
    (``settings.take_turn``).
    """
    _revive(connection, subject, standings, _UNSIGNED if unsigned else _TAKEN_BACK)
    _reopen_gaps(connection, subject, standings, now)


def _revive(
    connection: Connection,
    subject: Subject,
    standings: Mapping[str, Standing],
    reasons: Collection[ReasonCode],
) -> None:
    d = decisions.c
    query = (
        select(_i.id, d.ladder, d.anchor_version, d.instant)
        .join_from(items, decisions, _i.decision_id == d.id)
        .where(
            d.subject_kind == subject.kind,
            d.subject_id == subject.id,
            _i.state == "dropped",
            _i.reason["code"].as_string().in_([code.value for code in reasons]),
        )
    )
    again = [number for number, *decided in connection.execute(query) if _still_stands(standings, *decided)]
    if again:
        _open_again(connection, _i.id.in_(again))


def _open_again(connection: Connection, which: ColumnElement[bool]) -> None:
    """Let dropped items be bound, and judged, once more.

    Another channel may have had one in its bytes after it was dropped; of that, too, nobody may know.
    """
    _note_doubt(connection, which)
    values = {"state": "open", "reason": None, "closed_at": None, "notice_id": None}
    connection.execute(update(items).where(which).values(values))


def _reopen_gaps(
    connection: Connection, subject: Subject, standings: Mapping[str, Standing], now: datetime
) -> None:
    """Open again, to be tried at once, the lines that reached nobody until a fact that has been taken back.

    Those that reached somebody, or came too late, stay closed; as do those of which no reason is kept.
    """
    d = decisions.c
    query = (
        select(_u.decision_id, _u.part, _u.line, d.ladder, d.anchor_version, d.instant)
        .join_from(unaddressed, decisions, _u.decision_id == d.id)
        .where(
            d.subject_kind == subject.kind,
            d.subject_id == subject.id,
            _u.closed_for.in_([code.value for code in _TAKEN_BACK]),
        )
    )
    values = {"since": now, "resolved_at": None, "closed_for": None, "reopened_at": now}
    for decision, part, line, *decided in connection.execute(query).all():
        if _still_stands(standings, *decided):
            connection.execute(update(unaddressed).where(_is((decision, part, line))).values(values))


def _still_stands(standings: Mapping[str, Standing], ladder: str, version: int, instant: datetime) -> bool:
    """Whether what was decided is of the present anchor version, and not from before its ``since``."""
    at = standings.get(ladder)
    return at is not None and at.anchor_version == version and (at.since is None or instant >= at.since)


def close(connection: Connection, notice: int, state: str, **values: Any) -> None:
    connection.execute(update(notices).where(_n.id == notice).values(state=state, **values))


def end(connection: Connection, notice: int, state: str, reason: Mapping[str, Any], now: datetime) -> None:
    """End a notice that reaches nobody (dropped, failed), unless it has been handed over."""
    connection.execute(
        update(notices)
        .where(_n.id == notice, _n.state == "ready")
        .values(state=state, reason=dict(reason), ended_at=now)
    )


def waiting(connection: Connection) -> list[int]:
    """Return the notices that wait for approval."""
    return list(connection.execute(_WAITING).scalars())


_WAITING = select(_n.id).where(_n.state == "waiting").order_by(_n.created_at, _n.id)


def mark_rehearsed(connection: Connection, ids: Iterable[int]) -> None:
    """Keep that these were taken up in rehearsal: what they said was said to nobody."""
    connection.execute(update(notices).where(_n.id.in_(list(ids)), ~_n.rehearsal).values(rehearsal=True))


def move_to_leg(connection: Connection, notice: int, leg: int) -> None:
    connection.execute(update(notices).where(_n.id == notice).values(leg=leg))
