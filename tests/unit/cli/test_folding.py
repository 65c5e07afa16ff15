"""What a reader sees of one case's rungs: what is silent for one reason is one row, with its days counted."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from daemon.cli.folding import Group, group_of, in_group

NOON = datetime(2018, 8, 30, 12, tzinfo=UTC)
EARLIER, LATER = NOON.replace(day=29), NOON.replace(month=9)


def line(rung: str, day: date | None = None, group: Group = Group.SILENT, state: str = "以前的不补发") -> Any:
    weekday = f"周{'一二三四五六日'[day.weekday()]}" if day else ""
    words = {"ladder": "case-due", "act": "催办", "whom": "孙联络", "weekday": weekday, "state": state}
    return {**words, "rung": rung, "day": day, "group": group}


@pytest.mark.parametrize(
    ("fate", "outcome", "told", "leaves_at", "group"),
    [
        ("due", None, [], EARLIER, Group.BEFORE),
        ("due", None, [], LATER, Group.LATER),
        ("later", None, [], LATER, Group.LATER),
        ("settled", "said", ["said"], EARLIER, Group.BEFORE),
        ("settled", "said", [], LATER, Group.LATER),
        ("settled", "said", ["said", "dropped"], EARLIER, Group.BEFORE),
        ("settled", "said", ["dropped"], EARLIER, Group.SILENT),
        ("settled", "when", [], EARLIER, Group.SILENT),
        ("before_rule", None, [], EARLIER, Group.SILENT),
        ("no_anchor", None, [], None, Group.SILENT),
    ],
)
def test_a_rung_was_told_comes_later_or_is_silent(
    fate: str, outcome: str | None, told: list[str], leaves_at: datetime | None, group: Group
) -> None:
    assert group_of(fate, outcome, told, leaves_at, NOON) is group


def test_the_slots_of_a_silent_rung_are_one_row_with_first_last_and_how_many() -> None:
    slots = [line("again", date(2018, month, 28)) for month in (9, 10, 11)]
    (fold,) = in_group(slots, Group.SILENT, by_rung=True)
    assert (fold.rungs, fold.days) == ("case-due/again", "2018-09-28 至 2018-11-28，共 3 次")


def test_rungs_of_one_ladder_are_told_apart_or_not() -> None:
    lines = [line("head", date(2018, 9, 5)), line("letter", date(2018, 9, 14))]
    assert [f.days for f in in_group(lines, Group.SILENT, by_rung=True)] == [
        "2018-09-05 周三",
        "2018-09-14 周五",
    ]
    (both,) = in_group(lines, Group.SILENT, by_rung=False)
    assert both.rungs == "case-due/head、letter"


def test_what_was_said_or_comes_stands_by_itself() -> None:
    lines = [line("again", date(2018, 9, day), Group.LATER, "定于") for day in (3, 4)]
    assert len(in_group(lines, Group.LATER, by_rung=False)) == 2
