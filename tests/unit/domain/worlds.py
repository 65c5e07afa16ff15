"""Strategies: ladders, calendars, and what may happen to a case in the winter of 2018."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial

from hypothesis import strategies as st

from daemon.domain.ladder import Ladder, Rung, Wording
from daemon.domain.standing import Move
from daemon.domain.workdays import SATURDAY, WorkdayCalendar, build_calendar
from tests.unit.domain.office import BEHIND, OPEN, Office, Step, at, ladder, on, published, rung, wording

FIRST, LAST = at("2018-11-01"), at("2019-03-31")
REAL = published()
HOURS = int((LAST - FIRST).total_seconds() // 3600)
MOMENTS = st.integers(0, HOURS).map(lambda hours: FIRST + timedelta(hours=hours))
LOOKS = st.lists(MOMENTS, max_size=12)
DUE = st.dates(on("2018-10-15"), on("2019-02-20"))
ENTERS = st.sampled_from([Move.ENTERED, Move.IMPORTED])
BEHIND_ON = st.frozensets(st.dates(FIRST.date(), LAST.date()), max_size=60)
OFFSETS = st.builds("{} workdays".format, st.integers(-15, 30)) | st.builds(
    "{} days".format, st.integers(-20, 40)
)
REPEATS = st.none() | st.sampled_from(
    ["1 workday", "5 workdays", "8 workdays", "3 days", "1 week", "2 weeks", "1 month"]
)
WHEN = st.sampled_from([(), (OPEN,), (BEHIND,), (OPEN, BEHIND)])


def wordings(repeats: st.SearchStrategy[str | None] = REPEATS) -> st.SearchStrategy[Wording]:
    return st.builds(
        lambda when_at, repeat, when, times, all_days: wording(
            when_at, repeat=repeat, when=when, times=times if repeat else None, all_days=all_days
        ),
        OFFSETS,
        repeats,
        WHEN,
        st.none() | st.integers(1, 6),
        st.booleans(),
    )


def ladders(repeats: st.SearchStrategy[str | None] = REPEATS) -> st.SearchStrategy[Ladder]:
    """Return ladders of up to four rungs; the same ids come back, so one may stand for an edit of another."""
    spoken = st.lists(wordings(repeats), min_size=1, max_size=4)
    return spoken.map(
        lambda all_words: ladder(*(rung(f"rung-{n}", words) for n, words in enumerate(all_words)))
    )


def rungs_of(words: list[Wording]) -> tuple[Rung, ...]:
    return tuple(rung(f"rung-{n}", one) for n, one in enumerate(words))


@st.composite
def calendars(draw: st.DrawFn, after: date | None = None, base: WorkdayCalendar = REAL) -> WorkdayCalendar:
    """Return a calendar with some days declared otherwise, all of them after a day."""
    changed = draw(st.frozensets(st.dates(FIRST.date(), LAST.date()), max_size=8))
    late = {day for day in changed if after is None or day > after}
    off = base.off ^ {day for day in late if day.weekday() < SATURDAY}
    makeup = base.makeup ^ {day for day in late if day.weekday() >= SATURDAY}
    return build_calendar(
        off=off, makeup=makeup, known=base.known, first=on("2017-06-01"), last=on("2025-12-31")
    )


def set_due(due: date | None, move: Move, office: Office) -> None:
    office.happen(move, due=due)


def set_open(is_open: bool, office: Office) -> None:
    office.become(open=is_open)


def take_back(office: Office) -> None:
    if office.can_undo:
        office.undo()


def silence(since: date, days: int, ladder_id: str | None, office: Office) -> None:
    office.mute(since, since + timedelta(days=days), ladder_id)


def break_silence(office: Office) -> None:
    office.end_mutes()


SILENCE = st.builds(
    partial,
    st.just(silence),
    st.dates(FIRST.date(), LAST.date()),
    st.integers(0, 30),
    st.sampled_from([None, "case-due", "another"]),
)
EVENTS = st.one_of(
    SILENCE,
    st.just(break_silence),
    st.builds(partial, st.just(set_due), st.none() | DUE, st.just(Move.LOOKED)),
    st.builds(partial, st.just(set_due), DUE, ENTERS),
    st.builds(partial, st.just(set_due), DUE, st.sampled_from([Move.RETURNED, Move.RESTARTED])),
    st.builds(partial, st.just(set_open), st.booleans()),
    st.just(take_back),
    calendars().map(lambda calendar: partial(publish, calendar)),
    ladders().map(lambda edited: partial(activate, edited)),
)


def publish(calendar: WorkdayCalendar, office: Office) -> None:
    office.publish(calendar)


def activate(edited: Ladder, office: Office) -> None:
    office.activate(edited)


def scripts(events: st.SearchStrategy[object] = EVENTS, most: int = 6) -> st.SearchStrategy[list[Step]]:
    return st.lists(st.tuples(MOMENTS, events), max_size=most)


def stretches() -> st.SearchStrategy[list[datetime]]:
    """Return moments in order, the last of them the end."""
    return st.lists(MOMENTS, max_size=8).map(lambda moments: [*sorted(moments), LAST])
