"""A simulation takes many events and sends at once; it says what they say one by one, word for word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, select

from daemon import acts, clock
from daemon.activate import ActiveRules, activate
from daemon.config.compiled import RuleSet
from daemon.deliver import Deliverer
from daemon.domain.case import Event, EventKind
from daemon.domain.ladder import Subject
from daemon.domain.standing import Move
from daemon.domain.workdays import local_day, midnight
from daemon.intake import Dated, History, Step, draft_of, import_sheets
from daemon.sheets import CaseRow, Kind, Sheet, UnitRow
from daemon.simulate import Collected, Script, World, deliver_here, set_scene, throw_away, virtual_time
from daemon.store import cases, report, tables
from daemon.store.cases import Gate
from daemon.store.engine import reading, writing
from tests.integration.office import DUE, PEOPLE, SHANGHAI, TOWN, ZONE, at, hired, on, rules

LADDERS = (
    DUE
    + """
  case-assigned:
    about: case
    from: assigned
    rungs:
      hand-over:  {at: immediately, act: assignment, to: [unit.head, unit.liaison]}
      not-signed: {at: +2 workdays, when: unsigned, act: reminder, to: [unit.liaison]}
      crowded:    {at: +3 workdays, when: unit.total > 3, act: notice, to: [unit.liaison]}
  case-returned:
    about: case
    from: returned
    when: case.state == "returned"
    rungs:
      back: {at: immediately, act: notice, to: [unit.liaison], copy: [office.director]}
  case-letter:
    about: case
    from: due
    rungs:
      letter: {at: +5 workdays, act: supervision_letter, to: [unit.head]}
      group:  {at: +8 workdays, act: escalation, to: [group.leader], bundle: brief}
