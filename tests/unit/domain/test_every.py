"""``every``: which slots a rung that repeats has (design.md §4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.ladder import Every, Wording
from daemon.domain.plan import occurrences
from tests.unit.domain.office import SHANGHAI, every, on, published, thorough, wording


def slots(
    words: Wording, anchor: str, count: int = 5, done: frozenset[str] = frozenset()
) -> list[tuple[str, str]]:
    """Return the first slots: the day each stands for, and the day it falls on."""
    found = islice(occurrences(words, on(anchor), published(), SHANGHAI, done), count)
    return [(slot.key, slot.day.isoformat()) for slot in found]


def falls_on(words: Wording, anchor: str, count: int = 5) -> list[str]:
    return [day for _, day in slots(words, anchor, count)]


def day_of_month(number: int) -> Callable[[date], date]:
    """Stand in for ``0 0 N * *``: the first such day on or after a day."""

    def next_day(day: date) -> date:
        while day.day != number:
            day += timedelta(days=1)
        return day

    return next_day


def test_a_rung_without_every_speaks_once() -> None:
    assert slots(wording("-3 workdays"), "2018-12-31") == [("", "2018-12-27")]
    assert slots(wording("immediately"), "2018-12-30") == [("", "2018-12-30")]


def test_every_20_workdays_from_the_30th() -> None:
    words = wording("+30 workdays", repeat="20 workdays")
    assert slots(words, "2018-12-31", 3) == [
        ("2019-02-15", "2019-02-15"), ("2019-03-15", "2019-03-15"), ("2019-04-15", "2019-04-15"),
    ]  # fmt: skip


def test_every_week_moves_a_day_off_to_the_next_working_day_and_keeps_its_name() -> None:
    words = wording("-3 weeks", repeat="1 week")
    assert slots(words, "2020-02-14") == [
        ("2020-01-24", "2020-02-03"),  # Spring Festival, extended to 02-02
        # 01-31 would fall on 02-03 as well: at most one a day
        ("2020-02-07", "2020-02-07"),
        ("2020-02-14", "2020-02-14"),
        ("2020-02-21", "2020-02-21"),
        ("2020-02-28", "2020-02-28"),
    ]


def test_every_month_keeps_the_day_or_takes_the_months_last() -> None:
    words = wording("0 days", repeat="1 month", all_days=True)
    assert falls_on(words, "2018-10-31") == [
        "2018-10-31",
        "2018-11-30",
        "2018-12-31",
        "2019-01-31",
        "2019-02-28",
    ]


def test_every_month_on_working_days() -> None:
    words = wording("+1 month", repeat="1 month")
    assert slots(words, "2018-08-16", 3) == [
        ("2018-09-16", "2018-09-17"), ("2018-10-16", "2018-10-16"), ("2018-11-16", "2018-11-16"),
    ]  # fmt: skip


def test_of_a_cron_expression_only_the_days_count() -> None:
    words = wording("0 days", repeat=every("0 0 5 * *", cron=day_of_month(5)))
    assert slots(words, "2018-12-06", 3) == [
        ("2019-01-05", "2019-01-07"), ("2019-02-05", "2019-02-11"), ("2019-03-05", "2019-03-05"),
    ]  # fmt: skip


def test_a_cron_day_that_is_the_day_of_at_is_a_slot() -> None:
    words = wording("0 days", repeat=every("0 0 5 * *", cron=day_of_month(5)))
    assert falls_on(words, "2018-12-05", 1) == ["2018-12-05"]


def test_until_includes_its_day() -> None:
    weekly = wording("-2 weeks", repeat="1 week", until="0 days", all_days=True)
    assert falls_on(weekly, "2018-12-31") == ["2018-12-17", "2018-12-24", "2018-12-31"]
    shorter = wording("-2 weeks", repeat="1 week", until="-1 day", all_days=True)
    assert falls_on(shorter, "2018-12-31") == ["2018-12-17", "2018-12-24"]


def test_until_is_about_the_day_a_slot_stands_for() -> None:
    words = wording("-7 days", repeat="1 week", until="0 days")
    assert slots(words, "2018-12-30") == [("2018-12-23", "2018-12-24"), ("2018-12-30", "2019-01-02")]


def test_times_counts_slots() -> None:
    assert falls_on(wording("+1 workday", repeat="5 workdays", times=2), "2018-12-31") == [
        "2019-01-02",
        "2019-01-09",
    ]


def test_of_two_slots_on_one_day_the_first_exists_and_counts() -> None:
    """Friday, then Saturday and Sunday that both move to Monday."""
    words = wording("0 days", repeat="1 day", times=4)
    assert slots(words, "2018-11-02") == [
        ("2018-11-02", "2018-11-02"), ("2018-11-03", "2018-11-05"),
        ("2018-11-06", "2018-11-06"), ("2018-11-07", "2018-11-07"),
    ]  # fmt: skip


def test_days_all_speaks_on_days_off() -> None:
    words = wording("0 days", repeat="1 day", all_days=True)
    assert falls_on(words, "2018-12-29", 4) == ["2018-12-29", "2018-12-30", "2018-12-31", "2019-01-01"]


def test_an_every_that_says_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="neither a step nor a cron"):
        slots(wording("0 days", repeat=Every("gibberish")), "2018-12-31")


STEPS = st.builds(
    "{} {}".format, st.integers(1, 12), st.sampled_from(["workdays", "days", "weeks", "months"])
)


@thorough
@given(
    at=st.builds("{} {}".format, st.integers(-40, 40), st.sampled_from(["workdays", "days", "weeks"])),
    step=STEPS,
    anchor=st.dates(date(2018, 6, 1), date(2020, 6, 1)),
    settled=st.integers(0, 6),
    skipped=st.integers(0, 6),
    times=st.none() | st.integers(1, 12),
    all_days=st.booleans(),
)
def test_slots_are_the_same_however_many_of_them_are_settled(
    at: str, step: str, anchor: date, settled: int, skipped: int, times: int | None, all_days: bool
) -> None:
    """The first settled need not be the first slot: an import does not owe what lay before it."""
    words = wording(at, repeat=step, times=times, all_days=all_days)
    fresh = slots(words, anchor.isoformat(), 16)
    done = frozenset(key for key, _ in fresh[skipped : skipped + settled])
    assert slots(words, anchor.isoformat(), 16, done) == fresh


@thorough
@given(step=STEPS, anchor=st.dates(date(2018, 6, 1), date(2020, 6, 1)), all_days=st.booleans())
def test_slots_go_forward_at_most_one_a_day(step: str, anchor: date, all_days: bool) -> None:
    found = slots(wording("0 days", repeat=step, all_days=all_days), anchor.isoformat(), 16)
    assert found == sorted(set(found))
    fallen = [day for _, day in found]
    assert fallen == sorted(set(fallen))
    assert all_days or all(published().is_workday(on(day)) for day in fallen)
