"""The driver: lets office time jump, acts, harms, and waits until the world has settled."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from daemon import clock, sheets
from daemon.activate import ActiveRules
from daemon.cli import wiring, world
from daemon.config.source import load_rules
from daemon.intake import import_sheets
from daemon.loop import next_instant
from daemon.release import upcoming_note
from daemon.store import agenda, decisions, mode, notices
from daemon.store.engine import open_engine, reading, writing
from daemon.store.migrations import migrate
from tests.chaos import brim, bugs, checks, harm, hosts, records, seams, stream, wire
from tests.chaos import journal as j
from tests.chaos.harm import Harm
from tests.chaos.skew import Skew

ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2018, 7, 25, tzinfo=ZONE)
TIMEOUT = 0.8
"""Seconds that a call may take; the providers that hang are waited for in real time."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
THREADS = 2
SENDS = THREADS * 3 * len(harm.WORKERS)
"""How many messages may be on their way at once: each channel's threads in each worker."""
POLL = 0.006
WAKE_EVERY = 0.05
STILL = 0.3
"""When nothing has changed for so long, only time that passes can help: leases, hints, notes of batches."""
STILL_AFTER_A_DEATH = 0.12
SKIP = 65.0
PATIENCE = 300.0
"""How long one instant may take: what is not done then is stuck."""
QUIET_DAYS = 4
REHEARSAL_DAYS = (0, 1, 1, 2, 3)
"""For how many days a run rehearses before it goes live."""
CATCHES_UP = 0.3
"""How often what was rehearsed is owed when it does."""
AN_HOUR = 20
"""So many notices in an hour pass the gate on floods; not a morning on which every unit owes a filing."""
BUDGETS = "{wecom: {day: 1, week: 2}, email: {day: 1, week: 3}, sms: {day: 1}}"
"""Of what is said in a run to one person in a day or week, so much is often less than there is."""
DEATHS_MOST = 10
WAITING_MOST = 4
DISK_FULL_FOR = 3
FULL_AT_LEAST = 0.3
FOR_LONG = 10**6
"""Seconds; the driver makes room before."""
STARTING = 5.0
"""Seconds after its start in which a process may still be opening the database for the first time."""
STOPS = frozenset({"pause", "two_rule_sets"})
LEASES = 3
"""So many leases run out in one instant of an outage in which the workers are there and cannot work."""
LINGERS = 2.0
"""Seconds after which an instant is over at the latest, while those are away who would do what is due."""


@dataclass(frozen=True)
class Away:
    """What is away since ``at``, for so many more steps."""

    kind: str
    at: datetime
    wall: datetime
    steps: int

    @property
    def processes(self) -> tuple[str, ...]:
        return harm.AWAY[self.kind]


class StuckError(Exception):
    """The world does not settle, though nothing keeps it from it."""


@dataclass(frozen=True)
class Wish:
    """What a run is to be."""

    seed: int
    faults: int
    database: str
    folder: Path
    minutes: float = 60.0
    bugs: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    """The only kinds of faults; all where there are none."""
    progress: Callable[[str], None] = lambda _line: None

    @property
    def command(self) -> str:
        """Return the command that runs it."""
        return self.replay(self.faults)

    def replay(self, faults: int) -> str:
        """Return the command that runs it again, until so many faults."""
        planted = [f" --bug {name}" for name in self.bugs] + [f" --kind {name}" for name in self.kinds]
        return (
            f"python -m tests.chaos --seed {self.seed} --faults {faults} --database {self.database}"
            + "".join(planted)
        )


@dataclass
class Outcome:
    """What a run was."""

    journal: j.Journal
    faults: Counter[str]
    seconds: float
    instants: int
    acts: Counter[str]
    starts: int
    days: int
    stuck: str = ""
    deaths: list[str] = field(default_factory=list)
    """Processes that ended though nobody had killed them."""
    wrong: list[str] = field(default_factory=list)
    """What the tables say wrongly in the end."""


def run(wish: Wish) -> Outcome:
    """Run it. Everything that is started is ended."""
    with ExitStack() as stack:
        stage = Stage(wish, stack)
        try:
            return stage.play()
        finally:
            stage.end()


