"""Whom a rung reaches is decided at the release, from who holds the post on that day."""

from __future__ import annotations

import pytest
from sqlalchemy import delete

from daemon.domain.case import EventKind
from daemon.store import tables
from daemon.store.engine import writing
from tests.integration.office import DUE, TOWN, ZONE, Office, hired

TWO_LINES = """
  case-due:
    about: case
    from: due
    rungs:
      remind:
        at: -3 workdays
        act: notice
        to: [unit.liaison, unit.deputy or unit.head]
        copy: [office.member]
      overdue: {at: +3 workdays, act: urge, to: [unit.head]}
"""
CITY = """
  case-due:
    about: case
    from: due
    rungs:
      city:   {at: -3 workdays, act: notice, to: [unit.city_leader]}
      deputy: {at: +1 workday, act: notice, to: [group.deputy]}
"""
COPIED = """
  case-due:
    about: case
    from: due
    rungs:
      remind: {at: -3 workdays, act: urge, to: [unit.liaison], copy: [unit.deputy]}
"""
MORNING = "2018-08-28 09:10"


def morning(office: Office, ladders: str = TWO_LINES) -> Office:
    """One case due on 2018-08-31, on the eve of the day when something is said of it."""
    office.obey(ladders)
    office.case("A-1", due="2018-08-31")
    office.scan()
    return office.at("2018-08-27 18:00")


def vacate(office: Office, *posts: str) -> None:
    """Let posts have been vacant all the time."""
    with writing(office.engine) as connection:
        connection.execute(delete(tables.posts).where(tables.posts.c.title.in_(posts)))


def gaps(office: Office) -> list[bool]:
    """Return the lines that reached nobody; true where somebody was reached after all."""
    return [row.resolved_at is not None for row in office.rows(tables.unaddressed)]


def test_who_holds_the_post_on_the_day_is_told(office: Office) -> None:
    morning(office)
    office.leave("孙联络", "2018-08-27")
    office.hire(TOWN, "联络员", "何联络", since="2018-08-28")
    office.tick(MORNING)
    assert office.news() == ["何联络 wecom: A-1 remind", "钱副镇长 wecom: A-1 remind"]


@pytest.mark.parametrize(
    ("vacant", "told"), [((), "钱副镇长"), (("分管领导",), "赵书记"), (("主要领导",), "钱副镇长")]
)
def test_the_first_seat_that_anybody_holds(office: Office, vacant: tuple[str, ...], told: str) -> None:
    morning(office)
    vacate(office, *vacant)
    office.tick(MORNING)
    assert f"{told} wecom: A-1 remind" in office.sent()
    assert "wecom: note" not in " ".join(office.sent()), "a fallback is no gap"


def test_all_who_hold_a_seat_are_told(office: Office) -> None:
    morning(office)
    office.hire(TOWN, "联络员", "何联络")
    office.tick(MORNING)
    assert {"何联络 wecom: A-1 remind", "孙联络 wecom: A-1 remind"} < set(office.news())


def test_who_holds_two_posts_is_told_once(office: Office) -> None:
    morning(office)
    office.hire(TOWN, "分管领导", "孙联络")
    office.tick(MORNING)
    assert office.news() == ["孙联络 wecom: A-1 remind", "钱副镇长 wecom: A-1 remind"]
    assert len(office.items()) == 2


def test_a_stand_in_is_told_in_place_of_the_person(office: Office) -> None:
    morning(office)
    office.stands_in("周联络", "孙联络", "2018-08-28", "2018-08-28")
    office.tick(MORNING)
    assert office.news() == ["周联络 wecom: A-1 remind", "钱副镇长 wecom: A-1 remind"]


