"""Short runs of the harness: what is sound passes, and each planted bug is found."""

from __future__ import annotations

import sys

import pytest

from tests.acceptance.program import Answer, answered

SECONDS = 300.0


def run(*args: object) -> Answer:
    argv = [sys.executable, "-m", "tests.chaos", "--json", *map(str, args)]
    return answered(argv, seconds=SECONDS)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_faults_lose_nothing_and_repeat_nothing_unsaid(database: str) -> None:
    done = run("--database", database, "--seed", 7, "--faults", 40, "--minutes", 1)
    assert done.code == 0, done.err
    figures = done.last
    assert figures["violations"] == 0
    assert figures["faults"] >= 20, "it was harmed"
    assert figures["arrivals"] > 50, "and there was something to be lost"


@pytest.mark.parametrize(
    ("bug", "how", "broken"),
    [
        ("lost-touch", ("--faults", 20), ("lost", "late")),
        ("swallowed-conflict", ("--faults", 12, "--kind", "pause:planned"), ("lost", "late")),
        ("reminder-after-closure", ("--faults", 20), ("stale",)),
    ],
)
def test_a_planted_bug_is_found(bug: str, how: tuple[object, ...], broken: tuple[str, ...]) -> None:
    """Two processes race: a seed that shows the bug may, on another machine, need a second one."""
    for seed in range(1, 6):
        done = run("--seed", seed, "--bug", bug, *how)
        if done.code:
            break
    assert done.code == 1, done.out
    kinds = {line.split()[3].rstrip(":") for line in done.err.splitlines() if line.startswith("VIOLATION 20")}
    assert kinds & set(broken), done.err
    assert f"--seed {seed} " in done.err, "it says how to replay"
