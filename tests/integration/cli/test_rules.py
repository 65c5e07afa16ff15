"""``check`` and ``reload``: every fault at once, and a faulty rule set changes nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import select, update

from daemon.store.engine import open_engine, writing
from daemon.store.tables import persons, posts
from tests.integration.cli.conftest import CONFIG, Office


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config folder of its own, to be changed."""
    mine = tmp_path / "mine"
    shutil.copytree(CONFIG, mine, ignore=shutil.ignore_patterns("demo"))
    monkeypatch.setenv("DUBAN_CONFIG", str(mine))
    return mine


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_shipped_config_has_no_fault(bare: Office) -> None:
    answer = bare("check")
    assert answer.code == 0
    assert "配置没有错误" in answer.out
    assert not (bare.state / "duban.db").exists()


def test_what_bites_later_is_a_warning_and_a_fault_when_strict(
    bare: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUBAN_SMTP_PASSWORD", "very-secret")
    monkeypatch.delenv("DUBAN_WECOM_SECRET", raising=False)
    answer = bare("check", "--json")
    assert answer.code == 0
    assert answer.json["faults"] == []
    assert any("DUBAN_WECOM_SECRET" in warning["message"] for warning in answer.json["warnings"])
    assert "very-secret" not in answer.out + answer.err
    strict = bare("check", "--strict")
    assert (strict.code, "--strict：警告也算错误" in strict.out) == (1, True)


def test_every_fault_is_said_at_its_place(bare: Office, folder: Path) -> None:
    change(folder / "ladders.yaml", "at: -10 workdays, act: reminder", "at: -10 workdays, act: remainder")
    change(folder / "campaigns" / "panshi-2018.yaml", "60%", "六成")
    (folder / "templates" / "email").mkdir(parents=True)
    (folder / "templates" / "email" / "urge.unit.j2").write_text("{{ nobody }}", encoding="utf-8")
    answer = bare("check")
    assert answer.code == 1
    for words in ("ladders.yaml:", "remainder", "panshi-2018.yaml:", "六成", "urge.unit"):
        assert words in answer.err
    found = bare("check", "--json").json["faults"]
    assert f"{len(found)} 处错误" in answer.out
    assert all({*fault} == {"file", "line", "column", "key", "message", "hint"} for fault in found)


def test_a_channel_that_no_holder_of_a_role_has_is_a_warning(office: Office) -> None:
    assert office("check", "--json").json["skipped"] == []
    engine = open_engine(f"sqlite:///{office.state / 'duban.db'}")
    with writing(engine) as connection:
        deputies = select(posts.c.person_id).where(posts.c.role == "group.deputy")
        connection.execute(update(persons).where(persons.c.id.in_(deputies)).values(wecom=None))
    engine.dispose()
    (warning,) = [w for w in office("check", "--json").json["warnings"] if w["file"] == "ladders.yaml"]
    assert (warning["key"], warning["line"]) == ("ladders.case-due.rungs.group.to.1", 47)
    assert warning["message"] == "现任领导小组副组长没有一人登记了企业微信账号，wecom 渠道到不了他们"


def test_without_a_database_it_says_what_it_did_not_look_at(bare: Office) -> None:
    answer = bare("check")
    assert "未核对 名录里的联系方式（数据库还没有建立" in answer.out
    assert answer.faults == []
    assert not (bare.state / "duban.db").exists()


def test_rules_that_did_not_change_are_not_asked_about(office: Office) -> None:
    answer = office("reload")
    assert answer.code == 0
    assert "规则没有变化" in answer.out


def test_a_reload_says_in_counts_what_it_does_and_asks(busy_office: Office, folder: Path) -> None:
    before = busy_office("status", "--json").json["rules"]["hash"]
    change(folder / "ladders.yaml", "preview:    {at: -10 workdays", "preview:    {at: -12 workdays")
    assert busy_office("status", "--json").json["rules"]["differs"] is True
    asked = busy_office("reload")
    assert asked.code == 1
    assert "变动梯次 1（case-due），重新查看 100 项" in asked.err
    assert busy_office("status", "--json").json["rules"]["hash"] == before
    done = busy_office("reload", "--yes", "--by", "李主任", "--json").json
    assert done["changed"] == ["case-due"]
    rules = busy_office("status", "--json").json["rules"]
    assert (rules["hash"], rules["by"], rules["differs"]) == (done["hash"], "李主任", False)


def test_a_faulty_reload_changes_nothing(busy_office: Office, folder: Path) -> None:
    before = busy_office("status", "--json").json["rules"]["hash"]
    change(folder / "ladders.yaml", "act: urge", "act: urgent")
    answer = busy_office("reload", "--yes")
    assert answer.code == 1
    assert "ladders.yaml:" in answer.err
    after = busy_office("status", "--json").json["rules"]
    assert (after["hash"], after["disk_faults"]) == (before, 1)


def test_the_first_reload_asks_and_counts_every_ladder_as_new(bare: Office) -> None:
    assert bare("migrate").code == 0
    asked = bare("reload", "--note", "首次启用")
    assert (asked.code, "将首次启用规则：新增梯次 11（case-due、" in asked.err) == (1, True)
    assert bare("rules", "history", "--json").json == []
    done = bare("reload", "--yes", "--note", "首次启用")
    assert "已首次启用规则" in done.out
    assert "新增梯次 11" in done.out
    assert [each["note"] for each in bare("rules", "history", "--json").json] == ["首次启用"]
    again = bare("reload", "--yes", "--note", "再启用一次")
    assert "规则没有变化" in again.out
    assert "备注“再启用一次”没有记录" in again.err


def test_a_reload_warns_of_what_the_gate_will_hold(office: Office, folder: Path) -> None:
    change(folder / "ladders.yaml", "group.deputy], bundle: brief", "group.deputy], bundle: morning")
    assert "警告 ladders.yaml:47:97: ladders.case-due.rungs.group.bundle: 不随 brief" in office("reload").err


def ladder_warnings(office: Office) -> list[tuple[str, str, str]]:
    found = office("check", "--json").json["warnings"]
    return [(w["key"], w["message"], w["hint"]) for w in found if w["file"] != "channels.yaml"]


def test_a_former_name_that_no_rule_ever_had_is_a_warning(office: Office, folder: Path) -> None:
    remind = "remind:     {at: -3 workdays,  act"
    change(folder / "ladders.yaml", remind, "warn:       {was: remnd, at: -3 workdays,  act")
    (told,) = ladder_warnings(office)
    assert told == ("ladders.case-due.rungs.warn.was", "以前没有“remnd”这一级", "是不是“remind”？")
    assert "以前没有“remnd”这一级；是不是“remind”？" in office("reload").err


def test_a_former_name_that_was_carried_out_may_stay(office: Office, folder: Path) -> None:
    remind = "remind:     {at: -3 workdays,  act"
    change(folder / "ladders.yaml", remind, "warn:       {was: remind, at: -3 workdays,  act")
    assert ladder_warnings(office) == []
    assert office("reload", "--yes").code == 0
    assert ladder_warnings(office) == []
    change(folder / "ladders.yaml", "{was: remind, at: -3 workdays", "{was: remind, at: -4 workdays")
    assert office("reload", "--yes").code == 0
    assert ladder_warnings(office) == []


def test_a_kind_that_no_unit_has_is_a_warning(office: Office, folder: Path) -> None:
    change(
        folder / "campaigns" / "panshi-2018.yaml",
        "title: 工作计划, owed_by: [乡镇街",
        "title: 工作计划, owed_by: [乡镇",
    )
    (told,) = ladder_warnings(office)
    assert told == (
        "filings.work-plan.owed_by.0",
        "名录里没有一个单位是“乡镇”类，不会有人报送",
        "是不是“乡镇街”？",
    )
