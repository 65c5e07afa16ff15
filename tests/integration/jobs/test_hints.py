from __future__ import annotations

import json
import logging
import os
import select
import signal
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import dramatiq
import pytest
import redis

from daemon.service.valkey import Valkey
from jobs.broker import HintBroker, Outage, connect
from jobs.hints import Hints
from tests.servers import PATIENCE, eventually

NOWHERE = "unix:///nowhere/valkey.sock"


def waiting(broker: HintBroker, channel: str) -> list[Any]:
    """Return the arguments of what waits on a queue, in order."""
    keys = broker.client.lrange(f"duban:{channel}", 0, -1)
    return [json.loads(broker.client.hget(f"duban:{channel}.msgs", key) or "")["args"] for key in keys]


def kill(valkey: Valkey) -> None:
    assert valkey.pid
    os.kill(valkey.pid, signal.SIGKILL)
    assert eventually(lambda: not valkey.alive)


def test_ids_wait_on_the_queue_of_their_channel(broker: HintBroker) -> None:
    assert Hints(broker)("sms", [1, 2, 3])
    assert waiting(broker, "sms") == [["sms", [1, 2, 3]]]
    assert waiting(broker, "email") == []


def test_many_ids_are_many_messages_in_order(broker: HintBroker) -> None:
    assert Hints(broker, per_message=2)("sms", range(5))
    assert waiting(broker, "sms") == [["sms", [0, 1]], ["sms", [2, 3]], ["sms", [4]]]


def test_no_ids_are_no_message_and_no_fault(broker: HintBroker) -> None:
    assert Hints(broker)("sms", [])
    assert waiting(broker, "sms") == []


def test_more_than_one_pipeline(broker: HintBroker) -> None:
    assert Hints(broker, per_message=1)("sms", range(1201))
    assert [ids for _, ids in waiting(broker, "sms")] == [[n] for n in range(1201)]


def test_the_pipeline_leaves_what_dramatiq_would_leave(broker: HintBroker) -> None:
    """Pins ``enqueue_all`` to the installed dramatiq: the same keys, types and bytes, but for the ids."""

    def left(queue: str) -> tuple[dict[str, Any], dict[str, Any]]:
        (key,) = broker.client.lrange(f"duban:{queue}", 0, -1)
        stored = json.loads(broker.client.hget(f"duban:{queue}.msgs", key) or "")
        assert stored["options"].pop("redis_message_id").encode() == key
        assert stored.pop("queue_name") == queue
        names = (str(name, "ascii") for name in broker.client.scan_iter(f"duban:*{queue}*"))
        return stored, {name.replace(queue, "Q"): broker.client.type(name) for name in names}

    message: dramatiq.Message[Any] = dramatiq.Message("one", "deliver", ("督办", [1]), {}, {})
    broker.enqueue(message)
    broker.enqueue_all([message.copy(queue_name="two")])
    assert left("two") == left("one")
    assert left("two")[1] == {"duban:Q": b"list", "duban:Q.msgs": b"hash"}
    assert broker.client.zcard("duban:__heartbeats__") == 1


def test_nothing_is_delayed_in_the_broker(broker: HintBroker) -> None:
    message: dramatiq.Message[Any] = dramatiq.Message("sms", "deliver", (), {}, {})
    with pytest.raises(ValueError, match="database"):
        broker.enqueue(message, delay=1000)


def test_with_redis_away_hints_are_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    hints = Hints(connect(NOWHERE))
    with caplog.at_level(logging.WARNING):
        assert [hints("sms", [1, 2]), hints("sms", [3]), hints("email", [4])] == [False, False, False]
    assert hints.lost == 4
    assert [record.getMessage() for record in caplog.records] == ["redis is away; the database carries on"]


