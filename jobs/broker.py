"""The Redis broker as duban uses it: nothing delayed, nothing retried, and never the only place of a truth.

What dramatiq does when Redis goes away is meant for messages that must not be lost: it holds a thread until
the acknowledgement has arrived, and logs as critical whatever fails. A hint may be lost, so a worker goes on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any
from uuid import uuid4

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.common import compute_backoff, current_millis
from dramatiq.errors import ConnectionClosed
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)

AWAY = (redis.RedisError, ConnectionClosed)
"""How Redis says that it cannot be had: no connection, no answer in time, full, still loading."""

_CALL_TIMEOUT = 5.0
_FIRST_PAUSE_MS, _LONGEST_PAUSE_MS = 20, 500
_PIPELINE = 500


def connect(url: str, namespace: str = "duban") -> HintBroker:
    """Return a broker for this Redis; nothing is sent yet."""
    client = redis.Redis.from_url(
        url,
        # A repeated command is a repeated message (libraries.md, 1.3 D).
        retry=Retry(NoBackoff(), 0),
        socket_timeout=_CALL_TIMEOUT,
        socket_connect_timeout=_CALL_TIMEOUT,
    )
    return HintBroker(client, namespace)


class Outage:
    """Tells once that Redis went away, and once that it is back; shared by all threads of a broker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns = 0  # of coming and going: odd while it is away

    @property
    def lasts(self) -> bool:
        return self._turns % 2 == 1

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Learn from the calls within whether Redis can be had; what they raise is raised on."""
        began = self._turns
        try:
            yield
        except AWAY as error:
            if self._turned(began, away=True):
                log.error("redis is away; the database carries on", extra={"error": str(error)})
            raise
        if self._turned(began, away=False):
            log.warning("redis is back")

    def _turned(self, began: int, *, away: bool) -> bool:
        """Note what a call found; return whether it is news.

        It is none where Redis went away or came back while the call was under way: its answer may be older.
        """
        with self._lock:
            news = began == self._turns and away != self.lasts
            self._turns += news
        return news


class HintBroker(RedisBroker):
    """A ``RedisBroker`` for hints."""

    def __init__(self, client: redis.Redis, namespace: str) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            client=client,
            namespace=namespace,
            middleware=[],
            heartbeat_timeout=15_000,
            maintenance_chance=50_000,
        )
        self.outage = Outage()

    @property
    def consumer_class(self) -> type[HintConsumer]:
        return HintConsumer

    def add_middleware(self, middleware: dramatiq.Middleware, **_: Any) -> None:
        """Add what a ``Worker`` brings to hear of queues. Several workers are on purpose: no warning."""
        self.middleware.append(middleware)
        for name in self.get_declared_queues():
            middleware.after_declare_queue(self, name)

    def declare_queue(self, queue_name: str) -> None:
        """Declare a queue, without the delayed one beside it that duban never uses."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        if delay is not None:
            raise ValueError("duban keeps time in the database, not in the broker")
        return super().enqueue(message)

    def enqueue_all(self, messages: Iterable[dramatiq.Message[Any]]) -> None:
        """Enqueue many in one round trip per 500; on an error, some may have been enqueued."""
        for batch in _batches(messages, _PIPELINE):
            with self.client.pipeline(transaction=False) as pipe:
                for message in batch:
                    self._enqueue_on(pipe, message)
                pipe.execute()

    def waiting(self, queue_name: str) -> int:
        """Return how many messages nobody has taken yet."""
        return int(self.client.llen(f"{self.namespace}:{queue_name}"))

    def _enqueue_on(self, pipe: redis.client.Pipeline, message: dramatiq.Message[Any]) -> None:
        # The arguments of RedisBroker._dispatch("enqueue"); a test compares what the two leave in Redis.
        key = str(uuid4())
        message = message.copy(options={"redis_message_id": key})
        self.scripts["dispatch"](
            keys=[self.namespace],
            args=[
                "enqueue",
                current_millis(),
                message.queue_name,
                self.broker_id,
                self.heartbeat_timeout,
                self.dead_message_ttl,
                self._should_do_maintenance("enqueue"),
                self._max_unpack_size(),  # type: ignore[no-untyped-call]
                key,
                message.encode(),
            ],
            client=pipe,
        )


class HintConsumer(_RedisConsumer):
    """A consumer that waits where Redis is away, and forgets what it cannot acknowledge.

    An unacknowledged message is taken again when this process has ended, and then finds its rows claimed.
    """

    broker: HintBroker
    _failures = 0

    def __next__(self) -> dramatiq.MessageProxy | None:
        try:
            message = self._next()
        except AWAY:
            self._failures, pause = compute_backoff(
                self._failures, factor=_FIRST_PAUSE_MS, max_backoff=_LONGEST_PAUSE_MS
            )
            time.sleep(pause / 1000)
            return None
        self._failures = 0
        return message

    def ack(self, message: dramatiq.MessageProxy) -> None:
        with suppress(*AWAY), self.broker.outage.watched():
            super().ack(message)  # type: ignore[no-untyped-call]

    def nack(self, message: dramatiq.MessageProxy) -> None:
        with suppress(*AWAY), self.broker.outage.watched():
            super().nack(message)  # type: ignore[no-untyped-call]

    def requeue(self, messages: Iterable[dramatiq.MessageProxy]) -> None:
        with suppress(*AWAY), self.broker.outage.watched():
            super().requeue(messages)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Give back what was fetched and not yet handed to a thread."""
        fetched, self.message_cache = self.message_cache, []
        self.requeue([dramatiq.MessageProxy(dramatiq.Message.decode(data)) for data in fetched if data])

    def _next(self) -> dramatiq.MessageProxy | None:
        message: dramatiq.MessageProxy | None
        if self.message_cache:  # no call to Redis, no news of it
            message = super().__next__()  # type: ignore[no-untyped-call]
            return message
        with self.broker.outage.watched():
            message = super().__next__()  # type: ignore[no-untyped-call]
        return message


def _batches(
    messages: Iterable[dramatiq.Message[Any]], size: int
) -> Iterator[Sequence[dramatiq.Message[Any]]]:
    remaining = iter(messages)
    while batch := list(islice(remaining, size)):
        yield batch
