"""An office of its own: a folder, a virtual clock, stand-ins for the providers, and `duban run`."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from daemon import clock
from tests.acceptance.program import (
    DIRECTORY,
    ROOT,
    Answer,
    command,
    duban,
    environment,
    processes,
)
from tests.acceptance.told import Line, arrived
from tests.servers import PATIENCE, eventually, short_folder

MORNING = datetime.fromisoformat("2018-09-12T10:02:00+08:00")
"""A Wednesday, in the window, with nothing else going on."""
WATCHDOG_SECONDS = 60
"""As in the unit file that we ship."""


class Supervisor:
    """Stands in for systemd: takes at once what a service says on its notify socket, and keeps it."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._heard: Queue[str] = Queue()
        Thread(target=self._listen, daemon=True).start()

    def hears(self, word: str, seconds: float = PATIENCE) -> bool:
        """Wait for a message with this line; what came before it is forgotten."""
        until = clock.monotonic() + seconds
        with suppress(Empty):
            while word not in self._heard.get(timeout=max(until - clock.monotonic(), 0)).splitlines():
                pass
            return True
        return False

    def hears_in_order(self, *words: str) -> bool:
        return all(self.hears(word) for word in words)

    def forget(self) -> None:
        with suppress(Empty):
            while True:
                self._heard.get_nowait()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while message := self._socket.recv(4096):
                self._heard.put(message.decode())


@dataclass
class Office:
    """One installation: its folder, what is set in its environment, and its service."""

    folder: Path
    env: dict[str, str]
    supervisor: Supervisor
    service: subprocess.Popen[bytes] | None = None
    cases: int = 0
    units: list[str] = field(default_factory=lambda: ["明城镇", "烟筒山镇", "红旗岭镇", "石嘴镇", "驿马镇"])

    @property
    def config(self) -> Path:
        return self.folder / "config"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def log(self) -> str:
        path = self.folder / "run.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def inbox(self) -> list[Line]:
        return arrived(self.folder)

    def duban(self, *args: object) -> Answer:
        return duban(*args, cwd=self.folder, env=self.env)

    def jump(self, now: datetime) -> None:
        clock.jump(Path(self.env["DUBAN_CLOCK"]), now)

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        told = {"NOTIFY_SOCKET": self.supervisor.address, "WATCHDOG_USEC": str(WATCHDOG_SECONDS * 1_000_000)}
        with (self.folder / "run.log").open("ab") as log:
            self.service = subprocess.Popen(
                command("run", *args),
                cwd=self.folder,
                env=environment({**self.env, **told}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self.service

    def stop(self) -> None:
        """Ask the service to end, and insist."""
        if self.service and self.service.poll() is None:
            self.service.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.service.wait(PATIENCE)
            self.service.kill()
            self.service.wait()

    def assign(self) -> str:
        """Register a case and hand it to a unit, as the office does; return its number."""
        self.cases += 1
        unit = self.units[self.cases % len(self.units)]
        made = self.duban(
            "case", "add", "--unit", unit, "--enterprise", f"磐石样例{self.cases}号公司", "--json"
        )
        assert made.code == 0, made.err
        no = str(made.json["no"])
        given = self.duban("case", "assign", no, "--due", "2018-12-28")
        assert given.code == 0, given.err
        return no

    def hears_of(self, no: str) -> list[Line]:
        """Return what has arrived about a case."""
        return [row for row in self.inbox if no in row["text"]]

    def told_of(self, no: str) -> bool:
        """Wait until the head and the liaison of its unit have been told of a case."""
        return eventually(lambda: len({row["name"] for row in self.hears_of(no)}) >= 2, 2 * PATIENCE)

    def workers(self) -> list[int]:
        return processes(self.state, "daemon.cli", "work")

    def valkey(self) -> int:
        """Return the number of the Valkey that runs, 0 while none does."""
        return int((self.state / "valkey" / "server.lock").read_text() or 0)

    def edit(self, name: str, change: Callable[[str], str]) -> str:
        """Edit a file of the config; return what it said before."""
        path = self.config / name
        before = path.read_text(encoding="utf-8")
        path.write_text(change(before), encoding="utf-8")
        return before


@contextmanager
def opened(database: str = "", via: Callable[[str], str] = str, *, live: bool = True) -> Iterator[Office]:
    """Open an office whose providers are stand-ins and whose directory is imported; nothing runs yet.

    ``via`` returns where the gateways are reached instead, given where they are.
    """
    with short_folder("duban-") as folder, ExitStack() as stack:
        _lay_out(folder)
        env = {
            "DUBAN_STATE": str(folder / "state"),
            "DUBAN_CONFIG": str(folder / "config"),
            "DUBAN_CLOCK": str(folder / "clock"),
            **({"DUBAN_DATABASE_URL": database} if database else {}),
        }
        clock.jump(folder / "clock", MORNING)
        supervisor = Supervisor(folder)
        stack.callback(supervisor.close)
        env |= stack.enter_context(_stand_ins(folder, {n: env[n] for n in ("DUBAN_CONFIG", "DUBAN_CLOCK")}))
        env["DUBAN_SANDBOX_HTTP"] = via(env["DUBAN_SANDBOX_HTTP"])
        office = Office(folder, env, supervisor)
        for args in (("migrate",), ("import", DIRECTORY, "--yes"), ("go-live", "--yes"))[: 2 + live]:
            answer = office.duban(*args)
            assert answer.code == 0, answer.err
        stack.callback(office.stop)
        yield office


def _lay_out(folder: Path) -> None:
    shipped = ROOT / "config"
    shutil.copytree(shipped, folder / "config", ignore=shutil.ignore_patterns("demo", "schema", "systemd"))
    shutil.copy(shipped / "demo" / "channels.yaml", folder / "config" / "channels.yaml")


@contextmanager
def _stand_ins(folder: Path, env: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Run ``duban sandbox``; yield the variables that it says lead to it."""
    argv = command("sandbox", "--state", folder / "sandbox")
    sandbox = subprocess.Popen(
        argv, env=environment(env), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder
    )
    try:
        assert sandbox.stdout
        exports = [sandbox.stdout.readline().strip() for _ in range(11)]
        yield dict(line.removeprefix("export ").split("=", 1) for line in exports)
    finally:
        sandbox.terminate()
        assert sandbox.stdout
        sandbox.stdout.close()
        sandbox.wait(PATIENCE)
