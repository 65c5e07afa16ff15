"""Bare dramatiq: ``dramatiq tests.bench.rivals.with_dramatiq``."""

from __future__ import annotations

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from tests.bench.rivals import call

dramatiq.set_broker(RedisBroker(url=os.environ["DUBAN_REDIS_URL"]))  # type: ignore[no-untyped-call]


@dramatiq.actor
def send(channel: str, number: int) -> None:
    call.send(channel, number)


def enqueue(channel: str, count: int) -> None:
    for number in range(1, count + 1):
        send.send(channel, number)
