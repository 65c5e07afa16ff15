"""Whether a database is in rehearsal or live, and whether delivery is paused (design.md §5, Mode).

A database is in rehearsal until a person says ``duban go-live``. What is stored then is not a flag but the
hash of an identity, compared at every batch of deliveries: a copy carries the hash along and not the
identity, so it wakes in rehearsal, and tells nobody what the original has told already.

The identity is

- on SQLite: this machine's id, the file's whole path, and its inode. Not the device: its number may change
  at a reboot, and the service would fall silent. A copied, moved or restored file is another inode or path.
- on PostgreSQL: the cluster's system identifier, and the database's oid and name. ``pg_dump`` and restore, a
  copy by template and a dropped and created database are other oids or names.

Its limits: it does not see contents that are written over in place (``cp`` onto the same file, ``pg_restore
--clean`` into the same database), nor a clone of a whole machine or cluster, which shares everything. Who
restores so is to call ``rehearse``, and the clock's gate (loop.check_clock) stops what is
more than three days old. On the other hand a server that was moved on purpose wakes in rehearsal too: it goes
live again, and nothing that was owed meanwhile is lost (daemon/golive.py).
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from daemon.store import settings

LIVE_SINCE, PAUSED = "live", "paused"
MACHINE_ID = Path("/etc/machine-id")
_CLUSTER = text(
    "SELECT system_identifier::text, d.oid::text, d.datname FROM pg_control_system(), pg_database d"
    " WHERE d.datname = current_database()"
)


class Mode(StrEnum):
    """Rehearsal: all goes to the spool or the sandbox, marked 【演练】. Live: it goes to people."""

    REHEARSAL = "rehearsal"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said of the whole service: when, who, and why."""

    at: datetime
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """How the service stands towards people. ``was_live``: this database, or what it is a copy of, was."""

    mode: Mode
    was_live: bool = False
    live: Said | None = None
    paused: Said | None = None

    @property
    def rehearsal(self) -> bool:
        return self.mode is Mode.REHEARSAL


def read(connection: Connection) -> State:
    """Return how the service stands, seen from this very database."""
    stored, pause = settings.get_all(connection, LIVE_SINCE, PAUSED)
    is_live = bool(stored) and stored["identity"] == identity(connection)
    return State(
        Mode.LIVE if is_live else Mode.REHEARSAL,
        was_live=bool(stored),
        live=_said(stored) if is_live else None,
        paused=_said(pause) if pause else None,
    )


def identity(connection: Connection) -> str:
    """Return the hash of what this database does not share with a copy of it."""
    if connection.dialect.name == "sqlite":
        parts = _file_identity(connection.engine.url.database or "")
    else:
        parts = tuple(connection.execute(_CLUSTER).one())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _file_identity(name: str) -> tuple[str, ...]:
    with suppress(OSError):  # a database in memory has no file
        path = Path(name).resolve()
        return _machine(), str(path), str(path.stat().st_ino)
    return _machine(), name, ""


@cache
def _machine() -> str:
    """Return this machine's id, which does not change while a process lives; a container may have none."""
    with suppress(OSError):
        return MACHINE_ID.read_text(encoding="ascii").strip()
    return ""


def go_live(connection: Connection, now: datetime, by: str = "") -> None:
    """Let messages go to people from now on, as long as this is the same database."""
    settings.put(connection, LIVE_SINCE, _json(Said(now, by)) | {"identity": identity(connection)})


def rehearse(connection: Connection) -> None:
    """Go back to rehearsal (what was restored in place); that it was live is kept."""
    if stored := settings.get(connection, LIVE_SINCE):
        settings.put(connection, LIVE_SINCE, {**stored, "identity": ""})


def pause(connection: Connection, now: datetime, by: str, note: str = "") -> None:
    """Hold delivery; planning and release go on."""
    settings.put(connection, PAUSED, _json(Said(now, by, note)))


def resume(connection: Connection) -> None:
    settings.put(connection, PAUSED, None)


def _json(said: Said) -> dict[str, Any]:
    return {"at": said.at.isoformat(), "by": said.by, "note": said.note}


def _said(stored: dict[str, Any]) -> Said:
    return Said(datetime.fromisoformat(stored["at"]), stored["by"], stored["note"])
