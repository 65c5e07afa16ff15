"""The composition root: which parts are given to which."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from daemon import clock
from daemon.activate import ActiveRules, activate, refuse_silent_group
from daemon.channels import Channel
from daemon.channels.build import build_channels
from daemon.cli.preview import renames
from daemon.config.compiled import ChannelSettings, RuleSet, resolve_channel
from daemon.config.crosschecks import MANUAL
from daemon.config.source import RuleSource
from daemon.deliver import Deliverer
from daemon.errors import DubanError, Fault, FaultyInputError, RefusedError
from daemon.loop import plan_due, tick
from daemon.service.memory import collect_seldom
from daemon.service.notify import Notifier
from daemon.service.signals import Signals
from daemon.store import mode
from daemon.store.engine import reading
from jobs.actors import register
from jobs.broker import HintBroker, connect
from jobs.hints import Hints
from jobs.tokens import RedisTokens
from jobs.workers import Workers

log = logging.getLogger(__name__)
PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
"""How long the loop waits while the database is away, again and again the last."""
IDLE_SECONDS = 1.0
DRAIN_SECONDS = 60.0
CHANNELS_SECONDS = 10.0
"""How often a worker looks whether a reload has brought other channels."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SANDBOX_WAYS = {
    "smtp": ("port", "DUBAN_SANDBOX_SMTP_PORT"),
    "tencent": ("url", "DUBAN_SANDBOX_HTTP"),
    "wecom": ("base_url", "DUBAN_SANDBOX_HTTP"),
}
"""Which option of a provider leads to the sandbox, and by which of the variables that it prints."""
VIRTUAL = (
    "时间是虚拟的（DUBAN_CLOCK），渠道却通向真人，已停止：正式发送只用真实时间；"
    "要试运行，请把渠道全部指向 duban sandbox 或 spool，或在演练状态下运行"
)
Factories = Mapping[str, Callable[[], Channel]]


class ChannelSource:
    """Makes the channels of a rule set: references are read here, and nowhere else."""

    def __init__(self, directory: Path, state: Path, broker: HintBroker) -> None:
        self._directory, self._spool = directory, state / "spool"
        self._tokens = RedisTokens(broker.client)
        self._made: dict[tuple[str, bool], Factories] = {}

    def __call__(self, rule_set: RuleSet) -> Factories:
        """Return the channels that lead to people; raise ``RefusedError`` where the time is virtual."""
        return self._kept(rule_set, rehearsal=False)

    def rehearsing(self, rule_set: RuleSet) -> Factories:
        """Return the channels of a rehearsal: the sandbox's if all lead there, else the spool for all."""
        return self._kept(rule_set, rehearsal=True)

    def _kept(self, rule_set: RuleSet, *, rehearsal: bool) -> Factories:
        key = (rule_set.hash, rehearsal)
        if key not in self._made:
            known = {k: made for k, made in self._made.items() if k[0] == rule_set.hash}
            self._made = {**known, key: self._make(rule_set, rehearsal=rehearsal)}
        return self._made[key]

    def _make(self, rule_set: RuleSet, *, rehearsal: bool) -> Factories:
        harmless = leads_to_nobody(rule_set, self._directory)
        if rehearsal and not harmless:
            spooled = {name: {"provider": "spool"} for name in rule_set.channels if name != MANUAL}
            return build_channels(spooled, self._spool, self._tokens)
        if clock.is_virtual() and not harmless:
            raise RefusedError(VIRTUAL)
        return self._resolve(rule_set)

    def _resolve(self, rule_set: RuleSet) -> Factories:
        faults: list[Fault] = []
        resolved: dict[str, Mapping[str, object]] = {}
        for name, settings in rule_set.channels.items():
            try:
                resolved[name] = self._options(settings)
            except FaultyInputError as missing:
                faults += missing.faults
        if faults:
            raise FaultyInputError(faults)
        return build_channels(resolved, self._spool, self._tokens)

    def _options(self, settings: ChannelSettings) -> dict[str, object]:
        found = resolve_channel(settings, directory=self._directory)
        return {"provider": found.provider, **found.options}


def leads_to_nobody(rule_set: RuleSet, directory: Path) -> bool:
    """Whether every channel ends on this machine: in the spool, by hand, or in ``duban sandbox``.

    A loopback address alone says nothing, a mail relay may listen there: the option that leads there is to be
    one of the variables that the sandbox prints, and its value a loopback address.
    """
    return all(_harmless(settings, directory) for settings in rule_set.channels.values())


def _harmless(settings: ChannelSettings, directory: Path) -> bool:
    if settings.provider in ("spool", MANUAL):
        return True
    way, variable = SANDBOX_WAYS.get(settings.provider, ("", ""))
    if str(settings.options.get(way, "")).strip() != f"${{env:{variable}}}":
        return False
    try:
        found = resolve_channel(settings, directory=directory).options
    except FaultyInputError:
        return False
    host = found["host"] if settings.provider == "smtp" else urlsplit(str(found[way])).hostname
    return host in LOOPBACK


def in_rehearsal(engine: Engine) -> bool:
    with reading(engine) as connection:
        return mode.read(connection).rehearsal


def refuse_virtual_time(engine: Engine, rule_set: RuleSet, directory: Path) -> None:
    """Refuse to start where messages of a made-up time would reach people."""
    if clock.is_virtual() and not in_rehearsal(engine) and not leads_to_nobody(rule_set, directory):
        raise RefusedError(VIRTUAL)


