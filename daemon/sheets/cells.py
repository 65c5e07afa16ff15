"""One cell, in every form that the offices type it: to a value, or to what is wrong with it.

Each reader takes a cell and returns its value, the empty value for an empty cell, or ``Wrong``. It never
raises.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from difflib import get_close_matches
from typing import Final

from daemon.sheets.rows import CATEGORIES


@dataclass(frozen=True, slots=True)
class Broken:
    """A formula cell without a value: it failed (``text`` is #N/A and the like), or was never calculated."""

    text: str = "公式未计算"

    @property
    def is_error(self) -> bool:
        return self.text.startswith("#")


@dataclass(frozen=True, slots=True)
class Wrong:
    """A cell that cannot be read, and what would be right."""

    message: str
    hint: str = ""


Cell = str | int | float | bool | date | datetime | time | timedelta | Broken
Reader = Callable[[Cell], object]

SHOWN = 40
LONGEST_LABEL = 200
CASE_YEARS: Final = range(2005, 2049)
"""A year of rungs on either side stays inside the working-day calendar."""
TERM_YEARS: Final = range(1950, 10000)
SERIALS: Final = range(1, 2_958_466)
"""The day numbers that a spreadsheet knows, up to 9999-12-31."""
LARGEST_AMOUNT: Final = Decimal(10) ** 12
YUAN: Final = {"元": Decimal(1), "万元": Decimal(10_000), "亿元": Decimal(100_000_000)}

_INVISIBLE = re.compile(r"[\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BETWEEN_HANZI = re.compile(r"(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])")
_MARKS_OF_NOTHING = frozenset({"", "/", "\\", "-", "--", "—", "——", "无", "暂无", "待定", "未定"})
_DASHES = str.maketrans({"—": "-", "–": "-", "−": "-", "‐": "-", "‑": "-", "。": "."})
_MOBILE_INSIDE = re.compile(r"(?<!\d)(1[3-9]\d)\d{4}(\d{4})(?!\d)")

_DAY = re.compile(
    r"(\d{4})\s*[年\-./]\s*(\d{1,2})\s*[月\-./]\s*(\d{1,2})\s*[日号]?"
    r"(?:(?:\s+|T)\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?",
    re.ASCII,
)
_COMPACT_DAY = re.compile(r"([12]\d{3})(\d{2})(\d{2})(?:\.0)?", re.ASCII)
_SERIAL = re.compile(r"(\d{5})(?:\.\d+)?", re.ASCII)
_AMOUNT = re.compile(
    r"(?:人民币)?[¥￥]?(\d{1,3}(?:,\d{3})+|\d+)((?:\.\d+)?)(?:(亿|万)?元?)整?(?:人民币)?", re.ASCII
)
_MOBILE = re.compile(r"(?:\+?86|0086)?(1[3-9]\d{9})", re.ASCII)
_LANDLINE = re.compile(
    r"\(?(0(?:10|2\d|[3-9]\d{2}))\)?-?([2-9]\d{6,7})(?:(?:-|转|ext\.?)(\d{1,6}))?", re.ASCII
)
_SERVICE = re.compile(r"([48]00)-?(\d{3})-?(\d{4})", re.ASCII)
_EMAIL = re.compile(
    r"[A-Za-z0-9._%+-]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)+", re.ASCII
)
_WECOM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_@.-]{0,63}", re.ASCII)

_YES = frozenset({"是", "√", "✓", "✔", "☑", "v", "y", "yes", "true", "1", "重点", "对"})
_NO = frozenset(
    {"", "否", "×", "✗", "✘", "☐", "x", "n", "no", "false", "0", "一般", "非重点", "不是", "/", "-", "无"}
)


def text(cell: Cell) -> str:
    """Return the words of a cell: trimmed, without invisible characters, line breaks kept."""
    words = _INVISIBLE.sub("", _plain(cell)).replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", words).strip()


def label(cell: Cell) -> str | Wrong:
    """Return a name on one line; the spaces that spread two characters over a cell (张　三) are taken out."""
    words = _BETWEEN_HANZI.sub("", text(cell))
    words = re.sub(r"\s+", " ", words)
    if words in {"/", "\\", "-", "--", "—", "——"}:
        return ""
    return words if len(words) <= LONGEST_LABEL else Wrong(f"过长：“{show(words)}”", f"最多{LONGEST_LABEL}字")


def unit_name(cell: Cell) -> str | Wrong:
    """Return a unit's name in the one form in which it is compared: no spaces, full-width brackets."""
    words = label(cell)
    if isinstance(words, Wrong):
        return words
    return squeeze(words, fold=False).replace("(", "（").replace(")", "）")


def number(cell: Cell) -> str | Wrong:
    """Return a case's 编号: half-width, without spaces."""
    words = label(cell)
    return words if isinstance(words, Wrong) else squeeze(words, fold=False).translate(_DASHES)


def squeeze(words: str, *, fold: bool = True) -> str:
    """Return ``words`` half-width and without any space, for comparing."""
    narrow = re.sub(r"\s+", "", unicodedata.normalize("NFKC", _INVISIBLE.sub("", words)))
    return narrow.casefold() if fold else narrow


def day(cell: Cell, years: range = CASE_YEARS) -> date | Wrong | None:
    """Return a day: a date, or written with 年月日, dots, strokes, slashes, or as a spreadsheet's number."""
    if isinstance(cell, datetime):
        found: date | None = cell.date()
    elif isinstance(cell, date):
        found = cell
    elif _is_empty(cell):
        return None
    else:
        found = _day_of(_narrow(cell))
    if found is None:
        return Wrong(f"不是日期：“{show(cell)}”", "应写到日，如 2018年8月15日 或 2018-08-15")
    if found.year not in years:
        return Wrong(f"日期超出范围：“{show(cell)}”", f"年份应在{years[0]}至{years[-1]}之间")
    return found


