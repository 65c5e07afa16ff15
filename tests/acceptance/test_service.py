"""`duban run` as systemd sees it, and as the office does: it is told, it tells, it outlasts what dies."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from daemon import clock
from daemon.store.engine import open_engine, reading
from daemon.store.tables import decisions
from tests.acceptance.office import MORNING, WATCHDOG_SECONDS, Office, opened
from tests.acceptance.program import processes
from tests.servers import PATIENCE, eventually

READY_WITHIN = 90.0
"""So long systemd waits for a service; the bench holds the seconds of a quiet machine."""


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """An office whose service runs; each test leaves it running."""
    with opened() as made:
        made.start()
        assert made.supervisor.hears("READY=1"), made.log
        yield made


@pytest.fixture
def fresh() -> Iterator[Office]:
    """An office of one's own, where nothing runs yet."""
    with opened() as made:
        yield made


def rules_in_force(office: Office) -> str:
    return str(office.duban("status", "--json").json["rules"]["hash"])


def said(office: Office, event: str) -> list[dict[str, object]]:
    """Return what the service logged under this name."""
    whole = [line for line in office.log.splitlines(keepends=True) if line.endswith("\n")]
    lines = [json.loads(line) for line in whole if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


def test_it_is_ready_soon_and_ends_when_asked_with_all_its_children(fresh: Office) -> None:
    service = fresh.start()
    assert fresh.supervisor.hears("READY=1", READY_WITHIN), fresh.log
    assert eventually(fresh.workers)
    service.terminate()
    assert fresh.supervisor.hears("STOPPING=1")
    assert service.wait(PATIENCE) == 0, fresh.log
    assert processes(fresh.state) == []


def test_what_is_in_hand_is_finished_before_it_ends(fresh: Office) -> None:
    service = fresh.start()
    assert fresh.supervisor.hears("READY=1"), fresh.log
    no = fresh.assign()
    service.terminate()
    assert service.wait(PATIENCE) == 0
    fresh.start()
    assert fresh.told_of(no), fresh.log
    fresh.stop()
    assert set(Counter((row["name"], row["channel"]) for row in fresh.hears_of(no)).values()) == {1}


def test_a_service_that_is_killed_carries_on_when_it_is_started_again(fresh: Office) -> None:
    service = fresh.start()
    assert fresh.supervisor.hears("READY=1"), fresh.log
    no = fresh.assign()
    service.kill()
    service.wait()
    assert eventually(lambda: processes(fresh.state) == []), "its children end with it"
    fresh.start()
    assert fresh.told_of(no), fresh.log
    fresh.stop()
    firsts = Counter((row["name"], row["channel"]) for row in fresh.hears_of(no) if not row["repeat"])
    assert set(firsts.values()) == {1}


def test_it_says_that_it_lives(office: Office) -> None:
    office.supervisor.forget()
    heard = []
    for _ in range(3):
        assert office.supervisor.hears("WATCHDOG=1")
        heard.append(clock.monotonic())
    assert max(later - before for before, later in pairwise(heard)) < WATCHDOG_SECONDS


def test_who_is_handed_a_case_is_told(office: Office) -> None:
    no = office.assign()
    assert office.told_of(no), office.log
    assert {row["at"][:16] for row in office.hears_of(no)} == {"2018-09-12T10:02"}


def test_at_night_a_case_waits_for_the_morning(fresh: Office) -> None:
    fresh.start()
    fresh.jump(MORNING + timedelta(hours=12))
    no = fresh.assign()
    assert eventually(lambda: decided(fresh, "hand-over")), fresh.log
    assert fresh.hears_of(no) == []
    fresh.jump(MORNING + timedelta(hours=23))
    assert fresh.told_of(no), fresh.log
    assert {row["at"][:10] for row in fresh.hears_of(no)} == {"2018-09-13"}


def decided(office: Office, rung: str) -> int:
    """Count how often a rung has fired."""
    engine = open_engine(f"sqlite:///{office.state / 'duban.db'}")
    try:
        with reading(engine) as connection:
            return len(connection.execute(select(decisions.c.id).where(decisions.c.rung == rung)).all())
    finally:
        engine.dispose()


def test_faulty_rules_are_refused_and_good_ones_taken(office: Office) -> None:
    assert office.service
    before = rules_in_force(office)
    wording = office.edit("ladders.yaml", lambda text: text.replace("[unit.liaison]", "[unit.laison]", 1))
    office.supervisor.forget()
    office.service.send_signal(signal.SIGHUP)
    assert office.supervisor.hears_in_order("RELOADING=1", "READY=1"), office.log
    assert rules_in_force(office) == before
    (refused,) = said(office, "reload refused; the rules in force stay")
    assert "unit.laison" in str(refused)

    better = wording.replace("{at: -10 workdays, act: reminder", "{at: -9 workdays, act: reminder")
    (office.config / "ladders.yaml").write_text(better, encoding="utf-8")
    office.service.send_signal(signal.SIGHUP)
    assert office.supervisor.hears_in_order("RELOADING=1", "READY=1"), office.log
    assert rules_in_force(office) != before


def test_a_valkey_that_dies_is_replaced(office: Office) -> None:
    before = office.valkey()
    os.kill(before, signal.SIGKILL)
    assert eventually(lambda: office.valkey() not in (0, before)), office.log
    assert office.told_of(office.assign()), office.log


def test_a_worker_that_dies_is_replaced(office: Office) -> None:
    assert eventually(lambda: len(office.workers()) == 1)
    (before,) = office.workers()
    os.kill(before, signal.SIGKILL)
    assert eventually(lambda: office.workers() not in ([], [before])), office.log
    assert office.told_of(office.assign()), office.log


def test_a_second_service_on_the_same_folder_is_refused(office: Office) -> None:
    answer = office.duban("run")
    assert answer.code == 1
    assert "Traceback" not in answer.err
