"""Who is told (design.md §3): seats, days, ``A or B``, a person's own unit, stand-ins."""

from __future__ import annotations

from datetime import date

import pytest

from daemon.domain.ladder import Addressee, Audience, Role
from daemon.domain.people import Acting, Directory, Post, Recipient
from tests.unit.domain.office import on

MINGCHENG, YANTONGSHAN = 1, 2
SECRETARY, MAYOR, DEPUTY, LIAISON, VICE_MAYOR, CHIEF, DIRECTOR, DUTY, MEMBER, OTHER_HEAD = range(10, 20)
TODAY = on("2018-12-27")
POSTS = (
    Post(SECRETARY, Role.UNIT_HEAD, MINGCHENG),
    Post(MAYOR, Role.UNIT_HEAD, MINGCHENG),
    Post(DEPUTY, Role.UNIT_DEPUTY, MINGCHENG),
    Post(LIAISON, Role.UNIT_LIAISON, MINGCHENG),
    Post(OTHER_HEAD, Role.UNIT_HEAD, YANTONGSHAN),
    Post(VICE_MAYOR, Role.UNIT_CITY_LEADER, MINGCHENG),
    Post(VICE_MAYOR, Role.GROUP_DEPUTY, None),
    Post(CHIEF, Role.GROUP_LEADER, None),
    Post(DIRECTOR, Role.OFFICE_DIRECTOR, None),
    Post(DUTY, Role.OFFICE_DUTY, None),
    Post(MEMBER, Role.GROUP_MEMBER, None),
)


def reached(
    *line: Role,
    unit: int | None = MINGCHENG,
    posts: tuple[Post, ...] = POSTS,
    day: date = TODAY,
    acting: tuple[Acting, ...] = (),
) -> list[int]:
    found = Directory(posts, day, acting).resolve(line, unit, units=(MINGCHENG, YANTONGSHAN))
    return [recipient.person for recipient in found]


@pytest.mark.parametrize(
    ("line", "unit", "people"),
    [
        ((Role.UNIT_HEAD,), MINGCHENG, [SECRETARY, MAYOR]),  # a town has a 书记 and a 镇长
        ((Role.UNIT_HEAD,), YANTONGSHAN, [OTHER_HEAD]),
        ((Role.UNIT_DEPUTY, Role.UNIT_HEAD), MINGCHENG, [DEPUTY]),
        ((Role.UNIT_DEPUTY, Role.UNIT_HEAD), YANTONGSHAN, [OTHER_HEAD]),
        ((Role.UNIT_LIAISON,), YANTONGSHAN, []),  # nobody: it never climbs by itself
        ((Role.UNIT_CITY_LEADER,), MINGCHENG, [VICE_MAYOR]),
        ((Role.UNIT_CITY_LEADER, Role.GROUP_LEADER), YANTONGSHAN, [CHIEF]),
        ((Role.OFFICE_DUTY, Role.OFFICE_DIRECTOR), MINGCHENG, [DUTY]),
        ((Role.GROUP_DEPUTY,), None, [VICE_MAYOR]),
        ((Role.UNIT_HEAD,), None, []),  # a campaign has no unit of its own
        ((Role.UNITS_HEAD,), None, [SECRETARY, MAYOR, OTHER_HEAD]),
        ((Role.UNITS_LIAISON,), None, [LIAISON]),
    ],
)
def test_whom_a_line_reaches(line: Addressee, unit: int | None, people: list[int]) -> None:
    assert reached(*line, unit=unit) == people


@pytest.mark.parametrize(
    ("day", "head"),
    [("2018-08-31", []), ("2018-09-01", [1]), ("2018-12-31", [1]), ("2019-01-01", [2]), ("2030-01-01", [2])],
)
def test_a_post_is_held_from_a_day_to_a_day_both_included(day: str, head: list[int]) -> None:
    posts = (
        Post(1, Role.UNIT_HEAD, MINGCHENG, since=on("2018-09-01"), until=on("2018-12-31")),
        Post(2, Role.UNIT_HEAD, MINGCHENG, since=on("2019-01-01")),
    )
    assert reached(Role.UNIT_HEAD, posts=posts, day=on(day)) == head


def test_one_person_with_several_posts_is_reached_in_each() -> None:
    assert reached(Role.UNIT_CITY_LEADER) == reached(Role.GROUP_DEPUTY) == [VICE_MAYOR]


