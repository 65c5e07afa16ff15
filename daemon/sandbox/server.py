"""The sandbox as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Self

from daemon import clock
from daemon.sandbox.certificate import CA_FILE, server_context
from daemon.sandbox.faults import Faults
from daemon.sandbox.gateway import Gateway
from daemon.sandbox.inbox import Inbox, as_json
from daemon.sandbox.mail import MailServer
from daemon.sandbox.options import Contacts, Options
from daemon.sandbox.page import render
from daemon.sandbox.sms import TencentSms
from daemon.sandbox.wecom import WeCom

INBOX_FILE = "inbox.jsonl"
PLACE_FILE = "sandbox.json"


class Sandbox:
    """Mail server and gateways that keep what they take; started on the same folder, with what it had.

    What it took can be asked for after it has stopped, too.
    """

    def __init__(self, options: Options) -> None:
        self.faults = Faults()
        self._options = options
        self._inbox: Inbox | None = None
        self._servers: tuple[MailServer, Gateway] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Return when both servers accept connections."""
        assert self._servers is None, "the sandbox runs already"
        options = self._options
        options.state.mkdir(parents=True, exist_ok=True)
        tls = server_context(options.state, options.host, clock.wall())
        self._inbox = inbox = Inbox(options.state / INBOX_FILE)
        contacts = Contacts(options.contacts)
        try:
            gateway = self._gateway(inbox, contacts)
        except OSError:
            inbox.close()
            raise
        self._servers = (MailServer(options, contacts, inbox, self.faults, tls), gateway)
        try:
            for server in self._servers:
                server.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Close the servers; nothing is taken any more when this returns."""
        if self._servers is None:
            return
        servers, self._servers = self._servers, None
        for server in servers:
            server.stop()
        self._kept.close()

    @property
    def smtp_port(self) -> int:
        return self._running[0].port

    @property
    def http_port(self) -> int:
        return self._running[1].server_port

    @property
    def ca_file(self) -> Path:
        return self._options.state / CA_FILE

    def counts(self) -> dict[str, int]:
        """Return how many messages each channel took, counted at the wire."""
        return self._kept.counts()

    def rows(self) -> list[dict[str, object]]:
        """Return what arrived, oldest first, as ``/inbox.json`` shows it."""
        return [as_json(row) for row in self._kept.rows()]

    def write_static(self, path: Path) -> None:
        """Write the inbox page as one file that opens from disk."""
        path.write_text(render(self._kept.rows(), live=False), encoding="utf-8")

    def _gateway(self, inbox: Inbox, contacts: Contacts) -> Gateway:
        options = self._options
        sms, wecom = TencentSms(options, contacts, inbox), WeCom(options, contacts, inbox)
        return Gateway((options.host, options.http_port), sms, wecom, inbox, self.faults)

    @property
    def _running(self) -> tuple[MailServer, Gateway]:
        assert self._servers is not None, "the sandbox does not run"
        return self._servers

    @property
    def _kept(self) -> Inbox:
        assert self._inbox is not None, "the sandbox was never started"
        return self._inbox


def serve(options: Options, ready: Callable[[Sandbox], None], stop: Event) -> None:
    """Run a sandbox until ``stop`` is set; ``sandbox.json`` in its folder says where it is meanwhile."""
    place = options.state / PLACE_FILE
    with Sandbox(options) as sandbox:
        _say_where(place, options.host, sandbox)
        try:
            ready(sandbox)
            stop.wait()
        finally:
            place.unlink(missing_ok=True)


def _say_where(place: Path, host: str, sandbox: Sandbox) -> None:
    draft = place.with_suffix(".next")
    where = {
        "host": host,
        "smtp_port": sandbox.smtp_port,
        "http_port": sandbox.http_port,
        "ca_file": str(sandbox.ca_file.resolve()),
        "inbox": f"http://{host}:{sandbox.http_port}/",
    }
    draft.write_text(json.dumps(where, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    draft.replace(place)
