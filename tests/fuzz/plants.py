"""Faults planted to see that each kind is found; the seed draws which."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from random import Random


def make(chance: Random) -> int:
    return chance.randrange(5)


def try_out(fault: int, _: Path) -> None:
    match fault:
        case 1:
            raise KeyError("planted")
        case 2:
            while True:
                pass
        case 3:
            bytearray(8 * 1024**3)
        case 4:
            os.kill(os.getpid(), signal.SIGKILL)
