"""A workbook, read: every row and every fault in one go."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from daemon.errors import Fault, FaultyInputError
from daemon.sheets.cells import Broken, Cell, Wrong, label, squeeze, text
from daemon.sheets.checking import check_rows
from daemon.sheets.headings import CASES, LIKELY, Column, Header, Table, find_header, needed
from daemon.sheets.opening import Grid, Opened, open_file
from daemon.sheets.rows import CaseRow, Kind, PersonRow, Row, Sheet, UnitRow

SUM = re.compile(r"(?:合计|总计|小计|共计|累计)(?:\(.*\))?:?")
GRAND_TOTAL = re.compile(r"(?:合计|总计|共计)(?:\(.*\))?:?")
SIGNATURE = re.compile(
    r"(?:单位|主要|分管|填报|报送|填表|制表|审核)?(?:负责人|领导|签发人|审核人|审批人|填表人|填报人|制表人|经办人|联系人"
    r"|联系电话|单位|日期|盖章|签字|签章|注|备注|说明)(?:签字|签名|签章|签批|盖章|意见|\([^()]*\))*:.*",
    re.DOTALL,
)


def read(path: Path, kind: str | None = None) -> Sheet:
    """Read a workbook or csv, recognised by its header rows.

    Return its rows and all its faults together; nothing is raised for what a file says. ``kind`` says what
    the file must be, where the header leaves it open or somebody wants to be sure.
    """
    wanted = Kind(kind) if kind else None
    try:
        opened = open_file(path)
    except FaultyInputError as error:
        faults = tuple(replace(fault, place=path.name) for fault in error.faults)
        return Sheet(wanted or Kind.UNKNOWN, place=path.name, faults=faults)
    return read_opened(path.name, opened, wanted)


@dataclass
class _Draft:
    """What has been read so far."""

    place: str
    rows: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    columns: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)

    def sheet(self, wanted: Kind | None) -> Sheet:
        units = tuple(row for row in self.rows if isinstance(row, UnitRow))
        people = tuple(row for row in self.rows if isinstance(row, PersonRow))
        cases = tuple(row for row in self.rows if isinstance(row, CaseRow))
        kind = wanted or _kind(self.rows, cases)
        return Sheet(
            kind, units, people, cases, self.place, tuple(self.faults), tuple(self.ignored), self.columns
        )


def _kind(rows: Sequence[Row], cases: Sequence[CaseRow]) -> Kind:
    if not cases:
        return Kind.DIRECTORY if rows else Kind.UNKNOWN
    return Kind.LEDGER if any(case.signed_on or case.closed_on for case in cases) else Kind.ISSUE_LIST


def read_opened(place: str, opened: Opened, wanted: Kind | None) -> Sheet:
    draft = _Draft(place)
    draft.ignored.extend(f"隐藏的工作表“{name}”" for name in opened.hidden)
    tables = _tables(draft, opened, wanted)
    for grid, header in tables:
        _read_table(draft, _place(place, grid, opened), grid, header)
    if tables and not draft.rows and not draft.faults:
        draft.faults.append(_of_file(place, "表头下面没有数据"))
    sheet = draft.sheet(wanted)
    return replace(sheet, faults=tuple(sorted((*sheet.faults, *check_rows(sheet)))))


def _place(place: str, grid: Grid, opened: Opened) -> str:
    return f"{place}·{grid.name}" if len(opened.grids) > 1 else place


# which worksheets


def _tables(draft: _Draft, opened: Opened, wanted: Kind | None) -> list[tuple[Grid, Header]]:
    """Return the worksheets to read. One that is no table is passed over, unless it is the only one."""
    found = [(grid, find_header(grid.rows)) for grid in opened.grids]
    tables = [(grid, header) for grid, header in found if header and _is_meant(header)]
    if not tables:
        tables = [(grid, header) for grid, header in found if header][:1]
    taken = {grid.name for grid, _ in tables}
    if tables:
        passed = (grid.name for grid, _ in found if grid.name not in taken and grid.rows)
        draft.ignored.extend(f"工作表“{name}”" for name in passed)
    else:
        draft.faults.append(_of_file(draft.place, "没有找到表头", f"表头须有这些列：{needed()}"))
    draft.faults.extend(_misfits(draft.place, [header.table for _, header in tables], wanted))
    return tables


def _is_meant(header: Header) -> bool:
    return not header.missing or len(header.columns) >= LIKELY


def _misfits(place: str, tables: Iterable[Table], wanted: Kind | None) -> Iterator[Fault]:
    holds_cases = {table is CASES for table in tables}
    if len(holds_cases) > 1:
        yield _of_file(place, "名录和问题清单在同一个文件里", "请分成两个文件")
    elif wanted and holds_cases == {wanted is Kind.DIRECTORY}:
        what = ("这是问题清单或台账", "名录") if wanted is Kind.DIRECTORY else ("这是名录", "问题清单或台账")
        yield _of_file(place, f"{what[0]}，不是{what[1]}")


def _of_file(place: str, message: str, hint: str = "") -> Fault:
    return Fault(place, 0, 0, "", message, hint)


# one worksheet


def _read_table(draft: _Draft, place: str, grid: Grid, header: Header) -> None:
    draft.faults.extend(_header_faults(place, header))
    draft.columns.update({(place, c.field.name): (c.index + 1, c.heading) for c in header.columns})
    draft.ignored.extend(_ignored_columns(place, grid, header))
    if header.missing:
        return
    for index in _data_rows(grid.rows, header):
        draft.rows.append(_row(draft, place, index + 1, grid.rows[index], header))


def _header_faults(place: str, header: Header) -> Iterator[Fault]:
    line = header.row + 1
    for missing in header.missing:
        also = "、".join(missing.headings[1:])
        yield Fault(place, line, 0, missing.title, "表头缺少这一列", f"也可写作：{also}" if also else "")
    for first, second in header.repeated:
        message = f"与第{first.index + 1}列“{first.heading}”是同一项"
        hint = "请只留一列，或改写其中一列的表头"
        yield Fault(place, line, second.index + 1, second.heading, message, hint)


def _ignored_columns(place: str, grid: Grid, header: Header) -> Iterator[str]:
    """Yield the columns that say something, but nothing that is asked for here."""
    for index, heading in header.unknown:
        if any(_cell(row, index) != "" for row in grid.rows[header.row + 1 :]) and heading:
            yield f"{place}：第{index + 1}列“{heading}”"


def _data_rows(rows: Sequence[Sequence[Cell]], header: Header) -> Iterator[int]:
    """Yield the rows that hold data: not blank, no sum, no signature, not the header once more."""
    ended = False
    for index in range(header.row + 1, len(rows)):
        row = rows[index]
        first = next((squeeze(str(cell)) for cell in row if not _is_blank(cell)), "")
        if SUM.fullmatch(first) or SIGNATURE.fullmatch(first):
            ended = ended or not SUM.fullmatch(first) or bool(GRAND_TOTAL.fullmatch(first))
        elif _says_something(row, header, ended) and not _is_header(row, header):
            yield index


def _says_something(row: Sequence[Cell], header: Header, ended: bool) -> bool:
    """Below the sums, only a row with a needed field is data; the rest are remarks."""
    columns = (column for column in header.columns if column.field.required or not ended)
    return any(not _is_blank(_cell(row, column.index)) for column in columns)


def _is_header(row: Sequence[Cell], header: Header) -> bool:
    return all(header.table.field_of(_cell(row, column.index)) is column.field for column in header.columns)


def _is_blank(cell: Cell) -> bool:
    return isinstance(cell, str) and not squeeze(cell)


def _cell(row: Sequence[Cell], index: int) -> Cell:
    return row[index] if index < len(row) else ""


def _row(draft: _Draft, place: str, line: int, row: Sequence[Cell], header: Header) -> Row:
    values = dict(header.table.empty)
    for column in header.columns:
        cell = _cell(row, column.index)
        value = _value(column, cell)
        if isinstance(value, Wrong):
            at = (place, line, column.index + 1, column.heading)
            draft.faults.append(Fault(*at, value.message, value.hint))
            continue
        values[column.field.name] = value
        if isinstance(cell, Broken):
            draft.ignored.append(f"{place}：第{line}行“{column.heading}”{cell.text}，按空白处理")
    return header.table.make(**values, line=line, place=place)


def _is_remark(column: Column) -> bool:
    """Whether nothing depends on the column: words, and not needed."""
    return column.read in (text, label) and not column.field.required


def _value(column: Column, cell: Cell) -> object:
    if isinstance(cell, Broken):
        if not cell.is_error and _is_remark(column):
            return ""
        return Wrong(f"公式没有结果：{cell.text}", "请改正公式，或直接填写数值")
    value = column.read(cell)
    return Wrong("必填") if column.field.required and value == "" else value
