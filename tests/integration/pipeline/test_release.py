"""Release: what was decided becomes notices, one for each person, bundle and legs; each item is made once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from daemon.domain.case import EventKind
from daemon.errors import StaleRulesError
from daemon.release import Candidate, _Office, release
from daemon.store import tables
from tests.integration.office import DUE, ZONE, Office, meanwhile

TWO_LADDERS = (
    DUE
    + """
  case-without-opinion:
    about: case
    from: assigned
    rungs:
      notice: {at: +8 workdays, act: notice, to: [unit.liaison], copy: [unit.deputy]}
      again:  {at: +9 workdays, act: reminder, to: [unit.liaison]}
"""
)
"""For a case assigned on 2018-08-16, +8 workdays is 2018-08-28, the day on which ``remind`` falls."""
ACTS = ("notice:", "urge:")
FOLDED = """
  case-due:
    about: case
    from: due
    rungs:
      early:  {at: -3 workdays, act: urge, to: [unit.liaison], copy: [unit.deputy]}
      remind: {at: -3 workdays, act: reminder, to: [unit.liaison, unit.head]}
      later:  {at: -3 workdays, act: urge, to: [unit.liaison]}
"""


def ready(office: Office, ladders: str = DUE, *numbers: str) -> Office:
    """Put cases due on 2018-08-31 on file, and stop at the morning when something is said of them."""
    office.obey(ladders)
    for no in numbers or ("A-1",):
        office.case(no, due="2018-08-31")
    office.scan()
    return office.at("2018-08-28 09:10")


def test_nothing_is_released_before_its_slot(office: Office) -> None:
    ready(office)
    assert office.prepare("2018-08-28 09:09").notices() == []
    assert office.prepare("2018-08-28 09:10").notices() == ["孙联络 wecom ready"]
    assert office.release() == 0, "and never again"
    assert office.items() == ["孙联络 A-1 remind open"]


def test_what_happens_on_a_day_off_waits_for_the_next_working_day(office: Office) -> None:
    office.obey(DUE.replace("-3 workdays", "-6 days"))
    office.case("A-1", due="2018-08-31")  # six days before is Saturday 2018-08-25
    office.run("2018-08-27 09:09")
    assert office.sent() == []
    office.run("2018-08-27 09:10")
    assert office.sent() == ["孙联络 wecom: A-1 remind"]


@pytest.mark.parametrize(
    ("now", "released"),
    [("2018-08-28 09:10", 0), ("2018-08-28 09:14", 0), ("2018-08-28 09:15", 1)],
)
def test_it_waits_for_what_is_not_planned_yet_but_not_for_ever(
    office: Office, now: str, released: int
) -> None:
    ready(office, DUE, "A-1")
    office.scan()
    office.case("A-2", due="2018-08-31")  # due to be looked at since 09:10, and nobody does
    assert office.release(now) == released


def test_what_becomes_due_after_the_moment_is_not_waited_for(office: Office) -> None:
    ready(office)
    office.scan()
    office.later(minutes=1).case("A-2", due="2018-08-31")
    assert office.release() == 1


def test_releases_at_once_make_each_item_once(office: Office) -> None:
    ready(office, DUE, *(f"A-{n}" for n in range(20)))
    office.scan()
    with ThreadPoolExecutor(4) as pool:
        made = pool.map(lambda _: release(office.engine, office.rules(), office.now), range(4))
        assert sum(made) == 1
    assert len(office.items()) == 20
    assert office.notices() == ["孙联络 wecom ready"]
    assert office.deliveries() == ["wecom ready"]


def test_what_is_taken_back_while_a_release_looks_is_said(office: Office, monkeypatch) -> None:
    """It has seen the case submitted, and drops what an undo at the same time would find not dropped yet."""
    ready(office).scan()
    office.happen("A-1", EventKind.SUBMITTED)
    office.scan()
    candidates = _Office.candidates

    def look_slowly(mine: _Office, *about: Any) -> list[Candidate]:
        undo()
        return candidates(mine, *about)

    with meanwhile(lambda: office.undo("A-1")) as undo, monkeypatch.context() as patch:
        patch.setattr(_Office, "candidates", look_slowly)
        office.release()
    office.tick()
    assert office.sent() == ["孙联络 wecom: A-1 remind"]


def test_nothing_is_released_by_rules_no_longer_in_force(office: Office) -> None:
    ready(office).scan()
    old = office.rules()
    office.obey(TWO_LADDERS)
    office.scan()
    with pytest.raises(StaleRulesError):
        release(office.engine, old, office.now)
    assert office.items() == []


def test_items_of_one_person_bundle_and_legs_are_one_notice(office: Office) -> None:
    ready(office, TWO_LADDERS, "A-1", "A-2").tick()
    assert office.news() == [
        "孙联络 wecom: A-1 notice, A-2 notice",
        "孙联络 wecom: A-1 remind, A-2 remind",  # a reminder goes by other legs
        "钱副镇长 wecom: A-1 notice, A-2 notice",
    ]


def test_several_acts_by_the_same_legs_are_told_in_a_digest_the_strongest_first(office: Office) -> None:
    ladders = DUE.replace("act: reminder", "act: notice")
    by_sms = [
        ("ladders.yaml", f"{act:<20}{{legs: [wecom, email]}}", f"{act} {{legs: [sms]}}") for act in ACTS
    ]
    office.obey(ladders, *by_sms)
    office.case("A-1", due="2018-09-06")  # a notice on 09-03
    office.case("A-2", due="2018-08-31")  # urged on 09-03
    office.scan()
    office.tick("2018-09-03 09:10")
    assert "孙联络 sms: A-2 overdue, A-1 remind" in office.sent()
    told = {handed.message.name: handed.message.content["template"] for handed in office.wire.taken}
    assert told["孙联络"] == "digest.unit"


def test_one_act_is_told_in_its_own_words(office: Office) -> None:
    office.obey(
        DUE, ("ladders.yaml", "reminder:           {legs: [wecom, sms+email]}", "reminder: {legs: [sms]}")
    )
    office.case("A-1", due="2018-08-31")
    office.tick("2018-08-28 09:10")
    assert str(office.wire.taken[0].message.content["template"]).startswith("reminder.unit")


def test_of_one_ladder_and_person_only_the_strongest_goes(office: Office) -> None:
    ready(office, FOLDED).tick()
    assert office.news() == [
        "孙联络 wecom: A-1 later",
        "赵书记 wecom: A-1 remind",
        "钱副镇长 wecom: A-1 early",
    ]
    assert office.items() == [
        "孙联络 A-1 early superseded",
        "钱副镇长 A-1 early said",
        "孙联络 A-1 remind superseded",
        "赵书记 A-1 remind said",
        "孙联络 A-1 later said",
    ]


def test_the_unit_and_the_group_are_each_told_their_own(office: Office) -> None:
    office.obey(DUE + "      group: {at: +3 workdays, act: escalation, to: [group.leader or group.deputy]}\n")
    office.case("A-1", due="2018-08-31")
    office.run("2018-09-03 12:00").news()
    office.run("2018-09-05 12:00")
    assert office.news() == ["吴组长 email: A-1 group", "赵书记 wecom: A-1 head"]


def test_the_weaker_is_looked_at_again_when_the_stronger_drops(office: Office) -> None:
    """The last urge is for what nobody signed for; it drops at the look, and what it stood for goes."""
    office.obey(
        FOLDED.replace("act: urge, to: [unit.liaison]}", "act: urge, to: [unit.liaison], when: unsigned}")
    )
    office.case("A-1", due="2018-08-31")
    office.prepare("2018-08-28 09:10")
    assert "孙联络 A-1 later open" in office.items()
    office.sign("A-1", "赵书记")
    office.deliver()
    assert "孙联络 A-1 later dropped condition" in office.items()
    office.tick()
    assert "孙联络 A-1 early said" in office.items()
    assert "孙联络 A-1 remind superseded" in office.items()
    assert "孙联络 wecom: A-1 early" in office.sent()


def test_downtime_across_rungs_says_only_the_strongest(office: Office) -> None:
    """GoAlert's dedupnotifications: one message, not one for each rung that was missed."""
    office.obey(DUE.replace("act: urge, to: [unit.head]", "act: urge, to: [unit.liaison]"))
    office.case("A-1", due="2018-08-31")
    office.tick("2018-09-06 09:10")
    assert office.news() == ["孙联络 wecom: A-1 head"]
    assert "孙联络 A-1 overdue superseded" in office.items()


