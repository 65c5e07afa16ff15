from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any

import pytest

from daemon.channels import Message
from daemon.channels.mail import compose

SENDER = Address("磐石市软环境建设办公室", addr_spec="duban@panshi.example")
AT = datetime(2018, 12, 27, 1, 10, tzinfo=UTC)
CONTENT = {"subject": "【提醒】您单位有2项问题即将到期", "text": "您好。\n.一行\n", "html": "<p>您好。</p>"}


def sent(name: str = "明城镇镇长", **fields: Any) -> bytes:
    message = Message(
        **{"key": "k1", "address": "head@panshi.example", "name": name, "content": CONTENT} | fields
    )
    recipient = Address(name, addr_spec=message.address)
    return compose(message, SENDER, recipient, "duban.example", AT).as_bytes()


def read(data: bytes) -> EmailMessage:
    """Return the mail as its reader parses it."""
    assert data.isascii()
    assert max(map(len, data.splitlines())) <= 998
    return email.message_from_bytes(data, policy=email.policy.default)


def test_headers() -> None:
    mail = read(sent(items=(1, 2)))
    assert mail["Message-ID"] == "<k1@duban.example>"
    assert mail["Subject"] == CONTENT["subject"]
    assert mail["From"] == "磐石市软环境建设办公室 <duban@panshi.example>"
    assert mail["Date"].datetime == AT
    assert mail["X-Duban-Items"] == "1,2"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Duban-Repeat"] is None


def test_a_repeat_is_marked() -> None:
    assert read(sent(repeat=True))["X-Duban-Repeat"] == "1"


def test_text_and_html_stand_beside_each_other() -> None:
    mail = read(sent())
    assert mail.get_content_type() == "multipart/alternative"
    parts = [part.get_content().splitlines() for part in mail.iter_parts()]
    assert parts == [["您好。", ".一行"], ["<p>您好。</p>"]]


def test_without_html_it_is_text_alone() -> None:
    assert read(sent(content={"subject": "s", "text": "t"})).get_content_type() == "text/plain"


def test_the_same_message_gives_the_same_bytes() -> None:
    assert sent() == sent()


@pytest.mark.parametrize("name", ["张三, 李四（代）", 'a "b"', "烟筒山镇党委书记兼经济开发区管委会主任" * 4])
def test_any_name_can_be_read_back(name: str) -> None:
    # Not by policy.default: it leaves blanks between the encoded words of a long name (RFC 2047, 6.2).
    old_fashioned = email.message_from_bytes(sent(name))
    shown, address = parseaddr(old_fashioned["To"])
    assert (str(make_header(decode_header(shown))), address) == (name, "head@panshi.example")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("督办" * 120, "督办" * 120),
        ("一\r\nBcc: all@panshi.example", "一 Bcc: all@panshi.example"),
    ],
)
def test_any_subject_can_be_read_back(given: str, shown: str) -> None:
    mail = read(sent(content={"subject": given, "text": "t"}))
    assert (mail["Subject"], mail["Bcc"]) == (shown, None)


def test_many_items_are_folded_and_can_be_read_back() -> None:
    items = tuple(range(100_000, 100_400))
    assert tuple(map(int, read(sent(items=items))["X-Duban-Items"].split(","))) == items


def test_a_long_message_id_is_not_encoded() -> None:
    message = Message("k" * 32, "a@b.example", "n", CONTENT)
    mail = compose(message, SENDER, Address("n", addr_spec="a@b.example"), "d" * 40 + ".example", AT)
    assert f"<{'k' * 32}@{'d' * 40}.example>".encode() in mail.as_bytes()
