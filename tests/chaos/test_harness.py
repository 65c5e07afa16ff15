"""The harness's own parts: seams strike where they are told to, and power cuts leave what was synced."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import pytest
import redis
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from daemon.store.engine import open_engine, reading, writing
from tests.chaos import brim, driver, harm, seams, stream
from tests.chaos.hosts import Broker, Sqlite
from tests.servers import eventually

UNCOMMITTED = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=2"):
    connection.execute(f"PRAGMA {pragma}")
connection.execute("CREATE TABLE said (n INTEGER, words TEXT)")
for n in range(20):
    connection.execute("INSERT INTO said VALUES (?, ?)", (n, "x" * 3000))
connection.execute("BEGIN")
for n in range(20, 200):
    connection.execute("INSERT INTO said VALUES (?, ?)", (n, "x" * 3000))
os.kill(os.getpid(), 9)
"""


def test_a_power_cut_leaves_what_was_committed(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    database = Sqlite(tmp_path)
    subprocess.run([sys.executable, "-c", UNCOMMITTED, str(database.path)], check=False)
    assert database.lose_power(random.Random(1).randbytes(5000)) > 100_000, "frames that no commit had synced"
    connection = sqlite3.connect(database.path)
    try:
        assert connection.execute("SELECT count(*), max(n) FROM said").fetchone() == (20, 19)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        connection.close()


def test_a_power_cut_on_a_fresh_file_is_harmless(tmp_path: Path) -> None:
    assert Sqlite(tmp_path).lose_power(b"") == 0


@pytest.mark.parametrize("nth", [1, 3])
def test_a_process_is_struck_at_the_so_manieth_pass_of_its_seam(tmp_path: Path, nth: int) -> None:
    order = seams.Order(id=5, seam="sent", nth=nth, do="kill")
    seams.give(tmp_path, "work-0", order)
    pid = os.fork()
    if pid == 0:
        mine = seams.Seams(tmp_path, "work-0")
        for passed in range(9):
            mine.passed("opened", ids=[passed])
            mine.passed("sent", ids=[passed])
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -9
    (line,) = (tmp_path / "fired.jsonl").read_text().splitlines()
    assert json.loads(line) == {"order": 5, "process": "work-0", "pid": pid, "ids": [nth - 1]}
    assert not (tmp_path / "work-0.order").exists(), "its successor lives"


def test_an_order_is_carried_out_or_taken_back_and_not_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run once ended with a process dead of an order that nobody remembered."""
    mine, struck = seams.Seams(tmp_path, "work-0"), []
    monkeypatch.setattr(mine, "_strike", lambda order, _details: struck.append(order.id))
    read = mine._read
    seams.give(tmp_path, "work-0", seams.Order(id=5, seam="sent", nth=1, do="kill"))
    mine.passed("sent")
    assert (struck, seams.take_back(tmp_path, "work-0")) == ([5], False), "it will be heard of"
    seams.give(tmp_path, "work-0", seams.Order(id=6, seam="sent", nth=1, do="kill"))
    monkeypatch.setattr(mine, "_read", lambda: (read(), seams.take_back(tmp_path, "work-0"))[0])
    mine.passed("sent")
    assert struck == [5], "it was read, and taken back in time"


def test_a_full_database_is_sqlites_own_word_and_takes_the_whole_transaction_back(tmp_path: Path) -> None:
    mine = brim.Brim(tmp_path)
    pid = os.fork()
    if pid == 0:
        os._exit(_fill_and_find_room(tmp_path))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    (fault,) = brim.faults(tmp_path)
    assert (fault.kind, fault.target, fault.doubt, fault.sends) == ("database_full", "database", True, 1)
    assert mine.times == 1, "one state for all processes"


def _fill_and_find_room(folder: Path) -> int:
    """Return how many of the four expectations of a process that meets a full database are not met."""
    brim.wrap(folder, "work-0")
    engine, state = open_engine(f"sqlite:///{folder / 'duban.db'}"), brim.Brim(folder)

    def say(times: int) -> bool:
        try:
            with writing(engine) as connection:
                for _ in range(times):
                    connection.execute(text("INSERT INTO said VALUES (:words)"), {"words": "x" * 1000})
        except OperationalError as error:
            return "database or disk is full" not in str(error)
        return True

    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE said (words TEXT)"))
    met = [say(20)]
    state.fill(60)
    met += [not say(20)]
    state.make_room()
    met += [say(20)]
    with reading(engine) as connection:
        met += [connection.execute(text("SELECT count(*) FROM said")).scalar() == 40]
    return met.count(False)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_same_seed_draws_the_same_faults_and_moments(database: str) -> None:
    def drawn(seed: int) -> list[harm.Harm]:
        chance = random.Random(seed)
        return [harm.draw(chance, database) for _ in range(50)]

    assert drawn(1) == drawn(1) != drawn(2)
    first, again = (list(islice(stream.steps(4, driver.START), 50)) for _ in range(2))
    assert first == again


def test_who_dies_while_others_are_killed_is_started_again(tmp_path: Path) -> None:
    """A run once went on with one worker, and stood still when that one was stopped."""
    with ExitStack() as stack:
        played = driver.Stage(driver.Wish(1, 1, "sqlite", tmp_path / "run"), stack)
        stack.callback(played.end)
        killed = played.hosts.running["work-0"]
        played.hosts.kill("work-0")
        played.dead.add("work-0")
        assert eventually(lambda: not Path(f"/proc/{killed}").exists())
        played._go_away(harm.Harm("scanners_away"), driver.START)
        played._look_after(driver.START)
        assert played.hosts.running["work-0"] != killed
        assert played.hosts.running.keys() == {"sandbox", *harm.WORKERS}
        played._come_back(driver.START)
        assert played.hosts.running.keys() == {"sandbox", *harm.PROCESSES}
        assert not played.deaths


def test_time_that_is_skipped_passes_for_locks_too(tmp_path: Path) -> None:
    """Workers once waited for the lock of one that had been killed: all clocks ran ahead of Valkey's."""
    broker = Broker(tmp_path)
    try:
        with redis.Redis.from_url(broker.url) as client:
            client.set("duban:token:wecom:lock", "who was killed", px=15_000)
            client.set("duban:token:wecom", "good for hours", px=7_200_000)
            broker.put_forward(driver.SKIP)
            assert eventually(lambda: not client.exists("duban:token:wecom:lock"))
            assert client.exists("duban:token:wecom")
    finally:
        broker.close()


def test_every_seam_has_its_word() -> None:
    assert set(harm.SEAMS) == {*seams.SCAN_SEAMS, *seams.WORK_SEAMS}
