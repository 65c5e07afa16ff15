"""A rule that is edited, rolled back, new: nothing is said twice, nothing that was still ahead is lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.ladder import Wording
from daemon.domain.plan import Outcome
from daemon.domain.standing import Move
from tests.unit.domain.office import Office, at, ladder, on, published, rung, start_of, thorough, wording
from tests.unit.domain.worlds import DUE, ENTERS, FIRST, LAST, MOMENTS, OFFSETS, REPEATS, activate

DUE_ON = on("2018-12-31")


def edited(words: str, **more: object) -> partial[None]:
    return partial(activate, ladder(rung("remind", wording(words, **more))))  # type: ignore[arg-type]


def case(words: str, **more: object) -> Office:
    rules = ladder(rung("remind", wording(words, **more)))  # type: ignore[arg-type]
    return Office(rules, start=at("2018-11-01"), due=DUE_ON)


@pytest.mark.parametrize(
    ("activated", "said"),
    [
        ("2018-11-15 10:00", ["2018-12-18"]),  # ahead under both: by the new wording
        ("2018-12-20 10:00", ["2018-12-20"]),  # ahead under the old, behind under the new: at once
        ("2018-12-27 10:00", ["2018-12-27"]),  # said already
        ("2019-01-10 10:00", ["2018-12-27"]),
    ],
)
def test_a_reminder_moved_from_3_to_10_workdays_before(activated: str, said: list[str]) -> None:
    office = case("-3 workdays").play([(at(activated), edited("-10 workdays"))], LAST)
    assert [day for day, _ in office.told()] == said


@pytest.mark.parametrize(
    ("activated", "said"),
    [
        ("2018-11-15 10:00", ["2018-12-27"]),
        ("2018-12-20 10:00", ["2018-12-18"]),
        ("2018-12-30", ["2018-12-18"]),
    ],
)
def test_a_reminder_moved_from_10_to_3_workdays_before(activated: str, said: list[str]) -> None:
    office = case("-10 workdays").play([(at(activated), edited("-3 workdays"))], LAST)
    assert [day for day, _ in office.told()] == said


def test_an_edit_does_not_bring_back_what_has_lapsed() -> None:
    office = case("+3 workdays").play([(at("2019-01-02 10:00"), edited("-3 workdays"))], LAST)
    assert {done.outcome for done in office.settled.values()} == {Outcome.LAPSED}


def test_rolled_back_nothing_is_said_again() -> None:
    office = case("-3 workdays")
    office.play(
        [(at("2018-12-20 10:00"), edited("-10 workdays")), (at("2018-12-21"), edited("-3 workdays"))], LAST
    )
    assert [day for day, _ in office.told()] == ["2018-12-20"]


def test_rolled_back_nothing_is_lost() -> None:
    """Put off to +5, and rolled back when +1 lies behind: owed at once."""
    office = case("+1 workday")
    office.play(
        [(at("2018-12-28"), edited("+5 workdays")), (at("2019-01-04 11:00"), edited("+1 workday"))], LAST
    )
    assert [day for day, _ in office.told()] == ["2019-01-04"]


def test_an_edit_moves_what_an_import_left_ahead() -> None:
    """Imported on 12-20 with −3 still ahead: moving it before the day of the import does not lose it."""
    office = Office(ladder(rung("remind", "-3 workdays")), start=at("2018-12-20"))
    office.happen(Move.IMPORTED, due=DUE_ON)
    office.play([(at("2018-12-21 10:00"), edited("-10 workdays"))], LAST)
    assert [day for day, _ in office.told()] == ["2018-12-21"]


def test_an_import_after_the_edit_owes_nothing_of_before() -> None:
    office = case("-3 workdays")
    office.happen(due=None)
    office.play([(at("2018-12-01"), edited("-10 workdays"))], at("2018-12-20"))
    office.happen(Move.IMPORTED, due=DUE_ON)
    assert office.run(LAST).told() == []


@pytest.mark.parametrize("entered", ["2018-12-03 11:00", "2018-12-04 09:00"])
def test_a_case_entered_after_an_edit_is_handed_over_though_it_is_dated_before(entered: str) -> None:
    """Rules are edited at 10:00; whoever enters a case later that day, or with an earlier date, is heard."""
    rules = ladder(rung("hand-over", wording("immediately", anchor="assigned")))
    after = ladder(rung("hand-over", wording("immediately", anchor="assigned", when=())))
    office = Office(rules, start=at("2018-11-01"), assigned=None)
    office.play([(at("2018-12-03 10:00"), partial(activate, after))], at(entered))
    office.happen(Move.ENTERED, assigned=on("2018-12-03"))
    assert [day for day, _ in office.run(LAST).told()] == [entered[:10]]


def test_a_new_rung_says_nothing_of_before_its_activation() -> None:
    both = ladder(rung("remind", "-3 workdays"), rung("overdue", "+1 workday"), rung("head", "+3 workdays"))
    office = case("-3 workdays").play([(at("2019-01-02 10:00"), partial(activate, both))], LAST)
    assert office.told() == [("2018-12-27", "remind"), ("2019-01-04", "head")]


def test_a_rung_that_stands_is_not_touched_by_the_edit_of_another() -> None:
    rules = ladder(rung("remind", "-3 workdays"), rung("overdue", "+1 workday"))
    after = ladder(rung("remind", "-5 workdays"), rung("overdue", "+1 workday"))
    office = Office(rules, start=at("2018-11-01"), due=DUE_ON)
    office.play([(at("2019-01-02"), partial(activate, after))], LAST)
    assert office.told() == [("2018-12-27", "remind"), ("2019-01-02", "overdue")]


def test_a_repeated_rung_that_is_brought_forward_speaks_at_once_and_goes_on() -> None:
    """From +30 to +10 workdays when +20 has passed: its first slot is owed at once."""
    office = case("+30 workdays", repeat="20 workdays")
    office.play([(at("2019-01-30 10:00"), edited("+10 workdays", repeat="20 workdays"))], at("2019-03-31"))
    assert [key.occurrence for key in office.settled] == ["2019-01-15", "2019-02-15", "2019-03-15"]
    assert [day for day, _ in office.told()] == ["2019-01-30", "2019-02-15", "2019-03-15"]


def test_a_repeated_rung_that_has_spoken_does_not_speak_again_for_an_edit() -> None:
    """Said on 12-27; put off to 12-31, and on the same day put back to repeat from 12-27."""
    office = case("-3 workdays")
    put_off, put_back = edited("0 days", repeat="1 week"), edited("-3 workdays", repeat="1 week")
    office.play([(at("2018-12-27 10:00"), put_off), (at("2018-12-27 11:00"), put_back)], at("2019-01-09"))
    assert [day for day, _ in office.told()] == ["2018-12-27", "2019-01-03"]


def test_working_days_are_counted_from_the_last_slot_when_the_step_changes() -> None:
    office = case("+1 workday", repeat="20 workdays")
    office.play([(at("2019-01-03"), edited("+1 workday", repeat="5 workdays"))], at("2019-01-18"))
    assert [day for day, _ in office.told()] == ["2019-01-02", "2019-01-09", "2019-01-16"]


def test_weeks_are_counted_anew_when_the_day_changes() -> None:
    office = case("0 days", repeat="1 week")
    office.play([(at("2019-01-10"), edited("+3 days", repeat="1 week"))], at("2019-01-25"))
    assert [key.occurrence for key in office.settled] == [
        "2018-12-31", "2019-01-07", "2019-01-10", "2019-01-17", "2019-01-24",
    ]  # fmt: skip


def test_a_slot_before_the_new_at_does_not_exist() -> None:
    office = case("+1 workday", repeat="5 workdays")
    office.play([(at("2019-01-03"), edited("+30 workdays", repeat="5 workdays"))], at("2019-02-25"))
    assert [day for day, _ in office.told()] == ["2019-01-02", "2019-02-15", "2019-02-22"]


def test_times_counts_what_was_said_before_the_edit_and_nothing_that_never_was() -> None:
    office = case("+1 workday", repeat="5 workdays", times=3)
    office.play([(at("2019-01-03"), edited("+30 workdays", repeat="5 workdays", times=3))], LAST)
    assert [day for day, _ in office.told()] == ["2019-01-02", "2019-02-15", "2019-02-22"]


IN_THE_DAY = MOMENTS.map(lambda moment: moment + timedelta(minutes=30))
Edits = list[tuple[datetime, str]]


@thorough
@given(OFFSETS, ENTERS, DUE, st.lists(st.tuples(MOMENTS, OFFSETS), max_size=5), st.booleans())
def test_whatever_is_edited_a_rung_is_said_once_and_never_lost(
    first: str, enters: Move, due: date, edits: Edits, rolls_back: bool
) -> None:
    edits.sort(key=lambda edit: edit[0])
    if rolls_back and edits:
        edits[-1] = (edits[-1][0], first)
    office = Office(ladder(rung("remind", wording(first))), start=FIRST)
    office.happen(enters, due=due)
    office.play([(moment, edited(words)) for moment, words in edits], LAST)
    owed_at = next(_owed_at(first, enters, due, edits), None)
    assert [done.looked_at for done in office.settled.values()] == ([owed_at] if owed_at else [])


def _owed_at(first: str, enters: Move, due: date, edits: Edits) -> Iterator[datetime]:
    """Go from edit to edit: a day that comes is owed, and one that an edit puts from ahead to behind."""
    since = FIRST if enters is Move.IMPORTED else None
    begins, instant = FIRST, _instant(first, due)
    for moment, words in [*edits, (LAST, "")]:
        if (since is None or instant >= since) and max(begins, instant) <= moment:
            yield max(begins, instant)
        if not words or _instant(words, due) == instant:
            continue
        was_ahead, instant, begins, since = instant >= moment, _instant(words, due), moment, moment
        if was_ahead and instant < moment:
            yield moment


def _instant(words: str, due: date) -> datetime:
    at_words = wording(words).at
    assert at_words
    return start_of(published().apply(at_words, due))


@thorough
@given(
    st.lists(st.tuples(IN_THE_DAY, OFFSETS, REPEATS), min_size=1, max_size=5), OFFSETS, REPEATS, ENTERS, DUE
)
def test_a_rung_that_repeats_never_speaks_twice_on_one_day(
    edits: list[tuple[datetime, str, str | None]], first: str, repeat: str | None, enters: Move, due: date
) -> None:
    def words(when_at: str, every: str | None) -> Wording:
        return wording(when_at, repeat=every)

    office = Office(ladder(rung("remind", words(first, repeat))), start=FIRST)
    office.happen(enters, due=due)
    office.run(office.now)
    begun = len(office.told())
    script = [(moment, partial(activate, ladder(rung("remind", words(a, e))))) for moment, a, e in edits]
    office.play(script, LAST)
    later = [day for day, _ in office.told()[begun:]]
    assert later == sorted(set(later))
