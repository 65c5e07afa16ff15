from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from daemon import clock
from daemon.channels import Message
from daemon.channels.tencent import TencentSms, TencentTemplate, authorization
from daemon.errors import DeliveryError, UnknownOutcomeError
from tests.integration.channels.provider import Asked, Behaviour, Provider, answers, hang, patience, reset

CONTENT = {"text": "您单位有2项督办事项将于8月31日到期。", "template": "due", "params": ["2", "8月31日"]}
MESSAGE = Message("k1", "13800138000", "某人", CONTENT, items=(1, 2))


@pytest.fixture
def sms(gateway: Provider) -> Iterator[TencentSms]:
    templates = {"due": TencentTemplate("1001", ("count", "day"))}
    channel = TencentSms("AKID", "hush", "1400000001", "磐石软环境办", "ap-beijing", templates, gateway.url)
    yield channel
    channel.close()


def status(code: str) -> Behaviour:
    number = {
        "SerialNo": "s-1",
        "PhoneNumber": "+8613800138000",
        "Fee": 1,
        "Code": code,
        "Message": "+8613800138000",
    }
    return answers({"Response": {"SendStatusSet": [number], "RequestId": "r-1"}})


def failed(code: str) -> Behaviour:
    return answers({"Response": {"Error": {"Code": code, "Message": "hush"}, "RequestId": "r-1"}})


def test_what_is_sent(sms: TencentSms, gateway: Provider) -> None:
    gateway.will(status("Ok"))
    receipt = sms.send(MESSAGE)
    assert (receipt.provider_id, receipt.detail) == ("s-1", {"segments": "1", "request": "r-1"})
    [asked] = gateway.asked
    assert asked.json == {
        "PhoneNumberSet": ["+8613800138000"],
        "SmsSdkAppId": "1400000001",
        "SignName": "磐石软环境办",
        "SessionContext": "k1",
        "TemplateId": "1001",
        "TemplateParamSet": ["2", "8月31日"],
    }
    assert asked.headers["x-tc-action"] == "SendSms"
    assert asked.headers["x-tc-version"] == "2021-01-11"
    assert asked.headers["x-tc-region"] == "ap-beijing"
    assert asked.headers["x-duban-items"] == "1,2"
    assert_signed(asked)


def assert_signed(asked: Asked) -> None:
    """Sign what arrived once more, at the time that it claims."""
    at = datetime.fromtimestamp(int(asked.headers["x-tc-timestamp"]), UTC)
    assert abs((clock.wall() - at).total_seconds()) < 60
    signed = {name: asked.headers[name] for name in ("content-type", "host", "x-tc-action")}
    assert asked.headers["authorization"] == authorization(
        secret_id="AKID", secret_key="hush", service="sms", signed=signed, payload=asked.body, at=at
    )


@pytest.mark.parametrize(
    ("code", "permanent", "later"),
    [
        ("LimitExceeded.PhoneNumberDailyLimit", False, True),
        ("LimitExceeded.AppDailyLimit", False, True),
        ("LimitExceeded.PhoneNumberSameContentDailyLimit", False, True),
        ("LimitExceeded.PhoneNumberThirtySecondLimit", False, False),
        ("LimitExceeded.PhoneNumberOneHourLimit", False, False),
        ("LimitExceeded.DeliveryFrequencyLimit", False, False),
        ("LimitExceeded.PhoneNumberCountLimit", True, False),
        ("InternalError.OtherError", False, False),
        ("RequestLimitExceeded", False, False),
        ("FailedOperation.ContainSensitiveWord", True, False),
        ("FailedOperation.InsufficientBalanceInSmsPackage", True, False),
        ("FailedOperation.PhoneNumberInBlacklist", True, False),
        ("InvalidParameterValue.IncorrectPhoneNumber", True, False),
        ("UnauthorizedOperation.RequestIpNotInWhitelist", True, False),
        ("AuthFailure.SignatureFailure", True, False),
        ("SomethingNew", True, False),
    ],
)
@pytest.mark.parametrize("refuse", [status, failed])
def test_a_code_says_whether_and_when_to_try_again(
    sms: TencentSms,
    gateway: Provider,
    refuse: Callable[[str], Behaviour],
    code: str,
    permanent: bool,
    later: bool,
) -> None:
    gateway.will(refuse(code))
    with pytest.raises(DeliveryError) as caught:
        sms.send(MESSAGE)
    error = caught.value
    assert (error.code, error.permanent, error.later) == (code, permanent, later)
    assert "13800138000" not in str(error)
    assert "hush" not in str(error)


@pytest.mark.parametrize(
    "behaviour",
    [hang, reset, answers({"Response": {"SendStatusSet": []}}), answers(b"<html>"), answers({}, 504)],
)
def test_no_verdict_on_the_number_is_an_unknown_outcome(
    sms: TencentSms, gateway: Provider, behaviour: Behaviour
) -> None:
    gateway.will(behaviour)
    with pytest.raises(UnknownOutcomeError):
        sms.send(Message("k1", "13800138000", "某人", CONTENT, timeout=patience(behaviour)))


def test_a_sick_gateway_is_tried_again(sms: TencentSms, gateway: Provider) -> None:
    gateway.will(answers({}, 502), status("Ok"))
    with pytest.raises(DeliveryError) as caught:
        sms.send(MESSAGE)
    assert not caught.value.permanent
    assert sms.send(MESSAGE).provider_id == "s-1"
