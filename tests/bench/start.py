"""How long ``duban --help`` takes, against the bare interpreter."""

from __future__ import annotations

import subprocess
import sys
from statistics import median
from time import perf_counter

from tests.bench.setting import Setting

ROUNDS = 7


def measure(setting: Setting) -> dict[str, object]:
    ours = _seconds([sys.executable, "-m", "daemon.cli", "--help"])
    floor = _seconds([sys.executable, "-c", "pass"])
    return {"seconds": round(ours, 3), "floor_seconds": round(floor, 3), "ratio": round(ours / floor, 1)}


def _seconds(argv: list[str]) -> float:
    def once() -> float:
        began = perf_counter()
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
        return perf_counter() - began

    return median(once() for _ in range(ROUNDS))
