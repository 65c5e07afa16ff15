"""Workbooks that people open: what is written is read back as text, never as a formula."""

from __future__ import annotations

import errno
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook

from daemon.sheets.books import Table, check_writable, write_book


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


def test_days_are_days_and_times_local_times(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    moment = datetime(2018, 8, 31, 9, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
    write_book(path, [Table("表", ("日期", "时间"), [(date(2018, 8, 31), moment)])])
    day, time = load_workbook(path)["表"][2]
    assert (f"{day.value}", day.number_format) == ("2018-08-31 00:00:00", "yyyy-mm-dd")
    assert (f"{time.value}", time.number_format) == ("2018-08-31 09:10:00", "yyyy-mm-dd hh:mm")


def test_a_column_is_as_wide_as_its_words_and_folds_what_is_longer(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    rows = [("市水利局主要负责人", "字" * 99)] * 3
    write_book(path, [Table("表", ("人", "说明"), rows), Table("页", ("项目",), [], filtered=False)])
    book = load_workbook(path)
    sheet = book["表"]
    widths = [sheet.column_dimensions[letter].width for letter in "AB"]
    assert 18 < widths[0] < 22, "nine Chinese characters"
    assert 60 <= widths[1] < 61
    assert sheet["B2"].alignment.wrap_text
    assert (sheet.freeze_panes, sheet.auto_filter.ref, book["页"].auto_filter.ref) == ("A2", "A1:B4", None)


@pytest.mark.parametrize("write", [lambda path: write_book(path, [Table("表", ("栏",), [])]), check_writable])
def test_a_file_that_cannot_be_written_is_an_error_with_its_number(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    with pytest.raises(OSError, match="nowhere") as refused:
        write(tmp_path / "nowhere" / "book.xlsx")
    assert refused.value.errno == errno.ENOENT
    with pytest.raises(OSError, match=tmp_path.name) as refused:
        write(tmp_path)
    assert refused.value.errno == errno.EISDIR


def test_to_ask_whether_it_can_be_written_changes_nothing(tmp_path: Path) -> None:
    there, new = tmp_path / "there.xlsx", tmp_path / "new.xlsx"
    there.write_bytes(b"kept")
    check_writable(there)
    check_writable(new)
    assert (there.read_bytes(), new.exists()) == (b"kept", False)
