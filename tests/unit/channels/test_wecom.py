from __future__ import annotations

import json
from dataclasses import replace

import pytest

from daemon.channels import Message
from daemon.channels.wecom import card
from daemon.errors import DeliveryError

URL = "https://duban.panshi.example/n/1"
MESSAGE = Message("k1", "head0", "东宁街道主要负责人", {"title": "提醒", "description": "有2项", "url": URL})


def test_the_card() -> None:
    assert json.loads(card(MESSAGE, 1000002, "")) == {
        "touser": "head0",
        "msgtype": "textcard",
        "agentid": 1000002,
        "textcard": {"title": "提醒", "description": "有2项", "url": f"{URL}#k1"},
        "enable_duplicate_check": 1,
        "duplicate_check_interval": 14400,
    }


def test_a_repeat_has_the_same_bytes_so_that_wecom_drops_it() -> None:
    assert card(replace(MESSAGE, repeat=True, timeout=3), 1, "") == card(MESSAGE, 1, "")


def test_another_message_of_the_same_words_has_not() -> None:
    assert card(replace(MESSAGE, key="k2"), 1, "") != card(MESSAGE, 1, "")


def test_the_default_link_stands_in() -> None:
    message = replace(MESSAGE, content={"title": "提醒", "description": "有2项", "button": "办理"})
    textcard = json.loads(card(message, 1, URL))["textcard"]
    assert (textcard["url"], textcard["btntxt"]) == (f"{URL}#k1", "办理")


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({"title": "题" * 128}, True),
        ({"title": "题" * 129}, False),
        ({"description": "文" * 512}, True),
        ({"description": "文" * 513}, False),
        ({"url": "https://a.example/#" + "x" * 2029}, True),
        ({"url": "https://a.example/#" + "x" * 2030}, False),
        ({"url": ""}, False),
        ({"title": ""}, False),
        ({"button": "立即办理"}, True),
        ({"button": "请立即办理"}, False),
    ],
)
def test_what_wecom_would_not_take_is_refused_here(change: dict[str, str], fits: bool) -> None:
    message = replace(MESSAGE, content={**MESSAGE.content, **change})
    if fits:
        assert card(message, 1, "")
        return
    with pytest.raises(DeliveryError) as caught:
        card(message, 1, "")
    assert caught.value.permanent


@pytest.mark.parametrize("address", ["@all", "head0|head1", "", "a b", "a" * 65])
def test_an_address_that_would_reach_others_is_refused(address: str) -> None:
    with pytest.raises(DeliveryError, match="账号") as caught:
        card(replace(MESSAGE, address=address), 1, "")
    assert caught.value.permanent
