"""Rates, targets and the pace between them, in whole cases. Exact integers decide, never rounded display."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Count:
    """Cases as of a day: registered less dismissed, and how many of them are closed."""

    total: int
    closed: int

    @property
    def open(self) -> int:
        return self.total - self.closed


@dataclass(frozen=True, slots=True, order=True)
class Milestone:
    on: date
    percent: int


class Verdict(StrEnum):
    REACHED = "reached"
    MISSED = "missed"
    NO_CASES = "no_cases"


def rectification_rate(count: Count) -> float | None:
    """Return closed ÷ (registered − dismissed), by count; no cases, no rate.

    facts/practice.md §5.4; partly rectified is not rectified. For display only: verdicts compare integers.
    """
    return count.closed / count.total if count.total else None


def needed(count: Count, percent: int) -> int:
    """Return the least number of closed cases that reaches ``percent`` (60 % of 7 is 5)."""
    return -(-count.total * percent // 100)


def missing(count: Count, percent: int) -> int:
    return max(0, needed(count, percent) - count.closed)


def verdict(count: Count, percent: int) -> Verdict:
    if not count.total:
        return Verdict.NO_CASES
    return Verdict.MISSED if missing(count, percent) else Verdict.REACHED


def floor_percent(count: Count) -> str:
    """Show a rate with one decimal, rounded down: 59.95 % never prints as 60 %."""
    if not count.total:
        return "—"
    tenths = count.closed * 1000 // count.total
    return f"{tenths // 10}.{tenths % 10}%"


def pace(count: Count, start: date, milestones: Sequence[Milestone], day: date) -> int:
    """Return how many cases ought to be closed by ``day`` (序时进度).

    Straight lines from zero at ``start`` through the milestones, in whole cases, rounded down.
    """
    earlier = Milestone(start, 0)
    for milestone in sorted(milestones):
        if day <= milestone.on and milestone.on > earlier.on:
            passed = max(0, (day - earlier.on).days)
            length = (milestone.on - earlier.on).days
            share = earlier.percent * length + (milestone.percent - earlier.percent) * passed
            return count.total * share // (100 * length)
        earlier = milestone
    return count.total * earlier.percent // 100
