"""How long ``duban --help`` takes, and ``duban run`` until it is ready, against the bare interpreter.

``first_start`` makes the database and activates the rules; ``start`` finds both. Each starts a private Valkey
and a worker. Ready is what the service itself tells its supervisor (READY=1).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from tests.acceptance.office import Supervisor
from tests.acceptance.program import command, environment
from tests.bench.county import config
from tests.bench.setting import Setting
from tests.servers import short_folder

ROUNDS = 7
GOALS = {"help": 0.4, "start": 3.0}


def measure(setting: Setting) -> dict[str, Any]:
    rounds = setting.size(ROUNDS, 3)
    floor = _median(lambda: _run([sys.executable, "-c", "pass"]), rounds)
    told = _median(lambda: _run(command("--help")), rounds)
    first, again = _starts(setting.size(3, 1))
    return {
        "ratio": round(told / floor, 1),
        "help_seconds": round(told, 3),
        "interpreter_seconds": round(floor, 3),
        "first_start_seconds": round(first, 2),
        "start_seconds": round(again, 2),
        "start_ratio": round(again / floor, 1),
        "goals": GOALS,
    }


def _median(once: Callable[[], float], rounds: int) -> float:
    return median(once() for _ in range(rounds))


def _run(argv: list[str]) -> float:
    began = perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - began


def _starts(rounds: int) -> tuple[float, float]:
    """Return the seconds to the first READY of a new installation, and to those after it."""
    with short_folder("duban-bench-") as folder, ExitStack() as stack:
        env = {
            "DUBAN_STATE": str(folder / "state"),
            "DUBAN_CONFIG": str(config(folder)),
            "DUBAN_SANDBOX_HTTP": "http://127.0.0.1:9",
            "DUBAN_SANDBOX_SMTP_PORT": "9",
            "DUBAN_BENCH_SECRET": "secret",
            "DUBAN_BENCH_AGENT": "1000002",
        }
        supervisor = Supervisor(folder)
        stack.callback(supervisor.close)
        taken = [_ready(folder, env, supervisor) for _ in range(1 + rounds)]
    return taken[0], median(taken[1:])


def _ready(folder: Path, env: dict[str, str], supervisor: Supervisor) -> float:
    told = {**env, "NOTIFY_SOCKET": supervisor.address}
    supervisor.forget()
    with (folder / "run.log").open("ab") as log:
        began = perf_counter()
        service = subprocess.Popen(
            command("run"),
            cwd=folder,
            env=environment(told),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        with stopped(service):
            assert supervisor.hears("READY=1"), (folder / "run.log").read_text(encoding="utf-8")
            return perf_counter() - began


@contextmanager
def stopped(process: subprocess.Popen[bytes]) -> Any:
    """Ask a process to end when the block does, and insist."""
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