def test_a_line_that_reaches_nobody_is_told_to_the_office_and_filled_later(office: Office) -> None:
    morning(office)
    vacate(office, "联络员")
    office.tick(MORNING)
    assert office.news() == ["钱副镇长 wecom: A-1 remind"]
    assert gaps(office) == [False]
    office.run("2018-08-29 12:00")
    assert office.news() == ["冯值班 wecom: note"]
    note = next(row for row in office.notice_rows() if row.kind == "note")
    told = [(line["kind"], line["count"]) for line in note.reason["lines"]]
    assert told == [("unaddressed", 1), ("empty_rung", 2)]
    office.hire(TOWN, "联络员", "何联络", since="2018-08-30")
    office.case("A-2", due="2018-09-04")  # its own reminder is the next release: 2018-08-30
    office.run("2018-08-30 12:00")
    assert office.news() == ["何联络 wecom: A-1 remind, A-2 remind", "钱副镇长 wecom: A-2 remind"]
    assert gaps(office) == [True]
    office.run("2018-09-04 12:00")
    assert office.sent() == [], "and it is told once"


def test_a_gap_that_was_closed_for_a_fact_that_was_taken_back_is_filled(office: Office) -> None:
    morning(office)
    vacate(office, "联络员")
    office.tick(MORNING)
    office.happen("A-1", EventKind.SUBMITTED)
    office.case("A-2", due="2018-09-03")  # reminded of on 2018-08-29
    office.run("2018-08-29 12:00")
    assert gaps(office) == [True, False], "there was nothing to say to anybody"
    office.undo("A-1")
    office.hire(TOWN, "联络员", "何联络", since="2018-08-30")
    office.case("A-3", due="2018-09-04")
    office.run("2018-08-30 12:00")
    assert "何联络 wecom: A-1 remind, A-2 remind, A-3 remind" in office.news()
    assert gaps(office) == [True, True]


def test_a_gap_that_came_while_the_rung_was_on_its_way_is_filled_after_an_undo(office: Office) -> None:
    morning(office, DUE).prepare(MORNING)
    office.leave("孙联络", "2018-08-27")
    office.deliver()
    assert gaps(office) == [False]
    office.happen("A-1", EventKind.SUBMITTED)
    office.case("A-2", due="2018-09-03")  # reminded of on 2018-08-29
    office.run("2018-08-29 12:00")
    assert gaps(office) == [True, False]
    office.undo("A-1")
    office.hire(TOWN, "联络员", "何联络", since="2018-08-30")
    office.case("A-3", due="2018-09-04")
    office.run("2018-08-30 12:00")
    assert "何联络 wecom: A-1 remind, A-2 remind, A-3 remind" in office.news()
    assert gaps(office) == [True, True]


def test_a_reopened_gap_is_tried_at_once(office: Office) -> None:
    submitted_while_nobody_held_the_seat(office)
    office.hire(TOWN, "联络员", "何联络", since="2018-08-29")
    office.news()
    office.undo("A-1")
    office.run("2018-08-29 12:05")
    assert office.news() == ["何联络 wecom: A-1 remind, A-2 remind"]
    assert gaps(office) == [True, True]


def test_a_reopened_gap_that_still_reaches_nobody_is_told_to_the_office_again(office: Office) -> None:
    submitted_while_nobody_held_the_seat(office)
    office.undo("A-1")
    office.tick()
    assert gaps(office) == [False, False]
    assert {row.reopened_at for row in office.rows(tables.unaddressed)} == {None}, "it has been tried"
    office.run("2018-08-30 12:00")
    note = [row for row in office.notice_rows() if row.kind == "note"][-1]
    lines = [line for line in note.reason["lines"] if line["kind"] == "unaddressed"]
    assert [line["count"] for line in lines] == [2], "both are new since the last note"


def submitted_while_nobody_held_the_seat(office: Office) -> None:
    """The gap of A-1 is closed, since there is nothing to say; that of A-2 is open."""
    morning(office, DUE)
    vacate(office, "联络员")
    office.tick(MORNING)
    office.happen("A-1", EventKind.SUBMITTED)
    office.case("A-2", due="2018-09-03")
    office.run("2018-08-29 12:00")
    assert gaps(office) == [True, False]


def test_an_undo_leaves_a_gap_alone_that_was_filled_by_one_already_told(office: Office) -> None:
    filled_by_one_already_told(office)
    office.sign("A-1", "钱副镇长")
    office.undo("A-1")
    assert gaps(office) == [True]


