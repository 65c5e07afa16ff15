"""The real parts of a run: processes, Valkey, the stand-ins and the database, and how they are harmed."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psycopg
import redis
from sqlalchemy import make_url

from daemon.service.processes import spawn
from daemon.service.valkey import Valkey
from tests.servers import OwnPostgres, eventually

READY_WITHIN = 120.0


class Template:
    """The process that forks all others; it tells how they end."""

    def __init__(self, log: Path) -> None:
        mine, its = socket.socketpair()
        argv = [sys.executable, "-m", "tests.chaos.process", str(its.fileno())]
        its.set_inheritable(True)
        self._process = spawn(argv, output=log, pass_fds=[its.fileno()])
        its.close()
        self._socket, self._lines = mine, b""
        self._answers: deque[Mapping[str, Any]] = deque()
        self._ended: dict[int, int] = {}

    def warm(self, database: str) -> None:
        """Have the rules in force compiled before anything is forked."""
        self._ask({"warm": database})
        self._answer()

    def fork(self, request: Mapping[str, object]) -> int:
        self._ask(request)
        return int(self._answer()["pid"])

    def ended(self) -> dict[int, int]:
        """Return the children that have ended since the last call, with how; negative: by that signal."""
        while select.select([self._socket], [], [], 0)[0]:
            self._receive()
        found, self._ended = self._ended, {}
        return found

    def close(self) -> None:
        self._socket.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        self._process.wait()

    def _ask(self, request: Mapping[str, object]) -> None:
        self._socket.sendall(json.dumps(request).encode() + b"\n")

    def _answer(self) -> Mapping[str, Any]:
        until = time.monotonic() + READY_WITHIN
        while not self._answers:
            if not select.select([self._socket], [], [], max(until - time.monotonic(), 0))[0]:
                raise TimeoutError("the template does not answer")
            self._receive()
        return self._answers.popleft()

    def _receive(self) -> None:
        came = self._socket.recv(65536)
        if not came:
            raise ChildProcessError("the template has ended")
        *whole, self._lines = (self._lines + came).split(b"\n")
        for line in map(json.loads, whole):
            if "ended" in line:
                self._ended[line["ended"]] = line["status"]
            else:
                self._answers.append(line)


@dataclass
class Hosts:
    """Scanners, workers and the sandbox, each by its name, started again by whoever drives them."""

    template: Template
    folder: Path
    env: dict[str, str]
    bugs: tuple[str, ...] = ()
    running: dict[str, int] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    began: dict[str, float] = field(default_factory=dict)
    starts: int = 0

    def start(self, name: str) -> None:
        """Start ``scan-0``, ``work-1``, ``sandbox``: what stands before the dash is the command."""
        command = name.partition("-")[0]
        argv = {"work": ["work", "--idle-ms", "20"], "sandbox": self._sandbox()}.get(command, [command])
        request = {
            "name": name,
            "argv": argv,
            "env": self.env,
            "log": str(self.folder / f"{name}.log"),
            "folder": str(self.folder),
            "bugs": list(self.bugs),
        }
        self.running[name] = self.template.fork(request)
        self.began[name] = time.monotonic()
        self.starts += 1

    def signal(self, name: str, number: int) -> None:
        if pid := self.running.get(name):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def resume(self, name: str) -> None:
        self.stopped.discard(name)
        self.signal(name, signal.SIGCONT)

    def kill(self, name: str) -> None:
        self.signal(name, signal.SIGKILL)

    def wake(self) -> None:
        """Let the scanners tick now: the end of a child wakes them."""
        for name in self.running:
            if name.startswith("scan") and name not in self.stopped:
                self.signal(name, signal.SIGCHLD)

    def ended(self) -> dict[str, int]:
        """Return those that have ended, with how."""
        by_pid = {pid: name for name, pid in self.running.items()}
        found = {by_pid[pid]: status for pid, status in self.template.ended().items() if pid in by_pid}
        for name in found:
            del self.running[name]
            self.stopped.discard(name)
        return found

    def _sandbox(self) -> list[str]:
        place = self.folder / "sandbox-ports.json"
        known = json.loads(place.read_text()) if place.exists() else {"smtp": 0, "http": 0}
        state, options = self.folder / "sandbox", self.folder / "sandbox-options.json"
        ports = ["--smtp-port", str(known["smtp"]), "--http-port", str(known["http"])]
        return ["sandbox", "--state", str(state), "--options", str(options), *ports]

    def await_sandbox(self) -> Mapping[str, Any]:
        """Return where the stand-ins listen, once they do; they come back at the same ports."""
        path = self.folder / "sandbox" / "sandbox.json"
        if not eventually(path.exists, READY_WITHIN):
            raise TimeoutError(f"the sandbox has not started: {self.folder / 'sandbox.log'}")
        where: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        place = self.folder / "sandbox-ports.json"
        place.write_text(json.dumps({"smtp": where["smtp_port"], "http": where["http_port"]}))
        return where

    def forget_sandbox(self) -> None:
        """Forget where the stand-ins said that they listen, before they are killed."""
        (self.folder / "sandbox" / "sandbox.json").unlink(missing_ok=True)


def spoil(http: str, channel: str, kind: str, count: int) -> None:
    """Have the next messages of a channel met with a fault of the provider."""
    body = json.dumps({"channel": channel, "kind": kind, "count": count}).encode()
    with urlopen(Request(f"{http}/sandbox/faults", body, method="POST"), timeout=60) as answer:
        answer.read()


class Broker:
    """The Valkey, and how it is lost."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._valkey = Valkey(state)
        self._valkey.start()

    @property
    def url(self) -> str:
        return self._valkey.url

    @property
    def alive(self) -> bool:
        return self._valkey.alive

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def put_forward(self, seconds: float) -> None:
        """Let time pass for what is kept for a time only: the lock of a worker that was killed runs out.

        Its clock is the machine's; those of the processes are put forward.
        """
        with suppress(redis.RedisError), redis.Redis.from_url(self.url, socket_timeout=1) as client:
            for key in client.scan_iter("duban:token:*"):
                left: Any = client.pttl(key)
                if left > 0:
                    client.pexpire(key, max(1, left - round(seconds * 1000)))

    def kill(self) -> None:
        assert self._valkey.pid
        os.kill(self._valkey.pid, signal.SIGKILL)
        eventually(lambda: not self._valkey.alive)

    def start(self, *, empty: bool) -> None:
        self._valkey.stop()
        if empty:
            shutil.rmtree(self._state / "valkey" / "appendonlydir", ignore_errors=True)
        self._valkey.start()

    def close(self) -> None:
        self._valkey.stop()


