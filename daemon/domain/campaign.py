"""A campaign: phases, filings and targets with their dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, tzinfo
from zoneinfo import ZoneInfo

from daemon.domain.pace import Milestone


@dataclass(frozen=True, slots=True)
class Phase:
    """A dated part of a campaign; both days are included."""

    id: str
    title: str
    since: date
    until: date


@dataclass(frozen=True, slots=True)
class FilingRule:
    """What every unit of some kinds must hand in by a day (``due`` included)."""

    id: str
    title: str
    phase: str
    due: date
    owed_by: tuple[str, ...]
    parts: tuple[str, ...] = ()
    signed_by: str | None = None
    nil_allowed: bool = False


@dataclass(frozen=True, slots=True)
class Campaign:
    id: str
    title: str
    document: str
    zone: ZoneInfo
    numbering: str
    phases: Mapping[str, Phase]
    filings: Mapping[str, FilingRule]
    milestones: tuple[Milestone, ...]
    pace_from: date
    min_cases: int
    verdict_workdays: int

    @property
    def start(self) -> date:
        return min(phase.since for phase in self.phases.values())

    @property
    def end(self) -> date:
        return max(phase.until for phase in self.phases.values())

    def before(self, milestone: Milestone) -> date:
        """Return the day on which the straight line to ``milestone`` begins."""
        return max((m.on for m in self.milestones if m.on < milestone.on), default=self.pace_from)


def zone_of(campaigns: Mapping[int, Campaign], number: int) -> tzinfo:
    """Return a campaign's zone; what is left of one that the rules no longer have goes by UTC."""
    return campaigns[number].zone if number in campaigns else UTC
