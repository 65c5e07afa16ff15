"""The verifier against the vectors that Tencent Cloud publishes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from daemon.sandbox.request import Request
from daemon.sandbox.tc3 import canonical_request, refusal, signature

STAMP = 1551113065
AT = datetime.fromtimestamp(STAMP, UTC)
BODY = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
HEADERS = {
    "content-type": "application/json; charset=utf-8",
    "host": "cvm.tencentcloudapi.com",
    "x-tc-action": "DescribeInstances",
    "x-tc-timestamp": str(STAMP),
}
OLD = {
    "id": "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE",
    "key": "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE",
    "signed": "content-type;host",
    "canonical": "5ffe6a04c0664d6b969fab9a13bdab201d63ee709638e2749d62a09ca18d7031",
    "signature": "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168",
}
NEW = {
    "id": "AKID" + "*" * 32,
    "key": "*" * 32,
    "signed": "content-type;host;x-tc-action",
    "canonical": "7019a55be8395899b900fb5564e4200d984910f34794a27cb3fb7d10ff6a1e84",
    "signature": "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f",
}


def signed_request(vector: dict[str, str]) -> Request:
    scope = f"{vector['id']}/2019-02-25/cvm/tc3_request"
    claim = (
        f"TC3-HMAC-SHA256 Credential={scope}, SignedHeaders={vector['signed']}, "
        f"Signature={vector['signature']}"
    )
    return Request("POST", "/", "", {**HEADERS, "authorization": claim}, BODY)


@pytest.mark.parametrize("vector", [OLD, NEW], ids=["2019", "newer"])
def test_published_vectors(vector: dict[str, str]) -> None:
    canonical = canonical_request(signed_request(vector), vector["signed"].split(";"))
    assert hashlib.sha256(canonical.encode()).hexdigest() == vector["canonical"]
    made = signature(vector["key"], canonical, timestamp=STAMP, date="2019-02-25", service="cvm")
    assert made == vector["signature"]


@pytest.mark.parametrize("vector", [OLD, NEW], ids=["2019", "newer"])
def test_what_is_signed_is_let_in(vector: dict[str, str]) -> None:
    assert refusal(signed_request(vector), {vector["id"]: vector["key"]}, "cvm", AT) is None


GOOD = signed_request(NEW)
CLAIM = GOOD.headers["authorization"]


def with_header(name: str, value: str) -> Request:
    return replace(GOOD, headers={**GOOD.headers, name: value})


@pytest.mark.parametrize(
    ("request_", "skew", "code"),
    [
        (GOOD, timedelta(minutes=5), None),
        (GOOD, timedelta(minutes=5, seconds=1), "SignatureExpire"),
        (GOOD, -timedelta(minutes=5, seconds=1), "SignatureExpire"),
        (replace(GOOD, body=BODY + b" "), timedelta(), "SignatureFailure"),
        (replace(GOOD, path="/x"), timedelta(), "SignatureFailure"),
        (with_header("host", "sms.tencentcloudapi.com"), timedelta(), "SignatureFailure"),
        (with_header("x-tc-timestamp", str(STAMP + 1)), timedelta(), "SignatureFailure"),
        (
            with_header("authorization", CLAIM.replace("2019-02-25", "2019-02-26")),
            timedelta(),
            "SignatureFailure",
        ),
        (
            with_header("authorization", CLAIM.replace("content-type;host", "content-type")),
            timedelta(),
            "SignatureFailure",
        ),
        (with_header("authorization", CLAIM.replace("AKID", "AKIE")), timedelta(), "SecretIdNotFound"),
        (with_header("authorization", "Bearer x"), timedelta(), "InvalidAuthorization"),
        (with_header("x-tc-timestamp", "now"), timedelta(), "InvalidAuthorization"),
    ],
)
def test_what_is_refused(request_: Request, skew: timedelta, code: str | None) -> None:
    no = refusal(request_, {NEW["id"]: NEW["key"]}, "cvm", AT + skew)
    assert (no and no.code) == (code and f"AuthFailure.{code}")
