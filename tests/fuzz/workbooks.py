"""Workbooks and csv files, from nearly right to not at all."""

from __future__ import annotations

import csv
import io
import re
from functools import cache
from pathlib import Path
from typing import Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import xlsxwriter

from daemon import sheets
from daemon.sheets.headings import TABLES
from daemon.sheets.rows import Kind
from tests.fuzz.mutations import ODD_WORDS, Chance, spoilt

DEMO: Final = Path(__file__).parents[2] / "config" / "demo"
HEADINGS: Final = tuple(heading for table in TABLES for field in table.fields for heading in field.headings)
PLAIN: Final = (
    "PS-2018-0001",
    "甲公司",
    "明城镇",
    "2018年8月15日",
    "2018-08-15",
    "43327",
    "1415.35万元",
    "13800130123",
    "是",
    "合计",
    "负责人：",
    "审核人（签字）（盖章）",
    "联络员",
    "主要领导",
    "a@b.example",
)
XML: Final = (
    b"<c ",
    b'<c r="',
    b'<c r="XFD1048576">',
    b'<c r="A1" t="e"><v ',
    b'<row r="99999999">',
    b"<row",
    b"<f",
    b"<v>",
    b"</v>",
    b' t="e"',
    b' t="s"',
    b' r="A-1"',
    b' r="AAAA1"',
    b' s="999999"',
    b"<!--",
    b"<![CDATA[",
    b"&#x0;",
    b"&amp;" * 50,
    b'<mergeCell ref="A1:XFD1048576"/>',
    b'<mergeCell ref="B9:A1"/>',
    b'<dimension ref="A1:XFD1048576"/>',
    b"<x:c/>",
    b'count="4294967295"',
    b'<sheet name="x" sheetId="1" r:id="rId9"/>',
    b"\xff\xfe",
)

_FAR: Final = '<worksheet><sheetData><row><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'


def make(chance: Chance) -> bytes:
    """Return a file's bytes."""
    return chance.choice((_text, _text, _table, _table, _bytes, _parts, _parts, _parts, _bomb))(chance)


def try_out(content: bytes, folder: Path) -> None:
    """Read a file as an import does; whatever it says is a fault, never an error."""
    path = folder / "表.xlsx"
    path.write_bytes(content)
    for kind in (None, Kind.LEDGER.value):
        found = sheets.read(path, kind)
        sheets.check(found, set())
        for fault in found.faults:
            str(fault)


@cache
def _samples() -> tuple[bytes, ...]:
    """Return workbooks of other hands, the smallest that is right first."""
    book = io.BytesIO()
    with xlsxwriter.Workbook(book, {"in_memory": True}) as written:
        sheet = written.add_worksheet("台账")
        sheet.write_row(0, 0, ("编号", "企业名称", "责任单位", "涉及金额（万元）", "整改时限", "备注"))
        sheet.write_row(1, 0, ("PS-1", "甲公司", "明城镇", 12.5, 43327, "说明"))
        sheet.write_formula(2, 3, "=1/0", value="#DIV/0!")
        sheet.merge_range("C3:C6", "松山镇")
        written.add_worksheet("说明").hide()
    return (book.getvalue(), *(path.read_bytes() for path in sorted(DEMO.glob("issue-list*.xlsx"))))


def _cell(chance: Chance) -> str:
    return chance.choice((chance.choice(PLAIN), chance.choice(ODD_WORDS), ""))


def _rows(chance: Chance) -> list[list[str]]:
    table = chance.choice(TABLES)
    head = [chance.choice(field.headings) for field in table.fields if chance.random() < 0.9]
    if chance.random() < 0.2:
        chance.shuffle(head)
        head.append(chance.choice(HEADINGS))
    rows = [[_cell(chance) for _ in range(len(head) + chance.choice((0, 0, -1, 3)))] for _ in range(8)]
    above = [[_cell(chance)] for _ in range(chance.choice((0, 1, 3)))]
    return [*above, head, *rows]


