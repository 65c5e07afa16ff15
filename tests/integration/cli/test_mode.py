"""``go-live``, ``pause``, ``resume``, ``readiness``, ``notice release-held``: what they say and refuse."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from daemon import clock
from daemon.activate import ActiveRules
from daemon.loop import tick
from daemon.store import mode
from daemon.store.engine import open_engine, writing
from tests.integration.cli.conftest import BEGINNING, CONFIG, DEMO, Office


@pytest.fixture
def config(bare: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The office's config, whose channels lead to the spool: time is virtual here."""
    assert bare.state.is_dir()
    folder = tmp_path / "config"
    shutil.copytree(CONFIG, folder, ignore=shutil.ignore_patterns("demo", "schema", "systemd"))
    channels = (folder / "channels.yaml").read_text(encoding="utf-8")
    _, after = channels.split("\nwindow:", 1)
    spooled = "channels:\n  email: {provider: spool}\n  sms: {provider: spool}\n  wecom: {provider: spool}\n"
    (folder / "channels.yaml").write_text(f"{spooled}\nwindow:{after}", encoding="utf-8")
    monkeypatch.setenv("DUBAN_CONFIG", str(folder))
    return folder


@pytest.fixture
def fresh(config: Path, bare: Office, prepared: Path) -> Office:
    """An office with its directory, in rehearsal."""
    ready = prepared / "spooled"
    if not ready.exists():
        assert config.is_dir()
        bare("migrate")
        assert bare("import", DEMO / "directory.xlsx", "--yes").code == 0
        shutil.copytree(bare.state, ready)
    shutil.copytree(ready, bare.state, dirs_exist_ok=True)
    bare.at(BEGINNING)
    return bare


def vacate(office: Office, where: str) -> None:
    engine = open_engine(f"sqlite:///{office.state / 'duban.db'}")
    with writing(engine) as connection:
        connection.execute(text(f"DELETE FROM posts WHERE {where}"))
    engine.dispose()


def plan_and_release(office: Office, words: str) -> None:
    """Let it be that time, and let the scanner do its work; the workers are paused."""
    office.at(words)
    engine = open_engine(f"sqlite:///{office.state / 'duban.db'}")
    tick(engine, ActiveRules(engine), lambda _channel, _ids: None, clock.now())
    engine.dispose()


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "ladders.yaml"
    before = path.read_text(encoding="utf-8")
    assert old in before
    path.write_text(before.replace(old, new, 1), encoding="utf-8")


def test_it_says_which_mode_it_uses(fresh: Office) -> None:
    assert "· 演练" in fresh("status").err
    assert "duban go-live" in fresh("status").out
    assert fresh("go-live", "--yes").code == 0
    assert "· 正式" in fresh("status").err
    assert fresh("status", "--json").json["mode"]["mode"] == "live"
    fresh("pause")
    assert "· 正式（已暂停发送）" in fresh("status").err


def test_going_live_says_what_it_will_do_and_asks(fresh: Office) -> None:
    refused = fresh("go-live")
    assert refused.code == 1
    for words in ("将转为正式，从此消息发给真人", "今天应说", "领导小组", "--catch-up", "--yes"):
        assert words in refused.err
    assert fresh("status", "--json").json["mode"]["mode"] == "rehearsal", "a look changes nothing"


def test_what_was_rehearsed_is_counted(fresh: Office) -> None:
    fresh.work("2018-08-16 08:40")
    assert "演练中发出的 84 条不算已告知" in fresh("go-live").err
    assert fresh("go-live", "--yes", "--json").json["rehearsed"] == 84


def test_going_live_twice_is_refused(fresh: Office) -> None:
    fresh("go-live", "--yes")
    again = fresh("go-live", "--yes")
    assert (again.code, "已经是正式状态" in again.err) == (1, True)


def test_an_empty_directory_does_not_go_live(config: Path, bare: Office) -> None:
    assert config
    bare("migrate")
    answer = bare("go-live", "--yes")
    assert answer.code == 1
    assert "名录还是空的" in answer.err


def test_virtual_time_goes_live_only_where_nobody_is_told(office: Office) -> None:
    """The shipped channels lead to providers."""
    engine = open_engine(f"sqlite:///{office.state / 'duban.db'}")
    with writing(engine) as connection:
        mode.rehearse(connection)
    engine.dispose()
    answer = office("go-live", "--yes")
    assert answer.code == 1
    assert "时间是虚拟的" in answer.err


