"""Why what was owed to a person need not have come to him: the counterpart of must.py, which asks for it.

He was muted or has signed; something stronger spoke to him for it; it fell away, or he left his seat, while a
budget, an approval or the gate on floods held it up; or it is in the hands of people who have been told.
Nothing is judged here: each excuse is a yes or no.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from tests.chaos.journal import Item, Notice
from tests.chaos.oracle.deadlines import Deadlines
from tests.chaos.oracle.evidence import Evidence
from tests.chaos.oracle.looks import within
from tests.chaos.oracle.owed import Owed
from tests.chaos.oracle.people import reached
from tests.chaos.oracle.rules import Line
from tests.chaos.oracle.tries import Tries


class Excuses:
    """Excuses for one person, line or item."""

    def __init__(self, evidence: Evidence, deadlines: Deadlines, tries: Tries) -> None:
        self.evidence, self.world = evidence, evidence.world
        self.deadlines, self.tries = deadlines, tries

    def stays_sayable(self, owed: Owed, end: datetime) -> bool:
        """Whether from its slot until an instant nothing took away what is owed."""
        return all(
            not self.evidence.judgement.sayable(owed, state, at, surely=True)
            for state in within(owed.states, owed.release, end)
            for at in (owed.release, end)
        )

    def holders(self, owed: Owed, line: Line, deadline: datetime) -> Iterator[frozenset[int]]:
        """Yield whom a line reaches, for each state and directory in force until the deadline."""
        days = {self.world.day(owed.release), self.world.day(deadline)}
        for state in within(owed.states, owed.release, deadline):
            rung = state.rules.rung(owed.ladder, owed.rung.id)
            seats = rung.lines.get(line) if rung else None  # a line that was edited away reaches nobody
            for seating in within(self.world.seatings, owed.release, deadline):
                for day in days:
                    unit = state.facts.unit
                    yield reached(seating.directory, seats, unit, day) if seats else frozenset()

    # -- he need not be told

    def excused(self, owed: Owed, person: int, deadline: datetime, part: str = "to") -> bool:
        """Whether something stronger spoke to the person for this, or he has signed, or was muted."""
        if self._was_muted(person, owed, deadline, part):
            return True
        signed = self.evidence.signatures(owed.subject[1], person)
        if owed.rung.unless_signed and any(event.at <= deadline for event in signed):
            return True
        return any(
            self._speaks_for(other, owed, person, deadline)
            for other in self.evidence.owed[owed.subject]
            if other.ladder == owed.ladder and other.key != owed.key and other.epoch == owed.epoch
        )

    def _was_muted(self, person: int, owed: Owed, until: datetime, part: str = "to") -> bool:
        """Whether a person was muted while what is owed was on its way; a copy falls with what it copies."""
        persons = {person}
        if part == "copy":
            persons.update(item.person for item in self.evidence.items_for(owed))
        return any(mute.silences(p, owed.release, until) for mute in self.evidence.mutes for p in persons)

    def _speaks_for(self, other: Owed, owed: Owed, person: int, deadline: datetime) -> bool:
        """Whether ``other`` is stronger, and addressed to the person, while what is owed was on its way."""
        if owed.rung.approval or other.release > deadline:
            return False
        later = other.rung.rank >= owed.rung.rank and other.rung.position > owed.rung.position
        return (later or self._goes_with(other, owed, person, deadline)) and self._reaches(
            other, owed, person, deadline
        )

    def _goes_with(self, other: Owed, owed: Owed, person: int, deadline: datetime) -> bool:
        """Whether something stronger may still be on its way when what is owed joins it."""
        if other.rung.approval or other.strength <= owed.strength:
            return False
        late = (
            self.deadlines.after(at, other) for at in self._sets_out_late(other, person) if at <= deadline
        )
        until = max([self.deadlines.of(other), *late])
        return self.deadlines.with_room(other, [person], until) >= owed.release

    def _sets_out_late(self, other: Owed, person: int) -> Iterator[datetime]:
        """Yield when something set out after its slot: as somebody took its seat, or an undo brought it back.

        What the person had been told before does not come back to him.
        """
        yield from (gap.resolved_at for gap in self.evidence.gaps_of(other) if gap.resolved_at)
        told = [s.arrival.at for s in self.evidence.said_for(other) if s.item.person == person]
        for at in self.evidence.judgement.brought_back(other):
            if not any(came < at for came in told):
                yield at

    def _reaches(self, other: Owed, owed: Owed, person: int, deadline: datetime) -> bool:
        day = self.world.day(max(other.release, owed.release))
        until = max(deadline, other.release)
        return any(
            person in reached(seating.directory, seats, state.facts.unit, day)
            for state in within(self.world.states[owed.subject], other.release, until)
            if not self.evidence.judgement.sayable(other, state, other.release)
            for seating in within(self.world.seatings, other.release, until)
            for seats in other.rung.lines.values()
        )

    # -- it was held up, and fell away

    def had_no_room(self, owed: Owed, line: Line, people: Sequence[int], deadline: datetime) -> bool:
        """Whether a budget held something up, and it was taken away before there was room again."""
        until = self.deadlines.with_room(owed, people, deadline)
        return self.came_back(owed, line, people, deadline, until)

    def came_back(
        self, owed: Owed, line: Line, people: Sequence[int], deadline: datetime, latest: datetime
    ) -> bool:
        """Whether what was held up beyond its deadline was taken away meanwhile: it comes back, if at all."""
        return latest > deadline and any(self._fell_away(owed, line, person, latest) for person in people)

    def _fell_away(self, owed: Owed, line: Line, person: int, until: datetime) -> bool:
        """Whether what was held up until an instant need not have come to a person by then."""
        return (
            until > self.evidence.end
            or not self.stays_sayable(owed, until)
            or any(person not in people for people in self.holders(owed, line, until))
            or self.excused(owed, person, until, line[0])
        )

    # -- it is in a person's hands

    def accounted_for(self, item: Item, owed: Owed) -> bool:
        """Whether an item that did not arrive is in a person's hands, who has been told."""
        notice = self.evidence.notices.get(item.notice) if item.notice else None
        if notice and self._is_done_by_hand(notice, owed):
            return True
        if self._was_held(item, owed) or self.evidence.was_rehearsed(item.reason, item.closed_at):
            return True
        at = item.closed_at
        if (
            item.reason == "muted"
            and at
            and any(m.silences(item.person, at, at) for m in self.evidence.mutes)
        ):
            return True  # what a person's mute met is not said again, even if an undo brings its day back
        return owed.rung.approval and self._awaits(item, owed, notice)

    def _is_done_by_hand(self, notice: Notice, owed: Owed) -> bool:
        """Whether it was given up, after all ways were tried; and done, if it says so."""
        if notice.state not in ("manual", "done", "failed"):
            return False
        if notice.state == "done" and notice.id not in self.evidence.done_by_hand:
            return False
        channels = {channel for leg in owed.rung.legs for channel in leg}
        return self.tries.were_exhausted(notice, channels) or self.tries.killed_its_workers(notice)

    def _was_held(self, item: Item, owed: Owed) -> bool:
        """Whether the gate held an item, and something took it away before it could leave.

        The office may have dropped it, or not looked at it yet; a copy falls with what it copies.
        """
        mine = [item]
        if item.part == "copy":
            mine += [i for i in self.evidence.items_of[item.decision] if i.part == "to"]
        still = {n.id for n in self.evidence.notices.values() if n.state == "held"}
        if any(i.id in self.evidence.withdrawn_items or i.notice in still for i in mine):
            return True
        let_go = self.evidence.let_go_items
        free = [let_go[i.id] for i in mine if i.id in let_go]
        if not free:
            return False
        until = self.deadlines.with_room(owed, [item.person], self.deadlines.after(max(free), owed))
        return self._fell_away(owed, (item.part, item.line), item.person, until)

    def _awaits(self, item: Item, owed: Owed, notice: Notice | None) -> bool:
        """Whether a document still waits for its approval, or was taken away before it could leave."""
        given = self.evidence.approvals(item)
        until = max((self.deadlines.after(at) for at in given), default=self.evidence.end)
        if not self.stays_sayable(owed, until) or self._was_muted(item.person, owed, until):
            return True
        if any(item.person not in people for people in self.holders(owed, (item.part, item.line), until)):
            return True
        return until > self.evidence.end or (not given and notice is not None and notice.state == "waiting")
