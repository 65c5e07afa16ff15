"""Activate: check a rule set whole, store it, swap it in for every host. A faulty one changes nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from daemon.config import document
from daemon.config.compiled import RuleSet, compile_rules
from daemon.config.history import History, Renamed, dump_history, parse_history, rung_history
from daemon.config.source import LADDERS, RuleSource
from daemon.domain.readiness import Finding
from daemon.domain.why import ROLE_TITLES
from daemon.domain.workdays import local_day
from daemon.errors import Fault, FaultyInputError, NotFoundError
from daemon.store import agenda, cases, mutes, roster, rules, settings, subjects
from daemon.store.engine import reading, writing
from daemon.store.rules import Activation

TOUCHING = "touching"
PAUSE = 0.02
"""Seconds between two chunks, so that on SQLite the workers come in between."""
_NOTHING: Renamed = {}


@dataclass(frozen=True, slots=True)
class Activated:
    """What an activation did: the ladders it changed, and how many subjects are looked at for it.

    Of the first one all ladders are new.
    """

    hash: str
    changed: tuple[str, ...]
    touched: int
    new_subjects: int


def activate(
    engine: Engine,
    source: RuleSource,
    now: datetime,
    *,
    by: str = "",
    note: str = "",
    renamed: Renamed = _NOTHING,
) -> Activated:
    """Make ``source``, which has been checked, the active rule set; ``renamed`` are rungs that were others.

    What is due by the rules in force is to be planned before (``loop.plan_due``): what a rung would have said
    before its activation is not owed.

    It makes the filings, targets and phases that the rules name, and then looks again at the subjects on
    ladders that changed (all of them where the calendar did), in chunks. The one already active is not stored
    again. Raise ``FaultyInputError`` where its names claim a past that is another's.
    """
    with writing(engine) as connection:
        settings.lock(connection, "rules")  # one host at a time
        before = rules.active(connection)
        if before and before.hash == source.hash:
            rule_set = _compiled(connection, before)
            made = subjects.ensure(connection, rule_set.campaigns, rule_set.ladders, now)
            return Activated(source.hash, (), 0, made)
        change = change_of(connection, before, source, now, renamed)
        rule_set = change.after
        stored = dump_history(change.history)
        rules.activate(connection, source.hash, source.to_blob(), stored, by, note, now)
        _rename_ladders(connection, change)
        made = subjects.ensure(connection, rule_set.campaigns, rule_set.ladders, now)
        _enter_cases(connection, rule_set, now)
        _begin_touching(connection, change.changed, now)
    changed = change.changed if before else tuple(rule_set.ladders)
    return Activated(source.hash, changed, touch_on(engine), made)


@dataclass(frozen=True, slots=True)
class Change:
    """What an activation changes: the rules before and after, and the ladders that are looked at again."""

    before: RuleSet | None
    after: RuleSet
    history: History
    changed: tuple[str, ...]


def change_of(
    connection: Connection,
    before: Activation | None,
    source: RuleSource,
    now: datetime,
    renamed: Renamed = _NOTHING,
) -> Change:
    """Return what activating ``source`` in the place of ``before`` changes. Nothing is stored."""
    if before is None:
        return Change(None, compile_rules(source), {}, ())
    old, past = source_of(connection, before.hash), parse_history(before.history)
    history = rung_history(old, past, source, now, renamed)
    old_rules, new_rules = compile_rules(old, past), compile_rules(source, history)
    return Change(old_rules, new_rules, history, _changed(old_rules, new_rules))


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
        for ladder, rung in (name.split("/") for name in finding.rungs)
    ]


def _vacant(finding: Finding) -> tuple[str, str]:
    seats = "、".join(ROLE_TITLES[role] for role in finding.roles)
    return f"{seats}今天无人在任，报领导小组的这一级无人可收", "请在名录里补上任职人员并导入，或改送其他岗位"


def _changed(old: RuleSet, new: RuleSet) -> tuple[str, ...]:
    """Return the ladders that are to be looked at again: all, where the calendar or a campaign changed."""
    if old.calendar != new.calendar or old.campaigns != new.campaigns:
        return tuple(new.ladders)
    return tuple(name for name, ladder in new.ladders.items() if old.ladders.get(name) != ladder)


def _rename_ladders(connection: Connection, change: Change) -> None:
    """Let the subjects of a ladder go on under its new name."""
    for ladder in change.after.ladders.values():
        for name in ladder.was:
            old = change.before.ladders.get(name) if change.before else None
            if old is not None and old.id == name and old.about is ladder.about:
                agenda.rename(connection, name, ladder.id)
                mutes.rename_ladder(connection, name, ladder.id)


def _begin_touching(connection: Connection, ladders: Sequence[str], now: datetime) -> None:
    """Note which ladders are to be looked at again, so that a crash between two chunks loses nothing."""
    unfinished = settings.get(connection, TOUCHING) or {"ladders": []}
    wanted = sorted({*unfinished["ladders"], *ladders})
    if wanted:
        settings.put(connection, TOUCHING, {"ladders": wanted, "now": now.isoformat(), "after": None})


def touch_on(engine: Engine, pause: Callable[[float], object] = time.sleep) -> int:
    """Look again, chunk by chunk, at what the last activation changed; return how many rows.

    Two at once do no harm: each chunk moves one mark, which is kept with the rows it stands for.
    """
    touched = 0
    with reading(engine) as connection:
        waiting = bool(settings.get(connection, TOUCHING))
    while waiting:
        with writing(engine) as connection:
            settings.lock(connection, TOUCHING)
            mark = settings.get(connection, TOUCHING)
            if not mark:
                break
            after = tuple(mark["after"]) if mark["after"] else None
            now = datetime.fromisoformat(mark["now"])
            count, last = agenda.touch_some(connection, mark["ladders"], now, after)
            settings.put(connection, TOUCHING, {**mark, "after": last} if last else None)
        touched += count
        waiting = last is not None
        pause(PAUSE if waiting else 0)
    return touched


def _enter_cases(connection: Connection, rule_set: RuleSet, now: datetime) -> None:
    """Put the cases on file on ladders that are new; the rungs know since when they speak."""
    mine = [ladder for ladder in rule_set.ladders.values() if ladder.about.value == "case"]
    cases.enter_missing(connection, mine, now)


def source_in_force(connection: Connection) -> RuleSource:
    """Return the rules in force as they were written."""
    activation = rules.active(connection)
    if activation is None:
        raise NotFoundError("还没有启用规则：请先运行 duban run 或 duban reload")
    return source_of(connection, activation.hash)


def source_of(connection: Connection, hash_: str) -> RuleSource:
    """Return a stored rule set as it was written; raise ``NotFoundError`` where there is none."""
    blob = rules.blob(connection, hash_)
    if blob is None:
        raise NotFoundError(f"数据库里没有规则 {hash_[:12]}：请核对数据库是否完整")
    return RuleSource.from_blob(blob)


def _compiled(connection: Connection, activation: Activation) -> RuleSet:
    return compile_rules(source_of(connection, activation.hash), parse_history(activation.history))


class ActiveRules:
    """The active rule set, compiled once and again when it changes. Safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._activation: int | None = None
        self._rule_set: RuleSet | None = None

    def __call__(self) -> RuleSet:
        with reading(self._engine) as connection, self._lock:
            if self._rule_set is None or rules.active_id(connection) != self._activation:
                activation = rules.active(connection)
                if activation is None:
                    raise NotFoundError("还没有启用规则：请先运行 duban run 或 duban reload")
                self._rule_set = _compiled(connection, activation)
                self._activation = activation.id
            return self._rule_set
