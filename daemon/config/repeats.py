"""``every``: steps, and the days of a cron expression."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache, partial

from croniter import CroniterError, croniter

from daemon.config.words import LONGEST, WordError, shown
from daemon.domain.ladder import Every
from daemon.domain.workdays import Offset, Span

_STEP = re.compile(r"(?:(\d{1,4}) )?(workday|day|week|month)s?")
_FIELDS = 5
_RANDOM = re.compile(r"(?i)(?<![a-z])[rh](?![a-z])")
_HINT = '写成 20 workdays、week、month，或五段 cron，如 "0 0 5 * *"（每月 5 日）'


def every(value: object) -> Every:
    """``20 workdays``, ``week``, ``month``, or the days of a cron expression."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if match := _STEP.fullmatch(text):
        count, span = int(match[1] or 1), Span(match[2] + "s")
        if not 0 < count <= LONGEST[span]:
            raise WordError(f"间隔{shown(value)}不对", f"从 1 到 {LONGEST[span]}")
        return Every(text, step=Offset(count, span))
    if not _is_cron(text):
        raise WordError(f"看不懂间隔{shown(value)}", _HINT)
    return Every(text, cron=cron_days(text))


def _is_cron(text: str) -> bool:
    if len(text.split()) != _FIELDS or _RANDOM.search(text):
        return False
    try:
        return bool(croniter.is_valid(text, strict=True))
    except (CroniterError, ValueError, KeyError):
        return False


def is_once_a_day(every: Every) -> bool:
    """Whether an interval names one moment of a day at most, as only the day counts."""
    if every.cron is None:
        return True
    minutes, hours, *_ = croniter.expand(every.text)[0]
    return len(minutes) == len(hours) == 1 and "*" not in (*minutes, *hours)


def cron_days(text: str) -> Callable[[date], date]:
    """Return a function that gives the first matching day on or after a day."""
    return partial(_on_or_after, text)


def _on_or_after(text: str, day: date) -> date:
    for year in range(day.year, date.max.year):
        days = _days_of(text, year)
        if days and days[-1] >= day:
            return days[bisect_left(days, day)]
    raise ValueError(f"no day of {text!r} after {day}")


@lru_cache(maxsize=1024)
def _days_of(text: str, year: int) -> tuple[date, ...]:
    """Return the slot table of a year: the matching days, whatever the hour, computed once."""
    days: list[date] = []
    moments = croniter(text, _before(date(year, 1, 1)))
    while (day := moments.get_next(datetime).date()).year == year:
        days.append(day)
        moments.set_current(_before(day + timedelta(days=1)), force=True)
    return tuple(days)


def _before(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC) - timedelta(seconds=1)
