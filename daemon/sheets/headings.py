"""Which row is the header, and which column means what: all synonyms in one place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, partial

from daemon.sheets import cells
from daemon.sheets.cells import Broken, Cell, Reader, squeeze
from daemon.sheets.rows import CaseRow, PersonRow, Row, UnitRow

HEADER_WITHIN = 60
"""A header stands in one of the first rows of a worksheet."""
LIKELY = 4
"""So many known headings in one row, and a table was meant, even where a needed one is missing."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a row, the headings under which it may stand, and how its cells are read."""

    name: str
    headings: tuple[str, ...]
    read: Reader
    required: bool = False

    @property
    def title(self) -> str:
        return self.headings[0]


@dataclass(frozen=True)
class Table:
    """A kind of table: its fields, and the row that they make."""

    title: str
    make: Callable[..., Row]
    fields: tuple[Field, ...]

    @property
    def required(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.required)

    def field_of(self, heading: Cell) -> Field | None:
        """Return the field that a heading means: as it stands, or without what is in brackets."""
        key = squeeze(_written(heading)).rstrip("*:").lstrip("*")
        plain = re.sub(r"\(.*?\)|\[.*?\]", "", key)
        known = self._by_heading
        return known.get(key) or known.get(plain) or known.get(re.sub(r"(亿|万)?元$", "", plain))

    @cached_property
    def empty(self) -> Mapping[str, object]:
        """A row in which nothing stands."""
        return {field.name: field.read("") for field in self.fields}

    @cached_property
    def _by_heading(self) -> dict[str, Field]:
        return {squeeze(heading): field for field in self.fields for heading in field.headings}


def _field(name: str, headings: str, read: Reader, *, required: bool = False) -> Field:
    return Field(name, tuple(headings.split("|")), read, required)


UNITS = Table(
    "单位名录",
    UnitRow,
    (
        _field("name", "单位名称|单位|责任单位|名称", cells.unit_name, required=True),
        _field("kind", "单位类别|类别|单位类型|类型|单位性质", cells.label, required=True),
        _field("short", "简称|单位简称", cells.unit_name),
        _field("city_leader", "分管市领导|分管市级领导|包保市领导", cells.label),
    ),
)
PEOPLE = Table(
    "人员名录",
    PersonRow,
    (
        _field("unit", "单位|单位名称|所在单位|工作单位|责任单位", cells.unit_name, required=True),
        _field("name", "姓名|人员姓名", cells.label, required=True),
        _field("title", "职务|职务职级|现任职务", cells.label),
        _field("post", "岗位|角色|督办岗位", cells.label, required=True),
        _field("phone", "手机|手机号|手机号码|联系电话|移动电话|联系方式|电话", cells.phone, required=True),
        _field("email", "邮箱|电子邮箱|电子邮件|邮件|邮箱地址|E-mail|email", cells.email),
        _field("wecom", "企业微信账号|企业微信|企微账号|企业微信号", cells.wecom),
        _field("since", "任职起|任职开始|任职日期|任职时间|任职起始日期|任职起日", cells.term_day),
        _field("until", "任职止|任职结束|离任日期|任职截止|任职截止日期|任职止日", cells.term_day),
    ),
)
CASES = Table(
    "问题清单或台账",
    CaseRow,
    (
        _field("no", "编号|问题编号|清单编号|台账编号|案件编号", cells.number),
        _field(
            "enterprise",
            "企业名称|企业名称（投资主体）|投资主体|投资主体（企业名称）|企业|投资企业|涉及企业",
            cells.label,
            required=True,
        ),
        _field("legal_person", "法人|法定代表人|法人代表|法人信息|企业法人|法定代表人/法人", cells.label),
        _field("phone", "联系电话|企业联系电话|法人电话|联系方式|手机|手机号|手机号码|电话", cells.phone),
        _field("unit", "责任单位|违约主体|承办单位|主办单位|责任主体", cells.unit_name, required=True),
        _field("source", "问题来源|来源|线索来源", cells.label),
        _field("category", "问题类别|类别|问题类型|问题分类", cells.category),
        _field("description", "问题描述|问题内容|问题诉求|存在问题|主要问题|具体问题|问题", cells.text),
        _field("amount", "涉及金额|金额|涉案金额|涉及资金", cells.amount),
        _field("key", "是否重点|重点问题|是否重点问题|重点", cells.yes_no),
        _field("found_on", "发现日期|发现时间|查摆日期|查摆时间|登记日期|登记时间", cells.day),
        _field("assigned_on", "交办日期|交办时间", cells.day),
        _field("due_on", "整改时限|办理时限|完成时限|整改期限|办理期限|办结时限|完成期限", cells.day),
        _field("signed_on", "签收日期|签收时间", cells.day),
        _field("closed_on", "销号日期|销号时间|办结日期|办结时间", cells.day),
        _field("note", "备注|说明", cells.text),
    ),
)
TABLES = (CASES, PEOPLE, UNITS)
COUNTERS = frozenset({"序号", "no.", "行号"})
"""Columns that only count the rows."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a worksheet that has a meaning; ``index`` counts from 0, ``heading`` is as written."""

    index: int
    heading: str
    field: Field
    read: Reader


