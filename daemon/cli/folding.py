"""The rungs of one case as a reader wants them: what was said, what comes, what stays silent and why.

What is silent for one reason is one row, however many slots a rung has had. Works on the lines of
``daemon.cli.timeline`` as JSON has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

Line = Mapping[str, Any]


class Group(StrEnum):
    """Where a rung stands from a moment: told before it, coming after it, or not at all."""

    BEFORE = "before"
    LATER = "later"
    SILENT = "silent"


_SPEAKS = ("due", "later")


def group_of(
    fate: str, outcome: str | None, told: Sequence[str], leaves_at: datetime | None, moment: datetime
) -> Group:
    """Return where a rung stands; ``told`` are the states of its items, which may all have been dropped."""
    dropped = set(told) == {"dropped"}
    speaks = fate in _SPEAKS or (fate == "settled" and outcome == "said" and not dropped)
    if not speaks or leaves_at is None:
        return Group.SILENT
    return Group.LATER if leaves_at >= moment else Group.BEFORE


@dataclass(frozen=True, slots=True)
class Fold:
    """The lines that one row stands for: of one ladder, all for the same reason."""

    lines: tuple[Line, ...]

    @property
    def rungs(self) -> str:
        names = dict.fromkeys(line["rung"] for line in self.lines)
        return f"{self.lines[0]['ladder']}/{'、'.join(names)}"

    @property
    def acts(self) -> str:
        return "、".join(dict.fromkeys(line["act"] for line in self.lines))

    @property
    def whom(self) -> str:
        return "；".join(dict.fromkeys(line["whom"] for line in self.lines if line["whom"]))

    @property
    def days(self) -> str:
        """Say the day, or the first, the last and how many there are."""
        days = [line["day"] for line in self.lines if line["day"]]
        if len(days) < 2:
            return f"{days[0]} {self.lines[0]['weekday']}" if days else ""
        return f"{min(days)} 至 {max(days)}，共 {len(days)} 次"

    @property
    def state(self) -> str:
        return str(self.lines[0]["state"])


def in_group(lines: Sequence[Line], group: Group, *, by_rung: bool) -> list[Fold]:
    """Return the lines of a group, each by itself; but the silent ones folded, by rung or by ladder."""
    mine = [line for line in lines if line["group"] == group]
    if group is not Group.SILENT:
        return [Fold((line,)) for line in mine]
    alike: dict[tuple[object, ...], list[Line]] = {}
    for line in mine:
        # Of a ladder that has no day yet nothing can be told apart.
        alone = line["rung"] if by_rung and line["day"] else ""
        alike.setdefault((line["ladder"], alone, line["state"]), []).append(line)
    return [Fold(tuple(each)) for each in alike.values()]
