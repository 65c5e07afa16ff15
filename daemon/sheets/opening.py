"""Files to grids of cells, within limits: nothing that a file claims is believed before it is counted."""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    SheetMetadata,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from daemon.errors import Fault, FaultyInputError
from daemon.sheets.cells import Broken, Cell

MIB: Final = 1024 * 1024
LARGEST_FILE: Final = 20 * MIB
LARGEST_UNZIPPED: Final = 200 * MIB
LARGEST_RATIO: Final = 200
MOST_ROWS: Final = 200_000
MOST_CELLS: Final = 6_000_000
"""Rows × columns of one worksheet. The reader lays them out densely: one cell far away costs all between."""
MOST_COLUMNS: Final = 16_384

_ZIP, _OLD_EXCEL = b"PK", b"\xd0\xcf\x11\xe0"
_RESAVE: Final = "请用 Excel 或 WPS 打开后另存为 .xlsx"
_OTHER_BOOKS: Final = frozenset({"content.xml", "xl/workbook.bin"})
"""What makes a zip a workbook of another kind, which the reader would take as well."""
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")

# No pattern may run on over a "<": a file of unclosed tags would be walked through once for each of them.
_INSIDE = rb"""(?=[\s/>])((?:[^<>"']|"[^<"]*"|'[^<']*')*?)(/?)>"""
_PREFIX = rb"<(?:[^\s<>:/]+:)?"
_TAG = re.compile(_PREFIX + rb"(row|c)(?=[\s/>])(?:" + _INSIDE + rb")?")
_REF = re.compile(rb"""(?:^|[\s"'])r\s*=\s*["']([A-Za-z]{0,3})(\d{1,9})["']""")
_IS_ERROR = re.compile(rb"""\st\s*=\s*["']e["']""")
_IS_TEXT = re.compile(rb"""\st\s*=\s*["'](?:str|inlineStr|s)["']""")
_FORMULA = re.compile(rb"\s*" + _PREFIX + rb"f\b[^<>]*(?:/>|>[^<]*</[^<>]*>)\s*")
_VALUE = re.compile(rb"\s*" + _PREFIX + rb"v\b[^<>]*>([^<]{1,40})<")
_NO_VALUE = re.compile(rb"(?:" + _PREFIX + rb"v\s*(?:/>|>\s*</[^<>]*>))?\s*</[^<>]*>")
_SHEET = re.compile(_PREFIX + rb"sheet" + _INSIDE)
_SHEET_REL = re.compile(rb"""\s\w+:id\s*=\s*["']([^"']+)["']""")
_REL = re.compile(_PREFIX + rb"Relationship" + _INSIDE)
_REL_ID = re.compile(rb"""\sId\s*=\s*["']([^"']+)["']""")
_REL_TARGET = re.compile(rb"""\sTarget\s*=\s*["']([^"']+)["']""")


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells of one worksheet, by row, from A1 on; rows may be of unequal length."""

    name: str
    rows: Sequence[Sequence[Cell]]


def _unreadable(message: str, hint: str = "") -> FaultyInputError:
    return FaultyInputError([Fault("", 0, 0, "", message, hint)])


@dataclass(frozen=True, slots=True)
class Opened:
    """What a file holds: the visible worksheets, and the names of the hidden ones."""

    grids: tuple[Grid, ...]
    hidden: tuple[str, ...] = ()


def open_file(path: Path) -> Opened:
    """Open a workbook (.xlsx) or a csv, whatever it is called.

    Raise ``FaultyInputError``, its faults without a place.
    """
    content = _read(path)
    if content.startswith(_ZIP):
        return _open_workbook(content)
    if content.startswith(_OLD_EXCEL):
        if _ENCRYPTED in content:
            raise _unreadable("工作簿设了密码", "请取消密码后再导入")
        raise _unreadable("这是旧版 .xls 工作簿", "请用 Excel 或 WPS 另存为 .xlsx")
    return Opened((Grid("", _csv_rows(content)),))


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise _unreadable("没有这个文件", "请核对文件名")
        if path.stat().st_size > LARGEST_FILE:
            raise _unreadable(f"文件超过{LARGEST_FILE // MIB} MB", "请删去图片和无关的工作表，或拆成几个文件")
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable("文件打不开", error.strerror or "") from error
    if not content.strip():
        raise _unreadable("文件是空的")
    return content


# xlsx


def _open_workbook(content: bytes) -> Opened:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_sizes(archive, len(content))
            parts = _Parts(archive)
            with CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
                shown = [meta for meta in workbook.sheets_metadata if _is_shown(meta)]
                grids = tuple(_grid(workbook, meta.name, parts) for meta in shown)
                hidden = [m.name for m in workbook.sheets_metadata if _is_hidden(m)]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        # zipfile's own: NotImplementedError is an unknown compression, RuntimeError a password.
        raise _unreadable("文件已损坏，或者不是 .xlsx 工作簿", _RESAVE) from error
    except (CalamineError, LookupError, ValueError, OSError) as error:
        raise _unreadable("不是 .xlsx 工作簿", _RESAVE) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # the Rust reader's own, which is no Exception
            raise
        raise _unreadable("文件已损坏", _RESAVE) from error
    return Opened(grids, tuple(hidden))


def _check_sizes(archive: zipfile.ZipFile, size: int) -> None:
    """Refuse a zip bomb. Sizes that lie are found out when the parts are read: their checksums fail."""
    unzipped = sum(part.file_size for part in archive.infolist())
    if unzipped > LARGEST_UNZIPPED or unzipped > LARGEST_RATIO * size:
        raise _unreadable("压缩比异常，解开后过大", "请用 Excel 或 WPS 打开后另存，删去无关的内容")
    for part in archive.infolist():
        with archive.open(part) as stream:
            while stream.read(MIB):
                pass


def _is_shown(meta: SheetMetadata) -> bool:
    return meta.typ == SheetTypeEnum.WorkSheet and meta.visible == SheetVisibleEnum.Visible


def _is_hidden(meta: SheetMetadata) -> bool:
    return meta.typ == SheetTypeEnum.WorkSheet and meta.visible != SheetVisibleEnum.Visible


class _Parts:
    """What the worksheets' XML says. The reader drops error cells and trusts positions; this looks first.

    Every part is measured, whichever of them the reader may take for a worksheet.
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = {name.lower().lstrip("/"): name for name in archive.namelist()}
        if len(self._names) < len(archive.namelist()) or not _OTHER_BOOKS.isdisjoint(self._names):
            raise _unreadable("不是 .xlsx 工作簿", _RESAVE)
        self._broken = {name: _look_over(self._part(name)) for name in self._names}
        rels = [match[1] for match in _REL.finditer(self._part("xl/_rels/workbook.xml.rels"))]
        targets = {_first(_REL_ID, rel): _first(_REL_TARGET, rel) for rel in rels}
        sheets = _SHEET.finditer(self._part("xl/workbook.xml"))
        self._of_sheet = [targets[_first(_SHEET_REL, match[1])].decode() for match in sheets]

    def _part(self, name: str) -> bytes:
        return self._archive.read(self._names[name.lower()])

    def broken(self, index: int) -> dict[tuple[int, int], Broken]:
        """Return a worksheet's broken formulas by (row, column) from 0."""
        target = self._of_sheet[index]
        absolute = target.removeprefix("/") if target.startswith(("/xl/", "xl/")) else f"xl/{target}"
        return self._broken[absolute.lower()]


