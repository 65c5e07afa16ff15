"""Bundles and send windows: when what was decided leaves. They delay delivery, never the decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from zlib import crc32

from daemon.domain.workdays import WorkdayCalendar, local_day

FRESH = timedelta(hours=2)
"""A slot missed by more than this is over: the bundle's next one is taken."""
SPREAD_MINUTES = 9


@dataclass(frozen=True, slots=True)
class Bundle:
    """A recurring moment at which messages leave together: on every (working) day, or on a day of the week.

    ``weekday`` counts from Monday = 0; ``None`` is every day, or every working day.
    """

    id: str
    at: time
    weekday: int | None = None
    workdays: bool = True

    def slot_from(self, instant: datetime, calendar: WorkdayCalendar, zone: tzinfo) -> datetime:
        """Return the first slot at or after ``instant``; one on a day off moves to the next working day."""
        day = local_day(instant, zone) - timedelta(days=14)
        while True:
            slot = datetime.combine(self._moved(day, calendar), self.at, zone)
            if self._on(day) and slot >= instant:
                return slot
            day += timedelta(days=1)

    def _on(self, day: date) -> bool:
        return self.weekday is None or day.weekday() == self.weekday

    def _moved(self, day: date, calendar: WorkdayCalendar) -> date:
        return calendar.on_or_after(day) if self.workdays else day


@dataclass(frozen=True, slots=True)
class Window:
    """The hours in which messages may leave; ``until`` is excluded."""

    since: time
    until: time
    workdays: bool = True

    def open_from(self, instant: datetime, calendar: WorkdayCalendar, zone: tzinfo) -> datetime:
        """Return ``instant`` if the window is open then, else the moment at which it opens next."""
        local = instant.astimezone(zone)
        day, clock = local.date(), local.timetz().replace(tzinfo=None)
        if self._on(day, calendar):
            if self.since <= clock < self.until:
                return instant
            if clock < self.since:
                return datetime.combine(day, self.since, zone)
        day += timedelta(days=1)
        while not self._on(day, calendar):
            day += timedelta(days=1)
        return datetime.combine(day, self.since, zone)

    def _on(self, day: date, calendar: WorkdayCalendar) -> bool:
        return not self.workdays or calendar.is_workday(day)


def release_slot(
    bundle: Bundle | None,
    instant: datetime,
    decided_at: datetime,
    window: Window,
    calendar: WorkdayCalendar,
    zone: tzinfo,
) -> datetime:
    """Return when a decision is released (design.md §2.4).

    The first slot of its bundle at or after the rung's instant; if that lies more than two hours before the
    decision, the bundle's next after the decision. Without a bundle, the next open minute.
    """
    if bundle is None:
        return window.open_from(decided_at, calendar, zone)
    slot = bundle.slot_from(instant, calendar, zone)
    if slot < decided_at - FRESH:
        slot = bundle.slot_from(decided_at, calendar, zone)
    return window.open_from(slot, calendar, zone)


def spread(opening: datetime, key: str) -> datetime:
    """Return a minute among the first of a window, chosen by a hash."""
    return opening + timedelta(minutes=crc32(key.encode()) % SPREAD_MINUTES)


def off_the_half_hour(instant: datetime) -> datetime:
    """Keep away from :00 and :30, where everybody else sends (the vendor of WeCom advises so)."""
    return instant + timedelta(minutes=1) if instant.minute in (0, 30) else instant


def departure(
    channel: str,
    moment: datetime,
    window: Window,
    calendar: WorkdayCalendar,
    zone: tzinfo,
    *,
    key: str,
    held: bool = False,
) -> datetime:
    """Return when a channel may take what is ready at ``moment``: in its window.

    What the window held back leaves in its first minutes, spread by ``key``.
    """
    opening = window.open_from(moment, calendar, zone)
    if held or opening > moment:
        later = spread(opening, key)
        opening = later if window.open_from(later, calendar, zone) == later else opening
    return off_the_half_hour(opening.astimezone(zone)) if channel == "wecom" else opening
