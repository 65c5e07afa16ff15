"""Long lives of one case: events, edits, calendars, undos and looks in any order, watched at every step.

The other tests play scripts of a few events; here two offices live through dozens of the same ones, and one
of them is looked at again and again besides.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from datetime import date, timedelta
from functools import partial

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from daemon.domain.ladder import Ladder, Rung
from daemon.domain.plan import Outcome
from daemon.domain.standing import Move
from daemon.domain.workdays import WorkdayCalendar
from tests.unit.domain.office import BEHIND, OPEN, Key, Office, day_of, start_of
from tests.unit.domain.worlds import BEHIND_ON, DUE, ENTERS, EVENTS, FIRST, calendars, ladders, set_open

SELDOM = st.sampled_from([None] * 3 + ["1 workday", "5 workdays", "1 week", "1 month"])


class Lives(RuleBasedStateMachine):
    @initialize(rules=ladders(SELDOM), enters=ENTERS, due=DUE, calendar=calendars(), behind_on=BEHIND_ON)
    def a_case_enters(
        self, rules: Ladder, enters: Move, due: date, calendar: WorkdayCalendar, behind_on: Collection[date]
    ) -> None:
        self.left_alone, self.watched = (
            Office(rules, calendar=calendar, behind_on=behind_on, start=FIRST) for _ in range(2)
        )
        self.before: dict[Key, tuple[Outcome, object]] = {}
        self.both(lambda office: office.happen(enters, due=due))

    def both(self, happens: Callable[[Office], object]) -> None:
        for office in (self.left_alone, self.watched):
            happens(office)
            office.run(office.now)

    @rule(hours=st.integers(1, 120))
    def time_passes(self, hours: int) -> None:
        self.both(lambda office: office.run(office.now + timedelta(hours=hours)))

    @rule(event=EVENTS)
    def something_happens(self, event: Callable[[Office], None]) -> None:
        self.both(event)

    @rule(days=st.integers(1, 30))
    def it_is_closed_for_a_while(self, days: int) -> None:
        self.both(partial(set_open, False))
        self.time_passes(24 * days)
        self.both(partial(set_open, True))

    @rule(hours=st.integers(0, 120))
    def somebody_looks_on_the_way(self, hours: int) -> None:
        end = self.watched.now + timedelta(hours=hours)
        self.watched.run(self.watched.now + timedelta(hours=hours // 2))
        self.watched.touch()
        self.both(lambda office: office.run(end))

    @invariant()
    def a_look_changes_nothing_but_by_what_is_owed(self) -> None:
        assert self.watched.outcomes == self.left_alone.outcomes
        assert self.watched.next_at == self.left_alone.next_at

    @invariant()
    def nothing_owed_is_left(self) -> None:
        for made in self.watched.read(self.watched.now).plans.values():
            assert made.settlements == ()
            assert made.next_at is None or made.next_at > self.watched.now

    @invariant()
    def nothing_is_lost(self) -> None:
        """What speaks once, and only of the case's own facts, is settled when its day has come."""
        office = self.watched
        for name, each in office.ladders.items():
            for one in each.rungs:
                if _speaks_once(one, office) and _is_owed(one, name, office):
                    key = Key(name, one.id, office.standings[name].anchor_version, "")
                    assert office.settled[key].outcome is not Outcome.WHEN

    @invariant()
    def nothing_is_said_too_much(self) -> None:
        """``Office.store`` refuses to settle a thing twice; here: not ahead, not before its limits."""
        office = self.watched
        now = office.outcomes
        assert self.before.items() <= now.items()
        for key in now.keys() - self.before.keys():
            assert office.settled[key].instant <= office.settled[key].looked_at
            earlier = [k.occurrence for k in self.before if _same_rung(k, key)]
            assert not key.occurrence or key.occurrence >= max(earlier, default="")
            assert _is_within(key, office)
        self.before = dict(now)


def _same_rung(one: Key, other: Key) -> bool:
    return (one.ladder, one.rung, one.version) == (other.ladder, other.rung, other.version)


def _speaks_once(one: Rung, office: Office) -> bool:
    if one.wording.every or BEHIND in one.wording.when:
        return False
    return OPEN not in one.wording.when or bool(office.own["open"])


def _is_owed(one: Rung, name: str, office: Office) -> bool:
    anchor = office.anchors.get(one.wording.anchor)
    if anchor is None:
        return False
    instant = start_of(day_of(one.wording, anchor, office.calendar))
    limits = (office.standings[name].since, one.since)
    return instant <= office.now and all(limit is None or instant >= limit for limit in limits)


def _is_within(key: Key, office: Office) -> bool:
    """Whether the instant of something just settled is not before the last event or activation.

    A case that entered after an edit is owed what it would be without the edit.

    A changed wording (``former``) may owe what it put behind us.
    """
    one = office.ladders[key.ladder].rung(key.rung)
    assert one
    instant, standing = office.settled[key].instant, office.standings[key.ladder]
    if one.since is None or (standing.moved_at and standing.moved_at > one.since):
        return standing.since is None or instant >= standing.since
    return one.former is not None or instant >= one.since


TestLives = Lives.TestCase
TestLives.settings = settings(
    derandomize="DUBAN_NEW_LIVES" not in os.environ,
    deadline=None,
    max_examples=100,
    stateful_step_count=40,
    phases=(Phase.generate,),  # to shrink a life takes longer than to read it
)
