"""What is strongest, and by which leg it goes (design.md §2.4, §3, §5)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time
from itertools import pairwise, permutations

import pytest

from daemon.domain.ladder import Act, Ladder, SubjectKind
from daemon.domain.legs import MANUAL, Hours, first_leg, leg_name, open_leg
from daemon.domain.strength import Strength, strength
from daemon.domain.windows import Window
from tests.unit.domain.office import SHANGHAI, at, ladder, published, rung, wording

WEAKEST_FIRST = (
    "notice", "reminder", "early_warning", "urge", "assignment", "supervision_letter", "commendation",
    "circular", "talk", "accountability", "escalation", "brief",
)  # fmt: skip
WEEKLY = wording("0 days", repeat="1 week")


def test_acts_weakest_first() -> None:
    assert tuple(act.value for act in sorted(Act, key=lambda act: act.rank)) == WEAKEST_FIRST
    assert (Act.NOTICE.label, Act.URGE.label, Act.BRIEF.label) == ("告知", "催办", "专报")


LADDER: Ladder = ladder(
    rung("letter", "0 days", Act.SUPERVISION_LETTER),
    rung("remind", "-3 workdays", Act.REMINDER),
    rung("urge", "+1 workday", Act.URGE),
    rung("again", WEEKLY, Act.URGE),
)
RISING = [
    strength(LADDER, LADDER.rungs[1], ""),
    strength(LADDER, LADDER.rungs[2], ""),
    strength(LADDER, LADDER.rungs[3], ""),
    strength(LADDER, LADDER.rungs[3], "2018-12-31"),
    strength(LADDER, LADDER.rungs[3], "2019-01-07"),
    strength(LADDER, LADDER.rungs[0], ""),
]
"""By the rank of the act, then the later rung, then the later occurrence."""


def test_the_rank_of_the_act_then_the_later_rung_then_the_later_occurrence() -> None:
    assert all(weaker < stronger for weaker, stronger in pairwise(RISING))


@pytest.mark.parametrize("shuffled", list(permutations(RISING, 3))[::7])
def test_the_strongest_comes_first_in_a_list(shuffled: tuple[Strength, ...]) -> None:
    assert sorted(shuffled, key=lambda one: one.reversed) == sorted(shuffled, reverse=True)


def test_a_rung_that_is_gone_has_no_place() -> None:
    assert LADDER.position("remind") == 1
    assert LADDER.position("gone") == -1
    assert LADDER.rung("gone") is None
    assert LADDER.about is SubjectKind.CASE


LEGS = (("wecom",), ("sms", "email"))


def has(*channels: str) -> Callable[[str], bool]:
    return lambda channel: channel in channels


@pytest.mark.parametrize(
    ("reaches", "start", "leg"),
    [
        (has("wecom", "sms", "email"), 0, (0, ("wecom",))),
        (has("sms", "email"), 0, (1, ("sms", "email"))),
        (has("email"), 0, (1, ("email",))),  # of what is joined, what reaches
        (has("wecom", "email"), 1, (1, ("email",))),
        (has(), 0, (2, (MANUAL,))),  # the office, by hand, is the implied last
        (has("wecom"), 1, (2, (MANUAL,))),
        (has("wecom"), 9, (2, (MANUAL,))),
    ],
)
def test_the_first_leg_that_reaches(
    reaches: Callable[[str], bool], start: int, leg: tuple[int, tuple[str, ...]]
) -> None:
    assert first_leg(LEGS, reaches, start) == leg


def test_a_leg_by_its_name() -> None:
    assert [leg_name(LEGS, number) for number in range(3)] == ["wecom", "sms+email", "manual"]


def test_each_channel_of_a_leg_leaves_in_its_own_window() -> None:
    windows = {"sms": Window(time(9), time(12)), "email": Window(time(0), time(23, 59), workdays=False)}
    hours = Hours(windows, published(), SHANGHAI)
    opening = open_leg(LEGS, has("sms", "email"), at("2018-12-30 10:00"), hours, key="1")
    assert opening.leg == 1
    assert opening.times["email"] == at("2018-12-30 10:00")
    assert at("2019-01-02 09:00") <= opening.times["sms"] < at("2019-01-02 09:09")
