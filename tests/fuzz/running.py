"""Runs the trying process, again after each input that kills it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.child import SECONDS

ROOT = Path(__file__).parents[2]


STARTING = 60
"""Seconds that a process may take besides those of its inputs; one that waits uses no processor time."""


@dataclass(frozen=True)
class Finding:
    """An input that brought about something else than an error of our own."""

    target: str
    number: int
    error: str

    def __str__(self) -> str:
        return f"python -m tests.fuzz --target {self.target} --seed {self.number}\n{self.error}"


def findings(target: str, first: int, count: int, *limits: int) -> Iterator[Finding]:
    """Try ``count`` inputs from a number on; yield what went wrong."""
    number, end = first, first + count
    while number < end:
        command = [sys.executable, "-m", "tests.fuzz.child", target, str(number), str(end - number)]
        command += map(str, limits)
        out, how = _ended(command, (limits[0] if limits else SECONDS) * (end - number) + STARTING)
        said = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        yield from (Finding(target, each["number"], each["error"]) for each in said if each["error"])
        last = max((each["number"] for each in said), default=number)
        if last < end:
            yield Finding(target, last, how)
        number = last + 1


def _ended(command: Sequence[str], seconds: float) -> tuple[str, str]:
    """Run a process, for so long at most; return what it said, and in words how it ended."""
    try:
        child = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired as late:
        said = late.stdout or b""
        return said.decode() if isinstance(said, bytes) else said, f"the process hung for {seconds} seconds"
    return child.stdout, f"the process ended with {child.returncode}\n{child.stderr[-1000:]}"
