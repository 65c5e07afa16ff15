"""SMS over Tencent Cloud (API 3.0, SendSms of 2021-01-11)."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from daemon import clock
from daemon.channels import Content, Message, Receipt, deadline
from daemon.channels.exchange import Exchange, read_object
from daemon.channels.marks import marks
from daemon.channels.redact import presentable
from daemon.errors import DeliveryError, UnknownOutcomeError

URL = "https://sms.tencentcloudapi.com"
_ALGORITHM = "TC3-HMAC-SHA256"
_CONTENT_TYPE = "application/json; charset=utf-8"
_MAINLAND = re.compile(r"(?:(?:\+|00)?86)?(1[3-9]\d{9})")
_ABROAD = re.compile(r"\+[1-9]\d{6,14}")

_PASSING = ("InternalError", "RequestLimitExceeded", "ResourceUnavailable", "LimitExceeded")
_PERMANENT = frozenset({"LimitExceeded.PhoneNumberCountLimit"})
_UNTIL_TOMORROW = "DailyLimit"


def authorization(
    *, secret_id: str, secret_key: str, service: str, signed: Mapping[str, str], payload: bytes, at: datetime
) -> str:
    """Return the ``Authorization`` header of a POST to ``/``; ``signed`` are the headers that it covers."""
    headers = {name.lower(): value.strip().lower() for name, value in sorted(signed.items())}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(payload).hexdigest()}"
    day = at.astimezone(UTC).date().isoformat()
    scope = f"{day}/{service}/tc3_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"{_ALGORITHM}\n{int(at.timestamp())}\n{scope}\n{digest}"
    key = b"TC3" + secret_key.encode()
    for step in (day, service, "tc3_request", to_sign):
        key = hmac.digest(key, step.encode(), "sha256")
    return f"{_ALGORITHM} Credential={secret_id}/{scope}, SignedHeaders={names}, Signature={key.hex()}"


@dataclass(frozen=True, slots=True)
class Tc3Auth(AuthBase):
    """Signs a request at the moment it is prepared, by the machine's own clock."""

    secret_id: str
    secret_key: str = field(repr=False)
    service: str = "sms"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        at = clock.wall()
        request.headers["Host"] = urlsplit(str(request.url)).netloc
        request.headers["X-TC-Timestamp"] = str(int(at.timestamp()))
        request.headers["Authorization"] = authorization(
            secret_id=self.secret_id,
            secret_key=self.secret_key,
            service=self.service,
            signed={name: request.headers[name] for name in ("Content-Type", "Host", "X-TC-Action")},
            payload=cast(bytes, request.body),
            at=at,
        )
        return request


@dataclass(frozen=True, slots=True)
class TencentTemplate:
    """An approved template: its number, the names of its parameters in order, and how long each may be."""

    id: str
    params: tuple[str, ...] = ()
    max_len: int = 6


@dataclass(slots=True)
class TencentSms:
    """Sends an approved template to one number. ``sign`` is the bare signature, without 【】.

    A text that the template cannot carry is refused here: nothing is ever cut short.
    """

    secret_id: str
    secret_key: str = field(repr=False)
    app_id: str
    sign: str
    region: str
    templates: Mapping[str, TencentTemplate]
    url: str = URL
    ca_file: Path | None = None
    _exchange: Exchange = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._exchange = Exchange(self.ca_file)

    def send(self, message: Message) -> Receipt:
        body = {
            "PhoneNumberSet": [_e164(message.address)],
            "SmsSdkAppId": self.app_id,
            "SignName": self.sign,
            "SessionContext": message.key,
            **self._filled(message.content),
        }
        with deadline.within(message.timeout):
            answer = read_object(self._exchange.make(self._request(body, marks(message))))
        return _receipt(answer, self.secret_key)

    def close(self) -> None:
        self._exchange.close()

    def _request(self, body: Mapping[str, object], marking: Mapping[str, str]) -> requests.Request:
        headers = {
            "Content-Type": _CONTENT_TYPE,
            "X-TC-Action": "SendSms",
            "X-TC-Version": "2021-01-11",
            "X-TC-Region": self.region,
            **marking,
        }
        data = json.dumps(body, ensure_ascii=False).encode()
        auth = Tc3Auth(self.secret_id, self.secret_key)
        return requests.Request("POST", self.url, headers=headers, data=data, auth=auth)

    def _filled(self, content: Content) -> dict[str, object]:
        name = str(content.get("template") or "")
        template = self.templates.get(name)
        if template is None:
            raise DeliveryError(f"短信模板 {name!r} 没有报备", code="template", permanent=True)
        values = [str(value) for value in cast(list[object], content.get("params") or [])]
        if len(values) != len(template.params):
            raise DeliveryError(
                f"短信模板 {name!r} 要 {len(template.params)} 个参数，给了 {len(values)} 个",
                code="params",
                permanent=True,
            )
        for parameter, value in zip(template.params, values, strict=True):
            if len(value) > template.max_len:
                raise DeliveryError(
                    f"短信参数 {parameter} 超过 {template.max_len} 个字", code="params", permanent=True
                )
        return {"TemplateId": template.id, "TemplateParamSet": values}


def _e164(address: str) -> str:
    digits = re.sub(r"[\s-]", "", address)
    if mainland := _MAINLAND.fullmatch(digits):
        return f"+86{mainland[1]}"
    if _ABROAD.fullmatch(digits):
        return digits
    raise DeliveryError("手机号码不正确", code="address", permanent=True)


def _receipt(answer: Mapping[str, object], secret: str) -> Receipt:
    """Read the verdict on the one number that was asked for: HTTP 200 says nothing of it."""
    response = _mapping(answer.get("Response"))
    if error := _mapping(response.get("Error")):
        raise _refusal(str(error.get("Code")), str(error.get("Message")), secret)
    statuses = response.get("SendStatusSet")
    status = _mapping(statuses[0]) if isinstance(statuses, list) and statuses else {}
    if "Code" not in status:
        raise UnknownOutcomeError("短信服务商的答复里没有这个号码")
    if status["Code"] != "Ok":
        raise _refusal(str(status["Code"]), str(status.get("Message")), secret)
    detail = {"segments": str(status.get("Fee", "")), "request": str(response.get("RequestId", ""))}
    return Receipt(str(status.get("SerialNo", "")), detail)


def _refusal(code: str, words: str, secret: str) -> DeliveryError:
    later = code.startswith("LimitExceeded.") and code.endswith(_UNTIL_TOMORROW)
    passing = code.startswith(_PASSING) and code not in _PERMANENT
    text = f"短信服务商拒收：{code} {presentable(words, secret)}"
    return DeliveryError(text, code=code, permanent=not passing, later=later)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
