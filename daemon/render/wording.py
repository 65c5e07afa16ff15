"""How days, sums and names are written: the filters that templates may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

_TEN_THOUSAND = 10_000


def day(value: date) -> str:
    """8月31日."""
    return f"{value.month}月{value.day}日"


def full_day(value: date) -> str:
    """2018年8月31日."""
    return f"{value.year}年{value.month}月{value.day}日"


def dated(value: date, today: date) -> str:
    """Name a day, with its year only where it is not this year."""
    return day(value) if value.year == today.year else full_day(value)


def yuan(value: Decimal) -> str:
    """11,732,500元."""
    return f"{_plain(value)}元"


def wan(value: Decimal) -> str:
    """Write a sum in yuan as 1,173.25万元."""
    return f"{_plain(value / _TEN_THOUSAND)}万元"


def percent(value: int | Decimal) -> str:
    """60%."""
    return f"{value}%"


def short(value: str, limit: int) -> str:
    """Keep a name within ``limit`` characters; what was cut is shown as an ellipsis."""
    return value if len(value) <= limit else value[: max(0, limit - 1)] + "…"


def _plain(value: Decimal) -> str:
    whole, _, part = f"{value:,f}".partition(".")
    part = part.rstrip("0")
    return f"{whole}.{part}" if part else whole


FILTERS: Mapping[str, Callable[..., object]] = {
    "day": day,
    "full_day": full_day,
    "dated": dated,
    "yuan": yuan,
    "wan": wan,
    "percent": percent,
    "short": short,
}
