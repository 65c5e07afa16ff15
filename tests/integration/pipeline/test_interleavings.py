"""Whatever happens in whatever order, with crashes between: each thing is said once, none after its end."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest

from daemon.domain.case import EventKind, State
from daemon.errors import DeliveryError, DubanError, UnknownOutcomeError
from daemon.loop import plan_due
from daemon.store import tables
from daemon.sweep import sweep
from tests.integration.office import ZONE, Office

LADDERS = """
  case-due:
    about: case
    from: due
    rungs:
      remind:  {at: -3 workdays, act: reminder, to: [unit.liaison]}
      overdue: {at: +1 workday, act: urge, to: [unit.liaison, unit.head]}
      group:   {at: +3 workdays, act: escalation, to: [group.leader], bundle: brief}
      again:   {at: +5 workdays, every: 5 workdays, act: urge, to: [unit.head]}
  case-assigned:
    about: case
    from: assigned
    rungs:
      hand-over: {at: immediately, act: assignment, to: [unit.head, unit.liaison]}
      unsigned:  {at: +3 workdays, when: unsigned, act: reminder, to: [unit.liaison]}
  case-returned:
    about: case
    from: returned
    when: case.state == "returned"
    rungs:
      back: {at: immediately, act: notice, to: [unit.liaison]}
