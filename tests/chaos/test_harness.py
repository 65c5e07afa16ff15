"""The harness's own parts: seams strike where they are told to, and power cuts leave what was synced."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from tests.chaos import harm, seams, stream
from tests.chaos.driver import START
from tests.chaos.hosts import Sqlite

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


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_same_seed_draws_the_same_faults_and_moments(database: str) -> None:
    def drawn(seed: int) -> list[harm.Harm]:
        chance = random.Random(seed)
        return [harm.draw(chance, database) for _ in range(50)]

    assert drawn(1) == drawn(1) != drawn(2)
    first, again = (list(islice(stream.steps(4, START), 50)) for _ in range(2))
    assert first == again


def test_every_seam_has_its_word() -> None:
    assert set(harm.SEAMS) == {*seams.SCAN_SEAMS, *seams.WORK_SEAMS}
