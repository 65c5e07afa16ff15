"""20,000 notices through a Valkey and real worker processes to a local gateway, half by HTTP, half by SMTP.

``duban work`` claims, looks once more, renders, notes the try, sends and records. Beside it, with as many
processes and threads, the same calls by the same client:

- bare dramatiq actors, which keep no records: the floor;
- Celery and Huey as a user writes it with them: claim the row, call, mark the row (the text lies ready).

All messages wait in Valkey before the workers start; a rate is that of the arrivals at the gateway, from the
first to the last. ``ratio`` is our rate over bare dramatiq's.
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
from tests.bench.setting import Setting, database
from tests.servers import eventually, valkey_server

PROCESSES, THREADS = 2, 4
CHANNELS = ("wecom", "email")
GOALS = {"sqlite": 0.6, "postgresql": 0.5}
SECONDS = 600.0


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
    count = setting.size(10_000, 300)
    with scene() as place:
        bare = {name: _bare(place, name, count, setting) for name in CHANNELS}
        each = {kind: _on(kind, place, count, bare, setting) for kind in setting.databases}
    return {
        "notices": count * len(CHANNELS),
        "processes": PROCESSES,
        "threads": THREADS,
        "dramatiq_bare": _rates(bare),
        **each,
    }


def _on(kind: str, place: Scene, count: int, bare: Mapping[str, float], setting: Setting) -> dict[str, Any]:
    ours = {name: _duban(kind, place, name, count, setting) for name in CHANNELS}
    celery = {name: _rival(kind, place, "celery", name, count, setting) for name in CHANNELS}
    huey = {name: _rival(kind, place, "huey", name, count, setting) for name in CHANNELS}
    ratio = _whole(ours) / _whole(bare)
    return {
        "ratio": round(ratio, 2),
        "goal": GOALS[kind],
        "ratio_by_channel": {name: round(ours[name] / bare[name], 2) for name in CHANNELS},
        "duban": _rates(ours),
        "celery": _rates(celery),
        "huey": _rates(huey),
        "over_celery": round(_whole(ours) / _whole(celery), 2),
        "over_huey": round(_whole(ours) / _whole(huey), 2),
    }


def _whole(rates: Mapping[str, float]) -> float:
    """Return the rate of all messages, half over each channel."""
    return len(rates) / sum(1 / rate for rate in rates.values())


def _rates(rates: Mapping[str, float]) -> dict[str, int]:
    return {name: round(rate) for name, rate in rates.items()} | {"whole": round(_whole(rates))}


def _duban(kind: str, place: Scene, name: str, count: int, setting: Setting) -> float:
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
    setting.progress(f"deliver: {kind}, {name}, duban: {rate:.0f} a second")
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


def _bare(place: Scene, name: str, count: int, setting: Setting) -> float:
    argv = [
        *(sys.executable, "-m", "dramatiq", "tests.bench.rivals.with_dramatiq"),
        *("-p", str(PROCESSES), "-t", str(THREADS), "--skip-logging"),
    ]
    rate = _rate(place, "dramatiq", name, [argv], {}, count, lambda: True)
    setting.progress(f"deliver: {name}, bare dramatiq: {rate:.0f} a second")
    return rate


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


def _rival(kind: str, place: Scene, who: str, name: str, count: int, setting: Setting) -> float:
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
    setting.progress(f"deliver: {kind}, {name}, {who}: {rate:.0f} a second")
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
