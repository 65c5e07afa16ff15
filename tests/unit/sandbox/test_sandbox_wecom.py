"""WeCom's rules, one line each."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from daemon.sandbox.inbox import Fate, Inbox
from daemon.sandbox.options import Contacts, Options
from daemon.sandbox.request import Request
from daemon.sandbox.wecom import WeCom

NOON = datetime(2018, 12, 27, 4, 0, tzinfo=UTC)
WALL = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CARD: dict[str, Any] = {
    "title": "督办提醒",
    "description": "贵单位有2项事项将于8月31日到期。",
    "url": "https://duban.example.cn/n/1",
    "btntxt": "详情",
}
PLAIN: dict[str, Any] = {
    "touser": "ZhaoYi",
    "msgtype": "textcard",
    "agentid": 1000002,
    "textcard": CARD,
    "enable_duplicate_check": 1,
    "duplicate_check_interval": 1800,
}


class Api:
    def __init__(self, options: Options, inbox: Inbox) -> None:
        self.options, self.inbox = options, inbox
        self.wecom = WeCom(options, Contacts(options.contacts), inbox)

    def token(self, wall: datetime = WALL, **other: str) -> dict[str, Any]:
        asked = {"corpid": self.options.wecom_corp_id, "corpsecret": self.options.wecom_secret, **other}
        request = Request("GET", "/cgi-bin/gettoken", urlencode(asked), {}, b"")
        return dict(self.wecom.token(request, wall))

    def send(self, at: datetime = NOON, *, wall: datetime = WALL, token: str | None = None, **other: object):
        query = urlencode({"access_token": self.token()["access_token"] if token is None else token})
        body = json.dumps({**PLAIN, **other}).encode()
        headers = {"x-duban-key": "key1", "x-duban-items": "7"}
        return self.wecom.answer(Request("POST", "/cgi-bin/message/send", query, headers, body), at, wall)

    def fates(self) -> list[Fate]:
        return [row.fate for row in self.inbox.rows()]


@pytest.fixture
def api(options: Options, inbox: Inbox) -> Api:
    return Api(options, inbox)


def test_a_message_is_taken_and_kept(api: Api) -> None:
    answer = api.send()
    [row] = api.inbox.rows()
    assert (answer["errcode"], answer["errmsg"], answer["invaliduser"]) == (0, "ok", "")
    assert (row.name, row.address, row.at) == ("赵一", "ZhaoYi", "2018-12-27T12:00:00+08:00")
    assert (row.subject, row.text) == (CARD["title"], CARD["description"])
    assert (row.key, row.items, row.details["url"]) == ("key1", (7,), CARD["url"])


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"corpid": ""}, 41002),
        ({"corpsecret": ""}, 41004),
        ({"corpid": "ww2"}, 40013),
        ({"corpsecret": "x"}, 40001),
    ],
)
def test_no_token_for_strangers(api: Api, other: dict[str, str], code: int) -> None:
    answer = api.token(**other)
    assert answer["errcode"] == code
    assert "access_token" not in answer


def test_a_token_lives_two_hours_of_the_wall_clock(api: Api) -> None:
    first, end = api.token(), WALL + timedelta(hours=2)
    again = api.token(WALL + timedelta(hours=1))
    assert (again["access_token"], again["expires_in"]) == (first["access_token"], 3600)
    token = first["access_token"]
    assert api.send(token=token, wall=end - timedelta(seconds=1))["errcode"] == 0
    assert api.send(token=token, wall=end)["errcode"] == 42001
    assert api.token(end)["access_token"] != token


def test_a_token_may_die_early(api: Api) -> None:
    token = api.token()["access_token"]
    api.wecom.expire_tokens()
    assert api.send(token=token)["errcode"] == 42001
    assert api.send(token=api.token()["access_token"])["errcode"] == 0


@pytest.mark.parametrize(("token", "code"), [("", 41001), ("made-up", 40014)])
def test_no_entry_without_a_token(api: Api, token: str, code: int) -> None:
    assert api.send(token=token)["errcode"] == code


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"agentid": 1}, 40056),
        ({"agentid": "1000002"}, 0),
        ({"touser": ["zhaoyi"]}, 40031),
        ({"touser": "|".join(["zhaoyi"] * 1001)}, 40031),
        ({"touser": ""}, 81013),
        ({"touser": "nobody"}, 81013),
        ({"msgtype": "news"}, 40008),
        ({"duplicate_check_interval": 4 * 3600}, 0),
        ({"duplicate_check_interval": 4 * 3600 + 1}, 40058),
        ({"textcard": {**CARD, "title": "字" * 128}}, 0),
        ({"textcard": {**CARD, "title": "字" * 129}}, 40058),
        ({"textcard": {**CARD, "title": ""}}, 40058),
        ({"textcard": {**CARD, "description": "字" * 512}}, 0),
        ({"textcard": {**CARD, "description": "字" * 513}}, 40058),
        ({"textcard": {**CARD, "url": ""}}, 40058),
        ({"textcard": {**CARD, "url": "javascript:alert(1)"}}, 40058),
        ({"textcard": {**CARD, "btntxt": "查看详情页"}}, 40058),
        ({"textcard": {"title": "督办提醒", "description": "请办理。"}}, 40058),
        ({"msgtype": "text", "text": {"content": "请办理。"}}, 0),
        ({"msgtype": "text", "text": {"content": "字" * 683}}, 45002),
    ],
)
def test_codes(api: Api, other: dict[str, object], code: int) -> None:
    assert api.send(**other)["errcode"] == code
    assert len(api.inbox.rows()) == (code == 0)


def test_unknown_members_are_named_and_the_others_get_it(api: Api) -> None:
    answer = api.send(touser="ZhaoYi|NoBody|Else")
    assert (answer["errcode"], answer["invaliduser"]) == (0, "nobody|else")
    assert [row.address for row in api.inbox.rows()] == ["ZhaoYi"]


def test_without_contacts_everybody_is_known(options: Options, inbox: Inbox) -> None:
    assert Api(replace(options, contacts={}), inbox).send(touser="nobody")["errcode"] == 0


def test_the_same_again_is_taken_and_not_delivered(api: Api) -> None:
    for minutes in (0, 29, 30):
        assert api.send(NOON + timedelta(minutes=minutes))["errcode"] == 0
    assert api.fates() == [Fate.DELIVERED, Fate.DUPLICATE, Fate.DELIVERED]
    assert api.inbox.counts()["wecom"] == 3


def test_without_the_check_the_same_again_is_delivered(api: Api) -> None:
    api.send(enable_duplicate_check=0)
    api.send(enable_duplicate_check=0)
    assert api.fates() == [Fate.DELIVERED, Fate.DELIVERED]


def test_the_surplus_of_a_minute_is_dropped_in_silence(api: Api) -> None:
    answers = [api.send(NOON + timedelta(seconds=n), enable_duplicate_check=0) for n in range(31)]
    assert {answer["errcode"] for answer in answers} == {0}
    assert api.fates() == [Fate.DELIVERED] * 30 + [Fate.DROPPED]
    api.send(NOON + timedelta(seconds=60), enable_duplicate_check=0)
    assert api.fates()[-1] is Fate.DELIVERED


def test_the_surplus_of_an_hour_is_dropped_in_silence(api: Api) -> None:
    for n in range(1001):
        api.send(NOON + timedelta(seconds=3 * n), enable_duplicate_check=0)
    assert api.fates() == [Fate.DELIVERED] * 1000 + [Fate.DROPPED]


def test_frequency_is_remembered_over_a_restart(api: Api) -> None:
    for _ in range(30):
        api.send(enable_duplicate_check=0)
    again = Api(api.options, api.inbox)
    again.send(enable_duplicate_check=0)
    assert again.fates()[-1] is Fate.DROPPED
