"""The one actor. It is thin: it takes ids, and the pipeline does the rest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import dramatiq

log = logging.getLogger(__name__)

DELIVER = "deliver"
"""The actor's name; a contract with messages that already wait in Redis."""

Deliver = Callable[[str, Sequence[int]], None]
"""Delivers what is still ready of these rows on this channel."""


def register(broker: dramatiq.Broker, run: Deliver) -> None:
    """Have messages of every queue handled by ``run``.

    What fails is logged and forgotten here: the rows are still in the database, which brings them back.
    """

    @dramatiq.actor(broker=broker, actor_name=DELIVER, queue_name=DELIVER)
    def deliver(channel: str, ids: list[int]) -> None:
        try:
            run(channel, ids)
        except Exception:
            log.exception("delivery failed", extra={"channel": channel, "ids": ids})
