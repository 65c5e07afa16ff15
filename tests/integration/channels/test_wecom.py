from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from daemon.channels import Message
from daemon.channels.tokens import MemoryTokens
from daemon.channels.wecom import WeComChannel
from daemon.errors import DeliveryError, UnknownOutcomeError
from tests.integration.channels.provider import (
    Behaviour,
    Handler,
    Provider,
    answers,
    cut,
    hang,
    patience,
    reset,
)

CONTENT = {"title": "提醒", "description": "有2项", "url": "https://duban.panshi.example/n/1"}
MESSAGE = Message("k1", "head0", "东宁街道主要负责人", CONTENT, items=(1, 2))
THREADS = 8


@pytest.fixture
def make(gateway: Provider) -> Iterator[Callable[[], WeComChannel]]:
    """Make channels as workers do: each its own, the tokens shared."""
    tokens, made = MemoryTokens(), list[WeComChannel]()

    def new() -> WeComChannel:
        made.append(WeComChannel("ww1", "hush", 1000002, gateway.url, tokens))
        return made[-1]

    yield new
    for channel in made:
        channel.close()


def token(name: str) -> Behaviour:
    return answers({"errcode": 0, "errmsg": "ok", "access_token": name, "expires_in": 7200})


def verdict(code: int, **fields: str) -> Behaviour:
    return answers({"errcode": code, "errmsg": "T1 hush", "msgid": "m-1", **fields})


def tokens_used(gateway: Provider) -> list[str]:
    return [asked.path.partition("access_token=")[2] for asked in gateway.asked if asked.method == "POST"]


def test_what_is_sent(make: Callable[[], WeComChannel], gateway: Provider) -> None:
    gateway.will(token("T1"), verdict(0))
    assert make().send(MESSAGE).provider_id == "m-1"
    got, sent = gateway.asked
    assert (got.method, got.path) == ("GET", "/cgi-bin/gettoken?corpid=ww1&corpsecret=hush")
    assert (sent.method, sent.path) == ("POST", "/cgi-bin/message/send?access_token=T1")
    assert sent.json["touser"] == "head0"
    assert (sent.headers["x-duban-key"], sent.headers["x-duban-items"]) == ("k1", "1,2")


def test_workers_share_a_token(make: Callable[[], WeComChannel], gateway: Provider) -> None:
    gateway.will(token("T1"), verdict(0), verdict(0))
    for _ in range(2):
        make().send(MESSAGE)
    assert [asked.method for asked in gateway.asked] == ["GET", "POST", "POST"]


@pytest.mark.parametrize("code", [40001, 40014, 42001])
def test_a_stale_token_is_renewed_once_and_the_card_sent_again(
    make: Callable[[], WeComChannel], gateway: Provider, code: int
) -> None:
    gateway.will(token("T1"), verdict(code), token("T2"), verdict(0))
    make().send(MESSAGE)
    assert tokens_used(gateway) == ["T1", "T2"]


def test_a_token_that_stays_stale_is_left_for_another_try(
    make: Callable[[], WeComChannel], gateway: Provider
) -> None:
    gateway.will(token("T1"), verdict(40014), token("T2"), verdict(40014))
    with pytest.raises(DeliveryError) as caught:
        make().send(MESSAGE)
    assert (caught.value.permanent, len(gateway.asked)) == (False, 4)


def test_eight_workers_with_a_stale_token_renew_it_once(
    make: Callable[[], WeComChannel], gateway: Provider
) -> None:
    issued = ["T1", "T2"]

    def behave(handler: Handler) -> None:
        """Give out tokens one after the other, and take the last alone."""
        if "gettoken" in handler.path:
            token(issued.pop(0))(handler)
        else:
            verdict(0 if handler.path.endswith("T2") else 42001)(handler)

    gateway.will(*[behave] * 50)
    barrier = Barrier(THREADS)

    def send(channel: WeComChannel) -> str:
        barrier.wait()
        return channel.send(MESSAGE).provider_id

    with ThreadPoolExecutor(THREADS) as pool:
        assert set(pool.map(send, [make() for _ in range(THREADS)])) == {"m-1"}
    assert issued == []
    assert sum(asked.method == "GET" for asked in gateway.asked) == 2


@pytest.mark.parametrize(
    ("behaviour", "code", "permanent"),
    [
        (verdict(-1), "-1", False),
        (verdict(45009), "45009", False),
        (verdict(45033), "45033", False),
        (verdict(60020), "60020", True),
        (verdict(40056), "40056", True),
        (verdict(48002), "48002", True),
        (verdict(60011), "60011", True),
        (verdict(81013, invaliduser="head0"), "81013", True),
        (verdict(0, invaliduser="head0"), "invaliduser", True),
        (verdict(0, unlicenseduser="head0"), "unlicenseduser", True),
        (answers({}, 500), "http-500", False),
    ],
)
def test_an_answer_says_whether_to_try_again(
    make: Callable[[], WeComChannel], gateway: Provider, behaviour: Behaviour, code: str, permanent: bool
) -> None:
    gateway.will(token("T1"), behaviour)
    with pytest.raises(DeliveryError) as caught:
        make().send(MESSAGE)
    assert (caught.value.code, caught.value.permanent) == (code, permanent)
    assert "T1" not in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("behaviour", [hang, reset, cut, answers(b""), answers({"errcode": "?"})])
def test_a_card_that_left_and_was_not_answered_is_unknown(
    make: Callable[[], WeComChannel], gateway: Provider, behaviour: Behaviour
) -> None:
    gateway.will(token("T1"), behaviour)
    with pytest.raises(UnknownOutcomeError):
        make().send(replace(MESSAGE, timeout=patience(behaviour)))


@pytest.mark.parametrize(
    ("behaviour", "permanent"),
    [(hang, False), (reset, False), (answers({}), False), (verdict(40001), True), (verdict(-1), False)],
)
def test_without_a_token_nothing_has_left(
    make: Callable[[], WeComChannel], gateway: Provider, behaviour: Behaviour, permanent: bool
) -> None:
    gateway.will(behaviour)
    with pytest.raises(DeliveryError) as caught:
        make().send(replace(MESSAGE, timeout=patience(behaviour)))
    assert caught.value.permanent == permanent
    assert "hush" not in str(caught.value)


def test_a_stale_token_renewed_in_vain_is_not_an_unknown_outcome(
    make: Callable[[], WeComChannel], gateway: Provider
) -> None:
    gateway.will(token("T1"), verdict(42001), hang)
    with pytest.raises(DeliveryError):
        make().send(replace(MESSAGE, timeout=patience(hang)))
