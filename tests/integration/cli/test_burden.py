"""``burden``: the month as a table and as JSON."""

from __future__ import annotations

from tests.integration.cli.conftest import Office


def test_a_month_of_messages(busy_office: Office) -> None:
    busy_office.work("2018-08-16 09:15")
    told = busy_office("burden", "--month", "2018年8月", "--json").json
    assert told["month"] == "2018-08"
    first = told["people"][0]
    assert first["total"] == sum(first["channels"].values()) >= first["most"] > 0
    assert first["most_on"] == "2018-08-16"
    shown = busy_office("burden").out.splitlines()
    assert shown[0] == f"2018年8月：{len(told['people'])} 人，共 {sum(p['total'] for p in told['people'])} 条"
    assert shown[1].split()[:3] == ["人员", "岗位", "合计"]
    assert shown[2].split()[:2] == [first["person"], first["posts"]]


def test_an_empty_month(busy_office: Office) -> None:
    answer = busy_office("burden", "--month", "2018-07")
    assert (answer.code, answer.faults) == (0, [])
    assert answer.out == "2018年7月：0 人，共 0 条\n这个月没有发出过通知\n"


def test_a_month_is_written_as_a_month(busy_office: Office) -> None:
    assert busy_office("burden", "--month", "2018-13").code == 2
