"""What an HTTP provider may do to us, and what we then know of the message."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from daemon import clock
from daemon.channels import deadline
from daemon.channels.exchange import Answer, Exchange, read_object
from daemon.errors import DeliveryError, UnknownOutcomeError
from tests.integration.channels.certificate import server_context
from tests.integration.channels.provider import (
    Behaviour,
    Provider,
    answers,
    cut,
    drip_body,
    drip_head,
    endless,
    hang,
    patience,
    provider,
    reset,
)
from tests.servers import PATIENCE, eventually

SECRET = "T0KEN"


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    made = Exchange()
    yield made
    made.close()


def post(exchange: Exchange, url: str, seconds: float = PATIENCE) -> Answer:
    with deadline.within(seconds):
        return exchange.make(requests.Request("POST", f"{url}/send?access_token={SECRET}", data=b"{}"))


def test_one_connection_serves_a_batch(exchange: Exchange, gateway: Provider) -> None:
    gateway.will(answers({"n": 1}), answers({"n": 2}))
    assert [read_object(post(exchange, gateway.url))["n"] for _ in range(2)] == [1, 2]
    assert gateway.connections == 1


@pytest.mark.parametrize("behaviour", [hang, drip_head, drip_body, endless, reset, cut])
def test_what_left_and_was_not_answered_is_unknown_and_ends_in_time(
    exchange: Exchange, gateway: Provider, behaviour: Behaviour
) -> None:
    gateway.will(behaviour)
    before = clock.monotonic()
    with pytest.raises(UnknownOutcomeError) as caught:
        post(exchange, gateway.url, patience(behaviour))
    assert clock.monotonic() - before < PATIENCE, "left to the server, it would not have ended"
    assert eventually(lambda: len(gateway.asked) == 1)
    assert_silent_about_the_secret(caught.value)


def assert_silent_about_the_secret(error: BaseException | None) -> None:
    """Look at an exception and at all that hang on it."""
    while error is not None:
        assert SECRET not in str(error)
        error = error.__cause__ or error.__context__


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port where nobody listens, and that nobody else is given meanwhile."""
    with socket.socket() as here:
        here.bind(("127.0.0.1", 0))
        yield here.getsockname()[1]


def test_what_could_not_leave_is_tried_again(exchange: Exchange, deaf_port: int) -> None:
    with pytest.raises(DeliveryError, match="ConnectionRefused") as caught:
        post(exchange, f"http://127.0.0.1:{deaf_port}")
    assert not caught.value.permanent
    assert_silent_about_the_secret(caught.value)


def test_a_server_that_does_not_accept_is_tried_again_and_ends_in_time(exchange: Exchange) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()):  # takes the only place
            before = clock.monotonic()
            with pytest.raises(DeliveryError):
                post(exchange, f"https://127.0.0.1:{full.getsockname()[1]}", seconds=0.3)
    assert clock.monotonic() - before < PATIENCE


def test_a_connection_that_died_between_two_calls_is_opened_again(
    exchange: Exchange, gateway: Provider
) -> None:
    gateway.will(answers({}, Connection="close"), answers({}))
    for _ in range(2):
        post(exchange, gateway.url)
    assert gateway.connections == 2


def test_a_redirect_is_not_followed(exchange: Exchange, gateway: Provider) -> None:
    gateway.will(answers({}, 302, Location=f"{gateway.url}/elsewhere"))
    with pytest.raises(DeliveryError) as caught:
        read_object(post(exchange, gateway.url))
    assert (caught.value.code, len(gateway.asked)) == ("http-302", 1)


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(500, False), (502, False), (503, False), (429, False), (302, False), (400, True), (404, True)],
)
def test_a_status_says_whether_to_try_again(status: int, permanent: bool) -> None:
    with pytest.raises(DeliveryError) as caught:
        read_object(Answer(status, b""))
    assert (caught.value.code, caught.value.permanent) == (f"http-{status}", permanent)


@pytest.mark.parametrize("answer", [Answer(504, b""), Answer(200, b"<html>"), Answer(200, b"[]")])
def test_an_answer_that_says_nothing_leaves_it_unknown(answer: Answer) -> None:
    with pytest.raises(UnknownOutcomeError):
        read_object(answer)


def trusted(exchange: Exchange) -> list[object]:
    """Return the authorities that a connection was verified against; requests likes to add its own."""
    adapter: Any = exchange._session.get_adapter("https://")
    return list(adapter.poolmanager.connection_pool_kw["ssl_context"].get_ca_certs())


def test_tls_is_verified_against_the_pinned_certificate_alone(certificate: Path) -> None:
    with provider(server_context(certificate)) as told:
        told.will(answers({"errcode": 0}))
        pinned = Exchange(certificate)
        assert post(pinned, told.url).status == 200
        assert len(trusted(pinned)) == 1
        pinned.close()
        with pytest.raises(DeliveryError, match="SSLCertVerificationError") as caught:
            post(Exchange(), told.url)
    assert (caught.value.permanent, len(told.asked)) == (False, 1)


@pytest.mark.parametrize("behaviour", [hang, drip_head, drip_body])
def test_a_deadline_holds_over_tls(certificate: Path, behaviour: Behaviour) -> None:
    with provider(server_context(certificate)) as told:
        told.will(behaviour)
        before = clock.monotonic()
        with pytest.raises(UnknownOutcomeError):
            post(Exchange(certificate), told.url, patience(behaviour))
        assert clock.monotonic() - before < PATIENCE


def test_the_environment_has_no_say(
    monkeypatch: pytest.MonkeyPatch, gateway: Provider, exchange: Exchange, deaf_port: int
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{deaf_port}")
    gateway.will(answers({}))
    assert post(exchange, gateway.url).status == 200


def test_logs_do_not_hold_the_token(
    caplog: pytest.LogCaptureFixture, gateway: Provider, exchange: Exchange
) -> None:
    caplog.set_level(logging.DEBUG)
    gateway.will(answers({}))
    post(exchange, gateway.url)
    assert "access_token=***" in caplog.text
    assert SECRET not in caplog.text
