"""A config folder of one's own: a copy of the shipped one, with some words changed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from daemon.cli.checking import Findings, findings
from daemon.config.source import RuleSource, load_rules
from daemon.errors import Fault, FaultyInputError

CONFIG = Path(__file__).parents[3] / "config"
_CHANGE = re.compile(r"⟦(?P<old>[^→]*)→(?P<new>[^⟧]*)⟧")


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path / "config"
        shutil.copytree(CONFIG, self.path, ignore=shutil.ignore_patterns("demo", "schema", "templates"))
        self.shipped = path / "shipped"
        self.shipped.mkdir()
        (self.shipped / "a.j2").write_text("甲", encoding="utf-8")

    def write(self, place: str, data: str | bytes) -> None:
        path = self.path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)

    def text(self, place: str) -> str:
        return (self.path / place).read_text(encoding="utf-8")

    def change(self, place: str, change: str) -> tuple[int, int]:
        """Change the first ``before⟦old→new⟧after`` of a file; return line and column of ``new``.

        A ``⌖`` in ``new`` is left out, and marks the place instead.
        """
        text, match = self.text(place), _CHANGE.search(change)
        assert match
        before, after = change[: match.start()], change[match.end() :]
        start = text.index(before + match["old"] + after) + len(before)
        new = match["new"].replace("⌖", "")
        self.write(place, text[:start] + new + text[start + len(match["old"]) :])
        start += max(0, match["new"].find("⌖"))
        lines = self.text(place)[:start].split("\n")
        return len(lines), len(lines[-1]) + 1

    def load(self) -> RuleSource:
        return load_rules(self.path, self.shipped)

    def findings(self) -> Findings:
        """Look at the folder as ``duban check`` does, with the shipped templates."""
        return findings(self.path, CONFIG.parent / "templates")

    def faults(self) -> tuple[Fault, ...]:
        with pytest.raises(FaultyInputError) as caught:
            self.load()
        return caught.value.faults
