"""A mute: one ladder, unit, case or person is silent for a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Mute:
    """What concerns one subject of a mute: which instants it covers, on which ladder (``None``: on all).

    ``until`` is excluded. A mute that was ended early covers what had come by then: what lies after is said.
    """

    id: int
    since: datetime
    until: datetime
    ladder: str | None = None
    ended: datetime | None = None

    def covers(self, instant: datetime, ladder: str) -> bool:
        in_time = self.since <= instant < self.until and (self.ended is None or instant <= self.ended)
        return in_time and self.ladder in (None, ladder)
