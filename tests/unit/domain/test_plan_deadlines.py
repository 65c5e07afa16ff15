"""A deadline first set, moved, taken away: the table of design.md §2.2."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.ladder import Ladder
from daemon.domain.plan import Outcome, Standing
from daemon.domain.standing import Move, moved
from daemon.domain.workdays import local_day
from tests.unit.domain.office import (
    SHANGHAI,
    Office,
    at,
    day_of,
    ladder,
    on,
    rung,
    start_of,
    thorough,
    wording,
)
from tests.unit.domain.worlds import DUE, FIRST, LAST, MOMENTS, OFFSETS, set_due

NOW, TODAY = at("2018-12-06 14:30"), at("2018-12-06")
STOOD = Standing(3, at("2018-11-20"))
EARLIER, LATER = on("2018-12-21"), on("2019-01-31")
YESTERDAY = on("2018-12-05")


@pytest.mark.parametrize(
    ("move", "before", "after", "standing"),
    [
        (Move.ENTERED, None, LATER, Standing(4, None)),
        (Move.ENTERED, LATER, LATER, Standing(4, None)),
        (Move.IMPORTED, None, LATER, Standing(4, TODAY)),
        (Move.LOOKED, None, LATER, Standing(4, TODAY)),
        (Move.LOOKED, EARLIER, LATER, Standing(4, TODAY)),
        (Move.LOOKED, LATER, EARLIER, Standing(4, STOOD.since)),
        (Move.LOOKED, LATER, LATER, STOOD),
        (Move.LOOKED, None, None, STOOD),
        (Move.RETURNED, LATER, LATER, Standing(3, TODAY)),
        (Move.RETURNED, EARLIER, LATER, Standing(4, TODAY)),
        (Move.RETURNED, None, EARLIER, Standing(4, TODAY)),
        (Move.RESTARTED, LATER, LATER, Standing(4, TODAY)),
        (Move.RESTARTED, EARLIER, LATER, Standing(4, TODAY)),
        # the ladder that an event begins begins on its day, though we were told only later
        (Move.RETURNED, None, YESTERDAY, Standing(4, at("2018-12-05"))),
        (Move.RESTARTED, on("2018-09-03"), YESTERDAY, Standing(4, at("2018-12-05"))),
        (Move.RETURNED, YESTERDAY, YESTERDAY, Standing(3, TODAY)),
        (Move.IMPORTED, None, YESTERDAY, Standing(4, TODAY)),
    ],
)
def test_where_an_event_puts_a_subject(
    move: Move, before: date | None, after: date | None, standing: Standing
) -> None:
    found = moved(STOOD, move, before, after, NOW, SHANGHAI)
    assert (found.anchor_version, found.since) == (standing.anchor_version, standing.since)
    assert found.moved_at == (None if found == STOOD else NOW)


def test_today_is_the_local_day_on_which_we_were_told() -> None:
    """16:30 in London is half past midnight of the next day in 磐石."""
    told = datetime.fromisoformat("2018-12-05T16:30:00+00:00")
    assert moved(STOOD, Move.RESTARTED, None, None, told, SHANGHAI).since == TODAY


RULES = ladder(rung("preview", "-10 workdays"), rung("remind", "-3 workdays"), rung("overdue", "+1 workday"))


def office(due: str | None, start: str = "2018-11-01") -> Office:
    return Office(RULES, start=at(start), due=on(due) if due else None)


def test_an_extension_begins_anew() -> None:
    case = office("2018-12-31").play([(at("2018-12-28 15:00"), partial(set_due, LATER, Move.LOOKED))], LAST)
    assert case.told() == [
        ("2018-12-18", "preview"), ("2018-12-27", "remind"),
        ("2019-01-17", "preview"), ("2019-01-28", "remind"), ("2019-02-01", "overdue"),
    ]  # fmt: skip


def test_a_deadline_first_set_does_not_owe_what_lay_before_that_day() -> None:
    """Set on 12-27: the preview of 12-18 was never owed, the reminder of the same day is."""
    case = office(None).play(
        [(at("2018-12-27 15:00"), partial(set_due, on("2018-12-31"), Move.LOOKED))], LAST
    )
    assert case.told() == [("2018-12-27", "remind"), ("2019-01-02", "overdue")]


def test_a_deadline_moved_earlier_owes_what_now_lies_behind() -> None:
    case = office("2019-01-31").play([(at("2018-12-20 10:00"), partial(set_due, EARLIER, Move.LOOKED))], LAST)
    assert case.told() == [("2018-12-20", "preview"), ("2018-12-20", "remind"), ("2018-12-24", "overdue")]


def test_a_deadline_moved_into_the_past_owes_only_what_comes_after_it() -> None:
    case = office("2019-01-31").play(
        [(at("2018-12-20"), partial(set_due, on("2018-12-14"), Move.LOOKED))], LAST
    )
    assert case.told() == [("2018-12-20", "overdue")]
    assert {d.outcome for k, d in case.settled.items() if k.rung != "overdue"} == {Outcome.LAPSED}


def test_a_deadline_taken_away_says_nothing_more() -> None:
    case = office("2018-12-31").play([(at("2018-12-20"), partial(set_due, None, Move.LOOKED))], LAST)
    assert case.told() == [("2018-12-18", "preview")]


def test_assigned_with_a_deadline_that_is_near_owes_all_that_has_not_lapsed() -> None:
    case = office(None).play(
        [(at("2018-12-28 09:00"), partial(set_due, on("2018-12-31"), Move.ENTERED))], LAST
    )
    assert case.told() == [("2018-12-28", "preview"), ("2018-12-28", "remind"), ("2019-01-02", "overdue")]


Happened = tuple[datetime, Move, date | None]
SINGLE = st.lists(OFFSETS, min_size=1, max_size=4).map(
    lambda all_at: ladder(*(rung(f"rung-{n}", wording(when, when=())) for n, when in enumerate(all_at)))
)
HAPPENED = st.lists(st.tuples(MOMENTS, st.sampled_from(Move), st.none() | DUE), max_size=6)


@thorough
@given(SINGLE, st.none() | DUE, HAPPENED)
def test_what_is_owed_is_said_and_nothing_else(
    rules: Ladder, due: date | None, happened: list[Happened]
) -> None:
    """Against an oracle that goes from event to event with the table and a rule of one line."""
    happened.sort(key=lambda event: event[0])
    case = Office(rules, start=FIRST, due=due)
    case.play([(moment, partial(set_due, then, move)) for moment, move, then in happened], LAST)
    assert {(k.version, k.rung): d.outcome for k, d in case.settled.items()} == dict(
        _owed(rules, due, happened)
    )


def _owed(
    rules: Ladder, due: date | None, happened: list[Happened]
) -> Iterator[tuple[tuple[int, str], Outcome]]:
    reigns = list(_reigns(due, happened))
    ends = [*(begins for begins, *_ in reigns[1:]), LAST]
    known = set()
    for (begins, version, since, anchor), ends_at in zip(reigns, ends, strict=True):
        for one in rules.rungs:
            if anchor is None:
                continue
            day = day_of(one.wording, anchor)
            seen = max(begins, start_of(day))
            if (
                seen <= ends_at
                and (since is None or start_of(day) >= since)
                and (version, one.id) not in known
            ):
                known.add((version, one.id))
                too_late = day < anchor and seen >= start_of(anchor + timedelta(days=1))
                yield (version, one.id), Outcome.LAPSED if too_late else Outcome.SAID


def _reigns(
    due: date | None, happened: list[Happened]
) -> Iterator[tuple[datetime, int, datetime | None, date | None]]:
    """Yield from when, under which version, since when and by which deadline."""
    version, since = 1, None
    yield FIRST, version, since, due
    for (_, _, before), (moment, move, after) in pairwise([(FIRST, Move.LOOKED, due), *happened]):
        today = start_of(local_day(moment, SHANGHAI))
        same, earlier = before == after, bool(before and after and after < before)
        its_own = today if same or after is None else min(today, start_of(after))
        match move:
            case Move.ENTERED:
                version, since = version + 1, None
            case Move.IMPORTED:
                version, since = version + 1, today
            case Move.RESTARTED:
                version, since = version + 1, its_own
            case Move.RETURNED:
                version, since = version + (not same), its_own
            case Move.LOOKED if not same:
                version, since = version + 1, since if earlier else today
        yield moment, version, since, after
