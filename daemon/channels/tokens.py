"""Access tokens that all threads share: fetched once, renewed once when a provider says they are stale."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from daemon import clock
from daemon.channels import deadline

Fetch = Callable[[], tuple[str, float]]
"""Asks the provider; returns the token, and for how many seconds it is good."""

_EARLY_SECONDS = 300.0
_EARLY_SHARE = 0.1


class TokenStore(Protocol):
    """Both raise what ``fetch`` raises, and ``TimeoutError`` if another's fetch outlasts this call."""

    def get(self, name: str, fetch: Fetch) -> str:
        """Return the token, fetched if there is none that is still good."""

    def renew(self, name: str, stale: str, fetch: Fetch) -> str:
        """Return a token other than ``stale``; whoever else found it stale meanwhile gets the same one."""


def good_for(seconds: float) -> float:
    """Return how long a token is used: a little less than it lives, so that none dies on its way."""
    return seconds - min(_EARLY_SECONDS, seconds * _EARLY_SHARE)


class MemoryTokens:
    """The tokens of one process."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, float]] = {}
        self._locks: dict[str, threading.Lock] = {}

    def get(self, name: str, fetch: Fetch) -> str:
        return self._good(name) or self.renew(name, "", fetch)

    def renew(self, name: str, stale: str, fetch: Fetch) -> str:
        with self._locked(name):
            token = self._good(name)
            if token is None or token == stale:
                token, seconds = fetch()
                self._kept[name] = token, clock.monotonic() + good_for(seconds)
            return token

    def _good(self, name: str) -> str | None:
        token, until = self._kept.get(name, ("", 0.0))
        return token if token and clock.monotonic() < until else None

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        lock = self._locks.setdefault(name, threading.Lock())
        if not lock.acquire(timeout=deadline.current().left()):
            raise TimeoutError("another thread is still fetching this token")
        try:
            yield
        finally:
            lock.release()
