from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from daemon.sandbox.inbox import Fate, Row
from daemon.sandbox.page import card_lines, mask, preview, render

EVIL = "<script>alert('x')</script>"


def row(**other: object) -> Row:
    fields = {"channel": "sms", "address": "13800000001", "name": "赵一", "at": "2018-12-27T09:10:00+08:00"}
    return Row(**{**fields, **other})


class Reader(HTMLParser):
    """What a browser would find in the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def every(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attrs for name, attrs in self.tags if name == tag)


@pytest.mark.parametrize("channel", ["email", "sms", "wecom"])
@pytest.mark.parametrize("where", ["name", "address", "key", "subject", "text", "html"])
def test_what_came_over_the_wire_is_escaped(channel: str, where: str) -> None:
    page = render([row(channel=channel, **{where: EVIL + '"' + EVIL})], live=False)
    assert len(list(Reader(page).every("script"))) == 1
    assert EVIL not in page


@pytest.mark.parametrize("detail", ["From", "url", "btntxt", "template"])
def test_details_are_escaped(detail: str) -> None:
    for channel in ("email", "sms", "wecom"):
        page = render([row(channel=channel, subject="题", details={detail: f'"{EVIL}'})], live=False)
        assert EVIL not in page


def test_mail_is_shown_in_a_sandboxed_frame() -> None:
    [frame] = Reader(render([row(channel="email", html=f"<p>{EVIL}</p>")], live=False)).every("iframe")
    assert frame["sandbox"] is None  # the attribute without a value: nothing is allowed
    assert frame["srcdoc"] == f"<p>{EVIL}</p>"


def test_the_page_needs_nothing_from_outside() -> None:
    page = render([row(), row(channel="email", subject="题", html="<p>文</p>")], live=False)
    reader = Reader(page)
    assert not list(reader.every("link"))
    assert not list(reader.every("img"))
    assert not [attrs for _, attrs in reader.tags if "src" in attrs]
    assert not re.search(r"url\(|@import", page)


def test_one_row_a_message_newest_first() -> None:
    page = render([row(name="赵一"), row(name="钱二", channel="wecom"), row(name="赵一")], live=False)
    reader = Reader(page)
    rows = [attrs for attrs in reader.every("details") if attrs.get("class") == "row"]
    assert [(one["data-person"], one["data-channel"]) for one in rows] == [
        ("赵一", "sms"),
        ("钱二", "wecom"),
        ("赵一", "sms"),
    ]
    assert [attrs["value"] for attrs in reader.every("option")] == ["", "赵一", "钱二"]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"fate": Fate.DROPPED}, ["超频丢弃 1 条", "超频丢弃"]),
        ({"fate": Fate.DUPLICATE}, ["重复未投 1 条", "重复未投"]),
        ({"repeat": True}, ["标明重发 1 条", "重发"]),
        ({"segments": 2}, ["2 条计费"]),
    ],
)
def test_what_is_unusual_is_said(other: dict[str, object], words: list[str]) -> None:
    page = Reader(render([row(**other)], live=False))
    assert set(words) <= {word.strip() for word in page.words}


def test_numbers_are_masked() -> None:
    page = render([row(name="13800000001", text="请致电13800000001。")], live=False)
    assert "13800000001" not in page
    assert "138****0001" in page
    assert mask("0432-65250001，工单201812270001号") == "0432-65250001，工单201812270001号"


def test_an_empty_inbox_says_so() -> None:
    assert "还没有收到消息" in "".join(Reader(render([], live=True)).words)


def test_lines_of_a_card() -> None:
    description = (
        '<div class="gray">2018年12月27日</div>甲 < 乙\n<div class="highlight">已逾期</div><b>粗</b>'
    )
    assert card_lines(description) == [
        ("gray", "2018年12月27日"),
        ("normal", "甲 < 乙"),
        ("highlight", "已逾期"),
        ("normal", "<b>粗</b>"),
    ]


@pytest.mark.parametrize(
    ("other", "shown"),
    [
        ({"text": "【软环境办】请登录平台办理。"}, "请登录平台办理。"),
        ({"channel": "wecom", "text": '<div class="gray">甲</div>乙\n丙'}, "甲 乙 丙"),
        ({"channel": "email", "text": "a < b\n\n丙"}, "a < b 丙"),
        ({"channel": "email", "html": "<p>甲 &amp; 乙</p><p>丙</p>"}, "甲 & 乙 丙"),
    ],
)
def test_preview(other: dict[str, object], shown: str) -> None:
    assert preview(row(**other)) == shown
