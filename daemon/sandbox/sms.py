"""A stand-in for Tencent Cloud SMS: ``SendSms`` of version 2021-01-11."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from threading import Lock
from uuid import uuid4

from daemon.sandbox.inbox import CHINA, Inbox, Row, local
from daemon.sandbox.options import Contacts, Options, plain
from daemon.sandbox.request import Marks, Request, marks
from daemon.sandbox.tc3 import Refusal, refusal

MAX_NUMBERS = 200
MAX_CONTENT = 500
MAX_PARAM = 6
SAME_CONTENT = timedelta(seconds=30)
REHEARSAL = "【演练】"
BANNED = ("催款", "征信", "党政", "法律维权", "招商", "贷款")

_HOLE = re.compile(r"\{(\d+)\}")
_MOBILE = re.compile(r"1[3-9]\d{9}")
_URL = re.compile(r"https?:|www\.|[\w-]+\.(?:cn|com|net|org|top|vip)\b", re.IGNORECASE)

Json = dict[str, object]

MESSAGES: Mapping[str, str] = {
    "FailedOperation.SignatureIncorrectOrUnapproved": "Signature is incorrect or unapproved",
    "FailedOperation.TemplateUnapprovedOrNotExist": "Template does not exist or is unapproved",
    "FailedOperation.TemplateParamSetNotMatchApprovedTemplate": "Parameters do not match the template",
    "FailedOperation.ContainSensitiveWord": "Content contains a sensitive word",
    "InvalidParameterValue.TemplateParameterLengthLimit": f"A parameter is longer than {MAX_PARAM}",
    "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter": "A parameter holds a URL",
    "InvalidParameterValue.TemplateParameterFormatError": "A parameter holds 【 or 】, or is empty",
    "InvalidParameterValue.ContentLengthLimit": f"Content is longer than {MAX_CONTENT}",
    "InvalidParameterValue.IncorrectPhoneNumber": "Incorrect phone number",
    "LimitExceeded.PhoneNumberThirtySecondLimit": "The same content to this number within 30 seconds",
    "LimitExceeded.PhoneNumberDailyLimit": "This number has had its messages of today",
    "Ok": "send success",
}


def segments(content: str) -> int:
    """Return how many messages a content is billed as, its 【signature】 included."""
    return 1 if len(content) <= 70 else -(-len(content) // 67)


def fits_rules(template: str) -> bool:
    """Say whether the provider would approve a text: numbered holes, apart, with words around them."""
    holes = [int(n) for n in _HOLE.findall(template)]
    return (
        holes == list(range(1, len(holes) + 1))
        and "}{" not in template
        and bool(_HOLE.sub("", template).strip())
        and not any(word in template for word in (*BANNED, "【", "】"))
    )


@dataclass(frozen=True, slots=True)
class Order:
    """What a call asks for, well-formed."""

    numbers: tuple[str, ...]
    app_id: str
    template: str
    sign: str
    params: tuple[str, ...]
    session: str


class TencentSms:
    """The API; one object serves all connections."""

    channel = "sms"

    def __init__(self, options: Options, contacts: Contacts, inbox: Inbox) -> None:
        self._options, self._contacts, self._inbox = options, contacts, inbox
        self._keys = {options.tencent_secret_id: options.tencent_secret_key}
        self._templates = {key: text for key, text in options.sms_templates.items() if fits_rules(text)}
        self._lock = Lock()
        self._last: dict[tuple[str, str], datetime] = {}
        self._today: Counter[tuple[str, date]] = Counter()
        for row in inbox.rows():
            if row.channel == self.channel:
                self._remember(row.address, row.text, row.instant)

    def answer(self, request: Request, now: datetime, wall: datetime) -> Json:
        """Send, or say why not. ``now`` is office time, which frequency is counted in."""
        if no := self._refusal(request, wall):
            return _failed(no)
        order = _parse(request.body)
        if isinstance(order, Refusal):
            return _failed(order)
        if order.app_id != self._options.tencent_app_id:
            return _failed(Refusal("UnauthorizedOperation.SmsSdkAppIdVerifyFail", "unknown SmsSdkAppId"))
        mine = marks(request.headers, key=order.session)
        with self._lock:
            return _response({"SendStatusSet": [self._send(order, n, mine, now) for n in order.numbers]})

    def throttled(self) -> Json:
        return _failed(Refusal("RequestLimitExceeded", "too many requests"))

    def _refusal(self, request: Request, wall: datetime) -> Refusal | None:
        if no := refusal(request, self._keys, "sms", wall):
            return no
        if request.headers.get("x-tc-action") != "SendSms":
            return Refusal("InvalidAction", "the action is not found")
        if request.headers.get("x-tc-version") != "2021-01-11":
            return Refusal("NoSuchVersion", "the version of the API does not exist")
        if not request.headers.get("x-tc-region"):
            return Refusal("MissingParameter", "X-TC-Region is missing")
        return None

    def _send(self, order: Order, number: str, mine: Marks, now: datetime) -> Json:
        address = plain(number)
        text = self._content(order)
        shown = f"{REHEARSAL}{text}" if mine.rehearsal else text
        code = self._unfit(order, text) or self._untimely(address, text, now) or "Ok"
        if code != "Ok":
            return _status(order, number, code)
        serial = uuid4().hex
        self._remember(address, text, now)
        self._inbox.keep(
            Row(
                channel=self.channel,
                address=address,
                name=self._contacts.name(address),
                at=local(now),
                key=mine.key,
                items=mine.items,
                repeat=mine.repeat,
                text=shown,
                segments=segments(text),
                details={"template": order.template, "serial": serial},
            )
        )
        return _status(order, number, code, serial=serial, fee=segments(text))

    def _content(self, order: Order) -> str:
        """Return what the telephone would show; holes without a parameter stay."""
        filled = dict(enumerate(order.params, start=1))
        body = _HOLE.sub(
            lambda hole: filled.get(int(hole[1]), hole[0]), self._templates.get(order.template, "")
        )
        return f"【{order.sign}】{body}"

    def _unfit(self, order: Order, text: str) -> str | None:
        """Return the code of what is wrong with a message, whoever is to get it."""
        if order.sign != self._options.tencent_sign:
            return "FailedOperation.SignatureIncorrectOrUnapproved"
        if order.template not in self._templates:
            return "FailedOperation.TemplateUnapprovedOrNotExist"
        if len(order.params) != len(_HOLE.findall(self._templates[order.template])):
            return "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"
        if any(_URL.search(param) for param in order.params):
            return "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter"
        if any(len(param) > MAX_PARAM for param in order.params):
            return "InvalidParameterValue.TemplateParameterLengthLimit"
        if any(not param or "【" in param or "】" in param for param in order.params):
            return "InvalidParameterValue.TemplateParameterFormatError"
        if len(text) > MAX_CONTENT:
            return "InvalidParameterValue.ContentLengthLimit"
        if any(word in param for param in order.params for word in BANNED):
            return "FailedOperation.ContainSensitiveWord"
        return None

    def _untimely(self, address: str, text: str, now: datetime) -> str | None:
        """Return the code of what is wrong with sending this to this number at this moment."""
        if not _MOBILE.fullmatch(address):
            return "InvalidParameterValue.IncorrectPhoneNumber"
        last = self._last.get((address, text))
        if last is not None and timedelta() <= now - last < SAME_CONTENT:
            return "LimitExceeded.PhoneNumberThirtySecondLimit"
        if self._today[address, _day(now)] >= self._options.sms_daily_limit:
            return "LimitExceeded.PhoneNumberDailyLimit"
        return None

    def _remember(self, address: str, text: str, now: datetime) -> None:
        self._last[address, text] = now
        self._today[address, _day(now)] += 1


def _day(now: datetime) -> date:
    return now.astimezone(CHINA).date()


def _parse(body: bytes) -> Order | Refusal:
    """Read the parameters of a call; a fault names the first that is missing or of the wrong kind."""
    try:
        given = json.loads(body)
    except ValueError:
        return Refusal("InvalidParameter", "the body is not JSON")
    if not isinstance(given, dict):
        return Refusal("InvalidParameter", "the body is not a JSON object")
    for name in ("PhoneNumberSet", "SmsSdkAppId", "TemplateId"):
        if not given.get(name):
            return Refusal("MissingParameter", f"{name} is missing")
    numbers, params = given["PhoneNumberSet"], given.get("TemplateParamSet") or []
    if not (_texts(numbers) and _texts(params)):
        return Refusal("InvalidParameter", "PhoneNumberSet and TemplateParamSet are arrays of strings")
    if len(numbers) > MAX_NUMBERS:
        return Refusal("LimitExceeded.PhoneNumberCountLimit", f"more than {MAX_NUMBERS} numbers")
    words = [given.get(name, "") for name in ("SmsSdkAppId", "TemplateId", "SignName", "SessionContext")]
    if not _texts(words):
        return Refusal("InvalidParameter", "a parameter is not a string")
    app_id, template, sign, session = words
    if len(session.encode()) > 512:
        return Refusal("InvalidParameter", "SessionContext is longer than 512 bytes")
    return Order(tuple(numbers), app_id, template, sign, tuple(params), session)


def _texts(values: object) -> bool:
    return isinstance(values, Sequence) and all(isinstance(value, str) for value in values)


def _status(order: Order, number: str, code: str, *, serial: str = "", fee: int = 0) -> Json:
    return {
        "SerialNo": serial,
        "PhoneNumber": number if number.startswith("+") else f"+86{number}",
        "Fee": fee,
        "SessionContext": order.session,
        "Code": code,
        "Message": MESSAGES[code],
        "IsoCode": "CN",
    }


def _failed(no: Refusal) -> Json:
    return _response({"Error": {"Code": no.code, "Message": no.message}})


def _response(content: Json) -> Json:
    return {"Response": {**content, "RequestId": str(uuid4())}}
