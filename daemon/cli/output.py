"""What commands print: tables for people, JSON for scripts, everything else on stderr."""

from __future__ import annotations

import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from daemon.errors import Fault, RefusedError

_UTF8 = ("utf-8", "utf8")


def emit(value: object) -> None:
    """Print one JSON document; characters that the terminal lacks are escaped, so it stays valid."""
    plain = (sys.stdout.encoding or "utf-8").lower() in _UTF8
    print(json.dumps(value, ensure_ascii=not plain, indent=1, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return yuan(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)


def yuan(amount: Decimal | None) -> str | None:
    """Return an amount in yuan as plain digits, never with an exponent."""
    if amount is None:
        return None
    digits = format(amount, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def fault_json(fault: Fault) -> dict[str, Any]:
    return asdict(fault)


def say(*lines: str) -> None:
    """Tell a person something that is no answer: context, hints, warnings."""
    for line in lines:
        print(_clean(line), file=sys.stderr)


def answer(*lines: str) -> None:
    for line in lines:
        print("\n".join(map(_clean, line.split("\n"))))


def _clean(text: object) -> str:
    """Return text without control characters: a workbook must not steer the terminal."""
    return "".join(char if char.isprintable() or char == "\u3000" else " " for char in str(text))


def table(titles: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str = "没有") -> None:
    """Print a table as wide as the terminal; unfolded where nobody looks on and ``COLUMNS`` is not set."""
    cells = [["" if cell is None else _clean(cell) for cell in row] for row in rows]
    if not cells:
        answer(empty)
        return
    every = [list(titles), *cells]
    widths = fitting([max(columns(row[n]) for row in every) for n in range(len(titles))], _room())
    for row in every:
        folded = [fold(cell, width) for cell, width in zip(row, widths, strict=True)]
        for line in zip_longest(*folded, fillvalue=""):
            padded = (cell + " " * (width - columns(cell)) for cell, width in zip(line, widths, strict=True))
            print(_GAP.join(padded).rstrip())


_GAP = "  "
_NARROWEST = 8
_BREAK_AFTER, _BREAK_BEFORE, _NEVER_FIRST = "，；、。： /", "（", "，；、。：）”"


def _room() -> int | None:
    """Return how many columns there are; ``None`` where a line may be of any length."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return None
    return shutil.get_terminal_size().columns


def fitting(widths: Sequence[int], room: int | None) -> list[int]:
    """Return the widths that columns get: the widest give way first, down to one common width."""
    found = list(widths)
    if room is None:
        return found
    free = room - len(_GAP) * (len(found) - 1)
    while sum(found) > free and max(found) > _NARROWEST:
        found[found.index(max(found))] -= 1
    return found


def fold(text: str, width: int) -> list[str]:
    """Return a text in lines of at most ``width`` columns, broken where a reader would pause if that is near.

    Digits and Latin letters are not torn apart, and no line begins with a comma.
    """
    lines = []
    while columns(text) > width:
        cut = _cut(text, width)
        lines.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*lines, text]


def _cut(text: str, width: int) -> int:
    """Return after how many characters to break: at the last pause, unless that is near the beginning."""
    most = next(n for n in range(min(len(text), width), 0, -1) if columns(text[:n]) <= width or n == 1)
    places = [n for n in range(most, 0, -1) if _may_break(text[n - 1], text[n])]
    pauses = (n for n in places if text[n - 1] in _BREAK_AFTER or text[n] in _BREAK_BEFORE)
    near = next(pauses, 0)
    return near if columns(text[:near]) * 4 > width else next(iter(places), most)


def _may_break(before: str, after: str) -> bool:
    torn = before.isascii() and after.isascii() and not {before, after} & set(" /")
    return not torn and after not in _NEVER_FIRST


def columns(text: str) -> int:
    """Return how many columns a terminal gives to a text."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def pairs(rows: Sequence[tuple[str, object]]) -> None:
    """Print titles with their values, one a line; those without a value are left out."""
    shown = [(title, value) for title, value in rows if value not in (None, "")]
    width = max((columns(title) for title, _ in shown), default=0)
    for title, value in shown:
        answer(f"{title}{' ' * (width - columns(title))}  {value}")


def confirm(question: str, *, yes: bool) -> None:
    """Say what will be done, and ask. No terminal and no ``--yes``: refused."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise RefusedError(f"{question}。这里没有终端可以询问：确认无误请加 --yes")
    say(f"{question}。")
    print("继续吗？[y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes", "是"):
        raise RefusedError("已取消，什么都没有改")


def agreed(question: str, *, yes: bool) -> bool:
    """Ask a question that may be answered with no; where nobody can answer, it is."""
    if yes or not sys.stdin.isatty():
        return False
    print(f"{_clean(question)}[y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes", "是")


@contextmanager
def working(words: str) -> Iterator[None]:
    """Show that something takes its time, where somebody looks on."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(words):
        yield


def local(instant: datetime | None, zone: tzinfo) -> str:
    """Say an instant in local time: 2018-08-31 09:10."""
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M}" if instant else ""


def counted(counts: Mapping[str, int], titles: Mapping[str, str]) -> str:
    """Say counts in one line: 单位 36，人员 122."""
    return "，".join(f"{titles.get(name, name)} {number}" for name, number in counts.items() if number)
