from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from daemon import clock
from daemon.channels import deadline
from daemon.channels.tokens import MemoryTokens, good_for
from daemon.errors import DeliveryError
from tests.servers import PATIENCE

THREADS = 8


class Provider:
    """Issues t1, t2, …, and counts."""

    def __init__(self, seconds: float = 7200) -> None:
        self.fetched = 0
        self.seconds = seconds

    def fetch(self) -> tuple[str, float]:
        self.fetched += 1
        return f"t{self.fetched}", self.seconds


def together(act: Callable[[], str]) -> set[str]:
    """Do the same thing in eight threads at one moment."""
    barrier = Barrier(THREADS)

    def one(_: int) -> str:
        barrier.wait()
        return act()

    with ThreadPoolExecutor(THREADS) as pool:
        return set(pool.map(one, range(THREADS)))


def test_a_token_is_fetched_once_and_renewed_once() -> None:
    tokens, provider = MemoryTokens(), Provider()
    assert together(lambda: tokens.get("app", provider.fetch)) == {"t1"}
    assert together(lambda: tokens.renew("app", "t1", provider.fetch)) == {"t2"}
    assert provider.fetched == 2


def test_names_are_apart() -> None:
    tokens, provider = MemoryTokens(), Provider()
    assert [tokens.get(name, provider.fetch) for name in ("a", "b", "a")] == ["t1", "t2", "t1"]


def test_an_expired_token_is_fetched_again() -> None:
    tokens, provider = MemoryTokens(), Provider(seconds=0)
    assert [tokens.get("app", provider.fetch) for _ in range(2)] == ["t1", "t2"]


@pytest.mark.parametrize(("lives", "used"), [(7200, 6900), (100, 90), (0, 0)])
def test_a_token_is_given_up_a_little_early(lives: float, used: float) -> None:
    assert good_for(lives) == used


def test_a_failed_fetch_leaves_the_way_free() -> None:
    tokens, provider = MemoryTokens(), Provider()

    def fail() -> tuple[str, float]:
        raise DeliveryError("away")

    with pytest.raises(DeliveryError):
        tokens.get("app", fail)
    assert tokens.get("app", provider.fetch) == "t1"


def test_nobody_waits_longer_than_his_call() -> None:
    tokens, provider, over, begun = MemoryTokens(), Provider(), Event(), Event()

    def slow() -> tuple[str, float]:
        begun.set()
        over.wait()
        return provider.fetch()

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(tokens.get, "app", slow)
        begun.wait()
        before = clock.monotonic()
        with deadline.within(0.05), pytest.raises(TimeoutError):
            tokens.get("app", provider.fetch)
        waited = clock.monotonic() - before
        over.set()
        assert first.result() == "t1"
    assert waited < PATIENCE, "the other's fetch would not have ended before"
