"""What a sandbox is told at its start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where the sandbox listens and keeps its state, and the accounts that it honours.

    A port of 0 is chosen by the system. ``sms_templates`` are the approved texts by template id, with
    ``{1}``, ``{2}`` for the parameters. ``contacts`` are names by address (telephone, e-mail, WeCom account);
    where there are none, every WeCom account is known.
    """

    state: Path
    host: str = "127.0.0.1"
    smtp_port: int = 0
    http_port: int = 0
    smtp_user: str
    smtp_password: str = field(repr=False)
    tencent_secret_id: str
    tencent_secret_key: str = field(repr=False)
    tencent_app_id: str
    tencent_sign: str
    sms_templates: Mapping[str, str] = field(default_factory=dict)
    sms_daily_limit: int = 10
    wecom_corp_id: str
    wecom_secret: str = field(repr=False)
    wecom_agent_id: str | int
    contacts: Mapping[str, str] = field(default_factory=dict)


class Contacts:
    """Names by address; +86 before a telephone and capital letters make no difference."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = {plain(address): name for address, name in names.items()}

    def name(self, address: str, otherwise: str = "") -> str:
        return self._names.get(plain(address)) or otherwise or address

    def knows(self, address: str) -> bool:
        return not self._names or plain(address) in self._names


def plain(address: str) -> str:
    """Return the one spelling of an address."""
    return address.strip().lower().removeprefix("+86")
