"""A rung rests while its subject's own facts forbid it, and whatever may change that asks for a look."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon import acts
from daemon.domain.case import Event, EventKind
from daemon.intake import import_sheets
from daemon.scan import scan
from daemon.sheets import Kind, Sheet, UnitRow
from daemon.store import agenda
from daemon.store.engine import writing
from tests.integration.office import DUE, TOWN, Office

WITHOUT_DEADLINE = """
  case-without-deadline:
    about: case
    from: assigned
    when: open and case.due_on is none
    rungs:
      again: {at: +1 month, every: month, act: urge, to: [unit.head]}
"""
OF_TOWNS = """
  of-towns:
    about: case
    from: assigned
    when: open and unit.kind == "开发区"
    rungs:
      again: {at: +1 month, every: month, act: urge, to: [unit.head]}
"""
OPINED = """
  opined:
    about: case
    from: {}
    rungs:
      opinion: {{at: +2 workdays, act: reminder, to: [unit.liaison]}}
"""
OF_KEY = """
  of-key:
    about: case
    from: assigned
    when: open and key
    rungs:
      again: {at: +1 month, every: month, act: urge, to: [unit.head]}
"""
RETURNED = """
  filing-returned:
    about: filing
    from: returned
    when: filing.state == "returned"
    rungs:
      head: {at: +3 workdays, act: urge, to: [unit.head]}
"""


def test_a_case_with_a_deadline_is_not_asked_every_month_for_one(office: Office) -> None:
    office.obey(WITHOUT_DEADLINE)
    office.case("A-1", due="2018-12-31")
    office.scan("2018-11-20 08:00")
    row = office.agenda("A-1")["case-without-deadline"]
    assert (row.due_at, row.resting) == (None, {"again"})
    assert office.decided("A-1") == []


def test_the_deadline_taken_back_it_is_asked_again_from_then_on(office: Office) -> None:
    """Of 09-17 and 10-16 one row says that they have had their day."""
    office.obey(WITHOUT_DEADLINE)
    office.case("A-1")
    office.at("2018-08-20 10:00").happen("A-1", EventKind.DUE_SET, due="2018-12-31")
    office.run("2018-10-20 10:00")
    office.undo("A-1")
    office.run("2018-11-16 18:00")
    assert office.decided("A-1") == ["A-1 again@2018-10-16 when", "A-1 again@2018-11-16 said"]
    assert office.sent() == ["赵书记 wecom: A-1 again@2018-11-16"]


def test_a_unit_of_another_kind_is_looked_at(office: Office) -> None:
    office.obey(OF_TOWNS)
    office.case("A-1")
    office.run("2018-08-20 10:00")
    assert office.agenda("A-1")["of-towns"].due_at is None
    sheet = Sheet(Kind.DIRECTORY, (UnitRow(TOWN, "开发区", "明城"),), place="directory.xlsx")
    import_sheets(office.engine, office.rules(), [sheet], office.now)
    office.run("2018-09-17 18:00")
    assert office.sent() == ["赵书记 wecom: A-1 again@2018-09-16"]


def test_a_date_of_the_campaign_moves_and_what_was_returned_is_still_waited_for(office: Office) -> None:
    office.at("2018-08-01 09:00").obey(RETURNED)
    office.file("issue-list")
    office.at("2018-08-10 10:00").file("issue-list", "returned")
    office.scan()
    office.obey(RETURNED, ("campaigns/panshi-2018.yaml", "due: 2018-08-15", "due: 2018-08-20"))
    office.run("2018-08-15 18:00")
    assert office.sent() == ["赵书记 wecom: issue-list head"]


def becomes_key(office: Office) -> None:
    office.happen("A-1", EventKind.CORRECTED, changes={"key": True})


@pytest.mark.parametrize("looked", [True, False])
def test_a_closing_that_is_undone_does_not_forget_what_rested(office: Office, looked: bool) -> None:
    office.obey(OF_KEY)
    office.case("A-1")
    office.run("2018-11-20 10:00")
    office.close("A-1")
    office.run("2018-11-27 10:00")
    office.undo("A-1")
    office.undo("A-1")
    if looked:
        office.scan()
    becomes_key(office)
    office.run("2018-11-28 18:00")
    assert office.sent() == []


def test_rules_that_lack_the_campaign_for_a_while_do_not_forget_what_rested(office: Office) -> None:
    office.obey(OF_KEY)
    office.case("A-1")
    office.run("2018-11-20 10:00")
    with writing(office.engine) as connection:
        agenda.touch(connection, [office.subject("A-1")], office.now)
    scan(office.engine, replace(office.rules(), campaigns={}), office.now)
    becomes_key(office.later(minutes=5))
    office.run("2018-11-21 18:00")
    assert office.sent() == []


def test_a_ladder_that_came_later_rests_as_well(office: Office) -> None:
    office.obey()
    office.case("A-1", due="2019-12-31")
    office.tick("2018-08-20 09:00")
    office.obey(DUE + OF_KEY)
    office.run("2018-11-27 10:00")
    assert office.agenda("A-1")["of-key"].resting == {"again"}
    becomes_key(office)
    office.run("2018-12-17 18:00")
    assert office.sent() == ["赵书记 wecom: A-1 again@2018-12-16"]


def test_a_rung_that_takes_another_name_rests_on(office: Office) -> None:
    office.obey(OF_KEY)
    office.case("A-1")
    office.run("2018-11-20 10:00")
    office.obey(OF_KEY.replace("again: {", "monthly: {was: again, "))
    becomes_key(office)
    office.run("2018-12-17 18:00")
    assert office.sent() == ["赵书记 wecom: A-1 monthly@2018-12-16"]


def test_an_event_by_who_does_not_know_the_new_rules_is_looked_at_by_them(office: Office) -> None:
    """Somebody's command had read the rules before they were swapped."""
    office.obey(OPINED.format("due"))
    office.case("A-1")
    office.tick("2018-08-20 09:00")
    former = office.rules()
    office.obey(OPINED.format("identified"))
    office.tick("2018-08-20 09:05")
    acts.on_case(office.engine, former, "A-1", Event(EventKind.IDENTIFIED, office.today), office.now)
    office.run("2018-08-24 18:00")
    assert office.sent() == ["孙联络 wecom: A-1 opinion"]
