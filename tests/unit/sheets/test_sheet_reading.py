"""Headers, rows that are none, and what rows say against one another."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import sheets
from daemon.errors import FaultyInputError
from daemon.sheets import Kind, Sheet
from daemon.sheets.cells import Broken, Cell
from daemon.sheets.opening import Grid, Opened
from daemon.sheets.reading import read_opened

from .conftest import CASE_HEADER, PERSON_HEADER, Read, rewrite

FIRST = ("PS-1", "甲公司", "明城镇", "拖欠账款", 12.5, "2018-08-16", "2018-12-14", "")
SECOND = ("PS-2", "乙公司", "松山镇", "其他", "3万元", "2018.8.16", "", "")
HEAD = ("明城镇", "张某", "镇长", "主要领导", "13800130001", "", "", "", "")


def said(sheet: Sheet) -> list[tuple[int, str, str]]:
    return [(fault.line, fault.key, fault.message) for fault in sheet.faults]


def numbers(sheet: Sheet) -> list[str]:
    return [case.no for case in sheet.cases]


# headers


@pytest.mark.parametrize(
    "enterprise", ["企业名称（投资主体）", "企业名称", "投资主体", " 企 业 名 称 ", "企业名称(投资主体)*"]
)
@pytest.mark.parametrize("unit", ["责任单位", "违约主体", "承办单位", "责任单位（违约主体）"])
@pytest.mark.parametrize(
    "due", ["整改时限", "办理时限", "完成时限", "办理（整改）时限", "整改时限\n（年月日）"]
)
def test_headings_by_any_name(read_rows: Read, enterprise: str, unit: str, due: str) -> None:
    [case] = read_rows([(enterprise, unit, due), ("甲公司", "明城镇", "2018-12-14")]).cases
    assert (case.enterprise, case.unit, case.due_on) == ("甲公司", "明城镇", dt.date(2018, 12, 14))


@pytest.mark.parametrize(
    ("title", "heading", "yuan"),
    [
        ("", "涉及金额（万元）", "125000.00"),
        ("", "金额(万元)", "125000.00"),
        ("", "涉及金额（单位：万元）", "125000.00"),
        ("", "涉及金额万元", "125000.00"),
        ("", "涉及金额（元）", "12.50"),
        ("（单位：万元）", "涉及金额", "125000.00"),
        ("填报单位：市软环境办　金额单位：元", "涉及金额", "12.50"),
    ],
)
def test_the_unit_of_an_amount(read_rows: Read, title: str, heading: str, yuan: str) -> None:
    sheet = read_rows([(title,), ("企业名称", "责任单位", heading), ("甲公司", "明城镇", 12.5)])
    assert str(sheet.cases[0].amount) == yuan


def test_an_amount_without_unit_is_not_guessed(read_rows: Read) -> None:
    sheet = read_rows([("企业名称", "责任单位", "涉及金额"), ("甲公司", "明城镇", 12.5)])
    assert said(sheet) == [(2, "涉及金额", "金额没有单位：“12.5”")]


def test_no_header(read_rows: Read) -> None:
    [fault] = read_rows([("甲", "乙"), (1, 2)]).faults
    assert fault.message == "没有找到表头"
    assert "企业名称、责任单位" in fault.hint


def test_a_header_that_lacks_a_column(read_rows: Read) -> None:
    [fault] = read_rows([("编号", "企业名称", "整改时限", "备注"), ("PS-1", "甲公司", "", "")]).faults
    assert (fault.line, fault.key, fault.message) == (1, "责任单位", "表头缺少这一列")
    assert "违约主体" in fault.hint


def test_two_columns_for_one_thing(read_rows: Read) -> None:
    sheet = read_rows([("企业名称", "责任单位", "承办单位"), ("甲公司", "明城镇", "松山镇")])
    assert said(sheet) == [(1, "承办单位", "与第2列“责任单位”是同一项")]


def test_columns_of_no_meaning_are_named(read_rows: Read) -> None:
    sheet = read_rows(
        [("序号", "企业名称", "责任单位", "项目名称", "地址"), (1, "甲公司", "明城镇", "粮库", "")]
    )
    assert sheet.ignored == ("表.xlsx：第4列“项目名称”",)


def test_a_header_in_two_rows(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (("企业名称", "责任单位", "办理情况", ""), ("", "", "签收日期", "销号日期")):
        sheet.append(row)
    sheet.append(("甲公司", "明城镇", "2018-08-17", "2018-09-01"))
    for cells in ("A1:A2", "B1:B2", "C1:D1"):
        sheet.merge_cells(cells)
    book.save(tmp_path / "表.xlsx")
    [case] = sheets.read(tmp_path / "表.xlsx").cases
    assert (case.signed_on, case.closed_on) == (dt.date(2018, 8, 17), dt.date(2018, 9, 1))


def test_one_unit_named_once_for_several_cases(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (("企业名称", "责任单位"), ("甲公司", "明城镇"), ("乙公司", ""), ("丙公司", "松山镇")):
        sheet.append(row)
    sheet.merge_cells("B2:B3")
    book.save(tmp_path / "表.xlsx")
    assert [case.unit for case in sheets.read(tmp_path / "表.xlsx").cases] == ["明城镇", "明城镇", "松山镇"]


# rows


def test_rows_that_are_no_data(read_rows: Read) -> None:
    sheet = read_rows(
        [
            ("问题清单",),
            ("填报单位：市软环境办", "", "", "", "填报日期：2018年8月20日"),
            ("序号", *CASE_HEADER),
            (1, *FIRST),
            (),
            ("小 计", "", "", "", "", 12.5),
            ("序号", *CASE_HEADER),
            (2, *SECOND),
            (3, "", "", "", "", "", "", "", ""),
            ("合计", "", "", "", "", 15.5),
            ("单位负责人（签字）：", "", "", "填表人：", "", "", "联系电话："),
            ("主要领导签批：",),
            ("", "", "", "", "", "", "", "", "本表一式两份"),
        ]
    )
    assert said(sheet) == []
    assert [(case.no, case.line) for case in sheet.cases] == [("PS-1", 4), ("PS-2", 8)]


def test_brackets_without_end_are_no_riddle(read_rows: Read) -> None:
    """Each pair more once doubled the time it took to see that this is no line to sign on."""
    sheet = read_rows([CASE_HEADER, ("负责人" + "()" * 90, *FIRST[1:])])
    assert [len(case.no) for case in sheet.cases] == [183]


def test_a_header_without_rows(read_rows: Read) -> None:
    assert said(read_rows([CASE_HEADER])) == [(0, "", "表头下面没有数据")]


def test_a_table_that_begins_somewhere_else(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for column, (heading, value) in enumerate(zip(CASE_HEADER, FIRST, strict=True), 3):
        book.active.cell(5, column, heading)
        book.active.cell(6, column, value if heading != "整改时限" else "下月")
    book.save(tmp_path / "表.xlsx")
    [fault] = sheets.read(tmp_path / "表.xlsx").faults
    assert (fault.line, fault.column, fault.key) == (6, 9, "整改时限")


# worksheets


def test_every_worksheet_of_cases_is_read_and_named(read_rows: Read) -> None:
    sheet = read_rows(镇=[CASE_HEADER, FIRST], 局=[CASE_HEADER, FIRST], 说明=[("填表说明",)])
    assert numbers(sheet) == ["PS-1", "PS-1"]
    assert [str(fault) for fault in sheet.faults] == [
        "表.xlsx·局:2:1: 编号: 编号重复：“PS-1”；“表.xlsx·镇”第2行已用"
    ]
    assert sheet.ignored == ("工作表“说明”",)


def test_a_hidden_worksheet_is_passed_over_and_named(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for rows, state in (([CASE_HEADER, FIRST], "visible"), ([CASE_HEADER, SECOND], "hidden")):
        worksheet = book.create_sheet(state)
        worksheet.sheet_state = state
        for row in rows:
            worksheet.append(row)
    book.save(tmp_path / "表.xlsx")
    sheet = sheets.read(tmp_path / "表.xlsx")
    assert numbers(sheet) == ["PS-1"]
    assert sheet.ignored == ("隐藏的工作表“hidden”",)


def test_a_summary_beside_the_cases_is_passed_over(read_rows: Read) -> None:
    sheet = read_rows(清单=[CASE_HEADER, FIRST], 汇总=[("责任单位", "金额", "件数"), ("明城镇", 12.5, 1)])
    assert (said(sheet), sheet.ignored) == ([], ("工作表“汇总”",))


def test_a_second_list_that_lacks_a_column_is_not_passed_over(read_rows: Read) -> None:
    lacking = [heading for heading in CASE_HEADER if heading != "责任单位"]
    sheet = read_rows(镇=[CASE_HEADER, FIRST], 局=[lacking, SECOND[:2]])
    assert said(sheet) == [(1, "责任单位", "表头缺少这一列")]


def test_a_directory_and_cases_do_not_mix(read_rows: Read) -> None:
    sheet = read_rows(人员=[PERSON_HEADER, HEAD], 问题=[CASE_HEADER, FIRST])
    assert "名录和问题清单在同一个文件里" in [fault.message for fault in sheet.faults]


@pytest.mark.parametrize(
    ("rows", "kind", "message"),
    [
        ([CASE_HEADER, FIRST], "directory", "这是问题清单或台账，不是名录"),
        ([PERSON_HEADER, HEAD], "ledger", "这是名录，不是问题清单或台账"),
    ],
)
def test_a_workbook_is_what_it_was_said_to_be(
    read_rows: Read, rows: list[tuple[object]], kind: str, message: str
) -> None:
    assert message in [fault.message for fault in read_rows(rows, kind=kind).faults]


@pytest.mark.parametrize(("kind", "read_as"), [(None, Kind.ISSUE_LIST), ("ledger", Kind.LEDGER)])
def test_an_issue_list_may_be_read_as_a_ledger(read_rows: Read, kind: str | None, read_as: Kind) -> None:
    assert read_rows([CASE_HEADER, FIRST], kind=kind).kind is read_as


# formulas: the worksheet as a program leaves it that calculates (<v> filled) or does not


def formula(tmp_path: Path, heading: str, cell: bytes) -> Sheet:
    book = openpyxl.Workbook()
    for row in (("企业名称", "责任单位", heading), ("甲公司", "明城镇", "=B2")):
        book.active.append(row)
    book.save(tmp_path / "表.xlsx")
    rewrite(tmp_path / "表.xlsx", lambda xml: xml.replace(b'<c r="C2"><f>B2</f><v /></c>', cell))
    return sheets.read(tmp_path / "表.xlsx")


@pytest.mark.parametrize("heading", ["整改时限", "备注"])
@pytest.mark.parametrize("error", ["#N/A", "#REF!", "#DIV/0!"])
def test_a_formula_that_failed_is_a_fault(tmp_path: Path, heading: str, error: str) -> None:
    sheet = formula(tmp_path, heading, f'<c r="C2" t="e"><f>B2</f><v>{error}</v></c>'.encode())
    assert said(sheet) == [(2, heading, f"公式没有结果：{error}")]


def test_a_date_that_nobody_calculated_is_not_an_open_date(tmp_path: Path) -> None:
    sheet = formula(tmp_path, "整改时限", b'<c r="C2"><f>B2</f><v /></c>')
    assert said(sheet) == [(2, "整改时限", "公式没有结果：公式未计算")]


def test_a_formula_that_was_calculated(tmp_path: Path) -> None:
    sheet = formula(tmp_path, "整改时限", b'<c r="C2"><f>B2</f><v>43448</v></c>')
    assert [case.due_on for case in sheet.cases] == [dt.date(2018, 12, 14)]


def test_a_formula_whose_value_is_no_words(tmp_path: Path) -> None:
    sheet = formula(tmp_path, "整改时限", b'<c r="C2" t="str"><f>B2</f><v></v></c>')
    assert (said(sheet), sheet.cases[0].due_on) == ([], None)


# rows against one another


@pytest.mark.parametrize(
    ("heads", "row", "key", "message"),
    [
        ("交办日期 整改时限", "2018-08-16 2018-08-02", "整改时限", "整改时限早于交办日期"),
        ("发现日期 整改时限", "2018-08-16 2018-08-02", "整改时限", "整改时限早于发现日期"),
        ("发现日期 交办日期", "2018-08-16 2018-08-02", "交办日期", "交办日期早于发现日期"),
        ("交办日期 签收时间", "2018-08-16 2018-08-02", "签收时间", "签收日期早于交办日期"),
        ("交办日期 办结日期", "2018-08-16 2018-08-02", "办结日期", "销号日期早于交办日期"),
        ("签收日期 销号日期", "2018-08-16 2018-08-02", "销号日期", "销号日期早于签收日期"),
    ],
)
def test_days_out_of_order(read_rows: Read, heads: str, row: str, key: str, message: str) -> None:
    sheet = read_rows([("企业名称", "责任单位", *heads.split()), ("甲公司", "明城镇", *row.split())])
    assert said(sheet) == [(2, key, message)]


def test_all_on_one_day_is_in_order(read_rows: Read) -> None:
    heads = ("企业名称", "责任单位", "发现日期", "交办日期", "整改时限", "签收日期", "销号日期")
    assert said(read_rows([heads, ("甲公司", "明城镇", *["2018-08-16"] * 5)])) == []


def test_a_number_twice_however_it_is_typed(read_rows: Read) -> None:
    sheet = read_rows([CASE_HEADER, FIRST, ("ＰＳ－1 ", *SECOND[1:])])
    assert said(sheet) == [(3, "编号", "编号重复：“PS-1”")]


def test_cases_need_no_number(read_rows: Read) -> None:
    sheet = read_rows([CASE_HEADER, ("", *FIRST[1:]), ("", *SECOND[1:])])
    assert (said(sheet), numbers(sheet)) == ([], ["", ""])


def test_one_person_in_two_posts(read_rows: Read) -> None:
    sheet = read_rows([PERSON_HEADER, HEAD, ("领导小组", "张某", "", "成员", 13800130001.0, "", "", "", "")])
    assert (said(sheet), [person.phone for person in sheet.people]) == ([], ["13800130001"] * 2)


@pytest.mark.parametrize(
    ("person", "key", "message"),
    [
        (
            ("领导小组", "李某", "", "成员", "13800130001"),
            "手机",
            "同一号码登记在两个人名下：“张某”（第2行）和“李某”",
        ),
        (("明城镇", "张某", "镇长", "主要领导", "13800130001"), "岗位", "同一人同一岗位重复登记"),
        (("明城镇", "李某", "", "组长", "13800130002"), "岗位", "未知岗位：“组长”"),
        (("领导小组", "李某", "", "主要领导", "13800130002"), "岗位", "未知岗位：“主要领导”"),
        (("明城镇", "李某", "", "联络员", ""), "手机", "必填"),
        (("明城镇", "李某", "", "联络员", "13800130002", "李某"), "邮箱", "不是邮箱地址：“李某”"),
        (
            ("明城镇", "李某", "", "联络员", "13800130002", "", "", "2019-03-01", "2019-02-28"),
            "任职止",
            "任职止早于任职起",
        ),
    ],
)
def test_faults_of_a_person(read_rows: Read, person: tuple[str, ...], key: str, message: str) -> None:
    assert said(read_rows([PERSON_HEADER, HEAD, person])) == [(3, key, message)]


def test_a_post_is_told_what_there_is(read_rows: Read) -> None:
    [fault] = read_rows([PERSON_HEADER, (*HEAD[:3], "联络人", *HEAD[4:])]).faults
    assert fault.hint == "可选：主要领导、分管领导、联络员；是否为“联络员”？"


def test_a_name_belongs_to_one_unit(read_rows: Read) -> None:
    units = [("单位名称", "单位类别", "简称"), ("明城镇", "乡镇街", "明城"), ("明城街道", "乡镇街", "明城")]
    assert said(read_rows(units)) == [(3, "简称", "单位名称或简称重复：“明城”")]


# units on file


def test_units_by_name_and_short_name(read_rows: Read) -> None:
    sheet = read_rows([CASE_HEADER, FIRST, SECOND])
    assert sheets.check_units(sheet, {"明城镇", "松山镇"}) == []
    [fault] = sheets.check_units(sheet, {"明城镇", "松山"})
    assert (fault.line, fault.key, fault.message) == (3, "责任单位", "没有这个单位：“松山镇”")
    assert fault.hint == "应为名录中的单位；是否为“松山”？"


def test_units_listed_beside_their_people(read_rows: Read) -> None:
    units = [("单位名称", "单位类别"), ("明城镇", "乡镇街")]
    people = [
        PERSON_HEADER,
        HEAD,
        ("松山镇", "李某", "", "联络员", "13800130002"),
        ("运维", "王某", "", "运维", "13800130003"),
    ]
    assert [f.line for f in sheets.check(read_rows(单位=units, 人员=people), set())] == [3]


def test_without_a_directory_one_fault_is_enough(read_rows: Read) -> None:
    [fault] = sheets.check_units(read_rows([CASE_HEADER, FIRST, SECOND]), set())
    assert fault.message == "还没有单位名录"


def test_faults_are_raised_together(read_rows: Read) -> None:
    sheet = read_rows([CASE_HEADER, ("", "", "", "", "约三百", "", "", "")])
    with pytest.raises(FaultyInputError) as raised:
        sheet.raise_for_faults()
    assert [fault.key for fault in raised.value.faults] == ["企业名称", "责任单位", "涉及金额（万元）"]


# anything

cell = st.one_of(
    st.text(max_size=8),
    st.floats(),
    st.booleans(),
    st.dates(),
    st.datetimes(),
    st.timedeltas(),
    st.builds(Broken),
) | st.sampled_from(["明城镇", "PS-1", "13800130001", "合计", "2018-08-16", *CASE_HEADER, *PERSON_HEADER])
rows = st.lists(st.lists(cell, max_size=10), max_size=6)


@given(st.sampled_from([CASE_HEADER, PERSON_HEADER, ("单位名称", "单位类别", "简称")]), rows, rows)
def test_no_cells_break_the_reading(
    header: tuple[str, ...], above: list[list[Cell]], below: list[list[Cell]]
) -> None:
    opened = Opened((Grid("", [*above, list(header), *below]),))
    sheet = read_opened("表.csv", opened, None)
    sheets.check(sheet, {"明城镇"})
    assert {row.line > 0 for row in sheet.cases} | {person.line > 0 for person in sheet.people} <= {True}
