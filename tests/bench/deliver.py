"""20,000 notices through a Valkey and real worker processes to a local gateway, over HTTP and over SMTP.

``duban work`` claims, looks once more, renders, notes the try, sends and records. Beside it, with as many
processes and threads, the same calls by the same client:

- bare dramatiq actors, which keep no records: the floor; like ours without middleware, 16 sends to a message;
- Celery and Huey as a user writes it with them: claim the row, call, mark the row (the text lies ready), one
  message a send.

All messages wait in Valkey before the workers start; a rate is that of the arrivals at the gateway, from the
first to the last. Each channel is a run of its own; the rate of both together is their harmonic mean. The
contenders take turns in three rounds; of rates the median and the extremes are told, and ``ratio`` is the
median of our rate over bare dramatiq's in the same round. PostgreSQL is measured without ``fsync`` and,
as ``postgresql_fsync`` in one round of all, with it, when each commit waits for the disk.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Engine, func, select

from daemon import clock
from daemon.loop import hint_due
from daemon.release import release
from daemon.render import Renderer
from daemon.scan import scan
from daemon.store.engine import open_engine, reading
from daemon.store.tables import attempts, deliveries, notices
from jobs.broker import connect
from jobs.hints import Hints
from tests.acceptance.program import ROOT, environment
from tests.bench.county import NOW, County, config, found, line, rules, told
from tests.bench.rivals import call
from tests.bench.setting import Setting, database, synced
from tests.servers import eventually, valkey_server

PROCESSES, THREADS = 2, 4
CHANNELS = ("wecom", "email")
GOALS = {"sqlite": 0.6, "postgresql": 0.5}
SECONDS = 600.0
SENT, ROUNDS = 20_000, 3
"""So many notices a contender and database, in so many rounds."""
CONTENDERS = ("dramatiq", "duban", "celery", "huey")


@dataclass(frozen=True)
class Scene:
    """What a run needs: a folder, a gateway, a Valkey, and the environment that leads to them."""

    folder: Path
    gateway: str
    env: Mapping[str, str]

    def arrived(self) -> dict[str, float]:
        """Return what arrived since it was last asked."""
        with urllib.request.urlopen(f"{self.gateway}/stats") as answer:
            found: dict[str, float] = json.loads(answer.read())
            return found


@contextmanager
def scene() -> Iterator[Scene]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="duban-bench-")))
        http, smtp = stack.enter_context(_gateway())
        valkey = stack.enter_context(valkey_server())
        clock.jump(folder / "clock", NOW)
        env = {
            "DUBAN_STATE": str(folder / "state"),
            "DUBAN_CONFIG": str(config(folder)),
            "DUBAN_CLOCK": str(folder / "clock"),
            "DUBAN_REDIS_URL": valkey.url,
            "DUBAN_SANDBOX_HTTP": f"http://127.0.0.1:{http}",
            "DUBAN_SANDBOX_SMTP_PORT": str(smtp),
            "DUBAN_BENCH_SECRET": "secret",
            "DUBAN_BENCH_AGENT": "1000002",
            "DUBAN_BENCH_CONTENT": json.dumps(texts(), ensure_ascii=False),
        }
        yield Scene(folder, f"http://127.0.0.1:{http}", env)


@contextmanager
def _gateway() -> Iterator[list[int]]:
    argv = [sys.executable, "-m", "tests.bench.gateway"]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment()
    ) as gateway:
        assert gateway.stdout
        assert gateway.stdin
        yield [int(port) for port in gateway.stdout.readline().split()]
        gateway.stdin.close()
        gateway.wait(10)


def texts() -> dict[str, dict[str, object]]:
    """Render one message of each channel: what the rivals find ready."""
    renderer = Renderer(rules().templates)
    context = told([line("PS-2018-0000001", "磐石样例1号公司")])
    return {name: dict(renderer.render(name, "reminder.unit", context)) for name in CHANNELS}


def measure(setting: Setting) -> dict[str, Any]:
    count, rounds = setting.size(SENT // ROUNDS // len(CHANNELS) // 2 * 2, 64), setting.size(ROUNDS, 1)
    with scene() as place:
        each = {kind: _on(kind, place, count, rounds, setting) for kind in setting.databases}
        if "postgresql" in setting.databases:
            with synced():
                each["postgresql_fsync"] = _on("postgresql", place, count * rounds, 1, setting)
    return {
        "notices": count * len(CHANNELS) * rounds,
        "rounds": rounds,
        "processes": PROCESSES,
        "threads": THREADS,
        **each,
    }


Rates = Mapping[str, float]
"""Messages a second, by channel."""


def _on(kind: str, place: Scene, count: int, rounds: int, setting: Setting) -> dict[str, Any]:
    """Let the contenders take turns, so that what else the machine does falls on all of them."""
    taken: dict[str, list[Rates]] = {who: [] for who in CONTENDERS}
    for number in range(rounds):
        turn = CONTENDERS[number % len(CONTENDERS) :] + CONTENDERS[: number % len(CONTENDERS)]
        by_channel: dict[str, dict[str, float]] = {who: {} for who in CONTENDERS}
        for name in CHANNELS:
            for who in turn:
                rate = _contend(kind, place, who, name, count)
                setting.progress(f"deliver: {kind}, round {number + 1}, {name}, {who}: {rate:.0f} a second")
                by_channel[who][name] = rate
        for who, rates in by_channel.items():
            taken[who].append(rates)
    over = {who: _over(taken["duban"], taken[who]) for who in CONTENDERS if who != "duban"}
    return {
        "ratio": over["dramatiq"][1],
        "ratio_spread": [over["dramatiq"][0], over["dramatiq"][2]],
        "goal": GOALS[kind],
        **{who: _rates(rates) for who, rates in taken.items()},
        "over_celery": over["celery"][1],
        "over_huey": over["huey"][1],
    }


def _contend(kind: str, place: Scene, who: str, name: str, count: int) -> float:
    if who == "dramatiq":
        return _bare(place, name, count)
    return _duban(kind, place, name, count) if who == "duban" else _rival(kind, place, who, name, count)


def _over(ours: Sequence[Rates], theirs: Sequence[Rates]) -> list[float]:
    """Return our rate over theirs, round by round: the least, the median, the most."""
    each = sorted(_whole(mine) / _whole(yours) for mine, yours in zip(ours, theirs, strict=True))
    return [round(ratio, 2) for ratio in (each[0], median(each), each[-1])]


def _whole(rates: Rates) -> float:
    """Return the rate over both channels, as many messages over each (their harmonic mean)."""
    return len(rates) / sum(1 / rate for rate in rates.values())


def _rates(rounds: Sequence[Rates]) -> dict[str, Any]:
    """Return the medians, and of the whole the least and the most."""
    wholes = sorted(map(_whole, rounds))
    medians = {name: round(median(rates[name] for rates in rounds)) for name in CHANNELS}
    return {**medians, "whole": round(median(wholes)), "spread": [round(wholes[0]), round(wholes[-1])]}


def _duban(kind: str, place: Scene, name: str, count: int) -> float:
    county = County(count // 2, count // 2, due=True, by_mail=name == "email")
    with database(kind) as url:
        engine = open_engine(url)
        rule_set = found(engine, county)
        scan(engine, rule_set, NOW, pause=lambda _seconds: None)
        assert release(engine, rule_set, NOW) == count
        broker = connect(place.env["DUBAN_REDIS_URL"])
        broker.flush_all()
        hint_due(engine, Hints(broker), NOW)
        argv = [sys.executable, "-m", "daemon.cli", "work"]
        rate = _drained(
            place, [argv] * PROCESSES, {"DUBAN_DATABASE_URL": url}, count, lambda: _recorded(engine, count)
        )
        engine.dispose()
    return rate


def _recorded(engine: Engine, count: int) -> bool:
    """Whether all our records say that all was sent."""
    with reading(engine) as connection:
        counts = [
            connection.execute(select(func.count()).select_from(table).where(sent)).scalar()
            for table, sent in (
                (deliveries, deliveries.c.state == "sent"),
                (attempts, attempts.c.outcome == "sent"),
                (notices, notices.c.state == "sent"),
            )
        ]
    return counts == [count] * 3


def _bare(place: Scene, name: str, count: int) -> float:
    argv = [
        *(sys.executable, "-m", "dramatiq", "tests.bench.rivals.with_dramatiq"),
        *("-p", str(PROCESSES), "-t", str(THREADS), "--skip-logging"),
    ]
    return _rate(place, "dramatiq", name, [argv], {}, count, lambda: True)


WORKERS: Mapping[str, Sequence[str]] = {
    "celery": (
        *("-m", "celery", "-A", "tests.bench.rivals.with_celery", "worker"),
        *("-P", "threads", "-c", str(THREADS), "--loglevel", "ERROR"),
        *("--without-gossip", "--without-mingle"),
    ),
    "huey": (
        *("-m", "huey.bin.huey_consumer", "tests.bench.rivals.with_huey.app"),
        *("-w", str(THREADS), "-k", "thread", "-q"),
    ),
}


def _rival(kind: str, place: Scene, who: str, name: str, count: int) -> float:
    with database(kind) as url:
        engine = open_engine(url)
        call.fill(engine, name, json.loads(place.env["DUBAN_BENCH_CONTENT"])[name], count)
        more = {"DUBAN_DATABASE_URL": url}
        argv = [[sys.executable, *WORKERS[who], *_named(who, number)] for number in range(PROCESSES)]

        def recorded() -> bool:
            with reading(engine) as connection:
                sent = select(func.count()).where(call.outbox.c.state == "sent")
                return connection.execute(sent).scalar() == count

        rate = _rate(place, who, name, argv, more, count, recorded)
        engine.dispose()
    return rate


def _named(who: str, number: int) -> list[str]:
    return ["-n", f"bench{number}@local"] if who == "celery" else []


def _rate(
    place: Scene,
    who: str,
    name: str,
    argv: Sequence[Sequence[str]],
    more: Mapping[str, str],
    count: int,
    recorded: Callable[[], bool],
) -> float:
    """Enqueue with a contender's own means, in a process of its own, and let its workers drain the queue."""
    connect(place.env["DUBAN_REDIS_URL"]).client.flushall()
    enqueue = f"from tests.bench.rivals.with_{who} import enqueue; enqueue({name!r}, {count})"
    subprocess.run(
        [sys.executable, "-c", enqueue], check=True, cwd=ROOT, env=environment({**place.env, **more})
    )
    return _drained(place, argv, more, count, recorded)


def _drained(
    place: Scene,
    argv: Sequence[Sequence[str]],
    more: Mapping[str, str],
    count: int,
    recorded: Callable[[], bool],
) -> float:
    """Start workers, wait until all has arrived and is recorded, stop them; return the arrivals a second."""
    place.arrived()
    total, first, last = 0.0, 0.0, 0.0
    env = environment({**place.env, **more})
    with (place.folder / "workers.log").open("ab") as log, ExitStack() as stack:
        for each in argv:
            worker = subprocess.Popen(
                each, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            stack.callback(_stop, worker)
        until = time.monotonic() + SECONDS
        while total < count:
            assert time.monotonic() < until, f"only {total:.0f} of {count} have arrived"
            time.sleep(0.25)
            told = place.arrived()
            if told["messages"]:
                first, last = first or told["first"], told["last"]
                total += told["messages"]
        assert eventually(recorded, 60.0), "not all that arrived was recorded"
    assert total == count, f"{total:.0f} have arrived, not {count}"
    return (count - 1) / (last - first)


def _stop(worker: subprocess.Popen[bytes]) -> None:
    worker.terminate()
    try:
        worker.wait(30)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
