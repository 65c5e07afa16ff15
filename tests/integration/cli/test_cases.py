"""``case``: lists for people and scripts, and every transition through the one gate."""

from __future__ import annotations

import getpass

import pytest

from tests.integration.cli.conftest import Office

NO = "PS-2018-0001"
FIELDS = {
    *("no", "unit", "enterprise", "category", "source", "state", "state_title", "amount", "key", "overdue"),
    *("found_on", "registered_on", "assigned_on", "due_on", "signed_on", "submitted_on", "closed_on"),
    *("returns", "extensions"),
}


def test_a_list_for_scripts(busy_office: Office) -> None:
    found = busy_office("case", "list", "--json").json
    assert len(found) == 100
    first = found[0]
    assert set(first) >= FIELDS
    assert (first["no"], first["unit"], first["state"], first["state_title"]) == (
        NO,
        "市水利局",
        "assigned",
        "已交办",
    )
    assert (first["assigned_on"], first["due_on"], first["closed_on"]) == ("2018-08-16", "2019-02-12", None)
    assert first["amount"] == "11732500"
    assert "****" in first["phone"]


def test_a_list_for_people(busy_office: Office) -> None:
    lines = busy_office("case", "list").out.splitlines()
    assert lines[0].split() == ["编号", "责任单位", "企业", "类别", "状态", "交办", "时限", "签收", "销号"]
    assert lines[1].startswith(NO)
    assert lines[-1] == "共 100 件"


@pytest.mark.parametrize(
    ("filters", "holds"),
    [
        (("--unit", "明城镇"), lambda case: case["unit"] == "明城镇"),
        (("--state", "已登记"), lambda case: case["state"] == "registered"),
        (("--state", "assigned", "--state", "registered"), lambda case: True),
        (("--open",), lambda case: case["state"] == "assigned"),
        (("--overdue",), lambda case: case["overdue"] and case["due_on"] < "2019-01-10"),
    ],
)
def test_filters_keep_what_they_say(busy_office: Office, filters: tuple[str, ...], holds: object) -> None:
    busy_office.at("2019-01-10 08:00")
    every = busy_office("case", "list", "--json").json
    found = busy_office("case", "list", "--json", *filters).json
    assert found
    assert found == [case for case in every if holds(case)]  # type: ignore[operator]


def test_a_case_goes_its_way(busy_office: Office) -> None:
    """Signed, worked on, submitted, returned, submitted again, closed, reopened."""
    steps = [
        ("sign", "signed", "signed"),
        ("progress", "progress", "rectifying"),
        ("submit", "submitted", "submitted"),
        ("return", "returned", "returned"),
        ("submit", "submitted", "submitted"),
        ("close", "closed", "closed"),
        ("reopen", "reopened", "reopened"),
        ("submit", "submitted", "submitted"),
        ("close", "closed", "closed"),
    ]
    for number, (step, _, state) in enumerate(steps):
        busy_office.at(f"2018-09-{number + 3:02} 10:00")
        answer = busy_office("case", step, NO, "--note", "样例", "--json")
        assert answer.code == 0, answer.err
        assert answer.json["state"] == state, step
    shown = busy_office("case", "show", NO, "--json").json
    assert (shown["returns"], shown["closed_on"]) == (1, "2018-09-11")
    assert [event["kind"] for event in shown["events"]][2:] == [kind for _, kind, _ in steps]


@pytest.mark.parametrize(
    ("step", "state"),
    [
        (("suspend", NO, "--note", "企业停产"), "suspended"),
        (("decline", NO), "declined"),
        (("dismiss", NO, "--note", "与 0002 重复"), "dismissed"),
        (("identify", NO), "assigned"),
        (("opinion", NO, "--note", "按约返还"), "assigned"),
        (("due", NO, "--due", "2019-03-01"), "assigned"),
        (("extend", NO, "--due", "2019-03-01"), "assigned"),
        (("reassign", NO, "--unit", "明城镇"), "assigned"),
        (("correct", NO, "--amount", "150万元"), "assigned"),
    ],
)
def test_each_step_is_recorded_and_can_be_undone(
    busy_office: Office, step: tuple[str, ...], state: str
) -> None:
    before = busy_office("case", "list", "--json").json[0]
    answer = busy_office("case", *step, "--by", "张科长", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["state"] == state
    event = busy_office("case", "show", NO, "--json").json["events"][-1]
    assert event["by"] == "张科长"
    assert busy_office("case", "undo", NO, "--json").json == before


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (("close", NO), "此操作只适用于：待核查"),
        (("dismiss", NO), "须写明理由"),
        (("reassign", NO, "--unit", "市水利局"), "另一个责任单位"),
        (("extend", NO, "--due", "2018-12-01"), "须晚于"),
        (("due", NO, "--due", "2018-08-01"), "早于"),
        (("sign", NO, "--on", "2018-08-17"), "晚于今天"),
        (("correct", NO), "没有写明更正什么"),
        (("correct", NO, "--no", "PS-2018-0002"), "已经存在"),
        (("correct", NO, "--amount", "约三百"), "不是金额"),
        (("correct", NO, "--category", "其它"), "是否为“其他”"),
        (("sign", "PS-2018-001"), "是不是“PS-2018-0001”？"),
        (("reassign", NO, "--unit", "明成镇"), "是不是“明城镇”？"),
    ],
)
def test_what_cannot_be_is_refused_and_says_what_would_be_right(
    busy_office: Office, step: tuple[str, ...], says: str
) -> None:
    before = busy_office("case", "show", NO, "--json").json
    answer = busy_office("case", *step)
    assert answer.code == 1
    assert says in answer.err
    assert answer.out == ""
    assert busy_office("case", "show", NO, "--json").json == before


def test_a_new_case_takes_the_next_number_and_is_handed_over(busy_office: Office) -> None:
    answer = busy_office(
        "case", "add", "--unit", "明城镇", "--enterprise", "样例公司", "--amount", "3.5万元", "--json"
    )
    assert answer.code == 0, answer.err
    made = answer.json
    assert (made["no"], made["state"], made["amount"]) == ("PS-2018-0101", "registered", "35000")
    handed = busy_office("case", "assign", "ps-2018-0101", "--due", "2018年12月31日", "--json").json
    assert (handed["state"], handed["due_on"]) == ("assigned", "2018-12-31")


def test_a_signature_is_the_persons_who_signed(busy_office: Office) -> None:
    assert "没有记到人" in busy_office("case", "sign", NO).err
    assert "没有记到人" not in busy_office("case", "sign", NO, "--by", "市水利局主要负责人").err


@pytest.mark.parametrize(
    ("by", "known"),
    [("市水利局主要负责人", True), ("软环境办主任", True), (getpass.getuser(), True), ("张科长", False)],
)
def test_who_is_nobody_is_recorded_and_said(busy_office: Office, by: str, *, known: bool) -> None:
    answer = busy_office("case", "progress", NO, "--note", "已约谈", "--by", by)
    assert answer.code == 0
    assert any("请核对 --by" in line for line in answer.faults) is not known
    assert busy_office("case", "show", NO, "--json").json["events"][-1]["by"] == by
