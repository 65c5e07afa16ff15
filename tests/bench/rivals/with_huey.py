"""Huey: ``huey_consumer tests.bench.rivals.with_huey.app``."""

from __future__ import annotations

import os

from huey import RedisHuey

from tests.bench.rivals import call

app = RedisHuey("bench", url=os.environ["DUBAN_REDIS_URL"], results=False)


@app.task()
def deliver(number: int) -> None:
    call.deliver(number)


def enqueue(_channel: str, count: int) -> None:
    for number in range(1, count + 1):
        deliver(number)
