"""The monthly report: how much each person was sent, when it was most, and what found no room."""

from __future__ import annotations

from datetime import date

from daemon.errors import UnknownOutcomeError
from daemon.store import burden, tables
from daemon.store.engine import reading
from tests.integration.office import Office, on
from tests.integration.pipeline.test_budgets import ALL_DAY, BY_SMS, TOLD, budgets, told
from tests.integration.pipeline.test_people import vacate


def report(office: Office, since: str, until: str) -> list[tuple[str, dict[str, int], date | None, int, int]]:
    names = {row.id: row.name for row in office.rows(tables.persons)}
    with reading(office.engine) as connection:
        found = burden.borne(connection, on(since), on(until))
    return [(names[b.person], dict(b.channels), b.most_on, b.most, b.over) for b in found]


def test_what_everybody_was_sent(office: Office) -> None:
    office.obey(
        TOLD.replace("[unit.liaison]", "[unit.liaison, unit.head]"), BY_SMS, budgets("{sms: {day: 1}}")
    )
    told(office, "A-1", "2018-08-30 10:00")
    told(office, "A-2", "2018-08-30 11:00")
    vacate(office, "主要领导")
    told(office, "A-3", "2018-08-31 10:00")
    assert report(office, "2018-08-01", "2018-08-31") == [
        ("孙联络", {"email": 1, "sms": 2}, date(2018, 8, 30), 2, 1),
        ("赵书记", {"email": 1, "sms": 1}, date(2018, 8, 30), 2, 1),
    ]


def test_a_month_has_the_days_of_the_campaigns_zone(office: Office) -> None:
    """Half past midnight on 1 September in Shanghai is still August in UTC."""
    office.obey(TOLD, BY_SMS, ALL_DAY)
    told(office, "A-1", "2018-08-31 23:30")
    told(office, "A-2", "2018-09-01 00:30")
    for since, until in (("2018-08-01", "2018-08-31"), ("2018-09-01", "2018-09-30")):
        assert [(name, count) for name, count, *_ in report(office, since, until)] == [("孙联络", {"sms": 1})]


def test_what_did_not_leave_burdens_nobody(office: Office) -> None:
    office.obey(TOLD, BY_SMS)
    assert report(office, "2018-08-01", "2018-08-31") == []


def test_what_may_have_arrived_burdens(office: Office) -> None:
    office.obey(TOLD, BY_SMS)
    office.wire.answers("sms", *[UnknownOutcomeError("超时")] * 2)
    told(office, "A-1", "2018-08-28 10:00")
    office.run("2018-08-28 10:30")
    counted = {name: count for name, count, *_ in report(office, "2018-08-01", "2018-08-31")}
    assert counted["孙联络"] == {"sms": 1, "email": 1}