def test_who_holds_a_post_in_the_unit_gives_way_to_the_seat_above() -> None:
    """The 副组长 is the head of the unit concerned: the 组长 is told, and why."""
    posts = (*POSTS, Post(VICE_MAYOR, Role.UNIT_HEAD, YANTONGSHAN))
    directory = Directory(posts, TODAY)
    assert directory.resolve((Role.GROUP_DEPUTY,), YANTONGSHAN) == (
        Recipient(CHIEF, Role.GROUP_LEADER, None, own_unit=True),
    )
    assert directory.resolve((Role.GROUP_DEPUTY,), MINGCHENG) == (
        Recipient(VICE_MAYOR, Role.GROUP_DEPUTY, None),
    )


def test_a_city_leader_who_heads_the_unit_himself_gives_way() -> None:
    posts = (
        *POSTS,
        Post(VICE_MAYOR, Role.UNIT_HEAD, YANTONGSHAN),
        Post(VICE_MAYOR, Role.UNIT_CITY_LEADER, YANTONGSHAN),
    )
    directory = Directory(posts, TODAY)
    (recipient,) = directory.resolve((Role.UNIT_CITY_LEADER,), YANTONGSHAN)
    assert (recipient.person, recipient.role, recipient.own_unit) == (CHIEF, Role.GROUP_LEADER, True)


def test_a_head_is_still_reached_as_head() -> None:
    posts = (*POSTS, Post(VICE_MAYOR, Role.UNIT_HEAD, YANTONGSHAN))
    assert reached(Role.UNIT_HEAD, unit=YANTONGSHAN, posts=posts) == [OTHER_HEAD, VICE_MAYOR]


def test_climbing_goes_on_until_somebody_is_not_of_the_unit() -> None:
    posts = (
        Post(1, Role.OFFICE_DIRECTOR, None), Post(1, Role.UNIT_HEAD, MINGCHENG),
        Post(2, Role.GROUP_DEPUTY, None), Post(2, Role.UNIT_DEPUTY, MINGCHENG),
        Post(3, Role.GROUP_LEADER, None),
    )  # fmt: skip
    assert reached(Role.OFFICE_DUTY, Role.OFFICE_DIRECTOR, posts=posts) == [3]


def test_above_the_leader_there_is_nobody() -> None:
    posts = (Post(1, Role.GROUP_LEADER, None), Post(1, Role.UNIT_HEAD, MINGCHENG))
    assert reached(Role.GROUP_LEADER, posts=posts) == []


def test_two_who_give_way_to_the_same_seat_tell_it_once() -> None:
    posts = (
        Post(1, Role.GROUP_DEPUTY, None), Post(1, Role.UNIT_HEAD, MINGCHENG),
        Post(2, Role.GROUP_DEPUTY, None), Post(2, Role.UNIT_DEPUTY, MINGCHENG),
        Post(3, Role.GROUP_LEADER, None),
    )  # fmt: skip
    assert reached(Role.GROUP_DEPUTY, posts=posts) == [3]


@pytest.mark.parametrize(
    ("day", "person"), [("2018-12-23", MAYOR), ("2018-12-24", 99), ("2018-12-28", 99), ("2018-12-29", MAYOR)]
)
def test_a_stand_in_acts_from_a_day_to_a_day(day: str, person: int) -> None:
    posts = (Post(MAYOR, Role.UNIT_HEAD, MINGCHENG),)
    acting = (Acting(MAYOR, 99, since=on("2018-12-24"), until=on("2018-12-28")),)
    assert reached(Role.UNIT_HEAD, posts=posts, day=on(day), acting=acting) == [person]


def test_a_stand_in_is_reached_in_the_seat_of_the_one_he_stands_in_for() -> None:
    acting = (Acting(DEPUTY, 99, since=TODAY, until=TODAY),)
    found = Directory(POSTS, TODAY, acting).resolve((Role.UNIT_DEPUTY,), MINGCHENG)
    assert found == (Recipient(99, Role.UNIT_DEPUTY, MINGCHENG, acting_for=DEPUTY),)


@pytest.mark.parametrize(
    ("role", "audience"),
    [
        (Role.UNIT_HEAD, Audience.UNIT),
        (Role.UNITS_LIAISON, Audience.UNIT),
        (Role.CASE_HANDLER, Audience.UNIT),
        (Role.UNIT_CITY_LEADER, Audience.GROUP),
        (Role.GROUP_MEMBER, Audience.GROUP),
        (Role.OFFICE_DUTY, Audience.OFFICE),
        (Role.OPERATOR, Audience.OFFICE),
    ],
)
def test_in_which_register_a_seat_is_addressed(role: Role, audience: Audience) -> None:
    assert role.audience is audience