def _text(chance: Chance) -> bytes:
    """Return a csv in some encoding, some of it spoilt."""
    written = io.StringIO()
    csv.writer(written, delimiter=chance.choice(",\t;")).writerows(_rows(chance))
    encoding = chance.choice(("utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-32", "big5"))
    content = written.getvalue().encode(encoding, errors="replace")
    return spoilt(content, chance) if chance.random() < 0.4 else content


def _table(chance: Chance) -> bytes:
    """Return a sound workbook of odd cells."""
    book = io.BytesIO()
    with xlsxwriter.Workbook(book, {"in_memory": True, "nan_inf_to_errors": True}) as written:
        for _ in range(chance.choice((1, 1, 3))):
            sheet = written.add_worksheet()
            for at, row in enumerate(_rows(chance)):
                for column, cell in enumerate(row):
                    _write(sheet, at, column, cell[:32_767], chance)
    return book.getvalue()


def _write(sheet: xlsxwriter.worksheet.Worksheet, row: int, column: int, cell: str, chance: Chance) -> None:
    match chance.randrange(8):
        case 0:
            sheet.write_number(row, column, chance.choice((0.0, -1.0, 43327.0, 1e300, -1e-300, 2_958_466.0)))
        case 1:
            sheet.write_formula(row, column, "=A1", value=chance.choice(("", "#N/A", "x", 3)))
        case 2:
            sheet.write_boolean(row, column, chance.random() < 0.5)
        case _:
            sheet.write_string(row, column, re.sub(r"[\x00-\x08]", "", cell))


def _bytes(chance: Chance) -> bytes:
    return spoilt(chance.choice(_samples()), chance)


def _parts(chance: Chance) -> bytes:
    """Return a workbook whose zip is sound, and whose XML is spoilt or has strange names."""
    with ZipFile(io.BytesIO(chance.choice(_samples()))) as book:
        parts = [(name, book.read(name)) for name in book.namelist()]
    book = io.BytesIO()
    with ZipFile(book, "w", ZIP_DEFLATED) as archive:
        for name, xml in parts:
            likely = 0.6 if "sheet1" in name else 0.15
            if chance.random() < 0.03:
                name = chance.choice((name.upper(), "../" + name, name + "x", "/" + name))
            archive.writestr(name, spoilt(xml, chance, splices=XML) if chance.random() < likely else xml)
    return book.getvalue()


def _bomb(chance: Chance) -> bytes:
    """Return a workbook that costs much more than it weighs."""
    sheet = chance.choice(
        (
            b"<c " * 300_000,
            b'<c r="' * 300_000,
            b'<c r="A1" t="e"><v ' * 100_000,
            b'<c t="e">' * 200_000,
            b"<row><c><f>" * 100_000,
            b"<worksheet><sheetData>" + b"<row/>" * 300_000,
            b"<a>" * 500_000,
            b'<row><c r="A1"><v>1</v></c></row>' * 100_000,
            b'<c a="<" r="XFD1048576"><v>1</v></c>' * 9,
            _FAR.replace("<c", "<c a='<'").encode(),
            b"<sheetData><row><c><v>1</v></c></row></sheetData>"
            + b'<mergeCell ref="A1:XFD1048576"/>' * 50_000,
            _FAR.encode("utf-16"),
        )
    )
    book = io.BytesIO()
    with (
        ZipFile(io.BytesIO(_samples()[0])) as sound,
        ZipFile(book, "w", chance.choice((ZIP_STORED, ZIP_DEFLATED))) as archive,
    ):
        for name in sound.namelist():
            archive.writestr(name, sheet if name.endswith("sheet1.xml") else sound.read(name))
        if chance.random() < 0.3:
            archive.writestr("content.xml", b"<office:document/>")
        for number in range(chance.choice((0, 0, 5_000))):
            archive.writestr(f"xl/media/{number}", b"")
        if chance.random() < 0.3:
            archive.writestr("xl/media/zeros", bytes(chance.choice((10_000, 30_000_000))))
    return book.getvalue()
