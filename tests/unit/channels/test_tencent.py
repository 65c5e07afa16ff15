"""Signatures against the two published vectors of TC3-HMAC-SHA256, and what never leaves the house."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from daemon.channels import Message
from daemon.channels.tencent import TencentSms, TencentTemplate, authorization
from daemon.errors import DeliveryError

PAYLOAD = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
AT = datetime.fromtimestamp(1551113065, UTC)
HEADERS = {"Host": "cvm.tencentcloudapi.com", "Content-Type": "application/json; charset=utf-8"}
OLDER = "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
NEWER = "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"


@pytest.mark.parametrize(
    ("secret_id", "secret_key", "signed", "names", "signature"),
    [
        (
            "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE",
            "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE",
            HEADERS,
            "content-type;host",
            OLDER,
        ),
        (
            "AKID" + "*" * 32,
            "*" * 32,
            HEADERS | {"X-TC-Action": "DescribeInstances"},
            "content-type;host;x-tc-action",
            NEWER,
        ),
    ],
)
def test_published_vector(
    secret_id: str, secret_key: str, signed: dict[str, str], names: str, signature: str
) -> None:
    header = authorization(
        secret_id=secret_id, secret_key=secret_key, service="cvm", signed=signed, payload=PAYLOAD, at=AT
    )
    assert header == (
        f"TC3-HMAC-SHA256 Credential={secret_id}/2019-02-25/cvm/tc3_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )


def sms() -> TencentSms:
    templates = {"due": TencentTemplate("1001", ("count", "day")), "plain": TencentTemplate("1002")}
    # Nothing listens on port 9: whatever got past the checks would fail as "connect".
    return TencentSms(
        "id", "key", "1400000001", "磐石软环境办", "ap-guangzhou", templates, url="http://127.0.0.1:9"
    )


@pytest.mark.parametrize(
    ("address", "template", "params", "code"),
    [
        ("13800138000", "due", ["2", "十二月三十一日"], "params"),  # 7 characters where 6 are allowed
        ("13800138000", "due", ["2"], "params"),
        ("13800138000", "plain", ["2"], "params"),
        ("13800138000", "nobody-knows", [], "template"),
        ("0432-65220000", "plain", [], "address"),
        ("13800138000,13800138001", "plain", [], "address"),
        ("", "plain", [], "address"),
        ("+86 138-0013-8000", "due", ["2", "8月31日"], "connect"),
        ("8613800138000", "due", ["2", "十二月三十日"], "connect"),
    ],
)
def test_what_a_template_cannot_carry_is_refused_and_never_cut(
    address: str, template: str, params: list[str], code: str
) -> None:
    message = Message("k1", address, "某人", {"text": "", "template": template, "params": params}, timeout=1)
    with pytest.raises(DeliveryError) as caught:
        sms().send(message)
    assert (caught.value.code, caught.value.permanent) == (code, code != "connect")


def test_the_key_is_in_no_repr() -> None:
    assert "hush" not in repr(TencentSms("id", "hush", "1", "s", "r", {}))
