"""Cases: one table of allowed transitions, one gate (design.md §3)."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal

import pytest

from daemon.domain.case import (
    CORRECTABLE,
    OPEN,
    TRANSITIONS,
    Case,
    Event,
    EventKind,
    State,
    apply,
    check,
    counts,
    needs_new_deadline,
    steps_to,
)
from daemon.domain.ladder import ANCHORS, SubjectKind
from daemon.errors import RefusedError
from tests.unit.domain.office import on, published

S, K = State, EventKind
TODAY = on("2018-10-08")
CASE = Case(1, 1, "PS-2018-0001", unit=7, enterprise="甲公司", state=S.REPORTED, assigned_on=on("2018-09-03"))

TABLE: dict[EventKind, dict[State, State]] = {
    K.REPORTED: {},
    K.REGISTERED: {S.REPORTED: S.REGISTERED},
    K.ASSIGNED: dict.fromkeys([S.REPORTED, S.REGISTERED, S.DECLINED], S.ASSIGNED),
    K.SIGNED: {
        S.ASSIGNED: S.SIGNED,
        S.SIGNED: S.SIGNED,
        # a signature does not take a case back
        S.RECTIFYING: S.RECTIFYING,
        S.RETURNED: S.RETURNED,
        S.REOPENED: S.REOPENED,
    },
    K.PROGRESS: dict.fromkeys(OPEN, S.RECTIFYING),
    K.SUBMITTED: dict.fromkeys(OPEN, S.SUBMITTED),
    K.CLOSED: {S.SUBMITTED: S.CLOSED},
    K.RETURNED: {S.SUBMITTED: S.RETURNED},
    K.REOPENED: {S.CLOSED: S.REOPENED},
    K.DECLINED: dict.fromkeys([S.ASSIGNED, S.SIGNED], S.DECLINED),
    K.MOVED: dict.fromkeys([*OPEN, S.DECLINED, S.SUSPENDED], S.ASSIGNED),
    K.DISMISSED: dict.fromkeys([s for s in S if s not in (S.CLOSED, S.DISMISSED)], S.DISMISSED),
    K.SUSPENDED: dict.fromkeys(OPEN, S.SUSPENDED),
    K.RESUMED: {S.SUSPENDED: S.RECTIFYING},
    K.DUE_SET: {s: s for s in [*OPEN, S.REPORTED, S.REGISTERED, S.DECLINED]},
    K.EXTENDED: {s: s for s in OPEN},
    K.IDENTIFIED: {s: s for s in S if s not in (S.CLOSED, S.DISMISSED)},
    K.OPINION: {s: s for s in S if s not in (S.CLOSED, S.DISMISSED)},
    K.CORRECTED: {s: s for s in S},
}
"""Where each event leads, from each state that allows it."""


def event(kind: EventKind, **more: object) -> Event:
    """Return an event that says all that its kind asks for."""
    said: dict[str, object] = {"note": "理由", "unit": 8 if kind is K.MOVED else None}
    if kind in (K.DUE_SET, K.EXTENDED):
        said["due_on"] = on("2019-01-31")
    return Event(kind, **{"on": TODAY, **said, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [kind for kind in K if kind is not K.UNDONE])
@pytest.mark.parametrize("state", S)
def test_every_event_in_every_state(kind: EventKind, state: State) -> None:
    case = replace(CASE, state=state, due_on=on("2018-12-31"))
    if state in TABLE[kind]:
        check(case, event(kind), published())
        assert apply(case, event(kind)).state is TABLE[kind][state]
    else:
        with pytest.raises(RefusedError, match=f"PS-2018-0001 现为“{state.label}”"):
            check(case, event(kind), published())


def test_to_undo_is_not_a_transition() -> None:
    """It restores what was before, whatever that was."""
    assert set(K) - set(TRANSITIONS) == {K.UNDONE}


def test_open_is_assigned_signed_rectifying_returned_or_reopened() -> None:
    assert {state.value for state in OPEN} == {"assigned", "signed", "rectifying", "returned", "reopened"}


@pytest.mark.parametrize(
    ("due", "asks"),
    [
        (None, False),  # none yet: it has a ladder of its own until the unit has set one
        ("2018-09-28", True),  # passed
        ("2018-10-08", True),
        ("2018-10-19", True),  # nine working days
        ("2018-10-22", False),  # ten
        ("2018-12-31", False),
    ],
)
@pytest.mark.parametrize(
    ("kind", "state"),
    [(K.RETURNED, S.SUBMITTED), (K.REOPENED, S.CLOSED), (K.MOVED, S.SIGNED), (K.RESUMED, S.SUSPENDED)],
)
def test_beginning_again_asks_for_a_new_deadline_when_the_old_is_near(
    kind: EventKind, state: State, due: str | None, asks: bool
) -> None:
    case = replace(CASE, state=state, due_on=on(due) if due else None)
    assert needs_new_deadline(case, TODAY, published()) is asks
    if asks:
        with pytest.raises(RefusedError, match="请写明新的整改时限"):
            check(case, event(kind), published())
    check(case, event(kind, due_on=on("2019-01-31")), published())
    assert apply(case, event(kind, due_on=on("2019-01-31"))).due_on == on("2019-01-31")


@pytest.mark.parametrize("kind", [K.SUBMITTED, K.SIGNED, K.PROGRESS, K.DISMISSED, K.SUSPENDED])
def test_other_events_do_not_ask(kind: EventKind) -> None:
    check(replace(CASE, state=S.SIGNED, due_on=on("2018-09-28")), event(kind), published())


@pytest.mark.parametrize(
    ("asked_on", "new_due", "refused"),
    [
        ("2018-12-31", "2019-01-31", None),  # the day itself is still in time
        ("2019-01-01", "2019-01-31", "已过，延期须在到期前提出"),
        ("2018-12-20", "2018-12-31", "须晚于"),
        ("2018-12-20", "2018-12-01", "须晚于"),
        ("2018-12-20", None, "须写明整改时限"),
    ],
)
def test_an_extension_is_asked_for_before_the_deadline_passes(
    asked_on: str, new_due: str | None, refused: str | None
) -> None:
    case = replace(CASE, state=S.RECTIFYING, due_on=on("2018-12-31"))
    asked = event(K.EXTENDED, on=on(asked_on), due_on=on(new_due) if new_due else None)
    if refused:
        with pytest.raises(RefusedError, match=refused):
            check(case, asked, published())
    else:
        check(case, asked, published())
        assert apply(case, asked).extensions == 1


def test_there_is_nothing_to_extend_without_a_deadline() -> None:
    with pytest.raises(RefusedError, match="还没有整改时限"):
        check(replace(CASE, state=S.SIGNED), event(K.EXTENDED), published())


def test_a_deadline_does_not_lie_before_the_assignment() -> None:
    with pytest.raises(RefusedError, match="早于交办日期"):
        check(replace(CASE, state=S.SIGNED), event(K.DUE_SET, due_on=on("2018-09-02")), published())


@pytest.mark.parametrize("unit", [None, 7])
def test_moved_means_to_another_unit(unit: int | None) -> None:
    with pytest.raises(RefusedError, match="另一个责任单位"):
        check(replace(CASE, state=S.SIGNED), event(K.MOVED, unit=unit), published())


def test_a_case_is_dismissed_for_a_reason() -> None:
    with pytest.raises(RefusedError, match="理由"):
        check(replace(CASE, state=S.SIGNED), event(K.DISMISSED, note=""), published())


def test_a_correction_changes_facts_and_no_state() -> None:
    fixed = event(K.CORRECTED, changes={"amount": Decimal("12.50"), "due_on": None})
    case = replace(CASE, state=S.CLOSED, due_on=on("2018-12-31"))
    check(case, fixed, published())
    assert apply(case, fixed) == replace(case, amount=Decimal("12.50"), due_on=None)
    for wrong in ("state", "unit", "closed_on"):
        with pytest.raises(RefusedError, match=f"不能更正：{wrong}"):
            check(case, event(K.CORRECTED, changes={wrong: "x"}), published())


def test_what_can_be_corrected_exists() -> None:
    assert {field.name for field in fields(Case)} >= CORRECTABLE


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        (K.REGISTERED, {"registered_on": TODAY}),
        (K.ASSIGNED, {"assigned_on": TODAY, "signed_on": None}),
        (K.SUBMITTED, {"submitted_on": TODAY}),
        (K.CLOSED, {"closed_on": TODAY}),
        (K.RETURNED, {"returned_on": TODAY, "returns": 3}),
        (K.REOPENED, {"reopened_on": TODAY, "closed_on": None}),
        (K.MOVED, {"unit": 8, "assigned_on": TODAY, "signed_on": None}),
        (K.IDENTIFIED, {"identified_on": TODAY}),
        (K.OPINION, {"opinion_on": TODAY}),
        (K.DUE_SET, {"due_on": on("2019-01-31")}),
        (K.EXTENDED, {"due_on": on("2019-01-31"), "extensions": 1}),
        (K.SIGNED, {}),  # the first signature stays
        (K.PROGRESS, {}),
        (K.SUSPENDED, {}),
        (K.RESUMED, {}),
        (K.DISMISSED, {}),
        (K.DECLINED, {}),
    ],
)
def test_what_an_event_changes_beside_the_state(kind: EventKind, changed: dict[str, object]) -> None:
    earlier = on("2018-09-04")
    case = replace(CASE, state=S.SIGNED, signed_on=earlier, closed_on=earlier, returns=2)
    after = apply(case, event(kind))
    assert replace(after, state=S.SIGNED) == replace(case, **changed)  # type: ignore[arg-type]


def test_the_first_signature_is_dated() -> None:
    assert apply(replace(CASE, state=S.ASSIGNED), event(K.SIGNED)).signed_on == TODAY


def test_every_anchor_that_a_ladder_may_count_from_is_a_dated_fact() -> None:
    assert set(CASE.anchors) == ANCHORS[SubjectKind.CASE]


@pytest.mark.parametrize(
    ("state", "kind", "steps"),
    [
        (S.ASSIGNED, K.CLOSED, (K.SUBMITTED,)),
        (S.RETURNED, K.CLOSED, (K.SUBMITTED,)),
        (S.SUBMITTED, K.CLOSED, ()),
        (S.REPORTED, K.ASSIGNED, (K.REGISTERED,)),
        (S.REGISTERED, K.ASSIGNED, ()),
    ],
)
def test_the_steps_that_a_ledger_skipped(state: State, kind: EventKind, steps: tuple[EventKind, ...]) -> None:
    case = replace(CASE, state=state)
    assert steps_to(case, kind) == steps
    for step in (*steps, kind):
        check(case, event(step), published())
        case = apply(case, event(step))


@pytest.mark.parametrize(
    ("state", "adds"),
    [
        (S.REPORTED, (0, 0, 0)),
        (S.REGISTERED, (1, 0, 0)),
        (S.SUBMITTED, (1, 0, 0)),
        (S.SUSPENDED, (1, 0, 0)),
        (S.CLOSED, (1, 0, 1)),
        (S.REOPENED, (1, 0, 0)),
        (S.DISMISSED, (1, 1, 0)),
    ],
)
def test_what_a_case_adds_to_the_rate(state: State, adds: tuple[int, int, int]) -> None:
    """Registered, dismissed, closed: only what is struck off counts, and what is dismissed is not counted."""
    assert counts(replace(CASE, state=state)) == adds
    assert counts(None) == (0, 0, 0)
