"""Short runs of the harness: what is sound passes, and each planted bug is found."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import pytest

from tests.acceptance.program import Answer, answered
from tests.chaos import harm

SEEDS = 10
SECONDS = 1200.0
"""For one run on a machine that is slow and busy; how much is harmed is said by --faults, not by the time."""


def run(*args: object) -> Answer:
    argv = [sys.executable, "-m", "tests.chaos", "--json", *map(str, args)]
    return answered(argv, seconds=SECONDS)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_faults_lose_nothing_and_repeat_nothing_unsaid(database: str) -> None:
    done = run("--database", database, "--seed", 7, "--faults", 40)
    assert done.code == 0, done.err
    figures = done.last
    assert figures["violations"] == 0
    assert figures["faults"] >= 20, "it was harmed"
    assert figures["arrivals"] > 50, "and there was something to be lost"
    assert figures["no_room"], "and somebody had had enough"


@pytest.mark.parametrize(
    ("bug", "first", "how", "broken"),
    [
        ("lost-touch", 2, ("--faults", 20), ("lost", "late")),
        ("swallowed-conflict", 1, ("--faults", 24, "--kind", "pause:planned"), ("lost", "late")),
        ("reminder-after-closure", 2, ("--faults", 30), ("stale",)),
        ("always-again", 2, ("--faults", 20), ("repeated",)),
        ("lost-company", 5, ("--faults", 40), ("repeated", "failed")),
        ("silent-note", 2, ("--faults", 30), ("silent",)),
        ("no-budget", 2, ("--faults", 20), ("over",)),
    ],
)
def test_a_planted_bug_is_found(
    bug: str, first: int, how: tuple[object, ...], broken: tuple[str, ...]
) -> None:
    """Two processes race: one seed in two or three does not show the bug, and another one is tried.

    Without the bug the same seed shows nothing.
    """
    for seed in range(first, first + SEEDS):
        done = run("--seed", seed, "--bug", bug, *how)
        if found(done) & set(broken):
            break
    assert done.code == 1, done.out
    assert found(done) & set(broken), done.err
    assert f"--seed {seed} " in done.err, "it says how to replay"
    assert sound(seed, how).code == 0


def found(done: Answer) -> set[str]:
    """Return what a run violates, each by its first word."""
    return {line.split()[3].rstrip(":") for line in done.err.splitlines() if line.startswith("VIOLATION 20")}


@cache
def sound(seed: int, how: tuple[object, ...]) -> Answer:
    return run("--seed", seed, *how)


def test_an_outage_of_days_loses_nothing() -> None:
    away = [word for kind in harm.AWAY for word in ("--kind", kind)]
    done = run("--seed", 1, "--faults", 8, *away)
    assert done.code == 0, done.err
    assert harm.AWAY.keys() & done.last["by_kind"].keys()


def test_what_shows_a_violation_is_kept(tmp_path: Path) -> None:
    done = run("--seed", 1, "--faults", 5, "--bug", "always-again", "--folder", tmp_path)
    assert done.code == 1
    journal = tmp_path / "run" / "journal.jsonl"
    assert f"--judge {journal}" in done.err
    assert run("--judge", journal).code == 1
