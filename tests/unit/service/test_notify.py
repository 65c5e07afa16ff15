from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from daemon import clock
from daemon.service.notify import Notifier
from tests.servers import PATIENCE, short_folder


class Systemd:
    """The other end of a notify socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(PATIENCE)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def hears(self) -> list[str]:
        return self._socket.recv(4096).decode().split("\n")

    def hears_nothing(self) -> bool:
        self._socket.setblocking(False)
        try:
            self._socket.recv(4096)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest) -> Iterator[Systemd]:
    with short_folder("duban-") as folder:
        path = f"@duban-{os.getpid()}" if request.param == "abstract" else str(folder / "notify")
        listener = Systemd(path)
        yield listener
        listener.close()


def notifier(systemd: Systemd, **environment: str) -> Notifier:
    return Notifier.from_environment({"NOTIFY_SOCKET": systemd.address} | environment)


def test_each_state_is_said(systemd: Systemd) -> None:
    service = notifier(systemd, WATCHDOG_USEC="60000000")
    service.ready("正在运行")
    assert systemd.hears() == ["READY=1", "STATUS=正在运行"]
    service.status("3 due")
    assert systemd.hears() == ["STATUS=3 due"]
    service.alive()
    assert systemd.hears() == ["WATCHDOG=1"]
    service.stopping()
    assert systemd.hears() == ["STOPPING=1"]


def test_a_reload_is_dated_by_the_monotonic_clock(systemd: Systemd) -> None:
    before = clock.monotonic()
    notifier(systemd).reloading()
    state, dated = systemd.hears()
    assert state == "RELOADING=1"
    assert before <= int(dated.removeprefix("MONOTONIC_USEC=")) / 1e6 + 1e-6 <= clock.monotonic() + 1e-6


def test_a_status_of_two_lines_cannot_bring_in_a_state(systemd: Systemd) -> None:
    notifier(systemd).status("harmless\nSTOPPING=1")
    assert systemd.hears() == ["STATUS=harmless"]


@pytest.mark.parametrize(
    ("environment", "interval"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_wants(
    environment: dict[str, str], interval: float | None
) -> None:
    assert Notifier.from_environment(environment).interval == interval


def test_without_a_watchdog_alive_says_nothing(systemd: Systemd) -> None:
    notifier(systemd).alive()
    assert systemd.hears_nothing()


@pytest.mark.parametrize("address", ["", "/nowhere/notify"])
def test_where_nobody_listens_nothing_breaks(address: str) -> None:
    Notifier(address, interval=1.0).ready("still works")
