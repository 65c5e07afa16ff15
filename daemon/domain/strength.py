"""Which of several things to say about one subject is the strongest."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.domain.ladder import Ladder, Rung


@dataclass(frozen=True, slots=True, order=True)
class Strength:
    """Orders by the rank of the act, then the later rung, then the later occurrence."""

    rank: int
    position: int
    occurrence: str
    needs_approval: bool = False

    @property
    def reversed(self) -> tuple[int, int, bool, tuple[int, ...]]:
        """Sort key that puts the strongest first."""
        latest_first = tuple(-ord(char) for char in self.occurrence)
        return (-self.rank, -self.position, not self.occurrence, latest_first)


def strength(ladder: Ladder, rung: Rung, occurrence: str, needs_approval: bool = False) -> Strength:
    return Strength(rung.act.rank, ladder.position(rung.id), occurrence, needs_approval)
