"""A database that is full to the brim: SQLite's own ``database or disk is full``, amid a transaction.

While it is full no transaction of a wrapped process may let the file grow (``PRAGMA max_page_count``, set to
the pages that there are when the transaction begins): the first statement that needs a page more ends with
``SQLITE_FULL``, and its transaction with it. What fits into the pages that there are is still stored, as on a
disk whose log has been longer. One state for all processes, in a file that each maps; ``full.jsonl`` has a
line for each time that SQLite said so.
"""

from __future__ import annotations

import json
import mmap
import sqlite3
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import wraps
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

from daemon import clock
from tests.chaos.journal import Fault

STRUCK = "full.jsonl"
_STATE = struct.Struct("=dq")
_ROOM = 0x7FFFFFFF
"""As many pages as one likes."""


class Brim:
    """Until when the database is full, by the machine's own clock, and the so-manieth time that it is."""

    def __init__(self, folder: Path) -> None:
        path = folder / "brim"
        if not path.exists():
            path.write_bytes(_STATE.pack(0.0, 0))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _STATE.size)

    @property
    def full(self) -> bool:
        until, _ = _STATE.unpack_from(self._shared)
        return time.monotonic() < float(until)

    @property
    def times(self) -> int:
        """How often it was full so far."""
        _, number = _STATE.unpack_from(self._shared)
        return int(number)

    def fill(self, seconds: float) -> None:
        _STATE.pack_into(self._shared, 0, time.monotonic() + seconds, self.times + 1)

    def make_room(self) -> None:
        _STATE.pack_into(self._shared, 0, 0.0, self.times)


def wrap(folder: Path, process: str) -> None:
    """Let this process meet with a full database whenever it is full; call it before the service begins."""
    brim, lock = Brim(folder), threading.Lock()
    event.listen(Engine, "handle_error", lambda context: _note(folder / STRUCK, lock, brim, process, context))
    begin = Connection._begin_impl

    @wraps(begin)
    def begun(self: Connection, *args: Any) -> None:
        begin(self, *args)
        if self.dialect.name == "sqlite":
            limit(self.connection.driver_connection, 1 if brim.full else _ROOM)

    setattr(Connection, "_begin_impl", begun)  # noqa: B010 - mypy knows its type


def limit(connection: Any, pages: int) -> None:
    """Let this connection use so many pages; never fewer than there are."""
    connection.execute(f"PRAGMA max_page_count={pages}")


def _note(path: Path, lock: threading.Lock, brim: Brim, process: str, context: Any) -> None:
    if getattr(context.original_exception, "sqlite_errorcode", None) != sqlite3.SQLITE_FULL:
        return
    moment = {"at": clock.now().isoformat(), "wall": clock.wall().isoformat()}
    line = {"time": brim.times, "process": process, **moment}
    # The disk may be full at the same time; that is a fault of its own.
    with suppress(OSError), lock, path.open("a", encoding="utf-8") as struck:
        struck.write(json.dumps(line) + "\n")


def faults(folder: Path) -> list[Fault]:
    """Return the times that SQLite said it was full, each as one fault: from its first word to its last.

    Each time that a worker is told so one message may have left of which nothing could be recorded.
    """
    lines = sorted(_lines(folder / STRUCK), key=itemgetter("time", "wall"))
    return [_fault(list(of_one)) for _, of_one in groupby(lines, key=itemgetter("time"))]


def _fault(lines: list[Mapping[str, Any]]) -> Fault:
    (at, wall), (until, wall_until) = (
        (datetime.fromisoformat(line["at"]), datetime.fromisoformat(line["wall"]))
        for line in (lines[0], lines[-1])
    )
    sends = sum(line["process"].startswith("work") for line in lines)
    return Fault(
        at,
        until,
        "database_full",
        "database",
        doubt=bool(sends),
        sends=max(sends, 1),
        wall=wall,
        wall_until=wall_until,
    )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return (json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n"))
