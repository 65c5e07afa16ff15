"""Which epoch a decision is of: the time in which what its ladder counts from stays the same.

Often its instant says so. One that was decided at the very instant at which an epoch ended may be of either;
so may one whose scanner slept, and decides by what it finds when it wakes, or read the clock just before it
moved on. There the anchor versions of other decisions tell. Nothing is judged here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import pairwise

from tests.chaos.journal import Decided, Fault
from tests.chaos.oracle.looks import within
from tests.chaos.oracle.replay import State, World

Candidates = tuple[int, ...]
"""The epochs that a decision may be of, in their order; an undo brings one back."""


def candidates(world: World, decided: Iterable[Decided], faults: Iterable[Fault]) -> Mapping[int, Candidates]:
    """Return the epochs that each decision may be of, by its number."""
    slept = _slept_until(faults)
    fellows: dict[object, list[Decided]] = defaultdict(list)
    for row in decided:
        fellows[row.kind, row.subject, row.ladder].append(row)
    found: dict[int, Candidates] = {}
    for rows in fellows.values():
        versions = {row.id: row.anchor_version for row in rows}
        ours = {row.id: _known_to(row, world, slept.get(row.decided_at, row.decided_at)) for row in rows}
        strict, wide = ({n: each[at] for n, each in ours.items()} for at in (0, 1))
        found |= told_apart(strict, versions) or _nearest(told_apart(wide, versions), strict) or strict
    return found


def _known_to(row: Decided, world: World, until: datetime) -> tuple[Candidates, Candidates]:
    """Return the epochs in force from its instant until an instant, and with these the next.

    Its instant is that at which its scanner read the clock, which may have moved on before it read the facts.
    """
    states = world.states.get((row.kind, row.subject), [])
    following = [state for state in states if state.begins and state.at > until][:1]
    strict, more = (
        tuple(state.standings[row.ladder].epoch for state in some if _counts_from(state, row.ladder))
        for some in (within(states, row.decided_at, until), following)
    )
    return strict, strict + more


def _counts_from(state: State, ladder: str) -> bool:
    """Whether there is anything in a state to decide by a ladder: it has something to count from."""
    known = state.rules.ladders.get(ladder)
    return known is not None and ladder in state.standings and bool(state.facts.days.get(known.anchor))


def _nearest(
    wide: Mapping[int, Candidates] | None, strict: Mapping[int, Candidates]
) -> Mapping[int, Candidates]:
    """Return what is left, without the next epoch where the clock need not have moved on."""
    if wide is None:
        return {}
    return {row: tuple(e for e in epochs if e in strict[row]) or epochs for row, epochs in wide.items()}


def told_apart(
    found: Mapping[int, Candidates], versions: Mapping[int, int]
) -> Mapping[int, Candidates] | None:
    """Return what is left of the candidates of one subject's decisions on one ladder.

    Those of one anchor version are of one epoch, and a higher version is of a later one; ``None`` where that
    would leave nothing.
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
        return None
    return {row: tuple(e for e in epochs if e in shared[versions[row]]) for row, epochs in found.items()}


def _slept_until(faults: Iterable[Fault]) -> Mapping[datetime, datetime]:
    """Until when at the latest a scanner slept, by the instant at which it was stopped."""
    found: dict[datetime, datetime] = {}
    for fault in faults:
        if fault.kind in ("pause", "two_rule_sets") and "scan" in fault.target:
            found[fault.at] = max(fault.until, found.get(fault.at, fault.until))
    return found
