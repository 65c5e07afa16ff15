"""Simulate: the real pipeline on a throw-away database, with a virtual clock and nobody at the other end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, Engine, and_, delete, func, insert, select

from daemon import acts, clock
from daemon.activate import ActiveRules, activate
from daemon.channels import Message, Receipt
from daemon.config.compiled import RuleSet
from daemon.config.source import RuleSource
from daemon.deliver import Deliverer
from daemon.domain.plan import Outcome
from daemon.domain.workdays import Span
from daemon.draft import documents
from daemon.errors import FaultyInputError
from daemon.intake import History, check_sheets, first_of_each, import_sheets
from daemon.loop import busy, next_instant, tick
from daemon.scan import scan_subjects
from daemon.service.memory import seldom_collected
from daemon.sheets import CaseRow, Sheet
from daemon.store import agenda, holds, mode, notices, report
from daemon.store.engine import open_engine, reading, writing
from daemon.store.tables import decisions, metadata

APPROVER = "自动审签（演示）"
Progress = Callable[[datetime], None]


class Collected:
    """A channel that takes everything and remembers nothing: the database holds what was said."""

    def send(self, message: Message) -> Receipt:
        return Receipt(f"simulated:{message.key}")

    def close(self) -> None:
        """Nothing is kept open."""


@dataclass(frozen=True, slots=True)
class Script:
    """Something that happens in the office at an instant of virtual time (a filing handed in)."""

    at: datetime
    act: Callable[[datetime], None]


@dataclass
class World:
    """A campaign in virtual time: what happens, and the pipeline that answers. Shared by simulate and demo.

    ``jump`` sets the clock that every process reads; ``settle`` returns when all that is due has been
    delivered; ``approve`` says that what wants approval is approved at once.
    """

    engine: Engine
    rules: Callable[[], RuleSet]
    history: History | None
    scripts: Sequence[Script]
    jump: Callable[[datetime], None]
    tick_and_settle: Callable[[datetime], None]
    progress: Progress = lambda _now: None
    approve: bool = True

    def run(self, start: datetime, end: datetime) -> None:
        """Let the time from ``start`` to ``end`` pass, instant by instant."""
        scripts = sorted(self.scripts, key=lambda script: script.at)
        now = start
        while now <= end:
            self.jump(now)
            self._happen(now, scripts)
            self._work(now)
            self.progress(now)
            following = self._next(now, scripts)
            if following is None:
                return
            now = following

    def _happen(self, now: datetime, scripts: list[Script]) -> None:
        """Let events come before the rungs of their moment; between two of one case look at it alone."""
        while scripts and scripts[0].at <= now:
            scripts.pop(0).act(now)
        events = self.history.due(now) if self.history else []
        while self.history and events:
            first, events = first_of_each(events)
            happened = self.history.happen(first, now)
            between = [happened[event.no] for event in events if event.no in happened]
            scan_subjects(self.engine, self.rules(), between, now)

    def _work(self, now: datetime) -> None:
        self.tick_and_settle(now)
        while self.approve and let_all_leave(self.engine, self.rules(), now):
            self.tick_and_settle(now)

    def _next(self, now: datetime, scripts: Sequence[Script]) -> datetime | None:
        with reading(self.engine) as connection:
            ahead = next_instant(connection, self.rules(), now)
        moments = [
            ahead,
            self.history.next_at if self.history else None,
            scripts[0].at if scripts else None,
        ]
        following = min((m for m in moments if m is not None), default=None)
        # What is due and could not be done is tried again a second later: the clock never stands still.
        return max(following, now + timedelta(seconds=1)) if following else None


def let_all_leave(engine: Engine, rule_set: RuleSet, now: datetime) -> int:
    """Approve what waits, and let go what the gate on floods holds; return how many."""
    with reading(engine) as connection:
        held, waiting = holds.held(connection), notices.waiting(connection)
    let_go = acts.let_go(engine, rule_set, APPROVER, now) if held else []
    return len(let_go) + (approve_all(engine, rule_set, now) if waiting else 0)


def approve_all(engine: Engine, rule_set: RuleSet, now: datetime) -> int:
    """Approve every document that waits, in the name of the demonstration; return how many."""
    with reading(engine) as connection:
        waiting = notices.waiting(connection)
    done: set[int] = set()
    for number in waiting:
        if number not in done:
            done.update(
                acts.approve(
                    engine, rule_set, number, APPROVER, now, documents(engine, rule_set, number, now)
                )
            )
    return len(done)


def deliver_here(
    engine: Engine, deliverer: Deliverer, rules: Callable[[], RuleSet]
) -> Callable[[datetime], None]:
    """Return a tick whose hints are carried out on the spot: the worker's code, without Redis."""

    def tick_and_settle(now: datetime) -> None:
        while True:
            # Nobody else is there to come in between.
            tick(
                engine,
                rules,
                lambda channel, ids: deliverer.deliver(channel, ids, now),
                now,
                pause=lambda _seconds: None,
            )
            with reading(engine) as connection:
                if not busy(connection, now) and not notices.has_unbound(connection, now):
                    return

    return tick_and_settle


