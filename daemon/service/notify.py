"""Tells systemd how the service is: ready, alive, reloading, stopping. Does nothing where nobody listens."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

from daemon import clock

log = logging.getLogger(__name__)

_MICROSECONDS = 1_000_000


class Notifier:
    """The notify socket of one service.

    ``alive`` belongs into the loop that does the work, so that a loop that hangs is noticed.
    """

    def __init__(self, address: str = "", interval: float | None = None) -> None:
        self._address = address
        self.interval = interval
        """Seconds within which ``alive`` should be said again (half of what systemd allows); None: never."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Notifier:
        """Read what systemd passes to the process that it watches."""
        given = os.environ if environment is None else environment
        return cls(given.get("NOTIFY_SOCKET", ""), _interval(given))

    def ready(self, status: str = "") -> None:
        self._say("READY=1", status)

    def status(self, status: str) -> None:
        self._say("", status)

    def alive(self) -> None:
        if self.interval is not None:
            self._say("WATCHDOG=1")

    def reloading(self) -> None:
        """Say that a reload began; ``ready`` says that it ended."""
        self._say(f"RELOADING=1\nMONOTONIC_USEC={int(clock.monotonic() * _MICROSECONDS)}")

    def stopping(self, status: str = "") -> None:
        self._say("STOPPING=1", status)

    def _say(self, state: str, status: str = "") -> None:
        if not self._address:
            return
        lines = [state, f"STATUS={status.splitlines()[0]}" if status else ""]
        message = "\n".join(line for line in lines if line)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.connect(_abstract(self._address))
                channel.sendall(message.encode())
        except OSError:
            log.warning("systemd could not be notified", exc_info=True)


def _abstract(address: str) -> str:
    """Return the address as the kernel wants it: a leading @ stands for a name outside the file system."""
    return "\0" + address[1:] if address.startswith("@") else address


def _interval(environment: Mapping[str, str]) -> float | None:
    limit = environment.get("WATCHDOG_USEC", "")
    meant_for = environment.get("WATCHDOG_PID", "")
    if not limit.isdigit() or int(limit) == 0 or (meant_for and meant_for != str(os.getpid())):
        return None
    return int(limit) / _MICROSECONDS / 2
