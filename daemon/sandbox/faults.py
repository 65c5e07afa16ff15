"""Faults that a test switches on for the next messages of a channel."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from enum import StrEnum
from threading import Lock

from daemon.sandbox.inbox import CHANNELS


class FaultKind(StrEnum):
    """What goes wrong. The first three take the message, and the client does not learn it."""

    TIMEOUT = "timeout_after_accept"  # no answer ever comes
    DRIP = "drip"  # the answer comes, a byte at a time
    RESET = "reset"  # the connection breaks before the answer
    REFUSE = "refuse"  # the connection breaks, and nothing was taken
    BROKEN = "5xx"  # the gateway is ill: HTTP 502, SMTP 451
    THROTTLE = "throttle"  # too many calls, says the provider
    TOKEN = "expired_token"  # noqa: S105  # nosec B105 # every WeCom token dies before its time


TAKEN = frozenset({FaultKind.TIMEOUT, FaultKind.DRIP, FaultKind.RESET})


class Faults:
    """The faults still to come, first in, first out, for each channel."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._coming: Mapping[str, deque[FaultKind]] = {channel: deque() for channel in CHANNELS}

    def switch_on(self, channel: str, kind: FaultKind, count: int = 1) -> None:
        with self._lock:
            self._coming[channel].extend([kind] * count)

    def clear(self) -> None:
        with self._lock:
            for coming in self._coming.values():
                coming.clear()

    def take(self, channel: str) -> FaultKind | None:
        """Return the fault of this message; it is used up."""
        with self._lock:
            coming = self._coming[channel]
            return coming.popleft() if coming else None

    def pending(self) -> dict[str, list[str]]:
        with self._lock:
            return {channel: [str(kind) for kind in coming] for channel, coming in self._coming.items()}
