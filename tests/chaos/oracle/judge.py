"""Holds what arrived against what was owed: asks each judge, and collects the violations.

======================  =================================================================
:mod:`must`             nothing is lost or late (:mod:`excuses`, :mod:`deadlines`)
:mod:`must_not`         nobody is told what is not, or is no longer, so
:mod:`holding`          nothing leaves while something holds it
:mod:`ways`             budgets are kept, no way is left out, the strongest goes first
:mod:`repeats`          everything is said once, or marked and explained
:mod:`tries`            nothing fails or is given up without a fault
:mod:`told`             nothing is stuck, nothing silent
:mod:`tally`            the counts are true
======================  =================================================================

All look at one :mod:`evidence`, and at what a worker may have seen (:mod:`looks`).
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.journal import Journal
from tests.chaos.oracle.budgets import Budgets
from tests.chaos.oracle.deadlines import Deadlines
from tests.chaos.oracle.evidence import Evidence, Violation
from tests.chaos.oracle.excuses import Excuses
from tests.chaos.oracle.holding import Holding
from tests.chaos.oracle.must import Must
from tests.chaos.oracle.must_not import MustNot
from tests.chaos.oracle.repeats import Repeats
from tests.chaos.oracle.tally import Tally
from tests.chaos.oracle.told import Told
from tests.chaos.oracle.tries import Tries
from tests.chaos.oracle.ways import Ways


def judge(journal: Journal) -> list[Violation]:
    """Return every broken promise that a journal shows; an empty list is the proof."""
    return sorted(_violations(journal), key=lambda v: (v.at.timestamp() if v.at else 0, v.kind, v.words))


def _violations(journal: Journal) -> Iterator[Violation]:
    evidence = Evidence(journal)
    budgets, tries = Budgets(evidence), Tries(evidence)
    deadlines = Deadlines(evidence, budgets, tries)
    excuses = Excuses(evidence, deadlines, tries)
    judges = (
        MustNot(evidence),
        Holding(evidence),
        Ways(evidence, budgets, deadlines, tries),
        Repeats(evidence),
        tries,
        Must(evidence, deadlines, excuses),
        Told(evidence, deadlines, tries),
        Tally(evidence),
    )
    for each in judges:
        yield from each.violations()
