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

from daemon.domain.case import State
from daemon.domain.ladder import Act, Addressee, Role, SubjectKind
from daemon.domain.why import ANCHOR_TITLES, ROLE_TITLES
from daemon.domain.workdays import Offset, Span

IMMEDIATELY = "immediately"
LONGEST = {Span.WORKDAYS: 1000, Span.DAYS: 1500, Span.WEEKS: 200, Span.MONTHS: 48}
_OFFSET = re.compile(r"([+-]?)(\d{1,4}) (workday|day|week|month)s?")
_PERIOD = re.compile(r"(\d{1,3}) workdays?")
_PERCENT = re.compile(r"(\d{1,3})%")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_RATE = re.compile(r"([1-9]\d{0,5})/(second|minute|hour|day)")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}

_TITLES: tuple[tuple[str, str], ...] = (
    *((act.label, act.value) for act in Act),
    *((title, role.value) for role, title in ROLE_TITLES.items()),
    *((state.label, state.value) for state in State),
    *((title, anchor) for anchor, title in ANCHOR_TITLES.items()),
    *zip(("问题", "案件", "报送", "目标", "阶段", "行动"), ("case", *SubjectKind), strict=True),
    *zip(
        ("短信", "邮件", "邮箱", "企业微信", "微信"), ("sms", "email", "email", "wecom", "wecom"), strict=True
    ),
)
"""What offices call the words of the rules."""
_FIRSTS = ("head", "leader", "director")
_SYNONYMS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("boss", "chief", "manager", "mayor", *_FIRSTS), _FIRSTS),
    "contact": ("liaison",), "vice": ("deputy",), "mail": ("email",), "wechat": ("wecom",),
    "message": ("sms",), "remind": ("reminder",), "warning": ("early_warning",),
    "letter": ("supervision_letter",), "assign": ("assignment",),
}  # fmt: skip
_CHINESE_PERIOD = re.compile(r"(\d{1,3})\s*个?\s*(工作日|自然日|天|日|周|星期|月)")
_SPANS = {"工作日": "workdays", "周": "weeks", "星期": "weeks", "月": "months"}

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
    """Return the valid word that was likely meant, whether said in Chinese, in other words, or misspelt.

    '' where none is near.
    """
    known, said = list(valid), str(word).strip().lower()
    for meant in (said, *_in_chinese(said), *_in_other_words(said)):
        if meant in known:
            return meant
    return next(iter(get_close_matches(said, known, n=1, cutoff=0.6)), "")


def _in_chinese(said: str) -> list[str]:
    """Return the words whose title says this, the shortest title first."""
    if len(said) < 2 or said.isascii():
        return []
    titled = [(len(title), value) for title, value in _TITLES if said in title or title in said]
    return [value for _, value in sorted(titled, key=lambda each: each[0])]


def _in_other_words(said: str) -> list[str]:
    scope, dot, seat = said.rpartition(".")
    return [f"{scope}{dot}{synonym}" for synonym in _SYNONYMS.get(seat, ())]


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
        hint = "写成 -3 workdays、0 workdays、+1 workday（工作日），或 days、weeks、months（日历日、周、月）"
        raise WordError(f"看不懂日期{shown(value)}", _meant_offset(value) or hint)
    sign, digits, span = match[1], int(match[2]), Span(match[3] + "s")
    if digits and not sign:
        raise WordError(f"{shown(value)}没有写前后", f"之前写 -{value}，之后写 +{value}")
    if digits > LONGEST[span]:
        raise WordError(f"{shown(value)}太远", f"最多 {LONGEST[span]} {span}")
    return Offset(-digits if sign == "-" else digits, span)


def _meant_offset(value: object) -> str:
    """Return the hint for an offset that was said in Chinese; '' where it is not clear."""
    said = str(value)
    period, before, after = _CHINESE_PERIOD.search(said), "前" in said, "后" in said or "逾期" in said
    if period is None or before == after:
        return ""
    return f"是不是“{'-' if before else '+'}{period[1]} {_SPANS.get(period[2], 'days')}”？"


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
        raise WordError(f"看不懂期限{shown(value)}", "写成 3 workdays（3 个工作日）")
    return int(match[1])


def percent(value: object) -> int:
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 1 <= int(match[1]) <= 100:
        raise WordError(f"看不懂百分数{shown(value)}", "写成 60%，从 1% 到 100%，不带小数")
    return int(match[1])


def clock_time(value: object) -> time:
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise WordError(f"看不懂时间{shown(value)}", '写成 "09:10"，24 小时制，两位数')
    return time(int(match[1]), int(match[2]))


def rate(value: object) -> tuple[int, int]:
    """``20/minute`` as (20, 60): so many messages in so many seconds."""
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise WordError(f"看不懂速率{shown(value)}", "写成 20/minute，单位可用 second、minute、hour、day")
    return int(match[1]), _SECONDS[match[2]]


def addressee(value: object) -> Addressee:
    """``A or B``: the first seat that anybody holds."""
    if not isinstance(value, str):
        raise WordError(f"看不懂岗位{shown(value)}", "写成 unit.head，或 unit.deputy or unit.head")
    roles = tuple(one_of(Role, "岗位", word) for word in value.split(" or "))
    if len(set(roles)) < len(roles):
        raise WordError(f"{shown(value)}里岗位重复", "“or”两边应是不同的岗位")
    return roles


def leg(value: object) -> tuple[str, ...]:
    """``wecom+email``: the channels that are used together."""
    channels = tuple(value.split("+")) if isinstance(value, str) else ()
    if not channels or not all(channels) or any(c != c.strip() for c in channels):
        raise WordError(f"看不懂渠道{shown(value)}", "写成 email，或 wecom+email（几个渠道一起发）")
    if len(set(channels)) < len(channels):
        raise WordError(f"{shown(value)}里渠道重复")
    return channels
