"""Loads what is known of subjects, in a handful of selects however many there are."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from functools import partial
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from daemon.domain.campaign import Campaign
from daemon.domain.case import AT_REST, Case, State
from daemon.domain.ladder import Names, Subject, SubjectKind
from daemon.domain.pace import Count, missing, pace, rectification_rate, verdict
from daemon.domain.plan import Facts
from daemon.domain.workdays import local_day
from daemon.store import agenda, mutes
from daemon.store.asked import Asked
from daemon.store.engine import chunks
from daemon.store.mutes import Mutes
from daemon.store.numbers import among
from daemon.store.tables import campaigns, cases, subjects, units
from daemon.store.tally import Rates

log = logging.getLogger(__name__)
FILING_OPEN = ("open", "returned")
_CASE_COLUMNS = {"campaign": "campaign_id", "unit": "unit_id"}
_CASE_NAMES = [_CASE_COLUMNS.get(each.name, each.name) for each in fields(Case)]
_IN_ORDER = itemgetter(*(cases.c.keys().index(name) for name in _CASE_NAMES))
"""Where the fields of a case stand in a row of ``cases``."""
_STATE = _CASE_NAMES.index("state")


@dataclass(frozen=True, slots=True)
class Unit:
    id: int
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Matter:
    """A filing, target, phase or campaign. ``key`` names it in its campaign's file."""

    id: int
    kind: SubjectKind
    campaign: int
    key: str
    unit: int | None
    start_on: date | None
    due_on: date | None
    state: str
    submitted_on: date | None
    returned_on: date | None
    nil: bool

    @property
    def anchors(self) -> dict[str, date | None]:
        return {
            "start": self.start_on,
            "due": self.due_on,
            "end": self.due_on,
            "submitted": self.submitted_on,
            "returned": self.returned_on,
        }


@dataclass(frozen=True)
class Known:
    """The facts of the subjects asked for, with the rows they were made from.

    ``unreadable`` are those whose rows make no sense, with the reason; they have no facts.
    """

    facts: dict[Subject, Facts]
    cases: dict[int, Case]
    matters: dict[int, Matter]
    units: Mapping[int, Unit]
    campaigns: Mapping[int, Campaign]
    rates: Rates
    mutes: Mutes
    unreadable: dict[Subject, str] = field(default_factory=dict)

    def unit_of(self, subject: Subject) -> int | None:
        """Return the unit concerned, where there is one."""
        if subject.kind is SubjectKind.CASE:
            return self.cases[subject.id].unit
        return self.matters[subject.id].unit

    def name_of(self, subject: Subject) -> str:
        """Return how people name a subject: a case's 编号, a filing's key and unit."""
        if subject.kind is SubjectKind.CASE:
            return self.cases[subject.id].no
        matter = self.matters[subject.id]
        return f"{matter.key}/{self.units[matter.unit].name}" if matter.unit else matter.key

    def campaign_of(self, subject: Subject) -> int:
        if subject.kind is SubjectKind.CASE:
            return self.cases[subject.id].campaign
        return self.matters[subject.id].campaign


def case_of(row: Row[Any]) -> Case:
    """Parse a whole row of ``cases`` once; inside, it is a value."""
    values = list(_IN_ORDER(row))
    values[_STATE] = State(values[_STATE])
    return Case(*values)


def matter_of(row: Row[Any]) -> Matter:
    return Matter(
        row.id,
        SubjectKind(row.kind),
        row.campaign_id,
        row.key,
        row.unit_id,
        row.start_on,
        row.due_on,
        row.state,
        row.submitted_on,
        row.returned_on,
        row.nil,
    )


_UNITS = select(units.c.id, units.c.name, units.c.kind)
_THESE_UNITS = _UNITS.where(among(units.c.id, "ids"))


def load_units(connection: Connection, ids: Iterable[int] | None = None) -> dict[int, Unit]:
    """Return units by their number: those of ``ids``, or all."""
    if ids is None:
        return {row[0]: Unit(*row) for row in connection.execute(_UNITS)}
    found = (connection.execute(_THESE_UNITS, {"ids": some}).all() for some in chunks(list(ids)))
    return {row[0]: Unit(*row) for rows in found for row in rows}


