"""What a run comes to: the violations of the checks and of the oracle, and its figures."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.chaos import checks
from tests.chaos.driver import Outcome, Wish
from tests.chaos.harm import BETWEEN
from tests.chaos.journal import Arrival, Attempt, CaseEvent, Decided, Fault, FilingEvent, Journal, Notice
from tests.chaos.oracle import judge


def of(outcome: Outcome) -> list[str]:
    """Return every violation, in words."""
    if outcome.stuck:
        return [f"the world did not settle: {outcome.stuck}", *outcome.deaths]
    return [*outcome.deaths, *outcome.wrong, *of_journal(outcome.journal)]


def of_journal(journal: Journal) -> list[str]:
    """Return what the checks and the oracle find wrong in a journal."""
    return [*checks.violations(journal), *(f"{violation.at} {violation}" for violation in judge(journal))]


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
        "arrivals": len(arrivals),
        "items": len({number for arrival in arrivals for number in arrival.items}),
        "repeats": repeats,
        "marked": marked,
        "doubts": sum(attempt.repeat for attempt in journal.of(Attempt)),
        "faults_between_bytes_and_record": sum(fault.doubt for fault in faults),
        "at_those_seams": sum(fault.seam in BETWEEN for fault in faults),
        "process_starts": outcome.starts,
        "instants": outcome.instants,
        "days": outcome.days,
        "violations": len(wrong),
        "violations_beside_the_journal": len(outcome.deaths) + len(outcome.wrong) + bool(outcome.stuck),
        "seconds": round(outcome.seconds, 1),
    }
