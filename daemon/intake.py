"""Intake: workbooks become units, people and cases. A faulty workbook stores nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import IntEnum
from typing import Any

from sqlalchemy import Connection, Engine

from daemon.config.compiled import RuleSet
from daemon.domain.campaign import Campaign
from daemon.domain.case import Case, Event, EventKind, State
from daemon.domain.ladder import Subject, SubjectKind
from daemon.domain.standing import Move
from daemon.domain.workdays import local_day, midnight
from daemon.errors import Fault, FaultyInputError, RefusedError
from daemon.sheets import CaseRow, Sheet, check
from daemon.store import cases, facts, registry, settings, subjects
from daemon.store.cases import Gate
from daemon.store.crowd import Crowd
from daemon.store.engine import reading, writing

NOON = time(12)


@dataclass
class Imported:
    """What an import did, or would do: how many of each were new or changed."""

    counts: Counter[str] = field(default_factory=Counter)
    touched: int = 0

    def add(self, kind: str, number: int = 1) -> None:
        if number:
            self.counts[kind] += number


def known_units(engine: Engine) -> set[str]:
    with reading(engine) as connection:
        return set(registry.units_by_name(connection))


def check_sheets(engine: Engine, sheets: Sequence[Sheet]) -> list[Fault]:
    """Return every fault of all workbooks at once; a directory among them makes its units known."""
    known = known_units(engine) | {
        name for s in sheets for u in s.units for name in (u.name, u.short) if name
    }
    return [fault for sheet in sheets for fault in check(sheet, known)]


def import_sheets(
    engine: Engine,
    rule_set: RuleSet,
    sheets: Sequence[Sheet],
    now: datetime,
    *,
    by: str = "",
    catch_up: bool = False,
    dry_run: bool = False,
) -> Imported:
    """Store workbooks, all of them or nothing; raise ``FaultyInputError`` with every fault.

    Imported cases are reminded of from today on; with ``catch_up`` all that was ever due is owed. A case
    whose number is on file is brought up to date: what the workbook says new happens to it, blank cells
    change nothing.
    """
    if faults := check_sheets(engine, sheets):
        raise FaultyInputError(faults)
    imported = Imported()
    with writing(engine) as connection:
        settings.lock(connection, "rules")  # new units and new rules both make subjects
        for sheet in sorted(sheets, key=lambda sheet: not sheet.units):
            registry.store(connection, sheet.units, sheet.people, imported.add, now)
        subjects.ensure(connection, rule_set.campaigns, rule_set.ladders, now)
        faults = []
        for sheet in sheets:
            if sheet.cases:
                faults += _Ledger(connection, rule_set, now, by, catch_up, imported).store(sheet)
        if faults:
            raise FaultyInputError(faults)
        if dry_run:
            connection.rollback()
    return imported


class _Ledger:
    """Stores the cases of workbooks through the gate."""

    def __init__(
        self,
        connection: Connection,
        rule_set: RuleSet,
        now: datetime,
        by: str,
        catch_up: bool,
        imported: Imported,
    ) -> None:
        self.connection, self.now, self.by = connection, now, by
        self.number, self.campaign = only_campaign(connection, rule_set)
        self.gate = Gate(connection, rule_set.ladders, rule_set.calendar, self.campaign.zone, now)
        self.move = Move.ENTERED if catch_up else Move.IMPORTED
        self.today = local_day(now, self.campaign.zone)
        self.since = None if catch_up else midnight(self.today, self.campaign.zone)
        self.units = registry.units_by_name(connection)
        self.on_file = cases.all_by_no(connection, self.number, hold=True)
        self.newcomers = Crowd(connection, rule_set.ladders, rule_set.calendar, self.campaign.zone, now)
        self.imported = imported

    def store(self, sheet: Sheet) -> list[Fault]:
        """Store each row; return a fault for each that the gate refuses."""
        faults = []
        for row in sheet.cases:
            try:
                self._store(row)
            except RefusedError as refused:
                faults.append(Fault(row.place or sheet.place, row.line, 0, "", str(refused)))
        self.newcomers.store()
        return faults

    def _gate(self, case: Case) -> Gate | Crowd:
        """Return what lets events of a case through: many new ones are stored together."""
        return self.gate if case.id else self.newcomers

    def _store(self, row: CaseRow) -> None:
        draft = draft_of(row, self.number, self.units)
        case = self.on_file.get(row.no) if row.no else None
        if case is None:
            case = self._register(draft, row)
            self.imported.add("cases")
            self._happen(case, row)
        elif self._correct(case, draft) | self._happen(self.on_file[row.no], row):
            self.imported.add("updated")

    def _register(self, draft: Case, row: CaseRow) -> Case:
        event = Event(EventKind.REGISTERED, row.found_on or self.today, by=self.by)
        case = self.newcomers.register(
            draft, event, self.campaign.numbering, self.since, Move.LOOKED if self.since else self.move
        )
        self.on_file[case.no] = case
        return case

    def _happen(self, case: Case, row: CaseRow) -> bool:
        """Let what the row says new happen to the case; the whole comes in as one import."""
        before = case
        for event in self._news(case, row):
            fresh = case.assigned_on is None or before.assigned_on is None
            move = self.move if fresh else None
            case = self._gate(case).pass_through(case, event, move=move, fill=True)
        self.on_file[case.no] = case
        return case is not before

    def _news(self, case: Case, row: CaseRow) -> Iterable[Event]:
        if row.assigned_on and case.assigned_on is None:
            yield Event(EventKind.ASSIGNED, row.assigned_on, self.by, due_on=row.due_on)
        elif row.due_on and row.due_on != case.due_on:
            kind = EventKind.DUE_SET if case.is_open or case.assigned_on is None else EventKind.CORRECTED
            changes = {"due_on": row.due_on} if kind is EventKind.CORRECTED else None
            yield Event(kind, self.today, self.by, due_on=row.due_on, changes=changes)
        if row.signed_on and case.signed_on is None and case.state not in (State.CLOSED, State.SUBMITTED):
            yield Event(EventKind.SIGNED, row.signed_on, self.by)
        if row.closed_on and case.state is not State.CLOSED:
            yield Event(EventKind.CLOSED, row.closed_on, self.by)

    def _correct(self, case: Case, draft: Case) -> bool:
        """Mend what the workbook writes otherwise; a blank cell changes nothing."""
        words = ("enterprise", "legal_person", "phone", "source", "category", "description", "amount", "note")
        changes: dict[str, Any] = {
            name: getattr(draft, name)
            for name in words
            if getattr(draft, name) not in ("", None) and getattr(draft, name) != getattr(case, name)
        }
        if draft.unit != case.unit:
            raise RefusedError(f"{case.no} 的责任单位与已登记的不同；请用 duban case reassign 转办")
        if "enterprise" in changes:
            raise RefusedError(
                f"{case.no} 已登记为“{case.enterprise}”，这里是“{draft.enterprise}”；"
                "是另一个问题请换编号，是同一企业更名请先用 duban case correct 更正"
            )
        if changes:
            event = Event(EventKind.CORRECTED, self.today, self.by, changes=changes)
            self.on_file[case.no] = self._gate(case).pass_through(case, event)
        return bool(changes)


def only_campaign(connection: Connection, rule_set: RuleSet) -> tuple[int, Campaign]:
    """Return the campaign that cases are imported into."""
    found = facts.load_campaigns(connection, rule_set.campaigns)
    if len(found) != 1:
        raise RefusedError("有多个专项行动，请写明问题属于哪一个")
    return next(iter(found.items()))


def draft_of(row: CaseRow, campaign: int, units: Mapping[str, int]) -> Case:
    """Return a case as a workbook's row describes it, before anything has happened to it."""
    return Case(
        id=0,
        campaign=campaign,
        no=row.no,
        unit=units[row.unit],
        enterprise=row.enterprise,
        state=State.REPORTED,
        legal_person=row.legal_person,
        phone=row.phone,
        source=row.source,
        category=row.category,
        description=row.description,
        amount=row.amount,
        key=row.key,
        note=row.note,
        found_on=row.found_on,
    )


