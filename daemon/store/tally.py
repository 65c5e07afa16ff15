"""Counts per unit and day, kept in the transaction of the event, so that a rate never scans the cases."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo

from sqlalchemy import Connection, and_, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from daemon.domain.case import OPEN, State
from daemon.domain.pace import Count
from daemon.domain.workdays import local_day, midnight
from daemon.store.tables import cases, tally

_c = tally.c


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


def add(
    connection: Connection,
    campaign: int,
    unit: int,
    effective: date,
    known: date,
    delta: tuple[int, int, int],
) -> None:
    """Add (registered, dismissed, closed) to a unit's day; ``known`` is as ``known_from`` says."""
    if not any(delta):
        return
    day = {"campaign_id": campaign, "unit_id": unit, "effective_on": effective, "known_from": known}
    counts = dict(zip(("registered", "dismissed", "closed"), delta, strict=True))
    added = update(tally).filter_by(**day).values({name: _c[name] + n for name, n in counts.items()})
    if connection.execute(added).rowcount:
        return
    try:
        with connection.begin_nested():
            connection.execute(insert(tally).values(**day, **counts))
    except IntegrityError:  # another event of that day was faster
        connection.execute(added)


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
