"""Which epoch a decision is of: the time in which what its ladder counts from stays the same.

Often its instant says so. One that was decided at the very instant at which an epoch ended may be of either;
so may one whose scanner slept meanwhile, which decides by what it finds, and notes when it fell asleep. There
the other decisions of its anchor version tell. Nothing is judged here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import pairwise

from tests.chaos.journal import Decided, Fault
from tests.chaos.oracle.looks import within
from tests.chaos.oracle.replay import World

Candidates = tuple[int, ...]
"""The epochs that a decision may be of, in their order; an undo brings one back."""


def candidates(world: World, decided: Iterable[Decided], faults: Iterable[Fault]) -> Mapping[int, Candidates]:
    """Return the epochs that each decision may be of, by its number."""
    slept = _slept_until(faults)
    fellows: dict[object, dict[int, Candidates]] = defaultdict(dict)
    versions: dict[int, int] = {}
    for row in decided:
        states = within(
            world.states.get((row.kind, row.subject), []),
            row.decided_at,
            slept.get(row.decided_at, row.decided_at),
        )
        epochs = [s.epoch for state in states if (s := state.standings.get(row.ladder))]
        fellows[row.kind, row.subject, row.ladder][row.id] = tuple(epochs)
        versions[row.id] = row.anchor_version
    return {row: left for mine in fellows.values() for row, left in told_apart(mine, versions).items()}


def told_apart(found: Mapping[int, Candidates], versions: Mapping[int, int]) -> Mapping[int, Candidates]:
    """Return what is left of the candidates of one subject's decisions on one ladder.

    Those of one anchor version are of one epoch, and a higher version is of a later one. Where that would
    leave nothing, nothing is concluded.
    """
    shared: dict[int, set[int]] = {}
    for row, epochs in found.items():
        shared.setdefault(versions[row], set(epochs)).intersection_update(epochs)
    ascending = sorted(shared)
    for earlier, later in pairwise(ascending):
        shared[later] = {epoch for epoch in shared[later] if epoch > min(shared[earlier], default=epoch)}
    for later, earlier in pairwise(reversed(ascending)):
        shared[earlier] = {epoch for epoch in shared[earlier] if epoch < max(shared[later], default=epoch)}
    if not all(shared.values()):
        return found
    return {row: tuple(e for e in epochs if e in shared[versions[row]]) for row, epochs in found.items()}


def _slept_until(faults: Iterable[Fault]) -> Mapping[datetime, datetime]:
    """Until when at the latest a scanner slept, by the instant at which it was stopped."""
    found: dict[datetime, datetime] = {}
    for fault in faults:
        if fault.kind in ("pause", "two_rule_sets") and "scan" in fault.target:
            found[fault.at] = max(fault.until, found.get(fault.at, fault.until))
    return found
