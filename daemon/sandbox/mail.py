"""A stand-in for the mail server: submission over STARTTLS, with a user and a password."""

from __future__ import annotations

import asyncio
import hmac
import logging
import socket
import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parseaddr
from threading import Event, Thread
from weakref import WeakSet

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from daemon import clock
from daemon.sandbox.faults import TAKEN, FaultKind, Faults
from daemon.sandbox.inbox import Inbox, Row, local
from daemon.sandbox.options import Contacts, Options
from daemon.sandbox.request import marks

MAX_BYTES = 10 * 1024 * 1024
HOLD_SECONDS = 120.0
DRIP_SECONDS = 1.0
GOODBYE_SECONDS = 2.0
_SHOWN = ("From", "To", "Cc", "Reply-To", "Date", "Message-ID")

# aiosmtpd narrates each command; what a sandbox has to say is its inbox.
logging.getLogger("mail.log").setLevel(logging.ERROR)


class MailServer:
    """The server, in a thread of its own.

    aiosmtpd's own controller is not used: it closes its loop over connections that are still being served.
    """

    def __init__(
        self, options: Options, contacts: Contacts, inbox: Inbox, faults: Faults, tls: ssl.SSLContext
    ) -> None:
        self._address = (options.host, options.smtp_port)
        self._keeper = _Keeper(contacts, inbox, faults)
        self._door = _Door(options.smtp_user, options.smtp_password)
        self._tls = tls
        self._connections: WeakSet[SMTP] = WeakSet()
        self._thread: Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self.port = 0

    def start(self) -> None:
        """Return when connections are accepted."""
        listening = socket.create_server(self._address, backlog=128)
        self.port = listening.getsockname()[1]
        ready = Event()
        self._thread = Thread(target=lambda: asyncio.run(self._serve(listening, ready)), daemon=True)
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        """Break off what is under way, and return when the thread has ended."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        thread.join()

    async def _serve(self, listening: socket.socket, ready: Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await self._loop.create_server(self._connection, sock=listening)
        ready.set()
        await self._stop.wait()
        server.close()
        for connection in list(self._connections):
            if isinstance(connection.transport, asyncio.Transport):
                connection.transport.abort()
        if serving := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(serving, timeout=GOODBYE_SECONDS)

    def _connection(self) -> SMTP:
        connection = SMTP(
            self._keeper,
            loop=self._loop,
            hostname="sandbox.duban.local",
            ident="duban sandbox",
            enable_SMTPUTF8=True,
            data_size_limit=MAX_BYTES,
            tls_context=self._tls,
            require_starttls=True,
            auth_required=True,
            auth_require_tls=True,
            authenticator=self._door,
        )
        self._connections.add(connection)
        return connection


class _Door:
    """Lets one user in."""

    def __init__(self, user: str, password: str) -> None:
        self._user, self._password = user.encode(), password.encode()

    def __call__(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object
    ) -> AuthResult:
        known = (
            isinstance(given, LoginPassword)
            and hmac.compare_digest(given.login, self._user)
            and hmac.compare_digest(given.password, self._password)
        )
        return AuthResult(success=known, handled=False)


class _Keeper:
    """Takes messages into the inbox; aiosmtpd calls its one method."""

    def __init__(self, contacts: Contacts, inbox: Inbox, faults: Faults) -> None:
        self._contacts, self._inbox, self._faults = contacts, inbox, faults

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        fault = self._faults.take("email")
        if fault in (FaultKind.BROKEN, FaultKind.THROTTLE):
            return "451 4.3.2 Please try again later"
        if fault is not FaultKind.REFUSE:
            self._keep(envelope)
        answer = "250 2.0.0 Ok: queued"
        if fault in TAKEN or fault is FaultKind.REFUSE:
            await _spoil(server, fault, answer)
        return answer

    def _keep(self, envelope: Envelope) -> None:
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.default)
        headers = {name.lower(): str(value) for name, value in message.items()}
        mine = marks(headers, key=headers.get("message-id", "").strip("<> ").partition("@")[0])
        for address in envelope.rcpt_tos:
            self._inbox.keep(
                Row(
                    channel="email",
                    address=address,
                    name=self._contacts.name(address, parseaddr(headers.get("to", ""))[0]),
                    at=local(clock.now()),
                    key=mine.key,
                    items=mine.items,
                    repeat=mine.repeat,
                    subject=headers.get("subject", ""),
                    text=_part(message, "plain"),
                    html=_part(message, "html"),
                    details={name: headers[name.lower()] for name in _SHOWN if name.lower() in headers},
                )
            )


async def _spoil(server: SMTP, fault: FaultKind | None, answer: str) -> None:
    """Keep the answer from the client: never, byte by byte, or by breaking the connection."""
    transport = server.transport
    assert isinstance(transport, asyncio.Transport)
    if fault is FaultKind.TIMEOUT:
        await asyncio.sleep(HOLD_SECONDS)  # ends when the client leaves: aiosmtpd cancels us
    elif fault is FaultKind.DRIP:
        for letter in answer:
            transport.write(letter.encode())
            await asyncio.sleep(DRIP_SECONDS)
    transport.abort()


def _part(message: EmailMessage, kind: str) -> str:
    """Return the text of a message in ``plain`` or ``html``; what cannot be decoded is marked, not lost."""
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return ""
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    try:
        return payload.decode(part.get_content_charset("utf-8"), "replace").replace("\r\n", "\n")
    except LookupError:
        return payload.decode("utf-8", "replace")
