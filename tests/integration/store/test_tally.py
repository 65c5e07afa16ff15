"""Rates as of a day, from counts that are kept in the transaction of each event."""

from __future__ import annotations

from datetime import date

import pytest

from daemon.domain.case import EventKind
from daemon.domain.pace import Count
from daemon.store import facts
from daemon.store.engine import reading
from daemon.store.tally import Rates, end_of
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
        told: date | None = end_of(on(recorded)) if recorded else None
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


@pytest.mark.parametrize(
    ("moment", "known_on"), [("2018-11-16 00:00", "2018-11-16"), ("2018-11-16 10:00", "2018-11-17")]
)
def test_rungs_know_what_was_on_file_at_the_midnight_they_speak_of(
    counted: Office, moment: str, known_on: str
) -> None:
    """However late they are looked at: what is told at ten is not known to the rungs of that day."""
    counted.at("2018-11-01 09:00").case("A-4", due="2018-12-31")
    counted.at(moment).close("A-4")
    with reading(counted.engine) as connection:
        campaign = next(iter(facts.load_campaigns(connection, counted.rules().campaigns)))
        rates, end = Rates(connection), on("2018-12-31")
        closed = [rates.count(campaign, end, known=on(f"2018-11-{day}")).closed for day in (15, 16, 17)]
    assert closed == [2 + (day >= known_on) for day in ("2018-11-15", "2018-11-16", "2018-11-17")]
