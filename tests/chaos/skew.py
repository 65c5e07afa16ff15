"""Time that passes on the wall, for all processes at once: leases run out without anybody waiting for them.

``clock.wall`` and ``clock.monotonic`` stay real in production. Here both are put forward by the same number
of seconds, kept in a file that every process maps: as if every machine had been idle for so long.
"""

from __future__ import annotations

import mmap
import struct
from datetime import timedelta
from pathlib import Path

from daemon import clock

_SECONDS = struct.Struct("d")


class Skew:
    """The seconds that were skipped so far; shared through a file."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(_SECONDS.pack(0.0))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _SECONDS.size)

    @property
    def seconds(self) -> float:
        return float(_SECONDS.unpack_from(self._shared)[0])

    def skip(self, seconds: float) -> None:
        _SECONDS.pack_into(self._shared, 0, self.seconds + seconds)

    def wrap(self) -> None:
        """Let this process's wall and monotonic clocks follow."""
        wall, monotonic = clock.wall, clock.monotonic
        clock.wall = lambda: wall() + timedelta(seconds=self.seconds)
        clock.monotonic = lambda: monotonic() + self.seconds
