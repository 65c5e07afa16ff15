"""Which config, which database; and a clear word where either is not as it must be."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from daemon.cli.context import find_config, shipped
from daemon.store.engine import open_engine, writing
from tests.integration.cli.conftest import CONFIG, DEMO, Office


def test_a_command_says_what_it_uses(office: Office) -> None:
    said = office("case", "list").err
    assert f"配置 {CONFIG}" in said
    assert str(office.state / "duban.db") in said
    assert "正式" in said


def test_a_password_is_never_said(bare: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://duban:very-secret@127.0.0.1:1/duban?sslpassword=very-secret"
    monkeypatch.setenv("DUBAN_DATABASE_URL", url)
    answer = bare("status")
    assert answer.code == 1
    assert "127.0.0.1" in answer.err
    assert "very-secret" not in answer.err + answer.out
    assert "数据库用不了" in answer.err


def test_an_address_that_is_none_is_refused(bare: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUBAN_DATABASE_URL", "mongodb+x:/nowhere:very-secret")
    answer = bare("status")
    assert answer.code == 1
    assert "数据库地址看不懂" in answer.err
    assert "very-secret" not in answer.err


def test_a_look_makes_no_database(bare: Office) -> None:
    answer = bare("case", "list")
    assert answer.code == 1
    assert answer.faults == ["数据库还没有建立：请先运行 duban migrate"]
    assert not (bare.state / "duban.db").exists()


def test_a_database_of_another_version_is_refused(office: Office) -> None:
    engine = open_engine(f"sqlite:///{office.state / 'duban.db'}")
    with writing(engine) as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    engine.dispose()
    answer = office("status")
    assert answer.code == 1
    assert "9999" in answer.err
    assert "duban migrate" in answer.err


def test_a_file_that_is_no_database_is_said(bare: Office) -> None:
    (bare.state / "duban.db").write_text("名录")
    answer = bare("status")
    assert answer.code == 1
    assert "数据库文件已损坏" in answer.err


def test_the_config_folder_is_found_in_its_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here, named = tmp_path / "config", tmp_path / "named"
    here.mkdir()
    named.mkdir()
    assert find_config(None, {}) == Path("config")
    assert find_config(None, {"DUBAN_CONFIG": str(named)}) == named
    assert find_config(here, {"DUBAN_CONFIG": str(named)}) == here


def test_a_config_folder_that_is_not_there_is_said(bare: Office, tmp_path: Path) -> None:
    answer = bare("status", "--config", tmp_path / "nowhere")
    assert answer.code == 1
    assert "没有配置文件夹" in answer.err


def test_what_ships_is_found() -> None:
    assert (shipped("templates") / "email").is_dir()
    assert (shipped("config") / "ladders.yaml").is_file()


def test_the_first_import_activates_the_rules_on_disk(bare: Office) -> None:
    assert bare("migrate").code == 0
    answer = bare("import", DEMO / "directory.xlsx", "--yes")
    assert answer.code == 0
    assert any(line.startswith("已启用规则") for line in answer.faults)
    assert bare("status", "--json").json["rules"]["differs"] is False
