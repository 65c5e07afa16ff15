"""Cases: their states, the one table of allowed transitions, and what each event changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from daemon.domain.standing import Move
from daemon.domain.workdays import WorkdayCalendar
from daemon.errors import RefusedError

LEAST_WORKDAYS = 10
"""A deadline nearer than this asks for a new one when a case is returned, reopened, moved or resumed."""


class State(StrEnum):
    REPORTED = "reported"
    REGISTERED = "registered"
    ASSIGNED = "assigned"
    SIGNED = "signed"
    RECTIFYING = "rectifying"
    SUBMITTED = "submitted"
    CLOSED = "closed"
    RETURNED = "returned"
    REOPENED = "reopened"
    DECLINED = "declined"
    DISMISSED = "dismissed"
    SUSPENDED = "suspended"

    __hash__ = str.__hash__  # the enumeration's own is in Python, and every case is asked whether it is open

    @property
    def label(self) -> str:
        return _STATE_TITLES[self]


_STATE_TITLES = dict(
    zip(
        State,
        [
            "已收集",
            "已登记",
            "已交办",
            "已签收",
            "整改中",
            "待核查",
            "已销号",
            "已退回",
            "已重新立案",
            "不予认领",
            "已撤销",
            "挂账",
        ],
        strict=True,
    )
)

OPEN = frozenset({State.ASSIGNED, State.SIGNED, State.RECTIFYING, State.RETURNED, State.REOPENED})
"""What the condition ``open`` means for a case (design.md §5)."""


AT_REST = frozenset({State.CLOSED, State.DISMISSED})
"""What only an event that begins the case anew can end."""


class EventKind(StrEnum):
    """What happens to a case. Each is one line of the transition table."""

    REPORTED = "reported"
    REGISTERED = "registered"
    ASSIGNED = "assigned"
    SIGNED = "signed"
    PROGRESS = "progress"
    SUBMITTED = "submitted"
    CLOSED = "closed"
    RETURNED = "returned"
    REOPENED = "reopened"
    DECLINED = "declined"
    MOVED = "moved"
    DISMISSED = "dismissed"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    DUE_SET = "due_set"
    EXTENDED = "extended"
    IDENTIFIED = "identified"
    OPINION = "opinion"
    CORRECTED = "corrected"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Transition:
    """From which states an event may come, and where it leads (``None``: the state stays)."""

    sources: frozenset[State]
    target: State | None
    move: Move = Move.LOOKED
    asks_deadline: bool = False


_ANY = frozenset(State)
_LIVE = _ANY - {State.CLOSED, State.DISMISSED}
_WORKED = OPEN
_AT_OFFICE = frozenset({State.REPORTED, State.REGISTERED, State.DECLINED})

TRANSITIONS: Mapping[EventKind, Transition] = {
    EventKind.REPORTED: Transition(frozenset(), State.REPORTED),
    EventKind.REGISTERED: Transition(frozenset({State.REPORTED}), State.REGISTERED),
    EventKind.ASSIGNED: Transition(_AT_OFFICE, State.ASSIGNED, Move.ENTERED),
    EventKind.SIGNED: Transition(_WORKED, State.SIGNED),
    EventKind.PROGRESS: Transition(_WORKED, State.RECTIFYING),
    EventKind.SUBMITTED: Transition(_WORKED, State.SUBMITTED),
    EventKind.CLOSED: Transition(frozenset({State.SUBMITTED}), State.CLOSED),
    EventKind.RETURNED: Transition(
        frozenset({State.SUBMITTED}), State.RETURNED, Move.RETURNED, asks_deadline=True
    ),
    EventKind.REOPENED: Transition(
        frozenset({State.CLOSED}), State.REOPENED, Move.RESTARTED, asks_deadline=True
    ),
    EventKind.DECLINED: Transition(frozenset({State.ASSIGNED, State.SIGNED}), State.DECLINED),
    EventKind.MOVED: Transition(
        _WORKED | {State.DECLINED, State.SUSPENDED}, State.ASSIGNED, Move.RESTARTED, asks_deadline=True
    ),
    EventKind.DISMISSED: Transition(_LIVE, State.DISMISSED),
    EventKind.SUSPENDED: Transition(_WORKED, State.SUSPENDED),
    EventKind.RESUMED: Transition(
        frozenset({State.SUSPENDED}), State.RECTIFYING, Move.RESTARTED, asks_deadline=True
    ),
    EventKind.DUE_SET: Transition(_WORKED | _AT_OFFICE, None),
    EventKind.EXTENDED: Transition(_WORKED, None),
    EventKind.IDENTIFIED: Transition(_LIVE, None),
    EventKind.OPINION: Transition(_LIVE, None),
    EventKind.CORRECTED: Transition(_ANY, None),
}

KEEPS_STATE = {EventKind.SIGNED: frozenset({State.RECTIFYING, State.RETURNED, State.REOPENED})}
"""A signature does not take a case back to an earlier state."""


@dataclass(frozen=True, slots=True)
class Case:
    """One broken promise (问题). Days are local; ``amount`` is in yuan."""

    id: int
    campaign: int
    no: str
    unit: int
    enterprise: str
    state: State
    legal_person: str = ""
    phone: str = ""
    source: str = ""
    category: str = ""
    description: str = ""
    amount: Decimal | None = None
    key: bool = False
    note: str = ""
    found_on: date | None = None
    registered_on: date | None = None
    assigned_on: date | None = None
    due_on: date | None = None
    signed_on: date | None = None
    submitted_on: date | None = None
    returned_on: date | None = None
    reopened_on: date | None = None
    closed_on: date | None = None
    identified_on: date | None = None
    opinion_on: date | None = None
    returns: int = 0
    extensions: int = 0

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def anchors(self) -> dict[str, date | None]:
        return {
            "registered": self.registered_on,
            "assigned": self.assigned_on,
            "due": self.due_on,
            "signed": self.signed_on,
            "submitted": self.submitted_on,
            "returned": self.returned_on,
            "reopened": self.reopened_on,
            "identified": self.identified_on,
            "opinion": self.opinion_on,
        }


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a subject on a day. ``by`` is who said so; ``note`` in his words.

    ``due_on``, ``unit`` and ``changes`` (field → value, for corrections) are what the event carries.
    """

    kind: EventKind
    on: date
    by: str = ""
    note: str = ""
    due_on: date | None = None
    unit: int | None = None
    changes: Mapping[str, object] | None = None
    filled: bool = False
    """A step that a ledger did not know, filled in (台账补记)."""


