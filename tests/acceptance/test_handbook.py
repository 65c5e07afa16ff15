"""The administrators' handbook says what the program does: every command of it is run, every edit made."""

from __future__ import annotations

from difflib import unified_diff

from tests.handbook import PAGE, differences


def test_the_handbook_shows_what_the_program_prints() -> None:
    found = differences()
    lines = (found[which].splitlines() for which in ("is", "must be"))
    stale = "\n".join(unified_diff(*lines, PAGE.name, "as it must be", lineterm="", n=1))
    assert not stale, f"{stale}\nmend it: python -m tests.handbook --write, and read what changed"
