from __future__ import annotations

import email
import email.policy
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from daemon import clock
from daemon.channels import Message
from daemon.channels.mail import SmtpChannel
from daemon.errors import DeliveryError, UnknownOutcomeError
from tests.integration.channels.certificate import server_context
from tests.integration.channels.post_office import PostOffice, babble, drip, hang, post_office, reset
from tests.servers import PATIENCE

CONTENT = {"subject": "提醒", "text": "您好。\n.点\n..\n.\n完", "html": "<p>您好。</p>"}
MESSAGE = Message("k1", "head@panshi.example", "明城镇镇长", CONTENT, items=(1, 2))


def channel_to(office: PostOffice, **options: Any) -> SmtpChannel:
    plain = SmtpChannel(
        "127.0.0.1", office.port, "none", "", "", "duban@panshi.example", "软环境办", domain="duban.example"
    )
    return replace(plain, **options)


@contextmanager
def open_channel(office: PostOffice, **options: Any) -> Iterator[SmtpChannel]:
    channel = channel_to(office, **options)
    yield channel
    channel.close()


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as told:
        yield told


@pytest.mark.parametrize("security", ["starttls", "smtps"])
def test_a_mail_travels_over_verified_tls_with_a_password(certificate: Path, security: str) -> None:
    with (
        post_office(**{security: server_context(certificate)}) as office,
        open_channel(
            office, security=security, username="duban", password="hush", ca_file=certificate
        ) as channel,
    ):
        receipt = channel.send(MESSAGE)
    mail = email.message_from_bytes(office.mails[0], policy=email.policy.default)
    assert receipt.provider_id == mail["Message-ID"] == "<k1@duban.example>"
    assert receipt.detail == {"reply": "queued as Q1"}
    assert office.recipients == ["head@panshi.example"]
    assert mail["X-Duban-Items"] == "1,2"
    text = mail.get_body(("plain",))
    assert text is not None
    assert text.get_content().splitlines() == ["您好。", ".点", "..", ".", "完"]


@pytest.mark.parametrize("security", ["starttls", "smtps"])
def test_a_server_that_cannot_prove_itself_gets_no_password(certificate: Path, security: str) -> None:
    with (
        post_office(**{security: server_context(certificate)}) as office,
        open_channel(office, security=security, username="duban", password="hush") as channel,
        pytest.raises(DeliveryError, match=r"(?i)certificate") as caught,
    ):
        channel.send(MESSAGE)
    assert (caught.value.code, caught.value.permanent, office.mails) == ("connect", False, [])


def test_a_wrong_password_is_permanent_and_not_told(certificate: Path) -> None:
    with (
        post_office(starttls=server_context(certificate)) as office,
        open_channel(
            office, security="starttls", username="duban", password="wr0ng", ca_file=certificate
        ) as channel,
        pytest.raises(DeliveryError) as caught,
    ):
        channel.send(MESSAGE)
    assert (caught.value.code, caught.value.permanent) == ("535", True)
    assert "wr0ng" not in str(caught.value)


def test_a_server_without_starttls_is_refused(office: PostOffice) -> None:
    with open_channel(office, security="starttls") as channel, pytest.raises(DeliveryError) as caught:
        channel.send(MESSAGE)
    assert (caught.value.code, office.mails) == ("unsupported", [])


def test_one_connection_serves_a_batch(office: PostOffice) -> None:
    with open_channel(office) as channel:
        for number in range(3):
            channel.send(replace(MESSAGE, key=f"k{number}"))
    assert (len(office.mails), len(office.servers)) == (3, 1)


def test_after_close_it_opens_again(office: PostOffice) -> None:
    with open_channel(office) as channel:
        channel.send(MESSAGE)
        channel.close()
        channel.send(MESSAGE)
    assert (len(office.mails), len(office.servers)) == (2, 2)


def test_a_connection_that_died_between_two_mails_is_opened_again(office: PostOffice) -> None:
    with open_channel(office) as channel:
        channel.send(MESSAGE)
        office.hang_up()
        channel.send(MESSAGE)
    assert (len(office.mails), len(office.servers)) == (2, 2)


def test_a_server_that_has_had_enough_of_a_connection_is_called_again(office: PostOffice) -> None:
    with open_channel(office) as channel:
        channel.send(MESSAGE)
        office.replies["MAIL"] = ["421 too many mails on one connection"]
        channel.send(MESSAGE)
    assert (len(office.mails), len(office.servers)) == (2, 2)


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    ("reply", "permanent"),
    [("450 greylisted", False), ("421 closing", False), ("550 <13800138000@mail.example> unknown", True)],
)
def test_a_code_says_whether_to_try_again_and_the_batch_goes_on(
    office: PostOffice, command: str, reply: str, permanent: bool
) -> None:
    office.replies[command] = [reply]
    with open_channel(office) as channel:
        with pytest.raises(DeliveryError) as caught:
            channel.send(MESSAGE)
        channel.send(replace(MESSAGE, key="k2"))
    assert (caught.value.code, caught.value.permanent) == (reply[:3], permanent)
    assert "13800138000" not in str(caught.value)
    assert len(office.mails) == 1
    assert b"k2@" in office.mails[0]


@pytest.mark.parametrize("misbehaviour", [hang, drip, reset, babble])
def test_a_body_that_left_and_was_not_answered_is_unknown_and_ends_in_time(
    office: PostOffice, misbehaviour: Callable[[SMTP], Awaitable[str]]
) -> None:
    office.on_data = misbehaviour
    before = clock.monotonic()
    with open_channel(office) as channel:
        with pytest.raises(UnknownOutcomeError):
            channel.send(replace(MESSAGE, timeout=2 if misbehaviour in (hang, drip) else PATIENCE))
        assert clock.monotonic() - before < PATIENCE, "left to the server, it would not have ended"
        office.on_data = None
        channel.send(replace(MESSAGE, repeat=True))
    assert b"X-Duban-Repeat: 1" in office.mails[0]


def test_a_server_that_never_greets_is_tried_again_and_ends_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        channel = channel_to(PostOffice(port=silent.getsockname()[1]))
        before = clock.monotonic()
        with pytest.raises(DeliveryError) as caught:
            channel.send(replace(MESSAGE, timeout=0.3))
    assert clock.monotonic() - before < PATIENCE
    assert not caught.value.permanent


def test_nobody_at_home_is_tried_again() -> None:
    with socket.socket() as deaf:  # the port is taken, and nobody listens
        deaf.bind(("127.0.0.1", 0))
        channel = channel_to(PostOffice(port=deaf.getsockname()[1]))
        with pytest.raises(DeliveryError) as caught:
            channel.send(MESSAGE)
    assert (caught.value.code, caught.value.permanent) == ("connect", False)


@pytest.mark.parametrize(
    "address", ["", "head", "a@b@", "a b@c.example", "x@y.example\r\nRCPT TO:<z>", "头@y.example"]
)
def test_what_is_no_address_is_permanent(office: PostOffice, address: str) -> None:
    with open_channel(office) as channel, pytest.raises(DeliveryError) as caught:
        channel.send(replace(MESSAGE, address=address))
    assert (caught.value.code, caught.value.permanent) == ("address", True)
