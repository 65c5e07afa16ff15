"""What a tick costs with 100 cases due, drawn at random, when few or many are on file.

``ratio`` is ours minus the floor on the large file over the same on the small one: it stays near 1 when the
cost grows with what is due, never with what is on file (design.md §9). The floor is the bare driver reading
and moving the same hundred rows through the index.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, insert, select, update

from daemon.activate import ActiveRules, activate
from daemon.cli.context import shipped
from daemon.config.source import load_rules
from daemon.release import release
from daemon.scan import scan
from daemon.store.engine import open_engine, reading, writing
from daemon.store.migrations import migrate
from daemon.store.tables import agenda, campaigns, cases, units

SMALL, LARGE, DUE, ROUNDS = 10_000, 200_000, 100, 7
NOW = datetime(2018, 12, 3, tzinfo=ZoneInfo("Asia/Shanghai"))


def measure() -> dict[str, object]:
    small, large = _extra(SMALL), _extra(LARGE)
    return {
        "ratio": round(large / small, 2),
        "due": DUE,
        "on_file": [SMALL, LARGE],
        "ms_over_floor": [round(small * 1e3, 2), round(large * 1e3, 2)],
    }


def _extra(count: int) -> float:
    """Return the seconds of a tick over the floor, with ``count`` cases on file."""
    chance = random.Random(count)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        engine = open_engine(f"sqlite:///{path}")
        ids = _fill(engine, count)
        rules = ActiveRules(engine)
        ours, floor = [], []
        for number in range(ROUNDS):
            drawn = chance.sample(ids, DUE)
            now = NOW + timedelta(days=number)
            _make_due(engine, drawn, now)
            began = perf_counter()
            scan(engine, rules(), now)
            release(engine, rules(), now)
            ours.append(perf_counter() - began)
            floor.append(_floor(path, drawn, now))
        engine.dispose()
        return median(ours) - median(floor)


def _fill(engine: Engine, count: int) -> list[int]:
    migrate(engine)
    activate(engine, load_rules(shipped("config"), shipped("templates")), NOW)
    with writing(engine) as connection:
        connection.execute(insert(units), [{"name": f"单位{n}", "kind": "乡镇街"} for n in range(36)])
        campaign = connection.execute(select(campaigns.c.id)).scalar()
        rows = [
            {
                "campaign_id": campaign,
                "no": f"PS-{n}",
                "unit_id": n % 36 + 1,
                "enterprise": f"企业{n}",
                "state": "signed",
                "assigned_on": date(2018, 8, 16),
                "due_on": date(2018, 12, 6),
            }
            for n in range(count)
        ]
        connection.execute(insert(cases), rows)
        connection.execute(update(agenda).values(due_at=None))
        ids = list(connection.execute(select(cases.c.id)).scalars())
        later = NOW + timedelta(days=400)
        waiting = [
            {"subject_kind": "case", "subject_id": i, "ladder": "case-due", "since": NOW, "due_at": later}
            for i in ids
        ]
        connection.execute(insert(agenda), waiting)
    return ids


def _make_due(engine: Engine, drawn: list[int], now: datetime) -> None:
    with writing(engine) as connection:
        connection.execute(
            update(agenda)
            .where(agenda.c.subject_kind == "case", agenda.c.subject_id.in_(drawn))
            .values(due_at=now)
        )
    with reading(engine) as connection:
        connection.execute(select(agenda.c.subject_id).limit(1)).all()


def _floor(path: Path, drawn: list[int], now: datetime) -> float:
    """Read and move as many rows with the bare driver."""
    bare = sqlite3.connect(path, isolation_level=None)
    began = perf_counter()
    bare.execute("BEGIN IMMEDIATE")
    marks = ",".join("?" * len(drawn))
    rows = bare.execute(f"SELECT * FROM cases WHERE id IN ({marks})", drawn).fetchall()
    bare.executemany(
        "UPDATE agenda SET version = version + 1 WHERE subject_kind = 'case' AND subject_id = ?"
        " AND ladder = 'case-due'",
        [(row[0],) for row in rows],
    )
    bare.execute("COMMIT")
    took = perf_counter() - began
    bare.close()
    return took
