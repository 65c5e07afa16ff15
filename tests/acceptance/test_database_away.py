"""The database goes and comes back: the service stays, says so, and loses nothing."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from daemon.store.engine import open_engine, reading
from daemon.store.tables import attempts
from tests.acceptance.office import WATCHDOG_SECONDS, Office, opened
from tests.servers import PATIENCE, OwnPostgres, eventually, short_folder


class Gate:
    """Stands before the gateways, and can hold back an answer that they have given."""

    def __init__(self) -> None:
        self.gateways = ""
        self.open = Event()
        self.open.set()
        self.held = Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def before(self, gateways: str) -> str:
        """Stand before these; return where to call instead."""
        self.gateways = urlsplit(gateways).netloc
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        gate = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._pass_on(b"")

            def do_POST(self) -> None:
                self._pass_on(self.rfile.read(int(self.headers["Content-Length"])))

            def _pass_on(self, body: bytes) -> None:
                call = HTTPConnection(gate.gateways, timeout=PATIENCE)
                call.request(self.command, self.path, body, dict(self.headers))
                answer = call.getresponse()
                said = answer.read()
                call.close()
                if not gate.open.is_set() and self.command == "POST":
                    gate.held.set()
                    gate.open.wait(PATIENCE)
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers["Content-Type"])
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Say nothing."""

        return Handler


@pytest.fixture(scope="module")
def server() -> Iterator[OwnPostgres]:
    with short_folder("duban-pg-") as folder:
        made = OwnPostgres(folder)
        yield made
        made.close()


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.close()


@pytest.fixture(scope="module")
def office(server: OwnPostgres, gate: Gate) -> Iterator[Office]:
    with opened(server.url, via=gate.before) as made:
        made.start()
        assert made.supervisor.hears("READY=1"), made.log
        yield made


@contextmanager
def away(server: OwnPostgres) -> Iterator[None]:
    server.crash()
    try:
        yield
    finally:
        server.start()


def outcomes(office: Office) -> list[str | None]:
    engine = open_engine(office.env["DUBAN_DATABASE_URL"])
    try:
        with reading(engine) as connection:
            return [row.outcome for row in connection.execute(attempts.select())]
    finally:
        engine.dispose()


def test_the_service_says_so_stays_and_carries_on(office: Office, server: OwnPostgres) -> None:
    assert office.service
    office.supervisor.forget()
    with away(server):
        assert eventually(lambda: "database away" in office.log), office.log
        office.service.send_signal(signal.SIGHUP)
        assert office.supervisor.hears_in_order("RELOADING=1", "READY=1"), office.log
        for _ in range(3):
            assert office.supervisor.hears("WATCHDOG=1", WATCHDOG_SECONDS), "it lives, and says so"
        assert office.service.poll() is None
    assert eventually(lambda: "database is back" in office.log), office.log
    assert office.supervisor.hears_in_order("RELOADING=1", "READY=1"), "the rules are read now"
    assert office.told_of(office.assign()), office.log


def test_what_a_provider_took_is_kept_until_it_can_be_recorded(
    office: Office, server: OwnPostgres, gate: Gate
) -> None:
    before = len(outcomes(office))
    gate.held.clear()
    gate.open.clear()
    no = office.assign()
    assert gate.held.wait(PATIENCE), office.log
    with away(server):
        gate.open.set()
        assert eventually(lambda: "cannot record; will try again" in office.log), office.log
    assert office.told_of(no), office.log
    found: list[str | None] = []

    def all_are_known() -> bool:
        found[:] = outcomes(office)
        return None not in found and len(found) > before

    assert eventually(all_are_known)
    assert set(found) == {"sent"}, "nothing is in doubt"
    rows = office.hears_of(no)
    assert len({(row["name"], row["channel"]) for row in rows}) == len(rows), "nothing is said twice"
