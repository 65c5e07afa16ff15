"""Judges the promise that the counts are true: each unit's tally is what the events add up to.

By day of effect and day of knowledge, as replayed; rows that count nothing need not be there.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.journal import Tallied
from tests.chaos.oracle.evidence import Evidence, Violation


class Tally:
    """Where the tally and the events differ."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence

    def violations(self) -> Iterator[Violation]:
        rows = [r for r in self.evidence.journal.of(Tallied) if any((r.registered, r.dismissed, r.closed))]
        kept = {(r.unit, r.effective_on, r.known_from): r for r in rows}
        right = {(r.unit, r.effective_on, r.known_from): r for r in self.evidence.world.tally()}
        for key in sorted(kept.keys() | right.keys()):
            if kept.get(key) != right.get(key):
                words = f"the tally has {kept.get(key)}, the events say {right.get(key)}"
                yield Violation("tally", words)
