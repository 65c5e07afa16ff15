"""What arrived: one row a message and recipient, in memory and in ``inbox.jsonl``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import IO, Any

CHANNELS = ("email", "sms", "wecom")
CHINA = timezone(timedelta(hours=8), "CST")


class Fate(StrEnum):
    """What the provider did with a message after it had said yes."""

    DELIVERED = "delivered"
    DUPLICATE = "duplicate"  # the same again within its interval: not delivered a second time
    DROPPED = "dropped"  # above the member's frequency: silently not delivered


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One message that a provider said yes to.

    ``at`` is office time, local. ``segments`` is what an SMS is billed as. ``details`` are what else the
    channel knows: mail headers, the card's link, the template.
    """

    n: int = 0
    channel: str
    address: str
    name: str
    at: str
    key: str = ""
    items: tuple[int, ...] = ()
    repeat: bool = False
    subject: str = ""
    text: str = ""
    html: str = ""
    segments: int = 1
    accepted: bool = True
    fate: Fate = Fate.DELIVERED
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def instant(self) -> datetime:
        return datetime.fromisoformat(self.at)


class Inbox:
    """The rows, in the order of arrival. May be used by several threads."""

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        self._rows = list(_load(path))
        self._file: IO[str] = path.open("a", encoding="utf-8")

    def keep(self, row: Row) -> Row:
        """Number a row and keep it."""
        with self._lock:
            numbered = replace(row, n=len(self._rows) + 1)
            self._file.write(json.dumps(as_json(numbered), ensure_ascii=False) + "\n")
            self._file.flush()
            self._rows.append(numbered)
            return numbered

    def rows(self) -> tuple[Row, ...]:
        with self._lock:
            return tuple(self._rows)

    def counts(self) -> dict[str, int]:
        """Return how many messages each channel said yes to, whatever became of them."""
        seen = Counter(row.channel for row in self.rows())
        return {channel: seen[channel] for channel in CHANNELS}

    def close(self) -> None:
        with self._lock:
            self._file.close()


def local(now: datetime) -> str:
    """Return the time on the office's clock, as a row keeps it."""
    return now.astimezone(CHINA).isoformat(timespec="seconds")


def as_json(row: Row) -> dict[str, object]:
    """Return a row as ``inbox.jsonl`` and ``/inbox.json`` have it."""
    return asdict(row) | {"items": list(row.items), "fate": str(row.fate)}


def _load(path: Path) -> Iterator[Row]:
    """Yield the rows of an earlier run; a last line that was cut off by a crash is taken away."""
    if not path.exists():
        return
    kept = path.read_bytes()
    whole = kept[: kept.rfind(b"\n") + 1]
    if whole != kept:
        path.write_bytes(whole)
    for line in whole.splitlines():
        yield _row(json.loads(line))


def _row(kept: dict[str, Any]) -> Row:
    return Row(**{**kept, "items": tuple(kept["items"]), "fate": Fate(kept["fate"])})
