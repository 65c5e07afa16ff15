"""CI keeps the ratios from slipping: small sizes, and bounds that only a real loss breaks."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.program import ROOT, environment
from tests.bench.__main__ import BENCHES
from tests.bench.page import BEGIN, END, PAGE, read, written

pytestmark = pytest.mark.xdist_group("bench")


KEYS = {
    "start": {"ratio", "help_seconds", "start_seconds"},
    "tick": {"ratio", "due", "on_file", "sqlite"},
    "flood": {"ratio", "goal", "subjects", "sqlite"},
    "deliver": {"notices", "rounds", "processes", "threads", "sqlite"},
    "scan-all": {"due", "on_file", "sqlite"},
    "rates": {"ratio", "cases", "units", "sqlite"},
    "simulate": {"cases", "months", "notices", "seconds", "peak_mb"},
    "import": {"ratio", "rows", "sqlite"},
    "memory": {"ratio", "growth", "on_file", "minutes", "sqlite"},
}
MEASURED_MOST = 4
"""What else the machine does spoils one measurement or two; a real loss shows in each."""
BOUNDED = ("tick", "flood", "rates", "start")
"""These are measured on both databases, the others on SQLite only."""


@cache
def figures(name: str) -> dict[str, Any]:
    """Measure once for all tests."""
    return measured(name)


def measured(name: str) -> dict[str, Any]:
    """Measure as a person does: one object on one line."""
    argv = [sys.executable, "-m", "tests.bench", name, "--quick", "--json"]
    argv += [] if name in BOUNDED else ["--on", "sqlite", "--minutes", "0.02"]
    done = subprocess.run(argv, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("tick", 4.0),  # ten times the cases on file; what is on a par with them would be 10
        ("flood", 30.0),  # ten times the goal at full size
        ("rates", 12.0),  # so few cases are counted in no time
        ("start", 20.0),  # of a bare interpreter
    ],
)
def test_it_costs_no_more_than(name: str, most: float) -> None:
    told = figures(name)
    assert told.keys() >= KEYS[name]
    ratios = [told["ratio"]]
    while min(ratios) > most and len(ratios) < MEASURED_MOST:
        ratios.append(measured(name)["ratio"])
    assert min(ratios) <= most, (ratios, told)


def test_every_bench_is_run_here() -> None:
    assert KEYS.keys() == BENCHES.keys()


@pytest.mark.parametrize("name", sorted(BENCHES.keys() - set(BOUNDED)))
def test_it_ends_and_prints_its_figures(name: str) -> None:
    told = figures(name)
    assert told["bench"] == name
    assert told.keys() >= KEYS[name]


def test_a_tick_is_measured_on_both_databases() -> None:
    told = figures("tick")
    assert {"sqlite", "postgresql"} <= told.keys()
    assert told["ratio"] == max(told[kind]["ratio"] for kind in ("sqlite", "postgresql"))


def test_an_unknown_bench_is_told_of() -> None:
    argv = [sys.executable, "-m", "tests.bench", "tock"]
    done = subprocess.run(argv, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no bench tock; there are start, tick" in done.stderr


def test_of_several_runs_of_a_bench_the_last_counts(tmp_path: Path) -> None:
    (first := tmp_path / "a.jsonl").write_text('{"bench": "tick", "n": 1}\n{"bench": "tick", "n": 2}\n')
    (later := tmp_path / "b.jsonl").write_text('{"bench": "flood", "n": 3}\n\n')
    assert {name: each["n"] for name, each in read([first, later]).items()} == {"tick": 2, "flood": 3}


def test_each_database_may_be_measured_by_itself(tmp_path: Path) -> None:
    (both := tmp_path / "a.jsonl").write_text('{"bench": "tick", "sqlite": 1, "postgresql": 2}\n')
    (one := tmp_path / "b.jsonl").write_text('{"bench": "tick", "sqlite": 3}\n')
    assert read([both, one]) == {"tick": {"bench": "tick", "sqlite": 3, "postgresql": 2}}


def test_the_page_takes_its_tables_from_the_figures(tmp_path: Path) -> None:
    page = written(PAGE.read_text(encoding="utf-8"), {"tick": figures("tick")})
    head, _, rest = page.partition(BEGIN)
    table, _, tail = rest.partition(END)
    ratio = figures("tick")["postgresql"]["ratio"]
    assert re.search(rf"\| PostgreSQL \|.*\| {re.escape(str(ratio))} \| ≤ 1.3 \|", table)
    assert PAGE.read_text(encoding="utf-8").startswith(head)
    assert PAGE.read_text(encoding="utf-8").endswith(tail)


def test_the_table_of_what_was_not_measured_stays(tmp_path: Path) -> None:
    before = PAGE.read_text(encoding="utf-8")
    assert written(before, {}) == before
    page = written(before, {"tick": figures("tick")})
    assert titles(page) == titles(before) != []
    assert page != before


def titles(page: str) -> list[str]:
    """Return the titles of the tables, in their order."""
    table = page.partition(BEGIN)[2].partition(END)[0]
    return re.findall(r"^\*\*`?([\w ,-]+)`?\*\*", table, re.MULTILINE)
