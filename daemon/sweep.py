"""Sweep: give back what dead workers held. A try that was under way has an unknown outcome."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy import Engine

from daemon import clock
from daemon.store import deliveries
from daemon.store.engine import reading, writing

log = logging.getLogger(__name__)
UNKNOWN_PAUSE = timedelta(minutes=1)


def sweep(engine: Engine, now: datetime) -> int:
    """Give back every delivery whose lease has run out; return how many.

    Without a try under way nothing has left, and the text is looked at afresh; how often that happens is
    counted, for it may be what kills its workers. With one, nobody knows: the try is closed as unknown and
    its bytes stay frozen (design.md §2.6).
    """
    with reading(engine) as connection:
        if not deliveries.expired(connection, clock.wall()):
            return 0
    with writing(engine) as connection:
        wall = clock.wall()
        lost = deliveries.expired(connection, wall)
        for claimed, number in lost:
            unknown = number is not None
            if not deliveries.give_back(
                connection, claimed, now + UNKNOWN_PAUSE * unknown, wall, unknown=unknown
            ):
                continue
            if number is not None:
                deliveries.close_attempt(
                    connection, claimed.id, number, "unknown", now, message="发送进程中断，是否送达不明"
                )
            log.warning("delivery given back", extra={"delivery": claimed.id, "unknown": unknown})
    return len(lost)
