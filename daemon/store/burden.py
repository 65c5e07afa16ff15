"""How much each person is sent: budgets are kept here, by SQL, and the monthly report is read here.

A delivery counts on the office day on which its bytes last left (``counted_on``), for the person told; one
that failed for certain does not count, one that was given up since nobody knows whether it arrived does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select, true, update
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from daemon.domain.burden import Budget, monday_of
from daemon.domain.ladder import Act
from daemon.store.deliveries import Claimed
from daemon.store.tables import attempts, deliveries, notices, persons

_a, _d, _n = attempts.c, deliveries.c, notices.c
_UNDER_WAY = ("ready", "sending")
_COUNTS = (*_UNDER_WAY, "sent")


def hold(connection: Connection, people: Iterable[int]) -> None:
    """Hold persons until this transaction ends, in one order, so that no two workers count them at once.

    On SQLite write transactions are serial anyway; on PostgreSQL this row lock is what makes them so for one
    person. It comes before every other lock of its transaction.
    """
    wanted = sorted(set(people))
    query = select(persons.c.id).where(persons.c.id.in_(wanted)).order_by(persons.c.id)
    connection.execute(query.with_for_update(key_share=True))


@dataclass(frozen=True, slots=True)
class Burden:
    """A message about to leave: who bears it, on which office day, and how strong it is (its act's rank)."""

    person: int
    on: date
    rank: int
    now: datetime


def take(connection: Connection, mine: Claimed, burden: Burden, budget: Budget | None) -> bool:
    """Count a delivery that is mine, if the budget still has room for it; ``None``: in any case.

    What is stronger, or as strong and older, and waits for the same channel now, goes first: it is counted as
    if it had left. The persons are held (``hold``).
    """
    room = _room(mine, burden, budget) if budget else true()
    counted = (
        update(deliveries)
        .where(_d.id == mine.id, _d.state == "sending", _d.claim == mine.claim, room)
        .values(person_id=burden.person, counted_on=burden.on)
    )
    return bool(connection.execute(counted).rowcount)


def _room(mine: Claimed, burden: Burden, budget: Budget) -> ColumnElement[bool]:
    ahead = _ahead(mine, burden)
    limits = ((budget.day, burden.on), (budget.week, monday_of(burden.on)))
    return and_(
        *(_counted(mine, burden, since) + ahead < limit for limit, since in limits if limit is not None)
    )


def _counted(mine: Claimed, burden: Burden, since: date) -> ColumnElement[int]:
    o = deliveries.alias().c
    return (
        select(func.count())
        .where(
            o.person_id == burden.person,
            o.channel == mine.channel,
            o.counted_on.between(since, burden.on),
            or_(o.state.in_(_COUNTS), _given_up_in_doubt(o)),
            o.id != mine.id,
        )
        .scalar_subquery()
    )


_rank = case({act.value: act.rank for act in Act}, value=_n.act, else_=-1)


def _ahead(mine: Claimed, burden: Burden) -> ColumnElement[int]:
    o = deliveries.alias()
    return (
        select(func.count())
        .select_from(o.join(notices, o.c.notice_id == _n.id))
        .where(
            _n.person_id == burden.person,
            o.c.channel == mine.channel,
            o.c.state.in_(_UNDER_WAY),
            o.c.next_attempt_at <= burden.now,
            or_(o.c.counted_on.is_(None), o.c.counted_on < burden.on),
            or_(_rank > burden.rank, and_(_rank == burden.rank, o.c.id < mine.id)),
        )
        .scalar_subquery()
    )


def _given_up_in_doubt(of: ReadOnlyColumnCollection[str, Any]) -> ColumnElement[bool]:
    """Whether a delivery failed and nobody knows whether any of its tries arrived: it may have been read."""
    unknown = select(_a.id).where(_a.delivery_id == of.id, _a.outcome == "unknown").exists()
    return and_(of.state == "failed", unknown)


def turn_away(connection: Connection, mine: Claimed, burden: Burden) -> bool:
    """End a delivery that is mine, because its channel has no room; say whether it was mine."""
    over = (
        update(deliveries)
        .where(_d.id == mine.id, _d.state == "sending", _d.claim == mine.claim)
        .values(
            state="passed_over", lease_until=None, frozen=None, person_id=burden.person, over_on=burden.on
        )
    )
    return bool(connection.execute(over).rowcount)


def was_turned_away(connection: Connection, notice: int) -> bool:
    """Whether any channel of a notice was passed over for the budget."""
    query = select(_d.id).where(_d.notice_id == notice, _d.state == "passed_over").limit(1)
    return connection.execute(query).first() is not None


@dataclass(frozen=True, slots=True)
class Borne:
    """What one person was sent in some days: how many by each channel, and the day on which it was most.

    ``over``: messages that found no room on a channel, and went another way or later.
    """

    person: int
    channels: Mapping[str, int]
    most_on: date | None
    most: int
    over: int

    @property
    def total(self) -> int:
        return sum(self.channels.values())


def borne(connection: Connection, since: date, until: date) -> list[Borne]:
    """Return what everybody was sent from one office day to another (included), most burdened first.

    What may have arrived counts, as in the budgets.
    """
    channels: dict[int, dict[str, int]] = {}
    sent = and_(or_(_d.state == "sent", _given_up_in_doubt(_d)), _d.counted_on.between(since, until))
    by_channel = select(_d.person_id, _d.channel, func.count()).where(sent)
    for person, channel, count in connection.execute(by_channel.group_by(_d.person_id, _d.channel)):
        channels.setdefault(person, {})[channel] = count
    most = _most(connection, sent)
    over = _over(connection, since, until)
    found: list[Borne] = []
    for person in channels.keys() | over.keys():
        most_on, number = most.get(person, (None, 0))
        found.append(Borne(person, channels.get(person, {}), most_on, number, over.get(person, 0)))
    return sorted(found, key=lambda each: (-each.total, -each.most, each.person))


def _most(connection: Connection, sent: ColumnElement[bool]) -> dict[int, tuple[date, int]]:
    """Return on which day each person was sent most, the first of several, and how much."""
    count = func.count().label("count")
    query = select(_d.person_id, _d.counted_on, count).where(sent).group_by(_d.person_id, _d.counted_on)
    found: dict[int, tuple[date, int]] = {}
    for person, day, number in connection.execute(query.order_by(count.desc(), _d.counted_on)):
        found.setdefault(person, (day, number))
    return found


def _over(connection: Connection, since: date, until: date) -> dict[int, int]:
    query = select(_d.person_id, func.count()).where(_d.over_on.between(since, until)).group_by(_d.person_id)
    return dict(map(tuple, connection.execute(query)))
