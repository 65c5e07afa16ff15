"""The small words of the rules — offsets, periods, addressees, legs — as domain values.

Each parser takes what YAML gave and returns a value, or raises ``WordError`` with what would be right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import time
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeVar

from daemon.domain.ladder import Act, Addressee, Role
from daemon.domain.workdays import Offset, Span

IMMEDIATELY = "immediately"
LONGEST = {Span.WORKDAYS: 1000, Span.DAYS: 1500, Span.WEEKS: 200, Span.MONTHS: 48}
_OFFSET = re.compile(r"([+-]?)(\d{1,4}) (workday|day|week|month)s?")
_PERIOD = re.compile(r"(\d{1,3}) workdays?")
_PERCENT = re.compile(r"(\d{1,3})%")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_RATE = re.compile(r"([1-9]\d{0,5})/(second|minute|hour|day)")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}

WordEnum = TypeVar("WordEnum", bound=StrEnum)


class WordError(ValueError):
    """A word that the rules do not know; ``hint`` is what would be right."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def shown(value: object) -> str:
    """Return a value as it may stand in a message: quoted and short."""
    text = "空" if value is None else str(value)
    return f"“{text if len(text) <= 40 else text[:40] + '…'}”"


def closest(word: object, valid: Iterable[str]) -> str:
    """Return the valid word that was likely meant; '' where none is near."""
    return next(iter(get_close_matches(str(word).lower(), list(valid), n=1, cutoff=0.6)), "")


def nearest(word: object, valid: Iterable[str]) -> str:
    """Return the hint that names the nearest valid word, or all of them."""
    known = list(valid)
    if found := closest(word, known):
        return f"是不是“{found}”？"
    return "可用：" + "、".join(known) if known else ""


def one_of(kind: type[WordEnum], what: str, value: object) -> WordEnum:
    for member in kind:
        if value == member.value:
            return member
    raise WordError(f"没有{shown(value)}这种{what}", nearest(value, [member.value for member in kind]))


def act(value: object) -> Act:
    return one_of(Act, "措施", value)


def offset(value: object) -> Offset:
    """``-3 workdays``, ``+1 month``, ``0 days``: so many before or after the anchor's day."""
    match = _OFFSET.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise WordError(
            f"看不懂日期 {shown(value)}",
            "写成 -3 workdays、0 workdays、+1 workday（工作日），或 days、weeks、months（日历日、周、月）",
        )
    sign, digits, span = match[1], int(match[2]), Span(match[3] + "s")
    if digits and not sign:
        raise WordError(f"{shown(value)}没有写前后", f"之前写 -{value}，之后写 +{value}")
    if digits > LONGEST[span]:
        raise WordError(f"{shown(value)}太远", f"最多 {LONGEST[span]} {span}")
    return Offset(-digits if sign == "-" else digits, span)


def at(value: object) -> Offset | None:
    """An offset, or ``immediately`` (``None``)."""
    if value == IMMEDIATELY:
        return None
    try:
        return offset(value)
    except WordError as error:
        if get_close_matches(str(value), [IMMEDIATELY], cutoff=0.7):
            raise WordError(error.message, f"是不是“{IMMEDIATELY}”（立即）？") from None
        raise


def workdays(value: object) -> int:
    """``10 workdays`` as a length of time."""
    match = _PERIOD.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) < 1:
        raise WordError(f"看不懂期限 {shown(value)}", "写成 3 workdays（3 个工作日）")
    return int(match[1])


def percent(value: object) -> int:
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 1 <= int(match[1]) <= 100:
        raise WordError(f"看不懂百分数 {shown(value)}", "写成 60%，从 1% 到 100%，不带小数")
    return int(match[1])


def clock_time(value: object) -> time:
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise WordError(f"看不懂时间 {shown(value)}", '写成 "09:10"，24 小时制，两位数')
    return time(int(match[1]), int(match[2]))


def rate(value: object) -> tuple[int, int]:
    """``20/minute`` as (20, 60): so many messages in so many seconds."""
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise WordError(f"看不懂速率 {shown(value)}", "写成 20/minute，单位可用 second、minute、hour、day")
    return int(match[1]), _SECONDS[match[2]]


def addressee(value: object) -> Addressee:
    """``A or B``: the first seat that anybody holds."""
    if not isinstance(value, str):
        raise WordError(f"看不懂岗位 {shown(value)}", "写成 unit.head，或 unit.deputy or unit.head")
    roles = tuple(one_of(Role, "岗位", word) for word in value.split(" or "))
    if len(set(roles)) < len(roles):
        raise WordError(f"{shown(value)}里岗位重复", "“or”两边应是不同的岗位")
    return roles


def leg(value: object) -> tuple[str, ...]:
    """``wecom+email``: the channels that are used together."""
    channels = tuple(value.split("+")) if isinstance(value, str) else ()
    if not channels or not all(channels) or any(c != c.strip() for c in channels):
        raise WordError(f"看不懂渠道 {shown(value)}", "写成 email，或 wecom+email（几个渠道一起发）")
    if len(set(channels)) < len(channels):
        raise WordError(f"{shown(value)}里渠道重复")
    return channels
