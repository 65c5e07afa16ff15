"""Working days, offsets and repetition (design.md §4)."""

from __future__ import annotations

from datetime import date, timedelta

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config.models import CalendarFile
from daemon.config.offdays import office_days
from daemon.domain.workdays import Offset, Span, add_months, build_calendar
from tests.unit.domain.office import offset, on, published, thorough


@pytest.mark.parametrize(
    ("words", "anchor", "day"),
    [
        # 2018-12-30 to 2019-01-01 were days off, Saturday 2018-12-29 was worked
        ("0 workdays", "2018-12-31", "2018-12-29"),
        ("-1 workday", "2018-12-31", "2018-12-29"),
        ("-2 workdays", "2018-12-31", "2018-12-28"),
        ("-3 workdays", "2018-12-31", "2018-12-27"),
        ("+1 workday", "2018-12-31", "2019-01-02"),
        ("+2 workdays", "2018-12-31", "2019-01-03"),
        # an anchor that is worked itself is never counted
        ("0 workdays", "2018-12-28", "2018-12-28"),
        ("-1 workday", "2018-12-28", "2018-12-27"),
        ("+1 workday", "2018-12-28", "2018-12-29"),
        # Spring Festival 2019: 02-04 to 02-10 off, the Saturday and Sunday before it worked
        ("+1 workday", "2019-02-03", "2019-02-11"),
        ("-3 workdays", "2019-02-12", "2019-02-02"),
        ("-3 workdays", "2019-02-10", "2019-02-01"),
        ("+3 workdays", "2019-01-31", "2019-02-03"),
        # National Day 2020 with Mid-Autumn: 10-01 to 10-08 off, 09-27 and 10-10 worked
        ("+1 workday", "2020-09-30", "2020-10-09"),
        ("+2 workdays", "2020-09-30", "2020-10-10"),
        ("-5 workdays", "2020-10-09", "2020-09-25"),
        # calendar time does not ask whether a day is worked
        ("-1 day", "2019-01-02", "2019-01-01"),
        ("0 days", "2018-12-30", "2018-12-30"),
        ("-60 days", "2018-12-31", "2018-11-01"),
        ("+2 weeks", "2018-12-24", "2019-01-07"),
        # a month keeps the day, or takes the month's last
        ("+1 month", "2018-08-16", "2018-09-16"),
        ("+1 month", "2019-01-31", "2019-02-28"),
        ("+1 month", "2020-01-31", "2020-02-29"),
        ("-1 month", "2019-03-31", "2019-02-28"),
        ("+28 months", "2018-08-31", "2020-12-31"),
        ("-13 months", "2019-01-15", "2017-12-15"),
    ],
)
def test_an_offset_from_an_anchor(words: str, anchor: str, day: str) -> None:
    found = offset(words)
    assert found
    assert published().apply(found, on(anchor)) == on(day)


def test_before_the_notice_of_december_2018_new_years_eve_was_worked() -> None:
    believed = published(makeup=frozenset([on("2018-12-31")]), off=frozenset([on("2018-12-29")]))
    assert [believed.shift(on("2018-12-31"), n) for n in (0, -1, -3)] == [
        on("2018-12-31"), on("2018-12-28"), on("2018-12-26"),
    ]  # fmt: skip


def test_a_period_starts_the_day_after_and_ends_on_a_working_day() -> None:
    assert published().end_of_period(on("2018-12-28"), 1) == on("2018-12-29")
    assert published().end_of_period(on("2018-12-29"), 15) == on("2019-01-22")


def test_counts_the_working_days_between() -> None:
    assert published().between(on("2018-12-27"), on("2018-12-31")) == 2
    assert published().between(on("2018-12-31"), on("2018-12-27")) == 0


@pytest.mark.parametrize(
    ("among", "assumed"),
    [(("2018-07-31", "2018-12-31"), False), (("2021-12-31", "2022-01-04"), True), (("2016-06-01",), True)],
)
def test_a_year_that_nobody_knows_is_flagged(among: tuple[str, ...], assumed: bool) -> None:
    assert published().assumed(*map(on, among)) is assumed


def test_an_unknown_year_takes_monday_to_friday() -> None:
    calendar = published()
    worked = [on("2022-05-01") + timedelta(days=n) for n in range(7)]
    assert [calendar.is_workday(day) for day in worked] == [False, *[True] * 5, False]


@pytest.mark.parametrize(("day", "count"), [("2004-01-05", -400), ("2049-12-20", 400), ("1999-01-01", 1)])
def test_beyond_the_calendar_is_an_error_and_never_another_day(day: str, count: int) -> None:
    with pytest.raises(ValueError, match="outside the calendar"):
        published().shift(on(day), count)


@thorough
@given(day=st.dates(date(2018, 3, 1), date(2021, 3, 1)), count=st.integers(1, 200))
def test_to_go_forward_and_back_is_to_stay(day: date, count: int) -> None:
    calendar = published()
    ahead = calendar.shift(day, count)
    assert calendar.is_workday(ahead)
    assert calendar.between(day, ahead) == count
    assert calendar.shift(ahead, -count) == calendar.shift(day, 0)


@thorough
@given(
    day=st.dates(date(2018, 6, 1), date(2018, 9, 1)),
    off=st.frozensets(st.dates(date(2018, 5, 1), date(2018, 10, 1))),
    count=st.integers(-20, 20).filter(bool),
)
def test_a_shift_is_what_counting_on_the_fingers_gives(day: date, off: frozenset[date], count: int) -> None:
    calendar = build_calendar(off=off, makeup=(), known=(), first=date(2017, 1, 1), last=date(2020, 1, 1))
    step, left, found = (1 if count > 0 else -1), abs(count), day
    while left:
        found += timedelta(days=step)
        left -= found.weekday() < 5 and found not in off
    assert calendar.shift(day, count) == found


@thorough
@given(day=st.dates(date(2018, 1, 1), date(2020, 12, 31)), months=st.integers(-36, 36))
def test_months_end_in_the_month_that_was_meant(day: date, months: int) -> None:
    moved = add_months(day, months)
    assert (moved.year * 12 + moved.month) - (day.year * 12 + day.month) == months
    assert moved.day == day.day or (moved + timedelta(days=1)).day == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Offset(-3, Span.WORKDAYS), "-3 workdays"),
        (Offset(0, Span.DAYS), "0 days"),
        (Offset(1, Span.WEEKS), "+1 weeks"),
    ],
)
def test_an_offset_prints_as_it_is_written(value: Offset, text: str) -> None:
    assert str(value) == text


@pytest.mark.parametrize("year", range(2018, 2027))
def test_agrees_with_another_library(year: int) -> None:
    """Two sets of days off kept by different people: a fault of either shows."""
    ours = office_days(CalendarFile()).calendar()
    theirs = holidays.country_holidays("CN", years=[year - 1, year, year + 1])
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(365)]
    assert [day for day in days if ours.is_workday(day) != theirs.is_working_day(day)] == []
