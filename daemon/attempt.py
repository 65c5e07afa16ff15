"""An attempt: what is sent, how long it may take, and how it ended.

Its bytes are noted before they leave, so that a try whose fate nobody knows is repeated word for word. No
call outlasts its lease.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from daemon.channels import Message
from daemon.channels.marks import mark_rehearsal
from daemon.config.compiled import RuleSet
from daemon.store.deliveries import Claimed, Opening

CALL_SECONDS = 20.0
CALLS_A_LEASE = 3
"""Every call has a total deadline of at most a third of the lease."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What is about to be sent: frozen bytes, the same at every try whose predecessor's fate is unknown."""

    claimed: Claimed
    frozen: Mapping[str, Any]
    repeat: bool
    leg: str
    person: int
    on: date
    """Whom it burdens, and on which office day."""
    rehearsal: bool = False

    def message(self, timeout: float) -> Message:
        """Return what a channel is given; the call may take ``timeout`` seconds."""
        f = self.frozen
        items = tuple(f["items"])
        return Message(
            f["key"], f["address"], f["name"], f["content"], timeout, self.repeat, items, self.rehearsal
        )

    def rehearsed(self) -> Letter:
        """Return the letter with 【演练】 before every text of it, once."""
        frozen = {**self.frozen, "content": mark_rehearsal(self.frozen["content"])}
        return replace(self, frozen=frozen, rehearsal=True)


@dataclass(frozen=True, slots=True)
class Opened:
    """A try that was noted; ``at``, by my own monotonic clock, is before its lease began."""

    number: int
    at: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a try ended."""

    letter: Letter
    number: int
    kind: str
    """``sent``, ``unknown``, ``failed``, ``refused`` for good, or ``later``: on the next working day."""
    provider_id: str | None = None
    code: str = ""
    message: str = ""


def call_seconds(rule_set: RuleSet, channel: str) -> float:
    """Return the total deadline of one call on a channel."""
    settings = rule_set.channels.get(channel)
    return settings.timeout if settings else CALL_SECONDS


def lease_of(rule_set: RuleSet, channel: str) -> timedelta:
    """Return how long a delivery is held, from its claim and again from each try that is noted."""
    return timedelta(seconds=CALLS_A_LEASE * call_seconds(rule_set, channel))


def opening_of(letter: Letter, rule_set: RuleSet, now: datetime, wall: datetime) -> Opening:
    """Return the try to be noted before the bytes leave; its lease begins at ``wall``."""
    lease_until = wall + lease_of(rule_set, letter.claimed.channel)
    return Opening(letter.claimed, letter.frozen, now, lease_until, letter.repeat, letter.person, letter.on)