"""
FAILURES = (
    DeliveryError("系统忙"),
    DeliveryError("停机", permanent=True),
    DeliveryError("上限", later=True),
    UnknownOutcomeError("?"),
)
STEPS = 40
DAYS_OFF = (
    "calendar.yaml",
    "years: {}",
    "years: {2018: {source: 磐办发〔2018〕9号, off: [2018-09-12, 2018-09-17]}}",
)
MAKE_UP = (DAYS_OFF[0], DAYS_OFF[1], "years: {2018: {source: 磐办发〔2018〕10号, makeup: [2018-09-15]}}")
EDITS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (LADDERS, ()),
    (LADDERS.replace("+1 workday,", "+2 workdays,"), ()),
    (LADDERS.replace("every: 5 workdays", "every: 3 workdays"), (DAYS_OFF,)),
    (LADDERS.replace("overdue: {at", "late: {was: overdue, at"), (MAKE_UP,)),
    (LADDERS.replace("case-due:\n", "case-limit:\n    was: case-due\n"), (DAYS_OFF,)),
)
"""What the office makes of its rules, in any order: with the first it goes back to where it began."""
NAMES = {"late": "overdue", "case-limit": "case-due"}
"""What was renamed, and what it was."""


class Crash(BaseException):
    """The process is gone, whatever it was doing."""


def crash(_message: object) -> None:
    raise Crash


@pytest.mark.parametrize("seed", range(3))
def test_any_interleaving(office: Office, seed: int) -> None:
    chance = random.Random(seed)
    office.at("2018-08-16 09:00").obey(LADDERS)
    for n in range(4):
        office.case(f"A-{n}", due="2018-09-14")
    for _ in range(STEPS):
        office.later(hours=chance.choice([1, 4, 20, 30, 72]))
        for _ in range(chance.randint(0, 2)):
            happen(office, chance)
        if chance.random() < 0.15:
            edit(office, chance)
        work(office, chance)
    rest(office)
    assert len(office.rows(tables.activations)) > 3
    said_once(office)
    nothing_after_the_end(office)
    nothing_is_lost(office)


def rest(office: Office) -> None:
    """Let nothing happen and nothing fail for two weeks."""
    office.wire.forget()
    for days in (7, 14):
        office.wall_time_passes()
        sweep(office.engine, office.now)
        office.run(f"{office.today + timedelta(days=days)} 18:00")


def happen(office: Office, chance: random.Random) -> None:
    """Let something happen to some case, if it may."""
    no = f"A-{chance.randrange(4)}"
    later = f"{office.today + timedelta(days=chance.randint(15, 40))}"
    acts = (
        lambda: office.sign(no, "孙联络"),
        lambda: office.extend(no, later),
        lambda: office.close(no),
        lambda: office.undo(no),
        lambda: office.happen(no, EventKind.SUBMITTED),
        lambda: office.happen(no, EventKind.RETURNED, due=later),
        lambda: office.happen(no, EventKind.REOPENED, due=later),
        lambda: office.happen(no, EventKind.MOVED, unit=office.units[ZONE], due=later),
        lambda: office.case(f"B-{len(office.rows(tables.cases))}", due=later),
        lambda: edit(office, chance),
    )
    try:
        chance.choice(acts)()
    except DubanError:
        return  # the gate refused


def edit(office: Office, chance: random.Random) -> None:
    """Put rules in force as ``reload`` does: what is due by the old ones is planned first."""
    ladders, changes = chance.choice(EDITS)
    plan_due(office.engine, office.rules, office.now)
    office.obey(ladders, *changes)


def work(office: Office, chance: random.Random) -> None:
    """Let the service work, more or less; providers fail, and so do we."""
    channel = chance.choice(["wecom", "email", "sms"])
    if chance.random() < 0.4:
        office.wire.answers(channel, chance.choice(FAILURES))
    elif chance.random() < 0.2:
        office.wire.answers(channel, crash)
    try:
        match chance.randrange(4):
            case 0:
                office.scan()
            case 1:
                office.prepare()
            case 2:
                office.prepare().deliver_on(channel)
            case _:
                office.tick()
    except Crash:
        office.wall_time_passes()
        if chance.random() < 0.5:
            sweep(office.engine, office.now)


def said_once(office: Office) -> None:
    """One decision reaches a person in one notice, and each channel of it takes it once unless marked."""
    d = office.rows(tables.decisions)
    settled = [(r.subject_kind, r.subject_id, r.ladder, r.rung, r.anchor_version, r.occurrence) for r in d]
    decided = Counter(tuple(NAMES.get(word, word) for word in key) for key in settled)
    assert [key for key, times in decided.items() if times > 1] == [], "under whatever name"
    items = office.rows(tables.items)
    assert max(Counter((row.decision_id, row.person_id) for row in items).values()) == 1
    accepted = Counter(
        (handed.channel, handed.message.address, handed.message.items)
        for handed in office.wire.taken
        if not handed.message.repeat
    )
    assert [key for key, times in accepted.items() if key[2] and times > 1] == []
    sent = [row.delivery_id for row in office.rows(tables.attempts) if row.outcome == "sent"]
    assert len(sent) == len(set(sent))


def nothing_after_the_end(office: Office) -> None:
    """What is closed is not spoken of: no attempt was opened after its closing that says anything of it."""
    closed = {row.no: row for row in office.rows(tables.cases) if row.state == State.CLOSED}
    last = {}
    for event in office.rows(tables.events):
        if event.kind == "closed" and event.undone_by is None:
            last[event.subject_id] = event.recorded_at
    opened = {(row.delivery_id, row.number): row for row in office.rows(tables.attempts)}
    notice_of = {row.id: row.notice_id for row in office.rows(tables.deliveries)}
    subject_of = {
        row.id: row.subject_id for row in office.rows(tables.decisions) if row.subject_kind == "case"
    }
    said = {
        (row.notice_id, subject_of.get(row.decision_id))
        for row in office.rows(tables.items)
        if row.state == "said"
    }
    numbers = {row.id: row.no for row in closed.values()}
    late = [
        (numbers[subject], attempt.opened_at)
        for attempt in opened.values()
        for notice, subject in said
        if notice == notice_of[attempt.delivery_id]
        and subject in numbers
        and not attempt.repeat
        and attempt.number == 1
        and attempt.opened_at > last[subject]
    ]
    assert late == []


def nothing_is_lost(office: Office) -> None:
    """Everything decided came to an end that is on file: said, dropped for a reason, or the office's task."""
    manual = {row.id for row in office.notice_rows() if row.state == "manual"}
    open_items = [
        row for row in office.rows(tables.items) if row.state == "open" and row.notice_id not in manual
    ]
    assert open_items == []
    ended = {"sent", "failed", "dropped", "passed_over"}
    assert {row.state for row in office.rows(tables.deliveries)} <= ended
    assert all((row.reason or {}).get("code") for row in office.rows(tables.items) if row.state == "dropped")
    assert [row for row in office.rows(tables.agenda) if row.set_aside] == []