class Database(ABC):
    """Where the truth is, and how it is harmed."""

    url: str
    name: str

    @abstractmethod
    def close(self) -> None: ...


class Sqlite(Database):
    """One file in the state folder."""

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "state" / "duban.db"
        self.url = f"sqlite:///{self.path}"

    def lose_power(self, garbage: bytes) -> int:
        """Leave of the file what survives a power cut; all who had it open are dead. Return the bytes lost.

        SQLite enters a commit into the index of its log only after the log was synced (``synchronous=FULL``):
        what lies beyond that may not have reached the disk. It is cut off, or overwritten with ``garbage``
        as a half-written sector is; the index itself was memory, and is gone.
        """
        log, index = (self.path.with_name(self.path.name + end) for end in ("-wal", "-shm"))
        if not log.exists() or log.stat().st_size < 32 or not index.exists():
            return 0
        with index.open("rb") as file:
            head = file.read(48)
        page = struct.unpack_from("=H", head, 14)[0]
        page = 65536 if page == 1 else page
        frames = struct.unpack_from("=I", head, 16)[0]
        salt = head[32:40]
        with log.open("r+b") as file:
            same = file.read(32)[16:24] == salt
            synced = 32 + (frames * (page + 24) if same else 0)
            lost = max(log.stat().st_size - synced, 0)
            file.truncate(synced)
            if lost:
                file.seek(synced)
                file.write(garbage[: min(lost, len(garbage))])
        index.unlink()
        return lost

    def close(self) -> None:
        """Nothing is kept open."""


class Postgres(Database):
    """A server of its own."""

    name = "postgresql"

    def __init__(self, folder: Path) -> None:
        self._server = OwnPostgres(folder)
        self.url = self._server.url
        with self._administrator() as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")

    def cut(self, which: int) -> int:
        """End one client's connection, or all where ``which`` is 0; return how many."""
        clients = "FROM pg_stat_activity WHERE datname = 'duban' AND pid <> pg_backend_pid()"
        with self._administrator() as connection:
            pids = [pid for (pid,) in connection.execute(f"SELECT pid {clients} ORDER BY pid")]
            chosen = [pids[which % len(pids)]] if which and pids else pids
            for pid in chosen:
                connection.execute("SELECT pg_terminate_backend(%s)", [pid])
        return len(chosen)

    def restart(self) -> None:
        """Let the server end at once, with whatever is under way, and recover."""
        self._server.crash()
        self._server.start()

    def _administrator(self) -> psycopg.Connection[Any]:
        dsn = make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(dsn, autocommit=True)

    def close(self) -> None:
        self._server.close()


def opened(kind: str, folder: Path, stack: ExitStack) -> Database:
    found: Database = Sqlite(folder) if kind == "sqlite" else Postgres(folder / "pg")
    stack.callback(found.close)
    return found
