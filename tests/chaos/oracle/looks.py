"""What a worker may have seen when it looked for the last time before an arrival.

A worker looks, and sends: between the two something may change that it cannot know of. By the wall clock,
where the journal has it, what was seen within the last 60 seconds counts as seen; else all of one office
instant is possible. Nothing is judged here: the judges ask what was in force.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from tests.chaos.journal import Arrival, CaseEvent, PutForward, WentLive, ago
from tests.chaos.oracle.replay import Seating, Silence, State, SubjectName, World

IN_FLIGHT = timedelta(seconds=60)
"""In wall time: from a worker's look to the last byte at the provider. A worker that sleeps longer than one
call may take (20 s) must not send."""
ONE_TRY = timedelta(seconds=3)
"""By the time that really passed, the longest from a worker's look to the last byte: one call (0.8 s) on a
busy machine. Clocks that were put forward since then were put forward in the middle of the send."""
T = TypeVar("T", State, Seating, Silence)


class Looks:
    """``skips`` are the times at which all wall clocks were put forward, in their order."""

    def __init__(self, world: World, skips: Sequence[PutForward]) -> None:
        self.world, self.skips = world, skips

    def since(self, arrival: Arrival) -> datetime | None:
        """Return since when, by the wall clock, a worker may have looked last before an arrival."""
        return arrival.wall and ago(arrival.wall, ONE_TRY, self.skips) - (IN_FLIGHT - ONE_TRY)

    def came_after(self, arrival: Arrival, event: CaseEvent | WentLive) -> bool:
        """Whether a worker surely knew of an event when it looked for the last time."""
        looked_from = self.since(arrival)
        if event.wall and looked_from:
            return event.wall < looked_from
        return event.at < arrival.at

    def states(self, subject: SubjectName, arrival: Arrival) -> list[State]:
        return self._in_force(self.world.states.get(subject, []), arrival)

    def seatings(self, arrival: Arrival) -> list[Seating]:
        return self._in_force(self.world.seatings, arrival)

    def silences(self, arrival: Arrival) -> list[Silence]:
        return self._in_force(self.world.silences, arrival)

    def _in_force(self, timeline: Sequence[T], arrival: Arrival) -> list[T]:
        """Return what had begun by an arrival, and had not been replaced before the look."""
        found: list[T] = []
        wall, looked_from = arrival.wall, self.since(arrival)
        for one, following in zip(timeline, [*timeline[1:], None], strict=True):
            if not one.begins:
                continue
            started = one.wall_before <= wall if one.wall_before and wall else one.at <= arrival.at
            if following is None:
                over = False
            elif following.wall and looked_from:
                over = following.wall < looked_from
            else:
                over = following.at < arrival.at
            if started and not over:
                found.append(one)
        return found


def within(timeline: Sequence[T], start: datetime, end: datetime) -> list[T]:
    """Return what was in force at any time from ``start`` to ``end``; both instants' own records count."""
    return [
        one
        for one, following in zip(timeline, [*timeline[1:], None], strict=True)
        if one.begins and one.at <= end and (following is None or following.at >= start)
    ]
