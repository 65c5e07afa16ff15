"""Judges the promise that nothing is lost: what is owed for sure arrives by its deadline.

Line by line of its addressees, with whoever holds the seats; if that changed on its way, one of them. What
did not arrive needs an excuse (excuses.py): something else spoke for it, say, or a person has been told why
not. What an undo made sayable again is owed again, from the next slot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from tests.chaos.journal import Item
from tests.chaos.oracle.deadlines import Deadlines
from tests.chaos.oracle.evidence import Evidence, Said, Violation
from tests.chaos.oracle.excuses import Excuses
from tests.chaos.oracle.looks import within
from tests.chaos.oracle.owed import Owed
from tests.chaos.oracle.rules import Line


class Must:
    """What was owed and did not arrive, or too late."""

    def __init__(self, evidence: Evidence, deadlines: Deadlines, excuses: Excuses) -> None:
        self.evidence, self.deadlines, self.excuses = evidence, deadlines, excuses

    def violations(self) -> Iterator[Violation]:
        for owed in self.evidence.obligations:
            if owed.sure:
                yield from self._check_owed(owed)

    def _check_owed(self, owed: Owed) -> Iterator[Violation]:
        """It arrives, or a person has been told why not; and again after an undo, if a budget held it up."""
        for once in (owed, *self._taken_back(owed)):
            deadline = self.deadlines.of(once)
            if not self._is_due(once, deadline):
                continue
            for line, seats in once.rung.lines.items():
                if not self._is_sure(once, line, seats):
                    continue
                if once is owed and not self._was_released(owed):
                    yield from self._check_line(once, line, seats, deadline)
                elif self._was_addressed(owed, line) and not self._was_said(once, line):
                    latest = self._gap_filled(once, line, deadline)
                    if self._is_due(once, latest):
                        yield from self._check_line(once, line, seats, latest)
            if not self._is_held_up(once, deadline):
                return

    def _is_sure(self, owed: Owed, line: Line, seats: Sequence[str]) -> bool:
        """Whether a line is that of both rule sets, where one took over at the instant of the decision."""
        others = self.evidence.owed_by_rung.get(owed.name, ())
        at_once = (o.rung for o in others if (o.key, o.decided) == (owed.key, owed.decided))
        return all(rung.lines.get(line) == seats for rung in at_once)

    def _is_due(self, owed: Owed, by: datetime) -> bool:
        return by <= self.evidence.end and self.excuses.stays_sayable(owed, by)

    def _is_held_up(self, owed: Owed, deadline: datetime) -> bool:
        """Whether a budget held it up for anybody until it was taken away; by an undo it must come back."""
        return not owed.rung.exempt and any(
            self.excuses.had_no_room(owed, line, [person], deadline)
            for line in owed.rung.lines
            for person in frozenset().union(*self.excuses.holders(owed, line, deadline))
        )

    # -- what an undo brings back

    def _taken_back(self, owed: Owed) -> Iterator[Owed]:
        """Yield what is owed as an undo made it sayable again, from the next slot on."""
        for at in self.evidence.judgement.brought_back(owed):
            yield self._again(owed, self.deadlines.next_slot(owed, at))

    def _again(self, owed: Owed, start: datetime) -> Owed:
        """Return what is owed as it is from the last undo before ``start`` on."""
        states = [state for state in owed.states if state.at <= start]
        last = max(n for n, state in enumerate(states) if state.undone)
        return replace(owed, release=start, decided=states[last].at, states=owed.states[last:])

    def _was_released(self, owed: Owed) -> bool:
        """Whether it was owed for sure only after its release: at one instant either may have come first."""
        return any(row.released_at and row.released_at < owed.decided for row in self.evidence.rows(owed))

    def _was_addressed(self, owed: Owed, line: Line) -> bool:
        """Whether a line was there when it was released, if it was: an edit after that addresses nobody."""
        released = [row.released_at for row in self.evidence.rows(owed) if row.released_at]
        rungs = [
            state.rules.rung(owed.ladder, owed.rung.id)
            for at in released
            for state in within(owed.states, at, at)
        ]
        return not rungs or any(rung is not None and line in rung.lines for rung in rungs)

    def _was_said(self, owed: Owed, line: Line) -> bool:
        """Whether a line's holder of that time had been told: an undo owes it to no later holder."""
        said = self.evidence.said_for(owed)
        return any((s.item.part, s.item.line) == line and s.arrival.at <= owed.release for s in said)

    def _gap_filled(self, owed: Owed, line: Line, deadline: datetime) -> datetime:
        """Return by when a line is told of what an undo brought back: if its seat was vacant, later.

        A line that reached nobody is tried again at each release of anything.
        """
        if not any((gap.part, gap.line) == line for gap in self.evidence.gaps_of(owed)):
            return deadline
        known = [row.released_at for row in self.evidence.decided.values() if row.released_at]
        release = min((at for at in known if at > owed.release), default=self.evidence.end)
        return max(deadline, self.deadlines.after(release, owed))

    # -- lines and people

    def _check_line(
        self, owed: Owed, line: Line, seats: Sequence[str], deadline: datetime
    ) -> Iterator[Violation]:
        part, _ = line
        if part == "copy":
            latest = self._from_original(owed, deadline)
            if latest is None or not self._is_due(owed, latest):
                return
            deadline = latest
        sets = list(self.excuses.holders(owed, line, deadline))
        everybody = sorted(frozenset().union(*sets))
        if not all(sets):
            if not everybody and part == "to" and not self.evidence.gaps_of(owed):
                words = f"{owed} reached nobody as {' or '.join(seats)}, and nothing says so"
                yield Violation("silent", words, deadline)
        elif len(set(sets)) == 1:
            for person in everybody:
                yield from self._check_people(owed, line, [person], deadline)
        elif not any(all(self.excuses.excused(owed, p, deadline, part) for p in people) for people in sets):
            # The holder changed while it was on its way: one of them must have been told.
            yield from self._check_people(owed, line, everybody, deadline)

    def _from_original(self, owed: Owed, deadline: datetime) -> datetime | None:
        """Return by when a copy has come; after who was told, if anybody was, where a seat was vacant."""
        lines = [line for line in owed.rung.lines if line[0] == "to"]
        if all(all(self.excuses.holders(owed, line, deadline)) for line in lines):
            return deadline
        told = [said.arrival.at for said in self.evidence.said_for(owed) if said.item.part == "to"]
        return max(deadline, self.deadlines.after(min(told), owed)) if told else None

    def _check_people(
        self, owed: Owed, line: Line, people: Sequence[int], deadline: datetime
    ) -> Iterator[Violation]:
        """One of these people has been told in time, or there is an excuse."""
        part, _ = line
        if all(self.excuses.excused(owed, person, deadline, part) for person in people):
            return
        if told := [said for said in self.evidence.said_for(owed) if said.item.person in people]:
            yield from self._check_time(owed, line, people, deadline, told)
            return
        items = [item for item in self.evidence.items_for(owed) if item.person in people]
        excused = self.excuses.had_no_room(owed, line, people, deadline)
        if not excused and not any(self.excuses.accounted_for(item, owed) for item in items):
            words = f"{owed} for {_names(people)} ({part}) never arrived; due by {self._clock(deadline)}"
            words += f", owed since {self._clock(owed.decided)}; {self._found(owed, items)}"
            yield Violation("lost", words, deadline)

    def _check_time(
        self, owed: Owed, line: Line, people: Sequence[int], deadline: datetime, told: Sequence[Said]
    ) -> Iterator[Violation]:
        """The first that was told was told in time, or there is an excuse."""
        came = min(said.arrival.at for said in told)
        latest = self._from_approval(owed, told[0].item, deadline)
        if came > latest:
            latest = self.deadlines.with_room(owed, people, latest)
        if came > latest and not self.excuses.came_back(owed, line, people, deadline, latest):
            words = f"{owed} reached {_names(people)} only {self._clock(came)}"
            yield Violation("late", f"{words}, due by {self._clock(deadline)}", came)

    def _from_approval(self, owed: Owed, item: Item, deadline: datetime) -> datetime:
        """A document's time runs from its approval, that of what the gate held from when it was let go.

        So does that of a seat's present holder, if it was held on its way to the former one.
        """
        let_go = self.evidence.let_go_items
        line = (item.part, item.line)
        mine = [i.id for i in self.evidence.items_of[item.decision] if (i.part, i.line) == line]
        if free := [let_go[number] for number in mine if number in let_go]:
            return max(deadline, self.deadlines.after(max(free), owed))
        if not owed.rung.approval:
            return deadline
        return max([deadline, *(self.deadlines.after(at) for at in self.evidence.approvals(item))])

    def _found(self, owed: Owed, items: Sequence[Item]) -> str:
        """Return what is on file instead of an arrival."""
        states = ", ".join(f"item {item.id} {item.state} {item.reason}".strip() for item in items)
        outcomes = ", ".join(f"decision {row.id} {row.outcome}" for row in self.evidence.rows(owed))
        return states or outcomes or "no decision"

    def _clock(self, instant: datetime) -> str:
        return self.evidence.clock(instant)


def _names(people: Sequence[int]) -> str:
    return " or ".join(f"person {person}" for person in people)
