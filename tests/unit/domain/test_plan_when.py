"""Conditions that flip: on the subject's own facts, and on names that time or other subjects move."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.ladder import Ladder
from daemon.domain.plan import Outcome
from daemon.domain.prospect import Fate, prospects
from tests.unit.domain.office import (
    BEHIND,
    OPEN,
    UNSIGNED,
    Office,
    at,
    day_of,
    days,
    ladder,
    on,
    rung,
    start_of,
    thorough,
    wording,
)
from tests.unit.domain.worlds import BEHIND_ON, DUE, FIRST, LAST, MOMENTS, OFFSETS, set_open

SAID, WHEN = Outcome.SAID, Outcome.WHEN
ASSIGNED = on("2018-09-03")
NOT_SIGNED = ladder(
    rung("not-signed", wording("+4 workdays", when=(OPEN, UNSIGNED), anchor="assigned")),
    rung("head", wording("+6 workdays", when=(OPEN, UNSIGNED), anchor="assigned")),
)


@pytest.mark.parametrize(
    ("signed_on", "told"),
    [
        ("2018-09-06 12:00", []),
        ("2018-09-07 12:00", [("2018-09-07", "not-signed")]),
        ("2018-09-11 12:00", [("2018-09-07", "not-signed"), ("2018-09-11", "head")]),
    ],
)
def test_a_signature_ends_what_asks_for_it(signed_on: str, told: list[tuple[str, str]]) -> None:
    case = Office(NOT_SIGNED, start=at("2018-09-03"), assigned=ASSIGNED)
    case.play([(at(signed_on), lambda office: office.become(unsigned=False))], LAST)
    assert case.told() == told


def test_a_false_condition_on_its_own_facts_settles_nothing() -> None:
    """Submitted over the deadline, then not accepted: what was passed over is owed."""
    case = Office(ladder(rung("overdue", "+1 workday")), start=at("2018-12-01"), due=on("2018-12-31"))
    case.play([(at("2018-12-28"), partial(set_open, False))], at("2019-01-10"))
    assert case.settled == {}
    case.play([(at("2019-01-15 15:00"), partial(set_open, True))], LAST)
    assert case.told() == [("2019-01-15", "overdue")]


def test_what_becomes_true_after_the_deadline_has_lapsed() -> None:
    case = Office(ladder(rung("remind", "-3 workdays")), start=at("2018-12-01"), due=on("2018-12-31"))
    case.play(
        [(at("2018-12-20"), partial(set_open, False)), (at("2019-01-01"), partial(set_open, True))], LAST
    )
    assert [done.outcome for done in case.settled.values()] == [Outcome.LAPSED]


def test_a_slot_whose_condition_is_false_has_had_its_day() -> None:
    weekly = ladder(rung("weekly", wording("0 days", repeat="1 week")))
    case = Office(weekly, start=at("2018-11-01"), due=on("2018-11-05"))
    case.play(
        [(at("2018-11-10"), partial(set_open, False)), (at("2018-11-15"), partial(set_open, True))],
        at("2018-11-20"),
    )
    assert [(k.occurrence, d.outcome) for k, d in case.settled.items()] == [
        ("2018-11-05", SAID), ("2018-11-12", WHEN), ("2018-11-19", SAID),
    ]  # fmt: skip


def test_a_moved_name_is_taken_as_of_the_instant_however_late_the_look() -> None:
    """Behind on 12-31 and no longer on 01-10, when somebody looks; and the other way about."""
    rules = ladder(
        rung("day", wording("0 days", when=(BEHIND,))), rung("after", wording("+1 workday", when=(BEHIND,)))
    )
    case = Office(
        rules, start=at("2018-12-01"), behind_on=days("2018-12-31", "2019-01-10"), due=on("2018-12-31")
    )
    case.look(at("2019-01-10"))
    assert [(k.rung, d.outcome) for k, d in case.settled.items()] == [("day", SAID), ("after", WHEN)]


def test_what_a_moved_name_settled_stays_settled() -> None:
    case = Office(ladder(rung("day", wording("0 days", when=(BEHIND,)))), behind_on=(), due=on("2018-12-31"))
    case.run(at("2018-12-31"))
    case.behind_on = days("2018-12-31")
    case.touch()
    assert [done.outcome for done in case.settled.values()] == [WHEN]


def test_a_settlement_keeps_the_numbers_it_saw() -> None:
    case = Office(
        ladder(rung("day", wording("0 days", when=(BEHIND,)))),
        behind_on=days("2018-12-31"),
        due=on("2018-12-31"),
    )
    (settlement,) = case.read(at("2018-12-31")).plans["case-due"].settlements
    assert settlement.inputs["anchor_on"] == settlement.inputs["day"] == on("2018-12-31")
    assert settlement.inputs["as_of"] == {"open": True, "unsigned": True, "behind": True}
    assert "calendar_assumed" not in settlement.inputs


def test_a_year_without_a_published_calendar_is_noted() -> None:
    case = Office(ladder(rung("overdue", "+1 workday")), due=on("2021-12-31"))
    (settlement,) = case.read(at("2022-01-03")).plans["case-due"].settlements
    assert settlement.inputs["calendar_assumed"] is True


FLIPS = st.lists(st.tuples(MOMENTS, st.booleans()), max_size=6)
OWN = st.lists(OFFSETS, min_size=1, max_size=3).map(
    lambda all_at: ladder(*(rung(f"rung-{n}", wording(when)) for n, when in enumerate(all_at)))
)


def reigns(flips: list[tuple[datetime, bool]]) -> list[tuple[datetime, datetime, bool]]:
    """Return from when to when the case was open or not."""
    begins = [(FIRST, True), *sorted(flips, key=lambda flip: flip[0])]
    ends = [*(moment for moment, _ in begins[1:]), LAST]
    return [(begin, end, is_open) for (begin, is_open), end in zip(begins, ends, strict=True)]


@thorough
@given(OWN, DUE, FLIPS)
def test_said_at_the_first_moment_at_which_its_day_has_come_and_it_holds(
    rules: Ladder, due: date, flips: list[tuple[datetime, bool]]
) -> None:
    case = Office(rules, start=FIRST, due=due)
    case.play([(moment, partial(set_open, is_open)) for moment, is_open in flips], LAST)
    for one in rules.rungs:
        day = day_of(one.wording, due)
        seen = [
            max(begin, start_of(day))
            for begin, end, is_open in reigns(flips)
            if is_open and start_of(day) <= end
        ]
        lapsed = bool(seen) and day < due and seen[0] >= start_of(due + timedelta(days=1))
        expected = [(Outcome.LAPSED if lapsed else SAID, seen[0])] if seen else []
        assert [(d.outcome, d.looked_at) for k, d in case.settled.items() if k.rung == one.id] == expected


@thorough
@given(st.sampled_from(["1 day", "1 week", "5 workdays"]), DUE, FLIPS, BEHIND_ON)
def test_a_slot_is_judged_on_its_day_by_what_holds_then(
    step: str, due: date, flips: list[tuple[datetime, bool]], behind_on: frozenset[date]
) -> None:
    """What is open is a matter of events, what is behind of the day; a case that rests is not looked at."""
    case, every_slot = (
        Office(
            ladder(rung("again", wording("+1 day", repeat=step, when=when))),
            start=FIRST,
            behind_on=behind_on,
            due=due,
        )
        for when in ((OPEN, BEHIND), (BEHIND,))
    )
    case.play([(moment, partial(set_open, is_open)) for moment, is_open in flips], LAST)
    every_slot.run(LAST)
    expected = set()
    for slot in every_slot.settled.values():
        seen = max(slot.instant, FIRST)
        if slot.outcome is SAID and any(o for begin, end, o in reigns(flips) if begin <= seen <= end):
            expected.add((slot.instant, seen))
    assert {(d.instant, d.looked_at) for d in case.settled.values() if d.outcome is SAID} == expected


def test_while_its_own_facts_forbid_it_a_rung_that_repeats_is_not_looked_at() -> None:
    """Its slots until an event have had their day; one row says so for all of them."""
    rules = ladder(rung("again", wording("+1 day", repeat="1 week")))
    case = Office(rules, start=at("2018-09-01"), due=on("2018-09-02"))
    case.run(at("2018-09-09")).become(open=False)
    case.run(at("2018-09-29"))
    assert case.next_at == {"case-due": None}
    case.become(open=True)
    case.run(at("2018-10-08"))
    assert [(key.occurrence, done.outcome) for key, done in case.settled.items()] == [
        ("2018-09-03", SAID),
        ("2018-09-24", WHEN),
        ("2018-10-01", SAID),
    ]


def test_slots_that_were_slept_through_have_had_their_day() -> None:
    """Who asks is not told that they lie before an event: nothing limits them but that they are past."""
    rules = ladder(rung("again", wording("+1 day", repeat="1 week")))
    case = Office(rules, start=at("2018-09-01"), due=on("2018-09-02"))
    case.become(open=False)
    case.run(at("2018-09-29")).become(open=True)
    now = at("2018-10-01")
    case.run(now)
    seen = prospects(case.facts(), rules, case.calendar, case.settled_of("case-due"), now, now, most=1)
    assert [(p.occurrence.key, p.fate) for p in seen if p.occurrence] == [
        ("2018-09-03", Fate.PASSED),
        ("2018-09-10", Fate.PASSED),
        ("2018-09-17", Fate.PASSED),
        ("2018-09-24", Fate.SETTLED),
        ("2018-10-01", Fate.LATER),
    ]