def work(
    engine: Engine, directory: Path, state: Path, broker_url: str, signals: Signals, idle_ms: int = 200
) -> bool:
    """Deliver until asked to stop; then finish what is in hand. Return whether all was finished."""
    collect_seldom()
    rules = ActiveRules(engine)
    broker = connect(broker_url)
    channels = ChannelSource(directory, state, broker)
    rule_set = rules()
    # a missing secret stops the start, not the first message
    (channels.rehearsing if in_rehearsal(engine) else channels)(rule_set)
    deliverer = Deliverer(engine, rules, channels, rehearsing=channels.rehearsing)
    register(broker, lambda channel, ids: _deliver(deliverer, channel, list(ids)))
    finished = True
    while finished and not signals.stopping:
        finished = _work_channels(_threads(rules()), rules, broker, signals, idle_ms)
    return finished


def _threads(rule_set: RuleSet) -> dict[str, int]:
    return {name: settings.threads for name, settings in rule_set.channels.items()}


def _work_channels(
    threads: Mapping[str, int], rules: ActiveRules, broker: HintBroker, signals: Signals, idle_ms: int
) -> bool:
    """Work these channels until asked to stop or until the rules name others; return whether all finished."""
    workers = Workers(broker, threads, idle_ms)
    workers.start()
    log.info("working", extra={"channels": sorted(threads)})
    try:
        while not signals.stopping and _still(threads, rules):
            signals.wait(CHANNELS_SECONDS)
    finally:
        finished = workers.stop(DRAIN_SECONDS)
    return finished


def _still(threads: Mapping[str, int], rules: ActiveRules) -> bool:
    """Whether the rules in force still name these channels; while the database is away, they do."""
    try:
        return _threads(rules()) == threads
    except DBAPIError:
        return True


def _deliver(deliverer: Deliverer, channel: str, ids: list[int]) -> None:
    deliverer.deliver(channel, ids, clock.now())


class Scanner:
    """The loop that does the work: it ticks, says that it lives, and outlasts a database that is away."""

    def __init__(
        self,
        engine: Engine,
        broker_url: str,
        signals: Signals,
        notifier: Notifier,
        *,
        each_round: Callable[[], None] = lambda: None,
        reload: Callable[[], None] = lambda: None,
    ) -> None:
        self.engine, self.signals, self.notifier = engine, signals, notifier
        self.rules = ActiveRules(engine)
        self.hints = Hints(connect(broker_url))
        self._each_round, self._reload = each_round, reload
        self._failures = 0
        self._reload_waits = False

    def run(self) -> None:
        """Tick until asked to stop."""
        collect_seldom()
        self.notifier.ready("运行中")
        while not self.signals.stopping:
            if self.signals.take_reload() or (self._reload_waits and not self._failures):
                self._reload_rules()
            self._each_round()
            self._wait(self._round())
        self.notifier.stopping("正在收尾")

    def _wait(self, seconds: float) -> None:
        """Wait until the time is over or something is heard, and say meanwhile that the loop lives."""
        until = clock.monotonic() + seconds
        while (left := until - clock.monotonic()) > 0:
            if self.signals.wait(min(left, self.notifier.interval or left)):
                return
            self.notifier.alive()

    def _reload_rules(self) -> None:
        self.notifier.reloading()
        self._reload_waits = False
        try:
            self._reload()
            self.notifier.ready("规则已重新载入")
        except DubanError as fault:
            log.error("reload refused; the rules in force stay", extra={"faults": str(fault)})
            self.notifier.ready("规则有误，沿用原规则")
        except DBAPIError:
            self._reload_waits = True
            log.warning("database away; the rules are read when it is back")
            self.notifier.ready("数据库连接不上，恢复后再载入规则")

    def _round(self) -> float:
        """Tick once; return how long to wait until the next."""
        try:
            tick(self.engine, self.rules, self.hints, clock.now(), alive=self.notifier.alive)
        except DBAPIError as fault:
            pause = PAUSES[min(self._failures, len(PAUSES) - 1)]
            self._failures += 1
            log.warning("database away", extra={"error": type(fault.orig).__name__, "retry_in": pause})
            self.notifier.status(f"数据库连接不上，{pause:.0f} 秒后再试")
            self.notifier.alive()
            return pause
        if self._failures:
            log.info("database is back")
            self.notifier.status("运行中")
            self._failures = 0
        self.notifier.alive()
        return IDLE_SECONDS


def put_in_force(engine: Engine, source: RuleSource, by: str) -> None:
    """Activate rules that have been checked, if they differ from those in force.

    What is due by the old ones is planned before, so that an edit during downtime loses nothing.
    """
    refuse_silent_group(engine, source, clock.now())
    for rename in renames(engine, source):
        log.warning(
            "taken for a new rung; if it was renamed, say so by was:",
            extra={"rung": "/".join(rename.new), "was": "/".join(rename.old)},
        )
    plan_due(engine, ActiveRules(engine), clock.now())
    done = activate(engine, source, clock.now(), by=by)
    log.info(
        "rules in force",
        extra={"hash": done.hash[:12], "changed": len(done.changed), "touched": done.touched},
    )


def configure_logs(*, verbose: bool = False) -> None:
    """Log one JSON object a line to stderr, for the journal; ids, never phones."""
    import structlog

    shared: list[Any] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
            ],
        )
    )
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