def load_campaigns(connection: Connection, known: Mapping[str, Campaign]) -> dict[int, Campaign]:
    """Return the campaigns of the rule set by their number in the database."""
    return {row.id: known[row.key] for row in connection.execute(_CAMPAIGNS) if row.key in known}


_CAMPAIGNS = select(campaigns.c.id, campaigns.c.key)


def load(
    connection: Connection,
    wanted: Iterable[Subject],
    known: Mapping[str, Campaign],
    ladders: Collection[str] | None = None,
) -> Known:
    """Load the facts of ``wanted``. Names as of an instant are read when they are asked for, within the
    same connection; a subject that is not on file, or no longer named by the rules, is left out.

    ``ladders``: only where they stand on these is asked for.
    """
    kinds = agenda.by_kind(dict.fromkeys(wanted))
    case_ids = kinds.get(SubjectKind.CASE, [])
    matter_ids = [i for kind, ids in kinds.items() if kind is not SubjectKind.CASE for i in ids]
    mine = Asked(connection, load_units)
    in_force, muted = load_campaigns(connection, known), mutes.of_subjects(connection)
    found = Known({}, {}, {}, mine, in_force, Rates(connection), muted)
    rows = [(SubjectKind.CASE, row) for row in _rows(connection, _CASES, case_ids)]
    rows += [(SubjectKind(row.kind), row) for row in _rows(connection, _MATTERS, matter_ids)]
    mine.fetch(row.unit_id for _, row in rows if row.unit_id is not None)
    # Standings are read last: who is faster than us moves them, and what was decided before is then stale.
    standings = {kind: agenda.standings(connection, kind, ids, ladders) for kind, ids in kinds.items()}
    for kind, row in rows:
        subject = Subject(kind, row.id)
        try:
            _take(found, subject, row, standings[kind].get(row.id, {}))
        except (KeyError, TypeError, ValueError) as fault:
            log.error("unreadable", extra={"kind": kind.value, "id": row.id, "fault": repr(fault)})
            found.unreadable[subject] = f"{type(fault).__name__}: {fault}"
    return found


_CASES, _MATTERS = (select(table).where(among(table.c.id, "ids")) for table in (cases, subjects))


def _rows(connection: Connection, query: Select[Any], ids: Sequence[int]) -> list[Row[Any]]:
    found = (connection.execute(query, {"ids": some}).all() for some in chunks(ids))
    return [row for rows in found for row in rows]


def _take(found: Known, subject: Subject, row: Row[Any], standings: Mapping[str, Any]) -> None:
    """Keep a subject's row and, where the rules in force know it, its facts."""
    if subject.kind is SubjectKind.CASE:
        case = found.cases[row.id] = case_of(row)
        if case.campaign in found.campaigns:
            found.facts[subject] = _case_facts(case, subject, found, standings)
        return
    matter = found.matters[row.id] = matter_of(row)
    campaign = found.campaigns.get(matter.campaign)
    if campaign and _is_named(matter, campaign):
        found.facts[subject] = _matter_facts(matter, subject, found, standings)


def _is_named(matter: Matter, campaign: Campaign) -> bool:
    """Whether the rules still speak of it: a phase or a filing may have been struck out."""
    match matter.kind:
        case SubjectKind.FILING:
            return matter.key in campaign.filings
        case SubjectKind.PHASE:
            return matter.key in campaign.phases
        case SubjectKind.TARGET:
            return any(milestone.on.isoformat() == matter.key for milestone in campaign.milestones)
        case _:
            return True


def _case_facts(case: Case, subject: Subject, known: Known, standings: Mapping[str, Any]) -> Facts:
    campaign, unit = known.campaigns[case.campaign], known.units[case.unit]
    own = {
        "open": case.is_open,
        "unsigned": case.is_open and case.signed_on is None,
        "key": case.key,
        "case": {
            "no": case.no,
            "state": case.state.value,
            "due_on": case.due_on,
            "assigned_on": case.assigned_on,
            "found_on": case.found_on,
            "amount": case.amount,
            "category": case.category,
            "source": case.source,
            "returns": case.returns,
            "extensions": case.extensions,
        },
        "unit": {"name": unit.name, "kind": unit.kind},
    }
    as_of = partial(_case_names, case, own, known.rates, campaign)
    silent, at_rest = known.mutes.of(subject, case.unit), case.state in AT_REST
    return Facts(subject, campaign.zone, case.anchors, own, as_of, standings, at_rest, silent)