def test_an_empty_group_blocks_going_live_and_new_rules_not_old_ones(fresh: Office, config: Path) -> None:
    vacate(fresh, "role IN ('group.leader', 'group.deputy')")
    for command in (("go-live", "--yes"), ("readiness",)):
        assert "领导小组组长、领导小组副组长" in (said := fresh(*command)).out + said.err
    assert fresh("readiness", "--json").json["blocks"] is True
    blocked = fresh("go-live", "--yes")
    assert blocked.code == 1
    assert all(line.startswith("ladders.yaml:") for line in blocked.faults)
    assert any("ladders.case-due.rungs.group.to" in line for line in blocked.faults)
    assert fresh("reload", "--yes").code == 0, "the rules in force stay in force"
    edit(config, "{at: -10 workdays, act: reminder", "{at: -9 workdays, act: reminder")
    refused = fresh("reload", "--yes")
    assert refused.code == 1
    assert "领导小组" in refused.err


def test_a_pause_and_its_end(fresh: Office) -> None:
    fresh("go-live", "--yes")
    assert fresh("pause", "--by", "王主任").code == 0
    assert "王主任" in fresh("pause").err, "it is paused already"
    plan_and_release(fresh, "2018-08-16 09:15")
    asked = fresh("resume")
    assert asked.code == 1
    assert "积压 " in asked.err
    assert "其中今天以前的 0 条" in asked.err
    fresh.at("2018-08-17 08:00")
    done = fresh("resume", "--drop-stale", "--yes", "--json").json
    assert done["held"] == done["dropped"] > 0
    assert fresh("resume", "--yes").code == 1
    assert fresh("notice", "list", "--state", "ready", "--json").json == []


def test_what_is_held_is_listed_shown_let_go_and_dropped(fresh: Office, config: Path) -> None:
    path = config / "channels.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("hour: 300", "hour: 10"), encoding="utf-8")
    assert fresh("reload", "--yes").code == 0
    fresh("go-live", "--yes")
    fresh.work("2018-08-16 08:40")
    held = [n["id"] for n in fresh("notice", "list", "--state", "已扣下", "--json").json]
    assert len(held) > 10
    assert "一小时内的通知超过上限" in fresh("notice", "show", held[0]).out
    assert "已扣下待放行" in fresh("status").out
    assert fresh("notice", "release-held").code == 1, "it asks"
    assert fresh("notice", "release-held", held[0], "--yes", "--json").json["released"] == [held[0]]
    again = fresh("notice", "release-held", held[0], "--yes")
    assert (again.code, "只有“已扣下”的才能放行或作废" in again.err) == (1, True)
    assert len(fresh("notice", "release-held", "--drop", "--yes", "--json").json["dropped"]) == len(held) - 1
    assert "没有扣下的通知" in fresh("notice", "release-held").out


def test_readiness_names_what_is_missing(fresh: Office) -> None:
    vacate(fresh, "role = 'unit.head' AND unit_id = (SELECT id FROM units WHERE name = '明城镇')")
    said = fresh("readiness").out
    assert "没有主要领导的单位（1）" in said
    assert "明城镇主要领导" in said
    answer = fresh("readiness", "--json").json
    findings = answer["findings"]
    assert answer["blocks"] is False, "only an empty leading group does"
    assert ("no_head", "明城镇") in {(f["trouble"], f["unit"]) for f in findings}


def test_readiness_is_asked_of_any_day(fresh: Office) -> None:
    engine = open_engine(f"sqlite:///{fresh.state / 'duban.db'}")
    with writing(engine) as connection:
        connection.execute(text("UPDATE posts SET until = '2018-12-31' WHERE role = 'group.leader'"))
    engine.dispose()
    troubles = [f["trouble"] for f in fresh("readiness", "--on", "2018-12-20", "--json").json["findings"]]
    assert "ending" in troubles
    assert "ending" not in [f["trouble"] for f in fresh("readiness", "--json").json["findings"]]


def test_an_empty_directory_says_so(bare: Office) -> None:
    bare("migrate")
    assert "名录还是空的" in bare("readiness").out
    assert clock.is_virtual()
