"""A worker may die with messages in hand: nothing is lost, and one that kills is found and set aside."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from subprocess import run

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, DataError, DBAPIError, OperationalError

from daemon import clock
from daemon.deliver import MOST_GIVEN_BACK
from daemon.store import deliveries, tables
from daemon.store.engine import writing
from daemon.sweep import sweep
from tests.integration.office import DUE, ROOT, TOWN, ZONE, Office

DEADLY = """
import os, sys
import daemon.deliver
import daemon.look
from daemon.activate import ActiveRules
from daemon.store.engine import open_engine
from tests.integration.office import Wire, at

class DeadlyLook(daemon.look.Look):
    def judge(self, claimed):
        return os._exit(9) if claimed.id == int(sys.argv[3]) else super().judge(claimed)

daemon.deliver.Look = DeadlyLook
engine = open_engine(sys.argv[1])
deliverer = daemon.deliver.Deliverer(engine, ActiveRules(engine), Wire().channels)
deliverer.deliver("wecom", [int(number) for number in sys.argv[4:]], at(sys.argv[2]))
"""
NOW = "2018-08-28 09:10"
LEASE = timedelta(minutes=1)
FROZEN = {"key": "k", "address": "a", "name": "n", "content": {"text": "t"}, "items": []}


@pytest.fixture
def ready(office: Office) -> Office:
    """Two reminders that are ready, to two persons."""
    office.obey(DUE)
    office.case("A-1", TOWN, due="2018-08-31")
    office.case("B-1", ZONE, due="2018-08-31")
    office.scan()
    return office.prepare(NOW)


def refuse(monkeypatch: pytest.MonkeyPatch, number: int, error: type[DBAPIError]) -> None:
    """Let the database refuse each try of one message."""
    note_tries = deliveries.open_attempts

    def refusing(connection: Connection, openings: Sequence[deliveries.Opening], wall: datetime) -> None:
        if number in [opening.claimed.id for opening in openings]:
            raise error("INSERT INTO attempts", {}, Exception("malformed"))
        note_tries(connection, openings, wall)

    monkeypatch.setattr(deliveries, "open_attempts", refusing)


def dies(office: Office, *ids: int) -> None:
    """A worker claims messages and is not heard of again."""
    with writing(office.engine) as connection:
        lease = clock.wall()
        assert deliveries.claim(connection, "wecom", ids, office.now, lease)
    office.wall_time_passes()
    sweep(office.engine, office.now)


def test_a_database_that_fails_under_a_worker_that_lives_is_no_death(
    ready: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk lets a message be claimed, and its try not be noted."""

    def full(*_: object) -> int:
        raise OperationalError("INSERT INTO attempts", {}, Exception("database or disk is full"))

    with monkeypatch.context() as patch:
        patch.setattr(deliveries, "open_attempts", full)
        for _ in range(MOST_GIVEN_BACK):
            with pytest.raises(OperationalError):
                ready.deliver()
            ready.wall_time_passes()
            sweep(ready.engine, ready.now)
    assert given_back(ready) == [0, 0]
    ready.tick()
    assert len(ready.news()) == 2, "there is room again"


@pytest.mark.parametrize("error", [DataError, DatabaseError])
def test_one_message_that_the_database_refuses_does_not_hold_up_the_others(
    ready: Office, monkeypatch: pytest.MonkeyPatch, error: type[DBAPIError]
) -> None:
    """It is found out as one that kills its workers is: in the end it goes the next way."""
    refuse(monkeypatch, min(ready.ready("wecom")), error)
    for _ in range(2 * MOST_GIVEN_BACK):
        with suppress(error):
            ready.deliver()
        ready.wall_time_passes()
        sweep(ready.engine, ready.now)
    assert sorted(ready.news()) == [
        "周联络 wecom: B-1 remind",
        "孙联络 email: A-1 remind",
        "孙联络 sms: A-1 remind",
    ]


