"""Rates as of a day, from counts that are kept in the transaction of each event."""

from __future__ import annotations

from datetime import date

import pytest

from daemon.domain.case import EventKind
from daemon.domain.pace import Count
from daemon.store import facts
from daemon.store.engine import reading
from daemon.store.tally import Rates
from tests.integration.office import TOWN, ZONE, Office, on


@pytest.fixture
def counted(office: Office) -> Office:
    """Three cases of August 16: one closed on 08-20, one on 09-03 (told on 09-10), one struck off 09-05."""
    office.obey()
    for no in ("A-1", "A-2", "A-3"):
        office.case(no, due="2018-12-31")
    office.at("2018-08-20 10:00").close("A-1")
    office.at("2018-09-05 10:00").happen("A-3", EventKind.DISMISSED, note="重复登记")
    office.at("2018-09-10 10:00").close("A-2", day="2018-09-03")
    return office


def count(office: Office, day: str, unit: str | None = None, recorded: str | None = None) -> Count:
    with reading(office.engine) as connection:
        campaign = next(iter(facts.load_campaigns(connection, office.rules().campaigns)))
        told: date | None = on(recorded) if recorded else None
        return Rates(connection).count(campaign, on(day), office.units[unit] if unit else None, told)


@pytest.mark.parametrize(
    ("day", "total", "closed"),
    [
        ("2018-08-15", 0, 0),
        ("2018-08-16", 3, 0),
        ("2018-08-19", 3, 0),
        ("2018-08-20", 3, 1),
        ("2018-09-03", 3, 2),  # told on 09-10, but it was so on that day
        ("2018-09-05", 2, 2),
        ("2020-12-31", 2, 2),
    ],
)
def test_as_of_a_day(counted: Office, day: str, total: int, closed: int) -> None:
    assert count(counted, day) == Count(total, closed)


@pytest.mark.parametrize(
    ("day", "recorded", "closed"),
    [("2018-09-03", "2018-09-03", 1), ("2018-09-03", "2018-09-09", 1), ("2018-09-03", "2018-09-10", 2)],
)
def test_the_verdict_of_the_day_counts_what_had_been_told_by_then(
    counted: Office, day: str, recorded: str, closed: int
) -> None:
    assert count(counted, day, recorded=recorded).closed == closed


def test_a_case_that_moves_takes_its_count_with_it(counted: Office) -> None:
    counted.case("A-4", due="2018-12-31")
    counted.happen("A-4", EventKind.MOVED, unit=counted.units[ZONE])
    assert count(counted, "2018-09-10", TOWN) == Count(2, 2)
    assert count(counted, "2018-09-10", ZONE) == Count(1, 0)


def test_reopening_takes_the_closure_back(counted: Office) -> None:
    counted.at("2018-10-10 09:00").happen("A-1", EventKind.REOPENED, due="2018-12-31")
    assert count(counted, "2018-10-09").closed == 2
    assert count(counted, "2018-10-10").closed == 1


def test_no_cases_no_count(office: Office) -> None:
    office.obey()
    assert count(office, "2018-12-31") == Count(0, 0)
