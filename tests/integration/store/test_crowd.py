"""Many cases stored at once are stored as one by one through the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, select

from daemon.domain.case import Case, Event, EventKind, State
from daemon.domain.standing import Move
from daemon.domain.workdays import midnight
from daemon.errors import RefusedError
from daemon.store import facts, tables
from daemon.store.cases import Gate, by_nos
from daemon.store.crowd import Crowd
from daemon.store.engine import reading, writing
from tests.integration.office import SHANGHAI, TOWN, ZONE, Office, on

K = EventKind
NUMBERING = "PS-{n:04}"
Happens = Callable[[Gate | Crowd, Case], object]


@pytest.fixture
def busy(office: Office) -> Office:
    office.obey()
    office.case("PS-0002", due="2018-12-31")
    return office


def _pasts(gate: Gate | Crowd, drafts: list[Case]) -> None:
    """Let different things happen to each of five cases; two of them are numbered here."""
    since = midnight(on("2018-08-16"), SHANGHAI)
    told = [
        gate.register(each, Event(K.REGISTERED, on("2018-08-02"), "甲"), NUMBERING, since, Move.LOOKED)
        for each in drafts
    ]
    for case in told[1:]:
        event = Event(K.ASSIGNED, on("2018-08-10"), "甲", due_on=on("2018-08-31"))
        assigned = gate.pass_through(case, event, move=Move.IMPORTED, fill=True)
        if case is told[2]:
            gate.pass_through(assigned, Event(K.SIGNED, on("2018-08-12"), "甲"), move=Move.IMPORTED)
        if case is told[3]:
            gate.pass_through(assigned, Event(K.CLOSED, on("2018-08-15"), "甲"), move=Move.ENTERED, fill=True)
        if case is told[4]:
            gate.pass_through(assigned, Event(K.DUE_SET, on("2018-08-15"), "甲", due_on=on("2018-09-28")))


def _drafts(office: Office, connection: Connection) -> list[Case]:
    campaign = next(iter(facts.load_campaigns(connection, office.rules().campaigns)))
    draft = Case(0, campaign, "", office.units[TOWN], "甲公司", State.REPORTED)
    zone = replace(draft, unit=office.units[ZONE])
    return [draft, replace(zone, no="A-1"), replace(draft, no="A-2"), zone, replace(draft, no="A-3")]


def _on_file(connection: Connection) -> dict[str, Any]:
    """Return all that came, without the numbers that the database gives."""
    nos = dict(map(tuple, connection.execute(select(tables.cases.c.id, tables.cases.c.no))))
    named = {
        name: [
            {**row, "id": None, **({"subject_id": nos.get(row["subject_id"])} if "subject_id" in row else {})}
            for row in map(dict, connection.execute(select(getattr(tables, name))).mappings())
        ]
        for name in ("cases", "events", "agenda", "tally", "campaigns")
    }
    for event in named["events"]:
        event["data"].get("before", {}).pop("id", None)
    return {name: sorted(map(repr, rows)) for name, rows in named.items()}


def test_many_at_once_are_stored_as_one_by_one(busy: Office) -> None:
    rule_set, found = busy.rules(), []
    for kind in (Gate, Crowd):
        with writing(busy.engine) as connection:
            gate = kind(connection, rule_set.ladders, rule_set.calendar, SHANGHAI, busy.now)
            _pasts(gate, _drafts(busy, connection))
            if isinstance(gate, Crowd):
                gate.store()
            found.append(_on_file(connection))
            connection.rollback()
    one_by_one, at_once = found
    assert len(one_by_one["cases"]) == 6
    assert at_once == one_by_one


def test_what_the_gate_refuses_is_refused(busy: Office) -> None:
    rule_set = busy.rules()
    with reading(busy.engine) as connection:
        crowd = Crowd(connection, rule_set.ladders, rule_set.calendar, SHANGHAI, busy.now)
        event = Event(K.REGISTERED, on("2018-08-02"))
        case = crowd.register(_drafts(busy, connection)[1], event, NUMBERING, None, Move.LOOKED)
        with pytest.raises(RefusedError):
            crowd.pass_through(case, Event(K.REOPENED, on("2018-08-03")))


def test_a_move_keeps_the_signatures_that_it_takes(busy: Office) -> None:
    """Its undo brings them back; of several moves at once the first has taken them."""
    busy.sign("PS-0002", "孙联络")
    rule_set, found = busy.rules(), []
    for kind in (Gate, Crowd):
        with writing(busy.engine) as connection:
            gate = kind(connection, rule_set.ladders, rule_set.calendar, SHANGHAI, busy.now)
            case = by_nos(connection, ["PS-0002"])["PS-0002"]
            if isinstance(gate, Crowd):
                case = gate.take_up(["PS-0002"])["PS-0002"]
            for unit in (ZONE, TOWN):
                event = Event(K.MOVED, busy.today, due_on=on("2018-12-31"), unit=busy.units[unit])
                case = gate.pass_through(case, event)
            if isinstance(gate, Crowd):
                gate.store()
            kept = connection.execute(select(tables.events.c.data).order_by(tables.events.c.id)).scalars()
            signed = [data["signed"] for data in kept if "signed" in data]
            found.append((signed, connection.execute(select(tables.signatures)).all()))
            connection.rollback()
    one_by_one, at_once = found
    assert [[len(each) for each in signed] for signed, _ in found] == [[1], [1]]
    assert at_once == one_by_one
    assert at_once[1] == []
