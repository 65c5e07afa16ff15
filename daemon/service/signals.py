"""What an operator may say to a running service: stop, or read the rules again."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from types import FrameType, TracebackType
from typing import Any

_WATCHED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


class Signals:
    """SIGTERM and SIGINT ask to stop, SIGHUP to reload; the end of a child only wakes a ``wait``.

    ``with Signals() as signals:`` in the main thread. A second SIGINT interrupts what takes too long.
    """

    def __init__(self) -> None:
        self.stopping = False
        self._reload = False
        self._before: dict[signal.Signals, Any] = {}
        self._reader = self._writer = -1

    def __enter__(self) -> Signals:
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._before = {each: signal.signal(each, self._heard) for each in _WATCHED}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)
        os.close(self._reader)
        os.close(self._writer)

    def take_reload(self) -> bool:
        """Return whether a reload was asked for since the last call."""
        asked, self._reload = self._reload, False
        return asked

    def stop(self) -> None:
        """Ask to stop, from any thread."""
        self.stopping = True
        self.wake()

    def wake(self) -> None:
        """End the ``wait`` that goes on, or the next one, from any thread."""
        with contextlib.suppress(BlockingIOError):  # a full pipe wakes as well
            os.write(self._writer, b"!")

    def wait(self, seconds: float) -> bool:
        """Sleep until the time is over or something is heard; return whether something was."""
        # A pipe, because an Event that its own waiter sets, from within a handler, can lock itself out.
        heard, _, _ = select.select([self._reader], [], [], max(seconds, 0.0))
        if heard:
            with contextlib.suppress(BlockingIOError):
                os.read(self._reader, 4096)
        return bool(heard)

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._reload = True
        elif number != signal.SIGCHLD:
            self.stopping = True
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self.wake()
