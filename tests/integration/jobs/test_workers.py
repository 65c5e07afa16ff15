from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from daemon.service.valkey import Valkey
from jobs.actors import register
from jobs.broker import HintBroker, connect
from jobs.hints import Hints
from jobs.workers import Workers
from tests.integration.jobs.test_hints import kill, waiting
from tests.servers import PATIENCE, eventually

WORKER = """
import sys, time
from jobs.actors import register
from jobs.broker import connect
from jobs.workers import Workers
from daemon.service.signals import Signals

def run(channel, ids):
    print("began", *ids, flush=True)
    time.sleep(float(sys.argv[2]))
    print("ended", *ids, flush=True)

broker = connect(sys.argv[1])
register(broker, run)
workers = Workers(broker, {"sms": 1}, idle_ms=20)
with Signals() as signals:
    workers.start()
    while not signals.stopping:
        signals.wait(60)
    raise SystemExit(0 if workers.stop(60) else 1)
"""


class Seen:
    """What an actor was given; it holds where it is told to."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.hold: dict[int, threading.Event] = {}
        self.held = threading.Event()

    def __call__(self, _channel: str, ids: Sequence[int]) -> None:
        for each in ids:
            if each in self.hold:
                self.held.set()
                assert self.hold[each].wait(PATIENCE)
            self.ids.append(each)

    def has(self, *ids: int) -> bool:
        return eventually(lambda: set(ids) <= set(self.ids))

    def release(self) -> None:
        for event in self.hold.values():
            event.set()


@contextmanager
def working(
    broker: HintBroker,
    run: Callable[[str, Sequence[int]], None],
    channels: Mapping[str, int] | None = None,
    idle_ms: int = 20,
) -> Iterator[Workers]:
    register(broker, run)
    workers = Workers(broker, channels or {"sms": 1, "email": 1}, idle_ms=idle_ms)
    workers.start()
    try:
        yield workers
    finally:
        workers.stop(PATIENCE)


@pytest.fixture
def seen() -> Iterator[Seen]:
    made = Seen()
    yield made
    made.release()


def test_a_hint_calls_the_actor_with_its_channel_and_ids(broker: HintBroker) -> None:
    calls: list[tuple[str, list[int]]] = []
    with working(broker, lambda channel, ids: calls.append((channel, list(ids)))):
        assert Hints(broker)("sms", [1, 2])
        assert Hints(broker)("email", [3])
        assert eventually(lambda: len(calls) == 2)
    assert sorted(calls) == [("email", [3]), ("sms", [1, 2])]
    assert broker.client.hlen("duban:sms.msgs") == 0, "acknowledged"


def test_an_idle_worker_takes_a_hint_at_once(
    broker: HintBroker, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks again after 20 ms at most, however long it has found nothing; the rest is the machine's."""
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        time.sleep(seconds)

    monkeypatch.setattr("dramatiq.brokers.redis.time", SimpleNamespace(sleep=nap))
    with working(broker, seen, {"sms": 1}, idle_ms=20):
        for each in range(3):
            idle_since = len(naps)
            assert eventually(lambda since=idle_since: len(naps) > since + 10)
            assert Hints(broker)("sms", [each])
            assert seen.has(each)
    assert max(naps) <= 0.02


def test_a_slow_channel_does_not_hold_up_another(broker: HintBroker, seen: Seen) -> None:
    seen.hold = {each: threading.Event() for each in range(10)}
    hints = Hints(broker, per_message=1)
    with working(broker, seen):
        assert hints("sms", range(10))
        assert seen.held.wait(PATIENCE)
        assert hints("email", range(100, 150))
        assert seen.has(*range(100, 150))
        assert not any(each in seen.ids for each in range(10))
        seen.release()
        assert seen.has(*range(10))


def test_threads_of_a_channel_work_side_by_side(broker: HintBroker) -> None:
    meet = threading.Barrier(3, timeout=PATIENCE)
    met: list[int] = []

    def run(_channel: str, ids: Sequence[int]) -> None:
        meet.wait()
        met.extend(ids)

    with working(broker, run, {"sms": 3}):
        assert Hints(broker, per_message=1)("sms", [1, 2, 3])
        assert eventually(lambda: sorted(met) == [1, 2, 3])


