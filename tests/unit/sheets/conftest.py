"""A workbook for each test, written by another library than the one that reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl
import pytest

from daemon import sheets

CASE_HEADER = ("编号", "企业名称", "责任单位", "问题类别", "涉及金额（万元）", "交办日期", "整改时限", "备注")
PERSON_HEADER = ("单位", "姓名", "职务", "岗位", "手机", "邮箱", "企业微信账号", "任职起", "任职止")

Rows = Sequence[Sequence[object]]
Read = Callable[..., sheets.Sheet]


@pytest.fixture
def read_rows(tmp_path: Path) -> Read:
    """Write rows to worksheets and read them back: ``read_rows(rows)``, ``read_rows(单位=rows)``."""

    def write(*only: Rows, kind: str | None = None, **named: Rows) -> sheets.Sheet:
        book = openpyxl.Workbook()
        book.remove(book.worksheets[0])
        for name, rows in {**dict(zip(["表"], only, strict=False)), **named}.items():
            worksheet = book.create_sheet(name)
            for row in rows:
                worksheet.append(list(row))
        book.save(tmp_path / "表.xlsx")
        return sheets.read(tmp_path / "表.xlsx", kind)

    return write


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change the XML of a workbook's first worksheet, as no ordinary program would write it."""
    with ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    assert change(parts[sheet]) != parts[sheet] or b"<f>" in parts[sheet]
    with ZipFile(path, "w", ZIP_DEFLATED) as book:
        for name, xml in {**parts, sheet: change(parts[sheet])}.items():
            book.writestr(name, xml)