@dataclass(frozen=True, slots=True)
class Header:
    """A header found: its row (from 0), its columns, the columns that repeat one, and those of no meaning."""

    table: Table
    row: int
    columns: tuple[Column, ...]
    repeated: tuple[tuple[Column, Column], ...]
    unknown: tuple[tuple[int, str], ...]
    counters: frozenset[int]

    @property
    def missing(self) -> tuple[Field, ...]:
        present = {column.field.name for column in self.columns}
        return tuple(field for field in self.table.required if field.name not in present)


def find_header(rows: Sequence[Sequence[Cell]]) -> Header | None:
    """Return the row among the first that knows most headings of one table; at least two."""
    best = max(_candidates(rows), key=lambda found: found[0], default=(0, 0, CASES))
    return _header(rows, best[1], best[2]) if best[0] > 1 else None


def _candidates(rows: Sequence[Sequence[Cell]]) -> Iterator[tuple[int, int, Table]]:
    for index, row in enumerate(rows[:HEADER_WITHIN]):
        for table in TABLES:
            found = {field.name for cell in row[:500] if cell != "" and (field := table.field_of(cell))}
            yield len(found), index, table


def _header(rows: Sequence[Sequence[Cell]], index: int, table: Table) -> Header:
    columns: dict[str, Column] = {}
    repeated, unknown, counters = [], [], set()
    for at, cell in enumerate(rows[index]):
        field = table.field_of(cell)
        heading = _written(cell)
        if field is None and squeeze(heading) in COUNTERS:
            counters.add(at)
        elif field is None:
            unknown.append((at, heading))
        else:
            column = Column(at, heading, field, _reader(field, heading, rows[:index]))
            first = columns.setdefault(field.name, column)
            if first is not column:
                repeated.append((first, column))
    return Header(table, index, tuple(columns.values()), tuple(repeated), tuple(unknown), frozenset(counters))


def _written(heading: Cell) -> str:
    return "" if isinstance(heading, Broken) else re.sub(r"\s+", " ", cells.text(heading))


def _reader(field: Field, heading: str, above: Sequence[Sequence[Cell]]) -> Reader:
    return partial(cells.amount, scale=_scale(heading, above)) if field.read is cells.amount else field.read


def _scale(heading: str, above: Sequence[Sequence[Cell]]) -> Decimal | None:
    """Return what a 1 in a money column is in yuan, if the heading or a title row (单位：万元) says it."""
    if match := re.search(r"(亿元|万元|元)\W*$", squeeze(heading)):
        return cells.YUAN[match[1]]
    titles = (squeeze(_written(cell)) for row in above for cell in row if isinstance(cell, str))
    for title in titles:
        if match := re.search(r"单位:(?:人民币)?(亿元|万元|元)", title):
            return cells.YUAN[match[1]]
    return None


def needed() -> str:
    """Say which headings each kind of workbook must have."""
    return "；".join(
        f"{table.title}：{'、'.join(field.title for field in table.required)}" for table in TABLES
    )
