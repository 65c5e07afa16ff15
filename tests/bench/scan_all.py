"""Ours against what one would otherwise write: a periodic task that loads every open case and checks dates.

Both look at the same county, in which 100 cases are due. ``times`` says how often ours fits into theirs. The
task's own writing and sending is left out: it only finds what is due.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from statistics import median
from time import perf_counter
from typing import Any

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import DeclarativeBase, Session

from daemon.activate import ActiveRules
from daemon.scan import scan
from daemon.store import tables
from daemon.store.engine import reading, writing
from tests.bench.county import NOW, County, found
from tests.bench.setting import Setting, opened

DUE, ROUNDS = 100, 3
STAGES = (-10, -3, 1, 3, 10, 15)
OPEN = ("assigned", "signed", "rectifying", "returned", "reopened")


class Base(DeclarativeBase):
    pass


class OrmCase(Base):
    __table__ = tables.cases


def measure(setting: Setting) -> dict[str, Any]:
    sizes = (2_000, 20_000) if setting.quick else (10_000, 100_000, 1_000_000)
    return {"due": DUE, "on_file": sizes, **{kind: _on(kind, sizes, setting) for kind in setting.databases}}


def _on(kind: str, sizes: tuple[int, ...], setting: Setting) -> dict[str, Any]:
    pairs = [_ms(kind, size, setting) for size in sizes]
    return {
        "times": [round(theirs / ours, 1) for ours, theirs in pairs],
        "ours_ms": [round(ours, 1) for ours, _ in pairs],
        "scan_all_ms": [round(theirs, 1) for _, theirs in pairs],
    }


def _ms(kind: str, count: int, setting: Setting) -> tuple[float, float]:
    setting.progress(f"scan-all: {kind}, {count:,} cases on file")
    chance = random.Random(count)
    with opened(kind) as engine:
        found(engine, County(count))
        rules, ours, theirs = ActiveRules(engine), [], []
        drawn = chance.sample(range(1, count + 1), DUE * ROUNDS)
        for start in range(0, len(drawn), DUE):
            _make_due(engine, drawn[start : start + DUE])
            began = perf_counter()
            looked = scan(engine, rules(), NOW)
            ours.append(perf_counter() - began)
            assert looked == DUE, looked
            began = perf_counter()
            assert _scan_all(engine) == count
            theirs.append(perf_counter() - began)
    return median(ours) * 1e3, median(theirs) * 1e3


def _make_due(engine: Engine, drawn: list[int]) -> None:
    c = tables.agenda.c
    mine = (c.subject_kind == "case", c.subject_id.in_(drawn), c.ladder == "case-due")
    with writing(engine) as connection:
        connection.execute(update(tables.agenda).where(*mine).values(due_at=NOW))


def _scan_all(engine: Engine) -> int:
    """Load every open case with the ORM, and say which have come to a stage today."""
    today = NOW.date()
    hits = 0
    with reading(engine) as connection, Session(connection) as session:
        for case in session.scalars(select(OrmCase).where(OrmCase.__table__.c.state.in_(OPEN))):
            hits += any(_days(case.due_on, stage) >= today for stage in STAGES) if case.due_on else 0
    return hits


def _days(due: date, days: int) -> date:
    return due + timedelta(days=days)
