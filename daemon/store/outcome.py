"""How a campaign went: rates against targets, what was sent to whom, and which units lag behind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, func, select

from daemon.domain.campaign import Campaign
from daemon.domain.pace import Count, floor_percent, missing, verdict
from daemon.store.facts import load_campaigns, load_units
from daemon.store.tables import deliveries, items, notices
from daemon.store.tally import Rates

CHANNELS = ("email", "sms", "wecom")
HANDED_OVER = ("sent", "manual", "done")


def of_campaign(connection: Connection, campaigns: Mapping[str, Campaign]) -> dict[str, Any]:
    """Return the figures of the end table, as plain values."""
    return {
        "notices": _notices(connection),
        "by_channel": by_channel(connection),
        "by_act": _by_act(connection),
        "to_leading_group": to_leading_group(connection),
        "rates": rates(connection, campaigns),
        "worst": _worst(connection, campaigns),
        "manual": _manual(connection),
    }


def _notices(connection: Connection) -> int:
    query = select(func.count()).select_from(notices).where(notices.c.state.in_(HANDED_OVER))
    return connection.execute(query).scalar() or 0


def _manual(connection: Connection) -> int:
    query = select(func.count()).select_from(notices).where(notices.c.sent_leg == "manual")
    return connection.execute(query).scalar() or 0


def by_channel(connection: Connection) -> dict[str, int]:
    """Count the messages handed over to each channel."""
    d = deliveries.c
    query = select(d.channel, func.count().label("sent")).where(d.state == "sent").group_by(d.channel)
    found = {row.channel: row.sent for row in connection.execute(query)}
    return {name: found.get(name, 0) for name in CHANNELS}


def _by_act(connection: Connection) -> dict[str, int]:
    n = notices.c
    query = (
        select(n.act, func.count().label("sent"))
        .where(n.state.in_(HANDED_OVER), n.act.is_not(None))
        .group_by(n.act)
    )
    return {row.act: row.sent for row in connection.execute(query)}


def to_leading_group(connection: Connection) -> int:
    """Count the notices handed over to posts of the leading group."""
    mine = select(items.c.notice_id).where(items.c.role.like("group.%"))
    query = select(func.count()).where(notices.c.id.in_(mine), notices.c.state.in_(HANDED_OVER))
    return connection.execute(query).scalar() or 0


def rates(
    connection: Connection, campaigns: Mapping[str, Campaign], on: date | None = None
) -> list[dict[str, Any]]:
    """Return each milestone's count, target and verdict; with ``on``, as of that day."""
    reader = Rates(connection)
    found: list[dict[str, Any]] = []
    for number, campaign in load_campaigns(connection, campaigns).items():
        for milestone in sorted(campaign.milestones):
            count = reader.count(number, min(milestone.on, on) if on else milestone.on)
            found.append(
                {
                    "on": milestone.on.isoformat(),
                    "total": count.total,
                    "closed": count.closed,
                    "rate": floor_percent(count),
                    "target": milestone.percent,
                    "missing": missing(count, milestone.percent),
                    "verdict": verdict(count, milestone.percent).value,
                }
            )
    return found


def _worst(connection: Connection, campaigns: Mapping[str, Campaign], most: int = 5) -> list[dict[str, Any]]:
    """Return the units that closed late or not at all: most cases closed after their deadline, or open."""
    reader = Rates(connection)
    names = load_units(connection)
    found: list[tuple[float, str, Count, Count]] = []
    for number, campaign in load_campaigns(connection, campaigns).items():
        first, *_, last = sorted(campaign.milestones)
        early, late = reader.by_unit(number, first.on), reader.by_unit(number, last.on)
        for unit, count in late.items():
            then = early.get(unit, Count(0, 0))
            share = then.closed / then.total if then.total else 0.0
            found.append((share - count.open, names[unit].name, then, count))
    return [
        {"unit": name, "first_rate": floor_percent(then), "total": count.total, "open": count.open}
        for _, name, then, count in sorted(found, key=lambda each: (-each[3].open, each[0], each[1]))[:most]
        if count.open
    ]
