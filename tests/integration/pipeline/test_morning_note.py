"""Gaps, tasks by hand, failures, lapses and waiting approvals are lines of one morning note to the office."""

from __future__ import annotations

from collections import Counter

import pytest

from daemon.errors import DeliveryError
from daemon.store import tables
from tests.integration.office import DUE, TOWN, Office
from tests.integration.pipeline.test_people import vacate

LETTER = """
  case-due:
    about: case
    from: due
    rungs:
      letter: {at: -3 workdays, act: supervision_letter, to: [unit.head, unit.deputy]}
"""

NO_LIAISONS = "empty_rung 2"
"""Neither unit has a liaison: whatever else a note tells, it tells what is missing in the directory."""


def lines(office: Office) -> list[list[str]]:
    """Return what each note said, oldest first, like ``unaddressed 2``."""
    notes = [row for row in office.notice_rows() if row.kind == "note"]
    return [[f"{line['kind']} {line['count']}" for line in row.reason["lines"]] for row in notes]


def ready(office: Office, ladders: str = DUE) -> Office:
    """One case of which something is said on Tuesday 2018-08-28."""
    office.obey(ladders)
    office.case("A-1", due="2018-08-31")
    office.scan()
    return office


def test_a_quiet_day_has_no_note(office: Office) -> None:
    ready(office).run("2018-08-30 12:00")
    assert lines(office) == []


def test_a_gap_is_told_once(office: Office) -> None:
    ready(office)
    vacate(office, "联络员")
    office.run("2018-08-31 12:00")
    assert lines(office) == [["unaddressed 1", NO_LIAISONS]]
    assert office.news() == ["冯值班 wecom: note"]


def test_what_is_missing_in_the_directory_asks_for_no_note_of_its_own(office: Office) -> None:
    ready(office).hire(TOWN, "联络员", "何联络")
    vacate(office, "分管领导", "主要领导")
    office.run("2018-08-30 12:00")
    assert lines(office) == []


def test_a_gap_is_told_though_it_is_too_late_to_fill_it(office: Office) -> None:
    """The reminder of the last day reached nobody; by the next morning its deadline has passed."""
    ready(office, DUE.replace("-3 workdays", "0 workdays"))
    office.case("A-2", due="2018-09-03")  # its own is released just before that note
    vacate(office, "联络员")
    office.run("2018-09-03 12:00")
    assert lines(office)[0] == ["unaddressed 1", NO_LIAISONS]
    assert office.rows(tables.unaddressed)[0].closed_for == "deadline_passed"
    office.run("2018-09-10 12:00")
    told = [int(line.split()[1]) for note in lines(office) for line in note if "unaddressed" in line]
    assert sum(told) == len(office.rows(tables.unaddressed)), "each once"


def test_a_task_by_hand_is_told_once(office: Office) -> None:
    ready(office)
    office.change("UPDATE persons SET phone = NULL, email = NULL, wecom = NULL WHERE name = '孙联络'")
    office.run("2018-08-31 12:00")
    assert office.notices()[0] == "孙联络 manual manual"
    assert lines(office) == [["manual 1", "unreached 1"]]


def test_a_lapse_is_told_once(office: Office) -> None:
    ready(office).run("2018-08-27 23:00")
    office.run("2018-08-27 23:30").tick("2018-09-01 10:00")  # the service was away over the deadline
    office.run("2018-09-04 12:00")
    assert "A-1 remind lapsed" in office.decided()
    assert lines(office) == [["lapsed 1"]]


def test_approvals_are_told_every_working_morning_as_long_as_they_wait(office: Office) -> None:
    """To the office, and to the director who approves, though another is on duty."""
    ready(office, LETTER).run("2018-08-31 12:00")
    told = ["waiting 2", "empty_rung 1"]  # the zone has no deputy
    assert sorted(lines(office)) == [["waiting 2"]] * 3 + [told] * 3
    assert Counter(office.news()) == {"冯值班 wecom: note": 3, "王主任 wecom: note": 3}


def test_after_three_mornings_the_seat_above_is_told_too(office: Office) -> None:
    ready(office, LETTER).run("2018-08-31 12:00")
    office.case("A-2", due="2018-09-05")
    office.run("2018-09-03 08:00").news()
    office.run("2018-09-03 12:00")  # the fourth morning of A-1's letters
    assert set(office.news()) == {"冯值班 wecom: note", "郑副组长 wecom: note", "王主任 wecom: note"}
    office.run("2018-09-04 12:00")
    above, *theirs = sorted(lines(office)[-3:])
    approver, office_note = ["waiting 4"], ["waiting 4", "empty_rung 1"]
    assert (above, theirs) == (["waiting 2"], [approver, office_note]), "A-2's letters waited one morning"