def _case_names(case: Case, own: Names, rates: Rates, campaign: Campaign, instant: datetime) -> Names:
    day = local_day(instant, campaign.zone)
    count = rates.count(case.campaign, day, case.unit, known=day)
    unit = {**_mapping(own["unit"]), "total": count.total, "closed": count.closed}
    return {**own, **_countdown(case.due_on, day, case.is_open), "unit": unit}


def _countdown(due_on: date | None, day: date, is_open: bool) -> dict[str, object]:
    """Return how near a deadline is; ``overdue`` begins at the midnight after it."""
    if due_on is None:
        return {"overdue": False, "days_left": None}
    return {"overdue": is_open and day > due_on, "days_left": (due_on - day).days}


def _mapping(value: object) -> Mapping[str, object]:
    assert isinstance(value, Mapping)
    return value


def _matter_facts(matter: Matter, subject: Subject, known: Known, standings: Mapping[str, Any]) -> Facts:
    campaign = known.campaigns[matter.campaign]
    own: dict[str, object] = {"open": True, "min_cases": campaign.min_cases}
    if matter.unit is not None:
        unit = known.units[matter.unit]
        own["unit"] = {"name": unit.name, "kind": unit.kind}
    match matter.kind:
        case SubjectKind.FILING:
            is_open = matter.state in FILING_OPEN
            own |= {"open": is_open, "unsigned": is_open}
            own["filing"] = {"kind": matter.key, "state": matter.state, "due_on": matter.due_on}
        case SubjectKind.PHASE:
            days = (matter.due_on - matter.start_on).days + 1 if matter.due_on and matter.start_on else 0
            own["phase"] = {"id": matter.key, "from": matter.start_on, "to": matter.due_on, "days": days}
        case SubjectKind.TARGET:
            own["target"] = {"due_on": matter.due_on, "percent": _percent(matter, campaign)}
    as_of = partial(_matter_names, matter, own, known.rates, campaign)
    silent = known.mutes.of(subject, matter.unit)
    return Facts(subject, campaign.zone, matter.anchors, own, as_of, standings, mutes=silent)


def _percent(matter: Matter, campaign: Campaign) -> int:
    return next((m.percent for m in campaign.milestones if m.on == matter.due_on), 100)


def _matter_names(matter: Matter, own: Names, rates: Rates, campaign: Campaign, instant: datetime) -> Names:
    day = local_day(instant, campaign.zone)
    names = {**own, **_countdown(matter.due_on, day, bool(own["open"]))}
    if matter.kind in (SubjectKind.TARGET, SubjectKind.CAMPAIGN):
        names |= target_numbers(matter, rates, campaign, day, known_by=day)
    return names


def target_numbers(
    matter: Matter, rates: Rates, campaign: Campaign, day: date, known_by: date | None = None
) -> dict[str, object]:
    """Return the numbers of a target or campaign as of the end of ``day``.

    ``known_by`` leaves out what was not on file at the midnight that begins that day. A milestone's own
    numbers stop at the milestone.
    """
    upto = min(day, matter.due_on) if matter.kind is SubjectKind.TARGET and matter.due_on else day
    count = rates.count(matter.campaign, upto, matter.unit, known=known_by)
    expected = pace(count, campaign.pace_from, campaign.milestones, upto)
    numbers: dict[str, object] = {
        "total": count.total,
        "closed": count.closed,
        "rate": rectification_rate(count),
        "pace": expected,
        "behind": count.closed < expected,
    }
    if matter.kind is SubjectKind.TARGET and matter.due_on:
        numbers |= _against_target(matter, matter.due_on, count, rates, _percent(matter, campaign))
    return numbers


def _against_target(
    matter: Matter, due_on: date, count: Count, rates: Rates, percent: int
) -> dict[str, object]:
    reachable = count.closed + rates.still_reachable(matter.campaign, due_on)
    return {
        "missing": missing(count, percent),
        "reachable": reachable / count.total if count.total else None,
        "reachable_closed": reachable,
        "verdict": verdict(count, percent).value,
    }
