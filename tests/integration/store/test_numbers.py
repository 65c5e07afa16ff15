"""Rows by their numbers: as many as one likes in one statement, each by its own index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import Engine, Update, insert, select, text

from daemon.store import deliveries, notices, tables
from daemon.store.engine import look_up_by_index, reading, writing
from daemon.store.numbers import among

UNITS = tables.units.c
ASKED = select(UNITS.id).where(
    among(UNITS.id, "ids"), among(UNITS.successor_id, "heirs") | UNITS.kind.is_not(None)
)


@pytest.mark.parametrize(
    ("ids", "found"), [([2, 3, 9], [2, 3]), ((1,), [1]), ([], []), (list(range(20_000)), [1, 2, 3])]
)
def test_those_that_are_among_the_numbers(engine: Engine, ids: Sequence[int], found: list[int]) -> None:
    with writing(engine) as connection:
        rows = [{"id": number, "name": f"{number}乡", "kind": "乡镇街"} for number in (1, 2, 3)]
        connection.execute(insert(tables.units), rows)
    with reading(engine) as connection:
        assert sorted(connection.execute(ASKED, {"ids": ids, "heirs": []}).scalars()) == found


QUIET = """
SET LOCAL session_replication_role = replica;
INSERT INTO items (id, decision_id, person_id, role, part, line, state, notice_id, opened_at)
    SELECT n, n, n, 'unit.head', 'to', 0, 'said', n, 0 FROM generate_series(1, 2000) AS n;
INSERT INTO deliveries (id, notice_id, leg, channel, state, next_attempt_at)
    SELECT n, n, 0, 'wecom', 'sent', 0 FROM generate_series(1, 2000) AS n;
ANALYZE items;
ANALYZE deliveries
"""
"""Two thousand of each on file, and nothing waits: that is what PostgreSQL counts."""


@pytest.mark.parametrize(
    ("statement", "values", "index"),
    [
        (notices.BIND, {"item": 1, "carrier": 1}, "pk_items"),
        (deliveries.CLAIM[False], {"ids": [1, 2], "over": "wecom", "now": 0, "until": 0}, "pk_deliveries"),
        (deliveries.POSTPONE, {"number": 1, "now": 0, "until": 0}, "pk_deliveries"),
    ],
)
def test_what_waits_is_found_by_its_number(
    postgres: Engine, statement: Update, values: Mapping[str, Any], index: str
) -> None:
    """However few PostgreSQL believes to wait: it counted when nothing did."""
    with writing(postgres) as connection:
        for line in QUIET.split(";"):
            connection.exec_driver_sql(line)
        asked = statement.compile(postgres, compile_kwargs={"render_postcompile": True})
        lines = connection.exec_driver_sql(f"EXPLAIN {asked}", {**asked.params, **values}).scalars()
        plan = "\n".join(lines)
    assert f"using {index}" in plan or f"on {index}" in plan, plan


def test_tables_that_grow_are_looked_up_by_index_until_the_transaction_ends(postgres: Engine) -> None:
    with writing(postgres) as connection:
        look_up_by_index(connection)
        assert connection.execute(text("SHOW enable_seqscan")).scalar() == "off"
    with reading(postgres) as connection:
        assert connection.execute(text("SHOW enable_seqscan")).scalar() == "on"
