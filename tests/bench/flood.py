"""What 100,000 subjects that are due at once cost: plan, decide, release, render, store.

The floor reads once what a bare program must, keeps it in memory, writes the same rows with the bare driver,
many to a statement, and renders the same texts with bare Jinja2 (that they are the same is asserted); it
looks at nothing, guards nothing and commits three times in all. ``ratio`` is ours over the floor, the worse
of the two databases. It ends where the bytes would leave: from there on it is one commit a send on purpose,
and `deliver` measures that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from sqlalchemy import Engine, func, select

from daemon.activate import ActiveRules
from daemon.attempt import Letter
from daemon.config.compiled import RuleSet
from daemon.deliver import Deliverer
from daemon.loop import HINTS_AT_ONCE, hint_due
from daemon.release import release
from daemon.render.wording import FILTERS
from daemon.scan import scan
from daemon.simulate import Collected
from daemon.store.engine import reading
from daemon.store.tables import notices
from tests.bench.county import NOW, County, found, line, micros, told
from tests.bench.setting import Bare, Setting, Watch, forget_peak, opened, peak_mb

PER_UNIT = 20
HINTED = 16
"""So many ids go to a message (jobs/hints.py)."""
MADE = ("decisions", "notices", "items", "deliveries")


def measure(setting: Setting) -> dict[str, Any]:
    subjects = setting.size(100_000, 5_000)
    each = {kind: _on(kind, subjects, setting) for kind in setting.databases}
    return {
        "ratio": max(figures["ratio"] for figures in each.values()),
        "goal": 3.0,
        "subjects": subjects,
        **each,
    }


def _on(kind: str, subjects: int, setting: Setting) -> dict[str, Any]:
    county = County(subjects, subjects // PER_UNIT, due=True)
    with opened(kind) as engine, opened(kind) as other:
        rule_set = found(engine, county)
        found(other, county)
        setting.progress(f"flood: {kind}, {subjects:,} due at once")
        forget_peak()
        ours, letters = _ours(engine, setting)
        peak = peak_mb()
        with Bare(engine) as bare:
            made = {table: bare.rows(f"SELECT * FROM {table} ORDER BY id") for table in MADE}
        assert len(made["decisions"]) == subjects, len(made["decisions"])
        floor, texts = _floor(other, made, rule_set, setting)
        _assert_same(letters, texts)
    return {
        "ratio": round(ours.total / floor.total, 2),
        "seconds": round(ours.total, 1),
        "floor_seconds": round(floor.total, 1),
        "subjects_a_second": round(subjects / ours.total),
        "notices": len(made["notices"]),
        "ours": ours.rounded(),
        "floor": floor.rounded(),
        "peak_mb": peak,
    }


def _ours(engine: Engine, setting: Setting) -> tuple[Watch, list[Letter]]:
    """Plan, decide and release all; claim, look at and render all, up to where the bytes would leave."""
    rules, watch = ActiveRules(engine), Watch()
    rule_set = rules()
    letters: list[Letter] = []
    deliverer = Deliverer(engine, rules, lambda rule_set: dict.fromkeys(rule_set.channels, Collected))

    def hand_over(channel: str, ids: Sequence[int]) -> None:
        for start in range(0, len(ids), HINTED):
            letters.extend(deliverer.letters(channel, ids[start : start + HINTED], rule_set, NOW))

    with watch.on("plan, decide"):
        scan(engine, rule_set, NOW, pause=lambda _seconds: None)
    setting.progress(f"planned and decided: {watch.total:.1f} s")
    with watch.on("release"):
        release(engine, rule_set, NOW)
    setting.progress(f"released: {watch.total:.1f} s")
    with watch.on("claim, look, render"):
        assert hint_due(engine, hand_over, NOW) <= HINTS_AT_ONCE * 1000
    setting.progress(f"looked at and rendered: {watch.total:.1f} s")
    with reading(engine) as connection:
        assert len(letters) == connection.execute(select(func.count()).select_from(notices)).scalar()
    return watch, letters


_RELEASED = "UPDATE decisions SET released_at = ? WHERE id = ?"
_CLAIMED = "UPDATE deliveries SET state = 'sending', claim = 1, lease_until = ? WHERE id = ?"


def _floor(
    engine: Engine, made: Mapping[str, list[Any]], rule_set: RuleSet, setting: Setting
) -> tuple[Watch, dict[int, str]]:
    watch, at = Watch(), micros(NOW)
    with Bare(engine) as bare:
        with watch.on("plan, decide"):
            due = bare.rows(
                "SELECT * FROM agenda WHERE due_at <= ? AND due_at IS NOT NULL AND set_aside IS NULL", [at]
            )
            ids = [row[1] for row in due]
            cases = bare.among("SELECT * FROM cases WHERE id IN ({})", ids)
            bare.among("SELECT * FROM agenda WHERE subject_kind = 'case' AND subject_id IN ({})", ids)
            bare.among("SELECT * FROM decisions WHERE subject_kind = 'case' AND subject_id IN ({})", ids)
            with bare.transaction():
                bare.many(
                    "UPDATE agenda SET due_at = ?, version = version + 1 WHERE subject_kind = 'case'"
                    " AND subject_id = ? AND ladder = 'case-due' AND version = 1",
                    [(at + 10**14, number) for number in ids],
                )
                bare.insert_whole("decisions", made["decisions"])
        with watch.on("release"):
            bare.rows("SELECT * FROM persons")
            bare.rows("SELECT * FROM posts")
            with bare.transaction():
                for table in ("notices", "items", "deliveries"):
                    bare.insert_whole(table, made[table])
                bare.many(_RELEASED, [(at, row[0]) for row in made["decisions"]])
        with watch.on("claim, look, render"):
            texts = _render(made, cases, rule_set)
            with bare.transaction():
                bare.many(_CLAIMED, [(at, row[0]) for row in made["deliveries"]])
    setting.progress(f"floor: {watch.total:.1f} s")
    return watch, texts


def _render(made: Mapping[str, list[Any]], cases: Sequence[Any], rule_set: RuleSet) -> dict[int, str]:
    """Render each notice's text with the shipped template in a plain environment; return them by notice."""
    plain = Environment(loader=DictLoader(dict(rule_set.templates)), undefined=StrictUndefined)
    plain.filters |= FILTERS
    template = plain.get_template("wecom/reminder.unit.j2")
    enterprises = {row[0]: row[4] for row in cases}
    subject_of = {row[0]: row[2] for row in made["decisions"]}
    lines: dict[int, list[dict[str, object]]] = {}
    for item in made["items"]:
        number = subject_of[item[1]]
        each = line(f"PS-2018-{number:07}", enterprises[number])
        lines.setdefault(item[11], []).append(each)
    return {notice[0]: template.render(told(lines[notice[0]])) for notice in made["notices"]}


def _assert_same(letters: Sequence[Letter], texts: Mapping[int, str]) -> None:
    """The floor must say what we say, or it did less."""
    for letter in (letters[0], letters[-1]):
        content = letter.frozen["content"]
        ours = f"{content['title']}\n{content['description']}".splitlines()
        theirs = [line.strip() for line in texts[letter.claimed.notice].splitlines()]
        assert ours == list(filter(None, theirs)), (ours, theirs)
