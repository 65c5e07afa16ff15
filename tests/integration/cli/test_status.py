"""``status``: rates, verdicts, what waits. The verdict of a day counts what had been recorded by then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from daemon import clock
from daemon.loop import LAST_TICK
from daemon.store import settings
from daemon.store.engine import open_engine, writing
from tests.integration.cli.conftest import DEMO, Office
from tests.servers import postgres_url


def milestone(office: Office, *args: str) -> dict[str, object]:
    found: dict[str, object] = office("status", "--json", *args).json["rates"][0]
    return found


def test_a_milestone_ahead_has_no_verdict(busy_office: Office) -> None:
    ahead = milestone(busy_office)
    assert (ahead["on"], ahead["verdict"], ahead["final"]) == ("2018-12-31", "pending", False)
    assert (ahead["total"], ahead["missing"]) == (100, 60)


def test_a_verdict_is_final_ten_workdays_later(busy_office: Office) -> None:
    busy_office.at("2018-12-31 18:00")
    first = milestone(busy_office)
    assert (first["verdict"], first["final"], first["final_on"]) == ("missed", False, "2019-01-15")
    busy_office.at("2019-01-15 08:00")
    assert milestone(busy_office)["final"] is True


def test_what_was_told_after_the_final_day_does_not_change_the_verdict(busy_office: Office) -> None:
    def close(no: str) -> None:
        busy_office("case", "submit", no, "--on", "2018-12-20")
        assert busy_office("case", "close", no, "--on", "2018-12-20").code == 0

    busy_office.at("2019-01-10 08:00")
    close("PS-2018-0001")
    busy_office.at("2019-02-01 08:00")
    close("PS-2018-0003")
    assert milestone(busy_office)["closed"] == 1
    assert busy_office("status", "--json").json["campaigns"][0]["closed"] == 2


def test_a_ledger_of_old_days_is_judged_as_recorded_afterwards(office: Office) -> None:
    office.at("2021-06-01 08:00")
    assert office("import", DEMO / "ledger-2018-2020.xlsx", "--yes").code == 0
    truth = json.loads((DEMO / "ledger-2018-2020.truth.json").read_text(encoding="utf-8"))["milestones"]
    found = office("status", "--json").json["rates"]
    assert [(r["on"], r["total"], r["closed"]) for r in found] == [
        (m["date"], m["total"], m["closed"]) for m in truth
    ]
    assert all(r["recorded_afterwards"] for r in found)


def test_what_waits_is_counted(busy_office: Office) -> None:
    assert busy_office("status", "--json").json["waits"]["agenda_due"] > 0
    busy_office.work("2018-08-16 09:15")
    waits = busy_office("status", "--json").json["waits"]
    assert waits == {
        "agenda_due": 0,
        "unreleased": 0,
        "undelivered": 0,
        "unaddressed": 0,
        "approvals": 0,
        "flood": 0,
        "manual": 2,
        "failed": 0,
        "over_budget": 0,
        "set_aside": 0,
    }
    assert "待人工办理  2" in busy_office("status").out


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with postgres_url() as url:
        yield url


def test_the_same_answers_on_postgresql(bare: Office, postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUBAN_DATABASE_URL", postgres)
    assert bare("migrate").code == 0
    answer = bare("import", DEMO / "directory.xlsx", DEMO / "issue-list.xlsx", "--yes")
    assert answer.code == 0, answer.err
    assert bare("case", "sign", "PS-2018-0001").code == 0
    for command in (
        ("case", "list"),
        ("case", "show", "PS-2018-0001"),
        ("filing", "list"),
        ("person", "list"),
        ("unit", "list"),
        ("notice", "list"),
        ("status",),
        ("today",),
    ):
        found = bare(*command, "--json")
        assert found.code == 0, (command, found.err)
    assert len(bare("today", "--json").json["coming"]) > 100


@pytest.mark.parametrize(
    ("minutes", "running", "said"),
    [(None, False, "服务没有运行：还没有扫描过"), (3, True, "最近一次扫描"), (10, False, "已过10分钟")],
)
def test_a_service_that_does_not_run_or_has_stopped_is_seen(
    office: Office, monkeypatch: pytest.MonkeyPatch, minutes: int | None, said: str, *, running: bool
) -> None:
    monkeypatch.delenv("DUBAN_CLOCK")
    if minutes is not None:
        engine = open_engine(f"sqlite:///{office.state / 'duban.db'}")
        with writing(engine) as connection:
            settings.put(connection, LAST_TICK, (clock.now() - timedelta(minutes=minutes)).isoformat())
        engine.dispose()
    assert office("status", "--json").json["running"] is running
    assert said in office("status").out


def test_in_virtual_time_nobody_can_say_whether_it_runs(office: Office) -> None:
    assert office("status", "--json").json["running"] is None
