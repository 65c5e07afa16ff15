"""The HTTP side: the providers' paths, the faults, and the inbox page."""

from __future__ import annotations

import json
import logging
import select
import socket
import struct
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Thread
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from daemon import clock
from daemon.sandbox.faults import FaultKind, Faults
from daemon.sandbox.inbox import CHANNELS, Inbox, as_json
from daemon.sandbox.page import render
from daemon.sandbox.request import Request
from daemon.sandbox.sms import TencentSms
from daemon.sandbox.wecom import WeCom

MAX_BODY = 1024 * 1024
HOLD_SECONDS = 120.0
LINGER_SECONDS = 5.0
DRIP_SECONDS = 1.0
MAX_FAULTS = 10_000
IDLE_SECONDS = 600.0

log = logging.getLogger(__name__)


class Provider(Protocol):
    """Whoever takes messages over HTTP."""

    channel: str

    def answer(self, request: Request, now: datetime, wall: datetime) -> dict[str, object]: ...

    def throttled(self) -> dict[str, object]: ...


class Gateway(ThreadingHTTPServer):
    """The server; one thread a connection, which is kept alive."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], sms: TencentSms, wecom: WeCom, inbox: Inbox, faults: Faults
    ) -> None:
        self.sms, self.wecom, self.inbox, self.faults = sms, wecom, inbox, faults
        self.stopping = Event()
        self._open: set[socket.socket] = set()
        self._all_closed = Condition()
        self._thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without asking the resolver for a name, as the standard library does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.socket.getsockname()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Close every connection, and return when their threads have let go of them."""
        self.stopping.set()
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
        self.server_close()
        with self._all_closed:
            for connection in self._open:
                _hang_up(connection)
            self._all_closed.wait_for(lambda: not self._open, timeout=5)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._all_closed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._all_closed:
            self._open.discard(request)
            self._all_closed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Tell a client that left from a fault of ours."""
        level = logging.DEBUG if isinstance(sys.exception(), OSError) else logging.ERROR
        log.log(level, "connection broke off", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "duban-sandbox", ""
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = IDLE_SECONDS

    @property
    def gateway(self) -> Gateway:
        return cast(Gateway, self.server)

    def do_GET(self) -> None:
        gateway, path = self.gateway, urlsplit(self.path).path
        if path == "/":
            self._send(HTTPStatus.OK, "text/html", render(gateway.inbox.rows(), live=True).encode())
        elif path == "/inbox.json":
            self._json([as_json(row) for row in gateway.inbox.rows()])
        elif path == "/counts.json":
            self._json(gateway.inbox.counts())
        elif path == "/cgi-bin/gettoken":
            self._json(gateway.wecom.token(self._request(b""), clock.wall()))
        else:
            self._json({"error": "not found"}, HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        body = self._body()
        path = urlsplit(self.path).path
        if body is None:
            self._json({"error": "a body of known and modest length, please"}, HTTPStatus.BAD_REQUEST)
            self._let_end()
        elif path == "/":
            self._message(self.gateway.sms, body)
        elif path == "/cgi-bin/message/send":
            self._message(self.gateway.wecom, body)
        elif path == "/sandbox/faults":
            self._fault(body)
        else:
            self._json({"error": "not found"}, HTTPStatus.NOT_FOUND)

    def _message(self, provider: Provider, body: bytes) -> None:
        """Let a provider take a message, with the fault that is due."""
        fault = self.gateway.faults.take(provider.channel)
        if fault is FaultKind.REFUSE:
            return self._break_off()
        if fault is FaultKind.BROKEN:
            return self._send(HTTPStatus.BAD_GATEWAY, "text/html", b"<html>502 Bad Gateway</html>")
        if fault is FaultKind.THROTTLE:
            return self._json(provider.throttled())
        if fault is FaultKind.TOKEN:
            self.gateway.wecom.expire_tokens()
        answer = provider.answer(self._request(body), clock.now(), clock.wall())
        spoiled: dict[FaultKind | None, Callable[[], None]] = {
            FaultKind.RESET: self._break_off,
            FaultKind.TIMEOUT: self._hold,
            FaultKind.DRIP: lambda: self._drip(answer),
        }
        return spoiled.get(fault, lambda: self._json(answer))()

    def _fault(self, body: bytes) -> None:
        try:
            asked = json.loads(body)
            channel, kind, count = asked["channel"], FaultKind(asked["kind"]), int(asked.get("count", 1))
        except (ValueError, KeyError, TypeError):
            kinds = ", ".join(FaultKind)
            return self._json({"error": f"channel, kind ({kinds}), count"}, HTTPStatus.BAD_REQUEST)
        if channel not in CHANNELS or (kind is FaultKind.TOKEN and channel != "wecom") or count > MAX_FAULTS:
            return self._json({"error": f"no such fault of {channel}, or too many"}, HTTPStatus.BAD_REQUEST)
        self.gateway.faults.switch_on(channel, kind, count)
        return self._json({"pending": self.gateway.faults.pending()})

    def _request(self, body: bytes) -> Request:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, parts.path, parts.query, headers, body)

    def _body(self) -> bytes | None:
        """Read the body; None, and the end of the connection, where its length is not to be trusted."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BODY:
            self.close_connection = True
            return None
        return self.rfile.read(int(length))

    def _let_end(self) -> None:
        """Take in what is still coming: of a connection closed before that, the answer may never arrive."""
        with suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(LINGER_SECONDS)
            left = 4 * MAX_BODY
            while left > 0 and (coming := self.connection.recv(65536)):
                left -= len(coming)

    def _json(self, value: object, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(status, "application/json", json.dumps(value, ensure_ascii=False).encode())

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self._head(status, kind, len(body))
        self.wfile.write(body)

    def _head(self, status: HTTPStatus, kind: str, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(length))
        self.send_header("Cache-Control", "no-store")
        if self.close_connection:  # unsaid, a client may send its next request into the end of this one
            self.send_header("Connection", "close")
        self.end_headers()

    def _hold(self) -> None:
        """Say nothing until the client leaves."""
        self.close_connection = True
        self._wait(HOLD_SECONDS)

    def _drip(self, answer: dict[str, object]) -> None:
        """Answer a byte at a time, until the client has had enough."""
        self.close_connection = True
        body = json.dumps(answer).encode()
        self._head(HTTPStatus.OK, "application/json", len(body))
        for byte in _bytes(body):
            self.wfile.write(byte)
            self.wfile.flush()
            if self._wait(DRIP_SECONDS):
                return

    def _wait(self, seconds: float) -> bool:
        """Wait; True as soon as the client has left or the sandbox stops."""
        until = clock.monotonic() + seconds
        while (left := until - clock.monotonic()) > 0:
            readable, _, _ = select.select([self.connection], [], [], min(left, 0.5))
            if readable or self.gateway.stopping.is_set():
                return True
        return False

    def _break_off(self) -> None:
        """Reset the connection."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        log.debug(format, *args)


def _bytes(body: bytes) -> Iterable[bytes]:
    return (body[i : i + 1] for i in range(len(body)))


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        log.debug("the connection was closed already")
