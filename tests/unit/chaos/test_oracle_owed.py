"""What must arrive, and when: read from the oracle as what it misses where nothing arrived."""

from __future__ import annotations

import pytest

from tests.chaos import journal as j
from tests.unit.chaos.office import (
    DUE,
    HEAD,
    LIAISON,
    NEW_HEAD,
    OTHER_HEAD,
    POSTS,
    TOWN,
    ZONE,
    Office,
    at,
    on,
)

FULL = ["08-28 remind liaison", "09-03 overdue liaison", "09-05 head head"]


def test_a_case_is_reminded_of_urged_and_brought_to_its_head() -> None:
    assert Office().case().must() == FULL


@pytest.mark.parametrize(
    ("words", "happens", "owed"),
    [
        (
            "extended before the reminder",
            lambda o: o.happen("A-1", "extended", "2018-08-27 15:00", due="2018-09-14"),
            ["09-11 remind liaison", "09-17 overdue liaison", "09-19 head head"],
        ),
        (
            "extended after the reminder: reminded again",
            lambda o: o.happen("A-1", "extended", "2018-08-30 15:00", due="2018-09-14"),
            ["08-28 remind liaison", "09-11 remind liaison", "09-17 overdue liaison", "09-19 head head"],
        ),
        (
            "moved earlier: what lies behind is owed now, and lapses if it is too late",
            lambda o: o.happen("A-1", "corrected", "2018-08-23 10:00", due="2018-08-24"),
            ["08-24 remind liaison", "08-27 overdue liaison", "08-29 head head"],
        ),
        ("closed", lambda o: o.close("A-1", "2018-08-30 10:00"), ["08-28 remind liaison"]),
        (
            "closed between the look and the slot",
            lambda o: o.close("A-1", "2018-09-03 08:00"),
            ["08-28 remind liaison"],
        ),
        (
            "closed by mistake, and taken back: what was missed is said",
            lambda o: (
                o.close("A-1", "2018-09-03 08:00")
                .happen("A-1", "undone", "2018-09-04 10:00")
                .happen("A-1", "undone", "2018-09-04 10:01")
            ),
            ["08-28 remind liaison", "09-05 head head", "09-05 overdue liaison"],
        ),
        (
            "an undo does not bring back what a return had put behind",
            lambda o: (
                o.happen("A-1", "submitted", "2018-08-28 08:00")
                .happen("A-1", "returned", "2018-08-29 08:00", due="2018-08-31")
                .happen("A-1", "submitted", "2018-08-29 09:00")
                .happen("A-1", "undone", "2018-08-29 10:00")
            ),
            FULL[1:],
        ),
        (
            "returned with a new deadline",
            lambda o: o.happen("A-1", "submitted", "2018-08-29 10:00").happen(
                "A-1", "returned", "2018-09-10 10:00", due="2018-09-28"
            ),
            ["08-28 remind liaison", "09-25 remind liaison", "09-29 overdue liaison"],
        ),
        (
            "moved to another unit",
            lambda o: o.happen("A-1", "moved", "2018-09-04 10:00", unit=ZONE, due="2018-09-20"),
            [*FULL[:2], "09-17 remind other-liaison", "09-21 overdue other-liaison", "09-26 head other-head"],
        ),
        ("suspended", lambda o: o.happen("A-1", "suspended", "2018-08-29 10:00"), FULL[:1]),
        (
            "reopened",
            lambda o: o.close("A-1", "2018-08-24 10:00").happen(
                "A-1", "reopened", "2018-09-03 10:00", due="2018-09-20"
            ),
            ["09-17 remind liaison", "09-21 overdue liaison", "09-26 head head"],
        ),
    ],
)
def test_what_happens_to_a_case_moves_what_is_owed(words: str, happens: object, owed: list[str]) -> None:
    office = Office().case()
    happens(office)  # type: ignore[operator]
    assert office.must() == owed, words


def test_what_is_entered_late_is_said_at_once_and_only_the_strongest() -> None:
    office = Office().case(when="2018-09-06 14:00")
    assert office.must() == ["09-07 head head", "09-07 overdue liaison"]