CORRECTABLE = frozenset(
    [
        "no",
        "enterprise",
        "legal_person",
        "phone",
        "source",
        "category",
        "description",
        "amount",
        "key",
        "note",
        "found_on",
        "due_on",
    ]
)


def check(case: Case, event: Event, calendar: WorkdayCalendar) -> None:
    """Let an event pass the gate, or raise ``RefusedError`` that says what would be right."""
    transition = TRANSITIONS[event.kind]
    if case.state not in transition.sources:
        allowed = "、".join(state.label for state in State if state in transition.sources) or "新问题"
        raise RefusedError(f"{case.no} 现为“{case.state.label}”，此操作只适用于：{allowed}")
    _check_days(case, event)
    if event.kind in (EventKind.DUE_SET, EventKind.EXTENDED):
        _check_new_due(case, event)
    if event.kind is EventKind.MOVED and event.unit in (None, case.unit):
        raise RefusedError(f"{case.no} 转办须写明另一个责任单位")
    if event.kind is EventKind.DISMISSED and not event.note:
        raise RefusedError(f"{case.no} 撤销须写明理由（--note）")
    if event.kind is EventKind.CORRECTED and (wrong := set(event.changes or {}) - CORRECTABLE):
        raise RefusedError(f"不能更正：{'、'.join(sorted(wrong))}；可更正：{'、'.join(sorted(CORRECTABLE))}")
    if transition.asks_deadline and event.due_on is None and needs_new_deadline(case, event.on, calendar):
        raise RefusedError(
            f"{case.no} 原时限 {case.due_on} 已过或不足{LEAST_WORKDAYS}个工作日，请写明新的整改时限（--due）"
        )


