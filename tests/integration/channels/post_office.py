"""An SMTP server that behaves, or misbehaves, as it is told."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.servers import PATIENCE

USER, PASSWORD = b"duban", b"hush"
DRIP_SECONDS = 0.02


@dataclass
class PostOffice:
    """What arrived, and what will be answered: one reply a command, in order; without one, 250."""

    port: int = 0
    mails: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    replies: dict[str, list[str]] = field(default_factory=dict)
    on_data: Callable[[SMTP], Awaitable[str]] | None = None
    servers: list[SMTP] = field(default_factory=list)
    hang_up: Callable[[], None] = lambda: None

    def reply(self, command: str) -> str | None:
        waiting = self.replies.get(command)
        return waiting.pop(0) if waiting else None

    def met(self, server: SMTP) -> None:
        if server not in self.servers:
            self.servers.append(server)

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.met(server)
        if reply := self.reply("MAIL"):
            return reply
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if reply := self.reply("RCPT"):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.on_data is not None:
            return await self.on_data(server)
        if reply := self.reply("DATA"):
            return reply
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content)
        self.recipients += envelope.rcpt_tos
        return "250 queued as Q1"


async def hang(_server: SMTP) -> str:
    """Take the mail, and never say so."""
    await asyncio.Event().wait()
    return "250 too late"


async def drip(server: SMTP) -> str:
    """Say so a byte at a time, each in good time, for ever."""
    while not _transport(server).is_closing():
        _transport(server).write(b"2")
        await asyncio.sleep(DRIP_SECONDS)
    return "250 too late"


async def reset(server: SMTP) -> str:
    _transport(server).abort()
    return "250 too late"


async def babble(server: SMTP) -> str:
    _transport(server).write(b"what?\r\n")
    return "250 too late"


def _transport(server: SMTP) -> asyncio.Transport:
    assert isinstance(server.transport, asyncio.Transport)
    return server.transport


class _Controller(Controller):
    """A controller that says which port the system chose."""

    def _create_server(self) -> Awaitable[asyncio.AbstractServer]:
        listening = socket.create_server((self.hostname, 0))
        self.port = listening.getsockname()[1]
        return self.loop.create_server(self._factory_invoker, sock=listening, ssl=self.ssl_context)


def _authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _how: str, given: Any) -> AuthResult:
    assert isinstance(given, LoginPassword)
    return AuthResult(success=(given.login, given.password) == (USER, PASSWORD), handled=False)


@contextmanager
def post_office(
    *, starttls: ssl.SSLContext | None = None, smtps: ssl.SSLContext | None = None
) -> Iterator[PostOffice]:
    """Run a server; over STARTTLS it insists on a user and a password."""
    office = PostOffice()
    options: dict[str, Any] = {}
    if starttls:
        options = {"tls_context": starttls, "require_starttls": True, "auth_required": True}
    if smtps:
        options = {"ssl_context": smtps, "auth_require_tls": False}  # it knows of TLS by STARTTLS only
    controller = _Controller(
        office, hostname="127.0.0.1", authenticator=_authenticate, ready_timeout=PATIENCE, **options
    )
    controller.start()
    office.port = controller.port
    office.hang_up = lambda: _hang_up(controller.loop, office)
    try:
        yield office
    finally:
        _hang_up(controller.loop, office)
        controller.stop()


def _hang_up(loop: asyncio.AbstractEventLoop, office: PostOffice) -> None:
    """Break every connection, from the server's thread; they are broken when this returns."""

    async def abort() -> None:
        for server in office.servers:
            if server.transport is not None:
                _transport(server).abort()
        await asyncio.sleep(0)

    asyncio.run_coroutine_threadsafe(abort(), loop).result(timeout=PATIENCE)
