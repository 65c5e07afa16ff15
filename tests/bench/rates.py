"""The figures of a status page, with a million cases and 500 units, against the bare GROUP BY over the cases.

Ours are read from the tally, as of a day and per unit; the GROUP BY knows only how things stand now. The
``ratio`` is ours over it: below 1 a page costs less than counting.
"""

from __future__ import annotations

from datetime import date, timedelta
from statistics import median
from time import perf_counter
from typing import Any

from sqlalchemy import Engine

from daemon.cli import status
from daemon.config.compiled import RuleSet
from daemon.store.engine import reading
from daemon.store.tally import Rates
from tests.bench.county import County, found
from tests.bench.setting import Bare, Setting, opened

UNITS, ROUNDS = 500, 5
DAY = date(2019, 12, 31)
CLOSED_OF_TEN = 7
_FIRST = date(2018, 9, 3)
_DAYS = 450


def measure(setting: Setting) -> dict[str, Any]:
    count = setting.size(1_000_000, 50_000)
    each = {kind: _on(kind, count, setting) for kind in setting.databases}
    return {
        "ratio": max(figures["ratio"] for figures in each.values()),
        "cases": count,
        "units": UNITS,
        **each,
    }


def _on(kind: str, count: int, setting: Setting) -> dict[str, Any]:
    setting.progress(f"rates: {kind}, {count:,} cases")
    with opened(kind) as engine:
        rule_set = found(engine, County(count, UNITS))
        _close(engine, count)
        with Bare(engine) as bare:
            rows = bare.rows("SELECT count(*) FROM tally")[0][0]
            ours, counted = zip(*(_once(engine, rule_set, bare) for _ in range(ROUNDS)), strict=True)
    return {
        "ratio": round(median(ours) / median(counted), 2),
        "ms": round(median(ours) * 1e3, 1),
        "group_by_ms": round(median(counted) * 1e3, 1),
        "tally_rows": rows,
    }


def _close(engine: Engine, count: int) -> None:
    """Close seven cases of ten, day by day, and book it as the program does."""
    with Bare(engine) as bare:
        closed = [
            ((_FIRST + timedelta(days=n // 10 % _DAYS)).isoformat(), n)
            for n in range(1, count + 1)
            if n % 10 < CLOSED_OF_TEN
        ]
        with bare.transaction():
            bare.many("UPDATE cases SET state = 'closed', closed_on = ? WHERE id = ?", closed)
            for day, counts in (("registered_on", "count(*), 0, 0"), ("closed_on", "0, 0, count(*)")):
                bare.run(
                    "INSERT INTO tally (campaign_id, unit_id, effective_on, known_from, registered,"
                    f" dismissed, closed) SELECT campaign_id, unit_id, {day}, {day}, {counts} FROM cases"
                    f" WHERE {day} IS NOT NULL GROUP BY campaign_id, unit_id, {day}"
                )
        bare.settle()


def _once(engine: Engine, rule_set: RuleSet, bare: Bare) -> tuple[float, float]:
    began = perf_counter()
    with reading(engine) as connection:
        (campaign,) = status._campaigns(connection, rule_set, DAY)
        by_unit = Rates(connection).by_unit(1, DAY)
    ours = perf_counter() - began
    began = perf_counter()
    rows = bare.rows(
        "SELECT unit_id, count(*), sum(CASE WHEN state = 'closed' THEN 1 ELSE 0 END) FROM cases"
        " GROUP BY unit_id"
    )
    counted = perf_counter() - began
    assert campaign["total"] == sum(row[1] for row in rows)
    assert {unit: (c.total, c.closed) for unit, c in by_unit.items()} == {row[0]: row[1:] for row in rows}
    return ours, counted
