"""Loads what readiness is judged by: every unit, post, stand-in and address, in four selects."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from sqlalchemy import Connection, select

from daemon.domain.ladder import Ladder, Role
from daemon.domain.people import Acting, Post
from daemon.domain.readiness import Demands, Finding, Roster, Unit, empty_group, readiness
from daemon.store import people
from daemon.store.people import CHANNEL_ADDRESS
from daemon.store.tables import acting, posts, units


def load(connection: Connection) -> Roster:
    """Return the whole roster, whatever the day."""
    c = posts.c
    held = connection.execute(select(c.person_id, c.role, c.unit_id, c.since, c.until).order_by(c.id))
    u = units.c
    of_units = select(u.id, u.kind, u.since, u.until)
    return Roster(
        units=[Unit(*row) for row in connection.execute(of_units.order_by(u.id))],
        posts=[Post(person, Role(role), unit, since, until) for person, role, unit, since, until in held],
        acting=[
            Acting(row.person_id, row.stand_in_id, row.since, row.until)
            for row in connection.execute(select(acting))
        ],
        reach={
            number: [channel for channel in CHANNEL_ADDRESS if person.address(channel)]
            for number, person in people.load_all(connection).items()
        },
    )


def survey(connection: Connection, demands: Demands, on: date) -> list[Finding]:
    """Return all that is wrong with the directory; nothing where none has been imported yet."""
    roster = load(connection)
    return readiness(roster, demands, on) if roster.posts else []


def silent_group(connection: Connection, ladders: Iterable[Ladder], on: date) -> list[Finding]:
    """Return the rungs to the leading group that reach nobody; none where no directory is there yet."""
    roster = load(connection)
    return empty_group(roster, ladders, on) if roster.posts else []