"""
)
BUDGET = ("channels.yaml", "flood:", "budgets: {wecom: {day: 1}}\nflood:")
START, END = at("2018-08-16"), at("2018-10-12 23:59")
BEFORE = "2018-08-10"


def row(no: str, *days: str | None, unit: str = TOWN) -> CaseRow:
    """A line of a ledger: found, assigned, due, signed, closed."""
    found, assigned, due, signed, closed = (on(day) if day else None for day in days)
    words: dict[str, Any] = {"legal_person": "", "phone": "", "source": "", "category": "", "description": ""}
    dates = {"found_on": found, "assigned_on": assigned, "due_on": due, "signed_on": signed}
    words |= {"amount": None, "key": False, "note": "", "line": 1, **dates, "closed_on": closed}
    return CaseRow(no=no, enterprise=f"{no}公司", unit=unit, **words)


LEDGER = (
    row("A-1", BEFORE, BEFORE, "2018-08-31", BEFORE, None),
    row("A-2", "2018-08-20", "2018-08-20", "2018-08-31", "2018-08-21", "2018-09-05"),
    row("A-3", "2018-08-20", "2018-08-20", "2018-09-12", None, None),
    row("A-4", "2018-08-20", "2018-08-21", "2018-09-12", "2018-08-28", "2018-09-20"),
    row("A-5", "2018-08-27", "2018-08-27", "2018-09-28", None, "2018-08-27"),
    row("Z-1", "2018-08-20", "2018-08-24", None, None, "2018-10-08", unit=ZONE),
    row("Z-2", None, "2018-08-25", "2018-09-03", "2018-08-25", "2018-09-03", unit=ZONE),
)


class OneByOne(History):
    """Each event in a transaction of its own, through the gate that people use."""

    def happen(self, events: Sequence[Dated], now: datetime) -> dict[str, Subject]:
        found = {event.no: self._one(event, now) for event in events}
        return {no: subject for no, subject in found.items() if subject}

    def _one(self, event: Dated, now: datetime) -> Subject | None:
        with writing(self.engine) as connection:
            gate = Gate(connection, self.rule_set.ladders, self.rule_set.calendar, SHANGHAI, now)
            case = cases.by_no(connection, event.no, hold=True)
            day = local_day(event.at, SHANGHAI)
            if event.step is Step.REGISTERED:
                told = Event(EventKind.REGISTERED, day, self.by)
                draft = draft_of(event.row, self.number, self.units)
                since = midnight(local_day(now, SHANGHAI), SHANGHAI)
                case = gate.register(draft, told, self.campaign.numbering, since, Move.LOOKED)
            elif case is None or case.state == "closed" or (event.step is Step.SIGNED and case.signed_on):
                return None
            else:
                due_on = event.row.due_on if event.step is Step.ASSIGNED else None
                told = Event(EventKind[event.step.name], day, self.by, due_on=due_on)
                case = gate.pass_through(case, told, fill=True)
            return cases.subject_of(case)


@contextmanager
def played(history: type[History], *, together: bool) -> Any:
    """Play the ledger, with a case reported done and returned twice; yield the database."""
    with throw_away(None) as engine:
        activate(engine, rules(LADDERS, (BUDGET,)), START)
        active = ActiveRules(engine)
        units = (UnitRow(TOWN, "乡镇街", "明城"), UnitRow(ZONE, "开发区", "开发区"))
        people = Sheet(Kind.DIRECTORY, units, tuple(hired(*each) for each in PEOPLE), place="directory.xlsx")
        import_sheets(engine, active(), [people], START)
        with virtual_time(START):
            past = history(engine, active(), LEDGER)
            set_scene(engine, past, START)
            sends = Deliverer(engine, active, _nobody, together=together)
            scripts = [
                Script(at(when), partial(_on_case, engine, active, no, kind, due))
                for when, no, kind, due in (
                    ("2018-08-30 15:00", "A-1", EventKind.SUBMITTED, None),
                    ("2018-08-31 09:00", "A-1", EventKind.RETURNED, "2018-09-21"),
                    ("2018-09-14 15:00", "A-1", EventKind.SUBMITTED, None),
                    ("2018-09-17 09:00", "A-1", EventKind.RETURNED, "2018-10-10"),
                )
            ]
            tell = deliver_here(engine, sends, active)
            World(engine, active, past, scripts, clock.stand_still, tell).run(START, END)
        yield engine


def _nobody(rule_set: RuleSet) -> Mapping[str, type[Collected]]:
    return dict.fromkeys(rule_set.channels, Collected)


def _on_case(
    engine: Engine, active: ActiveRules, no: str, kind: EventKind, due: str | None, now: datetime
) -> None:
    event = Event(kind, local_day(now, SHANGHAI), due_on=on(due) if due else None)
    acts.on_case(engine, active(), no, event, now)


def _all(engine: Engine) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return what was said, and how the world then stands."""
    rule_set, d = ActiveRules(engine)(), tables.deliveries.c
    asked: dict[str, list[Any]] = {
        "cases": list(tables.cases.c),
        "agenda": list(tables.agenda.c),
        "tally": list(tables.tally.c),
        "deliveries": [d.notice_id, d.leg, d.channel, d.state],
        "decisions": [c for c in tables.decisions.c if c.name not in ("id", "inputs")],
    }
    with reading(engine) as connection:
        said = list(report.said(connection, rule_set.campaigns, rule_set.ladders))
        kept = {name: connection.execute(select(*c).order_by(*c)).all() for name, c in asked.items()}
    return said, kept


@pytest.fixture(scope="module")
def one_by_one() -> Any:
    with played(OneByOne, together=False) as engine:
        return _all(engine)


def test_the_ledger_is_busy_enough_to_prove_anything(one_by_one: Any) -> None:
    said, kept = one_by_one
    rungs = {f"{item['ladder']}.{item['rung']}" for line in said for item in line["items"]}
    assert {"case-returned.back", "case-letter.letter", "case-assigned.crowded"} <= rungs
    assert "passed_over" in {row.state for row in kept["deliveries"]}, "a budget was used up"
    assert len(said) > 20


def test_many_at_once_say_what_they_say_one_by_one(one_by_one: Any) -> None:
    with played(History, together=True) as engine:
        said, kept = _all(engine)
    assert said == one_by_one[0]
    assert kept == one_by_one[1]
