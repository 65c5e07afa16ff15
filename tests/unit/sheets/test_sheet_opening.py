"""Files that are too much, too little, or something else."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl
import pytest

from daemon import sheets
from daemon.sheets import opening

from .conftest import CASE_HEADER, rewrite

CSV = '"企业名称",责任单位,备注\r\n甲公司,明城镇,一\r\n\r\n乙公司,松山镇,"二\n三，四"\r\n'


def message(path: Path) -> str:
    [fault] = sheets.read(path).faults
    assert (fault.place, fault.line) == (path.name, 0)
    return fault.message


def workbook(path: Path) -> Path:
    book = openpyxl.Workbook()
    book.active.append(CASE_HEADER)
    book.active.append(("PS-1", "甲公司", "明城镇"))
    book.save(path)
    return path


# csv


@pytest.mark.parametrize(
    "content",
    [
        CSV.encode(),
        codecs.BOM_UTF8 + CSV.encode(),
        CSV.encode("gb18030"),
        CSV.encode("gbk"),
        CSV.encode("utf-16"),
        CSV.replace(",", "\t").encode("utf-16"),
        CSV.replace(",", ";").encode(),
        CSV.replace("\r\n", "\n").encode("gb18030"),
    ],
)
def test_a_csv_in_every_encoding(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "表.csv").write_bytes(content)
    cases = sheets.read(tmp_path / "表.csv").cases
    assert [(case.enterprise, case.unit, case.line) for case in cases] == [
        ("甲公司", "明城镇", 2),
        ("乙公司", "松山镇", 4),
    ]
    assert cases[1].note == "二\n三，四"


def test_a_rare_character_that_only_gb18030_has(tmp_path: Path) -> None:
    (tmp_path / "表.csv").write_bytes(CSV.replace("甲", "㙍𠮷").encode("gb18030"))
    assert sheets.read(tmp_path / "表.csv").cases[0].enterprise == "㙍𠮷公司"


def test_a_csv_that_keeps_its_numbers_from_the_spreadsheet(tmp_path: Path) -> None:
    (tmp_path / "表.csv").write_text(
        '企业名称,责任单位,电话\n甲公司,明城镇,"=""13800130123"""\n', encoding="utf-8"
    )
    assert sheets.read(tmp_path / "表.csv").cases[0].phone == "13800130123"


# what is no table


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "文件是空的"),
        (b" \r\n", "文件是空的"),
        (b"PK\x03\x04 and no more", "文件已损坏，或者不是 .xlsx 工作簿"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "这是旧版 .xls 工作簿"),
        (b"\xd0\xcf\x11\xe0" + bytes(600) + "EncryptedPackage".encode("utf-16-le"), "工作簿设了密码"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\xff", "不是 .xlsx 工作簿，也不是文本"),
        ("<html><table>企业名称".encode(), "这是网页，不是表格"),
        (b'a,"' + b"x" * 200_000 + b'"', "第1行不是 csv"),
        ("企业名称\n甲公司".encode(), "没有找到表头"),
    ],
)
def test_what_is_no_table(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "表.xlsx").write_bytes(content)
    assert message(tmp_path / "表.xlsx") == said


def test_no_file(tmp_path: Path) -> None:
    assert message(tmp_path / "无.xlsx") == message(tmp_path) == "没有这个文件"


def test_a_zip_that_is_no_workbook(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "信.docx", "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    assert message(tmp_path / "信.docx") == "不是 .xlsx 工作簿"


def test_a_workbook_by_another_name(tmp_path: Path) -> None:
    path = workbook(tmp_path / "表.xlsx").rename(tmp_path / "表.csv")
    assert [case.no for case in sheets.read(path).cases] == ["PS-1"]


def test_a_damaged_workbook(tmp_path: Path) -> None:
    path = workbook(tmp_path / "表.xlsx")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert message(path) == "文件已损坏，或者不是 .xlsx 工作簿"


# too much


def test_a_file_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "LARGEST_FILE", opening.MIB)
    (tmp_path / "表.csv").write_bytes(b"," * (opening.MIB + 1))
    assert message(tmp_path / "表.csv") == "文件超过1 MB"