def test_what_was_imported_is_reminded_of_from_that_day_on() -> None:
    office = Office().happen("A-1", "registered", "2018-09-04 14:00", unit=TOWN, imported="today")
    office.happen("A-1", "assigned", "2018-09-04 14:00", due="2018-08-31", imported="today", together=True)
    assert office.must() == ["09-05 head head"]


def test_a_new_head_is_told_in_the_place_of_the_old() -> None:
    seats = [post for post in POSTS if post.person != HEAD]
    office = (
        Office()
        .case()
        .seat(
            "2018-09-01 10:00",
            *seats,
            j.Post(HEAD, "unit.head", TOWN, until=on("2018-09-04")),
            j.Post(NEW_HEAD, "unit.head", TOWN, since=on("2018-09-05")),
        )
    )
    assert office.must() == [*FULL[:2], "09-05 head new-head"]


def test_an_escalation_passes_by_whoever_heads_the_unit_himself() -> None:
    ladder = """
  case-due:
    about: case
    from: due
    rungs:
      group: {at: +1 workday, act: escalation, to: [group.deputy]}
"""
    office = Office(ladder, seats=(*POSTS, j.Post(6, "unit.head", TOWN))).case()
    assert office.must() == ["09-03 group leader"]


def test_a_fallback_is_told_where_nobody_holds_the_first_seat() -> None:
    ladder = DUE.replace("[unit.head]", "[unit.deputy or unit.head]")
    assert Office(ladder).case().must() == FULL


class TestCalendar:
    """The days of issue 4."""

    def test_the_end_of_2018(self) -> None:
        office = Office(start="2018-12-01", end="2019-02-01").case(due="2018-12-31", when="2018-12-03")
        assert office.must() == ["12-27 remind liaison", "01-02 overdue liaison", "01-04 head head"]

    def test_the_holiday_that_was_prolonged_on_2020_01_27(self) -> None:
        """Before the notice Friday 01-31 was worked; by it 01-31 and the weekend were off."""
        before = "years: {2020: {makeup: [2020-01-31, 2020-02-01]}}"
        office = Office(start="2020-01-01", end="2020-02-20", calendar=before)
        office.case(due="2020-01-30", when="2020-01-02").obey("2020-01-27 10:00")
        assert office.must() == ["01-21 remind liaison", "02-03 overdue liaison", "02-05 head head"]

    def test_without_that_notice(self) -> None:
        before = "years: {2020: {makeup: [2020-01-31, 2020-02-01]}}"
        office = Office(start="2020-01-01", end="2020-02-20", calendar=before)
        office.case(due="2020-01-30", when="2020-01-02")
        assert office.must() == ["01-21 remind liaison", "01-31 overdue liaison", "02-03 head head"]


