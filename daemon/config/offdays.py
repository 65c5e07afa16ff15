"""Days off and make-up days: what ``chinesecalendar`` knows, with the office's ``calendar.yaml`` above it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from chinese_calendar.constants import holidays, workdays

from daemon.config.models import CalendarFile
from daemon.domain.workdays import SATURDAY, WorkdayCalendar, build_calendar

_NOTICES = {
    2018: "国办发明电〔2017〕12号",
    2019: "国办发明电〔2018〕15号",
    2020: "国办发明电〔2019〕16号",
    2021: "国办发明电〔2020〕27号",
}
"""国务院办公厅关于…年部分节假日安排的通知, which the library does not name."""
_LATER_NOTICES = (
    (date(2019, 4, 28), date(2019, 5, 5), "国办发明电〔2019〕3号"),
    (date(2020, 1, 31), date(2020, 2, 2), "国办发明电〔2020〕1号"),
)
"""Those that changed a year under way: 调整2019年劳动节假期, 延长2020年春节假期."""
_NEW_YEAR_FROM = (12, 28)
"""Days set from here on belong to the next year's 元旦, and to its notice."""


def _notice(day: date) -> str:
    """Return the notice that set a day of the library's; '' where we do not know its number."""
    for first, last, notice in _LATER_NOTICES:
        if first <= day <= last:
            return notice
    return _NOTICES.get(day.year + ((day.month, day.day) >= _NEW_YEAR_FROM), "")


@dataclass(frozen=True)
class OfficeDays:
    """A calendar as days: weekdays off, weekend days worked, the years that are published, and by whom.

    It is part of the rule set, so that a plan can be repeated whatever library is installed.
    """

    off: tuple[date, ...]
    makeup: tuple[date, ...]
    known: tuple[int, ...]
    sources: Mapping[date, str] = field(default_factory=dict)

    def calendar(self) -> WorkdayCalendar:
        return _build(self.off, self.makeup, self.known, tuple(sorted(self.sources.items())))


@lru_cache(maxsize=8)
def _build(
    off: tuple[date, ...],
    makeup: tuple[date, ...],
    known: tuple[int, ...],
    sources: tuple[tuple[date, str], ...],
) -> WorkdayCalendar:
    return build_calendar(off=off, makeup=makeup, known=known, sources=dict(sources))


def office_days(extra: CalendarFile) -> OfficeDays:
    """Lay the office's own days over the library's; the later entry wins."""
    off, makeup = set(holidays), set(workdays)
    known = set(range(min(holidays).year, max(holidays).year + 1))
    sources = {day: notice for day in off | makeup if (notice := _notice(day))}
    for year, entry in sorted(extra.years.items()):
        known.add(year)
        off = (off - entry.days_worked) | entry.days_off
        makeup = (makeup - entry.days_off) | entry.days_worked
        sources |= dict.fromkeys(entry.days_off | entry.days_worked, entry.source)
    return OfficeDays(
        off=tuple(sorted(day for day in off if day.weekday() < SATURDAY)),
        makeup=tuple(sorted(day for day in makeup if day.weekday() >= SATURDAY)),
        known=tuple(sorted(known)),
        sources=dict(sorted(sources.items())),
    )
