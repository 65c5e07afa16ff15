"""Writes workbooks that people open: plain tables, none of whose cells is ever taken for a formula."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import xlsxwriter

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
_NARROWEST, _WIDEST = 8, 60


@dataclass(frozen=True)
class Table:
    """One sheet: its title, its headings, its rows."""

    title: str
    headings: Sequence[str]
    rows: Iterable[Sequence[object]]


def neutral(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula: what begins with = + - @ is quoted."""
    if isinstance(cell, str) and cell.startswith(_DANGEROUS):
        return f"'{cell}"
    return "" if cell is None else cell


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
            bold = book.add_format({"bold": True})
            for table in tables:
                _write(book.add_worksheet(table.title), table, bold)
    except xlsxwriter.exceptions.FileCreateError as error:
        raise OSError(str(error)) from None


def _write(sheet: xlsxwriter.worksheet.Worksheet, table: Table, bold: object) -> None:
    for column, heading in enumerate(table.headings):
        sheet.set_column(column, column, min(_WIDEST, max(_NARROWEST, 2 * len(heading) + 4)))
    sheet.write_row(0, 0, table.headings, bold)
    sheet.freeze_panes(1, 0)
    for number, row in enumerate(table.rows, start=1):
        for column, cell in enumerate(row):
            value = neutral(cell)
            if isinstance(value, int | float) and not isinstance(value, bool):
                sheet.write_number(number, column, value)
            else:
                sheet.write_string(number, column, str(value))
