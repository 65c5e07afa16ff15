"""Bare dramatiq: ``dramatiq tests.bench.rivals.with_dramatiq``.

As lean as our own use of it: no middleware, and as many sends to a message.
"""

from __future__ import annotations

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from tests.bench.rivals import call

PER_MESSAGE = 16
"""As in jobs/hints.py."""

broker = RedisBroker(url=os.environ["DUBAN_REDIS_URL"], middleware=[])  # type: ignore[no-untyped-call]
dramatiq.set_broker(broker)


@dramatiq.actor
def send(channel: str, numbers: list[int]) -> None:
    for number in numbers:
        call.send(channel, number)


def enqueue(channel: str, count: int) -> None:
    numbers = list(range(1, count + 1))
    for start in range(0, count, PER_MESSAGE):
        send.send(channel, numbers[start : start + PER_MESSAGE])