def bomb(path: Path, size: int) -> Path:
    with ZipFile(workbook(path), "a", ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/image1.bmp", bytes(size))
    return path


def test_a_zip_bomb(tmp_path: Path) -> None:
    assert message(bomb(tmp_path / "表.xlsx", 20 * opening.MIB)) == "压缩比异常，解开后过大"


def test_a_zip_bomb_that_lies_about_its_size(tmp_path: Path) -> None:
    path = bomb(tmp_path / "表.xlsx", 20 * opening.MIB)
    size = (20 * opening.MIB).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (1000).to_bytes(4, "little")))
    assert message(path) == "文件已损坏，或者不是 .xlsx 工作簿"


def test_a_workbook_that_unzips_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "LARGEST_UNZIPPED", 1000)
    assert message(workbook(tmp_path / "表.xlsx")) == "压缩比异常，解开后过大"


def far(cells: bytes) -> Callable[[bytes], bytes]:
    return lambda xml: xml.replace(b"</sheetData>", cells + b"</sheetData>")


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (b'<row r="1048576"><c r="A1048576"><v>1</v></c></row>', "行数超过200000"),
        (b'<row r="1048576"><c><v>1</v></c></row>', "行数超过200000"),
        (b"<row><c a='>' r='a1048576' ><v>1</v></c></row>", "行数超过200000"),
        (b'<x:row r="3"><x:c r="A1048576"><x:v>1</x:v></x:c></x:row>', "行数超过200000"),
        (b'<row r="100000"><c r="XFD100000"><v>1</v></c></row>', "表格过大"),
        (b'<row r="3"><c r="ZZZ3"><v>1</v></c></row>', "表格过大"),
    ],
)
def test_a_cell_too_far_away_is_seen_before_the_space_to_it_is_laid_out(
    tmp_path: Path, cells: bytes, said: str
) -> None:
    path = workbook(tmp_path / "表.xlsx")
    rewrite(path, far(cells))
    assert message(path) == said


def test_a_format_far_away_costs_nothing(tmp_path: Path) -> None:
    path = workbook(tmp_path / "表.xlsx")
    rewrite(path, far(b'<row r="1048576"><c r="XFD1048576" s="0"/></row>'))
    assert len(sheets.read(path).cases) == 1


def test_a_csv_with_too_many_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MOST_ROWS", 3)
    (tmp_path / "表.csv").write_text(CSV, encoding="utf-8")
    assert message(tmp_path / "表.csv") == "行数超过3"


UNCLOSED = [
    b"<c " * 20_000,
    b'<c r="' * 20_000,
    b'<row r="' * 20_000,
    b"<c a='<' r='XFD1048576'><v>1</v></c>",
]


@pytest.mark.parametrize("cells", UNCLOSED, ids=[cells[:9].decode() for cells in UNCLOSED])
def test_a_tag_that_is_never_closed_is_not_looked_for_again_and_again(tmp_path: Path, cells: bytes) -> None:
    path = workbook(tmp_path / "表.xlsx")
    rewrite(path, far(cells))
    assert message(path) == "文件已损坏"


def test_no_error_cell_is_looked_through_beyond_its_own_value(tmp_path: Path) -> None:
    path = workbook(tmp_path / "表.xlsx")
    rewrite(path, far(b"<row>" + b'<c t="e">' * 16_000 + b"</row>"))
    assert sheets.read(path).cases or sheets.read(path).faults


@pytest.mark.parametrize("name", ["content.xml", "xl/workbook.bin", "XL/worksheets/SHEET1.xml"])
def test_a_zip_that_is_two_workbooks_at_once(tmp_path: Path, name: str) -> None:
    """Only what was measured may be laid out: the reader might take the other one."""
    path = workbook(tmp_path / "表.xlsx")
    with ZipFile(path, "a") as archive:
        archive.writestr(name, b"<x/>")
    assert message(path) == "不是 .xlsx 工作簿"


def test_a_part_that_nobody_names_is_measured_too(tmp_path: Path) -> None:
    path = workbook(tmp_path / "表.xlsx")
    with ZipFile(path, "a") as archive:
        archive.writestr("xl/other.xml", b'<c r="A1048576"><v>1</v></c>')
    assert message(path) == "行数超过200000"
