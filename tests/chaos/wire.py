"""Counts at the wire: every message whose bytes came whole to a stand-in, before any check of its own.

Wrapped around the stand-ins in the sandbox's process; ``wire.jsonl`` has one line a message and address. What
was taken is written as soon as it is: the process may be killed the moment after.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from threading import Lock
from typing import Any

from daemon import clock
from daemon.sandbox import faults, gateway, inbox, mail
from daemon.sandbox.request import Marks, marks
from tests.chaos.harm import DOUBTFUL, WORDS
from tests.chaos.journal import Arrival, Fault

FILE, SPOILED = "wire.jsonl", "spoiled.jsonl"
_kept: ContextVar[list[inbox.Row]] = ContextVar("_kept")


class Wire:
    """Writes down what comes."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._lock = Lock()

    def came(self, channel: str, address: str, mine: Marks, text: str, *, taken: bool) -> None:
        line = {
            "at": clock.now().isoformat(),
            "wall": clock.wall().isoformat(),
            "channel": channel,
            "address": address,
            "items": list(mine.items),
            "repeat": mine.repeat,
            "key": mine.key,
            "text": text,
            "taken": taken,
        }
        with self._lock:
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._file.flush()


def arrivals(folder: Path) -> list[Arrival]:
    """Return what came, in order; the last line may have been cut off."""
    return [_arrival(line) for line in _lines(folder / FILE)]


def _arrival(line: Mapping[str, Any]) -> Arrival:
    instants = {name: datetime.fromisoformat(line[name]) for name in ("at", "wall")}
    return Arrival(**{**line, **instants, "items": tuple(line["items"])})


def wrap(folder: Path) -> None:
    """Let this process, a sandbox to be, count."""
    wire = Wire(folder / FILE)
    _wrap_inbox(wire)
    _wrap_gateway(wire)
    _wrap_mail(wire)
    _wrap_faults(folder / SPOILED)


def _wrap_faults(path: Path) -> None:
    """Write down each fault of a provider when a message meets with it."""
    take = faults.Faults.take
    file = path.open("a", encoding="utf-8")
    lock = Lock()

    def noted(self: faults.Faults, channel: str) -> faults.FaultKind | None:
        kind = take(self, channel)
        if kind is not None:
            line = {"at": clock.now().isoformat(), "wall": clock.wall().isoformat(), "kind": kind}
            with lock:
                file.write(json.dumps(line | {"channel": channel}) + "\n")
                file.flush()
        return kind

    faults.Faults.take = noted  # type: ignore[method-assign]


def spoiled(folder: Path) -> list[Fault]:
    """Return the faults that messages met with, in order."""
    return [_fault(line) for line in _lines(folder / SPOILED)]


def slow(folder: Path) -> list[Fault]:
    """Return the tries that lasted so long that they may have been given up, though nothing was injected."""
    return [_fault(line) for line in _lines(folder / "slow.jsonl")]


def _fault(line: Mapping[str, Any]) -> Fault:
    at, wall = datetime.fromisoformat(line["at"]), datetime.fromisoformat(line["wall"])
    kind = line["kind"]
    return Fault(at, at, WORDS[kind], line["channel"], "", kind in DOUBTFUL, 1, wall, wall)


def _lines(path: Path) -> list[dict[str, Any]]:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def _wrap_inbox(wire: Wire) -> None:
    keep = inbox.Inbox.keep

    def counted(self: inbox.Inbox, row: inbox.Row) -> inbox.Row:
        wire.came(
            row.channel,
            row.address,
            Marks(row.key, row.items, row.repeat),
            row.text or row.subject,
            taken=True,
        )
        _kept.get().append(row)
        return keep(self, row)

    inbox.Inbox.keep = counted  # type: ignore[method-assign]


def _wrap_gateway(wire: Wire) -> None:
    message = gateway._Handler._message

    def counted(self: Any, provider: gateway.Provider, body: bytes) -> None:
        kept: list[inbox.Row] = []
        token = _kept.set(kept)
        try:
            message(self, provider, body)
        finally:
            _kept.reset(token)
            if not kept:
                asked = _loaded(body)
                mine = marks(
                    {n.lower(): v for n, v in self.headers.items()}, str(asked.get("SessionContext", ""))
                )
                numbers = asked.get("PhoneNumberSet")
                address = numbers[0] if isinstance(numbers, list) and numbers else asked.get("touser", "")
                wire.came(provider.channel, str(address).removeprefix("+86"), mine, "", taken=False)

    gateway._Handler._message = counted  # type: ignore[method-assign]


def _wrap_mail(wire: Wire) -> None:
    handle = mail._Keeper.handle_DATA

    async def counted(self: Any, server: Any, session: Any, envelope: Any) -> str:
        kept: list[inbox.Row] = []
        token = _kept.set(kept)
        try:
            return await handle(self, server, session, envelope)
        finally:
            _kept.reset(token)
            if not kept:
                message = message_from_bytes(envelope.content, policy=policy.default)
                assert isinstance(message, EmailMessage)
                headers = {name.lower(): str(value) for name, value in message.items()}
                mine = marks(headers, headers.get("message-id", "").strip("<> ").partition("@")[0])
                wire.came("email", envelope.rcpt_tos[0], mine, "", taken=False)

    setattr(mail._Keeper, "handle_DATA", counted)  # noqa: B010 - mypy knows its type


def _loaded(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
