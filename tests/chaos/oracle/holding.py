"""Judges the promise that nothing leaves while something holds it: hours, pause, gate on floods, rehearsal.

Every message at the wire is held against the hours of its channel and the pauses (but for what was in
flight). No more pass the gate than an hour allows, and nothing leaves that it holds. In rehearsal everything
bears the mark; nothing does once we are live, and what was rehearsed does not count as said.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from datetime import datetime
from functools import cached_property

from tests.chaos.journal import Arrival, WentLive
from tests.chaos.oracle.days import HOUR
from tests.chaos.oracle.evidence import REHEARSED, Evidence, Said, Violation


class Holding:
    """What left although something held it."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence, self.world, self.looks = evidence, evidence.world, evidence.looks

    def violations(self) -> Iterator[Violation]:
        yield from self._outside_the_hours()
        yield from self._while_paused()
        yield from self._held_by_the_gate()
        yield from self._floods()
        yield from self._marks()
        yield from self._rehearsed_for_good()

    def _outside_the_hours(self) -> Iterator[Violation]:
        for arrival in self.evidence.arrivals:
            rules = self.world.rules_at(arrival.at)
            if not rules.hours_of(arrival.channel).open_at(arrival.at, rules.calendar, self.world.zone):
                words = f"a message left {self._where(arrival)}, outside the hours"
                yield Violation("wrong day", words, arrival.at)

    def _while_paused(self) -> Iterator[Violation]:
        """While delivery is paused nothing leaves but what was in flight."""
        for arrival, pause in itertools.product(self.evidence.arrivals, self.evidence.pauses):
            if not (pause.wall and pause.wall_until and arrival.wall):
                continue
            looked_from = self.looks.since(arrival)
            if looked_from and pause.wall < looked_from and arrival.wall < pause.wall_until:
                words = f"a message left {self._where(arrival)}, paused {self.evidence.clock(pause.at)}"
                yield Violation("paused", words, arrival.at)

    # -- the gate on floods

    def _held_by_the_gate(self) -> Iterator[Violation]:
        """Nothing leaves before a person has let it go, and nothing that he has dropped."""
        for arrival in self.evidence.arrivals:
            words = f"notice {arrival.notice} came {self._where(arrival)}"
            if arrival.notice in self.evidence.withdrawn:
                yield Violation("held", f"{words}, dropped", arrival.at)
            elif (free := self.evidence.let_go.get(arrival.notice or 0)) and arrival.at < free:
                yield Violation("held", f"{words}, held", arrival.at)

    def _floods(self) -> Iterator[Violation]:
        """No more pass by themselves within an hour than may.

        What a person has looked at does not count, nor what waits for approval.
        """
        passed = self._passing()
        for made in passed:
            lately = [at for at in passed if made - HOUR < at <= made]
            if len(lately) > self.world.rules_at(made).an_hour:
                when = f"within the hour before {self.evidence.clock(made)}"
                yield Violation("flood", f"{len(lately)} notices {when} passed the gate", made)

    def _passing(self) -> list[datetime]:
        """Return when each notice was made that passed the gate by itself."""
        return [
            notice.created_at
            for notice in self.evidence.notices.values()
            if notice.kind == "rungs"
            and not notice.approval
            and not self.evidence.was_rehearsed(notice.reason, notice.ended_at)  # held, perhaps
            and notice.created_at
            and notice.id not in self.evidence.held_since
        ]

    # -- rehearsal

    def _marks(self) -> Iterator[Violation]:
        """Before we are live nobody is told but with the mark; from then on nothing bears it."""
        began, live = self.world.began, self.evidence.live
        for arrival in self.evidence.arrivals:
            message = f"a message came {self._where(arrival)}"
            if REHEARSED in arrival.text:
                if not began.rehearsal or (live and self._was_taken_up_after(arrival, live)):
                    yield Violation("rehearsal", f"{message}, marked, though we are live", arrival.at)
            elif began.rehearsal and (live is None or _came_before(arrival, live)):
                yield Violation("rehearsal", f"{message}, unmarked, in rehearsal", arrival.at)

    def _was_taken_up_after(self, arrival: Arrival, live: WentLive) -> bool:
        """Whether a message was looked at after going live, or tried again (frozen bytes are not)."""
        tries = self.evidence.tries.get((arrival.notice or 0, arrival.channel), ())
        again = any(live.at < each.opened_at <= arrival.at for each in tries)
        return again or self.looks.came_after(arrival, live)

    def _rehearsed_for_good(self) -> Iterator[Violation]:
        """What came with the mark does not count: its ladders begin anew."""
        if (live := self.evidence.live) is None:
            return
        anew = {((each.kind, each.subject), each.ladder) for each in live.anew}
        for said in self.evidence.said:
            again = (said.subject, said.decided.ladder) in anew
            if REHEARSED in said.arrival.text and not again and self._still_counts(said, live):
                yield self.evidence.objection("rehearsal", said, "it was rehearsed, and counts as said")

    def _still_counts(self, said: Said, live: WentLive) -> bool:
        """Whether an item was said under the anchor version that its ladder had when we went live.

        One that was open still, as nobody knew whether it had come and there was no room, is said for real.
        """
        if said.item.state != "said" or said.item.id in self._said_for_real:
            return False
        before = [state for state in self.world.states[said.subject] if state.at <= live.at]
        standing = before[-1].standings.get(said.decided.ladder) if before else None
        return any(
            standing and owed.epoch == standing.epoch and said.decided in self.evidence.rows(owed)
            for owed in self.evidence.owed_by_rung.get(said.name, ())
        )

    @cached_property
    def _said_for_real(self) -> Collection[int]:
        said = self.evidence.said
        return frozenset(one.item.id for one in said if REHEARSED not in one.arrival.text)

    def _where(self, arrival: Arrival) -> str:
        return f"by {arrival.channel} {self.evidence.clock(arrival.at)}"


def _came_before(arrival: Arrival, live: WentLive) -> bool:
    """Whether a message surely came in rehearsal."""
    if arrival.wall and live.wall_before:
        return arrival.wall < live.wall_before
    return arrival.at < live.at
