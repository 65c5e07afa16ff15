"""Tells the workers of a channel that rows may be due."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress

import dramatiq

from jobs.actors import DELIVER
from jobs.broker import AWAY, HintBroker

log = logging.getLogger(__name__)


class Hints:
    """Puts ids on the queue named after their channel, so many to a message.

    Never raises because of Redis: what was not hinted is counted in ``lost``, and the sweep hints it again.
    With more than ``backlog`` messages waiting nobody is reading, and more would only fill the memory.
    """

    def __init__(self, broker: HintBroker, *, per_message: int = 16, backlog: int = 20_000) -> None:
        self._broker = broker
        self._per_message = per_message
        self._backlog = backlog
        self._full: set[str] = set()
        self.lost = 0

    def __call__(self, channel: str, ids: Sequence[int]) -> bool:
        """Hint; return whether all of it surely went out."""
        went = not ids or self._put(channel, ids)
        self.lost += 0 if went else len(ids)
        return went

    def _put(self, channel: str, ids: Sequence[int]) -> bool:
        with suppress(*AWAY), self._broker.outage.watched():
            if self._has_room(channel):
                self._broker.enqueue_all(self._messages(channel, ids))
                return True
        return False

    def _has_room(self, channel: str) -> bool:
        full = self._broker.waiting(channel) >= self._backlog
        if full and channel not in self._full:
            log.error("nobody takes the hints of a channel", extra={"channel": channel})
        (self._full.add if full else self._full.discard)(channel)
        return not full

    def _messages(self, channel: str, ids: Sequence[int]) -> list[dramatiq.Message[None]]:
        return [
            dramatiq.Message(
                queue_name=channel,
                actor_name=DELIVER,
                args=(channel, list(ids[start : start + self._per_message])),
                kwargs={},
                options={},
            )
            for start in range(0, len(ids), self._per_message)
        ]
