"""What dies in the middle of the demonstration: nothing is lost, and what is said twice says so."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from daemon.service.valkey import socket_path
from tests.acceptance.program import SECONDS, Answer, command, duban, environment, mentioning, processes
from tests.acceptance.told import Handed, Told, arrived, copies, said_items, simulated
from tests.servers import eventually, postgres_url

SINCE, UNTIL = "2018-08-16", "2018-08-21"
LOST = 3
Harm = Callable[[Path], None]


def kill_worker(state: Path) -> None:
    worker, *_ = processes(state, "daemon.cli", "work")
    os.kill(worker, signal.SIGKILL)


def ask_worker_to_end(state: Path) -> None:
    worker, *_ = processes(state, "daemon.cli", "work")
    os.kill(worker, signal.SIGTERM)


def kill_valkey(state: Path) -> None:
    os.kill(int((state / "valkey" / "server.lock").read_text()), signal.SIGKILL)


def forget_everything(state: Path) -> None:
    """Flush, again and again, until hints that nobody had taken yet were among what was lost."""
    lost = 0

    def flush() -> bool:
        nonlocal lost
        with client.pipeline(transaction=True) as pipe:
            for channel in ("email", "sms", "wecom"):
                pipe.llen(f"duban:{channel}")
            *waiting, _ = pipe.flushall().execute()
        lost += sum(map(int, waiting))
        return lost >= LOST

    with redis.Redis(unix_socket_path=str(socket_path(state / "valkey"))) as client:
        assert eventually(flush, 120), "no hint was lost, so nothing was shown"


@pytest.fixture(scope="module")
def expected() -> Counter[tuple[object, ...]]:
    """What is to be said, as a simulation foretells."""
    return said_items(simulated(duban("simulate", "--demo", "--from", SINCE, "--to", UNTIL, "--json")))


@contextmanager
def no_database() -> Iterator[str]:
    yield ""


@dataclass(frozen=True)
class Blow:
    """What is done when so many messages have arrived, and what may follow from it."""

    harm: Harm
    after: int
    database: Callable[[], AbstractContextManager[str]] = no_database
    restarts: int = 0
    doubts: bool = False


def played(state: Path, database: str, blow: Blow) -> Told:
    """Run a demonstration, and strike."""
    more = ("--database", database) if database else ()
    argv = command("demo", "--from", SINCE, "--to", UNTIL, "--state", state, "--json", *more)
    out, err = state.parent / "out", state.parent / "err"
    with out.open("wb") as to, err.open("wb") as complaints:
        play = subprocess.Popen(
            argv, env=environment(), stdin=subprocess.DEVNULL, stdout=to, stderr=complaints
        )
        try:
            assert eventually(lambda: len(arrived(state)) >= blow.after or play.poll() is not None, SECONDS)
            assert play.poll() is None, "it ended before any harm was done"
            blow.harm(state)
            code = play.wait(SECONDS)
        finally:
            play.kill()
            play.wait()
    return Told(state, Answer(code, out.read_text(), err.read_text()), database)


BLOWS = {
    "a worker is killed": Blow(kill_worker, 30, restarts=1, doubts=True),
    "a worker is killed, on PostgreSQL": Blow(kill_worker, 40, postgres_url, restarts=1, doubts=True),
    "a worker is asked to end": Blow(ask_worker_to_end, 35, restarts=1),
    "Valkey forgets everything": Blow(forget_everything, 20),
    "Valkey is killed": Blow(kill_valkey, 50),
}


@pytest.mark.parametrize("blow", BLOWS.values(), ids=BLOWS)
def test_everything_arrives_and_nothing_is_repeated_without_a_doubt(
    blow: Blow, expected: Counter[tuple[object, ...]], tmp_path: Path
) -> None:
    with blow.database() as url:
        told = played(tmp_path / "state", url, blow)
        assert told.answer.code == 0, told.answer.err[-2000:]
        assert told.figures["restarts"] == blow.restarts
        assert said_items(told.lines()) == expected
        assert set(told.handed_over()) == set(copies(told.inbox))
        assert told.said_without_telephone() == {number for number, _ in copies(told.inbox)}
        assert repeated(told) <= told.doubtful()
        assert blow.doubts or not told.doubtful()
        assert set(copies(row for row in told.inbox if not row["repeat"]).values()) == {1}
        assert mentioning(told.state) == []


def repeated(told: Told) -> set[Handed]:
    return {handed for handed, count in copies(told.inbox).items() if count > 1}