def test_an_undo_leaves_a_gap_alone_that_came_too_late(office: Office) -> None:
    morning(office)
    vacate(office, "联络员")
    office.tick(MORNING)
    office.run("2018-09-05 12:00")  # 赵书记 is urged; nobody is reminded any more
    assert gaps(office) == [True]
    office.sign("A-1", "赵书记")
    office.undo("A-1")
    assert gaps(office) == [True]


def test_who_left_his_seat_and_is_back_before_anybody_took_it_is_told(office: Office) -> None:
    morning(office, DUE).prepare(MORNING)
    office.leave("孙联络", "2018-08-27")
    office.deliver()
    assert gaps(office) == [False]
    office.hire(TOWN, "联络员", "孙联络", since="2018-08-29")
    office.case("A-2", due="2018-09-03")
    office.run("2018-08-29 12:00")
    assert "孙联络 wecom: A-1 remind, A-2 remind" in office.news()
    assert gaps(office) == [True]


def test_a_gap_never_climbs_by_itself(office: Office) -> None:
    morning(office, DUE)
    vacate(office, "联络员")
    office.run("2018-09-04 12:00")
    assert all("note" in words for words in office.sent())


def test_a_copy_that_reaches_nobody_is_no_gap(office: Office) -> None:
    morning(office)
    office.tick(MORNING)
    assert gaps(office) == []


def copied_to_the_deputy(office: Office) -> None:
    """Nobody holds the liaison's seat, of whose reminder the deputy gets a copy: there is nothing to copy."""
    morning(office, COPIED)
    vacate(office, "联络员")
    office.tick(MORNING)
    assert office.news() == []
    office.case("A-2", due="2018-09-03")  # its own reminder is the next release


def test_a_copy_waits_until_somebody_is_told(office: Office) -> None:
    copied_to_the_deputy(office)
    office.hire(TOWN, "联络员", "何联络", since="2018-08-29")
    office.run("2018-08-29 12:00")
    assert {"何联络 wecom: A-1 remind, A-2 remind", "钱副镇长 wecom: A-1 remind, A-2 remind"} <= set(
        office.news()
    )
    office.run("2018-09-10 12:00")
    assert "remind" not in " ".join(office.news()), "and it is told once"


def test_who_was_to_have_the_copy_may_take_the_seat(office: Office) -> None:
    copied_to_the_deputy(office)
    office.hire(TOWN, "联络员", "钱副镇长", since="2018-08-29")
    office.run("2018-08-29 12:00")
    assert "钱副镇长 wecom: A-1 remind, A-2 remind" in office.news()


def test_so_may_who_has_a_copy_on_its_way(office: Office) -> None:
    """It would fall, since nobody was told of what it copies; now it is his own."""
    morning(office, COPIED)
    vacate(office, "联络员")
    office.prepare(MORNING)
    office.case("A-2", due="2018-09-03")  # its own reminder is the next release
    office.scan()
    office.hire(TOWN, "联络员", "钱副镇长", since="2018-08-29")
    office.prepare("2018-08-29 09:10")
    office.run("2018-08-29 12:00")
    assert "A-1 remind said" in " ".join(office.items())
    assert gaps(office) == [True]
    assert sum("A-1 remind" in words for words in office.sent()) == 1


def test_one_person_who_takes_both_vacant_posts_fills_both_gaps_once(office: Office) -> None:
    morning(office)
    vacate(office, "联络员", "分管领导", "主要领导")
    office.tick(MORNING)
    assert gaps(office) == [False, False]
    office.hire(TOWN, "联络员", "何联络")
    office.hire(TOWN, "主要领导", "何联络")
    office.case("A-2", due="2018-09-03")  # reminded of on 2018-08-29
    office.run("2018-08-29 12:00")
    assert "何联络 wecom: A-1 remind, A-2 remind" in office.news()
    assert gaps(office) == [True, True]