class Step(IntEnum):
    """What a ledger's dates say, in the order in which things of one moment happen."""

    REGISTERED = 0
    ASSIGNED = 1
    SIGNED = 2
    CLOSED = 3


@dataclass(frozen=True, slots=True, order=True)
class Dated:
    """One dated event of a ledger. Signatures come at noon, all else at the start of its day."""

    at: datetime
    no: str
    step: Step
    row: CaseRow = field(compare=False)


def dated_events(rows: Iterable[CaseRow], campaign: Campaign) -> list[Dated]:
    """Return what happened to the cases of a ledger, in order; 整改时限 is known from 交办日期."""
    found: list[Dated] = []
    for row in rows:
        days = {
            Step.REGISTERED: row.found_on or row.assigned_on,
            Step.ASSIGNED: row.assigned_on,
            Step.SIGNED: row.signed_on,
            Step.CLOSED: row.closed_on,
        }
        for step, day in days.items():
            if day is not None:
                at = midnight(day, campaign.zone)
                at = datetime.combine(day, NOON, campaign.zone) if step is Step.SIGNED else at
                found.append(Dated(at, row.no, step, row))
    return sorted(found)


class History:
    """Lets a ledger happen: each event at its instant, through the gate."""

    def __init__(
        self, engine: Engine, rule_set: RuleSet, rows: Sequence[CaseRow], *, by: str = "台账"
    ) -> None:
        self.engine, self.rule_set, self.by = engine, rule_set, by
        with reading(engine) as connection:
            self.number, self.campaign = only_campaign(connection, rule_set)
            self.units = registry.units_by_name(connection)
        self._ahead = dated_events(rows, self.campaign)
        self._next = 0

    @property
    def next_at(self) -> datetime | None:
        return self._ahead[self._next].at if self._next < len(self._ahead) else None

    def due(self, now: datetime) -> list[Dated]:
        """Take the events that have come by ``now``."""
        start = self._next
        while self._next < len(self._ahead) and self._ahead[self._next].at <= now:
            self._next += 1
        return self._ahead[start : self._next]

    def happen(self, events: Sequence[Dated], now: datetime) -> dict[str, Subject]:
        """Let events happen, in their order and in one transaction; what no longer applies is passed over.

        Return the cases they happened to, by 编号.
        """
        with writing(self.engine) as connection:
            crowd = Crowd(connection, self.rule_set.ladders, self.rule_set.calendar, self.campaign.zone, now)
            known = crowd.take_up(event.no for event in events)
            for event in events:
                if case := self._happen(crowd, known.get(event.no), event, now):
                    known[case.no] = case
            return {no: Subject(SubjectKind.CASE, number) for no, number in crowd.store().items()}

    def _happen(self, crowd: Crowd, case: Case | None, event: Dated, now: datetime) -> Case | None:
        day, zone = local_day(event.at, self.campaign.zone), self.campaign.zone
        if event.step is Step.REGISTERED:
            if case is not None:
                return None
            draft = draft_of(event.row, self.number, self.units)
            registered = Event(EventKind.REGISTERED, day, self.by)
            since = midnight(local_day(now, zone), zone)
            return crowd.register(draft, registered, self.campaign.numbering, since, Move.LOOKED)
        if case is None or not _applies(case, event.step):
            return None
        due_on = event.row.due_on if event.step is Step.ASSIGNED else None
        kind = EventKind[event.step.name]
        return crowd.pass_through(case, Event(kind, day, self.by, due_on=due_on), fill=True)


def _applies(case: Case, step: Step) -> bool:
    """Whether a ledger's date says anything new: what is on file already happened."""
    match step:
        case Step.ASSIGNED:
            return case.assigned_on is None
        case Step.SIGNED:
            return case.is_open and case.signed_on is None
        case _:
            return case.state is not State.CLOSED


def first_of_each(events: Sequence[Dated]) -> tuple[list[Dated], list[Dated]]:
    """Part events into the first of each case, and what comes after it."""
    first: dict[str, Dated] = {}
    for event in events:
        first.setdefault(event.no, event)
    return list(first.values()), [event for event in events if first[event.no] is not event]