def _first(pattern: re.Pattern[bytes], attributes: bytes) -> bytes:
    match = pattern.search(attributes)
    if match is None:
        raise KeyError(pattern.pattern)
    return match[1]


def _grid(workbook: CalamineWorkbook, name: str, parts: _Parts) -> Grid:
    broken = parts.broken(workbook.sheet_names.index(name))
    sheet = workbook.get_sheet_by_name(name)
    rows: list[list[Cell]] = [list(row) for row in sheet.to_python(skip_empty_area=False)]
    _fill_merged(rows, sheet)
    for (row, column), fault in broken.items():
        if row < len(rows):
            rows[row].extend([""] * (column + 1 - len(rows[row])))
            rows[row][column] = fault
    return Grid(name, rows)


def _look_over(xml: bytes) -> dict[tuple[int, int], Broken]:
    """Measure a worksheet before it is laid out, and return its broken formulas by (row, column) from 0."""
    row = column = height = width = 0
    broken: dict[tuple[int, int], Broken] = {}
    for tag in _TAG.finditer(xml):
        name, attributes, closed = tag.groups()
        if attributes is None:
            raise _unreadable("文件已损坏", _RESAVE)
        letters, digits = _ref(attributes)
        if name == b"row":
            row, column = digits or row + 1, 0
            continue
        row, column = digits or row, letters or column + 1
        if closed:
            continue
        height, width = max(height, row), max(width, column)
        _check_extent(height, width)
        if fault := _broken(xml, tag.end(), attributes):
            broken[row - 1, column - 1] = fault
    return broken


