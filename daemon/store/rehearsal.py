"""Undoes what a rehearsal has said, when a database goes live. daemon/golive.py says what is meant."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    update,
)

from daemon.domain.plan import Outcome, ReasonCode
from daemon.store.tables import Instant, agenda, decisions, deliveries, items, notices

_c, _d, _i, _n, _v = agenda.c, decisions.c, items.c, notices.c, deliveries.c
HANDED_OVER = ("sent", "manual", "done")
PENDING = ("ready", "waiting", "held")
_SAME_ROW = and_(_d.subject_kind == _c.subject_kind, _d.subject_id == _c.subject_id, _d.ladder == _c.ladder)
_OF_ROW = and_(_SAME_ROW, _d.anchor_version == _c.anchor_version)
REHEARSED = {"code": ReasonCode.REHEARSED.value}


def hold_deliveries(connection: Connection) -> None:
    """Hold what is under way: who claims any of it meanwhile finds that we are live, and leaves it."""
    under_way = select(_v.id).where(_v.state.in_(("ready", "sending"))).order_by(_v.id)
    connection.execute(under_way.with_for_update())


def handed_over(connection: Connection) -> int:
    """Count the notices that rehearsal handed over."""
    query = select(func.count()).select_from(notices).where(_n.rehearsal, _n.state.in_(HANDED_OVER))
    return connection.execute(query).scalar() or 0


def unsay(connection: Connection, since: datetime | None, now: datetime) -> int:
    """Begin anew on every ladder of which rehearsal took anything up; return how many rows.

    What was decided and never handed over stays owed, however early; ``None`` leaves ``since`` as it is.
    """
    rehearsed = (
        select(_i.id)
        .join_from(items, decisions, _i.decision_id == _d.id)
        .join(notices, _i.notice_id == _n.id)
        .where(_OF_ROW, _n.rehearsal)
        .exists()
    )
    used = select(func.max(_d.anchor_version)).where(_SAME_ROW).scalar_subquery()
    values: dict[Any, Any] = {
        "anchor_version": used + 1,
        "due_at": _not_later(now),
        "resting": None,
        "version": _c.version + 1,
        "set_aside": None,
    }
    if since is not None:
        values["since"] = _earlier(_pending_since(), since)
    return connection.execute(update(agenda).where(rehearsed).values(values)).rowcount


def _pending_since() -> ColumnElement[Any]:
    """Return the earliest instant of a row that was decided and reached nobody yet, not even the spool."""
    under_way = (
        select(_i.id)
        .join_from(items, notices, _i.notice_id == _n.id, isouter=True)
        .where(_i.decision_id == _d.id, _i.state == "open", or_(_n.id.is_(None), _n.state.in_(PENDING)))
        .exists()
    )
    return (
        select(func.min(_d.instant))
        .where(_OF_ROW, _d.outcome == Outcome.SAID, or_(_d.released_at.is_(None), under_way))
        .scalar_subquery()
    )


def _earlier(found: ColumnElement[Any], since: datetime) -> ColumnElement[Any]:
    limit = literal(since, Instant())
    return case((and_(found.is_not(None), found < limit), found), else_=limit)


def _not_later(now: datetime) -> ColumnElement[Any]:
    at = literal(now, Instant())
    return case((and_(_c.due_at.is_not(None), _c.due_at < at), _c.due_at), else_=at)


def limit_unseen(connection: Connection, since: datetime, now: datetime) -> None:
    """Let what is due and was not looked at yet be owed from ``since`` on only."""
    earlier = or_(_c.since.is_(None), _c.since < since)
    connection.execute(
        update(agenda).where(_c.due_at <= now, earlier).values(since=since, version=_c.version + 1)
    )


def uncount(connection: Connection) -> None:
    """Let nobody's budget be used up by what was rehearsed."""
    rehearsed = select(_n.id).where(_n.id == _v.notice_id, _n.rehearsal).exists()
    used = or_(_v.counted_on.is_not(None), _v.over_on.is_not(None))
    connection.execute(update(deliveries).where(used, rehearsed).values(counted_on=None, over_on=None))


def drop_pending(connection: Connection, now: datetime) -> int:
    """Drop what was on its way of ladders that began anew, and rehearsed notes; return how many notices.

    A worker that has one in hand loses its claim, and sends it no more. Nor is anything else of a rehearsed
    notice tried again: the mail, say, of one that has been handed over by SMS.
    """
    stale = (
        select(_d.id)
        .join_from(decisions, agenda, _SAME_ROW)
        .where(_d.id == _i.decision_id, _d.anchor_version < _c.anchor_version)
        .exists()
    )
    # Perhaps of an anchor that was undone since: then no ladder of it begins anew.
    rehearsed = select(_n.id).where(_n.id == _i.notice_id, _n.rehearsal).exists()
    dropped = update(items).where(_i.state == "open", or_(stale, rehearsed))
    connection.execute(dropped.values(state="dropped", reason=REHEARSED, closed_at=now))
    nothing_left = ~select(_i.id).where(_i.notice_id == _n.id, _i.state == "open").exists()
    ended = or_(
        and_(_n.kind == "rungs", _n.state.in_((*PENDING, "manual")), nothing_left),
        and_(_n.kind != "rungs", _n.rehearsal, _n.state.in_(("ready", "manual"))),
    )
    numbers = list(connection.execute(select(_n.id).where(ended)).scalars())
    connection.execute(update(notices).where(ended).values(state="dropped", reason=REHEARSED, ended_at=now))
    over = or_(_n.state == "dropped", _n.rehearsal)
    mine = select(_n.id).where(_n.id == _v.notice_id, over).exists()
    connection.execute(
        update(deliveries)
        .where(_v.state.in_(("ready", "sending")), mine)
        .values(state="dropped", claim=_v.claim + 1, lease_until=None, frozen=None)
    )
    return len(numbers)