def test_a_failure_is_told_once_whenever_it_comes(office: Office) -> None:
    """The notice was made before a note was written, and fails after it."""
    ready(office)
    office.case("A-2", due="2018-08-30")
    vacate(office, "主要领导")
    office.wire.answers("manual", DeliveryError("没有人接手", permanent=True))
    office.change("UPDATE persons SET phone = NULL, email = NULL, wecom = NULL WHERE name = '孙联络'")
    office.run("2018-08-31 12:00")
    assert sum("failed 1" in told for told in lines(office)) == 1


def test_what_comes_up_at_the_hour_of_a_note_is_told_in_the_next(office: Office) -> None:
    ready(office)
    vacate(office, "联络员")
    office.run("2018-08-28 12:00")
    office.case("A-2", due="2018-09-03")  # its gap comes up at 2018-08-29 09:10, when A-1's is told
    office.run("2018-08-31 12:00")
    assert lines(office) == [["unaddressed 1", NO_LIAISONS]] * 2


def test_the_director_is_told_where_nobody_is_on_duty(office: Office) -> None:
    ready(office)
    vacate(office, "联络员", "值班员")
    office.run("2018-08-31 12:00")
    assert office.news() == ["王主任 wecom: note"]


def test_a_note_waits_until_somebody_of_the_office_can_be_told(office: Office) -> None:
    ready(office)
    vacate(office, "联络员", "值班员", "主任")
    office.run("2018-08-30 12:00")
    assert office.sent() == []
    office.hire("领导小组办公室", "值班员", "何值班")
    office.run("2018-08-31 12:00")
    assert office.news() == ["何值班 wecom: note"]


def test_what_came_up_while_nobody_held_the_office_is_told_to_who_takes_it(office: Office) -> None:
    """On the morning at which it was to be told the seat was vacant."""
    ready(office)
    vacate(office, "联络员", "值班员", "主任")
    office.hire("领导小组办公室", "值班员", "何值班", since="2018-08-31")
    office.run("2018-08-30 12:00")
    assert office.sent() == []
    office.run("2018-08-31 12:00")
    assert office.news() == ["何值班 wecom: note"]


@pytest.mark.parametrize("look", ["", "2018-08-31 00:01"])
def test_who_looks_earlier_changes_nothing(office: Office, look: str) -> None:
    """What came up on two days is told in one note, on the first morning of who takes the office."""
    ready(office)
    office.case("A-2", due="2018-09-04")  # its gap comes up on 2018-08-30
    vacate(office, "联络员", "值班员", "主任")
    office.hire("领导小组办公室", "值班员", "何值班", since="2018-08-31")
    office.run("2018-08-30 12:00")
    if look:
        office.tick(look)
    office.run("2018-08-31 12:00")
    assert [row.moment for row in office.notice_rows()] == [office.at("2018-08-31 09:10").now]


@pytest.mark.parametrize("look", ["", "2018-09-01 10:00"])
def test_who_takes_it_on_a_day_off_is_told_on_the_next_morning(office: Office, look: str) -> None:
    office.obey(DUE)
    office.case("A-1", due="2018-09-04")  # its gap comes up on Thursday
    office.scan()
    vacate(office, "联络员", "值班员", "主任")
    office.hire("领导小组办公室", "值班员", "何值班", since="2018-09-01")
    office.run("2018-08-31 12:00")
    if look:
        office.tick(look)
    office.run("2018-09-03 12:00")
    assert [row.moment for row in office.notice_rows()] == [office.at("2018-09-03 09:10").now]


def test_who_held_it_for_a_day_off_is_passed_by(office: Office) -> None:
    ready(office)
    vacate(office, "联络员", "值班员", "主任")
    office.hire("领导小组办公室", "值班员", "何值班", since="2018-09-01", until="2018-09-02")
    office.hire("领导小组办公室", "值班员", "马值班", since="2018-09-10")
    office.run("2018-09-10 12:00")
    assert [words for words in office.sent() if "note" in words] == ["马值班 wecom: note"]


def test_who_takes_it_by_day_is_told_on_that_day(office: Office) -> None:
    ready(office)
    vacate(office, "联络员", "值班员", "主任")
    office.run("2018-08-30 10:00")
    office.hire("领导小组办公室", "值班员", "何值班", since="2018-08-30")
    office.run("2018-08-30 12:00")
    assert office.news() == ["何值班 wecom: note"]


def test_no_note_on_a_day_off(office: Office) -> None:
    """Sunday 2018-09-30 was worked, 10-01 to 10-07 were days off."""
    office.obey(DUE.replace("-3 workdays", "-1 workday"))
    office.case("A-1", due="2018-10-08")
    vacate(office, "联络员")
    office.run("2018-09-30 12:00")
    assert "A-1 remind said" in office.decided()
    office.run("2018-10-08 12:00")
    assert [row.moment for row in office.notice_rows()] == [office.at("2018-10-08 09:10").now]