def term_day(cell: Cell) -> date | Wrong | None:
    """Return the first or last day in a post; it may lie long before any campaign."""
    return day(cell, TERM_YEARS)


def amount(cell: Cell, scale: Decimal | None = None) -> Decimal | Wrong | None:
    """Return a sum in yuan. ``scale`` is the unit of the heading; a unit in the cell goes before it."""
    if _is_empty(cell):
        return None
    wrong = Wrong(f"不是金额：“{show(cell)}”", "应为数字，如 1415.35 或 1415.35万元")
    match = _AMOUNT.fullmatch(squeeze(_narrow(cell))) if isinstance(cell, str | int | float) else None
    if match is None or isinstance(cell, bool):
        return wrong
    written = squeeze(match[0])
    unit = (match[3] or "") + "元" if match[3] or written.endswith(("元", "元整")) else ""
    factor = YUAN[unit] if unit else scale
    if factor is None:
        return Wrong(f"金额没有单位：“{show(cell)}”", "请在表头写明“（万元）”或“（元）”")
    yuan = Decimal(match[1].replace(",", "") + match[2]) * factor
    if yuan >= LARGEST_AMOUNT:
        return Wrong(f"金额过大：“{show(cell)}”", "请核对单位是元还是万元")
    return yuan.quantize(Decimal("0.01"), ROUND_HALF_UP)


def phone(cell: Cell) -> str | Wrong:
    """Return a mobile's 11 digits, a landline as 0432-65222222(-分机), a service number as 400-123-4567."""
    if _is_empty(cell):
        return ""
    written = squeeze(_narrow(cell)).translate(_DASHES)
    compact = written.removesuffix(".0")
    if match := _MOBILE.fullmatch(compact.replace("-", "")):
        return match[1]
    if match := _LANDLINE.fullmatch(compact):
        return "-".join(part for part in match.groups() if part)
    if match := _SERVICE.fullmatch(compact):
        return "-".join(match.groups())
    return Wrong(
        f"不是电话号码：“{show(cell)}”", "应为一个11位手机号码，或带区号的固定电话，如 0432-65222222"
    )


def email(cell: Cell) -> str | Wrong:
    if _is_empty(cell):
        return ""
    address = squeeze(_plain(cell), fold=False)
    if len(address) <= LONGEST_LABEL and _EMAIL.fullmatch(address):
        return address
    return Wrong(f"不是邮箱地址：“{show(cell)}”", "应如 name@example.cn")


def wecom(cell: Cell) -> str | Wrong:
    if _is_empty(cell):
        return ""
    account = squeeze(_plain(cell), fold=False)
    if _WECOM.fullmatch(account):
        return account
    return Wrong(f"不是企业微信账号：“{show(cell)}”", "应为通讯录中的账号（字母、数字、_ - @ .），不是姓名")


def yes_no(cell: Cell) -> bool | Wrong:
    word = squeeze(_plain(cell))
    if word in _YES:
        return True
    return False if word in _NO else Wrong(f"应填“是”或“否”：“{show(cell)}”")


def category(cell: Cell) -> str | Wrong:
    words = label(cell)
    if isinstance(words, Wrong) or not words or words in CATEGORIES:
        return words
    return Wrong(f"未知类别：“{show(words)}”", choices(words, CATEGORIES))


def choices(words: str, known: Collection[str]) -> str:
    """Return the hint that lists what may be chosen, and the one that was probably meant."""
    return f"可选：{'、'.join(known)}{nearest(words, known)}"


def nearest(words: str, known: Collection[str]) -> str:
    """Return ``；是否为“…”？`` with the known name most like ``words``, or nothing."""
    found = get_close_matches(words, sorted(known), n=1, cutoff=0.5)
    return f"；是否为“{found[0]}”？" if found else ""


def show(cell: Cell) -> str:
    """Return a cell as it may stand in a message: short, printable, mobiles masked."""
    words = re.sub(r"\s+", " ", text(cell))
    words = "".join(letter for letter in words if letter.isprintable())
    words = words if len(words) <= SHOWN else words[:SHOWN] + "…"
    return _MOBILE_INSIDE.sub(r"\1****\2", words)


def _plain(cell: Cell) -> str:
    if isinstance(cell, Broken):
        return cell.text
    if isinstance(cell, bool):
        return "是" if cell else "否"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 10**15:
        return str(int(cell))
    return str(cell)


def _narrow(cell: Cell) -> str:
    """Return the cell half-width; a float without its exponent where it has one (1E-05)."""
    words = format(Decimal(repr(cell)), "f") if isinstance(cell, float) else _plain(cell)
    return unicodedata.normalize("NFKC", _INVISIBLE.sub("", words)).strip().lstrip("'").translate(_DASHES)


def _is_empty(cell: Cell) -> bool:
    return isinstance(cell, str) and squeeze(cell) in _MARKS_OF_NOTHING


def _day_of(words: str) -> date | None:
    if match := _SERIAL.fullmatch(words):
        serial = int(match[1])
        return date(1899, 12, 30) + timedelta(days=serial) if serial in SERIALS else None
    match = _DAY.fullmatch(words) or _COMPACT_DAY.fullmatch(words)
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
