"""One total deadline for a whole call, however many socket operations it takes.

The timeouts of smtplib and requests count from one read to the next, so that a server which drips a byte a
second holds a worker for ever. The sockets made here ask before each operation how much of the call is left.
They also note whether anything began to leave: what fails before that surely did not arrive.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon import clock

_WITHOUT_A_CALL = 10.0


@dataclass(slots=True)
class Call:
    """The call under way in this thread: when it must have ended, and whether its bytes began to leave."""

    until: float
    sent: bool = False

    def left(self) -> float:
        """Return the seconds left; raise ``TimeoutError`` when there are none."""
        seconds = self.until - clock.monotonic()
        if seconds <= 0:
            raise TimeoutError("the time for this call is over")
        return seconds


_under_way: ContextVar[Call | None] = ContextVar("_under_way", default=None)


@contextmanager
def within(seconds: float) -> Iterator[Call]:
    """Bound everything that this thread does on the network until the block ends."""
    call = Call(clock.monotonic() + seconds)
    token = _under_way.set(call)
    try:
        yield call
    finally:
        _under_way.reset(token)


def current() -> Call:
    """Return the call under way; outside of one, a fresh one of ten seconds."""
    return _under_way.get() or Call(clock.monotonic() + _WITHOUT_A_CALL)


class _PlainSocket(socket.socket):
    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(current().left())
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        _begin_sending(self)
        super().sendall(*args, **kwargs)


class _TlsSocket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        self.settimeout(current().left())
        super().do_handshake(block)

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(current().left())
        return super().recv_into(*args, **kwargs)

    def send(self, *args: Any, **kwargs: Any) -> int:
        _begin_sending(self)
        return super().send(*args, **kwargs)


def _begin_sending(connection: socket.socket) -> None:
    call = current()
    connection.settimeout(call.left())
    call.sent = True


def dial(host: str, port: int) -> socket.socket:
    """Connect to the first address of ``host`` that answers; the time left is shared among them.

    Only the name look-up itself has no bound but the resolver's own: nothing has left by then.
    """
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failure: OSError = OSError(f"{host} has no address")
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        connection = _PlainSocket(family, kind, protocol)
        try:
            connection.settimeout(current().left() / (len(addresses) - tried))
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that verifies the server: against ``ca_file`` alone, or else the system's store."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = _TlsSocket
    return context
