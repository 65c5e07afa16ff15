"""Tokens shared over a real Valkey, by two processes' worth of stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from daemon import clock
from daemon.channels import deadline
from daemon.errors import DeliveryError
from jobs.tokens import RedisTokens
from tests.servers import PATIENCE, valkey_server

THREADS = 8


def client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=PATIENCE, retry=Retry(NoBackoff(), 0))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with valkey_server() as server:
        yield server.url


@pytest.fixture
def valkey(url: str) -> Iterator[redis.Redis]:
    connected = client(url)
    connected.flushall()
    yield connected
    connected.close()


class Provider:
    def __init__(self, seconds: float = 7200) -> None:
        self.fetched = 0
        self.seconds = seconds

    def fetch(self) -> tuple[str, float]:
        self.fetched += 1
        return f"t{self.fetched}", self.seconds


def together(*acts: Callable[[], str]) -> set[str]:
    barrier = Barrier(len(acts))

    def one(act: Callable[[], str]) -> str:
        barrier.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return set(pool.map(one, acts))


def test_two_processes_fetch_once_and_renew_once(valkey: redis.Redis) -> None:
    stores, provider = [RedisTokens(valkey), RedisTokens(valkey)], Provider()
    gets = [lambda store=store: store.get("app", provider.fetch) for store in stores * 4]
    assert together(*gets) == {"t1"}
    renewals = [lambda store=store: store.renew("app", "t1", provider.fetch) for store in stores * 4]
    assert together(*renewals) == {"t2"}
    assert provider.fetched == 2


def test_a_process_that_starts_finds_the_token(valkey: redis.Redis) -> None:
    provider = Provider()
    RedisTokens(valkey).get("app", provider.fetch)
    assert RedisTokens(valkey).get("app", provider.fetch) == "t1"
    assert RedisTokens(valkey).renew("app", "t0", provider.fetch) == "t1"
    assert provider.fetched == 1


def test_a_token_leaves_redis_when_it_dies(valkey: redis.Redis) -> None:
    RedisTokens(valkey).get("app", Provider(seconds=100).fetch)
    [key] = list(valkey.scan_iter("*"))
    assert 0 < int(str(valkey.ttl(key))) <= 100


def test_a_failed_fetch_gives_the_lock_back(valkey: redis.Redis) -> None:
    def fail() -> tuple[str, float]:
        raise DeliveryError("away")

    with pytest.raises(DeliveryError):
        RedisTokens(valkey).get("app", fail)
    assert list(valkey.scan_iter("*")) == []


def test_the_lock_of_another_is_waited_for_no_longer_than_the_call_and_not_broken(
    valkey: redis.Redis,
) -> None:
    valkey.set("duban:token:app:lock", "another")
    before = clock.monotonic()
    with deadline.within(0.2), pytest.raises(TimeoutError):
        RedisTokens(valkey).get("app", Provider().fetch)
    assert clock.monotonic() - before < PATIENCE, "the lock would stay for ever"
    assert valkey.get("duban:token:app:lock") == b"another"


def test_what_another_fetched_meanwhile_is_taken(valkey: redis.Redis) -> None:
    provider, begun, go_on = Provider(), Event(), Event()

    def slow() -> tuple[str, float]:
        begun.set()
        go_on.wait()
        return provider.fetch()

    with ThreadPoolExecutor(2) as pool:
        holder = pool.submit(RedisTokens(valkey).get, "app", slow)
        begun.wait()
        waiter = pool.submit(RedisTokens(valkey).get, "app", provider.fetch)
        go_on.set()
        assert (holder.result(), waiter.result()) == ("t1", "t1")
    assert provider.fetched == 1


@pytest.mark.parametrize("rubbish", [b"", b"no json", b"{}", b"[1]", b'["t", "x"]'])
def test_rubbish_in_redis_is_no_token(valkey: redis.Redis, rubbish: bytes) -> None:
    valkey.set("duban:token:app", rubbish)
    assert RedisTokens(valkey).get("app", Provider().fetch) == "t1"


def test_without_redis_each_process_fetches_for_itself(tmp_path: Path) -> None:
    away, provider = RedisTokens(client(f"unix://{tmp_path}/nobody.sock")), Provider()
    assert [away.get("app", provider.fetch) for _ in range(2)] == ["t1", "t1"]
    assert away.renew("app", "t1", provider.fetch) == "t2"
