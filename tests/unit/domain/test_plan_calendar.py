"""A calendar that changes while the campaign runs: nothing is said again, nothing owed is lost."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.ladder import Ladder
from daemon.domain.workdays import WorkdayCalendar, local_day
from tests.unit.domain.office import (
    SHANGHAI,
    Office,
    at,
    day_of,
    days,
    ladder,
    on,
    published,
    rung,
    start_of,
    thorough,
    wording,
)  # fmt: skip
from tests.unit.domain.worlds import DUE, FIRST, LAST, MOMENTS, OFFSETS, calendars, publish

BEFORE_THE_NOTICE_OF_2018 = published(makeup=days("2018-12-31"), off=days("2018-12-29"))
BEFORE_THE_NOTICE_OF_2020 = published(makeup=days("2020-01-31", "2020-02-01"))


def campaign(calendar: WorkdayCalendar, start: str, *rungs: str, day: str, anchor: str = "due") -> Office:
    rules = ladder(*(rung(words, wording(words, anchor=anchor)) for words in rungs))
    return Office(rules, calendar=calendar, start=at(start), **{anchor: on(day)})  # type: ignore[arg-type]


def test_the_notice_of_december_2018() -> None:
    """Until 12-06 everybody believed that 2018-12-31 would be worked."""
    offsets = ("-10 workdays", "-3 workdays", "-2 workdays", "-1 workday", "0 workdays", "+1 workday")
    case = campaign(BEFORE_THE_NOTICE_OF_2018, "2018-11-20", *offsets, day="2018-12-31")
    case.run(at("2018-11-21"))
    assert case.next_at["case-due"] == at("2018-12-17")
    case.play([(at("2018-12-06 16:00"), partial(publish, published()))], LAST)
    assert case.told() == [
        ("2018-12-18", "-10 workdays"), ("2018-12-27", "-3 workdays"), ("2018-12-28", "-2 workdays"),
        ("2018-12-29", "-1 workday"), ("2018-12-29", "0 workdays"), ("2019-01-02", "+1 workday"),
    ]  # fmt: skip


@pytest.mark.parametrize("signed", [False, True])
def test_spring_festival_2020_moves_a_reminder_back_into_the_past(signed: bool) -> None:
    """−3 of 2020-02-05 was 02-01 and becomes 01-23: owed at once, and once, signed for or not."""
    case = campaign(BEFORE_THE_NOTICE_OF_2020, "2020-01-02", "-3 workdays", "+1 workday", day="2020-02-05")
    sign = (at("2020-01-25 12:00"), lambda office: office.become(unsigned=False))
    notice = (at("2020-01-27 10:00"), partial(publish, published()))
    case.play([*([sign] if signed else []), notice], at("2020-03-01"), [at("2020-02-01"), at("2020-02-03")])
    assert case.told() == [("2020-01-27", "-3 workdays"), ("2020-02-06", "+1 workday")]
    assert [done.instant for done in case.settled.values()] == [at("2020-01-23"), at("2020-02-06")]


def test_spring_festival_2020_moves_a_slot_into_a_time_at_which_its_rung_rested() -> None:
    """It was awake again when the notice came, so the slot had not had its day."""
    rules = ladder(rung("again", wording("-3 workdays", repeat="1 month", times=1)))
    case = Office(rules, calendar=BEFORE_THE_NOTICE_OF_2020, start=at("2020-01-02"), due=on("2020-02-05"))
    submitted = (at("2020-01-20 09:00"), lambda office: office.become(open=False))
    returned = (at("2020-01-24 09:00"), lambda office: office.become(open=True))
    case.play(
        [submitted, returned, (at("2020-01-27 10:00"), partial(publish, published()))], at("2020-02-04")
    )
    assert case.told() == [("2020-01-27", "again")]


def test_spring_festival_2020_moves_what_follows_a_hand_over_on() -> None:
    case = campaign(
        BEFORE_THE_NOTICE_OF_2020,
        "2020-01-22",
        "+1 workday",
        "+3 workdays",
        day="2020-01-22",
        anchor="assigned",
    )
    case.run(at("2020-01-24"))
    assert case.next_at["case-due"] == at("2020-02-01")
    case.play([(at("2020-01-27"), partial(publish, published()))], at("2020-03-01"))
    assert case.told() == [("2020-01-23", "+1 workday"), ("2020-02-04", "+3 workdays")]


def test_spring_festival_2020_does_not_repeat_what_it_moves_further_back() -> None:
    """−10 of 2020-02-07 was 01-20 and becomes 01-17."""
    case = campaign(BEFORE_THE_NOTICE_OF_2020, "2020-01-02", "-10 workdays", "-3 workdays", day="2020-02-07")
    case.play([(at("2020-01-27"), partial(publish, published()))], at("2020-03-01"))
    assert day_of(wording("-10 workdays"), on("2020-02-07")) == on("2020-01-17")
    assert case.told() == [("2020-01-20", "-10 workdays"), ("2020-02-04", "-3 workdays")]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("1 week", ["2020-01-13", "2020-01-20", "2020-02-03", "2020-02-10", "2020-02-17"]),
        ("5 workdays", ["2020-01-13", "2020-01-19", "2020-02-03", "2020-02-10", "2020-02-17"]),
    ],
)
def test_what_was_said_on_mondays_goes_on_as_it_was(step: str, said: list[str]) -> None:
    """−26 of 2020-02-21 was Monday 01-13, and becomes Thursday 01-09 when two slots have been said."""
    rules = ladder(rung("again", wording("-26 workdays", repeat=step, until="0 days")))
    case = Office(rules, calendar=BEFORE_THE_NOTICE_OF_2020, start=at("2020-01-02"), due=on("2020-02-21"))
    case.play([(at("2020-01-27"), partial(publish, published()))], at("2020-03-01"))
    assert [day for day, _ in case.told()] == said


ONCE = st.lists(OFFSETS, min_size=1, max_size=4).map(
    lambda all_at: ladder(*(rung(f"rung-{n}", wording(when)) for n, when in enumerate(all_at)))
)
LOOSE = st.lists(MOMENTS, min_size=1, max_size=3)


@st.composite
def notices(draw: st.DrawFn) -> list[tuple[datetime, WorkdayCalendar]]:
    """Return notices, each about days that lie ahead of it."""
    moments = sorted(draw(LOOSE))
    found, known = [], published()
    for moment in moments:
        known = draw(calendars(after=local_day(moment, SHANGHAI), base=known))
        found.append((moment, known))
    return found


@thorough
@given(ONCE, DUE, notices())
def test_a_rung_is_said_once_when_its_day_has_come_in_any_calendar(
    rules: Ladder, due: date, told: list[tuple[datetime, WorkdayCalendar]]
) -> None:
    case = Office(rules, start=FIRST, due=due)
    case.play([(moment, partial(publish, new)) for moment, new in told], LAST)
    begins = [FIRST, *(moment for moment, _ in told)]
    reigns = list(zip(begins, [*begins[1:], LAST], [published(), *(new for _, new in told)], strict=True))
    for one in rules.rungs:
        seen = [(max(start, start_of(day_of(one.wording, due, known))), end) for start, end, known in reigns]
        came = [moment for moment, end in seen if moment <= end]
        assert [d.looked_at for k, d in case.settled.items() if k.rung == one.id] == came[:1]


@thorough
@given(
    OFFSETS,
    st.sampled_from(["5 workdays", "8 workdays", "1 week", "2 weeks", "1 month"]),
    DUE,
    notices(),
)
def test_slots_keep_their_distance_whatever_the_calendar(
    start: str, step: str, due: date, told: list[tuple[datetime, WorkdayCalendar]]
) -> None:
    words = wording(start, repeat=step)
    case = Office(ladder(rung("again", words)), start=FIRST, due=due)
    case.play([(moment, partial(publish, new)) for moment, new in told], LAST)
    slots = sorted(on(key.occurrence) for key in case.settled)
    assert words.every
    assert words.every.step
    for earlier, later in pairwise(slots):
        soonest = case.calendar.apply(words.every.step, earlier)
        assert later >= soonest
        assert later <= case.calendar.apply(words.every.step, soonest) or later == day_of(
            words, due, case.calendar
        )
