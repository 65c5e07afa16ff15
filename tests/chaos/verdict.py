"""What a run comes to: the violations of the checks and of the oracle, and its figures."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.chaos import checks
from tests.chaos.driver import Outcome, Wish
from tests.chaos.harm import BETWEEN, DOUBTFUL, WORDS
from tests.chaos.journal import Arrival, CaseEvent, Decided, Fault, FilingEvent, Journal, Notice
from tests.chaos.oracle import judge

DOUBTED = frozenset(WORDS[kind] for kind in DOUBTFUL - {"slow"})


def of(outcome: Outcome) -> list[str]:
    """Return every violation, in words."""
    if outcome.stuck:
        return [f"the world did not settle: {outcome.stuck}", *outcome.deaths]
    return [*outcome.deaths, *outcome.wrong, *of_journal(outcome.journal)]


def of_journal(journal: Journal) -> list[str]:
    """Return what the checks and the oracle find wrong in a journal."""
    return [*checks.violations(journal), *(f"{violation.at} {violation}" for violation in judge(journal))]


def between(journal: Journal) -> dict[str, int]:
    """Count the faults that fell between bytes and record, and those that may have, for all one knows.

    The first are those at the two seams there, and the providers that took a message and did not say so; the
    others struck a worker, a database or the providers while something may have been on its way. Slow tries
    are among those: no fault was injected, but the machine was busy, or its clocks were put forward.
    """
    doubted = [fault for fault in journal.of(Fault) if fault.doubt]
    surely = [fault for fault in doubted if fault.seam in BETWEEN or fault.kind in DOUBTED]
    slow = sum(fault.kind == "slow" for fault in doubted)
    return {"between": len(surely), "maybe_between": len(doubted) - len(surely), "slow_tries": slow}


def figures(wish: Wish, outcome: Outcome, wrong: list[str]) -> dict[str, Any]:
    """Return what one line of JSON tells of a run."""
    journal = outcome.journal
    arrivals = [arrival for arrival in journal.of(Arrival) if arrival.taken]
    faults = journal.of(Fault)
    repeats, marked = checks.repeats(journal)
    return {
        "command": wish.command,
        "seed": wish.seed,
        "database": wish.database,
        "faults": sum(outcome.faults.values()),
        "by_kind": dict(sorted(outcome.faults.items())),
        "seams": dict(sorted(Counter(fault.seam for fault in faults if fault.seam).items())),
        "acts": sum(outcome.acts.values()),
        "by_act": dict(sorted(outcome.acts.items())),
        "events": len(journal.of(CaseEvent)) + len(journal.of(FilingEvent)),
        "decisions": len(journal.of(Decided)),
        "notices": sum(notice.state in ("sent", "manual", "done") for notice in journal.of(Notice)),
        "no_room": sum(notice.reason == "over_budget" for notice in journal.of(Notice)),
        "arrivals": len(arrivals),
        "items": len({number for arrival in arrivals for number in arrival.items}),
        "repeats": repeats,
        "marked": marked,
        **between(journal),
        "process_starts": outcome.starts,
        "instants": outcome.instants,
        "days": outcome.days,
        "violations": len(wrong),
        "violations_beside_the_journal": len(outcome.deaths) + len(outcome.wrong) + bool(outcome.stuck),
        "seconds": round(outcome.seconds, 1),
    }
