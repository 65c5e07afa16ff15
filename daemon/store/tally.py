"""Counts per unit and day, kept in the transaction of the event, so that a rate never scans the cases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta, tzinfo

from sqlalchemy import Connection, Insert, and_, func, select
from sqlalchemy.dialects import postgresql, sqlite

from daemon.domain.case import OPEN, State
from daemon.domain.pace import Count
from daemon.domain.workdays import local_day, midnight
from daemon.store.tables import cases, tally

_c = tally.c


Day = tuple[int, int, date, date]
"""Campaign, unit, the day it took effect, the day from whose midnight on it is known."""
Delta = tuple[int, int, int]
"""Registered, dismissed, closed."""
_COUNTS = ("registered", "dismissed", "closed")


def known_from(recorded_at: datetime, zone: tzinfo) -> date:
    """Return the first day whose beginning midnight finds on file what was recorded at an instant.

    Rungs speak as of a midnight: what is told at 10:00 is not known to the rung of that day, whenever it is
    looked at, but what comes at that very midnight is.
    """
    day = local_day(recorded_at, zone)
    return day if recorded_at == midnight(day, zone) else end_of(day)


def end_of(day: date) -> date:
    """Return the day whose beginning midnight ends a day: what had been recorded by then is known."""
    return day + timedelta(days=1)


def add(connection: Connection, counts: Mapping[Day, Delta]) -> None:
    """Add to units' days; who does so at the same time waits, and never for us both ways."""
    names = ("campaign_id", "unit_id", "effective_on", "known_from", *_COUNTS)
    rows = [dict(zip(names, day + delta, strict=True)) for day, delta in sorted(counts.items()) if any(delta)]
    if rows:
        connection.execute(_ADD[connection.dialect.name], rows)


def _adding(new: sqlite.Insert | postgresql.Insert) -> Insert:
    more = {name: _c[name] + new.excluded[name] for name in _COUNTS}
    return new.on_conflict_do_update(index_elements=tally.primary_key, set_=more)


_ADD = {
    name: _adding(dialect.insert(tally)) for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}


class Rates:
    """Reads counts as of a day; each (campaign, day) costs one GROUP BY, once.

    ``known`` leaves out what was not on file at the midnight that begins that day. (The verdict of a day
    counts what had been recorded by its end: ``known`` is the day after.)
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._counts: dict[tuple[int, date, date | None], dict[int, Count]] = {}
        self._reachable: dict[tuple[int, date], int] = {}

    def by_unit(self, campaign: int, day: date, known: date | None = None) -> dict[int, Count]:
        key = (campaign, day, known)
        if key not in self._counts:
            self._counts[key] = self._read(*key)
        return self._counts[key]

    def _read(self, campaign: int, day: date, known: date | None) -> dict[int, Count]:
        until = and_(_c.campaign_id == campaign, _c.effective_on <= day)
        if known is not None:
            until = and_(until, _c.known_from <= known)
        total = func.sum(_c.registered) - func.sum(_c.dismissed)
        query = select(_c.unit_id, total, func.sum(_c.closed)).where(until).group_by(_c.unit_id)
        return {
            unit: Count(int(total), int(closed)) for unit, total, closed in self._connection.execute(query)
        }

    def count(self, campaign: int, day: date, unit: int | None = None, known: date | None = None) -> Count:
        """Return the count of one unit, or of the whole campaign."""
        counts = self.by_unit(campaign, day, known)
        if unit is not None:
            return counts.get(unit, Count(0, 0))
        return Count(sum(c.total for c in counts.values()), sum(c.closed for c in counts.values()))

    def overdue_by_unit(self, campaign: int, day: date) -> dict[int, int]:
        """Count each unit's open cases whose deadline lies before ``day``."""
        query = (
            select(cases.c.unit_id, func.count().label("overdue"))
            .where(cases.c.campaign_id == campaign, cases.c.due_on < day, cases.c.state.in_(list(OPEN)))
            .group_by(cases.c.unit_id)
        )
        return {row.unit_id: row.overdue for row in self._connection.execute(query)}

    def still_reachable(self, campaign: int, milestone: date) -> int:
        """Count the cases not closed whose deadline, as it stands, is not after the milestone (可达率)."""
        key = (campaign, milestone)
        if key not in self._reachable:
            gone = (State.CLOSED, State.DISMISSED, State.REPORTED)
            query = select(func.count()).where(
                cases.c.campaign_id == campaign, cases.c.due_on <= milestone, cases.c.state.not_in(gone)
            )
            self._reachable[key] = self._connection.execute(query).scalar() or 0
        return self._reachable[key]
