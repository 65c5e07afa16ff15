"""The channels against stand-ins that were written from the providers' descriptions by somebody else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.channels import Channel, Message
from daemon.channels.build import build_channels
from daemon.channels.tokens import MemoryTokens
from daemon.errors import DeliveryError, UnknownOutcomeError
from daemon.sandbox import FaultKind, Options, Sandbox
from tests.servers import PATIENCE

MESSAGES = {
    "email": Message(
        "k1", "head0@panshi.example", "东宁街道主要负责人", {"subject": "提醒", "text": "有2项"}
    ),
    "sms": Message(
        "k2", "13800138000", "联络员", {"text": "", "template": "due", "params": ["2", "8月31日"]}
    ),
    "wecom": Message("k3", "head0", "东宁街道主要负责人", {"title": "提醒", "description": "有2项"}),
}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    options = Options(
        state=tmp_path / "sandbox",
        smtp_user="duban",
        smtp_password="hush",
        tencent_secret_id="AKID",
        tencent_secret_key="hush",
        tencent_app_id="1400000001",
        tencent_sign="磐石软环境办",
        sms_templates={"1001": "您单位有{1}项督办事项将于{2}到期，请登录平台办理。"},
        wecom_corp_id="ww1",
        wecom_secret="hush",
        wecom_agent_id=1000002,
    )
    with Sandbox(options) as running:
        yield running


@pytest.fixture
def channels(sandbox: Sandbox, tmp_path: Path) -> Iterator[Mapping[str, Channel]]:
    url = f"http://127.0.0.1:{sandbox.http_port}"
    email = {
        "provider": "smtp",
        "host": "127.0.0.1",
        "port": sandbox.smtp_port,
        "username": "duban",
        "password": "hush",
        "sender": "duban@panshi.example",
        "ca_file": sandbox.ca_file,
    }
    sms = {
        "provider": "tencent",
        "secret_id": "AKID",
        "secret_key": "hush",
        "app_id": "1400000001",
        "sign": "磐石软环境办",
        "templates": {"due": {"id": "1001", "params": ["count", "day"]}},
        "url": url,
    }
    wecom = {
        "provider": "wecom",
        "corp_id": "ww1",
        "secret": "hush",
        "agent_id": 1000002,
        "base_url": url,
        "default_url": "https://duban.panshi.example/",
    }
    made = build_channels({"email": email, "sms": sms, "wecom": wecom}, tmp_path / "spool", MemoryTokens())
    opened = {name: make() for name, make in made.items()}
    yield opened
    for channel in opened.values():
        channel.close()


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_arrives_with_its_marks(
    sandbox: Sandbox, channels: Mapping[str, Channel], name: str
) -> None:
    message = MESSAGES[name]
    channels[name].send(
        Message(message.key, message.address, message.name, message.content, repeat=True, items=(1, 2))
    )
    [row] = sandbox.rows()
    assert (row["channel"], str(row["address"]).removeprefix("+86")) == (name, message.address)
    assert (row["key"], row["items"], row["repeat"]) == (message.key, [1, 2], True)


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (FaultKind.TIMEOUT, UnknownOutcomeError),
        (FaultKind.DRIP, UnknownOutcomeError),
        (FaultKind.RESET, UnknownOutcomeError),
        (FaultKind.REFUSE, UnknownOutcomeError),
        (FaultKind.BROKEN, DeliveryError),
        (FaultKind.THROTTLE, DeliveryError),
    ],
)
def test_a_fault_is_what_the_sandbox_says_it_is(
    sandbox: Sandbox, channels: Mapping[str, Channel], name: str, fault: FaultKind, error: type[Exception]
) -> None:
    sandbox.faults.switch_on(name, fault)
    # Where nothing but the call's own end ends it, there must be time enough for the message to leave.
    seconds = 3.0 if fault in (FaultKind.TIMEOUT, FaultKind.DRIP) else PATIENCE
    with pytest.raises(error):
        channels[name].send(replace(MESSAGES[name], timeout=seconds))


def test_a_token_that_dies_before_its_time_is_renewed(
    sandbox: Sandbox, channels: Mapping[str, Channel]
) -> None:
    channels["wecom"].send(MESSAGES["wecom"])
    sandbox.faults.switch_on("wecom", FaultKind.TOKEN)
    message = MESSAGES["wecom"]
    channels["wecom"].send(Message("k4", message.address, message.name, message.content))
    assert sandbox.counts()["wecom"] == 2


def test_a_repeated_card_is_shown_once(sandbox: Sandbox, channels: Mapping[str, Channel]) -> None:
    for _ in range(2):
        channels["wecom"].send(MESSAGES["wecom"])
    assert [row["fate"] for row in sandbox.rows()] == ["delivered", "duplicate"]
