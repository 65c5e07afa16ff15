"""A tick looks everything up: no statement of it walks through a table that grows with what is on file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, event

from daemon.activate import ActiveRules
from daemon.acts import on_case, undo
from daemon.domain.case import Event, EventKind
from daemon.domain.workdays import local_day
from daemon.intake import History
from daemon.loop import tick
from daemon.store import cases
from daemon.store.engine import reading
from tests.bench.county import NOW, SHANGHAI, County, found
from tests.bench.setting import Bare, opened
from tests.bench.simulate import ledger

pytestmark = pytest.mark.xdist_group("bench")

GROWING = {
    "cases",
    "agenda",
    "decisions",
    "items",
    "unaddressed",
    "notices",
    "deliveries",
    "attempts",
    "events",
}
_SCAN = re.compile(r"SCAN (\w+?)(?:_\d+)?(?: USING (?:COVERING )?INDEX (\w+))?$")


@contextmanager
def captured(engine: Engine) -> Iterator[dict[str, Any]]:
    """Collect the statements that are executed, each with the values of one execution."""
    said: dict[str, Any] = {}

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, _: Any, many: bool) -> None:
        rows = many and isinstance(values[0], tuple | list)  # one INSERT of many rows is not many
        said[statement] = values[0] if rows else values

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", note)


def scans(bare: Bare, said: dict[str, Any]) -> list[tuple[str, str]]:
    """Return each walk through a growing table, with its statement. One along a partial index is none."""
    partial = {name for (name,) in bare.rows("SELECT name FROM sqlite_master WHERE sql LIKE '%INDEX%WHERE%'")}
    found_scans = []
    for statement, values in said.items():
        if statement.lstrip().upper().startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
            for *_, detail in bare.rows(f"EXPLAIN QUERY PLAN {statement}", tuple(values)):
                match = _SCAN.match(detail)
                if match and match[1] in GROWING and match[2] not in partial:
                    found_scans.append((detail, statement))
    return found_scans


def test_no_statement_of_a_tick_walks_through_what_is_on_file() -> None:
    with opened("sqlite") as engine:
        found(engine, County(40, due=True, history=True))
        with captured(engine) as said:
            ticked = tick(engine, ActiveRules(engine), lambda _channel, _ids: None, NOW)
        assert ticked.looked == 40
        assert ticked.hinted == ticked.notices > 0
        with Bare(engine) as bare:
            assert {table for table in GROWING if any(table in statement for statement in said)} >= {
                "cases",
                "agenda",
                "decisions",
                "items",
                "notices",
                "deliveries",
            }
            assert scans(bare, said) == []
            assert scans(bare, {"SELECT * FROM cases WHERE enterprise = ?": ("甲",)})


def test_nor_does_any_statement_of_an_event() -> None:
    """A clerk signs, hands in and takes back; a ledger brings the next event of the same case."""
    day = local_day(NOW, SHANGHAI)
    with opened("sqlite") as engine:
        rule_set = found(engine, County(40, due=True, history=True))
        with reading(engine) as connection:
            case = cases.listed(connection)[0]
        row = replace(ledger(1)[0], no=case.no, closed_on=day)
        with captured(engine) as said:
            on_case(engine, rule_set, case.no, Event(EventKind.SIGNED, day, by="联络员"), NOW)
            on_case(engine, rule_set, case.no, Event(EventKind.SUBMITTED, day, note="已办结"), NOW)
            undo(engine, rule_set, case.no, "值班员", "误报", NOW)
            history = History(engine, rule_set, [row])
            happened = history.happen(history.due(NOW), NOW)
        assert happened.keys() == {case.no}
        with Bare(engine) as bare:
            assert scans(bare, said) == []
