from __future__ import annotations

from pathlib import Path

import pytest

from daemon.channels import Message
from daemon.channels.build import Settings, build_channels
from daemon.channels.mail import SmtpChannel
from daemon.channels.manual import ManualChannel
from daemon.channels.spool import SpoolChannel
from daemon.channels.tencent import TencentSms, TencentTemplate
from daemon.channels.tokens import MemoryTokens
from daemon.channels.wecom import WeComChannel
from daemon.errors import FaultyInputError

SETTINGS: Settings = {
    "email": {
        "provider": "smtp",
        "host": "mail.panshi.example",
        "username": "duban",
        "password": "hush",
        "sender": "duban@panshi.example",
        "sender_name": "磐石市软环境建设办公室",
    },
    "sms": {
        "provider": "tencent",
        "secret_id": "AKID",
        "secret_key": "hush",
        "app_id": 1400000001,
        "sign": "磐石软环境办",
        "templates": {"due": {"id": 1001, "params": ["count", "day"]}},
    },
    "wecom": {"provider": "wecom", "corp_id": "ww1", "secret": "hush", "agent_id": 1000002},
    "files": {"provider": "spool"},
}


def test_every_provider_makes_its_channel(tmp_path: Path) -> None:
    tokens = MemoryTokens()
    made = {name: make() for name, make in build_channels(SETTINGS, tmp_path, tokens).items()}
    kinds = {name: type(channel) for name, channel in made.items()}
    assert kinds == {
        "email": SmtpChannel,
        "sms": TencentSms,
        "wecom": WeComChannel,
        "files": SpoolChannel,
        "spool": SpoolChannel,
        "manual": ManualChannel,
    }
    email, sms, wecom = made["email"], made["sms"], made["wecom"]
    assert isinstance(email, SmtpChannel)
    assert (email.port, email.security, email.password) == (587, "starttls", "hush")
    assert isinstance(sms, TencentSms)
    assert sms.templates == {"due": TencentTemplate("1001", ("count", "day"), 6)}
    assert sms.app_id == "1400000001"
    assert isinstance(wecom, WeComChannel)
    assert wecom.tokens is tokens
    assert "hush" not in repr(made)


def test_each_worker_gets_its_own(tmp_path: Path) -> None:
    make = build_channels(SETTINGS, tmp_path, MemoryTokens())["email"]
    assert make() is not make()


def test_two_spools_do_not_share_a_folder(tmp_path: Path) -> None:
    channels = build_channels(SETTINGS, tmp_path, MemoryTokens())
    for name in ("files", "spool"):
        channels[name]().send(Message("k1", "a", "n", {}))
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.json")) == [
        "files/k1.json",
        "spool/k1.json",
    ]


@pytest.mark.parametrize(
    ("name", "options", "key"),
    [
        ("email", {"host": "h"}, "providers.email"),
        ("email", {"provider": "fax"}, "providers.email"),
        ("email", {**SETTINGS["email"], "secrity": "none"}, "providers.email.secrity"),
        ("email", {**SETTINGS["email"], "port": "hush"}, "providers.email.port"),
        ("email", {**SETTINGS["email"], "sender": "hush"}, "providers.email.sender"),
        ("sms", {**SETTINGS["sms"], "secret_key": ""}, "providers.sms.secret_key"),
        ("sms", {**SETTINGS["sms"], "templates": {"due": {}}}, "providers.sms.templates.due.id"),
        ("wecom", {**SETTINGS["wecom"], "base_url": "ftp://x"}, "providers.wecom.base_url"),
    ],
)
def test_a_faulty_option_is_named_and_its_value_is_not(
    tmp_path: Path, name: str, options: dict[str, object], key: str
) -> None:
    with pytest.raises(FaultyInputError) as caught:
        build_channels({name: options}, tmp_path, MemoryTokens())
    assert [fault.key for fault in caught.value.faults] == [key]
    assert "hush" not in str(caught.value)
