"""A look changes nothing but by what is owed (design.md §2.2): whoever looks, whenever, and however late."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.plan import Outcome
from tests.unit.domain.office import Office, Step, at, ladder, rung, thorough, wording
from tests.unit.domain.worlds import (
    BEHIND_ON,
    DUE,
    ENTERS,
    FIRST,
    LAST,
    LOOKS,
    MOMENTS,
    calendars,
    ladders,
    scripts,
    stretches,
)


@st.composite
def offices(draw: st.DrawFn) -> Callable[[], Office]:
    """Return how to begin anew with one case, imported or assigned on the first day."""
    rules, enters, due = draw(ladders()), draw(ENTERS), draw(DUE)
    calendar, behind_on = draw(calendars()), draw(BEHIND_ON)

    def begin() -> Office:
        office = Office(rules, calendar=calendar, behind_on=behind_on, start=FIRST)
        office.happen(enters, due=due)
        return office

    return begin


@thorough
@given(offices(), scripts(), LOOKS)
def test_any_number_of_looks_gives_the_same(
    begin: Callable[[], Office], script: list[Step], looks: list[datetime]
) -> None:
    assert begin().play(script, LAST, looks).outcomes == begin().play(script, LAST).outcomes


@thorough
@given(offices(), st.lists(st.tuples(MOMENTS, st.integers(0, 2), st.booleans())))
def test_two_scanners_say_each_thing_once(
    begin: Callable[[], Office], turns: list[tuple[datetime, int, bool]]
) -> None:
    """Each of three reads, and stores some time later what it had planned; ``store`` refuses a stale plan."""
    office = begin()
    held = {n: office.read(FIRST) for n in range(3)}
    for moment, scanner, reads in sorted(turns, key=lambda turn: turn[0]):
        office.now = moment
        if reads:
            held[scanner] = office.read(moment)
        else:
            office.store(held[scanner])
    assert office.run(LAST).settled.keys() == begin().run(LAST).settled.keys()


@thorough
@given(offices(), stretches())
def test_after_any_downtime_what_was_owed_is_settled(
    begin: Callable[[], Office], looks: list[datetime]
) -> None:
    """What lies before the deadline may lapse, what lies after it never does."""
    late, punctual = begin(), begin().run(LAST)
    for moment in looks:
        late.look(moment)
    assert late.settled.keys() == punctual.settled.keys()
    for key, (outcome, instant) in late.outcomes.items():
        if outcome is Outcome.LAPSED:
            assert (key.occurrence or instant.date().isoformat()) < str(late.anchors["due"])
        else:
            assert (outcome, instant) == punctual.outcomes[key]


CASE_DUE = ladder(rung("remind", "-3 workdays"), rung("overdue", "+1 workday"), rung("head", "+3 workdays"))


def test_down_over_the_deadline() -> None:
    """Down from 12-20 to 01-08: the reminder of 12-27 lapses, both urges are owed."""
    office = Office(CASE_DUE, start=at("2018-12-20"), due=date(2018, 12, 31))
    office.look(at("2018-12-20"))
    office.look(at("2019-01-08 10:00"))
    assert [(k.rung, d.outcome) for k, d in office.settled.items()] == [
        ("remind", Outcome.LAPSED), ("overdue", Outcome.SAID), ("head", Outcome.SAID),
    ]  # fmt: skip


def test_a_reminder_on_the_day_itself_is_not_too_late() -> None:
    office = Office(CASE_DUE, start=at("2018-12-20"), due=date(2018, 12, 31))
    office.look(at("2018-12-31 23:59"))
    assert office.told() == [("2018-12-31", "remind")]


def test_every_slot_that_was_slept_through_is_settled_once() -> None:
    words = wording("+30 workdays", repeat="20 workdays")
    office = Office(ladder(rung("head-again", words)), due=date(2018, 12, 31))
    office.look(at("2019-03-20"))
    assert [key.occurrence for key in office.settled] == ["2019-02-15", "2019-03-15"]
    assert office.next_at["case-due"] == at("2019-04-15")


def test_the_next_look_does_not_wait_for_a_condition() -> None:
    office = Office(ladder(rung("head", "+3 workdays")), due=date(2018, 12, 31))
    office.become(open=False)
    office.look(at("2018-12-31"))
    assert office.next_at["case-due"] == at("2019-01-04")


def test_without_an_anchor_there_is_nothing_to_ask() -> None:
    office = Office(CASE_DUE, due=None)
    office.look(at("2018-12-31"))
    assert (office.settled, office.next_at) == ({}, {"case-due": None})