class Stage:
    def __init__(self, wish: Wish, stack: ExitStack) -> None:
        self.wish, self.folder = wish, wish.folder
        self.began = time.monotonic()
        self.faults: Counter[str] = Counter()
        self.instants = self.changes = self.orders = 0
        self.pending: dict[str, tuple[int, Harm]] = {}
        self.waiting: dict[str, deque[Harm]] = {name: deque() for name in harm.PROCESSES}
        self.ambushes: deque[Harm] = deque()
        self.paused: dict[str, tuple[Harm, datetime, datetime, int]] = {}
        self.away: Away | None = None
        self.dead: set[str] = set()
        self.deaths: list[str] = []
        self.fired = self.spoiled = 0
        self.cut_at = -STARTING
        self.quiet = self.hurry = False
        self._set_scene(stack)

    # -- the scene

    def _set_scene(self, stack: ExitStack) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("state", "pg"):
            (self.folder / name).mkdir(parents=True)
        self.config = self._lay_out()
        accounts = world.make_accounts()
        os.environ.update(accounts.environment())
        self.shared = self.folder / "clock"
        clock.share(self.shared, START)
        stack.callback(clock.unshare)
        self.skew = Skew(self.folder / "skew")
        self.skew.wrap()
        self.brim = brim.Brim(self.folder)
        for name in self.wish.bugs:
            stack.callback(bugs.PLANTED[name]())
        self.database = hosts.opened(self.wish.database, self.folder, stack)
        self.engine = open_engine(self.database.url)
        stack.callback(self.engine.dispose)
        migrate(self.engine)
        chance = random.Random(f"{self.wish.seed}:live")
        self.rehearses, self.catch_up = chance.choice(REHEARSAL_DAYS), chance.random() < CATCHES_UP
        if not self.rehearses:
            with writing(self.engine) as connection:
                mode.go_live(connection, START)
        source = load_rules(self.config, stream.TEMPLATES)
        wiring.put_in_force(self.engine, source, by="软环境办")
        self.rules = ActiveRules(self.engine)
        sheet = stream.chosen(sheets.read(stream.DIRECTORY))
        import_sheets(self.engine, self.rules(), [sheet], START, by="软环境办")
        self.broker = hosts.Broker(self.folder / "state")
        stack.callback(self.broker.close)
        self._start_processes(accounts, stack)
        self.writer = j.Writer(self.folder / "journal.jsonl")
        self.written: list[j.Record] = []
        with reading(self.engine) as connection:
            on_file = records.directory(connection)
        files, rehearsal = records.config_files(self.config), bool(self.rehearses)
        self.write(j.Began(START, files, on_file, wall=clock.wall(), rehearsal=rehearsal))
        self.clerk = stream.Clerk(self.engine, self.rules, self.config, self.write)

    def _lay_out(self) -> Path:
        shipped, mine = stream.ROOT / "config", self.folder / "config"
        shutil.copytree(shipped, mine, ignore=shutil.ignore_patterns("demo", "schema", "systemd"))
        channels = (shipped / "demo" / "channels.yaml").read_text(encoding="utf-8")
        for threads in ("    threads: 2\n", "    threads: 4\n"):
            channels = channels.replace(threads, f"    threads: {THREADS}\n    timeout: {TIMEOUT}\n")
        channels, _, _ = channels.partition("\nflood:")
        held = f"flood: {{hour: {AN_HOUR}, group: [brief, morning]}}\nbudgets: {BUDGETS}\n"
        (mine / "channels.yaml").write_text(f"{channels}\n{held}", encoding="utf-8")
        (mine / "calendar.yaml").write_text("years: {}\n", encoding="utf-8")
        return mine

    def _start_processes(self, accounts: world.Accounts, stack: ExitStack) -> None:
        options = world.sandbox_options(self.engine, self.rules(), accounts, self.folder)
        told = json.loads(options.read_text(encoding="utf-8")) | {"contacts": {}}
        options.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
        template = hosts.Template(self.folder / "template.log")
        stack.callback(template.close)
        template.warm(self.database.url)
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DUBAN_")},
            **accounts.environment(),
            "DUBAN_CONFIG": str(self.config),
            "DUBAN_STATE": str(self.folder / "state"),
            "DUBAN_CLOCK": str(self.shared),
            "DUBAN_DATABASE_URL": self.database.url,
            "DUBAN_REDIS_URL": self.broker.url,
        }
        self.hosts = hosts.Hosts(template, self.folder, env, self.wish.bugs)
        self.hosts.start("sandbox")
        where = self.hosts.await_sandbox()
        self.gateway = f"http://{where['host']}:{where['http_port']}"
        env |= world.listening(where["host"], where["smtp_port"], where["http_port"], where["ca_file"])
        self.hosts.env = env
        os.environ.update({name: value for name, value in env.items() if name.startswith("DUBAN_SANDBOX")})
        for name in harm.PROCESSES:
            self.hosts.start(name)

    def end(self) -> None:
        for name in list(self.hosts.running):
            self.hosts.kill(name)
        self.writer.close()

    def write(self, record: j.Record) -> None:
        self.written.append(record)
        self.writer.add(record)

    # -- the play

    def play(self) -> Outcome:
        stuck = ""
        try:
            self._play()
        except StuckError as error:
            stuck = str(error)
        self._note_spoiled()
        for fault in (*wire.slow(self.folder), *brim.faults(self.folder)):
            self.write(fault)
        for arrival in checks.of_notices(wire.arrivals(self.folder)):
            self.write(arrival)
        self.write(j.Ended(clock.now(), clock.wall()))
        with reading(self.engine) as connection:
            for record in records.end_state(connection):
                self.write(record)
            wrong = [
                *self.clerk.wrong,
                *checks.of_database(connection),
                *records.altered(connection, self.written),
            ]
        return Outcome(
            j.Journal(tuple(self.written)),
            self.faults,
            time.monotonic() - self.began,
            self.instants,
            Counter(self.clerk.done),
            self.hosts.starts,
            (clock.now() - START).days,
            stuck,
            self.deaths,
            wrong,
        )

    def _play(self) -> None:
        self._visit(START)
        for step in stream.steps(self.wish.seed, START):
            self._pass_time(step.at)
            self._visit(step.at, step)
            if self._enough():
                break
        self._come_to_rest(step.at)

    def _enough(self) -> bool:
        over = time.monotonic() - self.began > self.wish.minutes * 60
        return over or sum(self.faults.values()) >= self.wish.faults

    def _come_to_rest(self, now: datetime) -> None:
        """Harm nothing more; let some days pass in which everything is done, and end on an evening."""
        self.quiet = True
        self.ambushes.clear()
        self.waiting.clear()
        for name in list(self.pending):
            if seams.take_back(self.folder, name):
                del self.pending[name]
        for name in list(self.paused):
            self._resume(name, now)
        self._come_back(now)
        self.brim.make_room()
        self.clerk.go_on(now)
        self._settle(now)
        self._go_live_if_it_is_time(now, at_last=True)
        self.clerk.let_all_go(now)
        for day in range(1, QUIET_DAYS + 1):
            evening = now.replace(hour=20, minute=0) + timedelta(days=day)
            for moment in (evening.replace(hour=14), evening):
                self._pass_time(moment)
                self._visit(moment)
                self.clerk.let_all_go(moment)
        self._put_forward()
        self._visit(evening)
        self._await_recovery(evening)

    def _await_recovery(self, now: datetime) -> None:
        """Wait until a scanner has taken up what dead ones had in hand; nothing else shows that it must."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            self._look_after(now)
            self.hosts.wake()
            with reading(self.engine) as connection:
                if not connection.execute(text("SELECT count(*) FROM batches")).scalar():
                    return
            time.sleep(WAKE_EVERY)

    def _pass_time(self, until: datetime) -> None:
        """Visit every instant before ``until`` at which anything is to be done, if anybody is there to."""
        now = clock.now()
        while not self._idle:
            with reading(self.engine) as connection:
                ahead = self._ahead(connection, now)
            if ahead is None or ahead >= until:
                return
            now = max(ahead, now + timedelta(seconds=1))
            self._visit(now)

    def _ahead(self, connection: Connection, now: datetime) -> datetime | None:
        """Return when there is anything to do next; a delivery that is held by a pause is not."""
        if self.clerk.paused is None:
            return next_instant(connection, self.rules(), now)
        note = upcoming_note(connection, self.rules(), now)
        moments = (
            agenda.earliest(connection),
            decisions.next_release(connection),
            notices.next_held(connection),
            note.at if note else None,
        )
        return min((moment for moment in moments if moment), default=None)

    def _visit(self, now: datetime, step: stream.Step | None = None) -> None:
        """Let it be ``now``, and return when all that is due has been done."""
        self.instants += 1
        clock.jump(self.shared, now)
        for name in [name for name, (_, _, _, until) in self.paused.items() if until <= self.instants]:
            self._resume(name, now)
        if step is None:
            self._settle(now)
            return
        chance = random.Random(f"{self.wish.seed}:step:{step.n}")
        self._one_step_less(now)
        self._harm(chance, now)
        amid = chance.random() < 0.4
        if amid:
            self._settle(now, changes=chance.randint(1, 6))
        for _ in range(step.acts):
            self.clerk.act(chance, now)
            if chance.random() < 0.5:
                self._settle(now, changes=chance.randint(1, 4))
        self._settle(now)
        self._go_live_if_it_is_time(now)
        self._tell(now)

    def _go_live_if_it_is_time(self, now: datetime, *, at_last: bool = False) -> None:
        """Go live when the days of rehearsal are over and all that is due has been done."""
        if not self.rehearses or self.away or self.clerk.paused:
            return
        if at_last or now >= START + timedelta(days=self.rehearses):
            self.rehearses = 0
            self.clerk.go_live(now, catch_up=self.catch_up)
            self._settle(now)

    def _tell(self, now: datetime) -> None:
        self._note_spoiled()
        self.wish.progress(
            f"{now:%Y-%m-%d %H:%M}  {sum(self.faults.values()):5d} faults  "
            f"{sum(self.clerk.done.values()):5d} acts  {time.monotonic() - self.began:6.0f} s"
        )

    # -- settling

    def _settle(self, now: datetime, changes: int = 0) -> None:
        """Wait until nothing is due or under way; with ``changes``, at most until so many were seen."""
        if self._idle:
            self._linger(now)
            return
        until = time.monotonic() + PATIENCE
        seen: tuple[object, ...] = ()
        count, still, woken = 0, time.monotonic(), 0.0
        while True:
            self._look_after(now)
            fresh = self._signature(now)
            if fresh is None:
                time.sleep(0.05)
                continue
            settled, signature = fresh
            if signature != seen:
                seen, still, count = signature, time.monotonic(), count + 1
                self.changes += 1
                if not settled:
                    self._spring(now)
            if settled or (changes and count > changes):
                return
            moment = time.monotonic()
            if moment > until:
                raise StuckError(f"{now:%Y-%m-%d %H:%M}: {signature}")
            if moment - woken > WAKE_EVERY:
                woken = moment
                self.hosts.wake()
            if moment - still > (STILL_AFTER_A_DEATH if self.hurry else STILL):
                still, self.hurry = moment, False
                self._put_forward()
                self.hosts.wake()
            time.sleep(POLL)

    def _put_forward(self) -> None:
        """Let leases run out without waiting for them."""
        self.write(j.PutForward(clock.wall(), SKIP))
        self.skew.skip(SKIP)
        self.broker.put_forward(SKIP)

    @property
    def _idle(self) -> bool:
        """Whether those are away without whom what is due stays so; a provider's failures are recorded."""
        return self.away is not None and self.away.kind != "provider_away"

    def _linger(self, now: datetime) -> None:
        """Let those who are still there do what they can."""
        until, seen, still = time.monotonic() + LINGERS, None, time.monotonic()
        leases = LEASES if self.brim.full else 0
        self.hosts.wake()
        while (moment := time.monotonic()) < until and (leases or moment - still < STILL):
            self._look_after(now)
            if (fresh := self._signature(now)) != seen:
                seen, still = fresh, moment
            if leases and moment - still > STILL:
                leases, still = leases - 1, moment
                self._put_forward()
                self.hosts.wake()
            time.sleep(POLL)

    def _signature(self, now: datetime) -> tuple[bool, tuple[object, ...]] | None:
        """Return whether all is done, and what changes whenever anything is; ``None`` if nobody knows."""
        try:
            with reading(self.engine) as connection:
                moment = {"now": _microseconds(now), "paused": int(self.clerk.paused is not None)}
                busy, release, *signature = connection.execute(_LOOK, moment).one()
                if busy or (release is not None and release <= _microseconds(now)):
                    return False, tuple(signature)
                ahead = self._ahead(connection, now)
                return ahead is None or ahead > now, tuple(signature)
        except DBAPIError:
            return None

    # -- processes

    def _look_after(self, now: datetime) -> None:
        """Hear of what was struck and what has died, and start whoever should run and does not."""
        self._hear_ended(now)
        away = self.away.processes if self.away else ()
        for name in ("sandbox", *harm.PROCESSES):
            if name not in self.hosts.running and name not in away:
                self.hosts.start(name)

    def _hear_ended(self, now: datetime) -> None:
        ended = self.hosts.ended()  # first: who dies at a seam says so before
        self._hear_fired(now)
        for name, status in ended.items():
            if name not in self.dead and not self._found_no_database(name, status):
                self.deaths.append(f"{now:%Y-%m-%d %H:%M} {name} ended with {status}")
            if len(self.deaths) > DEATHS_MOST:
                raise StuckError("processes end one after the other")
            self.dead.discard(name)

    def _found_no_database(self, name: str, status: int) -> bool:
        """Whether a process that was just starting says that the database is away: it is started again."""
        since_cut, lived = time.monotonic() - self.cut_at, time.monotonic() - self.hosts.began[name]
        return status == 1 and since_cut < lived < STARTING

    def _hear_fired(self, now: datetime) -> None:
        path = self.folder / "fired.jsonl"
        if not path.exists():
            return
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        for line in lines[self.fired :]:
            if not line.endswith("\n"):
                return
            self.fired += 1
            self._struck(json.loads(line), now)

    def _struck(self, line: Mapping[str, Any], now: datetime) -> None:
        name = line["process"]
        if name not in self.pending or self.pending[name][0] != line["order"]:
            return
        _, harmed = self.pending.pop(name)
        if harmed.kind in STOPS:
            self.hosts.stopped.add(name)
            length = 1 if harmed.kind == "two_rule_sets" else harmed.after
            self.paused[name] = (harmed, now, clock.wall(), self.instants + length)
            chance = random.Random(f"{self.wish.seed}:paused:{harmed.number}")
            if harmed.kind == "two_rule_sets":
                self.clerk.act(chance, now, "edit_rules")
            else:
                self.clerk.act_on(chance, now, self._in_hand(line))
            return
        if harmed.kind == "kill":
            self.dead.add(name)
            self.hurry = True
        self._count(harmed.kind, now, name, harm.SEAMS[harmed.seam], sends=_sends(name))
        self._order(name)

    def _in_hand(self, line: Mapping[str, Any]) -> list[int]:
        """Return the cases that a process was struck with in its hands."""
        with reading(self.engine) as connection:
            return [*line.get("cases", ()), *records.cases_of(connection, line.get("ids", ()))]

    def _resume(self, name: str, now: datetime) -> None:
        harmed, at, wall, _ = self.paused.pop(name)
        self.hosts.resume(name)
        fault = j.Fault(
            at,
            now,
            harmed.kind,
            name,
            harm.SEAMS[harmed.seam],
            doubt=bool(_sends(name)),
            sends=max(_sends(name), 1),
            wall=wall,
            wall_until=clock.wall(),
        )
        self.faults[harmed.kind] += 1
        self.write(fault)
        self._order(name)

    # -- harm

    def _harm(self, chance: random.Random, now: datetime) -> None:
        """Place the faults of one step: orders at seams, ambushes, providers that will fail."""
        for _ in range(chance.choice([2, 3, 3, 4, 6])):
            drawn = harm.draw(chance, self.wish.database, self.wish.kinds)
            if drawn.seam:
                if len(self.waiting[drawn.target]) < WAITING_MOST:
                    self.waiting[drawn.target].append(drawn)
                self._order(drawn.target)
            elif drawn.kind in harm.AWAY:
                self._go_away(drawn, now)
            elif drawn.kind in harm.WORDS:
                if "sandbox" in self.hosts.running:
                    hosts.spoil(self.gateway, drawn.target, drawn.kind, drawn.number)
            elif len(self.ambushes) < WAITING_MOST:
                self.ambushes.append(drawn)

    def _order(self, name: str) -> None:
        """Give a process the next order that waits for it, unless it has one; one at a time is stopped."""
        ahead = self.waiting.get(name)
        if not ahead or name in self.pending or name in self.paused:
            return
        stops = any(given.kind in STOPS for _, given in self.pending.values())
        if ahead[0].kind in STOPS and (self.paused or stops):
            ahead.rotate(-1)
            if ahead[0].kind in STOPS:
                return
        given = ahead.popleft()
        self.orders += 1
        do = {"kill": "kill", "disk_full": "full"}.get(given.kind, "stop")
        seams.give(self.folder, name, seams.Order(self.orders, given.seam, given.after, do, DISK_FULL_FOR))
        self.pending[name] = (self.orders, given)

    def _spring(self, now: datetime) -> None:
        """Let the next ambush happen, if so many changes have been seen since the last."""
        if not self.ambushes or self.quiet or self.away:
            return
        first = self.ambushes[0]
        if first.after > 1:
            self.ambushes[0] = Harm(first.kind, first.target, first.seam, first.after - 1, first.number)
            return
        self.ambushes.popleft()
        getattr(self, f"_{first.kind}")(first, now)

    def _count(self, kind: str, at: datetime, target: str, seam: str = "", *, sends: int = 0) -> None:
        """Journal a fault that is over; ``sends``: how many messages may have been on their way."""
        self.faults[kind] += 1
        moment = clock.wall()
        self.write(j.Fault(at, at, kind, target, seam, bool(sends), max(sends, 1), moment, moment))

    def _kill(self, drawn: Harm, now: datetime) -> None:
        if drawn.target not in self.hosts.running or drawn.target in self.paused or drawn.target in self.dead:
            return
        self._strike(drawn.target)
        self._count("kill", now, drawn.target, sends=_sends(drawn.target))

    def _strike(self, name: str) -> None:
        """Kill a process that may have struck itself a moment ago."""
        self.dead.add(name)
        if name in self.pending:
            seams.take_back(self.folder, name)
            del self.pending[name]
        self.hosts.kill(name)
        self.hurry = True

    def _valkey_flushed(self, _drawn: Harm, now: datetime) -> None:
        self.broker.flush()
        self.hurry = True
        self._count("valkey_flushed", now, "valkey")

    def _valkey_killed(self, _drawn: Harm, now: datetime) -> None:
        self.broker.kill()
        self.broker.start(empty=False)
        self._count("valkey_killed", now, "valkey")

    def _valkey_stopped(self, drawn: Harm, now: datetime) -> None:
        """Let it be away for a while in which the scanners hint at nobody, and come back empty."""
        self.broker.kill()
        self.hosts.wake()
        time.sleep(0.1 + drawn.number % 10 / 50)
        self.broker.start(empty=True)
        self.hurry = True
        self._count("valkey_stopped", now, "valkey")

    def _provider_killed(self, _drawn: Harm, now: datetime) -> None:
        """Let the stand-ins die with whatever they were about to answer, and come back."""
        before = self.hosts.running["sandbox"]
        self.hosts.forget_sandbox()
        self._strike("sandbox")
        until = time.monotonic() + PATIENCE
        while self.hosts.running.get("sandbox", before) == before and time.monotonic() < until:
            self._look_after(now)
            time.sleep(POLL)
        self.hosts.await_sandbox()
        self._count("provider_killed", now, "sandbox", sends=SENDS)

    def _go_away(self, drawn: Harm, now: datetime) -> None:
        """End all processes of a kind, or Valkey, for hours or days of office time."""
        if self.away is not None:
            return
        self.away = Away(drawn.kind, now, clock.wall(), drawn.after)
        if drawn.kind == "valkey_away":
            self.broker.kill()
        if drawn.kind == "room_away":
            self.brim.fill(FOR_LONG)
        for name in self.away.processes:
            if name in self.paused:
                self._resume(name, now)
            self._strike(name)
        if drawn.kind == "provider_away":
            self.hosts.forget_sandbox()
        self._await_deaths(now, self.away.processes)
        # What that cut short, as any other kill does; that they are away is another fault.
        for name in self.away.processes:
            kind, sends = ("provider_killed", SENDS) if name == "sandbox" else ("kill", _sends(name))
            self._count(kind, now, name, sends=sends)

    def _one_step_less(self, now: datetime) -> None:
        if self.away is not None:
            self.away = replace(self.away, steps=self.away.steps - 1)
            if self.away.steps <= 0:
                self._come_back(now)

    def _come_back(self, now: datetime) -> None:
        if self.away is None:
            return
        was, self.away = self.away, None
        if was.kind == "valkey_away":
            self.broker.start(empty=True)
        if was.kind == "room_away":
            self.brim.make_room()
        for name in was.processes:
            self.hosts.start(name)
        if was.kind == "provider_away":
            self.hosts.await_sandbox()
        self.faults[was.kind] += 1
        target = was.kind.removesuffix("_away")
        self.write(j.Fault(was.at, now, was.kind, target, wall=was.wall, wall_until=clock.wall()))

    def _database_full(self, drawn: Harm, _now: datetime) -> None:
        """Let the database be full to the brim for a while; it counts if SQLite has said so."""
        self.brim.fill(FULL_AT_LEAST + drawn.number % 10 / 10)

    def _database_cut(self, drawn: Harm, now: datetime) -> None:
        assert isinstance(self.database, hosts.Postgres)
        self.cut_at = time.monotonic()
        if self.database.cut(drawn.number):
            self._count("database_cut", now, "database", sends=SENDS)

    def _database_restarted(self, _drawn: Harm, now: datetime) -> None:
        assert isinstance(self.database, hosts.Postgres)
        self.cut_at = time.monotonic()
        self.database.restart()
        self._count("database_restarted", now, "database", sends=SENDS)

    def _power_loss(self, drawn: Harm, now: datetime) -> None:
        """Let the machine lose its power: every process and Valkey at once, and what was not synced."""
        assert isinstance(self.database, hosts.Sqlite)
        self.engine.dispose()
        for name in harm.PROCESSES:
            if name in self.paused:
                self._resume(name, now)
            self._strike(name)
        self.broker.kill()
        self._await_deaths(now, harm.PROCESSES)
        garbage = random.Random(drawn.number).randbytes(drawn.number * 17 % 8192)
        self.database.lose_power(garbage)
        self.broker.start(empty=drawn.number % 2 == 0)
        for name in harm.PROCESSES:
            self.hosts.start(name)
        self._count("power_loss", now, "machine", sends=SENDS)

    def _await_deaths(self, now: datetime, names: Sequence[str]) -> None:
        until = time.monotonic() + PATIENCE
        while (alive := [n for n in names if n in self.hosts.running]) and time.monotonic() < until:
            self._hear_ended(now)  # also of others that die meanwhile
            time.sleep(POLL)
        if alive:
            raise StuckError(f"{now}: cannot be killed: {alive}")

    def _note_spoiled(self) -> None:
        """Journal the provider faults that messages have met with since the last call.

        Of the times that the database was full those count at which SQLite said so.
        """
        if full := brim.faults(self.folder):
            self.faults["database_full"] = len(full)
        met = wire.spoiled(self.folder)
        for fault in met[self.spoiled :]:
            self.faults[fault.kind] += 1
            self.write(fault)
        self.spoiled = len(met)


