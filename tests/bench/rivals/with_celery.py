"""Celery: ``celery -A tests.bench.rivals.with_celery worker``."""

from __future__ import annotations

import os

from celery import Celery

from tests.bench.rivals import call

_socket = os.environ["DUBAN_REDIS_URL"].removeprefix("unix://").partition("?")[0]
app = Celery("bench", broker=f"redis+socket://{_socket}")
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=32,
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)


@app.task
def deliver(number: int) -> None:
    call.deliver(number)


def enqueue(_channel: str, count: int) -> None:
    for number in range(1, count + 1):
        deliver.delay(number)
