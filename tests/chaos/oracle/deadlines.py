"""By when at the latest something has arrived: its slot, what faults cost on the way, and room in budgets.

On time is 25 minutes of office time after the slot. An outage costs its own length, and the next slot or
window after it; each try that failed costs the pause after it. A day on which other messages had used up the
budgets of all ways to a person costs the time until the next bundle. Nothing is judged here: the judges ask
for deadlines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property

from tests.chaos.journal import Fault
from tests.chaos.oracle.budgets import Budgets
from tests.chaos.oracle.days import DAY, FRESH, INSTANT, last_moment, midnight, slot
from tests.chaos.oracle.evidence import Evidence, has_failed
from tests.chaos.oracle.owed import Owed
from tests.chaos.oracle.rules import Rules
from tests.chaos.oracle.tries import BACKOFF, Tries

PROMPT = timedelta(minutes=25)
"""In office time: patience for planning (5), spread at a window's opening (9), off the half hour (1), and as
much again. What is on time leaves within it."""
SLEEPY = timedelta(minutes=10)
"""In office time: how soon all processes are back at work when a fault is over."""


class Deadlines:
    """How late is late."""

    def __init__(self, evidence: Evidence, budgets: Budgets, tries: Tries) -> None:
        self.evidence, self.world = evidence, evidence.world
        self.budgets, self.tries = budgets, tries
        self._known: dict[object, datetime] = {}

    def of(self, owed: Owed) -> datetime:
        """Return when what is owed has arrived at the latest, if there is room for it.

        What is decided after its slot leaves at once: what an undo brings back within two hours of it, say.
        Where rules took over at the very instant of the decision, its slot is that by one set or the other.
        """
        known = (owed.key, owed.decided)
        if known not in self._known:
            others = self.evidence.owed_by_rung.get(owed.name, ())
            slots = {other.release for other in others if (other.key, other.decided) == known}
            ready = {max(release, owed.decided) for release in {owed.release, *slots}}
            self._known[known] = max(self.after(at, owed) for at in ready)
        return self._known[known]

    def after(self, release: datetime, owed: Owed | None = None) -> datetime:
        """Return the latest departure of what is to be released at an instant.

        An outage that lasts until after the slot costs its own length, and the rest of the bundle's interval
        where the decision itself may have come too late for the slot. Whatever faults fell on the way, each
        try that failed costs the pause after it.
        """
        deadline = self.departs(release) + PROMPT
        hits = 0
        for at, until in self.outages:
            if at > deadline or until < release:
                continue
            hits += 1
            ready = until + SLEEPY if until > at else until
            if owed is not None and at <= release < until and until - self._first_slot(owed) > FRESH:
                ready = max(ready, self.next_slot(owed, ready))
            if until > at:
                ready += min(BACKOFF[-1], 4 * (until - at))
            deadline = max(deadline, self.departs(ready) + PROMPT)
        if hits and owed is not None:
            notices = {item.notice for item in self.evidence.items_for(owed) if item.notice}
            deadline = self.departs(deadline + self.pauses(notices))
        return deadline

    def departs(self, instant: datetime) -> datetime:
        """Return when what is ready at an instant leaves at the latest, by the rules of that time.

        What waits for its hours waits anew if rules that take over meanwhile close them. At the very instant
        at which rules took over it may still go by the former.
        """
        former = self.world.rules_at(instant - INSTANT)
        edited = [each for each in self.world.activations if instant < each[0] <= instant + timedelta(days=7)]
        known = (former, self.world.rules_at(instant), *(rules for _, rules in edited))
        opens = max(self._opens(instant, rules) for rules in known)
        for at, rules in edited:
            if at <= opens:
                opens = self._opens(opens, rules)
        return opens

    def _opens(self, instant: datetime, rules: Rules) -> datetime:
        windows = (rules.hours, *rules.channel_hours.values())
        return max(hours.next_open(instant, rules.calendar, self.world.zone) for hours in windows)

    def next_slot(self, owed: Owed, instant: datetime) -> datetime:
        rules = self.world.rules_at(instant)
        bundle = rules.bundles.get(owed.rung.bundle or "")
        return slot(bundle, instant, instant, rules.hours, rules.calendar, self.world.zone)

    def _first_slot(self, owed: Owed) -> datetime:
        """Return the slot of its instant: what is decided long after it waits for the next."""
        return self.next_slot(owed, owed.occurrence.instant)

    def pauses(self, notices: Collection[int]) -> timedelta:
        """Return how long the pauses are after failed tries, on the worst of these ways."""
        failures = max((self._failed_tries.get(number, 0) for number in notices), default=0)
        return sum((BACKOFF[min(n, len(BACKOFF) - 1)] for n in range(failures)), timedelta())

    @cached_property
    def _failed_tries(self) -> Mapping[int, int]:
        return Counter(attempt.notice for attempt in self.evidence.attempts if has_failed(attempt))

    # -- outages

    @cached_property
    def outages(self) -> Sequence[tuple[datetime, datetime]]:
        """The faults as stretches of office time, in order of their beginnings; and the pauses.

        What begins before all are back at work from another is one outage with it: nothing was done between.
        """
        faults = [(fault.at, self._kept_until(fault)) for fault in self.evidence.faults]
        return _joined(sorted(faults + [(pause.at, pause.until) for pause in self.evidence.pauses]))

    def _kept_until(self, fault: Fault) -> datetime:
        """Return how long a fault kept anything from happening.

        Two processes of a kind stand in for each other: one of them away is an outage of no length.
        """
        kind, _, number = fault.target.rpartition("-")
        if not (kind and number.isdigit()):
            return max(fault.until, fault.at)
        both = [
            other.until
            for other in self.evidence.faults
            if other.target.startswith(f"{kind}-")
            and other.target != fault.target
            and other.at < fault.until
            and fault.at < other.until
        ]
        return max(min(fault.until, max(both, default=fault.at)), fault.at)

    # -- room

    def with_room(self, owed: Owed, people: Collection[int], until: datetime) -> datetime:
        """Return the latest arrival of what is due, for one of these people, by ``until``.

        On a day on which other messages have used up the budgets of all ways to him, it waits for the
        next bundle, or the next working day's hours.
        """
        if owed.rung.exempt:
            return until
        day = self.world.day(owed.release)
        while day <= self.world.day(until) and until <= self.evidence.end:
            moment, before = min(until, last_moment(day, self.world.zone)), until
            if any(self._has_no_way(owed, person, moment) for person in people):
                until = max(until, self.after(self._following_slot(owed, moment), owed))
            if until == before or self.world.day(until) > day:  # else its next bundle is of the same day
                day += DAY
        return until

    def _following_slot(self, owed: Owed, moment: datetime) -> datetime:
        """Return when what found no room is bound anew: by the rules that held on that day, the latest."""
        day, zone = self.world.day(moment), self.world.zone
        found = []
        for rules in (self.world.rules_at(midnight(day, zone)), self.world.rules_at(moment)):
            bundle = rules.bundles.get(owed.rung.bundle or "")
            after = moment + INSTANT if bundle else midnight(day + DAY, zone)
            found.append(slot(bundle, after, after, rules.hours, rules.calendar, zone))
        return max(found)

    def _has_no_way(self, owed: Owed, person: int, moment: datetime) -> bool:
        """Whether of all channels that lead to a person those that did not fail were used up on a day.

        One that may have cost workers may have been set aside.
        """
        ways = {c for leg in owed.rung.legs for c in leg if not self.evidence.lacks(person, c)}
        own = self._own_notices(owed, person)
        used_up = {c for c in ways if self.budgets.is_used_up(person, c, owed.release, moment, own)}
        if not used_up:
            return False
        failed = all(c in used_up or self._failed_on(own, c) for c in ways)
        return failed or self.tries.may_have_cost_workers(owed.release, moment)

    def _own_notices(self, owed: Owed, person: int) -> frozenset[int]:
        """Return the notices that say it to a person; one out of which it fell is another's."""
        mine = [item for item in self.evidence.items_for(owed) if item.person == person]
        filed = [item.notice for item in mine if item.state != "dropped"]
        said = [said.notice for said in self.evidence.said_for(owed) if said.item.person == person]
        return frozenset(number for number in (*filed, *said) if number)

    def _failed_on(self, numbers: Iterable[int], channel: str) -> bool:
        tries = self.evidence.tries
        return any(has_failed(attempt) for n in numbers for attempt in tries.get((n, channel), ()))


def _joined(stretches: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Return stretches of time with those joined that follow closely; those of no length stay as they are."""
    found: list[tuple[datetime, datetime]] = []
    joined: list[tuple[datetime, datetime]] = []
    for at, until in stretches:
        if at == until:
            found.append((at, until))
        elif joined and at <= joined[-1][1] + SLEEPY:
            joined[-1] = (joined[-1][0], max(joined[-1][1], until))
        else:
            joined.append((at, until))
    return sorted(found + joined)
