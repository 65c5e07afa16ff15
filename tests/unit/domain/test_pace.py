"""Rates, targets and pace, in whole cases (design.md §3)."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.pace import (
    Count,
    Milestone,
    Verdict,
    floor_percent,
    missing,
    needed,
    pace,
    rectification_rate,
    verdict,
)
from tests.unit.domain.office import on, thorough

START = on("2018-08-16")
TARGETS = (Milestone(on("2018-12-31"), 60), Milestone(on("2019-12-31"), 90), Milestone(on("2020-12-31"), 100))


@pytest.mark.parametrize(
    ("total", "percent", "least"),
    [
        (7, 60, 5),
        (5, 60, 3),
        (10, 90, 9),
        (11, 90, 10),
        (1, 60, 1),
        (3, 100, 3),
        (0, 60, 0),
        (2000, 60, 1200),
    ],
)
def test_the_least_that_reaches_a_target(total: int, percent: int, least: int) -> None:
    assert needed(Count(total, 0), percent) == least


@pytest.mark.parametrize(
    ("total", "closed", "still", "result"),
    [
        (7, 4, 1, Verdict.MISSED),
        (7, 5, 0, Verdict.REACHED),
        (7, 7, 0, Verdict.REACHED),
        (2000, 1199, 1, Verdict.MISSED),  # 59.95 %
        (0, 0, 0, Verdict.NO_CASES),
    ],
)
def test_the_verdict_on_60_percent(total: int, closed: int, still: int, result: Verdict) -> None:
    count = Count(total, closed)
    assert (missing(count, 60), verdict(count, 60)) == (still, result)


@pytest.mark.parametrize(
    ("total", "closed", "shown"),
    [
        (2000, 1199, "59.9%"),
        (2000, 1200, "60.0%"),
        (3, 2, "66.6%"),
        (10_000, 8996, "89.9%"),
        (10_000, 8999, "89.9%"),
        (10_000, 9000, "90.0%"),
        (3, 3, "100.0%"),
        (7, 0, "0.0%"),
        (0, 0, "—"),
    ],
)
def test_a_rate_is_shown_rounded_down(total: int, closed: int, shown: str) -> None:
    assert floor_percent(Count(total, closed)) == shown


def test_no_cases_no_rate() -> None:
    assert rectification_rate(Count(0, 0)) is None
    assert rectification_rate(Count(8, 4)) == 0.5
    assert Count(8, 3).open == 5


@pytest.mark.parametrize(
    ("day", "closed"),
    [
        ("2018-07-31", 0),  # before it starts
        ("2018-08-16", 0),
        ("2018-10-23", 29),  # 68 of 137 days: 29.78 of 100 cases
        ("2018-12-30", 59),
        ("2018-12-31", 60),
        ("2019-01-01", 60),
        ("2019-07-02", 75),  # 183 of 365 days: 75.04
        ("2019-12-31", 90),
        ("2020-12-31", 100),
        ("2021-06-30", 100),
    ],
)
def test_the_pace_of_a_hundred_cases(day: str, closed: int) -> None:
    assert pace(Count(100, 0), START, TARGETS, on(day)) == closed


def test_the_pace_is_in_whole_cases() -> None:
    assert pace(Count(7, 0), START, TARGETS, on("2018-12-31")) == 4  # 4.2; the target itself wants 5
    assert pace(Count(0, 0), START, TARGETS, on("2018-12-31")) == 0


def test_a_pace_that_starts_on_a_milestone_starts_from_it() -> None:
    assert pace(Count(100, 0), on("2018-12-31"), TARGETS, on("2018-12-31")) == 60
    assert pace(Count(100, 0), on("2018-12-31"), TARGETS, on("2019-07-02")) == 75


COUNTS = st.integers(0, 3000).flatmap(
    lambda total: st.integers(0, total).map(lambda closed: Count(total, closed))
)


@thorough
@given(count=COUNTS, percent=st.integers(1, 100))
def test_what_is_shown_never_claims_a_target_that_was_missed(count: Count, percent: int) -> None:
    shown = floor_percent(count)
    if verdict(count, percent) is Verdict.MISSED:
        assert float(shown.rstrip("%")) < percent
    elif count.total:
        assert float(shown.rstrip("%")) >= percent


@thorough
@given(
    total=st.integers(0, 500),
    days=st.lists(st.dates(date(2018, 7, 1), date(2021, 3, 1)), min_size=2, max_size=2).map(sorted),
)
def test_the_pace_never_goes_back_and_never_asks_more_than_the_target(total: int, days: list[date]) -> None:
    first, second = (pace(Count(total, 0), START, TARGETS, day) for day in days)
    assert first <= second <= total
    for milestone in TARGETS:
        if days[1] <= milestone.on:
            assert second <= needed(Count(total, 0), milestone.percent)
