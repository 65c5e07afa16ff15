"""``rules``, ``who``, ``why`` and ``simulate --against``: what a clerk sees before and after an edit."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import text

from daemon.activate import ActiveRules
from daemon.config.models import CalendarFile
from daemon.config.offdays import office_days
from daemon.domain.workdays import Offset, Span
from daemon.store import report
from daemon.store.engine import open_engine, reading, writing
from tests.integration.cli.conftest import CONFIG, DEMO, Office
from tests.integration.cli.test_rules import change, folder
from tests.servers import PATIENCE

__all__ = ["folder"]
REMIND = "remind:     {at: -3 workdays, "
FIVE = "remind:     {at: -5 workdays, "
WARN = "warn:       {at: -3 workdays, "
WORKDAYS = office_days(CalendarFile()).calendar()


def reload(office: Office, *more: str) -> Any:
    answer = office("reload", "--yes", "--json", *more)
    assert answer.code == 0, answer.err
    return answer.json


def work_through(office: Office, day: str) -> None:
    """Let the service do what that day brings: decide in the night, send in the morning."""
    for moment in ("00:01", "09:30"):
        office.work(f"{day} {moment}")


class Terminal(StringIO):
    """Somebody at the keyboard who types these lines."""

    def isatty(self) -> bool:
        return True


class TestShow:
    def test_the_ladder_stands_there_in_words(self, office: Office) -> None:
        said = office("rules", "show", "case-due").out
        for words in (
            "case-due（问题，从时限算起，未办结的才发）",
            "时限前3个工作日",
            "联络员、分管领导（没有则主要领导）",
            "企业微信＋电子邮件，不通再短信＋电子邮件",
            "办公室主任审签后发",
            "时限后第30个工作日起，每20个工作日一次",
        ):
            assert words in said

    def test_every_ladder_has_its_table(self, office: Office) -> None:
        found = office("rules", "show", "--json").json["ladders"]
        assert {each["ladder"] for each in found} >= {"case-due", "filing-due", "target", "pace"}
        assert all(rung["when"] and rung["whom"] and rung["how"] for each in found for rung in each["rungs"])

    def test_the_days_of_a_sample_case_are_worked_days_in_order(self, office: Office) -> None:
        lines = office("rules", "show", "case-due", "--json").json["timeline"]
        days = [line["day"] for line in lines]
        assert days == sorted(days)
        assert all(WORKDAYS.is_workday(date.fromisoformat(day)) for day in days)
        assert [line["rung"] for line in lines][:3] == ["preview", "remind", "overdue"]

    def test_one_case_shows_what_was_said_and_what_will_be(self, busy_office: Office) -> None:
        work_through(busy_office, "2018-10-10")
        show = ("rules", "show", "--case", "PS-2018-0007", "--json")
        held = busy_office(*show).json["timeline"]
        assert any("已扣下" in line["state"] for line in held), "months at once look like a flood"
        busy_office("notice", "release-held", "--yes")
        busy_office.work("2018-10-10 09:40")
        lines = busy_office(*show).json["timeline"]
        stands = {(line["ladder"], line["rung"]): line for line in lines}
        said, ahead = stands["case-due", "remind"], stands["case-due", "overdue"]
        assert (said["day"], said["fate"]) == ("2018-10-10", "settled")
        assert "已告知" in said["state"]
        assert said["notices"]
        assert (ahead["day"], ahead["state"]) == ("2018-10-16", "定于 2018-10-16 09:10 发出")
        assert stands["case-returned", "back"]["fate"] == "no_anchor"

    def test_what_is_edited_can_be_seen_before_it_is_in_force(self, office: Office, folder: Path) -> None:
        change(folder / "ladders.yaml", REMIND, FIVE)
        assert "时限前5个工作日" not in office("rules", "show", "case-due").out
        assert "时限前5个工作日" in office("rules", "show", "case-due", "--disk").out

    def test_a_long_past_is_folded_and_what_comes_stands_apart(self, office: Office) -> None:
        office.at("2026-11-23 09:00")
        assert office("import", DEMO / "issue-list.xlsx", "--yes").code == 0
        said = office("rules", "show", "--case", "PS-2018-0007").out
        assert len(said.splitlines()) < 40
        past, coming = said.split("\n以后\n")
        coming, silent = coming.split("\n不发的各级\n")
        assert "没有" in past
        assert coming.count("case-due/head-again") == 3
        again = next(row for row in silent.splitlines() if "case-without-deadline/again" in row)
        assert "条件不成立：还没有定时限且未办结" in again, "that it came late explains nothing"
        assert "，共 " in again

    def test_an_unknown_ladder_is_answered_with_those_there_are(self, office: Office) -> None:
        answer = office("rules", "show", "case-dew")
        assert answer.code == 1
        assert "没有“case-dew”这个梯次；有 case-due" in answer.err


class TestHistory:
    def test_it_says_who_changed_what_and_why(self, office: Office, folder: Path) -> None:
        change(folder / "ladders.yaml", REMIND, FIVE)
        reload(office, "--by", "李主任", "--note", "提前两天提醒")
        newest, first = office("rules", "history", "--json").json
        assert (newest["by"], newest["note"], first["changes"]) == ("李主任", "提前两天提醒", None)
        assert newest["changes"] == ["case-due/remind：时限前3个工作日 → 时限前5个工作日"]

    def test_diff_says_it_in_words_and_by_line(self, office: Office, folder: Path) -> None:
        change(folder / "ladders.yaml", REMIND, FIVE)
        said = office("rules", "diff").out
        assert "case-due/remind：时限前3个工作日 → 时限前5个工作日\n" in said
        assert "\n-      remind:     {at: -3 workdays" in said
        assert "\n+      remind:     {at: -5 workdays" in said
        assert "没有差别" in office("rules", "diff", "active", "active").out

    def test_a_day_off_is_said_as_a_day(self, office: Office, folder: Path) -> None:
        off = "years: {2018: {source: 磐办发〔2018〕9号, off: [2018-09-03]}}"
        change(folder / "calendar.yaml", "years: {}", off)
        assert office("rules", "diff", "--json").json["days"] == [
            "2018年9月3日（周一）：上班 → 放假（磐办发〔2018〕9号）"
        ]

    def test_rolled_back_the_old_rules_are_in_force_and_the_disk_differs(
        self, office: Office, folder: Path, tmp_path: Path
    ) -> None:
        old = office("status", "--json").json["rules"]["hash"]
        change(folder / "ladders.yaml", REMIND, FIVE)
        reload(office)
        asked = office("rules", "rollback", old[:8])
        assert asked.code == 1, "nobody was there to ask"
        done = office("rules", "rollback", old[:8], "--yes", "--by", "李主任")
        assert "已启用规则" in done.out
        assert "配置文件夹里还是另一套" in done.err
        rules = office("status", "--json").json["rules"]
        assert (rules["hash"], rules["by"], rules["differs"]) == (old, "李主任", True)
        assert office("rules", "show", old[:8], "--to", tmp_path / "old").code == 0
        assert REMIND in (tmp_path / "old" / "ladders.yaml").read_text(encoding="utf-8")

    @pytest.mark.parametrize("which", ["0000", "ffffffff", "remind"])
    def test_an_unknown_rule_set_is_refused(self, office: Office, which: str) -> None:
        answer = office("rules", "rollback", which, "--yes")
        assert (answer.code, "没有编号为" in answer.err) == (1, True)


class TestActivation:
    def test_moved_days_are_counted_with_examples(self, busy_office: Office, folder: Path) -> None:
        busy_office.work("2018-10-08 10:00")
        off = "years: {2018: {source: 磐办发〔2018〕9号, off: [2018-10-12]}}"
        change(folder / "calendar.yaml", "years: {}", off)
        asked = busy_office("reload").err
        assert "2018年10月12日（周五）：上班 → 放假（磐办发〔2018〕9号）" in asked
        assert "PS-2018-0007 时限前3个工作日提醒：2018年10月10日 → 2018年10月9日" in asked
        done = reload(busy_office)
        assert done["moved"] > 0
        assert len(done["examples"]) <= 5

    def test_a_likely_rename_is_asked_about(
        self, busy_office: Office, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        busy_office.work("2018-10-10 10:00")
        change(folder / "ladders.yaml", REMIND, WARN)
        monkeypatch.setattr("sys.stdin", Terminal("y\ny\n"))
        answer = busy_office("reload")
        assert answer.code == 0, answer.err
        assert "是改名？" in answer.err
        assert "case-due/warn（由 remind 改名）：内容不变" in answer.err
        line = next(
            each
            for each in busy_office("rules", "show", "--case", "PS-2018-0007", "--json").json["timeline"]
            if each["rung"] == "warn"
        )
        assert (line["fate"], bool(line["notices"])) == ("settled", True), "said under its old name"
        newest, oldest = (each["hash"] for each in busy_office("rules", "history", "--json").json)
        for old, new, words in (
            (oldest, newest, "warn（由 remind 改名）"),
            (newest, oldest, "remind（由 warn 改名）"),
        ):
            said = busy_office("rules", "diff", old, new).out
            assert f"case-due/{words}：内容不变" in said
            assert "新增" not in said

    def test_a_script_is_told_how_to_write_a_rename(self, office: Office, folder: Path) -> None:
        change(folder / "ladders.yaml", REMIND, WARN)
        assert "请在 warn 里写 was: remind" in office("reload", "--yes").err


class TestWho:
    def test_who_is_told_and_why_the_others_are_silent(self, busy_office: Office) -> None:
        busy_office.work("2018-08-17 10:00")
        found = busy_office("who", "PS-2018-0007", "--on", "2018-10-16", "--json").json
        assert {(told["rung"], told["at"][:16]) for told in found["told"]} == {
            ("overdue", "2018-10-16T09:10")
        }
        silent = {(line["ladder"], line["rung"]): line for line in found["silent"]}
        assert silent["case-due", "head"]["state"] == "定于 2018-10-18 09:10 发出"
        assert silent["case-without-deadline", "head"]["fate"] == "when"
        assert silent["case-returned", "back"]["fate"] == "no_anchor"
        assert silent["case-assigned", "hand-over"]["fate"] == "settled"

    def test_a_past_day_has_what_was_told_what_comes_and_what_stays_silent(self, busy_office: Office) -> None:
        busy_office.work("2018-08-17 10:00")
        said = busy_office("who", "PS-2018-0007", "--on", "2018-08-15").out
        before, later = said.split("\n这一天以前\n")[1].split("\n这一天以后\n")
        later, silent = later.split("\n不发的各级\n")
        assert "这一天没有人会收到" in said
        assert before.strip() == "没有"
        assert "case-assigned/hand-over" in later
        assert "定于" in later
        assert "定于" not in silent

    def test_what_lies_before_the_rule_is_said_to(self, busy_office: Office, folder: Path) -> None:
        busy_office.work("2018-10-12 10:00")
        new = "preview:    {at: -10 workdays, act: reminder, to: [unit.liaison]}"
        change(
            folder / "ladders.yaml",
            new,
            f"early:      {{at: -20 workdays, act: notice, to: [unit.head]}}\n      {new}",
        )
        reload(busy_office)
        found = busy_office("who", "PS-2018-0007", "--json").json["silent"]
        early = next(line for line in found if line["rung"] == "early")
        assert (early["fate"], early["state"]) == (
            "before_rule",
            "这样写的规则 2018年10月12日 才启用，以前的不补发",
        )

    def test_what_is_muted_is_said_to_be(self, busy_office: Office) -> None:
        busy_office.work("2018-08-17 10:00")
        mute = (
            "--case",
            "PS-2018-0007",
            "--from",
            "2018-10-16",
            "--to",
            "2018-10-17",
            "--reason",
            "正在调解",
        )
        assert busy_office("mute", "add", *mute).code == 0
        found = busy_office("who", "PS-2018-0007", "--on", "2018-10-16", "--json").json
        overdue = next(line for line in found["silent"] if line["rung"] == "overdue")
        assert (found["told"], overdue["fate"], overdue["state"]) == ([], "muted", "在静默期内，不发")

    def test_a_seat_that_nobody_holds_is_said_to_be_empty(self, busy_office: Office) -> None:
        busy_office.work("2018-08-17 10:00")
        engine = open_engine(f"sqlite:///{busy_office.state / 'duban.db'}")
        with writing(engine) as connection:
            connection.execute(text("UPDATE posts SET until = '2018-10-01' WHERE role LIKE 'unit.%'"))
        engine.dispose()
        found = busy_office("who", "PS-2018-0007", "--on", "2018-10-16", "--json").json
        assert found["told"] == []
        assert [(line["rung"], line["whom"]) for line in found["unreached"]] == [
            ("overdue", "联络员：无人、分管领导（没有则主要领导）：无人")
        ]


def test_why_counts_the_days_one_by_one(busy_office: Office) -> None:
    work_through(busy_office, "2018-09-26")
    listed = busy_office("case", "show", "PS-2018-0007", "--json").json["notices"]
    number = next(each["notice"] for each in listed if each["rung"] == "preview")
    said = busy_office("why", number).out
    assert "从 2018年10月15日（周一）的前一日起往前数10个工作日：10月12日往前至10月8日第1至5个" in said
    assert "10月1日至10月5日放假（国办发明电〔2017〕12号）" in said
    assert "9月29日至9月30日补班（国办发明电〔2017〕12号）" in said
    assert "渠道：提醒按规则用企业微信，不通再短信＋电子邮件" in said
    counted = busy_office("why", number, "--json").json["decisions"][0]["counted"]
    assert [day["number"] for day in counted if day["number"]] == list(range(1, 11))


class TestText:
    def test_a_shipped_text_is_put_where_it_is_edited_and_says_what_it_is_made_from(
        self, office: Office, folder: Path
    ) -> None:
        assert office("rules", "text", "email/urge.unit").code == 0
        own = folder / "templates" / "email" / "urge.unit.j2"
        assert own.read_text(encoding="utf-8").startswith("{#- 底本 ")
        checked = office("check", "--json").json
        assert (checked["faults"], [w for w in checked["warnings"] if w["file"].startswith("templates")]) == (
            [],
            [],
        )
        own.write_text("改过", encoding="utf-8")
        assert office("rules", "text", "email/urge.unit").code == 1, (
            "what the office wrote is not overwritten"
        )
        assert own.read_text(encoding="utf-8") == "改过"

    def test_an_unknown_text_is_answered_with_the_nearest(self, office: Office, folder: Path) -> None:
        answer = office("rules", "text", "email/urge.units")
        assert answer.code == 1
        assert "是不是“email/urge.unit”？" in answer.err
        assert not (folder / "templates").exists()


class TestAgainst:
    def test_one_offset_moved_moves_exactly_its_items(
        self, busy_office: Office, folder: Path, tmp_path: Path
    ) -> None:
        trial, book = tmp_path / "trial", tmp_path / "compared.xlsx"
        shutil.copytree(folder, trial)
        change(trial / "ladders.yaml", REMIND, FIVE)
        stretch = ("--from", "2018-10-08", "--to", "2018-10-31")
        answer = busy_office("simulate", *stretch, "--against", trial, "--xlsx", book, "--json")
        assert answer.code == 0, answer.err
        found = answer.json
        every = [*found["gained"], *found["lost"], *found["moved"]]
        assert {(each["ladder"], each["rung"]) for each in every} == {("case-due", "remind")}
        assert {(each["subject"], each["day"]) for each in [*found["moved"], *found["lost"]]} == (
            self._reminded(busy_office, -3)
        )
        assert {(each["subject"], each["to"]) for each in found["moved"]} | {
            (each["subject"], each["day"]) for each in found["gained"]
        } == self._reminded(busy_office, -5)
        rows = list(load_workbook(book)["改期的事项"].iter_rows(min_row=2, values_only=True))
        assert len(rows) == len(found["moved"])
        assert {(row[3], row[-1]) for row in rows} == {("时限前3个工作日提醒", "case-due/remind")}
        assert {(f"{row[5]:%F}", f"{row[6]:%F}") for row in rows} == {
            (each["day"], each["to"]) for each in found["moved"]
        }
        summary = {
            title: words for title, words, *_ in load_workbook(book)["说明"].iter_rows(values_only=True)
        }
        assert summary["起止"] == "2018-10-08 至 2018-10-31（都含当日）"
        assert "2018-08-16 08:00 由 " in summary["原规则"]
        assert summary["现规则"].endswith("没有启用过")
        assert str(found["before"]["notices"]) in summary["通知"]
        before = hash_of(busy_office)
        assert busy_office("simulate", *stretch, "--against", folder, "--json").json["moved"] == []
        change(folder / "ladders.yaml", REMIND, FIVE)
        in_place = busy_office("simulate", *stretch, "--against", folder, "--json").json
        assert in_place["moved"] == found["moved"], (
            "what was edited in place is compared with what is in force"
        )
        assert hash_of(busy_office) == before

    def test_what_is_the_answer_goes_to_stdout(self, busy_office: Office, folder: Path) -> None:
        stretch = ("--from", "2018-10-08", "--to", "2018-10-08")
        said = busy_office("simulate", *stretch, "--against", folder).out
        assert said.splitlines()[-1] == "没有人的收件有变化"

    def test_a_file_that_cannot_be_written_is_refused_before_the_work(self, busy_office: Office) -> None:
        stretch = ("--from", "2018-10-08", "--to", "2018-10-08")
        answer = busy_office("simulate", *stretch, "--against", CONFIG, "--xlsx", "/nowhere/a.xlsx")
        assert (answer.code, answer.out) == (1, "")
        assert answer.err == "写不了 /nowhere/a.xlsx：/nowhere 不存在\n"

    def test_what_the_gate_would_hold_is_counted(
        self, busy_office: Office, folder: Path, tmp_path: Path
    ) -> None:
        trial, book = tmp_path / "trial", tmp_path / "held.xlsx"
        shutil.copytree(folder, trial)
        group = "act: escalation, to: [group.leader, group.deputy], bundle: "
        change(trial / "ladders.yaml", f"{group}brief", f"{group}morning")
        stretch = ("--from", "2018-11-05", "--to", "2018-11-30")
        found = busy_office("simulate", *stretch, "--against", trial, "--xlsx", book, "--json").json
        before, after = found["before"]["held"], found["after"]["held"]
        assert (before, after > 0) == (0, True)
        rows = list(load_workbook(book)["说明"].iter_rows(min_row=2, values_only=True))
        assert ("其中先扣下、等办公室放行的（推演中即时放行）", f"原 0 件，现 {after} 件") in [
            row[:2] for row in rows
        ]
        alone = busy_office("simulate", "--config", trial, *stretch)
        assert f"其中先扣下、等办公室放行的（推演中即时放行） {after} 件" in alone.out
        lines = busy_office("simulate", "--config", trial, *stretch, "--json").out.splitlines()
        assert ["held" in json.loads(line) for line in lines].count(True) == after

    def _reminded(self, office: Office, workdays: int) -> set[tuple[str, str]]:
        """Return which open cases are reminded of on which day of that stretch, by the calendar alone."""
        cases = office("case", "list", "--open", "--json").json
        days = {
            each["no"]: WORKDAYS.apply(Offset(workdays, Span.WORKDAYS), date.fromisoformat(each["due_on"]))
            for each in cases
            if each["due_on"] and each["assigned_on"]
        }
        return {
            (no, day.isoformat())
            for no, day in days.items()
            if date(2018, 10, 8) <= day <= date(2018, 10, 31)
        }


def hash_of(office: Office) -> bytes:
    return (office.state / "duban.db").read_bytes()


def test_a_faulty_reload_under_load_changes_not_one_message(busy_office: Office, folder: Path) -> None:
    """While the work of some days is done, other processes try to put a faulty folder in force."""
    moments = ("2018-08-16 10:00", "2018-08-22 10:00", "2018-08-24 10:00")
    before = busy_office.state.with_name("before")
    shutil.copytree(busy_office.state, before)
    for moment in moments:
        busy_office.work(moment)
    undisturbed = told(busy_office)
    shutil.rmtree(busy_office.state)
    shutil.copytree(before, busy_office.state)
    busy_office.go_live()
    change(folder / "ladders.yaml", "act: urge", "act: urgent")
    command = [sys.executable, "-m", "daemon.cli", "reload", "--yes"]
    running = []
    for moment in moments:
        running += [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        busy_office.work(moment)
    said = [process.communicate(timeout=PATIENCE)[1] for process in running]
    assert all("ladders.yaml:" in words for words in said)
    assert {process.returncode for process in running} == {1}
    assert len(undisturbed) > 100
    assert told(busy_office) == undisturbed


def told(office: Office) -> list[Any]:
    """Return every message, as the database has it."""
    engine = open_engine(f"sqlite:///{office.state / 'duban.db'}")
    rules = ActiveRules(engine)()
    with reading(engine) as connection:
        lines = list(report.said(connection, rules.campaigns, rules.ladders))
    engine.dispose()
    return lines
