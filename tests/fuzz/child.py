"""Tries inputs one after the other, in a process whose memory and time are limited.

Each number is said before its input is tried, so that an input which kills the process is known.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz import folders, plants, workbooks

MEMORY = 1024**3
SECONDS = 10
"""Of processor time, for one input."""
Target = tuple[Callable[[Random], Any], Callable[[Any, Path], None]]
TARGETS: dict[str, Target] = {
    "workbook": (workbooks.make, workbooks.try_out),
    "config": (folders.make, folders.try_out),
    "condition": (folders.make_condition, folders.try_condition),
    "planted": (plants.make, plants.try_out),
}


def main(name: str, first: int, count: int, seconds: int = SECONDS) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    make, try_out = TARGETS[name]
    with tempfile.TemporaryDirectory(prefix="duban-fuzz-") as folder:
        for number in range(first, first + count):
            made = make(Random(f"{name}:{number}"))
            _say(number)
            _allow(seconds)
            try:
                try_out(made, Path(folder))
            except BaseException:  # noqa: BLE001 - a panic of the Rust reader is no Exception
                _say(number, traceback.format_exc())
    _say(first + count)


def _allow(seconds: int) -> None:
    """End the process by SIGXCPU unless it asks again in time."""
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + 1 + seconds, resource.RLIM_INFINITY))


def _say(number: int, error: str = "") -> None:
    print(json.dumps({"number": number, "error": error}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
