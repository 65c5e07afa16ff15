"""Access tokens shared by all worker processes, over Redis; each process alone while Redis is away."""

from __future__ import annotations

import json
import secrets
import time
from contextlib import suppress
from functools import partial
from typing import Any

import redis

from daemon import clock
from daemon.channels import deadline
from daemon.channels.tokens import Fetch, MemoryTokens, good_for

_PREFIX = "duban:token:"
_LOCK_MS = 15_000
"""Longer than a fetch may take; what it guards against is a holder that was killed."""
_POLL_SECONDS = 0.05
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


class RedisTokens:
    """A ``TokenStore`` over Redis.

    Each process keeps what it read in memory, and only one of its threads at a time asks Redis; of all
    processes, only the one that holds the lock asks the provider. ``client`` must have timeouts of its own.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client: Any = client
        self._memory = MemoryTokens()

    def get(self, name: str, fetch: Fetch) -> str:
        return self._memory.get(name, partial(self._agreed, name, "", fetch))

    def renew(self, name: str, stale: str, fetch: Fetch) -> str:
        return self._memory.renew(name, stale, partial(self._agreed, name, stale, fetch))

    def _agreed(self, name: str, stale: str, fetch: Fetch) -> tuple[str, float]:
        """Return what another process fetched, or fetch it for all."""
        owner = secrets.token_hex(8)
        try:
            return self._found_or_locked(name, stale, owner) or self._fetched(name, fetch)
        finally:
            with suppress(redis.RedisError):
                self._client.eval(_RELEASE, 1, _lock(name), owner)

    def _found_or_locked(self, name: str, stale: str, owner: str) -> tuple[str, float] | None:
        """Wait until there is a token other than ``stale``, or it is ours to fetch (``None``)."""
        with suppress(redis.RedisError):
            while (found := self._read(name, stale)) is None:
                if self._client.set(_lock(name), owner, nx=True, px=_LOCK_MS):
                    return self._read(name, stale)
                time.sleep(min(_POLL_SECONDS, deadline.current().left()))
            return found
        return None

    def _read(self, name: str, stale: str) -> tuple[str, float] | None:
        try:
            token, until = json.loads(self._client.get(_PREFIX + name) or "null")
            seconds = until - clock.wall().timestamp()
        except (ValueError, TypeError):
            return None
        return (token, seconds) if token != stale and seconds > 0 else None

    def _fetched(self, name: str, fetch: Fetch) -> tuple[str, float]:
        token, seconds = fetch()
        until = clock.wall().timestamp() + good_for(seconds)
        with suppress(redis.RedisError):
            self._client.set(_PREFIX + name, json.dumps([token, until]), px=max(1, int(seconds * 1000)))
        return token, seconds


def _lock(name: str) -> str:
    return f"{_PREFIX}{name}:lock"
