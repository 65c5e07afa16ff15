"""Writes workbooks that people open: plain tables, none of whose cells is ever taken for a formula."""

from __future__ import annotations

import errno
import os
import tempfile
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any

import xlsxwriter

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
_NARROWEST, _WIDEST = 8, 60
_LOOKED_AT = 200
"""How many rows say how wide a column is to be."""
_HEADING = 16
"""How wide a heading may make its column; a longer one is folded."""
_LINE = 16
"""How high a line is, in points."""
_FILTER = 3
"""How wide the button of a filter is, in letters."""


@dataclass(frozen=True)
class Table:
    """One sheet: its title, its headings, its rows. One without a filter is a page to be read."""

    title: str
    headings: Sequence[str]
    rows: Iterable[Sequence[object]]
    filtered: bool = True


def neutral(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula: what begins with = + - @ is quoted."""
    if isinstance(cell, str) and cell.startswith(_DANGEROUS):
        return f"'{cell}"
    return "" if cell is None else cell


def check_writable(path: Path) -> None:
    """Raise ``OSError``, with its number and place, where ``path`` could not be written; change nothing."""
    if path.is_dir():
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    try:
        if path.exists():
            path.open("r+b").close()
        else:
            tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        place = path if path.exists() else path.parent
        raise OSError(error.errno, error.strerror, str(place)) from None


def write_book(path: Path, tables: Iterable[Table]) -> None:
    """Write tables into a new workbook, row by row; raise ``OSError`` where the file cannot be written."""
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    try:
        with xlsxwriter.Workbook(str(path), options) as book:
            for table in tables:
                _Sheet(book, table).write()
    except xlsxwriter.exceptions.FileCreateError as error:
        cause = error.args[0] if error.args else None
        if isinstance(cause, OSError):
            raise cause from None
        raise OSError(str(error)) from None


class _Sheet:
    """One table as it is written: headings that stay, columns as wide as their words, days as days."""

    def __init__(self, book: xlsxwriter.Workbook, table: Table) -> None:
        self._sheet, self._table = book.add_worksheet(table.title), table
        self._bold = book.add_format({"bold": True, "valign": "top", "text_wrap": True})
        self._text = book.add_format({"valign": "top", "text_wrap": True})
        self._number = book.add_format({"valign": "top"})
        self._day = book.add_format({"valign": "top", "num_format": "yyyy-mm-dd", "align": "left"})
        self._time = book.add_format({"valign": "top", "num_format": "yyyy-mm-dd hh:mm", "align": "left"})

    def write(self) -> None:
        headings, rows = self._table.headings, iter(self._table.rows)
        first = list(islice(rows, _LOOKED_AT))
        for column, heading in enumerate(headings):
            cells = (_columns(_shown(row[column])) for row in first)
            wide = max([min(_columns(heading) + _FILTER, _HEADING), *cells]) + 1
            self._sheet.set_column(column, column, min(_WIDEST, max(_NARROWEST, wide)))
        lines = max(-(-(_columns(heading) + _FILTER) // _HEADING) for heading in headings)
        self._sheet.set_row(0, lines * _LINE)
        self._sheet.write_row(0, 0, headings, self._bold)
        self._sheet.freeze_panes(1, 0)
        last = 0
        for last, row in enumerate(chain(first, rows), start=1):
            for column, cell in enumerate(row):
                self._write(last, column, neutral(cell))
        if self._table.filtered:
            self._sheet.autofilter(0, 0, last, len(headings) - 1)
        self._sheet.set_landscape()
        self._sheet.fit_to_pages(1, 0)
        self._sheet.repeat_rows(0)

    def _write(self, row: int, column: int, value: Any) -> None:
        if isinstance(value, datetime):
            self._sheet.write_datetime(row, column, value.replace(tzinfo=None), self._time)
        elif isinstance(value, date):
            self._sheet.write_datetime(row, column, value, self._day)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            self._sheet.write_number(row, column, value, self._number)
        else:
            self._sheet.write_string(row, column, str(value), self._text)


def _shown(cell: object) -> str:
    """Return a cell as it is read: the longest of its lines."""
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    return max(str(neutral(cell)).split("\n"), key=_columns)


def _columns(text: str) -> int:
    """Return how wide a text is in letters; a Chinese one is two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
