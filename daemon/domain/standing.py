"""How events move the standing of a subject on its ladders (the table of design.md §2.2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, tzinfo
from enum import StrEnum

from daemon.domain.plan import Standing
from daemon.domain.workdays import local_day, midnight


class Move(StrEnum):
    """What happened, as far as ladders care."""

    ENTERED = "entered"
    """Assigned, or imported with ``--catch-up``: all that was ever due is owed."""
    IMPORTED = "imported"
    """Imported, from today on."""
    RETURNED = "returned"
    RESTARTED = "restarted"
    """Reopened, moved to another unit, resumed."""
    LOOKED = "looked"
    """Nothing but a look: signatures, progress, people, calendar."""


def moved(
    standing: Standing, move: Move, before: date | None, after: date | None, now: datetime, zone: tzinfo
) -> Standing:
    """Return where a subject stands on a ladder after an event.

    ``before`` and ``after`` are the ladder's anchor, before and after the event. *Today* is the local
    midnight that begins the day we were told.
    """
    if move is Move.LOOKED and before == after:
        return standing  # the event does not set this ladder's anchor: most do not
    today = midnight(local_day(now, zone), zone)
    fresh = replace(standing, anchor_version=standing.anchor_version + 1, moved_at=now)
    match move:
        case Move.ENTERED:
            return replace(fresh, since=None)
        case Move.IMPORTED:
            return replace(fresh, since=today)
        case Move.RESTARTED:
            return replace(fresh, since=_told_late(today, before, after, zone))
        case Move.RETURNED:
            kept = replace(standing, moved_at=now) if before == after else fresh
            return replace(kept, since=_told_late(today, before, after, zone))
        case Move.LOOKED:
            return _anchor_moved(fresh, before, after, today)


def _told_late(today: datetime, before: date | None, after: date | None, zone: tzinfo) -> datetime:
    """Return the beginning of an event's own ladder: its day, if we were told only later.

    Offices enter yesterday's returns and transfers today; what they begin must still be said.
    """
    return min(today, midnight(after, zone)) if after is not None and before != after else today


def _anchor_moved(fresh: Standing, before: date | None, after: date | None, today: datetime) -> Standing:
    if before is not None and after is not None and after < before:
        return fresh
    return replace(fresh, since=today)
