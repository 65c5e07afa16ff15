"""Scan: read what is due, plan it, settle what is owed. Planning happens outside any transaction."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from daemon import clock
from daemon.config.compiled import RuleSet
from daemon.domain.ladder import Subject
from daemon.domain.plan import Outcome, Plan, plan
from daemon.domain.windows import release_slot
from daemon.errors import StaleRulesError
from daemon.store import agenda, batches, decisions, facts, rules
from daemon.store.agenda import AgendaRow
from daemon.store.decisions import NewDecision
from daemon.store.engine import chunks, reading, writing

log = logging.getLogger(__name__)
BATCH = 500
PAUSE = 0.02
ABANDONED = timedelta(seconds=60)
"""A batch noted longer ago than this (wall time) has lost its scanner."""


@dataclass(frozen=True, slots=True)
class Planned:
    row: AgendaRow
    plan: Plan
    campaign: int


def scan(
    engine: Engine,
    rule_set: RuleSet,
    now: datetime,
    *,
    batch: int = BATCH,
    pause: Callable[[float], object] = time.sleep,
    alive: Callable[[], object] = lambda: None,
) -> int:
    """Look at all that is due, batch by batch, until nothing is; return how many rows were looked at.

    After a full batch it pauses, so that on SQLite the workers come in between. ``alive`` is called after
    each.
    """
    looked = recover(engine, rule_set, now)
    while True:
        with reading(engine) as connection:
            rows = agenda.due(connection, now, batch)
        if not rows:
            return looked
        looked += look(engine, rule_set, rows, now)
        alive()
        pause(PAUSE if len(rows) == batch else 0)


def scan_subjects(engine: Engine, rule_set: RuleSet, subjects: Iterable[Subject], now: datetime) -> None:
    """Look at these subjects alone, whatever else is due."""
    kinds = agenda.by_kind(dict.fromkeys(subjects))
    with reading(engine) as connection:
        found = [agenda.of_subjects(connection, kind, ids) for kind, ids in kinds.items()]
    rows = [row for of_kind in found for of_one in of_kind.values() for row in of_one]
    for some in chunks([row for row in rows if row.due_at and row.due_at <= now], BATCH):
        look(engine, rule_set, some, now)


def recover(engine: Engine, rule_set: RuleSet, now: datetime) -> int:
    """Take up what a dead scanner had in hand, one row at a time; a row that kills again is set aside."""
    before = clock.wall() - ABANDONED
    with reading(engine) as connection:
        if not batches.any_abandoned(connection, before):
            return 0
    looked = 0
    with writing(engine) as connection:
        keys, killers = batches.take_abandoned(connection, before)
        for row in agenda.rows_of(connection, killers):
            agenda.set_aside(connection, row, "查看它时扫描进程屡次中断")
            log.error("agenda row set aside", extra={"row": row.key})
    for key, deaths in keys:
        with reading(engine) as connection:
            rows = [row for row in agenda.rows_of(connection, [key]) if row.due_at and row.due_at <= now]
        looked += look(engine, rule_set, rows, now, deaths) if rows else 0
    return looked


def look(engine: Engine, rule_set: RuleSet, rows: Sequence[AgendaRow], now: datetime, deaths: int = 0) -> int:
    """Plan and settle one batch. What it has in hand is noted before, so a row that kills is found."""
    with writing(engine) as connection:
        note = batches.note(connection, [row.key for row in rows], clock.wall(), deaths)
    try:
        planned = plan_rows(engine, rule_set, rows, now)
        new = _decided(rule_set, planned, now)
        try:
            with writing(engine) as connection:
                _store(connection, rule_set, planned, new, now)
                batches.forget(connection, note)
            return len(rows)
        except (_ChangedError, IntegrityError, DataError):
            _store_one_by_one(engine, rule_set, planned, now)
    except Exception:
        # This process lives, so no row of the batch is to blame for a death.
        _forget(engine, note)
        raise
    _forget(engine, note)
    return len(rows)


def _forget(engine: Engine, note: int) -> None:
    try:
        with writing(engine) as connection:
            batches.forget(connection, note)
    except DBAPIError:
        log.warning("cannot forget a batch; it will be looked at again", extra={"batch": note})


def plan_rows(engine: Engine, rule_set: RuleSet, rows: Sequence[AgendaRow], now: datetime) -> list[Planned]:
    """Plan rows on one snapshot; one that cannot be read or planned is set aside, the others go on."""
    planned: list[Planned] = []
    broken: list[tuple[AgendaRow, str]] = []
    with reading(engine) as connection:
        # Where a row stands was read with its version: if that has moved since, nothing of this is stored.
        known = facts.load(connection, (row.subject for row in rows), rule_set.campaigns, ladders=())
        settled = decisions.settled(connection, rows, rule_set.ladders)
        for row in rows:
            ladder, about = rule_set.ladders.get(row.ladder), known.facts.get(row.subject)
            if row.subject in known.unreadable:
                broken.append((row, known.unreadable[row.subject]))
                continue
            if ladder is None or about is None:
                # The ladder or its campaign has gone: nothing to ask until the rules change again.
                planned.append(Planned(row, Plan((), None, row.resting), 0))
                continue
            try:
                standing = about.standing_on(row.ladder, row.standing)
                made = plan(standing, ladder, rule_set.calendar, settled[row.key], now, row.rest)
            except Exception as fault:
                log.exception("cannot plan", extra={"row": row.key})
                broken.append((row, f"{type(fault).__name__}: {fault}"))
                continue
            planned.append(Planned(row, made, known.campaign_of(row.subject)))
    _put_aside(engine, broken)
    return planned


def _put_aside(engine: Engine, broken: Iterable[tuple[AgendaRow, str]]) -> None:
    for row, why in broken:
        with writing(engine) as connection:
            agenda.set_aside(connection, row, why)


class _ChangedError(Exception):
    """A row was not as it had been read."""


def _store(
    connection: Connection,
    rule_set: RuleSet,
    planned: Sequence[Planned],
    new: Sequence[NewDecision],
    now: datetime,
) -> None:
    advanced = agenda.advance(connection, [(p.row, p.plan) for p in planned])
    if advanced != len(planned):
        raise _ChangedError
    if rules.active_hash(connection) != rule_set.hash:
        raise StaleRulesError
    decisions.put(connection, new, rule_set.hash, now)


def _store_one_by_one(engine: Engine, rule_set: RuleSet, planned: Sequence[Planned], now: datetime) -> None:
    """Store row by row: one that another scanner was faster with is left, one that fails is set aside."""
    for one in planned:
        try:
            with writing(engine) as connection:
                _store(connection, rule_set, [one], _decided(rule_set, [one], now), now)
        except _ChangedError:
            log.info("row changed while it was planned", extra={"row": one.row.key})
        except (IntegrityError, DataError) as fault:
            log.exception("cannot store", extra={"row": one.row.key})
            _put_aside(engine, [(one.row, f"{type(fault).__name__}: {fault.orig}")])


def _decided(rule_set: RuleSet, planned: Sequence[Planned], now: datetime) -> list[NewDecision]:
    """Return what is to be stored of plans; many are released at one slot, which is looked up once."""
    slots: dict[tuple[str, datetime], datetime] = {}
    made: list[NewDecision] = []
    for one in planned:
        for settlement in one.plan.settlements:
            release_at = None
            if settlement.outcome is Outcome.SAID:
                rung = rule_set.ladders[one.row.ladder].rung(settlement.rung)
                assert rung is not None
                key = (rung.bundle, settlement.instant)
                if key not in slots:
                    slots[key] = _slot(rule_set, *key, now)
                release_at = slots[key]
            made.append(NewDecision(one.row, settlement, release_at, one.campaign))
    return made


def _slot(rule_set: RuleSet, bundle: str, instant: datetime, now: datetime) -> datetime:
    zone = instant.tzinfo or UTC
    return release_slot(rule_set.bundles.get(bundle), instant, now, rule_set.window, rule_set.calendar, zone)
