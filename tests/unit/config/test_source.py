"""One value, one hash; secrets stay outside."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from daemon.config.compiled import compile_rules, resolve_channel
from daemon.config.deployment import load_deployment
from daemon.config.source import RuleSource
from daemon.errors import FaultyInputError
from tests.unit.config.folder import Folder

SECRET = "hunter2-made-up"
SECRETS = {
    "DUBAN_SMTP_PASSWORD": SECRET,
    "DUBAN_TENCENT_SECRET_ID": "id",
    "DUBAN_TENCENT_SECRET_KEY": SECRET,
    "DUBAN_WECOM_CORP_ID": "corp",
    "DUBAN_WECOM_SECRET": SECRET,
    "DUBAN_WECOM_AGENT_ID": "1000002",
}


def test_a_blob_comes_back_as_it_was(folder: Folder) -> None:
    source = folder.load()
    again = RuleSource.from_blob(source.to_blob())
    assert (again.to_blob(), again.hash) == (source.to_blob(), source.hash)
    assert compile_rules(again).ladders == compile_rules(source).ladders


def test_the_hash_depends_on_the_rules_and_on_nothing_else(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = folder.load().hash
    monkeypatch.setenv("DUBAN_SMTP_PASSWORD", SECRET)
    folder.change("duban.yaml", "state: ⟦../.duban→elsewhere⟧")
    folder.write("notes.txt", "不相干")
    assert folder.load().hash == before


CHANGES = [
    ("ladders.yaml", "at: ⟦-3 workdays→-4 workdays⟧"),
    ("campaigns/panshi-2018.yaml", "to: ⟦2018-08-15→2018-08-14⟧"),
    ("channels.yaml", 'at: ⟦"09:10"→"09:20"⟧'),
    ("calendar.yaml", "years: ⟦{}→{2027: {source: 国办, off: [2027-01-01]}}⟧"),
    ("duban.yaml", "phone: ⟦0432-00000000→0432-11111111⟧"),
]


@pytest.mark.parametrize(("place", "change"), CHANGES)
def test_every_rule_file_moves_the_hash(folder: Folder, place: str, change: str) -> None:
    before = folder.load().hash
    folder.change(place, change)
    assert folder.load().hash != before


def test_the_offices_templates_lie_over_the_shipped_ones(folder: Folder) -> None:
    (folder.shipped / "README.md").write_text("说明", encoding="utf-8")
    (folder.shipped / "b.j2").write_text("乙", encoding="utf-8")
    folder.write("templates/a.j2", "办公室的甲")
    folder.write("templates/.old/a.j2", b"\xff\xff")
    assert dict(folder.load().templates) == {"a.j2": "办公室的甲", "b.j2": "乙"}


def test_no_secret_is_in_the_blob_or_in_what_is_printed(folder: Folder) -> None:
    rules = compile_rules(source := folder.load())
    settings = resolve_channel(rules.channels["email"], environ=SECRETS)
    assert settings.options["password"] == SECRET
    assert SECRET not in source.to_blob() + repr(source) + repr(rules) + repr(settings)


LITERALS = [
    ("channels.yaml", f"password: ⟦${{env:DUBAN_SMTP_PASSWORD}}→{SECRET}⟧"),
    ("channels.yaml", f"secret: ⟦${{env:DUBAN_WECOM_SECRET}}→{SECRET}⟧"),
    ("channels.yaml", f"secret_key: ⟦${{env:DUBAN_TENCENT_SECRET_KEY}}→x-${{env:{SECRET}⟧"),
    ("channels.yaml", f"default_url: ⟦https://→https://duban:{SECRET}@⟧"),
    ("duban.yaml", f"⟦# database: →database: postgresql://duban:{SECRET}@db/duban # ⟧"),
]


@pytest.mark.parametrize(("place", "change"), LITERALS)
def test_a_secret_that_is_written_out_is_a_fault_that_does_not_show_it(
    folder: Folder, place: str, change: str
) -> None:
    folder.change(place, change)
    (fault,) = folder.faults()
    assert "${env:" in fault.hint
    assert SECRET not in str(fault)


def test_numbers_may_be_references_too(folder: Folder) -> None:
    folder.change("channels.yaml", "port: ⟦465→${env:PORT}⟧")
    email = compile_rules(folder.load()).channels["email"]
    assert email.options["port"] == "${env:PORT}"
    assert resolve_channel(email, environ={**SECRETS, "PORT": "2525"}).options["port"] == 2525
    with pytest.raises(FaultyInputError, match=r"channels\.email\.port: .*不是整数"):
        resolve_channel(email, environ={**SECRETS, "PORT": "smtp"})


def test_what_is_missing_at_the_start_is_named_by_key_and_variable(folder: Folder) -> None:
    folder.change("channels.yaml", "secret: ⟦${env:DUBAN_WECOM_SECRET}→${file:wecom-secret}⟧")
    wecom = compile_rules(folder.load()).channels["wecom"]
    with pytest.raises(FaultyInputError) as caught:
        resolve_channel(wecom, directory=folder.path, environ={"DUBAN_WECOM_AGENT_ID": "1"})
    assert [(f.key, f.message) for f in caught.value.faults] == [
        ("channels.wecom.corp_id", "环境变量 DUBAN_WECOM_CORP_ID 没有设置"),
        ("channels.wecom.secret", "读不到文件 wecom-secret"),
    ]


def test_a_secret_may_lie_in_a_file(folder: Folder) -> None:
    folder.change("channels.yaml", "secret: ⟦${env:DUBAN_WECOM_SECRET}→${file:wecom-secret}⟧")
    folder.write("wecom-secret", SECRET + "\n")
    wecom = compile_rules(folder.load()).channels["wecom"]
    assert resolve_channel(wecom, directory=folder.path, environ=SECRETS).options["secret"] == SECRET


def test_the_deployment_is_found_beside_the_config(folder: Folder) -> None:
    deployment = load_deployment(folder.path, {})
    state = (folder.path / "../.duban").resolve()
    assert (deployment.state, deployment.database) == (state, f"sqlite:///{state}/duban.db")
    assert (deployment.broker, deployment.office.phone) == ("", "0432-00000000")


def test_the_environment_goes_before_the_file(folder: Folder) -> None:
    environ = {
        "DUBAN_STATE": os.fspath(folder.path / "s"),
        "DUBAN_DATABASE_URL": "postgresql://db/duban",
        "DUBAN_REDIS_URL": "redis://r/0",
    }
    found = load_deployment(folder.path, environ)
    assert (found.state, found.database, found.broker) == (
        folder.path / "s",
        "postgresql://db/duban",
        "redis://r/0",
    )


def test_the_database_password_is_read_and_not_shown(folder: Folder) -> None:
    folder.change("duban.yaml", "⟦# database: →database: ⟧")
    folder.change("duban.yaml", "⟦/etc/duban/db-password→db-password⟧")
    folder.write("db-password", SECRET)
    deployment = load_deployment(folder.path, {})
    assert deployment.database == f"postgresql://duban:{SECRET}@db.example/duban"
    assert SECRET not in repr(deployment)


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        ("2018-12-29", True),
        ("2018-12-31", False),
        ("2019-05-02", False),
        ("2020-02-01", False),
        ("2018-10-08", True),
    ],
)
def test_the_calendar_knows_make_up_days(folder: Folder, day: str, worked: bool) -> None:
    calendar = compile_rules(folder.load()).calendar
    assert calendar.is_workday(date.fromisoformat(day)) is worked
    assert not calendar.assumed(date.fromisoformat(day))


def test_the_offices_days_lie_above_the_library(folder: Folder) -> None:
    year = "{source: 国办发明电〔2026〕1号, off: [2027-02-06..2027-02-12], makeup: [2027-02-14]}"
    old = "{source: 本市通知, off: [2018-12-29], makeup: [2018-12-31]}"
    folder.change("calendar.yaml", f"years: ⟦{{}}→{{2027: {year}, 2018: {old}}}⟧")
    calendar = compile_rules(folder.load()).calendar
    days = ["2027-02-08", "2027-02-14", "2018-12-29", "2018-12-31"]
    assert [calendar.is_workday(date.fromisoformat(day)) for day in days] == [False, True, False, True]
    assert not calendar.assumed(date(2027, 3, 1))
    assert calendar.assumed(date(2028, 3, 1))
    assert calendar.sources[date(2027, 2, 14)] == "国办发明电〔2026〕1号"


def test_nothing_is_written_beside_the_config(folder: Folder) -> None:
    before = sorted(Path(folder.path).rglob("*"))
    folder.load()
    assert sorted(Path(folder.path).rglob("*")) == before
