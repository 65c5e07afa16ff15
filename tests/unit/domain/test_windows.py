"""Bundles and windows (design.md §2.4, §4): when what was decided leaves."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.windows import Bundle, Window, departure, off_the_half_hour, release_slot, spread
from tests.unit.domain.office import SHANGHAI, at, published, thorough

WINDOW = Window(time(8, 30), time(17, 30))
MORNING = Bundle("morning", time(9, 10))
BRIEF = Bundle("brief", time(9, 30), weekday=0)
NIGHTLY = Bundle("nightly", time(7, 0), workdays=False)
MINUTES = st.integers(0, 900 * 24 * 60).map(lambda minutes: at("2018-07-01") + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("bundle", "instant", "decided", "leaves"),
    [
        # the first slot of its bundle at or after the rung's instant
        (MORNING, "2018-12-27", "2018-12-27 00:00", "2018-12-27 09:10"),
        (MORNING, "2018-12-29", "2018-12-29 00:00", "2018-12-29 09:10"),  # a Saturday that is worked
        # missed by up to two hours: now; by more: the next after the decision
        (MORNING, "2018-12-27", "2018-12-27 11:10", "2018-12-27 09:10"),
        (MORNING, "2018-12-27", "2018-12-27 11:11", "2018-12-28 09:10"),
        # Friday evening waits for Monday
        (MORNING, "2018-11-02", "2018-11-02 18:00", "2018-11-05 09:10"),
        (MORNING, "2018-11-03", "2018-11-03 00:00", "2018-11-05 09:10"),
        # a holiday
        (MORNING, "2018-12-30", "2018-12-30 00:00", "2019-01-02 09:10"),
        (MORNING, "2018-09-30", "2018-09-30 12:00", "2018-10-08 09:10"),
        # Spring Festival 2020: −3 of 02-05 lies on 01-23 and was learnt on 01-27
        (MORNING, "2020-01-23", "2020-01-27 10:00", "2020-02-03 09:10"),
        # the brief on Monday; a Monday off moves to the next working day, same time
        (BRIEF, "2019-01-22", "2019-01-22 00:00", "2019-01-28 09:30"),
        (BRIEF, "2019-01-28", "2019-01-28 00:00", "2019-01-28 09:30"),
        (BRIEF, "2018-12-25", "2018-12-25 00:00", "2019-01-02 09:30"),
        (BRIEF, "2019-01-02", "2019-01-02 00:00", "2019-01-02 09:30"),
        (BRIEF, "2019-01-03", "2019-01-03 00:00", "2019-01-07 09:30"),
        (BRIEF, "2020-01-21", "2020-01-21 00:00", "2020-02-03 09:30"),
        # a slot outside the window moves into it
        (NIGHTLY, "2018-12-27", "2018-12-27 00:00", "2018-12-27 08:30"),
        (NIGHTLY, "2018-12-30", "2018-12-30 00:00", "2019-01-02 08:30"),
        # no bundle: the next open minute
        (None, "2018-09-03", "2018-09-03 10:07", "2018-09-03 10:07"),
        (None, "2018-09-03", "2018-09-03 00:00", "2018-09-03 08:30"),
        (None, "2018-09-07", "2018-09-07 17:29", "2018-09-07 17:29"),
        (None, "2018-09-07", "2018-09-07 17:30", "2018-09-10 08:30"),
        (None, "2018-09-29", "2018-09-29 20:00", "2018-09-30 08:30"),
    ],
)
def test_when_a_decision_is_released(bundle: Bundle | None, instant: str, decided: str, leaves: str) -> None:
    slot = release_slot(bundle, at(instant), at(decided), WINDOW, published(), SHANGHAI)
    assert slot == at(leaves)


@pytest.mark.parametrize(
    ("channel", "moment", "held", "leaves"),
    [
        ("email", "2018-12-27 09:10", False, "2018-12-27 09:10"),
        ("email", "2018-12-27 10:00", False, "2018-12-27 10:00"),
        ("wecom", "2018-12-27 10:00", False, "2018-12-27 10:01"),
        ("wecom", "2018-12-27 10:30", False, "2018-12-27 10:31"),
        ("wecom", "2018-12-27 10:31", False, "2018-12-27 10:31"),
    ],
)
def test_when_a_channel_takes_it(channel: str, moment: str, held: bool, leaves: str) -> None:
    assert departure(channel, at(moment), WINDOW, published(), SHANGHAI, key="1", held=held) == at(leaves)


def test_what_was_held_leaves_in_the_first_minutes_not_all_at_once() -> None:
    """Decided at midnight for 200 people: between 08:30 and 08:39, and each at a time of his own."""
    leaves = {
        departure("sms", at("2018-09-03"), WINDOW, published(), SHANGHAI, key=str(person))
        for person in range(200)
    }
    assert leaves == {at("2018-09-03 08:30") + timedelta(minutes=n) for n in range(9)}


def test_what_is_spread_does_not_leave_when_the_window_has_closed() -> None:
    leaves = [
        departure("sms", at("2018-09-03 17:25"), WINDOW, published(), SHANGHAI, key=str(n), held=True)
        for n in range(50)
    ]
    assert {at("2018-09-03 17:25"), at("2018-09-03 17:29")} <= set(leaves)
    assert max(leaves) < at("2018-09-03 17:30")


def test_the_same_notice_always_leaves_at_the_same_minute() -> None:
    assert spread(at("2018-09-03 08:30"), "17") == spread(at("2018-09-03 08:30"), "17")


@thorough
@given(
    channel=st.sampled_from(["email", "sms", "wecom"]),
    moment=MINUTES,
    key=st.text(),
    held=st.booleans(),
)
def test_nothing_leaves_outside_its_window_or_before_its_time(
    channel: str, moment: datetime, key: str, held: bool
) -> None:
    leaves = departure(channel, moment, WINDOW, published(), SHANGHAI, key=key, held=held)
    assert leaves >= moment
    assert WINDOW.open_from(leaves, published(), SHANGHAI) == leaves
    assert channel != "wecom" or leaves.minute not in (0, 30)


@thorough
@given(
    bundle=st.sampled_from([MORNING, BRIEF, NIGHTLY, None]),
    instant=MINUTES,
    late=st.timedeltas(timedelta(), timedelta(days=20)),
)
def test_a_release_lies_in_the_window_and_at_most_two_hours_back(
    bundle: Bundle | None, instant: datetime, late: timedelta
) -> None:
    decided = instant + late
    slot = release_slot(bundle, instant, decided, WINDOW, published(), SHANGHAI)
    assert slot >= max(instant, decided - timedelta(hours=2))
    assert WINDOW.open_from(slot, published(), SHANGHAI) == slot


def test_a_window_of_every_day_is_open_on_sundays() -> None:
    daily = Window(time(8), time(20), workdays=False)
    assert daily.open_from(at("2018-11-04 10:00"), published(), SHANGHAI) == at("2018-11-04 10:00")
    assert daily.open_from(at("2018-11-04 20:00"), published(), SHANGHAI) == at("2018-11-05 08:00")


@pytest.mark.parametrize(("minute", "kept"), [(0, 1), (29, 29), (30, 31), (59, 59)])
def test_wecom_keeps_away_from_the_half_hour(minute: int, kept: int) -> None:
    assert off_the_half_hour(at(f"2018-11-05 10:{minute:02}")).minute == kept