def test_what_is_refused_takes_no_other_record_with_it(
    ready: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How the message before it ended was to be written in the same transaction."""
    refuse(monkeypatch, max(ready.ready("wecom")), DataError)
    with pytest.raises(DataError):
        ready.deliver()
    assert ready.attempts() == ["wecom 1 sent"]
    assert ready.deliveries() == ["wecom sent", "wecom sending"]


def test_what_was_tried_is_not_handed_back(ready: Office) -> None:
    """The bytes may have left: only the sweep gives it back, as unknown."""
    number, other = ready.ready("wecom")
    wall = clock.wall()
    with writing(ready.engine) as connection:
        claimed = deliveries.claim(connection, "wecom", [number, other], ready.now, wall + LEASE)
        opening = deliveries.Opening(claimed[0], FROZEN, ready.now, wall + LEASE, False, 1, ready.today)
        deliveries.open_attempts(connection, [opening], wall)
        deliveries.hand_back(connection, claimed)
    assert [row.state for row in ready.rows(tables.deliveries)] == ["sending", "ready"]


def given_back(office: Office) -> list[int]:
    return [row.given_back for row in office.rows(tables.deliveries)]


def test_what_killed_nobody_is_sent_after_any_number_of_deaths(ready: Office) -> None:
    """The operator kills worker after worker: innocents are taken alone next time, and leave."""
    first, second = ready.ready("wecom")
    dies(ready, first, second)
    assert given_back(ready) == [1, 1]
    ready.deliver()
    assert sorted(ready.news()) == ["周联络 wecom: B-1 remind", "孙联络 wecom: A-1 remind"]
    assert given_back(ready) == [0, 0]


def test_suspects_are_claimed_alone_and_after_the_others(ready: Office) -> None:
    first, second = ready.ready("wecom")
    dies(ready, first)
    ready.deliver_on("wecom", [first, second])
    assert ready.sent() == ["周联络 wecom: B-1 remind", "孙联络 wecom: A-1 remind"]


@pytest.mark.parametrize(("deaths", "blamed"), [(MOST_GIVEN_BACK - 1, False), (MOST_GIVEN_BACK, True)])
def test_a_message_is_blamed_for_the_fifth_death_in_a_row(
    ready: Office, deaths: int, *, blamed: bool
) -> None:
    first, _ = ready.ready("wecom")
    for _ in range(deaths):
        dies(ready, first)
    ready.tick()
    told = ["孙联络 email: A-1 remind", "孙联络 sms: A-1 remind"] if blamed else ["孙联络 wecom: A-1 remind"]
    assert ready.news() == sorted(["周联络 wecom: B-1 remind", *told])


def test_the_office_is_told_the_next_morning(ready: Office) -> None:
    first, _ = ready.ready("wecom")
    for _ in range(MOST_GIVEN_BACK):
        dies(ready, first)
    ready.tick()
    ready.wire.taken.clear()
    ready.run("2018-08-29 12:00")
    words = [handed.message.content for handed in ready.wire.taken]
    assert ready.news() == ["冯值班 wecom: note"]
    assert all("屡次中断" in content["description"] for content in words)


def test_deaths_are_forgotten_once_a_try_is_noted(ready: Office) -> None:
    first, second = ready.ready("wecom")
    for _ in range(MOST_GIVEN_BACK - 1):
        dies(ready, first)
    ready.deliver_on("wecom", [first])
    dies(ready, second)
    assert given_back(ready) == [0, 1]


def test_a_message_that_kills_every_process_that_looks_at_it(ready: Office) -> None:
    """Real processes die at it: together with the other first, then alone; the other one leaves."""
    killer, other = ready.ready("wecom")
    died = 0
    while deliver_in_a_process(ready, killer, killer, other) == 9:
        died += 1
        ready.wall_time_passes()
        sweep(ready.engine, ready.now)
        assert died < 10
    assert died == MOST_GIVEN_BACK
    states = {row.id: row.state for row in ready.rows(tables.deliveries) if row.channel == "wecom"}
    assert states == {killer: "failed", other: "sent"}
    ready.tick()
    assert ready.news() == ["孙联络 email: A-1 remind", "孙联络 sms: A-1 remind"]


def deliver_in_a_process(office: Office, deadly: int, *ids: int) -> int:
    url = office.engine.url.render_as_string(hide_password=False)
    script = [sys.executable, "-c", DEADLY, url, NOW, *map(str, (deadly, *ids))]
    return run(script, cwd=ROOT, env={**os.environ}, check=False).returncode