def _check_days(case: Case, event: Event) -> None:
    """Refuse an event from before the case was registered, and a deadline before its own event."""
    if case.registered_on and event.on < case.registered_on:
        raise RefusedError(f"{case.no} 于 {case.registered_on} 登记，{event.on} 在此之前")
    transition = TRANSITIONS[event.kind]
    sets_deadline = transition.asks_deadline or event.kind is EventKind.ASSIGNED
    if sets_deadline and event.due_on and event.due_on < event.on:
        raise RefusedError(f"{case.no} 整改时限 {event.due_on} 早于 {event.on}")
    corrected = (event.changes or {}).get("due_on")
    if isinstance(corrected, date) and case.assigned_on and corrected < case.assigned_on:
        raise RefusedError(f"{case.no} 整改时限 {corrected} 早于交办日期 {case.assigned_on}")


def _check_new_due(case: Case, event: Event) -> None:
    if event.due_on is None:
        raise RefusedError(f"{case.no} 须写明整改时限（--due）")
    if case.assigned_on and event.due_on < case.assigned_on:
        raise RefusedError(f"{case.no} 整改时限 {event.due_on} 早于交办日期 {case.assigned_on}")
    if event.kind is EventKind.EXTENDED:
        if case.due_on is None:
            raise RefusedError(f"{case.no} 还没有整改时限，请用 case due 确定")
        if event.on > case.due_on:
            raise RefusedError(f"{case.no} 整改时限 {case.due_on} 已过，延期须在到期前提出")
        if event.due_on <= case.due_on:
            raise RefusedError(f"{case.no} 延期后的时限须晚于 {case.due_on}")


def needs_new_deadline(case: Case, on: date, calendar: WorkdayCalendar) -> bool:
    return case.due_on is not None and calendar.between(on, case.due_on) < LEAST_WORKDAYS


def apply(case: Case, event: Event) -> Case:
    """Return the case after an event that has passed the gate."""
    target = TRANSITIONS[event.kind].target
    if case.state in KEEPS_STATE.get(event.kind, ()):
        target = None
    after = replace(case, state=target or case.state, due_on=event.due_on or case.due_on)
    match event.kind:
        case EventKind.REGISTERED | EventKind.SUBMITTED | EventKind.CLOSED:
            return _dated(after, event)
        case EventKind.ASSIGNED:
            return replace(after, assigned_on=event.on, signed_on=None)
        case EventKind.IDENTIFIED | EventKind.OPINION:
            return _dated(after, event)
        case EventKind.SIGNED:
            return replace(after, signed_on=case.signed_on or event.on)
        case EventKind.RETURNED:
            return replace(after, returned_on=event.on, returns=case.returns + 1)
        case EventKind.REOPENED:
            return replace(after, reopened_on=event.on, closed_on=None)
        case EventKind.MOVED:
            return replace(after, unit=event.unit or case.unit, assigned_on=event.on, signed_on=None)
        case EventKind.EXTENDED:
            return replace(after, extensions=case.extensions + 1)
        case EventKind.CORRECTED:
            return replace(after, **dict(event.changes or {}))  # type: ignore[arg-type]
        case _:
            return after


def _dated(case: Case, event: Event) -> Case:
    return replace(case, **{f"{event.kind}_on": event.on})  # type: ignore[arg-type]


def steps_to(case: Case, kind: EventKind) -> tuple[EventKind, ...]:
    """Return the steps that a ledger skipped before ``kind``, to be filled in and marked (台账补记)."""
    if kind is EventKind.CLOSED and case.is_open:
        return (EventKind.SUBMITTED,)
    if kind is EventKind.ASSIGNED and case.state is State.REPORTED:
        return (EventKind.REGISTERED,)
    return ()


def counts(case: Case | None) -> tuple[int, int, int]:
    """Return what a case adds to its unit's tally: registered, dismissed, closed."""
    if case is None or case.state is State.REPORTED:
        return (0, 0, 0)
    return (1, int(case.state is State.DISMISSED), int(case.state is State.CLOSED))
