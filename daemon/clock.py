"""The only place that reads clocks.

``now()`` is office time: what is due, slots, windows, rates. It may be virtual, shared by several processes
through a file (``DUBAN_CLOCK``). ``wall()`` and ``monotonic()`` are never virtual: leases, hint terms,
provider signatures, tokens, timeouts, watchdog.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

_ENV = "DUBAN_CLOCK"
_still: datetime | None = None


def now() -> datetime:
    """Return office time, aware, in UTC."""
    if _still is not None:
        return _still
    path = os.environ.get(_ENV)
    return datetime.fromisoformat(Path(path).read_text(encoding="ascii").strip()) if path else wall()


def wall() -> datetime:
    """Return the time of the machine, aware, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return seconds that never go back."""
    return time.monotonic()


def is_virtual() -> bool:
    return _still is not None or _ENV in os.environ


def stand_still(instant: datetime | None) -> None:
    """Make office time virtual for this process alone: it stands still at ``instant``, until the next.

    ``None`` goes back to the clock that others have.
    """
    global _still  # noqa: PLW0603 - this file is the one place that reads clocks
    _still = instant.astimezone(UTC) if instant else None


def share(path: Path, instant: datetime) -> None:
    """Make office time virtual for this process and those it starts; it stands still at ``instant``."""
    jump(path, instant)
    os.environ[_ENV] = str(path)


def unshare() -> None:
    """Go back to the time of the machine."""
    os.environ.pop(_ENV, None)


def jump(path: Path, instant: datetime) -> None:
    """Move the virtual office time kept in ``path``; readers see the old instant or the new one."""
    draft = path.with_suffix(".next")
    draft.write_text(instant.astimezone(UTC).isoformat(), encoding="ascii")
    draft.replace(path)
