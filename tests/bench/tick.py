"""What a tick costs with 100 cases due, drawn at random, when few or many are on file.

``ratio`` is ours minus the floor on the large file over the same on the small one, the worse of the two
databases: it stays near 1 when the cost grows with what is due, never with what is on file (design.md §9).
The floor is the bare driver reading and writing as many rows through the same indexes. Every case on file
has a past: decisions, items, a notice, its delivery and attempt, events.
"""

from __future__ import annotations

import random
from statistics import median
from time import perf_counter
from typing import Any

from sqlalchemy import Engine

from daemon.activate import ActiveRules
from daemon.loop import tick
from tests.bench.county import NOW, TODAY, County, found, micros
from tests.bench.setting import Bare, Setting, opened

DUE, WARM = 100, 3


def measure(setting: Setting) -> dict[str, Any]:
    sizes = (setting.size(10_000, 2_500), setting.size(1_000_000, 25_000))
    each = {kind: _on(kind, sizes, setting) for kind in setting.databases}
    return {"ratio": max(figures["ratio"] for figures in each.values()), "due": DUE, "on_file": sizes, **each}


def _on(kind: str, sizes: tuple[int, int], setting: Setting) -> dict[str, Any]:
    (small, small_floor), (large, large_floor) = (_tick_ms(kind, size, setting) for size in sizes)
    return {
        "ratio": round((large - large_floor) / (small - small_floor), 2),
        "ms": [round(small, 2), round(large, 2)],
        "floor_ms": [round(small_floor, 2), round(large_floor, 2)],
    }


def _tick_ms(kind: str, count: int, setting: Setting) -> tuple[float, float]:
    """Return the median milliseconds of a tick, and of its floor, with ``count`` cases on file."""
    setting.progress(f"tick: {kind}, {count:,} cases on file")
    chance = random.Random(count)
    with opened(kind) as engine:
        found(engine, County(count, history=True))
        rounds = setting.size(25, 8)
        drawn = chance.sample(range(1, count + 1), 2 * DUE * (rounds + WARM))
        hands = [drawn[start : start + DUE] for start in range(0, len(drawn), DUE)]
        rules = ActiveRules(engine)
        with Bare(engine) as bare:
            ours, floor = [], []
            for mine, theirs in zip(hands[::2], hands[1::2], strict=True):
                ours.append(_ours(engine, rules, bare, mine))
                floor.append(_floor(bare, theirs))
    return median(ours[WARM:]) * 1e3, median(floor[WARM:]) * 1e3


def _ours(engine: Engine, rules: ActiveRules, bare: Bare, cases: list[int]) -> float:
    _make_due(bare, cases)
    began = perf_counter()
    ticked = tick(engine, rules, lambda _channel, _ids: None, NOW)
    took = perf_counter() - began
    assert ticked.looked == len(cases), ticked
    assert ticked.hinted == ticked.notices > 0, ticked
    with bare.transaction():  # the workers' part: what stays ready is hinted at again after a while
        bare.run("UPDATE deliveries SET state = 'sent' WHERE state = 'ready'")
    return took


def _make_due(bare: Bare, cases: list[int]) -> None:
    values = [(micros(NOW), case) for case in cases]
    with bare.transaction():
        bare.many(
            "UPDATE agenda SET due_at = ? WHERE subject_kind = 'case' AND subject_id = ?"
            " AND ladder = 'case-due'",
            values,
        )


_PERSONS = 72
_INTO = {
    "decisions": "subject_kind, subject_id, ladder, rung, anchor_version, occurrence, outcome, instant,"
    " decided_at, release_at, released_at, campaign_id, rules, inputs",
    "notices": "id, person_id, campaign_id, bundle, moment, legs, act, audience, state, created_at",
    "items": "decision_id, person_id, role, unit_id, part, line, state, opened_at, notice_id",
    "deliveries": "notice_id, leg, channel, state, next_attempt_at, hinted_at",
}


def _floor(bare: Bare, cases: list[int]) -> float:
    """Read and write as many rows as our tick does, with the bare driver in one transaction."""
    _make_due(bare, cases)
    at = micros(NOW)
    next_notice = 1_000_000 + bare.rows("SELECT coalesce(max(id), 0) FROM notices")[0][0]
    inputs = '{"anchor": "due", "anchor_on": "2018-12-06", "day": "2018-12-03"}'
    decided = ("case-due", "remind", 1, "", "said", at, at, at, at, 1, "bare", inputs)
    began = perf_counter()
    with bare.transaction():
        due = bare.rows(
            "SELECT subject_id FROM agenda WHERE due_at <= ? AND due_at IS NOT NULL AND set_aside IS NULL"
            " ORDER BY due_at LIMIT 500",
            [at],
        )
        ids = [row[0] for row in due]
        bare.among("SELECT * FROM cases WHERE id IN ({})", ids)
        bare.among("SELECT * FROM agenda WHERE subject_kind = 'case' AND subject_id IN ({})", ids)
        bare.among("SELECT * FROM decisions WHERE subject_kind = 'case' AND subject_id IN ({})", ids)
        bare.rows("SELECT * FROM units")
        bare.rows("SELECT * FROM persons")
        bare.rows("SELECT * FROM posts")
        bare.many(
            "UPDATE agenda SET due_at = ?, version = version + 1 WHERE subject_kind = 'case'"
            " AND subject_id = ? AND ladder = 'case-due' AND version = 1",
            [(micros(TODAY) + 10**14, number) for number in ids],
        )
        _insert(bare, "decisions", [("case", number, *decided) for number in ids])
        made = bare.among(
            "SELECT id, subject_id FROM decisions WHERE subject_kind = 'case' AND rung = 'remind'"
            " AND subject_id IN ({})",
            ids,
        )
        legs = '[["wecom"], ["sms", "email"]]'
        notice = (1, "morning", at, legs, "reminder", "unit", "sent", at)
        _insert(bare, "notices", [(next_notice + n, n + 1, *notice) for n in range(_PERSONS)])
        items = [
            (decision, 3 * (subject % 36) + seat, "unit.liaison", 1, "to", 0, "said", at, next_notice + seat)
            for decision, subject in made
            for seat in (2, 3)
        ]
        _insert(bare, "items", items)
        sent = (0, "wecom", "sent", at, at)
        _insert(bare, "deliveries", [(next_notice + n, *sent) for n in range(_PERSONS)])
    return perf_counter() - began


def _insert(bare: Bare, table: str, rows: list[tuple[Any, ...]]) -> None:
    marks = ",".join("?" * len(rows[0]))
    bare.many(f"INSERT INTO {table} ({_INTO[table]}) VALUES ({marks})", rows)