@contextmanager
def throw_away(source: Engine | None, start: datetime | None = None) -> Iterator[Engine]:
    """Copy everything that says what is, and nothing that was said, into a database that is thrown away.

    Of rungs that repeat the last slot before ``start`` is kept, as one that is settled: from there the next
    ones are counted. Without a source it is empty.
    """
    with TemporaryDirectory(prefix="duban-simulate-") as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'simulate.db'}", durable=False)
        metadata.create_all(engine)
        with writing(engine) as connection:
            mode.go_live(connection, clock.now())  # it says what a live run would say
        if source is not None:
            with reading(source) as old, writing(engine) as new:
                for name in COPIED:
                    _copy(old, new, name)
                if start is not None:
                    _copy_last_slots(old, new, start)
        try:
            yield engine
        finally:
            engine.dispose()


COPIED = (
    "units",
    "persons",
    "posts",
    "acting",
    "campaigns",
    "subjects",
    "cases",
    "events",
    "tally",
    "agenda",
    "signatures",
    "mutes",
)


def _copy(old: Connection, new: Connection, name: str) -> None:
    table = metadata.tables[name]
    rows = [dict(row._mapping) for row in old.execute(select(table))]
    if rows:
        new.execute(insert(table), rows)


def _copy_last_slots(old: Connection, new: Connection, start: datetime) -> None:
    d = decisions.c
    key = (d.subject_kind, d.subject_id, d.ladder, d.rung, d.anchor_version, d.campaign_id)
    last = (func.max(column).label(column.name) for column in (d.occurrence, d.instant, d.decided_at))
    slots = select(*key, *last).where(d.occurrence != "", d.instant < start).group_by(*key)
    kept = {"outcome": Outcome.WHEN, "rules": "", "inputs": {}}
    rows = [{**row._mapping, **kept} for row in old.execute(slots)]
    if rows:
        new.execute(insert(decisions), rows)


def _forget_slots(connection: Connection, rule_set: RuleSet) -> None:
    """Keep the last slots of rungs that count working days; weeks and months are counted from ``at``."""
    d = decisions.c
    for ladder in rule_set.ladders.values():
        for rung in ladder.rungs:
            step = rung.wording.every.step if rung.wording.every else None
            if step is None or step.span is not Span.WORKDAYS:
                mine = and_(d.ladder == ladder.id, d.rung == rung.id)
                connection.execute(delete(decisions).where(mine))


@dataclass(frozen=True)
class Simulation:
    """One run: where it begins and ends, and what happens in it."""

    start: datetime
    end: datetime
    history: Sequence[CaseRow] = ()


def prepare(
    engine: Engine, source: RuleSource, start: datetime, people: Sheet | None, history: Sheet | None
) -> Sequence[CaseRow]:
    """Activate the rules as if they had always been there, import people, and check the history.

    Return the history's rows; raise ``FaultyInputError`` with every fault.
    """
    activate(engine, source, start, by="推演")
    rule_set = ActiveRules(engine)()
    with writing(engine) as connection:
        _forget_slots(connection, rule_set)
    if people is not None:
        import_sheets(engine, rule_set, [people], start, by="推演")
    if history is None:
        return ()
    if faults := check_sheets(engine, [history]):
        raise FaultyInputError(faults)
    return history.cases


def simulate(
    engine: Engine, simulation: Simulation, progress: Progress = lambda _now: None
) -> Iterator[Mapping[str, Any]]:
    """Run a simulation on ``engine``, a throw-away copy; then yield what it said, one mapping a notice.

    What existed before the start is from that day on; what the history brings on or after it enters.
    """
    rule_set = ActiveRules(engine)()

    def rules() -> RuleSet:
        return rule_set  # nobody else activates any here

    with virtual_time(simulation.start), seldom_collected():
        history = History(engine, rule_set, simulation.history) if simulation.history else None
        set_scene(engine, history, simulation.start)
        deliverer = Deliverer(
            engine, rules, lambda rule_set: dict.fromkeys(rule_set.channels, Collected), together=True
        )
        world = World(
            engine,
            rules,
            history,
            (),
            clock.stand_still,
            deliver_here(engine, deliverer, rules),
            progress,
        )
        world.run(simulation.start, simulation.end)
    return _said(engine, rule_set)


def _said(engine: Engine, rule_set: RuleSet) -> Iterator[Mapping[str, Any]]:
    with reading(engine) as connection:
        yield from report.said(connection, rule_set.campaigns, rule_set.ladders)


def set_scene(engine: Engine, history: History | None, start: datetime) -> None:
    """Put on file what the history says of before the start; nothing before that day is owed."""
    if history:
        history.happen(history.due(start - timedelta(microseconds=1)), start)
    with writing(engine) as connection:
        agenda.restart_all(connection, start)


@contextmanager
def virtual_time(start: datetime) -> Iterator[None]:
    """Let office time be virtual for a while, in this process."""
    clock.stand_still(start)
    try:
        yield
    finally:
        clock.stand_still(None)