def _check_extent(height: int, width: int) -> None:
    if height > MOST_ROWS:
        raise _unreadable(f"行数超过{MOST_ROWS}", "请删去表格下方的多余内容后另存")
    if width > MOST_COLUMNS or height * width > MOST_CELLS:
        raise _unreadable("表格过大", "请删去表格右侧和下方的多余内容后另存")


def _ref(attributes: bytes) -> tuple[int, int]:
    """Return the column and the row that a cell says it stands in, 0 where it does not say."""
    match = _REF.search(attributes)
    if match is None:
        return 0, 0
    column = 0
    for letter in match[1].upper():
        column = column * 26 + letter - ord("A") + 1
    return column, int(match[2])


def _broken(xml: bytes, start: int, attributes: bytes) -> Broken | None:
    formula = None if _IS_TEXT.search(attributes) else _FORMULA.match(xml, start)
    if _IS_ERROR.search(attributes):
        value = _VALUE.match(xml, formula.end() if formula else start)
        return Broken(value[1].decode(errors="replace") if value else "#VALUE!")
    return Broken() if formula and _NO_VALUE.match(xml, formula.end()) else None


def _fill_merged(rows: list[list[Cell]], sheet: CalamineSheet) -> None:
    """Say the value of a cell merged downwards in each of its rows: one unit, for several cases."""
    left = MOST_ROWS
    for (top, column), (end, _) in sheet.merged_cell_ranges or ():
        bottom = min(end, len(rows) - 1)
        left -= max(0, bottom - top)
        if left < 0 or top >= len(rows) or column >= len(rows[top]):
            continue
        for row in rows[top + 1 : bottom + 1]:
            row[column] = rows[top][column]


# csv


def _csv_rows(content: bytes) -> list[list[Cell]]:
    text = _decode(content)
    if text.lstrip().startswith("<"):
        raise _unreadable("这是网页，不是表格", "请用 Excel 或 WPS 打开后另存为 .xlsx")
    rows: list[list[Cell]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text)):
            rows.append(list(map(_unquoted, row)))
            _check_extent(len(rows), len(row))
    except csv.Error as error:
        raise _unreadable(f"第{len(rows) + 1}行不是 csv", "请用 Excel 或 WPS 打开后另存为 .xlsx") from error
    return rows


def _decode(content: bytes) -> str:
    """Return the text of a csv: UTF-8 with or without a mark, UTF-16 with one, else GB18030 (and so GBK)."""
    encodings = ("utf-16",) if content.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise _unreadable("不是 .xlsx 工作簿，也不是文本", "请用 Excel 或 WPS 打开后另存为 .xlsx")


def _delimiter(text: str) -> str:
    head = "\n".join(text.splitlines()[:20])
    return max(",\t;", key=head.count)


def _unquoted(cell: str) -> str:
    """Undo ``="13800130123"``, by which a csv keeps a spreadsheet from reading a number."""
    return cell[2:-1] if cell.startswith('="') and cell.endswith('"') else cell
