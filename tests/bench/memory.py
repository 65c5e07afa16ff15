"""How much memory scan and work hold with few and with many cases on file, and over minutes of load.

The real processes, ``duban scan`` and ``duban work``, on the same load: again and again some cases are due,
and their notices leave for the local gateway. ``ratio`` is the larger of both processes' peaks with a million
cases over those with ten thousand; ``growth`` is what they hold at the end of the load over what they held
after its first fifth.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Engine, func, select

from daemon.store.engine import open_engine, reading
from daemon.store.tables import agenda, deliveries
from tests.acceptance.program import ROOT, command, environment
from tests.bench.county import NOW, County, found, micros
from tests.bench.deliver import Scene, scene
from tests.bench.setting import Bare, Setting, database
from tests.bench.start import stopped
from tests.servers import eventually

DUE = 200
PROGRAMS = ("scan", "work")


def measure(setting: Setting) -> dict[str, Any]:
    few, many = setting.size(10_000, 1_000), setting.size(1_000_000, 10_000)
    with scene() as place:
        each = {kind: _on(kind, place, few, many, setting) for kind in setting.databases}
    return {
        "ratio": max(figures["ratio"] for figures in each.values()),
        "growth": max(figures["growth"] for figures in each.values()),
        "on_file": [few, many],
        "minutes": round(setting.minutes, 2),
        **each,
    }


def _on(kind: str, place: Scene, few: int, many: int, setting: Setting) -> dict[str, Any]:
    setting.progress(f"memory: {kind}, {few:,} cases on file")
    with _at_work(kind, place, few) as small:
        _turns(small, setting.size(10, 2))
        peaks_few = small.peaks()
    setting.progress(f"memory: {kind}, {many:,} cases on file, {setting.minutes:g} minutes of load")
    with _at_work(kind, place, many) as large:
        _turns(large, setting.size(10, 2))
        peaks_many = large.peaks()
        early, late, sent = _load(large, setting.minutes * 60)
    return {
        "ratio": round(max(peaks_many[name] / peaks_few[name] for name in PROGRAMS), 2),
        "growth": round(max(late[name] / early[name] for name in PROGRAMS), 2),
        "peak_mb": [_mb(peaks_few), _mb(peaks_many)],
        "load_mb": [_mb(early), _mb(late)],
        "sent": sent,
    }


@dataclass
class Service:
    """Scan and work on one database, and the cases not yet made due."""

    engine: Engine
    processes: dict[str, subprocess.Popen[bytes]]
    cases: int
    taken: int = field(default=0)

    def turn(self) -> int:
        """Make some cases due, and wait until their notices have left; return how many cases."""
        some = range(self.taken + 1, min(self.taken + DUE, self.cases) + 1)
        self.taken += len(some)
        with Bare(self.engine) as bare, bare.transaction():
            bare.many(
                "UPDATE agenda SET due_at = ?, version = version + 1 WHERE subject_kind = 'case'"
                " AND subject_id = ? AND ladder = 'case-due'",
                [(micros(NOW), number) for number in some],
            )
        assert eventually(self._done, 120.0), "what was due has not left"
        return len(some)

    def _done(self) -> bool:
        sleep(0.1)
        with reading(self.engine) as connection:
            due = select(func.count()).select_from(agenda).where(agenda.c.due_at <= NOW)
            unsent = select(func.count()).select_from(deliveries).where(deliveries.c.state != "sent")
            sent = select(deliveries.c.id).limit(1)
            return (
                not connection.execute(due).scalar()
                and connection.execute(sent).first() is not None
                and not connection.execute(unsent).scalar()
            )

    def peaks(self) -> dict[str, int]:
        return {name: _status(process.pid, "VmHWM") for name, process in self.processes.items()}

    def held(self) -> dict[str, int]:
        return {name: _status(process.pid, "VmRSS") for name, process in self.processes.items()}


@contextmanager
def _at_work(kind: str, place: Scene, cases: int) -> Iterator[Service]:
    with ExitStack() as stack:
        url = stack.enter_context(database(kind))
        engine = open_engine(url)
        stack.callback(engine.dispose)
        found(engine, County(cases))
        env = environment({**place.env, "DUBAN_DATABASE_URL": url})
        log = stack.enter_context((place.folder / "service.log").open("ab"))
        processes = {
            name: stack.enter_context(
                stopped(
                    subprocess.Popen(
                        command(name), cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                    )
                )
            )
            for name in PROGRAMS
        }
        yield Service(engine, processes, cases)


def _turns(service: Service, count: int) -> None:
    for _ in range(count):
        service.turn()


def _load(service: Service, seconds: float) -> tuple[dict[str, int], dict[str, int], int]:
    """Keep both busy; return what they hold after a fifth of the time, at its end, and the cases told of.

    At least one turn lies between the two.
    """
    began, told = monotonic(), service.turn()
    while monotonic() - began < seconds / 5:
        told += service.turn()
    early = service.held()
    while True:
        assert service.taken < service.cases, f"no case is left after {monotonic() - began:.0f} s of load"
        told += service.turn()
        if monotonic() - began >= seconds:
            return early, service.held(), told


def _status(pid: int, name: str) -> int:
    """Return a line of a process's status in kB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise ValueError(f"process {pid} has no {name}")


def _mb(kilobytes: dict[str, int]) -> dict[str, int]:
    return {name: kb // 1024 for name, kb in kilobytes.items()}
