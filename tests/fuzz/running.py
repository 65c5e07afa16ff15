"""Runs the trying process, again after each input that kills it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


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
        child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        said = [json.loads(line) for line in child.stdout.splitlines() if line.startswith("{")]
        yield from (Finding(target, each["number"], each["error"]) for each in said if each["error"])
        last = max((each["number"] for each in said), default=number)
        if last < end:
            yield Finding(target, last, f"the process ended with {child.returncode}\n{child.stderr[-1000:]}")
        number = last + 1
