"""Which fault explains which repeat: one for one, by when they fell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from tests.chaos.journal import Arrival, Fault, PutForward, ago

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


def doubtful(faults: Sequence[Fault]) -> list[Fault]:
    """Return the faults that may have fallen between a provider's acceptance and our record of it."""
    return [fault for fault in faults if fault.doubt]


def unexplained(
    repeats: Sequence[Repeat], faults: Sequence[Fault], skips: Sequence[PutForward]
) -> list[Repeat]:
    """Return the repeats for which no fault is left, once each fault explains what was in flight at it.

    ``skips`` are the times at which all wall clocks were put forward.
    """
    return _Matching(repeats, doubtful(faults), skips).left()


class _Matching:
    """As many repeats as possible, each to a fault that has room (augmenting paths)."""

    def __init__(
        self, repeats: Sequence[Repeat], faults: Sequence[Fault], skips: Sequence[PutForward]
    ) -> None:
        self._repeats, self._faults = repeats, faults
        self._able = [
            [n for n, fault in enumerate(faults) if _may_explain(fault, repeat, skips)] for repeat in repeats
        ]
        self._held: Mapping[int, set[int]] = {n: set() for n in range(len(faults))}

    def left(self) -> list[Repeat]:
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


def pairs(arrivals: Sequence[Arrival]) -> Iterator[Repeat]:
    """Yield each arrival after the first with the one before it; they come in order."""
    for earlier, again in pairwise(arrivals):
        yield Repeat(earlier, again)
