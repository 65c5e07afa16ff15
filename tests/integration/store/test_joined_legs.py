"""Both channels of a leg fail at the same time, in transactions that do not see each other."""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import Engine, text

from daemon import clock
from daemon.store import deliveries
from daemon.store.deliveries import Claimed
from daemon.store.engine import reading, writing
from tests.integration.office import DUE, Office
from tests.servers import PATIENCE, eventually

LEG = (
    "ladders.yaml",
    "reminder:           {legs: [wecom, sms+email]}",
    "reminder: {legs: [sms+email, wecom]}",
)


def test_who_comes_second_waits_and_sees_that_all_have_failed(postgres: Engine, virtual_clock: Path) -> None:
    """Else each would see the other still sending, and nobody would open the next leg."""
    office = Office(postgres, virtual_clock)
    office.obey(DUE, LEG)
    office.case("A-1", due="2018-08-31")
    office.prepare("2018-08-28 09:10")
    sms, email = claim(office, "sms"), claim(office, "email")
    seen: list[list[str]] = []

    def second() -> None:
        with writing(postgres) as connection:
            deliveries.settle(connection, email, "failed")
            seen.append(deliveries.leg_states(connection, email.notice, 0))

    other = threading.Thread(target=second)
    with writing(postgres) as connection:
        deliveries.settle(connection, sms, "failed")
        seen.append(deliveries.leg_states(connection, sms.notice, 0))
        other.start()
        assert eventually(lambda: waits_for_a_lock(postgres))
    other.join(PATIENCE)
    assert [sorted(states) for states in seen] == [["failed", "sending"], ["failed", "failed"]]


def claim(office: Office, channel: str) -> Claimed:
    with writing(office.engine) as connection:
        (mine,) = deliveries.claim(connection, channel, office.ready(channel), office.now, clock.wall())
    return mine


def waits_for_a_lock(engine: Engine) -> bool:
    query = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with reading(engine) as connection:
        return connection.execute(text(query)).first() is not None
