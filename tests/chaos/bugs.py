"""Bugs that a test plants, from outside, in the processes and in the driver's own acts.

Each returns what puts it back, so that the driver can plant it in itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import IntegrityError

from daemon import deliver, release, scan
from daemon.store import agenda, cases, decisions


def lost_touch() -> Callable[[], None]:
    """Let the event that closes, extends or returns a case change it, and nobody look at it again."""
    return _replaced(cases.agenda, "put", lambda _connection, _rows, _now: None)


def swallowed_conflict() -> Callable[[], None]:
    """Ignore the guard that another scanner was faster, and lose what it had settled."""
    put = decisions.put

    def advance(connection: Any, steps: Any) -> int:
        agenda_advance(connection, steps)
        return len(steps)

    def careless(connection: Any, new: Any, rules: str, now: Any) -> None:
        try:
            with connection.begin_nested():
                put(connection, new, rules, now)
        except IntegrityError:
            return

    agenda_advance = agenda.advance
    undo_first = _replaced(scan.agenda, "advance", advance)
    undo_second = _replaced(scan.decisions, "put", careless)

    def undo() -> None:
        undo_first()
        undo_second()

    return undo


def reminder_after_closure() -> Callable[[], None]:
    """Never look once more: what was decided is said, whatever has happened since."""
    first = _replaced(deliver, "still_due", lambda *_: None)
    second = _replaced(release, "still_due", lambda *_: None)

    def undo() -> None:
        first()
        second()

    return undo


def _replaced(owner: Any, name: str, other: Any) -> Callable[[], None]:
    before = getattr(owner, name)
    setattr(owner, name, other)
    return lambda: setattr(owner, name, before)


PLANTED: dict[str, Callable[[], Callable[[], None]]] = {
    "lost-touch": lost_touch,
    "swallowed-conflict": swallowed_conflict,
    "reminder-after-closure": reminder_after_closure,
}