def test_many_cases_of_one_unit_do_not_hold_up_anothers(office: Office) -> None:
    office.obey()
    for n in range(120):
        office.case(f"A-{n:03}", due="2018-08-31")
    office.case("B-1", ZONE, due="2018-08-31")
    office.tick("2018-08-28 09:10")
    assert len(office.wire.taken) == 2, "one digest for one person"
    assert "周联络 wecom: B-1 remind" in office.sent()


def test_immediately_leaves_at_once_and_in_no_bundle(office: Office) -> None:
    office.obey(
        "  case-assigned: {about: case, from: assigned, rungs: "
        "{hand-over: {at: immediately, act: assignment, to: [unit.head]}}}\n"
    )
    office.at("2018-08-16 14:23").case("A-1")
    office.tick()
    assert office.news() == ["赵书记 email: A-1 hand-over", "赵书记 sms: A-1 hand-over"]
    office.at("2018-08-17 20:00").case("A-2")
    office.run("2018-08-20 08:29")
    assert office.sent() == [], "the window is closed for the weekend"
    office.run("2018-08-20 08:40")
    assert office.news() == ["赵书记 email: A-2 hand-over", "赵书记 sms: A-2 hand-over"]


def test_what_the_window_held_is_spread_over_its_first_minutes(office: Office) -> None:
    office.obey(
        "  case-assigned: {about: case, from: assigned, rungs: "
        "{hand-over: {at: immediately, act: notice, to: [unit.head, unit.liaison, unit.deputy]}}}\n"
    )
    office.at("2018-08-17 20:00").case("A-1")
    office.case("B-1", ZONE)
    office.scan()
    office.prepare("2018-08-20 08:30")
    times = {row.next_attempt_at.astimezone(office.now.tzinfo) for row in office.rows(tables.deliveries)}
    assert all("08:30" < f"{time:%H:%M}" < "08:40" for time in times), "never at :30 for WeCom"
    assert len(times) > 1


def test_a_rung_struck_out_before_its_release_says_nothing(office: Office) -> None:
    ready(office)
    office.scan()
    office.obey(DUE.replace("remind:", "other:"))
    office.tick()
    assert office.sent() == []


def test_the_moment_of_a_notice_is_its_slot(office: Office) -> None:
    ready(office)
    office.prepare("2018-08-28 09:30")
    assert [row.moment for row in office.notice_rows()] == [office.at("2018-08-28 09:10").now]


def test_a_slot_missed_by_more_than_two_hours_is_over(office: Office) -> None:
    ready(office)
    office.prepare("2018-08-28 11:11")
    assert office.notices() == []
    office.prepare("2018-08-29 09:10")
    assert office.notices() == ["孙联络 wecom ready"]


def test_closed_between_decision_and_release(office: Office) -> None:
    ready(office)
    office.scan()
    office.close("A-1")
    office.tick()
    assert office.sent() == []
    assert office.items() == ["孙联络 A-1 remind dropped condition"]