def test_after_a_restart_the_first_hint_goes_out(
    valkey: Valkey, broker: HintBroker, caplog: pytest.LogCaptureFixture
) -> None:
    hints = Hints(broker)
    assert hints("sms", [1])
    kill(valkey)
    assert not hints("sms", [2])
    assert valkey.ensure()
    assert hints("sms", [3])
    assert waiting(broker, "sms")[-1] == ["sms", [3]]
    assert hints.lost == 1
    assert "redis is back" in caplog.messages


def test_what_a_call_found_before_the_last_news_is_none(caplog: pytest.LogCaptureFixture) -> None:
    """A thread may be held up between its answer and the note of it, while others see Redis go and come."""
    caplog.set_level(logging.WARNING)
    outage = Outage()

    def fails() -> None:
        with suppress(redis.ConnectionError), outage.watched():
            raise redis.ConnectionError

    def succeeds() -> None:
        with outage.watched():
            pass

    with suppress(redis.ConnectionError), outage.watched():
        fails()
        succeeds()
        raise redis.ConnectionError
    assert not outage.lasts
    fails()
    with outage.watched():
        succeeds()
        fails()
    assert outage.lasts
    assert [message.split(";")[0] for message in caplog.messages] == [
        *("redis is away", "redis is back"),
        *("redis is away", "redis is back", "redis is away"),
    ]


def test_a_redis_that_takes_no_writes_is_away(broker: HintBroker) -> None:
    broker.client.config_set("maxmemory", "1")
    assert not Hints(broker)("sms", [1])


def test_hints_that_nobody_takes_do_not_pile_up(broker: HintBroker, caplog: pytest.LogCaptureFixture) -> None:
    hints = Hints(broker, per_message=1, backlog=2)
    assert hints("sms", [1, 2])
    assert [hints("sms", [3]), hints("sms", [3])] == [False, False]
    assert hints("email", [4])
    assert len(waiting(broker, "sms")) == 2
    assert caplog.messages.count("nobody takes the hints of a channel") == 1
    broker.client.lpop("duban:sms")
    assert hints("sms", [3])


def test_a_reply_that_is_lost_does_not_double_the_message(valkey: Valkey, broker: HintBroker) -> None:
    """The connection is cut after Redis did its work: redis-py would by itself do it again."""
    target = valkey.url.removeprefix("unix://")
    with CuttingProxy(target, Path(target).with_name("proxy")) as proxy:
        behind = connect(f"unix://{proxy.path}")
        behind.client.ping()
        behind._max_unpack_size()  # type: ignore[no-untyped-call]
        proxy.cut_after(b"redis_message_id")
        assert not Hints(behind)("sms", [7])
        assert eventually(lambda: broker.waiting("sms"))
        assert waiting(broker, "sms") == [["sms", [7]]]
        behind.client.close()


class CuttingProxy:
    """Passes bytes on, until some are seen: their answer is thrown away, and the connection cut."""

    def __init__(self, target: str, path: Path) -> None:
        self.path = path
        self._target = target
        self._cut: bytes | None = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> CuttingProxy:
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)

    def cut_after(self, sign: bytes) -> None:
        self._cut = sign

    def _serve(self) -> None:
        while True:
            try:
                inner, _ = self._listener.accept()
            except OSError:
                return
            with suppress(OSError), inner, socket.socket(socket.AF_UNIX) as outer:
                outer.connect(self._target)
                self._pass_on(inner, outer)

    def _pass_on(self, inner: socket.socket, outer: socket.socket) -> None:
        asked = b""
        while True:
            ready, _, _ = select.select([inner, outer], [], [])
            passed = ready[0].recv(65536)
            if not passed or (ready[0] is outer and self._cut and self._cut in asked):
                return
            (outer if ready[0] is inner else inner).sendall(passed)
            asked += passed if ready[0] is inner else b""


def test_the_client_never_repeats_a_command_by_itself() -> None:
    broker = connect(NOWHERE)
    retry = broker.client.get_retry()
    assert retry
    assert retry.get_retries() == 0
    with pytest.raises(redis.ConnectionError):
        broker.client.ping()
