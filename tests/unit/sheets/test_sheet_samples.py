"""The workbooks that the offices sent (made up): all of them, to the last row."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from daemon import sheets
from daemon.domain.ladder import Role
from daemon.sheets import CaseRow, Kind

DEMO = Path(__file__).parents[3] / "config" / "demo"
WHY = {
    "unknown unit": "没有这个单位",
    "not a date": "不是日期",
    "required": "必填",
    "duplicate number": "编号重复",
    "not a phone number": "不是电话号码",
    "not an amount": "不是金额",
    "due before assigned": "整改时限早于交办日期",
    "unknown category": "未知类别",
}


def read(name: str) -> sheets.Sheet:
    return sheets.read(DEMO / name)


def known_units() -> set[str]:
    return {name for unit in read("directory.xlsx").units for name in (unit.name, unit.short)}


@pytest.mark.parametrize(
    ("name", "kind", "units", "people", "cases"),
    [
        ("directory.xlsx", Kind.DIRECTORY, 36, 126, 0),
        ("issue-list.xlsx", Kind.ISSUE_LIST, 0, 0, 100),
        ("issue-list-2019-03.xlsx", Kind.ISSUE_LIST, 0, 0, 114),
        ("issue-list-gbk.csv", Kind.ISSUE_LIST, 0, 0, 30),
        ("ledger-2018-2020.xlsx", Kind.LEDGER, 0, 0, 126),
    ],
)
def test_every_sample_reads_without_fault(name: str, kind: Kind, units: int, people: int, cases: int) -> None:
    sheet = read(name)
    assert sheets.check(sheet, known_units()) == []
    assert (sheet.kind, len(sheet.units), len(sheet.people), len(sheet.cases)) == (kind, units, people, cases)
    assert sheet.ignored == ()


def test_the_faulty_one_says_all_its_faults_in_one_run() -> None:
    expected = json.loads((DEMO / "issue-list-faulty.expected.json").read_text(encoding="utf-8"))
    faults = sheets.check(read("issue-list-faulty.xlsx"), known_units())
    assert [(f.line, f.key) for f in faults] == [(e["row"], e["column"]) for e in expected]
    for fault, fact in zip(faults, expected, strict=True):
        assert fault.place == "issue-list-faulty.xlsx"
        assert fault.message.startswith(WHY[fact["why"]])
        assert (fact["value"] or "") in str(fault)


def test_a_formula_that_nobody_calculated_is_an_empty_remark() -> None:
    sheet = read("issue-list-faulty.xlsx")
    assert sheet.cases[-1].description == ""
    assert sheet.ignored == ("issue-list-faulty.xlsx：第11行“问题描述”公式未计算，按空白处理",)


def test_the_csv_in_gbk_says_the_same_as_the_workbook() -> None:
    def told(case: CaseRow) -> CaseRow:
        return replace(case, line=0, place="", signed_on=None, closed_on=None)

    csv, ledger = read("issue-list-gbk.csv"), read("ledger-2018-2020.xlsx")
    assert [told(case) for case in csv.cases] == [told(case) for case in ledger.cases[:30]]


def test_the_ledger_agrees_with_its_truth() -> None:
    truth = json.loads((DEMO / "ledger-2018-2020.truth.json").read_text(encoding="utf-8"))
    cases = read("ledger-2018-2020.xlsx").cases
    assert len(cases) == truth["cases"]
    for milestone in truth["milestones"]:
        day = dt.date.fromisoformat(milestone["date"])
        assert sum(c.found_on is not None and c.found_on <= day for c in cases) == milestone["total"]
        assert sum(c.closed_on is not None and c.closed_on <= day for c in cases) == milestone["closed"]
    assert (
        sum(case.due_on is None for case in read("issue-list.xlsx").cases) == truth["issue_list_without_due"]
    )


@pytest.mark.parametrize(
    ("name", "wan"),
    [
        ("issue-list.xlsx", "135072.00"),
        ("issue-list-2019-03.xlsx", "157780.45"),
        ("ledger-2018-2020.xlsx", "173754.45"),
    ],
)
def test_the_amounts_add_up_to_the_sum_that_the_office_wrote(name: str, wan: str) -> None:
    assert sum(case.amount or 0 for case in read(name).cases) == Decimal(wan) * 10_000


def test_a_case_as_it_is_read() -> None:
    assert read("issue-list.xlsx").cases[13] == CaseRow(
        no="PS-2018-0014",
        enterprise="磐石戊寅冷链物流有限公司（样例）",
        legal_person="戊某",
        phone="13800130136",
        unit="吉昌镇",
        source="座谈会",
        category="骗商欺商",
        description="基础设施配套方面承诺未兑现",
        amount=Decimal("23848400.00"),
        key=True,
        found_on=dt.date(2018, 8, 2),
        assigned_on=dt.date(2018, 8, 16),
        due_on=None,
        signed_on=None,
        closed_on=None,
        note="",
        line=17,
        place="issue-list.xlsx",
    )


def test_every_phone_has_eleven_digits() -> None:
    cases = (*read("issue-list.xlsx").cases, *read("ledger-2018-2020.xlsx").cases)
    assert {len(case.phone) for case in cases} == {11}


def test_everybody_of_the_directory_holds_a_post() -> None:
    posts = Counter(person.role for person in read("directory.xlsx").people)
    assert posts[None] == 0
    assert posts[Role.UNIT_HEAD] == 36 + 8 + 1  # eight with a second head, one successor
    assert (posts[Role.GROUP_MEMBER], posts[Role.OFFICE_MEMBER], posts[Role.OPERATOR]) == (4, 4, 1)
