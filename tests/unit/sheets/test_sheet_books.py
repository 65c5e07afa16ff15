"""Workbooks that people open: what is written is read back as text, never as a formula."""

from __future__ import annotations

from pathlib import Path

import pytest
from openpyxl import load_workbook

from daemon.sheets.books import Table, write_book


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ("=1+1", "'=1+1"),
        ("+86 0432", "'+86 0432"),
        ("-3", "'-3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("明城镇", "明城镇"),
        ("0432", "0432"),
        ("http://a.example", "http://a.example"),
        (12, 12),
        (1.25, 1.25),
        (None, ""),
    ],
)
def test_a_cell_is_what_it_says(tmp_path: Path, cell: object, read: object) -> None:
    path = tmp_path / "book.xlsx"
    write_book(path, [Table("表", ("栏",), [(cell,)])])
    found = load_workbook(path)["表"]["A2"]
    assert (found.value, found.data_type == "f", found.hyperlink) == (read, False, None)


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"book\.xlsx"):
        write_book(tmp_path / "nowhere" / "book.xlsx", [Table("表", ("栏",), [])])
