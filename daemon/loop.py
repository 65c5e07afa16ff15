"""The loop: scan, release, sweep, hint — until nothing is due. Each step is a function of now."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, Engine

from daemon import clock
from daemon.activate import touch_on
from daemon.config.compiled import RuleSet
from daemon.deliver import pass_over
from daemon.errors import NotFoundError, RefusedError, StaleRulesError
from daemon.release import release, upcoming_note
from daemon.scan import scan
from daemon.store import agenda, decisions, deliveries, mode, notices, settings
from daemon.store.engine import reading, writing
from daemon.sweep import sweep

log = logging.getLogger(__name__)
Hint = Callable[[str, Sequence[int]], object]
HINT_TERM = timedelta(seconds=30)
HINTS_AT_ONCE = 2000
LEAP = timedelta(days=3)
LAST_TICK = "last_tick"


@dataclass(frozen=True, slots=True)
class Ticked:
    looked: int
    notices: int
    given_back: int
    hinted: int

    @property
    def idle(self) -> bool:
        return not (self.looked or self.notices or self.given_back or self.hinted)


def tick(
    engine: Engine,
    rules: Callable[[], RuleSet],
    hint: Hint,
    now: datetime,
    term: timedelta = HINT_TERM,
    alive: Callable[[], object] = lambda: None,
    pause: Callable[[float], object] = time.sleep,
) -> Ticked:
    """Do all that is due at ``now``. Two of these at once, or one killed anywhere, do no harm.

    A hint older than ``term`` (wall time) is taken for lost. ``alive`` is called between the batches of what
    may take long; ``pause`` lets workers come in between.
    """
    check_clock(engine, now)
    touch_on(engine)  # what an activation that was interrupted left
    looked = made = 0
    while True:
        rule_set = rules()
        try:
            looked += scan(engine, rule_set, now, pause=pause, alive=alive)
            fresh = release(engine, rule_set, now, alive)
        except StaleRulesError:
            log.info("the rule set changed; planning again")
            continue
        made += fresh
        if not fresh:
            break
    hint_known = partial(_hint_known, engine, rules, hint, now)
    return Ticked(looked, made, sweep(engine, now), _hint(engine, hint_known, now, term))


def _hint_known(
    engine: Engine,
    rules: Callable[[], RuleSet],
    hint: Hint,
    now: datetime,
    channel: str,
    ids: Sequence[int],
) -> None:
    """Hint at deliveries whose channel the rules still have; no worker listens for the others."""
    rule_set = rules()
    if channel in rule_set.channels:
        hint(channel, ids)
    else:
        pass_over(engine, rule_set, channel, ids, now)


def _hint(engine: Engine, hint: Hint, now: datetime, term: timedelta) -> int:
    """Hint at what is ready, unless delivery is paused: then nobody would take it up."""
    with reading(engine) as connection:
        earliest = deliveries.next_at(connection)
        waits = earliest is None or earliest > now or mode.read(connection).paused
    return 0 if waits else hint_due(engine, hint, now, term)


def plan_due(engine: Engine, rules: Callable[[], RuleSet], now: datetime) -> int:
    """Plan all that is due by the rules in force, before others take over; 0 where none are in force."""
    try:
        return scan(engine, rules(), now)
    except NotFoundError:
        return 0


def check_clock(engine: Engine, now: datetime) -> None:
    """Refuse to run when the clock went back, or leapt by more than three days, until a person says so."""
    if clock.is_virtual():
        return
    with writing(engine) as connection:
        before = settings.get(connection, LAST_TICK)
        if before:
            last = datetime.fromisoformat(before)
            if now < last - timedelta(seconds=5) or now > last + LEAP:
                raise RefusedError(
                    f"时钟从 {last:%Y-%m-%d %H:%M} 跳到 {now:%Y-%m-%d %H:%M}（UTC），已停止运行。"
                    "请核对系统时间，确认无误后用 duban run --accept-clock 重新启动"
                    "（多机部署：duban scan --accept-clock）"
                )
        settings.put(connection, LAST_TICK, now.isoformat())


def accept_clock(engine: Engine, now: datetime) -> None:
    """A person says that the clock is right."""
    with writing(engine) as connection:
        settings.put(connection, LAST_TICK, now.isoformat())


def hint_due(engine: Engine, hint: Hint, now: datetime, term: timedelta = HINT_TERM) -> int:
    """Hint at every delivery that is ready: first tries, retries and what was lost, by one query."""
    hinted = 0
    while True:
        with reading(engine) as connection:
            due = deliveries.to_hint(connection, now, clock.wall() - term, HINTS_AT_ONCE)
        if not due:
            return hinted
        ids = [number for numbers in due.values() for number in numbers]
        with writing(engine) as connection:
            deliveries.mark_hinted(connection, ids, clock.wall())
        for channel, numbers in due.items():
            hint(channel, numbers)
        hinted += len(ids)


def next_instant(connection: Connection, rule_set: RuleSet, now: datetime) -> datetime | None:
    """Return when there is anything to do next, in office time."""
    moments = [
        agenda.earliest(connection),
        decisions.next_release(connection),
        deliveries.next_at(connection),
        notices.next_held(connection),
        note.at if (note := upcoming_note(connection, rule_set, now)) else None,
    ]
    return min((m for m in moments if m is not None), default=None)


def busy(connection: Connection, now: datetime) -> bool:
    """Whether anything is due at ``now`` and not done: the driver of a virtual clock waits for its end."""
    return deliveries.in_flight(connection, now) or bool(agenda.waiting(connection, now))
