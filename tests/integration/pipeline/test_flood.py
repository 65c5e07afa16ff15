"""A flood, and what would reach the leading group outside its brief, is held and the office asked."""

from __future__ import annotations

import pytest

from daemon import acts
from daemon.simulate import approve_all
from tests.integration.office import DUE, TOWN, ZONE, Office
from tests.integration.pipeline.test_budgets import TOLD, budgets, by, told

LOW = ("channels.yaml", "flood: {group: [brief, morning]}", "flood: {hour: 2}")
BRIEF_ONLY = ("channels.yaml", "flood: {group: [brief, morning]}", "flood: {group: [brief]}")
ALARM = """
  case-due:
    about: case
    from: due
    rungs:
      alarm: {at: -3 workdays, act: escalation, to: [group.leader]}
      brief: {at: -2 workdays, act: brief, to: [group.leader], bundle: brief}
"""


@pytest.fixture
def flooded(office: Office) -> Office:
    """Three persons are to be told on 2018-08-28, and no more than two may be within an hour."""
    office.obey(DUE, LOW)
    office.hire(TOWN, "联络员", "第二联络")
    office.case("A-1", due="2018-08-31")
    office.case("B-1", ZONE, due="2018-08-31")
    return office.run("2018-08-28 09:40")


def states(office: Office) -> list[str]:
    return [row.state for row in office.notice_rows() if row.kind == "rungs"]


def let_go(office: Office) -> list[int]:
    return acts.let_go(office.engine, office.rules(), "王主任", office.now)


def test_a_flood_is_held_whole_and_the_office_asked_at_once(flooded: Office) -> None:
    assert states(flooded) == ["held"] * 3
    assert flooded.news() == ["冯值班 wecom: note"]
    (ask,) = [row for row in flooded.notice_rows() if row.kind == "ask"]
    assert [(line["kind"], line["count"]) for line in ask.reason["lines"]] == [("held", 3)]


def test_the_office_is_asked_though_it_has_had_enough(office: Office) -> None:
    to_office = TOLD.replace("unit.liaison", "office.duty")
    office.obey(DUE + to_office, LOW, by("notice", "[wecom]"), budgets("{wecom: {day: 1}}"))
    office.hire(TOWN, "联络员", "第二联络")
    assert told(office, "A-1", "2018-08-28 08:40") == ["冯值班 wecom: A-1 told"]
    for number in range(2, 4):
        office.case(f"A-{number}", due="2018-08-31", assigned="2018-08-24")
    office.run("2018-08-28 09:40")
    assert "冯值班 wecom: note" in office.news()


def test_what_is_held_is_let_go(flooded: Office) -> None:
    flooded.news()
    assert len(let_go(flooded)) == 3
    flooded.run("2018-08-28 10:00")
    assert flooded.news() == [
        "周联络 wecom: B-1 remind",
        "孙联络 wecom: A-1 remind",
        "第二联络 wecom: A-1 remind",
    ]
    assert let_go(flooded) == []


def test_what_is_held_is_looked_at_before_it_leaves(flooded: Office) -> None:
    flooded.news()
    flooded.close("A-1")
    let_go(flooded)
    flooded.run("2018-08-28 10:00")
    assert flooded.news() == ["周联络 wecom: B-1 remind"]


def test_what_is_held_is_dropped(flooded: Office) -> None:
    flooded.news()
    numbers = [row.id for row in flooded.notice_rows() if row.state == "held"]
    assert acts.withdraw(flooded.engine, numbers, "王主任", flooded.now) == 3
    flooded.run("2018-08-31 12:00")
    assert flooded.news() == []
    assert {words.split(" ", 3)[3] for words in flooded.items()} == {"dropped withdrawn"}


def test_the_morning_note_asks_as_long_as_it_waits(flooded: Office) -> None:
    flooded.run("2018-08-30 12:00")
    notes = [row for row in flooded.notice_rows() if row.kind == "note"]
    told = [[line["kind"] for line in row.reason["lines"] if line["kind"] == "held"] for row in notes]
    assert told == [["held"], ["held"]]


def test_the_next_hour_is_another(flooded: Office) -> None:
    flooded.news()
    flooded.run("2018-08-28 17:00")
    flooded.case("B-2", ZONE, due="2018-08-31")
    flooded.run("2018-08-29 09:20")
    assert "周联络 wecom: B-2 remind" in flooded.news()
    assert states(flooded).count("held") == 3


def test_the_hour_begins_anew_for_what_a_person_let_go(flooded: Office) -> None:
    let_go(flooded)
    flooded.case("A-3", due="2018-08-31")
    flooded.run("2018-08-29 09:20")
    assert "held" not in states(flooded)


def test_the_group_is_told_in_its_brief_and_else_only_when_the_office_says_so(office: Office) -> None:
    office.obey(ALARM, BRIEF_ONLY)
    office.case("A-1", due="2018-09-05")
    office.run("2018-09-03 12:00")
    assert office.news() == ["冯值班 wecom: note", "冯值班 wecom: note", "吴组长 email: A-1 brief"]
    assert let_go(office)
    office.run("2018-09-03 17:00")
    assert "吴组长 email: A-1 alarm" not in office.news(), "the brief has outranked it meanwhile"


def test_what_was_approved_is_not_held_again(office: Office) -> None:
    office.obey(ALARM.replace("act: escalation", "act: supervision_letter"), BRIEF_ONLY)
    office.case("A-1", due="2018-09-05")
    office.run("2018-08-31 09:20")
    assert states(office) == ["waiting"]
    assert approve_all(office.engine, office.rules(), office.now) == 1
    office.run("2018-08-31 17:00")
    assert "吴组长 email: A-1 alarm" in office.news()
