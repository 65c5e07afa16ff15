"""``notice``, ``why``, ``today``: what was said and why, and what is about to be."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Office


@pytest.fixture
def told_office(busy_office: Office, prepared: Path) -> Office:
    """An office on the morning of the day after the hand-over: everybody has been told."""
    ready = prepared / "told"
    if ready.exists():
        shutil.copytree(ready, busy_office.state, dirs_exist_ok=True)
        return busy_office
    for moment in ("2018-08-16 08:40", "2018-08-16 09:15", "2018-08-17 09:15"):
        busy_office.work(moment)
    shutil.copytree(busy_office.state, ready)
    return busy_office


def test_today_foretells_what_leaves(busy_office: Office) -> None:
    foretold = busy_office("today", "--json").json["coming"]
    for moment in ("2018-08-16 08:30", "2018-08-16 09:10", "2018-08-16 17:00"):
        busy_office.work(moment)
    said = busy_office("notice", "list", "--json").json
    assert Counter(m["to"]["person"] for m in foretold) == Counter(
        {person: number for person, number in _items_by_person(said).items() if number}
    )
    after = busy_office("today", "--json").json
    assert after["coming"] == []
    assert after["sent"] == len(said)


def _items_by_person(said: list[dict[str, object]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for notice in said:
        if notice["kind"] == "rungs":
            found[str(notice["person"])] += int(str(notice["items"]))
    return found


def test_today_names_what_falls_due(busy_office: Office) -> None:
    busy_office.at("2018-12-31 08:00")
    deadlines = busy_office("today", "--json").json["deadlines"]
    assert {"kind": "目标", "what": "整改率 60%", "unit": None} in deadlines
    due = [
        c["no"] for c in busy_office("case", "list", "--open", "--json").json if c["due_on"] == "2018-12-31"
    ]
    assert [d["what"].split()[0] for d in deadlines if d["kind"] == "问题"] == due


def test_a_list_can_be_narrowed(told_office: Office) -> None:
    every = told_office("notice", "list", "--json").json
    assert {n["state"] for n in every} == {"sent", "manual"}
    manual = told_office("notice", "list", "--state", "待人工办理", "--json").json
    assert manual == [n for n in every if n["state"] == "manual"]
    mine = told_office("notice", "list", "--person", "明城镇主要负责人", "--json").json
    assert {n["person"] for n in mine} == {"明城镇主要负责人"}
    assert {n["act"] for n in mine} == {"assignment", "notice"}


def test_a_notice_shows_its_text_its_tries_and_its_items(told_office: Office) -> None:
    number = _first(told_office, "明城镇主要负责人", "assignment")
    shown = told_office("notice", "show", number, "--json").json
    assert [a["outcome"] for a in shown["attempts"]] == ["sent"]
    assert {item["subject"]["id"] for item in shown["items"]} == {
        c["no"]
        for c in told_office("case", "list", "--unit", "明城镇", "--json").json
        if c["assigned_on"] == "2018-08-16"
    }
    printed = told_office("notice", "show", number).out
    assert "企业微信：2018-08-16 08:40 第 1 次，对方已接收" in printed
    assert "3个工作日内签收" in printed


def _first(office: Office, person: str, act: str) -> int:
    said = office("notice", "list", "--person", person, "--json").json
    return int(next(n["id"] for n in said if n["act"] == act))


def test_why_says_what_by_which_rule_when_to_whom_and_how(told_office: Office) -> None:
    said = told_office("why", _first(told_office, "东宁街道主要负责人", "urge")).out
    for words in (
        "东宁街道 违约失信问题清单，时限 2018年8月15日",
        "时限后第1个工作日催办（filing-due/overdue），条件：未办结",
        "落在 2018年8月16日，从时限日 2018年8月15日 算起",
        "没有分管领导，按规则改送",
        "规则集 ",
        "企业微信：2018-08-16 09:15 第 1 次，对方已接收",
    ):
        assert words in said


def test_why_says_the_numbers_that_were_seen(told_office: Office) -> None:
    for moment in ("2018-10-16 00:10", "2018-10-16 09:15"):
        told_office.work(moment)
    said = told_office("why", _first(told_office, "明城镇主要负责人", "early_warning")).out
    assert "问题总数 6 件，已销号 0 件，序时进度应销号 1 件" in said
    assert "落后于序时进度" in said


def test_a_way_that_was_passed_over_is_said(told_office: Office) -> None:
    manual = told_office("notice", "list", "--state", "manual", "--json").json[0]["id"]
    said = told_office("why", manual).out
    assert "此人没有登记这种联系方式，跳过" in said
    assert "人工（电话、书面）" in said


def test_a_manual_task_is_done_once(told_office: Office) -> None:
    number = told_office("notice", "list", "--state", "manual", "--json").json[0]["id"]
    assert told_office("notice", "done", number, "--by", "值班员").code == 0
    again = told_office("notice", "done", number)
    assert again.code == 1
    assert "现为“已人工办结”" in again.err


def test_a_letter_leaves_after_it_was_approved(told_office: Office) -> None:
    for moment in ("2018-12-28 00:10", "2018-12-28 09:15"):
        told_office.work(moment)
    number = told_office("notice", "list", "--state", "waiting", "--json").json[0]["id"]
    answer = told_office("notice", "approve", number, "--by", "软环境办主任", "--json")
    assert number in answer.json["approved"]
    told_office.work("2018-12-28 09:20")
    shown = told_office("notice", "show", number, "--json").json
    assert (shown["state"], shown["approved_by"]) == ("sent", "软环境办主任")
    assert "现为“已发出”" in told_office("notice", "approve", number).err


@pytest.mark.parametrize("command", [("why",), ("notice", "show"), ("notice", "approve"), ("notice", "done")])
def test_an_unknown_number_is_answered_with_the_known(told_office: Office, command: tuple[str, ...]) -> None:
    answer = told_office(*command, 99999)
    assert answer.code == 1
    assert "没有第 99999 号通知：现有第 1 到第 " in answer.err