def test_what_fails_is_logged_with_its_ids_and_the_next_is_taken(
    broker: HintBroker, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[int] = []

    def run(_channel: str, ids: Sequence[int]) -> None:
        if 1 in ids:
            raise RuntimeError("the database is away")
        done.extend(ids)

    with working(broker, run):
        assert Hints(broker, per_message=1)("sms", [1, 2])
        assert eventually(lambda: done == [2])
    (record,) = [each for each in caplog.records if each.getMessage() == "delivery failed"]
    assert (record.__dict__["channel"], record.__dict__["ids"]) == ("sms", [1])
    assert record.exc_info
    assert broker.client.hlen("duban:sms.msgs") == 0, "not retried, not kept: the rows bring it back"
    assert broker.client.exists("duban:sms.XQ") == 0


def test_workers_survive_a_killed_redis(
    valkey: Valkey, broker: HintBroker, seen: Seen, caplog: pytest.LogCaptureFixture
) -> None:
    hints = Hints(broker, per_message=1)
    with working(broker, seen):
        assert hints("sms", [1])
        assert seen.has(1)
        for round_ in (2, 3):
            kill(valkey)
            assert eventually(lambda: broker.outage.lasts)
            assert eventually(valkey.ensure)
            assert hints("sms", [round_])
            assert hints("email", [round_ * 10])
            assert seen.has(round_, round_ * 10)
    assert max((record.levelno for record in caplog.records), default=0) < logging.CRITICAL
    assert caplog.messages.count("redis is away; the database carries on") == 2
    assert caplog.messages.count("redis is back") == 2


def test_workers_may_start_before_redis(valkey: Valkey, broker: HintBroker, seen: Seen) -> None:
    valkey.stop()
    with working(broker, seen, {"sms": 1}):
        assert eventually(lambda: broker.outage.lasts)
        valkey.start()
        assert eventually(lambda: Hints(broker)("sms", [1]))
        assert seen.has(1)


def test_what_cannot_be_acknowledged_holds_up_nothing(
    valkey: Valkey, broker: HintBroker, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dramatiq.worker.POST_PROCESS_MESSAGE_RETRY_DELAY_SECS", 2 * PATIENCE)
    seen.hold = {1: threading.Event()}
    hints = Hints(broker, per_message=1)
    with working(broker, seen, {"sms": 1}):
        assert hints("sms", [1])
        assert seen.held.wait(PATIENCE)
        kill(valkey)
        seen.release()
        assert seen.has(1)
        assert valkey.ensure()
        assert hints("sms", [2])
        assert seen.has(2), "dramatiq would first try to acknowledge again"


def test_a_flush_does_not_break_workers(broker: HintBroker, seen: Seen) -> None:
    seen.hold = {1: threading.Event()}
    hints = Hints(broker, per_message=1)
    with working(broker, seen, {"sms": 1}):
        assert hints("sms", range(1, 9))
        assert seen.held.wait(PATIENCE)
        broker.client.flushall()
        broker.client.script_flush()
        seen.release()
        assert hints("sms", [99])
        assert seen.has(99)


def test_a_stop_finishes_what_is_in_hand_and_gives_back_the_rest(broker: HintBroker, seen: Seen) -> None:
    seen.hold = {1: threading.Event()}
    with working(broker, seen, {"sms": 1}) as workers:
        assert Hints(broker, per_message=1)("sms", range(1, 41))
        assert seen.held.wait(PATIENCE)
        threading.Timer(0.05, seen.release).start()
        assert workers.stop(PATIENCE)
        left = [ids[0] for _, ids in waiting(broker, "sms")]
    assert sorted(seen.ids + left) == list(range(1, 41)), "each is done or waits, none is both"
    assert 1 in seen.ids
    assert not list(broker.client.scan_iter("duban:__acks__*"))


def test_a_consumer_gives_back_what_no_thread_was_given(broker: HintBroker) -> None:
    assert Hints(broker, per_message=1)("sms", [1, 2, 3])
    consumer = broker.consume("sms", prefetch=3, timeout=20)
    taken = next(consumer)
    assert taken
    assert taken.args == ("sms", [1])
    assert waiting(broker, "sms") == []
    consumer.close()
    assert waiting(broker, "sms") == [["sms", [2]], ["sms", [3]]]


def test_a_stop_does_not_wait_for_ever(broker: HintBroker, seen: Seen) -> None:
    seen.hold = {1: threading.Event()}
    with working(broker, seen, {"sms": 1}) as workers:
        assert Hints(broker)("sms", [1])
        assert seen.held.wait(PATIENCE)
        assert not workers.stop(0.1)
        seen.release()


def test_a_stop_with_redis_away_ends(valkey: Valkey, broker: HintBroker, seen: Seen) -> None:
    seen.hold = {1: threading.Event()}
    with working(broker, seen, {"sms": 1}) as workers:
        assert Hints(broker, per_message=1)("sms", range(1, 9))
        assert seen.held.wait(PATIENCE)
        kill(valkey)
        threading.Timer(0.05, seen.release).start()
        assert workers.stop(PATIENCE)


def test_a_start_says_nothing_alarming(broker: HintBroker, caplog: pytest.LogCaptureFixture) -> None:
    with working(broker, lambda *_: None, {"sms": 1, "email": 1, "wecom": 1}):
        pass
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@contextmanager
def worker_process(url: str, seconds: float) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, url, str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path.cwd(),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_sigterm_drains_a_worker(valkey: Valkey, broker: HintBroker) -> None:
    with worker_process(valkey.url, 0.3) as process:
        assert Hints(broker, per_message=1)("sms", range(1, 101))
        assert said(process) == "began 1"
        os.kill(process.pid, signal.SIGTERM)
        assert said(process) == "ended 1"
        assert process.wait(PATIENCE) == 0
        left = {ids[0] for _, ids in waiting(broker, "sms")}
    assert 1 not in left
    assert 100 in left


def test_what_a_killed_worker_held_comes_back(valkey: Valkey, seen: Seen) -> None:
    broker = connect(valkey.url)
    broker.heartbeat_timeout, broker.maintenance_chance = 200, 1_000_000
    with worker_process(valkey.url, 600) as process:
        assert Hints(broker)("sms", [1])
        assert said(process) == "began 1"
        process.kill()
        process.wait()
    with working(broker, seen, {"sms": 1}):
        assert seen.has(1)
    broker.client.close()
