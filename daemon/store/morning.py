"""What the office's one morning note tells: gaps, tasks by hand, waiting approvals, lapses, failures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, func, literal, select, union_all

from daemon.domain.plan import Outcome, ReasonCode
from daemon.store.tables import decisions, items, notices, persons, unaddressed

EXAMPLES = 5
_LAPSES = (ReasonCode.LAPSED, ReasonCode.DEADLINE_PASSED)


class LineKind(StrEnum):
    UNADDRESSED = "unaddressed"
    MANUAL = "manual"
    WAITING = "waiting"
    FAILED = "failed"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of trouble: how many times, since when, and a few examples."""

    kind: LineKind
    count: int
    first_at: datetime
    examples: tuple[str, ...] = ()


def last_note(connection: Connection, campaign: int) -> datetime | None:
    found: datetime | None = connection.execute(
        select(func.max(notices.c.moment)).where(notices.c.kind == "note", notices.c.campaign_id == campaign)
    ).scalar()
    return found


def lines(connection: Connection, campaign: int, since: datetime | None, until: datetime) -> list[Line]:
    """Return what came up after ``since`` up to ``until``, a line a kind; approvals as long as they wait."""
    trouble = union_all(
        _bounded(LineKind.UNADDRESSED, _gaps(campaign), since, until),
        _bounded(LineKind.MANUAL, _notices(campaign, "manual"), since, until),
        _bounded(LineKind.WAITING, _notices(campaign, "waiting"), None, until),
        _bounded(LineKind.FAILED, _notices(campaign, "failed"), since, until),
        _bounded(LineKind.LAPSED, _lapsed_decisions(campaign), since, until),
        _bounded(LineKind.LAPSED, _lapsed_items(campaign), since, until),
    )
    found: dict[LineKind, list[tuple[datetime, str]]] = {}
    for kind, at, name in connection.execute(trouble):
        found.setdefault(LineKind(kind), []).append((at, name))
    return [_line(kind, sorted(seen)) for kind, seen in sorted(found.items())]


def _bounded(kind: LineKind, query: Select[Any], since: datetime | None, until: datetime) -> Select[Any]:
    rows = query.subquery()
    bounded = select(literal(kind.value), rows.c.at, rows.c.name).where(rows.c.at <= until)
    return bounded if since is None else bounded.where(rows.c.at > since)


def _line(kind: LineKind, seen: list[tuple[datetime, str]]) -> Line:
    examples = tuple(dict.fromkeys(name for _, name in seen))[:EXAMPLES]
    return Line(kind, len(seen), seen[0][0], examples)


def _gaps(campaign: int) -> Select[Any]:
    d, u = decisions.c, unaddressed.c
    return (
        select(u.since.label("at"), d.rung.label("name"))
        .join_from(unaddressed, decisions, u.decision_id == d.id)
        .where(u.resolved_at.is_(None), d.campaign_id == campaign)
    )


def _notices(campaign: int, state: str) -> Select[Any]:
    n = notices.c
    at = n.sent_at if state == "manual" else n.created_at
    return (
        select(at.label("at"), persons.c.name.label("name"))
        .join_from(notices, persons, n.person_id == persons.c.id)
        .where(n.state == state, n.campaign_id == campaign)
    )


def _lapsed_decisions(campaign: int) -> Select[Any]:
    d = decisions.c
    return select(d.decided_at.label("at"), d.rung.label("name")).where(
        d.outcome == Outcome.LAPSED, d.campaign_id == campaign
    )


def _lapsed_items(campaign: int) -> Select[Any]:
    d, i = decisions.c, items.c
    return (
        select(i.closed_at.label("at"), d.rung.label("name"))
        .join_from(items, decisions, i.decision_id == d.id)
        .where(
            i.state == "dropped",
            i.reason["code"].as_string().in_([code.value for code in _LAPSES]),
            d.campaign_id == campaign,
        )
    )
