"""Days and hours as design.md §4 has them, counted one day after the other.

Working days come from the package ``holidays`` (the service uses ``chinesecalendar``), with ``calendar.yaml``
above it. A year that neither knows is Monday to Friday.
"""

from __future__ import annotations

import calendar as months
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
INSTANT = timedelta(microseconds=1)
KNOWN = range(2004, 2027)
"""The years whose official arrangement the service ships (config/calendar.yaml says so)."""
FRESH = timedelta(hours=2)


class UnsupportedError(Exception):
    """The oracle does not judge this construct, and will not guess."""


@dataclass(frozen=True)
class Offset:
    """``-3 workdays``, ``+1 month``."""

    count: int
    span: str


def offset(text: str) -> Offset | None:
    """Parse an offset; ``immediately`` is none."""
    if text == "immediately":
        return None
    count, span = text.split()
    span = span.rstrip("s") + "s"
    if span not in ("workdays", "days", "weeks", "months"):
        raise UnsupportedError(f"offset {text!r}")
    return Offset(int(count), span)


@lru_cache(maxsize=16)
def _published(year: int) -> holidays.HolidayBase:
    return holidays.country_holidays("CN", years=year)


class Calendar:
    """Which days are worked, with the days of ``calendar.yaml`` above the published ones."""

    def __init__(self, off: frozenset[date] = frozenset(), makeup: frozenset[date] = frozenset()) -> None:
        self.off, self.makeup = off, makeup
        self._known: dict[date, bool] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Calendar) and (self.off, self.makeup) == (other.off, other.makeup)

    def __hash__(self) -> int:
        return hash((self.off, self.makeup))

    def works(self, day: date) -> bool:
        if day not in self._known:
            self._known[day] = self._works(day)
        return self._known[day]

    def _works(self, day: date) -> bool:
        if day in self.off:
            return False
        if day in self.makeup:
            return True
        if day.year not in KNOWN:
            return day.weekday() < 5
        return bool(_published(day.year).is_working_day(day))

    def at_or_after(self, day: date) -> date:
        while not self.works(day):
            day += DAY
        return day

    def at_or_before(self, day: date) -> date:
        while not self.works(day):
            day -= DAY
        return day

    def shift(self, day: date, by: Offset) -> date:
        """Return the day at an offset from ``day``."""
        match by.span:
            case "days":
                return day + by.count * DAY
            case "weeks":
                return day + 7 * by.count * DAY
            case "months":
                return _months_on(day, by.count)
        if by.count == 0:
            return self.at_or_before(day)
        step = DAY if by.count > 0 else -DAY
        left = abs(by.count)
        while left:
            day += step
            left -= self.works(day)
        return day


def _months_on(day: date, count: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    return date(year, month + 1, min(day.day, months.monthrange(year, month + 1)[1]))


@dataclass(frozen=True)
class Hours:
    """The hours in which messages may leave."""

    opens: time
    closes: time
    workdays: bool = True

    def open_at(self, instant: datetime, calendar: Calendar, zone: ZoneInfo) -> bool:
        local = instant.astimezone(zone)
        worked = not self.workdays or calendar.works(local.date())
        return worked and self.opens <= local.time() < self.closes

    def next_open(self, instant: datetime, calendar: Calendar, zone: ZoneInfo) -> datetime:
        """Return ``instant``, or when the hours begin next."""
        if self.open_at(instant, calendar, zone):
            return instant
        day = instant.astimezone(zone).date()
        while True:
            opening = datetime.combine(day, self.opens, zone)
            if opening >= instant and self.open_at(opening, calendar, zone):
                return opening
            day += DAY


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class Bundle:
    """When a bundle leaves: on every (working) day, or once a week; a slot on a day off is moved."""

    clock: time
    weekday: int | None = None
    workdays: bool = True

    def first(self, instant: datetime, calendar: Calendar, zone: ZoneInfo) -> datetime:
        """Return the first slot at or after an instant."""
        day = instant.astimezone(zone).date() - 20 * DAY  # a slot of last week may have been moved to today
        while True:
            if self.weekday is None or day.weekday() == self.weekday:
                moved = calendar.at_or_after(day) if self.workdays else day
                slot = datetime.combine(moved, self.clock, zone)
                if slot >= instant:
                    return slot
            day += DAY


def slot(
    bundle: Bundle | None,
    instant: datetime,
    decided: datetime,
    hours: Hours,
    calendar: Calendar,
    zone: ZoneInfo,
) -> datetime:
    """Return the slot of a decision (design.md §2.4)."""
    if bundle is None:
        return hours.next_open(decided, calendar, zone)
    found = bundle.first(instant, calendar, zone)
    if decided - found > FRESH:
        found = bundle.first(decided, calendar, zone)
    return hours.next_open(found, calendar, zone)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)


def last_moment(day: date, zone: ZoneInfo) -> datetime:
    return midnight(day + DAY, zone) - INSTANT


def read_calendar(years: Mapping[object, Mapping[str, list[object]]]) -> Calendar:
    """Read ``years`` of calendar.yaml: days, and ``first..last`` for several."""
    off: set[date] = set()
    makeup: set[date] = set()
    for year in years.values():
        off |= _days(year.get("off") or [])
        makeup |= _days(year.get("makeup") or [])
    return Calendar(frozenset(off), frozenset(makeup))


def _days(written: list[object]) -> set[date]:
    found: set[date] = set()
    for one in written:
        first, _, last = str(one).partition("..")
        day, end = date.fromisoformat(first), date.fromisoformat(last or first)
        while day <= end:
            found.add(day)
            day += DAY
    return found
