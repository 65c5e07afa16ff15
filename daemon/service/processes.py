"""Child processes that live as long as their parent, and are started again when they die."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from daemon import clock

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_OF_THE_PARENT = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""What systemd says to the main process alone; a child that spoke for the service would be refused."""


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    output: Path | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a process that is asked to end when this one ends, however it ends.

    Call it from the main thread: the kernel watches the thread that starts the child. The child has a session
    of its own, so that Ctrl-C reaches the parent alone, who then ends its children in order. ``output`` is
    the file that what it prints is added to.
    """
    given = os.environ if env is None else env
    sink = output.open("ab") if output else None
    try:
        return subprocess.Popen(  # noqa: S603  # nosec B603 # the arguments are our own
            list(argv),
            env={name: value for name, value in given.items() if name not in _OF_THE_PARENT},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT if sink else None,
            start_new_session=True,
            pass_fds=pass_fds,
            preexec_fn=_tied_to(os.getpid()),  # noqa: PLW1509 - one system call, on a library loaded before
        )
    finally:
        if sink:
            sink.close()


def end(process: subprocess.Popen[bytes], timeout: float) -> bool:
    """Ask a process to end, wait, and insist; return whether asking was enough."""
    process.terminate()
    return _insist(process, timeout)


def _tied_to(parent: int) -> Callable[[], None]:
    def tie() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended before we asked to be told
            os._exit(1)

    return tie


def _insist(process: subprocess.Popen[bytes], timeout: float) -> bool:
    try:
        process.wait(max(timeout, 0.0))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


@dataclass
class Backoff:
    """When to start again: at once after a good life, then later and later."""

    first: float = 0.25
    longest: float = 30.0
    good_life: float = 10.0
    _failures: int = 0

    def pause(self, lived: float) -> float:
        """Return the seconds to wait before the next start of what lived so long."""
        self._failures = 1 if lived >= self.good_life else self._failures + 1
        if self._failures == 1:
            return 0.0
        # 2 ** 20 pauses are beyond every limit, and a float
        return min(self.first * 2.0 ** min(self._failures - 2, 20), self.longest)


@dataclass
class Child:
    """One process to be kept running."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    output: Path | None = None
    backoff: Backoff = field(default_factory=Backoff)
    restarts: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _started: float = 0.0
    _again: float | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        self._started = clock.monotonic()
        self._again = None
        self._process = spawn(self.argv, env=self.env, output=self.output)

    def ensure(self) -> bool:
        """Start it again if it is dead and its time has come; return whether it was."""
        if self.alive:
            return False
        now = clock.monotonic()
        if self._again is None:
            self._again = now + self._mourn(now)
        return self._again <= now and self._restart()

    def ask_to_end(self) -> None:
        if self._process and self.alive:
            self._process.terminate()

    def wait(self, timeout: float) -> bool:
        """Wait for its end, then insist; return whether it ended by itself."""
        return self._process is None or _insist(self._process, timeout)

    def stop(self, timeout: float = 30.0) -> bool:
        """Ask it to end, wait, and insist; return whether asking was enough."""
        self.ask_to_end()
        return self.wait(timeout)

    def _mourn(self, now: float) -> float:
        pause = self.backoff.pause(now - self._started)
        code = self._process.returncode if self._process else None
        log.warning("child ended", extra={"child": self.name, "returncode": code, "restart_in": pause})
        return pause

    def _restart(self) -> bool:
        try:
            self.start()
        except OSError:
            log.exception("child could not be started", extra={"child": self.name})
            return False
        self.restarts += 1
        log.info("child restarted", extra={"child": self.name, "pid": self.pid, "restarts": self.restarts})
        return True


class Children:
    """The children of one process; ``ensure`` belongs into its loop."""

    def __init__(self, children: Iterable[Child]) -> None:
        self.all = tuple(children)

    @property
    def restarts(self) -> Mapping[str, int]:
        return {child.name: child.restarts for child in self.all}

    def start(self) -> None:
        for child in self.all:
            child.start()

    def ensure(self) -> list[str]:
        """Start the dead again; return the names of those that were."""
        return [child.name for child in self.all if child.ensure()]

    def stop(self, timeout: float = 30.0) -> list[str]:
        """End all of them within the time; return the names of those that had to be killed."""
        for child in self.all:
            child.ask_to_end()
        deadline = clock.monotonic() + timeout
        return [child.name for child in self.all if not child.wait(deadline - clock.monotonic())]
