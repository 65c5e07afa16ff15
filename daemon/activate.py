"""Activate: check a rule set whole, store it, swap it in for every host. A faulty one changes nothing."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from daemon.config import document
from daemon.config.compiled import RuleSet, compile_rules
from daemon.config.history import dump_history, parse_history, rung_history
from daemon.config.source import LADDERS, RuleSource
from daemon.domain.readiness import Finding
from daemon.domain.why import ROLE_TITLES
from daemon.domain.workdays import local_day
from daemon.errors import Fault, FaultyInputError, NotFoundError
from daemon.store import agenda, cases, roster, rules, settings, subjects
from daemon.store.engine import reading, writing
from daemon.store.rules import Activation


@dataclass(frozen=True, slots=True)
class Activated:
    """What an activation did: the ladders it changed, and how many subjects are looked at for it."""

    hash: str
    changed: tuple[str, ...]
    touched: int
    new_subjects: int


def activate(engine: Engine, source: RuleSource, now: datetime, *, by: str = "", note: str = "") -> Activated:
    """Make ``source``, which has been checked, the active rule set.

    What is due by the rules in force is to be planned before (``loop.plan_due``): what a rung would have said
    before its activation is not owed.

    It touches only subjects on ladders that changed (all of them where the calendar did), and makes the
    filings, targets and phases that it names. The one already active is not stored again.
    """
    with writing(engine) as connection:
        settings.lock(connection, "rules")  # one host at a time
        before = rules.active(connection)
        if before and before.hash == source.hash:
            rule_set = _compiled(connection, before)
            made = subjects.ensure(connection, rule_set.campaigns, rule_set.ladders, now)
            return Activated(source.hash, (), 0, made)
        old = _source(connection, before) if before else None
        history = rung_history(old, parse_history(before.history), source, now) if before and old else {}
        rule_set = compile_rules(source, history)
        changed = (
            _changed(compile_rules(old, parse_history(before.history)), rule_set) if before and old else ()
        )
        stored = dump_history(history)
        rules.activate(connection, source.hash, source.to_blob(), stored, by, note, now)
        made = subjects.ensure(connection, rule_set.campaigns, rule_set.ladders, now)
        _enter_cases(connection, rule_set, now)
        touched = agenda.touch_ladders(connection, changed, now) if changed else 0
    return Activated(source.hash, changed, touched, made)


def refuse_silent_group(engine: Engine, source: RuleSource, now: datetime) -> None:
    """Refuse rules that are not in force yet and would report to a leading group of which nobody is there.

    Those in force stay in force whatever becomes of the posts: a service that starts again must not stop for
    it. Before any directory is there, nothing is refused. Raise ``FaultyInputError`` with the rungs' places.
    """
    with reading(engine) as connection:
        if rules.active_hash(connection) == source.hash:
            return
        faults = silent_group_faults(connection, source, now)
    if faults:
        raise FaultyInputError(faults)


def silent_group_faults(connection: Connection, source: RuleSource, now: datetime) -> list[Fault]:
    """Return the rungs to the leading group that reach nobody today, where they stand."""
    rule_set = compile_rules(source)
    today = local_day(now, next(iter(rule_set.campaigns.values())).zone)
    findings = roster.silent_group(connection, rule_set.ladders.values(), today)
    written, _ = document.read(LADDERS, source.files[LADDERS])
    assert written is not None
    return [
        written.fault(("ladders", ladder, "rungs", rung, "to"), *_vacant(finding))
        for finding in findings
        for ladder, rung in (name.split(".") for name in finding.rungs)
    ]


def _vacant(finding: Finding) -> tuple[str, str]:
    seats = "、".join(ROLE_TITLES[role] for role in finding.roles)
    return f"{seats}今天无人在任，报领导小组的这一级无人可收", "请在名录里补上任职人员并导入，或改送其他岗位"


def _changed(old: RuleSet, new: RuleSet) -> tuple[str, ...]:
    """Return the ladders that are to be looked at again: all, where the calendar or a campaign changed."""
    if old.calendar != new.calendar or old.campaigns != new.campaigns:
        return tuple(new.ladders)
    return tuple(name for name, ladder in new.ladders.items() if old.ladders.get(name) != ladder)


def _enter_cases(connection: Connection, rule_set: RuleSet, now: datetime) -> None:
    """Put the cases on file on ladders that are new; the rungs know since when they speak."""
    mine = [ladder for ladder in rule_set.ladders.values() if ladder.about.value == "case"]
    cases.enter_missing(connection, mine, now)


def source_in_force(connection: Connection) -> RuleSource:
    """Return the rules in force as they were written."""
    activation = rules.active(connection)
    if activation is None:
        raise NotFoundError("还没有启用规则：请先运行 duban run 或 duban reload")
    return _source(connection, activation)


def _source(connection: Connection, activation: Activation) -> RuleSource:
    blob = rules.blob(connection, activation.hash)
    if blob is None:
        raise NotFoundError(f"数据库里没有规则 {activation.hash[:12]}：请核对数据库是否完整")
    return RuleSource.from_blob(blob)


def _compiled(connection: Connection, activation: Activation) -> RuleSet:
    return compile_rules(_source(connection, activation), parse_history(activation.history))


class ActiveRules:
    """The active rule set, compiled once and again when it changes. Safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._activation: int | None = None
        self._rule_set: RuleSet | None = None

    def __call__(self) -> RuleSet:
        with reading(self._engine) as connection:
            activation = rules.active(connection)
            if activation is None:
                raise NotFoundError("还没有启用规则：请先运行 duban run 或 duban reload")
            with self._lock:
                if self._rule_set is None or activation.id != self._activation:
                    self._rule_set = _compiled(connection, activation)
                    self._activation = activation.id
                return self._rule_set
