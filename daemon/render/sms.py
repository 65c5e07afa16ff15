"""Texts of SMS: one line, registered with the provider beforehand, filled with a few short values.

A provider's template knows only numbered places. So a text is literal but for the declared names of
``NAMES`` and the office's phone, which is literal too by the time the text is registered. A template may have
variants (``urge.unit.late`` beside ``urge.unit``); the first whose names all have a value is taken, the plain
one last: a value that does not fit is never cut, the text simply says less.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from jinja2 import Environment, nodes
from jinja2.exceptions import TemplateSyntaxError

from daemon.render import wording

NAMES: Mapping[str, tuple[int, str]] = {
    "count": (4, "事项数"),
    "day": (6, "到期日（各项同一天到期，尚未到期）"),
    "first_day": (6, "最早的到期日（各项均未到期，到期日不同）"),
    "days": (4, "逾期工作日数（各项同一天到期，已逾期）"),
    "late_day": (6, "已过的到期日（各项同一天到期，已逾期）"),
    "most_days": (4, "最长逾期工作日数（各项均已逾期）"),
    "unsigned": (4, "尚未签收的事项数（各项均为交办后未签收）"),
}
"""What a text may name: the most characters of its value, and when it has one.

Providers let new accounts fill a place with no more than six (facts/channels.md §1.2).
"""

_PHONE = "phone"
_ONE, _MANY = 70, 67
_NEAR_DAYS = 180
_FORBIDDEN = (
    "招商 违约 失信 党政 催款 征信 法律 维权 贷款 调解 诉讼 法院 黑名单 追讨 加盟 招标 发票 中奖 赌博 退订"
    " 【 】 http www. .com .cn ://"
)
_PARSER = Environment(autoescape=False)  # noqa: S701  # nosec B701 # texts of SMS are parsed, never run


@dataclass(frozen=True, slots=True)
class Form:
    """A text as it is registered: ``text`` has the places {1}, {2}, …, ``names`` say what fills them."""

    text: str
    names: tuple[str, ...]

    def fill(self, values: Mapping[str, str]) -> tuple[str, list[str]]:
        """Return the whole text, and the values in the order of their places."""
        params = [values[name] for name in self.names]
        return re.sub(r"\{(\d+)\}", lambda place: params[int(place[1]) - 1], self.text), params

    def longest(self) -> str:
        """Return the text with every place filled to the brim."""
        return self.fill({name: "9" * NAMES[name][0] for name in self.names})[0]

    def fits(self, values: Mapping[str, str]) -> bool:
        return all(name in values for name in self.names)


@lru_cache(maxsize=1024)
def form(source: str, phone: str) -> Form:
    """Read a text of SMS. Raise ``TemplateSyntaxError`` where it is more than a line with declared names."""
    pieces: list[str] = []
    names: list[str] = []
    for node in _pieces(source):
        if isinstance(node, nodes.TemplateData):
            pieces.append(node.data)
        elif isinstance(node, nodes.Name) and node.name == _PHONE:
            pieces.append(phone)
        elif isinstance(node, nodes.Name) and node.name in NAMES:
            names.append(node.name)
            pieces.append(f"{{{len(names)}}}")
        else:
            raise TemplateSyntaxError(f"短信只能用这些名称：{'、'.join([*NAMES, _PHONE])}", node.lineno)
    text = "".join(pieces).strip()
    if "\n" in text:
        raise TemplateSyntaxError("短信只能有一行", 1)
    return Form(text, tuple(names))


def length(text: str, sign: str) -> int:
    """Count the characters of a text with the signature 【sign】, as providers do."""
    return len(text) + len(sign) + len("【】")


def segments(text: str, sign: str) -> int:
    """Return how many messages a text with the signature 【sign】 is billed and sent as."""
    whole = length(text, sign)
    return 1 if whole <= _ONE else -(-whole // _MANY)


def forbidden_words(text: str) -> tuple[str, ...]:
    """Return the words of a text that providers refuse in a notification."""
    return tuple(word for word in _FORBIDDEN.split() if word in text.lower())


def values(items: Sequence[Mapping[str, Any]], lines: Sequence[object], today: date) -> dict[str, str]:
    """Return the names that hold of *all* these items; the others have no value."""
    found = {"count": str(len(items) or len(lines))}
    if items and all(_is_unsigned(item) for item in items):
        found["unsigned"] = found["count"]
    if items and all(item["anchor"] == "due" and item["due_on"] for item in items):
        found |= _days(items, today)
    return {name: value for name, value in found.items() if len(value) <= NAMES[name][0]}


def _days(items: Sequence[Mapping[str, Any]], today: date) -> dict[str, str]:
    days = sorted({item["due_on"] for item in items})
    # A day is named without its year: only where nobody can take it for another one.
    named = wording.day(days[0]) if abs((days[0] - today).days) <= _NEAR_DAYS else None
    if all(item["workdays_overdue"] > 0 for item in items):
        longest = str(max(item["workdays_overdue"] for item in items))
        if len(days) > 1 or named is None:
            return {"most_days": longest}
        return {"days": longest, "late_day": named}
    if named is None or any(item["days_left"] < 0 for item in items):
        return {}
    return {"first_day" if len(days) > 1 else "day": named}


def _is_unsigned(item: Mapping[str, Any]) -> bool:
    return bool(item["anchor"] == "assigned" and item["case"] and item["case"]["state"] == "assigned")


def _pieces(source: str) -> list[nodes.Node]:
    pieces: list[nodes.Node] = []
    for node in _PARSER.parse(source).body:
        pieces += node.nodes if isinstance(node, nodes.Output) else [node]
    return pieces