def _sends(name: str) -> int:
    """Return how many messages a process may have on their way."""
    return SENDS // 2 if name.startswith("work") else 0


def _microseconds(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(microseconds=1)


_LOOK = text(
    """
    SELECT EXISTS (SELECT 1 FROM deliveries WHERE state = 'sending')
        OR (:paused = 0
            AND EXISTS (SELECT 1 FROM deliveries WHERE state = 'ready' AND next_attempt_at <= :now))
        OR EXISTS (SELECT 1 FROM agenda WHERE due_at IS NOT NULL AND set_aside IS NULL AND due_at <= :now)
        OR EXISTS (SELECT 1 FROM items WHERE state = 'open' AND notice_id IS NULL
                   AND (held_until IS NULL OR held_until <= :now)),
      (SELECT min(release_at) FROM decisions WHERE outcome = 'said' AND released_at IS NULL),
      (SELECT max(id) FROM attempts), (SELECT count(outcome) FROM attempts),
      (SELECT sum(claim) FROM deliveries), (SELECT count(hinted_at) FROM deliveries),
      (SELECT max(id) FROM decisions), (SELECT count(*) FROM decisions WHERE released_at IS NULL),
      (SELECT max(id) FROM notices), (SELECT count(sent_at) FROM notices),
      (SELECT sum(version) FROM agenda)
    """
)
"""Whether anything is due or under way; when the next release is; and what differs after any step."""
