"""The program as people start it: processes with an environment of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "config" / "demo"
LEDGER = SAMPLES / "ledger-2018-2020.xlsx"
DIRECTORY = SAMPLES / "directory.xlsx"
SECONDS = 900.0
"""For one command to end: a bound for a machine that is slow and busy, which tests no haste."""
_FOREIGN = ("DUBAN_", "NOTIFY_SOCKET", "WATCHDOG_", "PYTHONPATH", "PYTEST_")


@dataclass(frozen=True)
class Answer:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def last(self) -> Any:
        """The JSON of the last line."""
        return json.loads(self.lines[-1])

    @property
    def json(self) -> Any:
        """All that was printed, which is one JSON document."""
        return json.loads(self.out)

    @property
    def complaints(self) -> list[str]:
        """What was said on stderr, but for the line that tells which config and database are used."""
        return [line for line in self.err.splitlines() if not line.startswith("配置 ")]


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a desk on which nothing of duban is set, and ``more``."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return {**mine, **(more or {})}


def command(*args: object) -> list[str]:
    return [sys.executable, "-m", "daemon.cli", *map(str, args)]


def duban(
    *args: object,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
) -> Answer:
    """Run one command to its end."""
    return answered(command(*args), cwd=cwd, env=env, seconds=seconds)


def answered(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
) -> Answer:
    done = subprocess.run(
        argv,
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def processes(state: Path, *words: str) -> list[int]:
    """Return the processes that keep their things in this state folder, and were started with these words."""
    return [pid for pid in _all() if _tells(pid, "environ", f"DUBAN_STATE={state}") and _runs(pid, words)]


def mentioning(folder: Path) -> list[int]:
    """Return the processes that have to do with a folder, by their arguments or their environment."""
    return [pid for pid in _all() if any(str(folder) in _read(pid, name) for name in ("cmdline", "environ"))]


def _all() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _runs(pid: int, words: Sequence[str]) -> bool:
    return set(words) <= set(_read(pid, "cmdline").split("\0"))


def _tells(pid: int, name: str, line: str) -> bool:
    return line in _read(pid, name).split("\0")


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")
    except OSError:
        return ""
