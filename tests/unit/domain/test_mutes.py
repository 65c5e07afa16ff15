"""A mute holds for the instants that lie in it, whenever they are looked at (design.md §2.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.mute import Mute
from daemon.domain.plan import Outcome, Reason, ReasonCode, still_due
from tests.unit.domain.office import Office, at, ladder, on, rung, start_of, thorough, wording
from tests.unit.domain.test_plan_looks import CASE_DUE, offices
from tests.unit.domain.test_still_due import AFTER, BEFORE, facts, item
from tests.unit.domain.worlds import LAST, MOMENTS, SILENCE, stretches

DUE_ON = on("2018-12-31")  # reminded on 12-27, urged on 01-02 and 01-04


def case(*, looks_from: str = "2018-12-20") -> Office:
    return Office(CASE_DUE, start=at(looks_from), due=DUE_ON)


def settled(office: Office) -> list[tuple[str, Outcome]]:
    return [(key.rung, done.outcome) for key, done in office.settled.items()]


@pytest.mark.parametrize(
    ("since", "until", "silent"),
    [
        ("2018-12-27", "2018-12-27", {"remind"}),  # both days are included
        ("2018-12-26", "2018-12-26", set()),
        ("2018-12-28", "2019-01-01", set()),
        ("2018-12-28", "2019-01-02", {"overdue"}),
        ("2018-12-20", "2019-01-31", {"remind", "overdue", "head"}),
    ],
)
def test_what_falls_into_a_mute_is_not_said(since: str, until: str, silent: set[str]) -> None:
    office = case()
    office.mute(on(since), on(until))
    office.run(LAST)
    assert {rung_id for rung_id, outcome in settled(office) if outcome is Outcome.MUTED} == silent
    assert {rung_id for _, rung_id in office.told()} == {"remind", "overdue", "head"} - silent


def test_another_ladder_goes_on() -> None:
    office = case()
    office.mute(on("2018-12-20"), on("2019-01-31"), "case-assigned")
    assert len(office.run(LAST).told()) == 3


def test_what_is_looked_at_when_the_mute_is_over_is_silent_all_the_same() -> None:
    office = case()
    office.mute(on("2019-01-01"), on("2019-01-03"))
    office.look(at("2019-01-20"))
    assert settled(office) == [
        ("remind", Outcome.LAPSED), ("overdue", Outcome.MUTED), ("head", Outcome.SAID),
    ]  # fmt: skip


def test_what_is_muted_does_not_lapse() -> None:
    """Whoever looks late finds what who looks in time finds."""
    late, punctual = case(), case()
    for office in (late, punctual):
        office.mute(on("2018-12-27"), on("2018-12-27"))
    late.look(at("2019-01-20"))
    assert late.outcomes == punctual.run(at("2019-01-20")).outcomes


def test_ended_early_what_comes_after_is_said_again() -> None:
    office = case()
    office.mute(on("2018-12-27"), on("2019-01-31"))
    office.run(at("2019-01-03 10:00")).end_mutes()
    assert settled(office.run(LAST)) == [
        ("remind", Outcome.MUTED), ("overdue", Outcome.MUTED), ("head", Outcome.SAID),
    ]  # fmt: skip


def test_ended_before_it_began_it_silences_nothing() -> None:
    office = case()
    office.mute(on("2018-12-27"), on("2019-01-31"))
    office.end_mutes()
    assert len(office.run(LAST).told()) == 3


def test_a_muted_slot_counts() -> None:
    """Slots of working days are counted from the last one settled, said or not."""
    words = wording("+30 workdays", repeat="20 workdays", times=3)
    office = Office(ladder(rung("head-again", words)), start=at("2018-12-20"), due=DUE_ON)
    office.mute(on("2019-02-15"), on("2019-02-15"))
    office.run(at("2019-12-31"))
    assert [key.occurrence for key in office.settled] == ["2019-02-15", "2019-03-15", "2019-04-15"]
    assert [day for day, _ in office.told()] == ["2019-03-15", "2019-04-15"]


def test_an_occurrence_says_which_mute_it_fell_into() -> None:
    office = case()
    office.mute(on("2018-12-27"), on("2018-12-27"))
    (settlement,) = office.read(at("2018-12-27")).plans["case-due"].settlements
    assert (settlement.outcome, settlement.inputs["mute"]) == (Outcome.MUTED, 1)


@thorough
@given(offices(), st.lists(SILENCE, min_size=1, max_size=4), stretches())
def test_looked_at_late_is_looked_at_in_time(
    begin: Callable[[], Office], silences: list[Callable[[Office], None]], looks: list[datetime]
) -> None:
    """With any downtime, the same is muted; what lies before the deadline may lapse, nothing else changes."""
    late, punctual = begin(), begin()
    for office in (late, punctual):
        for silence in silences:
            silence(office)
    punctual.run(LAST)
    for moment in looks:
        late.look(moment)
    assert late.settled.keys() == punctual.settled.keys()
    for key, (outcome, instant) in late.outcomes.items():
        if outcome is not Outcome.LAPSED:
            assert (outcome, instant) == punctual.outcomes[key]
        else:
            assert punctual.outcomes[key][0] in (Outcome.LAPSED, Outcome.SAID)


@thorough
@given(offices(), st.lists(SILENCE, min_size=1, max_size=4), MOMENTS)
def test_the_silence_is_exactly_what_lies_in_a_mute(
    begin: Callable[[], Office], silences: list[Callable[[Office], None]], ended: datetime
) -> None:
    """Of mutes set at the start and ended one day: everything in them, and nothing else."""
    office = begin()
    for silence in silences:
        silence(office)
    office.run(ended).end_mutes()
    office.run(LAST)
    for key, (outcome, instant) in office.outcomes.items():
        covered = any(mute.covers(instant, key.ladder) for mute in office.mutes)
        assert (outcome is Outcome.MUTED) == covered


# look once more: what was decided before somebody silenced it

THAT_DAY = Mute(7, start_of(date(2019, 1, 2)), start_of(date(2019, 1, 3)))


def reason(rung_id: str, *mutes: Mute, now: datetime = AFTER, **more: object) -> Reason | None:
    return still_due(item(rung_id, **more), replace(facts(), mutes=mutes), now)


def test_what_was_decided_is_not_said_if_its_instant_is_muted() -> None:
    found = reason("overdue", THAT_DAY)
    assert found == Reason(ReasonCode.MUTED, {"mute": 7})
    assert reason("overdue", replace(THAT_DAY, ladder="case-due")) == found
    assert reason("overdue", replace(THAT_DAY, ladder="case-assigned")) is None
    assert reason("remind", THAT_DAY, now=BEFORE) is None
    assert reason("overdue", replace(THAT_DAY, ended=at("2019-01-01 23:59"))) is None


def test_a_person_who_is_muted_is_told_nothing() -> None:
    assert reason("overdue", muted_by=3) == Reason(ReasonCode.MUTED, {"mute": 3})
    assert reason("overdue", muted_by=3, needs_approval=True) == Reason(ReasonCode.MUTED, {"mute": 3})
