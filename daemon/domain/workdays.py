"""Working days of China: weekends, days off, make-up days, and offsets counted in them.

A calendar is an ordinal array: every working day in order, and for every day how many came before it. So a
look-up costs two reads, however far it reaches.
"""

from __future__ import annotations

import calendar as month_lengths
from array import array
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from functools import lru_cache

SATURDAY = 5


class Span(StrEnum):
    """What an offset counts in. All but ``WORKDAYS`` is calendar time."""

    WORKDAYS = "workdays"
    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"

    __hash__ = str.__hash__  # the enumeration's own is in Python, and every offset looked up needs it


@dataclass(frozen=True, slots=True)
class Offset:
    """So many working days, days, weeks or months before (negative) or after an anchor's day."""

    count: int
    span: Span

    def __str__(self) -> str:
        return f"{self.count:+d} {self.span}" if self.count else f"0 {self.span}"


class Rest(StrEnum):
    """What makes a day other than a plain working day."""

    NONE = ""
    WEEKEND = "weekend"
    OFF = "off"
    MAKEUP = "makeup"


@dataclass(frozen=True, slots=True)
class CountedDay:
    """One day gone through when working days are counted.

    ``number`` is its place in the count, ``None`` where it is not worked; ``source`` the notice that set it.
    """

    day: date
    number: int | None
    rest: Rest
    source: str


@dataclass(frozen=True)
class WorkdayCalendar:
    """Which days are worked, between ``first`` and ``last``.

    ``known`` are the years whose days off are published; other years take Monday to Friday, and
    ``assumed`` says so. ``sources`` names the notice that set a day, where somebody entered it.
    """

    first: date
    last: date
    off: frozenset[date]
    makeup: frozenset[date]
    known: frozenset[int]
    sources: Mapping[date, str] = field(default_factory=dict, compare=False)
    _workdays: array[int] = field(init=False, repr=False, compare=False)
    _before: array[int] = field(init=False, repr=False, compare=False)
    _applied: dict[tuple[Offset, date], date] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What was asked before: rules have few offsets, and cases share their days."""

    def __post_init__(self) -> None:
        workdays, before = array("l"), array("l")
        for ordinal in range(self.first.toordinal(), self.last.toordinal() + 1):
            before.append(len(workdays))
            if self._worked(date.fromordinal(ordinal)):
                workdays.append(ordinal)
        before.append(len(workdays))
        object.__setattr__(self, "_workdays", workdays)
        object.__setattr__(self, "_before", before)

    def _worked(self, day: date) -> bool:
        return day in self.makeup or (day.weekday() < SATURDAY and day not in self.off)

    def _count_before(self, day: date) -> int:
        if not self.first <= day <= self.last:
            raise ValueError(f"{day} lies outside the calendar, {self.first} to {self.last}")
        return self._before[day.toordinal() - self.first.toordinal()]

    def _count_until(self, day: date) -> int:
        self._count_before(day)
        return self._before[day.toordinal() - self.first.toordinal() + 1]

    def is_workday(self, day: date) -> bool:
        return self._count_until(day) > self._count_before(day)

    def assumed(self, *days: date) -> bool:
        """Whether any year between these days is one whose days off are not known (暂按周末推算)."""
        years = [day.year for day in days]
        return any(year not in self.known for year in range(min(years), max(years) + 1))

    def counted(self, anchor: date, count: int) -> list[CountedDay]:
        """Return the days gone through from ``anchor`` to the ``count``-th working day, one by one."""
        if count == 0:
            last = self.shift(anchor, 0)
            span = [anchor - timedelta(days=n) for n in range((anchor - last).days + 1)]
        else:
            step = 1 if count > 0 else -1
            distance = abs((self.shift(anchor, count) - anchor).days)
            span = [anchor + timedelta(days=step * n) for n in range(1, distance + 1)]
        number, found = 0, []
        for day in span:
            worked = self.is_workday(day)
            number += worked
            found.append(
                CountedDay(day, number if worked else None, self.rest(day), self.sources.get(day, ""))
            )
        return found

    def rest(self, day: date) -> Rest:
        """Return why a day is off, or is worked although it is a weekend's."""
        if day in self.makeup:
            return Rest.MAKEUP
        if day in self.off:
            return Rest.OFF
        return Rest.WEEKEND if day.weekday() >= SATURDAY else Rest.NONE

    def shift(self, day: date, count: int) -> date:
        """Return the ``count``-th working day strictly after (before, if negative) ``day``.

        Zero is the day itself, or the last working day before it.
        """
        if count > 0:
            index = self._count_until(day) + count - 1
        else:
            index = (self._count_before(day) if count else self._count_until(day) - 1) + count
        return self._workday(index, day)

    def on_or_after(self, day: date) -> date:
        return self._workday(self._count_before(day), day)

    def _workday(self, index: int, asked: date) -> date:
        if not 0 <= index < len(self._workdays):
            raise ValueError(
                f"a working day counted from {asked} lies outside the calendar, {self.first} to {self.last}"
            )
        return date.fromordinal(self._workdays[index])

    def between(self, after: date, until: date) -> int:
        """Count the working days after ``after`` up to and with ``until``; 0 where there are none."""
        return max(0, self._count_until(until) - self._count_until(after))

    def apply(self, offset: Offset, anchor: date) -> date:
        """Return the day that lies ``offset`` from ``anchor``.

        A month keeps the day, or takes the month's last.
        """
        found = self._applied.get((offset, anchor))
        if found is None:
            found = self._applied[offset, anchor] = self._from(offset, anchor)
        return found

    def _from(self, offset: Offset, anchor: date) -> date:
        match offset.span:
            case Span.WORKDAYS:
                return self.shift(anchor, offset.count)
            case Span.DAYS:
                return anchor + timedelta(days=offset.count)
            case Span.WEEKS:
                return anchor + timedelta(weeks=offset.count)
            case Span.MONTHS:
                return add_months(anchor, offset.count)

    def end_of_period(self, start: date, workdays: int) -> date:
        """Return the last day of a period of so many working days: it starts the day after ``start``.

        民法典 §201: the day on which a period begins is not counted.
        """
        return self.shift(start, workdays)


def build_calendar(
    *,
    off: Collection[date],
    makeup: Collection[date],
    known: Collection[int],
    sources: Mapping[date, str] | None = None,
    first: date = date(2004, 1, 1),
    last: date = date(2049, 12, 31),
) -> WorkdayCalendar:
    return WorkdayCalendar(first, last, frozenset(off), frozenset(makeup), frozenset(known), sources or {})


def add_months(day: date, months: int) -> date:
    """Move ``day`` by whole months; a day that the month lacks becomes its last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    month += 1
    return date(year, month, min(day.day, month_lengths.monthrange(year, month)[1]))


def midnight(day: date, zone: tzinfo) -> datetime:
    """Return the local midnight that begins ``day``."""
    return datetime.combine(day, time.min, zone)


@lru_cache(maxsize=4096)
def local_day(instant: datetime, zone: tzinfo) -> date:
    """Return the day of an instant; many rows share theirs."""
    return instant.astimezone(zone).date()
