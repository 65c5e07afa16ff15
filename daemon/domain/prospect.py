"""What each rung of a ladder has said, will say, or will not say and why: asked of the plan's own parts.

Nothing is decided here. ``rules show``, ``who`` and the preview of an activation look through it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from daemon.domain.ladder import Condition, Ladder, Rung
from daemon.domain.plan import (
    Facts,
    Occurrence,
    Settled,
    false_condition,
    lapsed,
    occurrences_of,
    owed_range,
    passed,
    settled_of,
)
from daemon.domain.workdays import WorkdayCalendar


class Fate(StrEnum):
    """How a rung's occurrence stands at a moment."""

    DUE = "due"
    """It has come, or will have come by then, and is to be said."""
    LATER = "later"
    SETTLED = "settled"
    BEFORE_RULE = "before_rule"
    """Its instant lies before the rung's wording was activated."""
    BEFORE_EVENT = "before_event"
    """Its instant lies before the event from which this subject is reminded."""
    WHEN = "when"
    PASSED = "passed"
    """A slot before one that is settled: it has had its day."""
    LAPSED = "lapsed"
    NO_ANCHOR = "no_anchor"
    MUTED = "muted"
    AT_REST = "at_rest"
    """Its subject is closed for good."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """One occurrence of a rung and how it stands; ``condition`` is the one that does not hold."""

    rung: Rung
    fate: Fate
    occurrence: Occurrence | None = None
    condition: Condition | None = None


def prospects(
    facts: Facts,
    ladder: Ladder,
    calendar: WorkdayCalendar,
    settled: Settled,
    now: datetime,
    until: datetime,
    most: int = 3,
) -> list[Prospect]:
    """Return how every rung stands at ``until``, as if everything stayed as it is ``now``.

    A rung that repeats comes with its slots up to then, and at most ``most`` after.
    """
    if facts.anchors.get(ladder.anchor) is None:
        return [Prospect(rung, Fate.NO_ANCHOR) for rung in ladder.rungs]
    return [
        prospect
        for rung in ladder.rungs
        for prospect in _of_rung(facts, ladder, rung, calendar, settled, now, until, most)
    ]


def _of_rung(
    facts: Facts,
    ladder: Ladder,
    rung: Rung,
    calendar: WorkdayCalendar,
    settled: Settled,
    now: datetime,
    until: datetime,
    most: int,
) -> Iterator[Prospect]:
    done = settled_of(rung, settled)
    ahead = 0
    for number, occurrence in enumerate(occurrences_of(rung, facts, ladder, calendar, done)):
        if occurrence.instant > until:
            ahead += 1
        if ahead > most:
            return
        in_range = owed_range(occurrence, rung, facts, ladder, calendar, done, first=number == 0)
        yield _judged(occurrence, rung, facts, ladder, done, in_range, now, until)


def _judged(
    occurrence: Occurrence,
    rung: Rung,
    facts: Facts,
    ladder: Ladder,
    done: frozenset[str],
    in_range: bool,
    now: datetime,
    until: datetime,
) -> Prospect:
    if occurrence.key in done:
        return Prospect(rung, Fate.SETTLED, occurrence)
    if passed(occurrence, done):
        return Prospect(rung, Fate.PASSED, occurrence)
    condition = false_condition(rung.wording.when, facts, min(occurrence.instant, until))
    if not in_range and (condition is None or condition.moved or facts.at_rest):
        return Prospect(rung, _before(rung, facts, ladder), occurrence)
    if in_range and facts.mute_at(occurrence.instant, ladder.id):
        return Prospect(rung, Fate.MUTED, occurrence)
    if condition:
        # A ladder that is not this subject's says so, whatever its days: that it came late explains nothing.
        fate = Fate.AT_REST if facts.at_rest and not condition.moved else Fate.WHEN
        return Prospect(rung, fate, occurrence, condition)
    anchor = facts.anchors[ladder.anchor]
    assert anchor is not None
    if lapsed(occurrence.nominal, anchor, facts.zone, max(now, occurrence.instant)):
        return Prospect(rung, Fate.LAPSED, occurrence)
    return Prospect(rung, Fate.LATER if occurrence.instant > until else Fate.DUE, occurrence)


def _before(rung: Rung, facts: Facts, ladder: Ladder) -> Fate:
    """Say what limits a rung: the activation or the event, whichever came later."""
    standing = facts.standings.get(ladder.id)
    came = (standing.moved_at or standing.since) if standing else None
    event = rung.since is None or (came is not None and came > rung.since)
    return Fate.BEFORE_EVENT if event else Fate.BEFORE_RULE


@dataclass(frozen=True, slots=True)
class Moved:
    """An instant still to come before or after an edit, and no longer the same."""

    rung: Rung
    before: Occurrence
    after: Occurrence


def moved_instants(
    facts: Facts,
    old: tuple[Ladder, WorkdayCalendar],
    new: tuple[Ladder, WorkdayCalendar],
    settled: Settled,
    now: datetime,
) -> list[Moved]:
    """Return what an edit of rules or calendar moves for one subject: each rung's next instant.

    Only what lay ahead or would now lie ahead, and what its subject's own facts let through.
    """
    before = _next_of(facts, old[0], old[1], settled, now)
    after = _next_of(facts, new[0], new[1], settled, now)
    found = []
    for rung, occurrence in after:
        past = next((o for r, o in before if rung.goes_by(r.id)), None)
        if past and past.instant != occurrence.instant and max(past.instant, occurrence.instant) >= now:
            found.append(Moved(rung, past, occurrence))
    return found


def _next_of(
    facts: Facts, ladder: Ladder, calendar: WorkdayCalendar, settled: Settled, now: datetime
) -> list[tuple[Rung, Occurrence]]:
    """Return the first occurrence of each rung that is not settled and may still be said.

    Of a rung that repeats, that is the first that lies ahead.
    """
    found: list[tuple[Rung, Occurrence]] = []
    for rung in ladder.rungs if facts.anchors.get(ladder.anchor) else ():
        if false_condition(tuple(c for c in rung.wording.when if not c.moved), facts, now):
            continue
        done = settled_of(rung, settled)
        for occurrence in occurrences_of(rung, facts, ladder, calendar, done):
            if occurrence.key not in done and (not occurrence.key or occurrence.instant >= now):
                found.append((rung, occurrence))
                break
    return found