def filled_by_one_already_told(office: Office) -> None:
    """The copy of the reminder went to 钱副镇长, who then takes the vacant seat."""
    morning(office)
    vacate(office, "联络员")
    office.tick(MORNING)
    office.hire(TOWN, "联络员", "钱副镇长")
    office.case("A-2", due="2018-09-03")  # its own reminder is the next release
    office.run("2018-08-29 12:00")


def test_a_gap_is_filled_when_its_post_is_taken_by_one_already_told(office: Office) -> None:
    filled_by_one_already_told(office)
    assert gaps(office) == [True]
    assert sum("A-1" in words for words in office.sent()) == 1


def test_a_gap_ends_when_nothing_is_to_be_said_any_more(office: Office) -> None:
    morning(office)
    vacate(office, "联络员")
    office.tick(MORNING)
    office.close("A-1")
    office.case("A-2", due="2018-09-03")
    office.hire(TOWN, "联络员", "何联络")
    office.run("2018-08-29 12:00")
    assert gaps(office) == [True]
    assert "何联络 wecom: A-2 remind" in office.sent()


def test_nobody_at_a_post_is_no_gap_when_nothing_is_to_be_said_there(office: Office) -> None:
    morning(office)
    vacate(office, "联络员")
    office.scan("2018-08-28 08:00")
    office.close("A-1")
    office.tick(MORNING)
    assert gaps(office) == [True], "kept for an undo, closed from the first"
    office.run("2018-08-29 12:00")
    assert "unaddressed" not in str([row.reason for row in office.notice_rows()])


def test_who_is_concerned_by_the_undo_of_what_kept_a_rung_silent_is_told_when_he_takes_the_seat(
    office: Office,
) -> None:
    morning(office, DUE)
    vacate(office, "联络员")
    office.scan("2018-08-28 08:00")
    office.happen("A-1", EventKind.SUBMITTED)
    office.tick(MORNING)
    office.undo("A-1")
    assert gaps(office) == [False]
    office.hire(TOWN, "联络员", "何联络", since="2018-08-29")
    office.case("A-2", due="2018-09-03")
    office.run("2018-08-29 12:00")
    assert "何联络 wecom: A-1 remind, A-2 remind" in office.news()


def test_the_citys_leader_of_the_unit(office: Office) -> None:
    morning(office, CITY)
    city_leader(office, "秦副市长")
    office.tick(MORNING)
    assert office.news() == ["秦副市长 wecom: A-1 city"]


def test_who_belongs_to_the_unit_gives_way_to_the_seat_above(office: Office) -> None:
    """The group's deputy is the town's own head: the line goes to the group's leader, and says 本单位."""
    morning(office, CITY)
    city_leader(office, "秦副市长")
    office.hire("领导小组", "副组长", "赵书记")
    office.leave("郑副组长", "2018-08-20")
    office.run("2018-09-03 12:00")
    assert office.sent()[-1] == "吴组长 wecom: A-1 deputy"
    assert [row.own_unit for row in office.rows(tables.items)] == [False, True]
    assert "本单位" in str(office.wire.taken[-1].message.content)


def city_leader(office: Office, name: str) -> None:
    with writing(office.engine) as connection:
        person = connection.execute(
            tables.persons.insert().values(name=name, wecom="u-city").returning(tables.persons.c.id)
        ).scalar_one()
        connection.execute(
            tables.posts.insert().values(
                person_id=person, role="unit.city_leader", unit_id=office.units[TOWN]
            )
        )


def test_two_people_of_one_name_are_two_people(office: Office) -> None:
    """A name is common; the phone tells people apart."""
    office.obey(DUE.replace("[unit.liaison]", "[unit.head]"))
    office.leave("赵书记", "2018-08-16")
    office.leave("李主任", "2018-08-16")
    office.bring(hired(TOWN, "主要领导", "张伟", mark="1"), hired(ZONE, "主要领导", "张伟", mark="2"))
    office.at("2018-08-20 09:00").case("A-1", due="2018-08-31")
    office.case("B-1", ZONE, due="2018-08-31")
    office.tick(MORNING)
    assert office.news() == ["张伟 wecom: A-1 remind", "张伟 wecom: B-1 remind"]
