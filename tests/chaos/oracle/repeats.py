"""Judges the promise that everything is said once: what comes again says so, and a fault explains it.

Bytes of unknown fate are sent again, marked. Each repeat needs a fault of its own, one for one (bipartite
matching), on that channel, a worker or the database, between its bytes and the repeat. No two decisions say
one occurrence, and no two items of one person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from itertools import pairwise

from tests.chaos.journal import Arrival, Fault, PutForward, ago
from tests.chaos.oracle.evidence import Evidence, Violation
from tests.chaos.oracle.replay import SubjectName

NOTED_BEFORE = timedelta(seconds=1.5)
"""By the time that really passed: a fault of a provider is noted when a message meets with it, before its
bytes are counted; a call lasts 0.8 s at most."""
CARRIERS = ("work-", "machine", "database", "sandbox")
"""Whose faults befall every channel; a provider's befall its own."""


@dataclass(frozen=True)
class Repeat:
    """A message that came again, after an earlier one to the same person over the same channel."""

    earlier: Arrival
    again: Arrival


class Repeats:
    """What came more than once."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence

    def violations(self) -> Iterator[Violation]:
        yield from self._unmarked()
        yield from self._unexplained()
        yield from self._said_by_two_items()
        yield from self._said_by_two_decisions()

    def _unmarked(self) -> Iterator[Violation]:
        """What arrives again says so."""
        known: set[int] = set()
        for number, each in self._pairs:
            if not each.again.repeat and id(each.again) not in known:
                words = f"item {number} came again {self._when(each)}, and is not marked"
                yield Violation("said twice", words, each.again.at)
            known.add(id(each.again))

    def _unexplained(self) -> Iterator[Violation]:
        """A fault between bytes and record explains each message that arrives again, whatever it says."""
        repeats = {id(each.again): each for _, each in self._pairs}
        faults = [fault for fault in self.evidence.faults if fault.doubt]
        for each in _Matching(list(repeats.values()), faults, self.evidence.skips).left():
            words = f"items {each.again.items} came again {self._when(each)}"
            words += ", and no fault between bytes and record explains it"
            yield Violation("repeated", words, each.again.at)

    @cached_property
    def _pairs(self) -> Sequence[tuple[int, Repeat]]:
        """Each arrival of an item after its first over a channel, with the one before it."""
        came: dict[tuple[int, str], list[Arrival]] = defaultdict(list)
        for said in self.evidence.said:
            came[said.item.id, said.arrival.channel].append(said.arrival)
        return [(number, Repeat(*two)) for (number, _), each in came.items() for two in pairwise(each)]

    def _when(self, each: Repeat) -> str:
        clock = self.evidence.clock
        return f"by {each.again.channel} {clock(each.again.at)}, after {clock(each.earlier.at)}"

    def _said_by_two_items(self) -> Iterator[Violation]:
        """One occurrence is said to a person by one item."""
        seen: dict[tuple[SubjectName, str, str, str, int, int], set[int]] = defaultdict(set)
        for said in self.evidence.said:
            d = said.decided
            key = (said.subject, d.ladder, d.rung, d.occurrence, d.anchor_version, said.item.person)
            seen[key].add(said.item.id)
        for key, numbers in seen.items():
            if len(numbers) > 1:
                yield Violation("said twice", f"{key} went to one person as items {sorted(numbers)}")

    def _said_by_two_decisions(self) -> Iterator[Violation]:
        """One occurrence is decided once each time that its day is set."""
        for name, owed in self.evidence.owed_by_rung.items():
            rows = {said.decided.id for said in self.evidence.said_by_rung.get(name, ())}
            if len(rows) > len({one.epoch for one in owed}):
                yield Violation("said twice", f"{name} was decided and said as {sorted(rows)}")


class _Matching:
    """As many repeats as possible, each to a fault at which what was in flight has room (augmenting paths).

    ``skips`` are the times at which all wall clocks were put forward.
    """

    def __init__(
        self, repeats: Sequence[Repeat], faults: Sequence[Fault], skips: Sequence[PutForward]
    ) -> None:
        self._repeats, self._faults = repeats, faults
        self._able = [
            [n for n, fault in enumerate(faults) if _may_explain(fault, repeat, skips)] for repeat in repeats
        ]
        self._held: Mapping[int, set[int]] = {n: set() for n in range(len(faults))}

    def left(self) -> list[Repeat]:
        """Return the repeats for which no fault is left."""
        return [repeat for n, repeat in enumerate(self._repeats) if not self._place(n, set())]

    def _place(self, repeat: int, asked: set[int]) -> bool:
        for fault in self._able[repeat]:
            if fault in asked:
                continue
            asked.add(fault)
            held = self._held[fault]
            if len(held) < self._faults[fault].sends:
                held.add(repeat)
                return True
            for other in sorted(held):
                if self._place(other, asked):
                    held.remove(other)
                    held.add(repeat)
                    return True
        return False


def _may_explain(fault: Fault, repeat: Repeat, skips: Sequence[PutForward]) -> bool:
    """Whether a fault befell the way of a message after its bytes had come and before they came again."""
    on_its_way = fault.target == repeat.earlier.channel or fault.target.startswith(CARRIERS)
    return on_its_way and _meets(fault, repeat.earlier, repeat.again, skips)


def _meets(fault: Fault, earlier: Arrival, again: Arrival, skips: Sequence[PutForward]) -> bool:
    if fault.wall and fault.wall_until and earlier.wall and again.wall:
        return fault.wall <= again.wall and ago(earlier.wall, NOTED_BEFORE, skips) <= fault.wall_until
    return fault.at <= again.at and earlier.at <= fault.until
