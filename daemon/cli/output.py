"""What commands print: tables for people, JSON for scripts, everything else on stderr."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal
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
    return "".join(char if char.isprintable() else " " for char in str(text))


def table(titles: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str = "没有") -> None:
    """Print a table; where nobody looks on, plain columns without frames or colours."""
    cells = [["" if cell is None else _clean(cell) for cell in row] for row in rows]
    if not cells:
        say(empty)
    elif sys.stdout.isatty():
        _framed(titles, cells)
    else:
        _columns(titles, cells)


def _framed(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title in titles:
        made.add_column(title, overflow="fold")
    for row in rows:
        made.add_row(*map(Text, row))
    Console().print(made)


def _columns(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    every = [list(titles), *rows]
    widths = [max(_width(row[n]) for row in every) for n in range(len(titles))]
    for row in every:
        padded = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
        print("  ".join(padded).rstrip())


def _width(text: str) -> int:
    """Return how many columns a terminal gives to a text."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def pairs(rows: Sequence[tuple[str, object]]) -> None:
    """Print titles with their values, one a line; those without a value are left out."""
    shown = [(title, value) for title, value in rows if value not in (None, "")]
    width = max((_width(title) for title, _ in shown), default=0)
    for title, value in shown:
        answer(f"{title}{' ' * (width - _width(title))}  {value}")


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


def agreed(question: str) -> bool:
    """Ask something that may be declined; where there is no terminal, it is."""
    if not sys.stdin.isatty():
        return False
    print(f"{question}？[y/N] ", end="", file=sys.stderr, flush=True)
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
