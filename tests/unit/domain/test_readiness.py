"""Readiness: who is missing, whom nothing reaches, whose post ends, who is told twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from daemon.domain.ladder import Act, Addressee, Ladder, Role, Rung, SubjectKind, Wording
from daemon.domain.people import Acting, Post
from daemon.domain.readiness import Demands, Finding, Roster, Trouble, Unit, empty_group, readiness
from daemon.domain.workdays import Offset, Span

TODAY = date(2018, 9, 3)
TOWN, ZONE = 1, 2
HEAD, DEPUTY, LIAISON, LEADER, VICE, DIRECTOR = 11, 12, 13, 21, 22, 31
WORDING = Wording(anchor="due", at=Offset(1, Span.WORKDAYS))


def rung(name: str, *to: Addressee) -> Rung:
    return Rung(name, WORDING, Act.URGE, to)


CASE_DUE = Ladder(
    "case-due",
    SubjectKind.CASE,
    "due",
    (
        rung("remind", (Role.UNIT_LIAISON,), (Role.UNIT_DEPUTY, Role.UNIT_HEAD)),
        rung("head", (Role.UNIT_HEAD,)),
        rung("group", (Role.GROUP_LEADER,), (Role.GROUP_DEPUTY,)),
    ),
)
FILING = Ladder("filing-due", SubjectKind.FILING, "due", (rung("remind", (Role.UNIT_LIAISON,)),))
DEMANDS = Demands((CASE_DUE,), {"sms", "email"})


def post(person: int, role: Role, unit: int | None = TOWN, **term: date) -> Post:
    return Post(person, role, unit, **term)


FULL = Roster(
    units=(Unit(TOWN, "乡镇街"),),
    posts=(
        post(HEAD, Role.UNIT_HEAD),
        post(DEPUTY, Role.UNIT_DEPUTY),
        post(LIAISON, Role.UNIT_LIAISON),
        post(LEADER, Role.GROUP_LEADER, None),
        post(VICE, Role.GROUP_DEPUTY, None),
    ),
    reach={person: ["sms"] for person in (HEAD, DEPUTY, LIAISON, LEADER, VICE)},
)


def without(*roles: Role) -> Roster:
    return replace(FULL, posts=[p for p in FULL.posts if p.role not in roles])


def ending(role: Role, day: date, *others: Post) -> Roster:
    held = [replace(p, until=day) if p.role is role else p for p in FULL.posts]
    return replace(FULL, posts=[*held, *others])


def found(roster: Roster, demands: Demands = DEMANDS) -> list[tuple[object, ...]]:
    """Return what is wrong, like ``("no_head", 1)``: the trouble, and the unit or the person."""
    return [(f.trouble.value, f.person or f.unit) for f in readiness(roster, demands, TODAY)]


def one(roster: Roster, trouble: Trouble, demands: Demands = DEMANDS) -> Finding:
    (finding,) = [f for f in readiness(roster, demands, TODAY) if f.trouble is trouble]
    return finding


def test_a_full_office_is_ready() -> None:
    assert readiness(FULL, DEMANDS, TODAY) == []


def test_a_unit_without_a_head_is_told_once_with_the_rungs_that_fall_silent() -> None:
    roster = without(Role.UNIT_HEAD)
    assert found(roster) == [("no_head", TOWN)]
    assert one(roster, Trouble.NO_HEAD).rungs == ("case-due/head",)


def test_a_seat_with_a_fallback_is_not_empty() -> None:
    assert found(without(Role.UNIT_DEPUTY)) == []


def test_a_line_that_reaches_nobody_is_told_with_its_rungs() -> None:
    assert one(without(Role.UNIT_LIAISON), Trouble.EMPTY_RUNG) == Finding(
        Trouble.EMPTY_RUNG, TOWN, roles=(Role.UNIT_LIAISON,), rungs=("case-due/remind",), since=TODAY
    )


def test_filings_ask_only_of_the_units_that_owe_them() -> None:
    asks = Demands((FILING,), {"sms"}, owed_by={"市直部门"})
    assert found(without(Role.UNIT_LIAISON), asks) == []


@pytest.mark.parametrize(
    ("gone", "empty"),
    [
        ((Role.GROUP_LEADER,), False),
        ((Role.GROUP_DEPUTY,), False),
        ((Role.GROUP_LEADER, Role.GROUP_DEPUTY), True),
    ],
    ids=["the leader", "the deputies", "both"],
)
def test_one_seat_of_the_group_is_enough(gone: tuple[Role, ...], empty: bool) -> None:
    findings = empty_group(without(*gone), [CASE_DUE], TODAY)
    assert [f.rungs for f in findings] == ([("case-due/group",)] if empty else [])


def test_a_gap_between_two_holders_is_foreseen() -> None:
    successor = post(99, Role.UNIT_HEAD, since=date(2018, 10, 8))
    roster = ending(Role.UNIT_HEAD, date(2018, 9, 28), successor)
    reach = {**roster.reach, 99: ["sms"]}
    gap = one(replace(roster, reach=reach), Trouble.EMPTY_RUNG)
    assert (gap.since, gap.until) == (date(2018, 9, 29), date(2018, 10, 7))


def test_the_group_that_will_be_empty_is_foreseen_and_blocks_nothing_yet() -> None:
    roster = replace(
        FULL, posts=[replace(p, until=date(2018, 10, 1)) if p.role.of_group else p for p in FULL.posts]
    )
    assert one(roster, Trouble.EMPTY_GROUP).since == date(2018, 10, 2)
    assert empty_group(roster, [CASE_DUE], TODAY) == []


@pytest.mark.parametrize(
    ("until", "successor", "told"),
    [
        (date(2018, 9, 28), None, True),
        (date(2018, 9, 28), date(2018, 9, 29), False),
        (date(2018, 9, 28), date(2018, 10, 8), True),
        (date(2018, 10, 4), None, False),
    ],
    ids=["none", "next day", "too late", "not soon"],
)
def test_a_post_that_ends_soon_wants_a_successor(until: date, successor: date | None, told: bool) -> None:
    others = (post(99, Role.UNIT_DEPUTY, since=successor),) if successor else ()
    roster = ending(Role.UNIT_DEPUTY, until, *others)
    endings = [f.person for f in readiness(roster, DEMANDS, TODAY) if f.trouble is Trouble.ENDING]
    assert endings == ([DEPUTY] if told else [])


@pytest.mark.parametrize(
    ("reach", "told"), [((), True), (("wecom",), True), (("email",), False)], ids=["none", "unused", "mail"]
)
def test_a_person_wants_an_address_on_a_channel_in_use(reach: tuple[str, ...], told: bool) -> None:
    roster = replace(FULL, reach={**FULL.reach, LIAISON: reach})
    assert found(roster) == ([("unreached", LIAISON)] if told else [])


def test_who_left_need_not_be_reached_and_who_stands_in_must() -> None:
    left = replace(FULL, posts=[*FULL.posts, post(98, Role.UNIT_HEAD, until=date(2018, 9, 2))])
    assert found(left) == []
    stands_in = replace(FULL, acting=[Acting(HEAD, 97, TODAY, TODAY)])
    assert ("unreached", 97) in found(stands_in)


def test_two_seats_of_a_unit_with_one_holder_are_told() -> None:
    roster = replace(
        without(Role.UNIT_LIAISON), posts=[*without(Role.UNIT_LIAISON).posts, post(HEAD, Role.UNIT_LIAISON)]
    )
    twice = one(roster, Trouble.SAME_PERSON)
    assert (twice.person, twice.roles) == (HEAD, (Role.UNIT_LIAISON, Role.UNIT_HEAD))


def test_an_escalation_to_oneself_is_told() -> None:
    climbs = Ladder(
        "office",
        SubjectKind.TARGET,
        "due",
        (rung("a", (Role.OFFICE_DIRECTOR,)), rung("b", (Role.GROUP_DEPUTY,))),
    )
    roster = replace(FULL, posts=[*FULL.posts, post(VICE, Role.OFFICE_DIRECTOR, None)])
    twice = one(roster, Trouble.SAME_PERSON, Demands((climbs,), {"sms"}))
    assert (twice.person, twice.roles) == (VICE, (Role.OFFICE_DIRECTOR, Role.GROUP_DEPUTY))


def test_a_fallback_to_the_head_is_no_escalation_to_oneself() -> None:
    assert found(without(Role.UNIT_DEPUTY)) == []


def test_a_unit_that_has_gone_asks_for_nothing() -> None:
    gone = replace(FULL, units=(*FULL.units, Unit(ZONE, "开发区", until=date(2018, 8, 31))))
    assert readiness(gone, DEMANDS, TODAY) == []
