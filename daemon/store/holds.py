"""Notices held by the gate on floods, and those that a pause holds back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, not_, or_, select, update

from daemon.domain.plan import ReasonCode
from daemon.store.tables import Instant, deliveries, items, notices

_n, _d, _i = notices.c, deliveries.c, items.c
LET_GO = "let_go"
ASK = "ask"
WITHDRAWN = {"code": ReasonCode.WITHDRAWN.value}


def made_since(connection: Connection, since: datetime) -> int:
    """Count the notices made since then, held ones too; not those that a person looked at."""
    return connection.execute(_MADE, {"since": since}).scalar() or 0


_LET_GO = and_(_n.reason.is_not(None), _n.reason["code"].as_string() == LET_GO)
_MADE = select(func.count()).where(
    _n.created_at > bindparam("since", type_=Instant()),
    _n.kind == "rungs",
    _n.approval.is_(None),
    not_(func.coalesce(_LET_GO, False)),
)


def asked_since(connection: Connection, since: datetime) -> bool:
    """Whether the office has been asked about held notices since then."""
    query = select(_n.id).where(_n.created_at > since, _n.kind == ASK).limit(1)
    return connection.execute(query).first() is not None


def held(connection: Connection, numbers: Sequence[int] = ()) -> list[int]:
    """Return the notices that the gate holds, of these or of all."""
    found = list(connection.execute(_HELD).scalars())
    return [number for number in found if number in set(numbers)] if numbers else found


_HELD = select(_n.id).where(_n.state == "held").order_by(_n.created_at, _n.id)


def let_go(connection: Connection, number: int, by: str, now: datetime) -> bool:
    """Mark a held notice as let go by a person; whoever is second changes nothing."""
    reason = {"code": LET_GO, "by": by, "at": now.isoformat()}
    query = update(notices).where(_n.id == number, _n.state == "held")
    return bool(connection.execute(query.values(state="ready", reason=reason)).rowcount)


def backlog(connection: Connection, now: datetime) -> dict[str | None, int]:
    """Return how many notices would leave now if they might, by act."""
    query = select(_n.act, func.count()).where(_is_back(now)).group_by(_n.act)
    return dict(map(tuple, connection.execute(query)))


def backlog_before(connection: Connection, before: datetime, now: datetime) -> list[int]:
    """Return those of a moment before ``before`` of which nothing has left nor is leaving."""
    begun = select(_d.id).where(_d.notice_id == _n.id, or_(_d.state != "ready", _d.frozen.is_not(None)))
    query = select(_n.id).where(_is_back(now), _n.moment < before, ~begun.exists())
    return list(connection.execute(query.order_by(_n.id)).scalars())


def _is_back(now: datetime) -> ColumnElement[bool]:
    due = select(_d.id).where(_d.notice_id == _n.id, _d.state == "ready", _d.next_attempt_at <= now)
    return and_(_n.state == "ready", due.exists())


def withdraw(connection: Connection, numbers: Sequence[int], by: str, now: datetime) -> int:
    """Drop notices that a person does not want sent, with their items; return how many were.

    What gave way to them is not looked at again: it would say the same.
    """
    reason: dict[str, Any] = {**WITHDRAWN, "by": by}
    mine = and_(_n.id.in_(numbers), _n.state.in_(("held", "ready")))
    dropped = connection.execute(
        update(notices).where(mine).values(state="dropped", reason=reason, ended_at=now).returning(_n.id)
    )
    gone = list(dropped.scalars())
    of_them = update(items).where(_i.notice_id.in_(gone), _i.state == "open")
    connection.execute(of_them.values(state="dropped", reason=reason, closed_at=now))
    connection.execute(
        update(deliveries)
        .where(_d.notice_id.in_(gone), _d.state == "ready")
        .values(state="dropped", frozen=None)
    )
    return len(gone)
