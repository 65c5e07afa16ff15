"""An HTTP server that behaves, or misbehaves, as it is told: one behaviour a request, in order."""

from __future__ import annotations

import json
import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from tests.servers import PATIENCE

DRIP_SECONDS = 0.02


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Provider:
    """What the server was asked, and how it will answer. Without a behaviour left it hangs."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    script: deque[Behaviour] = field(default_factory=deque)
    connections: int = 0
    over: Event = field(default_factory=Event)

    def will(self, *behaviours: Behaviour) -> None:
        self.script.extend(behaviours)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    provider: Provider

    def setup(self) -> None:
        super().setup()
        self.provider.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.provider.asked.append(Asked(self.command, self.path, headers, body))
        behaviour = self.provider.script.popleft() if self.provider.script else hang
        try:
            behaviour(self)
        except OSError:
            self.close_connection = True  # the client has had enough

    do_GET = do_POST  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


Behaviour = Callable[[Handler], None]


def patience(behaviour: Behaviour) -> float:
    """Return the seconds for a call that meets this: few only where nothing else ends it.

    Even then it must be enough for the request to leave, on a machine that does other things.
    """
    return 2.0 if behaviour in (hang, drip_head, drip_body) else PATIENCE


def answers(value: object, status: int = 200, **headers: str) -> Behaviour:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()

    def behave(handler: Handler) -> None:
        handler.send_response(status)
        for name, text in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, text)
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def hang(handler: Handler) -> None:
    """Read the request, and say nothing."""
    handler.close_connection = True
    handler.provider.over.wait()


def reset(handler: Handler) -> None:
    """Read the request, and break the connection."""
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.shutdown(socket.SHUT_RD)
    handler.connection.close()


def cut(handler: Handler) -> None:
    """Promise more than there is."""
    handler.close_connection = True
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b'{"errcode"')


def drip_head(handler: Handler) -> None:
    """Send header after header, each in good time, for ever."""
    handler.send_response(200)
    handler.flush_headers()
    _drip(handler, b"X-More: 1\r\n")


def drip_body(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    _drip(handler, b" ")


def _drip(handler: Handler, piece: bytes) -> None:
    handler.close_connection = True
    while not handler.provider.over.wait(DRIP_SECONDS):
        handler.wfile.write(piece)


def endless(handler: Handler) -> None:
    """Send as fast as the client reads, for ever."""
    handler.close_connection = True
    handler.send_response(200)
    handler.end_headers()
    while not handler.provider.over.is_set():
        handler.wfile.write(b" " * 65536)


@contextmanager
def provider(tls: ssl.SSLContext | None = None) -> Iterator[Provider]:
    told = Provider()
    handler = type("ThisHandler", (Handler,), {"provider": told})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    told.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield told
    finally:
        told.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
