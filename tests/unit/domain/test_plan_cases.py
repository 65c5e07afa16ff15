"""What a case hears when it is returned, reopened, moved, suspended and resumed, undone.

The ladders are those of design.md §5; the events pass the real gate.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.domain.case import AT_REST, TRANSITIONS, Case, Event, EventKind, State, apply, check
from daemon.domain.ladder import Condition, Ladder
from daemon.domain.standing import Move
from daemon.domain.workdays import local_day
from daemon.errors import RefusedError
from tests.unit.domain.office import (
    OPEN,
    SHANGHAI,
    UNSIGNED,
    Office,
    at,
    ladder,
    on,
    published,
    rung,
    wording,
)

RETURNED = Condition("returned", lambda names: names["state"] == "returned")
NO_DEADLINE = Condition("no deadline", lambda names: names["due_on"] is None)


def of(
    anchor: str, *rungs: tuple[str, str], when: tuple[Condition, ...] = (OPEN,), repeat: str | None = None
) -> Ladder:
    """Return a ladder; ``repeat`` is that of its last rung."""
    last = len(rungs) - 1
    return ladder(
        *(
            rung(name, wording(words, anchor=anchor, when=when, repeat=repeat if n == last else None))
            for n, (name, words) in enumerate(rungs)
        ),
        ladder_id=f"case-{anchor}" if when != (OPEN, NO_DEADLINE) else "case-without-deadline",
    )


CASE_DUE = of(
    "due",
    ("preview", "-10 workdays"),
    ("remind", "-3 workdays"),
    ("overdue", "+1 workday"),
    ("head", "+3 workdays"),
    ("letter", "+10 workdays"),
    ("group", "+15 workdays"),
    ("head-again", "+30 workdays"),
    repeat="20 workdays",
)
CASE_ASSIGNED = ladder(
    rung("hand-over", wording("immediately", anchor="assigned")),
    rung("not-signed", wording("+4 workdays", anchor="assigned", when=(OPEN, UNSIGNED))),
    rung("not-signed-head", wording("+6 workdays", anchor="assigned", when=(OPEN, UNSIGNED))),
    ladder_id="case-assigned",
)
CASE_RETURNED = of("returned", ("back", "immediately"), ("back-head", "+5 workdays"), when=(RETURNED,))
WITHOUT_DEADLINE = of(
    "assigned",
    ("no-deadline", "+5 workdays"),
    ("no-deadline-head", "+10 workdays"),
    ("no-deadline-office", "+15 workdays"),
    ("no-deadline-again", "+30 workdays"),
    when=(OPEN, NO_DEADLINE),
    repeat="1 month",
)
REGISTERED = Case(1, 1, "PS-2018-0001", unit=7, enterprise="甲公司", state=State.REGISTERED)


class Desk:
    """The office, with one case whose events go through the gate."""

    def __init__(self, case: Case = REGISTERED) -> None:
        self.case = case
        self.office = Office(CASE_DUE, CASE_ASSIGNED, CASE_RETURNED, WITHOUT_DEADLINE, start=at("2018-08-01"))
        self._show()

    def on(
        self,
        moment: str,
        kind: EventKind,
        *,
        effective: str | None = None,
        due: str | None = None,
        unit: int | None = None,
    ) -> Desk:
        self.office.run(at(moment))
        happened = on(effective) if effective else local_day(self.office.now, SHANGHAI)
        event = Event(kind, happened, note="理由", due_on=on(due) if due else None, unit=unit)
        check(self.case, event, published())
        self.case = apply(self.case, event)
        self.office.happen(TRANSITIONS[kind].move, **self.case.anchors)
        self._show()
        return self

    def undo(self, moment: str, before: Case) -> Desk:
        self.office.run(at(moment))
        self.case = before
        self.office.undo()
        self._show()
        return self

    def _show(self) -> None:
        case = self.case
        self.office.at_rest = case.state in AT_REST
        self.office.own |= {
            "open": case.is_open,
            "unsigned": case.is_open and case.signed_on is None,
            "state": case.state.value,
            "due_on": case.due_on,
        }

    def told(self, since: str, until: str) -> list[tuple[str, str]]:
        told = self.office.run(at(until)).told()
        return [(day, rung_id) for day, rung_id in told if since <= day <= until]


K = EventKind


def assigned(due: str | None = "2018-12-31") -> Desk:
    return Desk().on("2018-09-03 10:00", K.ASSIGNED, due=due)


def test_a_year_of_a_case_that_nobody_touches() -> None:
    assert assigned().told("2018-08-01", "2019-08-31") == [
        ("2018-09-03", "hand-over"),
        ("2018-09-07", "not-signed"),
        ("2018-09-11", "not-signed-head"),
        ("2018-12-18", "preview"),
        ("2018-12-27", "remind"),
        ("2019-01-02", "overdue"),
        ("2019-01-04", "head"),
        ("2019-01-15", "letter"),
        ("2019-01-22", "group"),
        ("2019-02-15", "head-again"),
        ("2019-03-15", "head-again"),
        ("2019-04-15", "head-again"),
        ("2019-05-14", "head-again"),
        ("2019-06-12", "head-again"),
        ("2019-07-10", "head-again"),
        ("2019-08-07", "head-again"),
    ]


def test_a_year_of_a_case_without_a_deadline() -> None:
    desk = assigned(due=None).on("2018-09-05 12:00", K.SIGNED)
    assert desk.told("2018-08-01", "2019-02-28") == [
        ("2018-09-03", "hand-over"),
        ("2018-09-10", "no-deadline"),
        ("2018-09-17", "no-deadline-head"),
        ("2018-09-25", "no-deadline-office"),  # 中秋 09-24
        ("2018-10-19", "no-deadline-again"),
        ("2018-11-19", "no-deadline-again"),
        ("2018-12-19", "no-deadline-again"),
        ("2019-01-21", "no-deadline-again"),  # 01-19 is a Saturday
        ("2019-02-19", "no-deadline-again"),
    ]


def test_a_deadline_that_the_unit_sets_ends_the_one_ladder_and_begins_the_other() -> None:
    desk = assigned(due=None).on("2018-09-05", K.SIGNED).on("2018-09-12", K.DUE_SET, due="2018-10-31")
    assert desk.told("2018-09-12", "2018-10-31") == [("2018-10-17", "preview"), ("2018-10-26", "remind")]


def test_returned_with_time_left_keeps_its_deadline_and_repeats_nothing() -> None:
    """Handed in over the preview, returned on the same day: only what comes from that day on."""
    desk = (
        assigned().on("2018-09-05", K.SIGNED).on("2018-12-10", K.SUBMITTED).on("2018-12-13 15:00", K.RETURNED)
    )
    assert desk.told("2018-12-10", "2019-01-02") == [
        ("2018-12-13", "back"),
        ("2018-12-18", "preview"),
        ("2018-12-20", "back-head"),
        ("2018-12-27", "remind"),
        ("2019-01-02", "overdue"),
    ]


def test_returned_after_the_deadline_asks_for_a_new_one() -> None:
    desk = assigned().on("2018-09-05", K.SIGNED).on("2018-12-28", K.SUBMITTED)
    with pytest.raises(RefusedError, match="请写明新的整改时限"):
        desk.on("2019-01-07", K.RETURNED)
    desk.on("2019-01-07", K.RETURNED, due="2019-01-31")
    assert desk.told("2018-12-28", "2019-02-02") == [
        ("2019-01-07", "back"),
        ("2019-01-14", "back-head"),
        ("2019-01-17", "preview"),
        ("2019-01-28", "remind"),
        ("2019-02-01", "overdue"),
    ]


def test_returned_twice_is_told_twice() -> None:
    desk = assigned().on("2018-09-05", K.SIGNED)
    desk.on("2018-10-08", K.SUBMITTED).on("2018-10-10", K.RETURNED)
    desk.on("2018-10-11", K.SUBMITTED).on("2018-10-12", K.RETURNED)
    assert desk.told("2018-10-08", "2018-10-31") == [
        ("2018-10-10", "back"), ("2018-10-12", "back"), ("2018-10-19", "back-head"),
    ]  # fmt: skip


def test_a_return_that_we_were_told_late_is_still_said() -> None:
    """Not accepted on Friday, entered on Monday."""
    desk = assigned().on("2018-09-05", K.SIGNED).on("2018-10-18", K.SUBMITTED)
    desk.on("2018-10-22 10:00", K.RETURNED, effective="2018-10-19")
    assert desk.told("2018-10-18", "2018-10-31") == [("2018-10-22", "back"), ("2018-10-26", "back-head")]


def test_a_closed_case_hears_nothing() -> None:
    desk = assigned().on("2018-09-05", K.SIGNED).on("2018-12-28", K.SUBMITTED).on("2019-01-08", K.CLOSED)
    assert desk.told("2018-12-28", "2019-12-31") == []


def test_a_closed_case_is_not_looked_at_again_until_an_event_wakes_it() -> None:
    desk = assigned().on("2018-09-05", K.SIGNED).on("2018-12-28", K.SUBMITTED).on("2019-01-08", K.CLOSED)
    desk.office.run(at("2019-01-08"))
    assert set(desk.office.next_at.values()) == {None}
    desk.on("2019-03-01", K.REOPENED, due="2019-04-30").office.run(at("2019-03-01"))
    assert desk.office.next_at["case-due"] == at("2019-04-17")


def test_a_closing_that_is_undone_loses_nothing() -> None:
    desk = assigned().on("2018-09-05", K.SIGNED).on("2019-01-08", K.SUBMITTED)
    before = desk.case
    desk.on("2019-01-09", K.CLOSED).undo("2019-01-21", before)
    desk.on("2019-01-21", K.RETURNED, due="2019-02-28")
    assert desk.told("2019-01-05", "2019-02-14") == [
        ("2019-01-21", "back"), ("2019-01-28", "back-head"), ("2019-02-14", "preview"),
    ]  # fmt: skip


def test_reopened_it_begins_anew_from_that_day() -> None:
    desk = assigned().on("2018-09-05", K.SIGNED).on("2018-12-28", K.SUBMITTED).on("2019-01-08", K.CLOSED)
    desk.on("2019-03-01", K.REOPENED, due="2019-04-30")
    assert desk.told("2018-12-28", "2019-05-06") == [
        ("2019-04-17", "preview"), ("2019-04-26", "remind"), ("2019-05-05", "overdue"),
    ]  # fmt: skip


def test_moved_to_another_unit_it_is_handed_over_there() -> None:
    desk = assigned().on("2018-09-05", K.SIGNED).on("2018-09-20 16:00", K.MOVED, unit=8)
    assert (desk.case.unit, desk.case.signed_on) == (8, None)
    assert desk.told("2018-09-06", "2018-12-31") == [
        ("2018-09-20", "hand-over"),
        ("2018-09-27", "not-signed"),
        ("2018-09-29", "not-signed-head"),
        ("2018-12-18", "preview"),
        ("2018-12-27", "remind"),
    ]


def test_moved_when_overdue_only_the_new_deadline_counts() -> None:
    desk = assigned().on("2018-09-05", K.SIGNED).on("2019-01-09", K.MOVED, unit=8, due="2019-02-28")
    assert desk.told("2019-01-09", "2019-02-28") == [
        ("2019-01-09", "hand-over"),
        ("2019-01-15", "not-signed"),
        ("2019-01-17", "not-signed-head"),
        ("2019-02-14", "preview"),
        ("2019-02-25", "remind"),
    ]


def test_declined_and_assigned_again_must_be_signed_for_again() -> None:
    desk = assigned().on("2018-09-05", K.SIGNED).on("2018-09-06", K.DECLINED).on("2018-09-10", K.ASSIGNED)
    assert desk.told("2018-09-06", "2018-09-30") == [
        ("2018-09-10", "hand-over"), ("2018-09-14", "not-signed"), ("2018-09-18", "not-signed-head"),
    ]  # fmt: skip


def test_suspended_it_is_silent_and_resumed_it_goes_on_from_that_day() -> None:
    desk = assigned().on("2018-09-05", K.SIGNED).on("2018-12-10", K.SUSPENDED)
    desk.on("2019-03-01", K.RESUMED, due="2019-04-30")
    assert desk.told("2018-09-06", "2019-04-30") == [("2019-04-17", "preview"), ("2019-04-26", "remind")]


def test_undone_it_stands_as_before_and_nothing_is_said_again() -> None:
    """A new deadline that was set by mistake, and taken back."""
    desk = assigned().on("2018-09-05", K.SIGNED)
    before = desk.case
    desk.on("2018-12-28 10:00", K.EXTENDED, due="2019-01-31").undo("2018-12-28 11:00", before)
    assert desk.told("2018-12-18", "2019-01-03") == [
        ("2018-12-18", "preview"), ("2018-12-27", "remind"), ("2019-01-02", "overdue"),
    ]  # fmt: skip


def test_undone_and_done_again_is_not_taken_for_what_was_undone() -> None:
    """The reminder was said for the deadline that was taken back; the right one has a reminder of its own."""
    desk = assigned(due=None).on("2018-09-05", K.SIGNED)
    before = desk.case
    desk.on("2018-09-10", K.DUE_SET, due="2018-09-26").undo("2018-09-20", before)
    desk.on("2018-09-20", K.DUE_SET, due="2018-10-31")
    told = desk.told("2018-09-10", "2018-10-31")
    assert [day for day, name in told if name == "preview"] == ["2018-09-11", "2018-10-17"]
    assert [day for day, name in told if name == "remind"] == ["2018-09-20", "2018-10-26"]


def test_a_correction_of_the_deadline_moves_only_its_ladder() -> None:
    desk = assigned().on("2018-09-05", K.SIGNED)
    versions = {name: standing.anchor_version for name, standing in desk.office.standings.items()}
    desk.case = replace(desk.case, due_on=on("2018-11-30"))
    desk.office.happen(Move.LOOKED, **desk.case.anchors)
    changed = {n for n, s in desk.office.standings.items() if s.anchor_version != versions[n]}
    assert changed == {"case-due"}


@pytest.mark.parametrize("moment", ["2018-10-01 00:00", "2018-12-31 23:59", "2019-06-12 08:00"])
def test_who_looks_in_between_changes_nothing(moment: str) -> None:
    looked, alone = assigned(), assigned()
    looked.office.run(at(moment)).touch()
    assert looked.told("2018-09-01", "2019-12-31") == alone.told("2018-09-01", "2019-12-31")


def test_an_assignment_of_the_day_is_handed_over_at_once() -> None:
    """Its instant is the midnight that began the day."""
    office = assigned().office.run(at("2018-09-03 10:00"))
    (done,) = office.settled.values()
    assert (done.instant, done.looked_at) == (at("2018-09-03"), at("2018-09-03 10:00"))
