"""The stage of ``duban demo``: the campaign in virtual time, through every real part, and what it starts."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from sqlalchemy import Engine

from daemon import clock, sheets
from daemon.activate import ActiveRules
from daemon.cli import wiring, world
from daemon.config.source import load_rules
from daemon.errors import DubanError
from daemon.intake import History, import_sheets
from daemon.loop import busy, tick
from daemon.service.processes import Child, Children
from daemon.service.valkey import Valkey
from daemon.simulate import World, set_scene
from daemon.store import deliveries, mode, notices, outcome
from daemon.store.engine import open_engine, reading, writing
from daemon.store.migrations import migrate
from jobs.broker import connect
from jobs.hints import Hints

HINT_TERM = timedelta(seconds=3)
POLL = 0.005
RETICK = 0.5
PATIENCE = 180.0
"""Longer than a dead worker's lease: how long one instant may take before the demonstration gives up."""


@dataclass(frozen=True)
class Plan:
    """What a demonstration is told: where it keeps its things, from when to when, and on which database."""

    state: Path
    config: Path
    templates: Path
    start: datetime
    end: datetime
    database: str = ""


def run(plan: Plan, progress: Callable[[datetime], None]) -> dict[str, Any]:
    """Let the campaign happen; return what the end table shows. Every process it starts, it ends."""
    accounts = world.make_accounts()
    config = world.lay_out(plan.state, plan.config)
    with ExitStack() as stack:
        stack.enter_context(_environment(accounts.environment()))
        engine = open_engine(plan.database or f"sqlite:///{plan.state / 'duban.db'}")
        stack.callback(engine.dispose)
        migrate(engine)
        shared = plan.state / "clock"
        clock.share(shared, plan.start)
        stack.callback(clock.unshare)
        with writing(engine) as connection:
            mode.go_live(connection, plan.start, by="演示")  # its channels all lead to the sandbox
        wiring.put_in_force(engine, load_rules(config, plan.templates), by="演示")
        rules = ActiveRules(engine)
        demo = plan.config / "demo"
        import_sheets(engine, rules(), [sheets.read(demo / "directory.xlsx")], plan.start, by="演示")
        options = world.sandbox_options(engine, rules(), accounts, plan.state)
        sandbox = stack.enter_context(_sandbox(plan.state, options))
        valkey = stack.enter_context(Valkey(plan.state))
        children = _workers(plan, config, valkey.url, engine)
        children.start()
        stack.callback(children.stop)
        ledger = sheets.read(demo / "ledger-2018-2020.xlsx")
        ledger.raise_for_faults()
        history = History(engine, rules(), ledger.cases)
        set_scene(engine, history, plan.start)
        settle = _Settling(engine, rules, Hints(connect(valkey.url)), valkey, children)
        World(
            engine,
            rules,
            history,
            world.filing_scripts(engine, rules(), plan.start),
            lambda now: clock.jump(shared, now),
            settle,
            progress,
        ).run(plan.start, plan.end)
        counted = _counted(sandbox)
        with reading(engine) as connection:
            told = outcome.of_campaign(connection, rules().campaigns)
    return {
        **told,
        "rates": [rate for rate in told["rates"] if rate["on"] <= plan.end.date().isoformat()],
        "inbox_page": str(plan.state / "sandbox" / "inbox.html"),
        "inbox": counted,
        "restarts": sum(children.restarts.values()),
    }


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables for this process and those it starts."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _sandbox(state: Path, options: Path) -> Iterator[Mapping[str, Any]]:
    """Run the stand-ins in a process of their own; yield where they listen."""
    folder = state / "sandbox"
    argv = [sys.executable, "-m", "daemon.cli", "sandbox", "--state", str(folder), "--options", str(options)]
    child = Child("sandbox", argv, output=state / "sandbox.log")
    child.start()
    try:
        where = _await_file(folder / "sandbox.json", child)
        at = world.listening(where["host"], where["smtp_port"], where["http_port"], where["ca_file"])
        with _environment(at):
            yield where
    finally:
        child.stop()


def _await_file(path: Path, child: Child) -> Mapping[str, Any]:
    deadline = clock.monotonic() + 30.0
    while not path.exists():
        if not child.alive or clock.monotonic() > deadline:
            raise DubanError(f"沙箱没有启动，详见 {child.output}")
        time.sleep(0.02)
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _workers(plan: Plan, config: Path, broker: str, engine: Engine) -> Children:
    environment = {
        **os.environ,
        "DUBAN_CONFIG": str(config),
        "DUBAN_STATE": str(plan.state),
        "DUBAN_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "DUBAN_REDIS_URL": broker,
    }
    argv = [sys.executable, "-m", "daemon.cli", "work", "--idle-ms", "10"]
    return Children([Child("work", argv, environment, plan.state / "work.log")])


class _Settling:
    """Ticks, and returns when all that is due has been delivered, whatever dies meanwhile."""

    def __init__(
        self, engine: Engine, rules: ActiveRules, hints: Hints, valkey: Valkey, children: Children
    ) -> None:
        self.engine, self.rules, self.hints = engine, rules, hints
        self.valkey, self.children = valkey, children

    def __call__(self, now: datetime) -> None:
        gives_up = clock.monotonic() + PATIENCE
        while True:
            tick(self.engine, self.rules, self.hints, now, HINT_TERM)
            if self._settled(now, clock.monotonic() + RETICK):
                return
            if clock.monotonic() > gives_up:
                raise DubanError(f"{now:%Y-%m-%d %H:%M} 的消息没有送完，详见状态文件夹里的 work.log")

    def _settled(self, now: datetime, until: float) -> bool:
        """Wait until nothing is due or being sent; ``False`` when it is time to tick again."""
        while clock.monotonic() < until:
            with reading(self.engine) as connection:
                if not deliveries.in_flight(connection, now):
                    return not notices.has_unbound(connection, now) and not busy(connection, now)
            self.valkey.ensure()
            self.children.ensure()
            time.sleep(POLL)
        return False


def _counted(sandbox: Mapping[str, Any]) -> dict[str, int]:
    """Ask the stand-ins what arrived at their wire."""
    counts = f"http://{sandbox['host']}:{sandbox['http_port']}/counts.json"
    with urlopen(counts, timeout=10) as answer:  # nosec B310 # our own sandbox, always http
        found: dict[str, int] = json.load(answer)
        return found
