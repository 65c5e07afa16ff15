"""Tencent's rules, one line each."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daemon.sandbox.inbox import Inbox
from daemon.sandbox.options import Contacts, Options
from daemon.sandbox.request import Request
from daemon.sandbox.sms import TencentSms, fits_rules, segments
from daemon.sandbox.tc3 import canonical_request, signature

NOON = datetime(2018, 12, 27, 4, 0, tzinfo=UTC)
WALL = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PLAIN: dict[str, Any] = {
    "PhoneNumberSet": ["+8613800000001"],
    "SmsSdkAppId": "1400000000",
    "TemplateId": "1001",
    "SignName": "磐石市软环境建设办公室",
    "TemplateParamSet": ["2", "8月31日"],
    "SessionContext": "key1",
}
SIGNED = ["content-type", "host", "x-tc-action"]


def signed(options: Options, asked: object, **headers: str) -> Request:
    body = json.dumps(asked).encode() if not isinstance(asked, bytes) else asked
    stamp = int(WALL.timestamp())
    plain = {
        "content-type": "application/json; charset=utf-8",
        "host": "127.0.0.1:8000",
        "x-tc-action": "SendSms",
        "x-tc-version": "2021-01-11",
        "x-tc-region": "ap-guangzhou",
        "x-tc-timestamp": str(stamp),
        **headers,
    }
    request = Request("POST", "/", "", plain, body)
    day = WALL.date().isoformat()
    mark = signature(
        options.tencent_secret_key,
        canonical_request(request, SIGNED),
        timestamp=stamp,
        date=day,
        service="sms",
    )
    claim = (
        f"TC3-HMAC-SHA256 Credential={options.tencent_secret_id}/{day}/sms/tc3_request, "
        f"SignedHeaders={';'.join(SIGNED)}, Signature={mark}"
    )
    return Request("POST", "/", "", {**plain, "authorization": claim}, body)


class Api:
    def __init__(self, options: Options, inbox: Inbox) -> None:
        self.options, self.inbox = options, inbox
        self.sms = TencentSms(options, Contacts(options.contacts), inbox)

    def ask(self, asked: object, at: datetime = NOON, **headers: str) -> dict[str, Any]:
        answer: Any = self.sms.answer(signed(self.options, asked, **headers), at, WALL)
        return answer["Response"]

    def send(self, at: datetime = NOON, **other: object) -> list[str]:
        return [status["Code"] for status in self.ask({**PLAIN, **other}, at)["SendStatusSet"]]


@pytest.fixture
def api(options: Options, inbox: Inbox) -> Api:
    return Api(options, inbox)


def test_a_message_is_taken_and_kept(api: Api) -> None:
    headers = {"x-duban-items": "7,8", "x-duban-repeat": "1"}
    [status] = api.ask(PLAIN, **headers)["SendStatusSet"]
    [row] = api.inbox.rows()
    assert (status["Code"], status["Fee"], status["SessionContext"]) == ("Ok", 1, "key1")
    assert status["SerialNo"] == row.details["serial"]
    assert row.text == "【磐石市软环境建设办公室】督办提醒：贵单位有2项事项将于8月31日到期，请登录平台办理。"
    assert (row.name, row.address, row.at) == ("赵一", "13800000001", "2018-12-27T12:00:00+08:00")
    assert (row.key, row.items, row.repeat) == ("key1", (7, 8), True)


def test_a_rehearsal_is_shown_as_one(api: Api) -> None:
    """A registered text cannot be changed: the header says it."""
    api.ask(PLAIN, **{"x-duban-rehearsal": "1"})
    [row] = api.inbox.rows()
    assert row.text.startswith("【演练】【磐石市软环境建设办公室】")


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"SignName": "督办"}, "FailedOperation.SignatureIncorrectOrUnapproved"),
        ({"TemplateId": "9"}, "FailedOperation.TemplateUnapprovedOrNotExist"),
        ({"TemplateId": "1003"}, "FailedOperation.TemplateUnapprovedOrNotExist"),
        ({"TemplateParamSet": ["2"]}, "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"),
        ({"TemplateParamSet": []}, "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"),
        ({"TemplateParamSet": ["2", "2018年12月31日"]}, "InvalidParameterValue.TemplateParameterLengthLimit"),
        ({"TemplateParamSet": ["2", "a.cn"]}, "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter"),
        ({"TemplateParamSet": ["2", "【月底】"]}, "InvalidParameterValue.TemplateParameterFormatError"),
        ({"TemplateParamSet": ["2", "招商月"]}, "FailedOperation.ContainSensitiveWord"),
        ({"PhoneNumberSet": ["+8612345"]}, "InvalidParameterValue.IncorrectPhoneNumber"),
        ({"PhoneNumberSet": ["13800000001"]}, "Ok"),
    ],
)
def test_codes_of_a_number(api: Api, other: dict[str, object], code: str) -> None:
    assert api.send(**other) == [code]
    assert len(api.inbox.rows()) == (code == "Ok")


@pytest.mark.parametrize(
    ("asked", "headers", "code"),
    [
        (b"{", {}, "InvalidParameter"),
        ([], {}, "InvalidParameter"),
        ({**PLAIN, "TemplateParamSet": [2, 3]}, {}, "InvalidParameter"),
        ({**PLAIN, "PhoneNumberSet": []}, {}, "MissingParameter"),
        ({**PLAIN, "PhoneNumberSet": ["1"] * 201}, {}, "LimitExceeded.PhoneNumberCountLimit"),
        ({**PLAIN, "SmsSdkAppId": "1"}, {}, "UnauthorizedOperation.SmsSdkAppIdVerifyFail"),
        (PLAIN, {"x-tc-action": "SendMail"}, "InvalidAction"),
        (PLAIN, {"x-tc-version": "2019-07-11"}, "NoSuchVersion"),
        (PLAIN, {"x-tc-region": ""}, "MissingParameter"),
    ],
)
def test_errors_of_a_call(api: Api, asked: object, headers: dict[str, str], code: str) -> None:
    answer = api.ask(asked, **headers)
    assert answer["Error"]["Code"] == code
    assert answer["RequestId"]
    assert api.inbox.rows() == ()


def test_a_wrong_key_is_not_let_in(api: Api) -> None:
    request = signed(api.options, PLAIN)
    forged = Request("POST", "/", "", request.headers, request.body.replace(b"1001", b"1002"))
    answer: Any = api.sms.answer(forged, NOON, WALL)
    assert answer["Response"]["Error"]["Code"] == "AuthFailure.SignatureFailure"


def test_frequency_counts_in_office_time(api: Api) -> None:
    half = "LimitExceeded.PhoneNumberThirtySecondLimit"
    assert api.send(NOON) == ["Ok"]
    assert api.send(NOON + timedelta(seconds=29)) == [half]
    assert api.send(NOON + timedelta(seconds=29), TemplateParamSet=["3", "8月31日"]) == ["Ok"]
    assert api.send(NOON + timedelta(seconds=30)) == ["Ok"]
    assert api.send(NOON + timedelta(hours=11, minutes=59)) == ["LimitExceeded.PhoneNumberDailyLimit"]
    assert api.send(NOON + timedelta(hours=12)) == ["Ok"]


def test_frequency_is_remembered_over_a_restart(api: Api) -> None:
    api.send(NOON)
    assert Api(api.options, api.inbox).send(NOON) == ["LimitExceeded.PhoneNumberThirtySecondLimit"]


def test_each_number_has_an_answer_of_its_own(api: Api) -> None:
    codes = api.send(PhoneNumberSet=["13800000001", "12", "13800000002"])
    assert codes == ["Ok", "InvalidParameterValue.IncorrectPhoneNumber", "Ok"]


@pytest.mark.parametrize(("length", "billed"), [(1, 1), (70, 1), (71, 2), (134, 2), (135, 3), (160, 3)])
def test_segments(length: int, billed: int) -> None:
    assert segments("字" * length) == billed


def test_fee_counts_the_signature(api: Api) -> None:
    [status] = api.ask({**PLAIN, "TemplateId": "1002", "TemplateParamSet": []})["SendStatusSet"]
    [row] = api.inbox.rows()
    assert (status["Fee"], row.segments) == (2, 2)


@pytest.mark.parametrize(
    ("template", "approved"),
    [
        ("贵单位有{1}项，{2}到期。", True),
        ("请登录平台办理。", True),
        ("贵单位有{2}项。", False),
        ("贵单位{1}{2}。", False),
        ("{1}", False),
        ("【督办】请办理。", False),
        ("请还贷款。", False),
    ],
)
def test_approval(template: str, approved: bool) -> None:
    assert fits_rules(template) is approved
