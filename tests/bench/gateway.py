"""A gateway that takes everything at once: WeCom's two calls over HTTP, and SMTP. ``GET /stats`` counts.

It is as fast as Python can be, so that what is measured is the sender. Run as a process of its own::

    python -m tests.bench.gateway   # prints its two ports, ends with its standard input
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import cast

_TOKEN = json.dumps({"errcode": 0, "errmsg": "ok", "access_token": "bench", "expires_in": 7200}).encode()
_SENT = json.dumps({"errcode": 0, "errmsg": "ok", "msgid": "m"}).encode()


class Count:
    """How many messages arrived since it was last asked, when the first and when the last."""

    def __init__(self) -> None:
        self.messages, self.first, self.last = 0, 0.0, 0.0

    def one(self) -> None:
        self.last = time.monotonic()
        self.first = self.first or self.last
        self.messages += 1

    def told(self) -> bytes:
        return json.dumps({"messages": self.messages, "first": self.first, "last": self.last}).encode()


class _Protocol(asyncio.Protocol):
    def __init__(self, count: Count) -> None:
        self.count, self.waiting = count, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while self.take():
            pass

    def take(self) -> bool:
        raise NotImplementedError


class Http(_Protocol):
    def take(self) -> bool:
        head, found, rest = self.waiting.partition(b"\r\n\r\n")
        if not found:
            return False
        length = _length(head)
        if len(rest) < length:
            return False
        self.waiting = rest[length:]
        self.answer(head.split(b" ", 2)[1])
        return True

    def answer(self, path: bytes) -> None:
        if path.startswith(b"/stats"):
            body, self.count.messages, self.count.first = self.count.told(), 0, 0.0
        elif path.startswith(b"/cgi-bin/gettoken"):
            body = _TOKEN
        else:
            self.count.one()
            body = _SENT
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.transport.write(head + body)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


class Smtp(_Protocol):
    body = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.write(b"220 bench\r\n")

    def take(self) -> bool:
        end = b"\r\n.\r\n" if self.body else b"\r\n"
        said, found, rest = self.waiting.partition(end)
        if not found:
            return False
        self.waiting = rest
        if self.body:
            self.body = False
            self.count.one()
            self.transport.write(b"250 taken\r\n")
        else:
            self.command(said[:4].upper())
        return True

    def command(self, word: bytes) -> None:
        if word == b"DATA":
            self.body = True
            self.transport.write(b"354 go on\r\n")
        elif word == b"QUIT":
            self.transport.write(b"221 bye\r\n")
            self.transport.close()
        else:
            self.transport.write(b"250 ok\r\n")


async def main() -> None:
    loop, count = asyncio.get_running_loop(), Count()
    http = await loop.create_server(lambda: Http(count), "127.0.0.1", 0)
    smtp = await loop.create_server(lambda: Smtp(count), "127.0.0.1", 0)
    print(*(server.sockets[0].getsockname()[1] for server in (http, smtp)), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