class TestRules:
    """Edits of the ladders: from their activation on."""

    def test_an_offset_is_moved(self) -> None:
        office = Office().case().obey("2018-08-22 10:00", DUE.replace("-3 workdays", "-2 workdays"))
        assert office.must() == ["08-29 remind liaison", *FULL[1:]]

    def test_what_was_ahead_and_is_now_behind_is_owed_at_once(self) -> None:
        office = Office().case().obey("2018-08-27 10:00", DUE.replace("-3 workdays", "-6 workdays"))
        assert office.must() == FULL

    def test_so_is_what_an_edit_moves_behind_the_day_on_which_its_deadline_was_set(self) -> None:
        office = Office().case().happen("A-1", "extended", "2018-08-24 10:00", due="2018-09-07")
        office.obey("2018-08-27 10:00", DUE.replace("-3 workdays", "-11 workdays"))
        assert office.must()[0] == "08-28 remind liaison"

    def test_what_was_said_is_not_said_again(self) -> None:
        office = Office().case().obey("2018-08-29 10:00", DUE.replace("-3 workdays", "-1 workday"))
        assert office.must() == FULL

    @pytest.mark.parametrize(
        ("edited", "more"), [("2018-08-28", []), ("2018-08-27 10:00", ["08-28 remind head"])], ids=str
    )
    def test_whom_an_edit_adds_at_the_instant_of_a_decision_may_come_too_late(
        self, edited: str, more: list[str]
    ) -> None:
        office = Office().case().obey(edited, DUE.replace("[unit.liaison]", "[unit.liaison, unit.head]", 1))
        assert [found for found in office.must() if found == "08-28 remind head"] == more

    @pytest.mark.parametrize(
        ("edited", "missed"),
        [("2018-08-28 08:00", []), ("2018-08-29 08:00", ["head"])],
        ids=("before", "after"),
    )
    def test_whom_an_edit_takes_away_before_the_release_is_not_told_by_an_undo(
        self, edited: str, missed: list[str]
    ) -> None:
        both = DUE.replace("[unit.liaison]", "[unit.liaison, unit.head]", 1)
        office = Office(both).case().obey(edited).happen("A-1", "submitted", "2018-08-28 09:00")
        office.obey("2018-08-29 10:00", both).happen("A-1", "undone", "2018-08-30 09:00").tally = False
        moment, slot = at("2018-08-28"), at("2018-08-28 09:10")
        office.rows.append(
            j.Decided(1, "case", "A-1", "case-due", "remind", "", 1, "said", moment, moment, slot)
        )
        office.said("case-due.remind", LIAISON, "2018-08-30 09:10")
        assert [found.split()[-1] for found in office.must() if "remind" in found] == missed

    def test_a_rung_is_taken_away(self) -> None:
        without = "\n".join(line for line in DUE.splitlines() if "overdue" not in line)
        assert Office().case().obey("2018-08-29 10:00", without).must() == [FULL[0], FULL[2]]

    def test_a_rung_is_new(self) -> None:
        more = DUE + "      late: {at: +5 workdays, act: notice, to: [office.director]}\n"
        more += "      early: {at: -5 workdays, act: notice, to: [office.director]}\n"
        office = Office().case().obey("2018-08-29 10:00", more)
        assert office.must() == [*FULL, "09-07 late director"]

    def test_a_rung_repeats(self) -> None:
        ladder = """
  case-due:
    about: case
    from: due
    rungs:
      again: {at: +1 workday, every: 5 workdays, times: 2, act: urge, to: [unit.head]}
"""
        assert Office(ladder).case().must() == ["09-03 again@2018-09-03 head", "09-10 again@2018-09-10 head"]

    def test_who_has_signed_is_not_reminded(self) -> None:
        ladder = """
  case-assigned:
    about: case
    from: assigned
    rungs:
      hand-over:  {at: immediately, act: assignment, to: [unit.head]}
      not-signed: {at: +4 workdays, when: unsigned, act: reminder, to: [unit.liaison]}
"""
        office = Office(ladder).case(when="2018-08-20 10:00")
        assert office.must() == ["08-20 hand-over head", "08-24 not-signed liaison"]
        office.happen("A-1", "signed", "2018-08-22 10:00", signer=LIAISON)
        assert office.must() == ["08-20 hand-over head"]

    def test_a_case_without_deadline(self) -> None:
        ladder = """
  case-without-deadline:
    about: case
    from: assigned
    when: open and case.due_on is none
    rungs:
      liaison: {at: +5 workdays, act: reminder, to: [unit.liaison]}
      head:    {at: +10 workdays, act: urge, to: [unit.head]}
"""
        office = Office(ladder).case(due=None)
        assert office.must() == ["08-27 liaison liaison", "09-03 head head"]
        office.happen("A-1", "due_set", "2018-08-29 10:00", due="2018-09-28")
        assert office.must() == ["08-27 liaison liaison"]


def test_a_filing_is_asked_for_until_it_is_handed_in() -> None:
    ladder = """
  filing-due:
    about: filing
    from: due
    rungs:
      overdue: {at: +1 workday, act: urge, to: [unit.head]}
"""
    office = Office(ladder, start="2018-07-25")
    began = office.records[0]
    assert isinstance(began, j.Began)
    campaign = began.files["campaigns/panshi-2018.yaml"]
    filing = "filings: {plan: {phase: plan, due: 2018-07-31, title: x, owed_by: [乡镇街, 开发区]}}\n"
    files = {**began.files, "campaigns/panshi-2018.yaml": campaign + filing}
    office.records[0] = j.Began(began.at, files, began.directory)
    handed_in = j.FilingEvent(began.at, "plan/经济开发区", "submitted", on("2018-07-26"))
    office.records.append(handed_in)
    assert office.must() == ["08-01 overdue head"]
    assert OTHER_HEAD  # who has handed in is left alone
