"""Judges the promise that nobody is told what is not, or is no longer, so.

Every item at the wire is held against what was owed under its name: it must have been owed, its slot come,
its person addressed by the directory of the time, and at a worker's last look it must have been still to be
said: not closed, extended, muted, signed for, unapproved, or outranked by something stronger that this person
had got.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property

from tests.chaos.oracle.evidence import Evidence, Said, Violation, address
from tests.chaos.oracle.looks import within
from tests.chaos.oracle.owed import Owed
from tests.chaos.oracle.people import reached
from tests.chaos.oracle.replay import State, SubjectName


class MustNot:
    """What arrived and should not have."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence, self.world, self.looks = evidence, evidence.world, evidence.looks

    def violations(self) -> Iterator[Violation]:
        for said in self.evidence.said:
            yield from self._check_said(said)
        yield from self._unknown()
        yield from self._to_other_addresses()
        yield from self._outranked()

    def _check_said(self, said: Said) -> Iterator[Violation]:
        """What arrived must have been owed, sayable, in time and to the right person."""
        if said.arrival.repeat and self._was_in_doubt(said):
            return  # the same bytes, looked at when they first left; see repeats.py
        candidates = self._candidates(said)
        if not candidates:
            yield self.evidence.objection("not owed", said, "nothing of the kind was owed")
            return
        reasons = [reason for owed in candidates if (reason := self._why_not(said, owed))]
        if len(reasons) == len(candidates):
            kind, why = reasons[0]
            yield self.evidence.objection(kind, said, why)

    def _candidates(self, said: Said) -> Sequence[Owed]:
        return self.evidence.owed_by_rung.get(said.name, ())

    def _why_not(self, said: Said, owed: Owed) -> tuple[str, str] | None:
        """Return why an arrival may not be the saying of what was owed: a kind, and words."""
        at, person = said.arrival.at, said.item.person
        if at < owed.release:
            return ("early", f"its slot was {self.evidence.clock(owed.release)}")
        states = self.looks.states(said.subject, said.arrival)
        whys = [self.evidence.judgement.sayable(owed, state, at) for state in states]
        if all(whys):
            return ("stale", whys[-1])
        if not self._is_addressed(said, owed, states):
            return ("wrong person", f"person {person} was not addressed then")
        if owed.rung.unless_signed and self._had_signed(said):
            return ("stale", f"person {person} had signed")
        if owed.rung.approval and not any(given <= at for given in self.evidence.approvals(said.item)):
            return ("unapproved", "nobody had approved it")
        silences = self.looks.silences(said.arrival)
        if all(any(mute.silences(person, at, at) for mute in each.mutes) for each in silences):
            return ("muted", f"person {person} was muted")
        return None

    def _is_addressed(self, said: Said, owed: Owed, states: Sequence[State]) -> bool:
        day = self.world.day(said.arrival.at)
        for state in states:
            rung = state.rules.rung(owed.ladder, owed.rung.id)
            for seating in self.looks.seatings(said.arrival):
                for seats in rung.lines.values() if rung else ():
                    if said.item.person in reached(seating.directory, seats, state.facts.unit, day):
                        return True
        return False

    def _had_signed(self, said: Said) -> bool:
        signed = self.evidence.signatures(said.decided.subject, said.item.person)
        return any(self.looks.came_after(said.arrival, event) for event in signed)

    # -- what had been tried before

    def _was_in_doubt(self, said: Said) -> bool:
        """Whether the same bytes had been tried before, with an outcome that nobody knew."""
        a = said.arrival
        tried = self._doubts.get((said.notice, a.channel), ())
        return (
            any(at <= a.at for at in tried)
            or self._was_sayable_when_first_tried(said)
            or any(
                said.item.id in other.arrival.items
                and other.arrival.channel == a.channel
                and other.order < said.order
                for other in self.evidence.said_by_rung[said.name]
            )
        )

    def _was_sayable_when_first_tried(self, said: Said) -> bool:
        """Whether the bytes of a marked message could be said when a try first had them.

        A worker that was stopped tells late that its try had failed; until then nobody knew, and the bytes
        were kept.
        """
        a = said.arrival
        mine = self.evidence.tries.get((said.notice or 0, a.channel), ())
        first = min((each.opened_at for each in mine), default=a.at)
        if not any(each.repeat for each in mine):
            return False
        return any(
            not self.evidence.judgement.sayable(owed, state, first)
            for owed in self._candidates(said)
            for state in within(self.world.states[said.subject], first, a.at)
        )

    @cached_property
    def _doubts(self) -> Mapping[tuple[int | None, str], list[datetime]]:
        found: dict[tuple[int | None, str], list[datetime]] = defaultdict(list)
        for attempt in self.evidence.attempts:
            if attempt.outcome in ("", "unknown"):
                found[attempt.notice, attempt.channel].append(attempt.opened_at)
        return found

    # -- messages

    def _unknown(self) -> Iterator[Violation]:
        """Nothing arrives that is not on file."""
        for arrival in self.evidence.arrivals:
            for number in arrival.items:
                if number not in self.evidence.items:
                    words = f"item {number} arrived by {arrival.channel} {self.evidence.clock(arrival.at)}"
                    yield Violation("unknown", f"{words}, not on file", arrival.at)

    def _to_other_addresses(self) -> Iterator[Violation]:
        """Nothing leaves to an address that is not the person's."""
        items = self.evidence.items
        for arrival in self.evidence.arrivals:
            persons = {items[n].person for n in arrival.items if n in items}
            addresses = {
                address(person, arrival.channel)
                for seating in self.looks.seatings(arrival)
                for person in seating.directory.people
                if person.id in persons
            }
            if persons and not arrival.repeat and arrival.address not in addresses:
                words = f"items {arrival.items} arrived by {arrival.channel} at {arrival.address}"
                words += f" {self.evidence.clock(arrival.at)}, not theirs"
                yield Violation("wrong person", words, arrival.at)

    # -- the strongest speaks for all

    def _outranked(self) -> Iterator[Violation]:
        """Of one subject, ladder and person only the strongest goes; nothing weaker follows it."""
        groups: dict[tuple[SubjectName, str, int], list[Said]] = defaultdict(list)
        for said in self.evidence.said:
            if not said.arrival.repeat:
                groups[said.subject, said.decided.ladder, said.item.person].append(said)
        for group in groups.values():
            for said in group:
                for other in group:
                    if other.decided.id != said.decided.id and self._is_outranked(said, other):
                        came = f"{other} came {self.evidence.clock(other.arrival.at)}"
                        yield self.evidence.objection("outranked", said, came)

    def _is_outranked(self, said: Said, other: Said) -> bool:
        """Whether ``other`` had come before ``said`` or with it, and speaks for it."""
        if said.decided.anchor_version != other.decided.anchor_version:
            return False
        rules = self.world.rules_at(said.arrival.at)
        mine = rules.rung(said.decided.ladder, said.decided.rung)
        others = rules.rung(other.decided.ladder, other.decided.rung)
        if mine is None or others is None or mine.approval:
            return False
        if said.arrival == other.arrival:
            stronger = (others.rank, others.position, other.decided.occurrence)
            return not others.approval and stronger > (mine.rank, mine.position, said.decided.occurrence)
        if other.order >= said.order or self._is_of_one_try(said, other):
            return False
        return others.rank >= mine.rank and others.position > mine.position

    def _is_of_one_try(self, said: Said, other: Said) -> bool:
        """Whether a worker may have looked at ``said`` before ``other`` had come."""
        looked_from = self.looks.since(said.arrival)
        if looked_from is None or other.arrival.wall is None:
            return said.arrival.at == other.arrival.at
        return other.arrival.wall > looked_from
