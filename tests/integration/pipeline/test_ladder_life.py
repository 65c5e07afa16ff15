"""A case on its ladder, from event to event: what is said, and what no longer is."""

from __future__ import annotations

import pytest

from daemon.domain.case import EventKind
from daemon.scan import scan_subjects
from tests.integration.office import DUE, ZONE, Office

AGAIN = """
  case-due:
    about: case
    from: due
    rungs:
      again: {at: +1 workday, every: 2 workdays, times: 3, act: urge, to: [unit.liaison]}
"""
ASSIGNED = """
  case-assigned:
    about: case
    from: assigned
    rungs:
      hand-over: {at: immediately, act: assignment, to: [unit.head]}
"""


@pytest.fixture
def case(office: Office) -> Office:
    """One case, due on Friday 2018-08-31."""
    office.obey()
    office.case("A-1", due="2018-08-31")
    return office


def heard(office: Office, until: str) -> list[str]:
    """Let time pass; return what was said of cases in the meantime, without the office's notes."""
    office.run(until)
    return [words for words in office.news() if "note" not in words]


def test_suspended_is_silent_and_resumed_begins_anew(case: Office) -> None:
    case.happen("A-1", EventKind.SUSPENDED)
    assert heard(case, "2018-09-10 18:00") == []
    case.happen("A-1", EventKind.RESUMED, due="2018-09-28")
    assert heard(case, "2018-10-12 18:00") == [
        "孙联络 wecom: A-1 overdue",
        "孙联络 wecom: A-1 remind",
        "赵书记 wecom: A-1 head",
    ]


def test_submitted_is_silent_and_returned_goes_on(case: Office) -> None:
    case.at("2018-08-27 10:00").happen("A-1", EventKind.SUBMITTED)
    assert heard(case, "2018-09-03 18:00") == [], "it waits for the office"
    case.happen("A-1", EventKind.RETURNED, due="2018-09-28")
    assert heard(case, "2018-09-25 18:00") == ["孙联络 wecom: A-1 remind"]


def test_reopened_is_reminded_of_the_new_deadline(case: Office) -> None:
    case.close("A-1")
    assert heard(case, "2018-09-10 18:00") == []
    case.happen("A-1", EventKind.REOPENED, due="2018-09-28")
    assert heard(case, "2018-09-25 18:00") == ["孙联络 wecom: A-1 remind"]


def test_declined_is_silent_until_it_is_another_units(case: Office) -> None:
    case.happen("A-1", EventKind.DECLINED)
    assert heard(case, "2018-08-28 18:00") == []
    case.happen("A-1", EventKind.MOVED, unit=case.units[ZONE], due="2018-09-28")
    assert heard(case, "2018-09-25 18:00") == ["周联络 wecom: A-1 remind"]


def test_a_deadline_set_late_is_owed_from_then_on(office: Office) -> None:
    office.obey()
    office.case("A-1")
    assert heard(office, "2018-09-03 12:00") == []
    office.happen("A-1", EventKind.DUE_SET, due="2018-09-04")
    assert heard(office, "2018-09-07 18:00") == ["孙联络 wecom: A-1 overdue", "赵书记 wecom: A-1 head"]


def test_an_extension_asked_for_in_time(case: Office) -> None:
    assert heard(case, "2018-08-28 18:00") == ["孙联络 wecom: A-1 remind"]
    case.extend("A-1", "2018-09-14")
    assert heard(case, "2018-09-10 18:00") == []
    assert heard(case, "2018-09-11 18:00") == ["孙联络 wecom: A-1 remind"], "of the new one"


def test_an_extension_undone(case: Office) -> None:
    """As if it had never been: what was said stays said, what was passed over is owed."""
    heard(case, "2018-08-28 18:00")
    case.extend("A-1", "2018-12-31")
    assert heard(case, "2018-09-04 18:00") == []
    case.undo("A-1")
    assert heard(case, "2018-09-05 18:00") == ["孙联络 wecom: A-1 overdue", "赵书记 wecom: A-1 head"]


