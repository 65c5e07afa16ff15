"""Rows by their numbers: as many as one likes in one statement, each by its own index."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import Engine, insert, select, text

from daemon.store import notices, tables
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


def test_an_item_is_bound_by_its_number(postgres: Engine) -> None:
    """However few PostgreSQL believes to wait: it counted when nothing did."""
    with writing(postgres) as connection:
        look_up_by_index(connection)
        bind = str(notices.BIND.compile(postgres, compile_kwargs={"render_postcompile": True}))
        plan = "\n".join(
            connection.exec_driver_sql(
                f"EXPLAIN {bind}", {"item": 1, "carrier": 1, "coalesce_1": 0, "coalesce_2": 0}
            ).scalars()
        )
    assert "Index Scan using pk_items" in plan, plan


def test_tables_that_grow_are_looked_up_by_index_until_the_transaction_ends(postgres: Engine) -> None:
    with writing(postgres) as connection:
        look_up_by_index(connection)
        assert connection.execute(text("SHOW enable_seqscan")).scalar() == "off"
    with reading(postgres) as connection:
        assert connection.execute(text("SHOW enable_seqscan")).scalar() == "on"
