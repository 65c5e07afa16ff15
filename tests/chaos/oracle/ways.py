"""Judges the promise about the ways to a person: budgets are kept, no way is left out, the strongest first.

Counted from the wire, nobody gets more over a channel, a day or a week, than his budget has room for. A way
is left out only if it was tried, is not his, is used up, or was given up with the workers that it cost. Of
two notices that are made at once for one person, and want the same channel, the stronger has it.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from functools import cached_property

from tests.chaos.journal import ACTED, Notice
from tests.chaos.oracle.budgets import Budgets, Message
from tests.chaos.oracle.days import DAY, last_moment
from tests.chaos.oracle.deadlines import PROMPT, Deadlines
from tests.chaos.oracle.evidence import Evidence, Said, Violation
from tests.chaos.oracle.rules import ACTS
from tests.chaos.oracle.tries import Tries


class Ways:
    """What came by another way than it should have."""

    def __init__(self, evidence: Evidence, budgets: Budgets, deadlines: Deadlines, tries: Tries) -> None:
        self.evidence, self.world = evidence, evidence.world
        self.budgets, self.deadlines, self.tries = budgets, deadlines, tries

    def violations(self) -> Iterator[Violation]:
        yield from self._over_budget()
        yield from self._left_out()
        yield from self._weaker_first()

    # -- budgets

    def _over_budget(self) -> Iterator[Violation]:
        """Nobody gets more of a channel, a day or a week, than his budget has room for.

        What is exempt counts, once it had surely come before a worker looked whether there was room.
        """
        for message in self.budgets.messages:
            if message.exempt:
                continue
            for span, limit, others in self.budgets.beside(message):
                before = [other for other in others if self._was_counted_before(other, message)]
                if len(before) >= limit:
                    words = f"person {message.person} got notice {message.notice} by {message.channel}"
                    words += f" {self.evidence.clock(message.at)}, though {limit} a {span} had come"
                    yield Violation("over budget", words, message.at)

    def _was_counted_before(self, other: Message, message: Message) -> bool:
        if not other.exempt:
            return other.order < message.order
        wall, looked_from = other.arrival.wall, self.evidence.looks.since(message.arrival)
        return other.at < message.at and (wall is None or looked_from is None or wall < looked_from)

    # -- ways left out

    def _left_out(self) -> Iterator[Violation]:
        """No way to a person is left out but one that was tried, is not his, or whose budget is used up."""
        seen = set()
        for said in self.evidence.said:
            arrival, number = said.arrival, said.notice
            if number is None or (number, arrival.channel) in seen:
                continue
            seen.add((number, arrival.channel))
            for channel in self._passed_over(said, number):
                if not self._may_be_used_up(said, channel) and not self._may_have_cost_workers(said):
                    words = f"notice {number} came by {arrival.channel} {self.evidence.clock(arrival.at)}"
                    words += f" to person {said.item.person}, and {channel} was passed over"
                    yield Violation("passed over", words, arrival.at)

    def _passed_over(self, said: Said, number: int) -> Iterator[str]:
        """Yield the channels of the legs before the one by which something came, that were not tried."""
        rules, channel = self.world.rules_at(said.arrival.at), said.arrival.channel
        rung = rules.rung(said.decided.ladder, said.decided.rung)
        legs = rung.legs if rung else ()
        earlier = itertools.takewhile(lambda leg: channel not in leg, legs)
        for each in dict.fromkeys(itertools.chain(*earlier)):
            tried = (number, each) in self.evidence.tries
            if not tried and not self.evidence.lacks(said.item.person, each):
                yield each

    def _may_be_used_up(self, said: Said, channel: str) -> bool:
        """Whether a budget was used up at any time from when a message was made until it came."""
        made, person, own = self._made(said), said.item.person, {said.notice or 0}
        return any(
            self.budgets.is_used_up(person, channel, made, moment, own)
            for moment in self._evenings(made, said.arrival.at)
        )

    def _evenings(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Yield the last moment of each day from ``start`` on, and ``end``."""
        day = self.world.day(start)
        while day < self.world.day(end):
            yield last_moment(day, self.world.zone)
            day += DAY
        yield end

    def _may_have_cost_workers(self, said: Said) -> bool:
        return self.tries.may_have_cost_workers(self._made(said), said.arrival.at)

    def _made(self, said: Said) -> datetime:
        notice = self.evidence.notices.get(said.notice or 0)
        made = notice.created_at if notice else None
        return made or said.decided.released_at or said.decided.decided_at

    # -- the strongest first

    def _weaker_first(self) -> Iterator[Violation]:
        """Of two that were made for one person at once, and wanted the same channel, the stronger has it.

        Judged where nothing kept either of them from being looked at, and nothing gave its room back; nor was
        anything entered at that instant, after which there may have been a second release.
        """
        for weak in self.budgets.messages:
            notice = self.evidence.notices.get(weak.notice or 0)
            if weak.exempt or weak.arrival.repeat or notice is None or notice.created_at is None:
                continue
            if notice.created_at in self._entered or self._was_held_up(notice, notice.created_at, weak):
                continue
            for other in self._made_with.get((notice.person, notice.created_at), ()):
                if _rank(other) > _rank(notice) and self._was_put_behind(other, weak):
                    words = f"person {weak.person} got notice {notice.id} ({notice.act}) by {weak.channel}"
                    words += f" {self.evidence.clock(weak.at)}"
                    words += f", and the stronger {other.id} ({other.act}) did not"
                    yield Violation("weaker first", words, weak.at)

    @cached_property
    def _entered(self) -> Collection[datetime]:
        """The instants at which anything was entered."""
        acts = (record for record in self.evidence.journal.records if isinstance(record, ACTED))
        return frozenset(record.at for record in acts)

    @cached_property
    def _made_with(self) -> Mapping[tuple[int, datetime], list[Notice]]:
        """The notices that were free to leave when they were made, by person and instant."""
        found: dict[tuple[int, datetime], list[Notice]] = defaultdict(list)
        for notice in self.evidence.notices.values():
            held = notice.approval or notice.id in self.evidence.held_since
            if notice.kind == "rungs" and not held and notice.created_at:
                found[notice.person, notice.created_at].append(notice)
        return found

    def _was_held_up(self, notice: Notice, made: datetime, message: Message) -> bool:
        """Whether anything lay between its making and its coming that may have changed the order."""
        if message.at > self.deadlines.departs(made) + PROMPT or notice.id in self.evidence.held_since:
            return True
        outages = self.deadlines.outages
        late = any(at <= message.at and made <= until and at < until for at, until in outages)
        return late or self.budgets.gave_room_back(message)

    def _was_put_behind(self, strong: Notice, weak: Message) -> bool:
        """Whether a notice whose first leg has the channel was never tried on it; it came, or had no room."""
        ladders = self.world.rules_at(weak.at).ladders.values()
        rung = next((r for ladder in ladders for r in ladder.rungs.values() if r.act == strong.act), None)
        arrived = any(arrival.notice == strong.id for arrival in self.evidence.arrivals)
        came = strong.reason == "over_budget" or arrived
        if rung is None or rung.exempt or not came or (strong.id, weak.channel) in self.evidence.tries:
            return False
        his = [[c for c in leg if not self.evidence.lacks(strong.person, c)] for leg in rung.legs]
        return weak.channel in next((leg for leg in his if leg), ())


def _rank(notice: Notice) -> int:
    return ACTS.index(notice.act) if notice.act in ACTS else -1