def test_a_rung_added_after_the_last_one_has_spoken(case: Office) -> None:
    heard(case, "2018-09-06 18:00")
    case.obey(DUE + "      late: {at: +8 workdays, act: urge, to: [unit.head]}\n")
    assert heard(case, "2018-09-12 18:00") == ["赵书记 wecom: A-1 late"]


def test_a_rung_struck_out_in_the_middle_of_a_ladder(case: Office) -> None:
    heard(case, "2018-08-29 18:00")
    ladders = "\n".join(line for line in DUE.splitlines() if "overdue" not in line) + "\n"
    case.obey(ladders)
    assert heard(case, "2018-09-06 18:00") == ["赵书记 wecom: A-1 head"]


def test_what_repeats_does_so_until_it_has_been_said_often_enough(office: Office) -> None:
    office.obey(AGAIN)
    office.case("A-1", due="2018-08-31")
    days = []
    for day in range(1, 21):
        if heard(office, f"2018-09-{day:02} 18:00"):
            days.append(day)
    assert days == [3, 5, 7]


def test_what_repeats_ends_with_the_case(office: Office) -> None:
    office.obey(AGAIN)
    office.case("A-1", due="2018-08-31")
    assert len(heard(office, "2018-09-05 18:00")) == 2
    office.close("A-1")
    assert heard(office, "2018-12-31 18:00") == []
    assert office.due() == []


def test_one_subject_can_be_looked_at_alone(office: Office) -> None:
    """Assigned and closed at one moment: it was assigned, and that was decided between the two."""
    office.obey(ASSIGNED)
    office.at("2018-08-20 00:00").case("A-1")
    office.case("A-2")
    scan_subjects(office.engine, office.rules(), [office.subject("A-1")], office.now)
    assert office.decided() == ["A-1 hand-over said"]
    office.close("A-1")
    office.run("2018-08-20 18:00")
    assert {words.split(": ")[1] for words in office.sent()} == {"A-2 hand-over"}
    assert "赵书记 A-1 hand-over dropped condition" in office.items()


RETURNED = """
  case-returned:
    about: case
    from: returned
    when: case.state == "returned"
    rungs:
      back: {at: immediately, act: notice, to: [unit.liaison]}
      head: {at: +5 workdays, act: urge, to: [unit.head]}
"""


def submitted_and_returned(office: Office, at: str) -> None:
    office.at(at)
    office.happen("A-1", EventKind.SUBMITTED)
    office.happen("A-1", EventKind.RETURNED)


def test_returned_twice_on_one_day_is_said_once(office: Office) -> None:
    """A return leaves the anchor version as it is (design.md §2.2); what moves it is another day."""
    office.obey(RETURNED)
    office.case("A-1", due="2018-12-31")
    submitted_and_returned(office, "2018-08-20 10:00")
    assert heard(office, "2018-08-20 11:00") == ["孙联络 wecom: A-1 back"]
    submitted_and_returned(office, "2018-08-20 15:00")
    assert heard(office, "2018-08-24 18:00") == []
    assert heard(office, "2018-08-27 18:00") == ["赵书记 wecom: A-1 head"]


def test_returned_twice_before_anybody_was_told_is_said_once(office: Office) -> None:
    office.obey(RETURNED)
    office.case("A-1", due="2018-12-31")
    submitted_and_returned(office, "2018-08-20 06:00")
    submitted_and_returned(office, "2018-08-20 07:00")
    assert heard(office, "2018-08-24 18:00") == ["孙联络 wecom: A-1 back"]


def test_returned_again_on_another_day_is_said_again(office: Office) -> None:
    office.obey(RETURNED)
    office.case("A-1", due="2018-12-31")
    submitted_and_returned(office, "2018-08-20 10:00")
    assert heard(office, "2018-08-21 09:00") == ["孙联络 wecom: A-1 back"]
    submitted_and_returned(office, "2018-08-21 10:00")
    assert heard(office, "2018-08-24 18:00") == ["孙联络 wecom: A-1 back"]
