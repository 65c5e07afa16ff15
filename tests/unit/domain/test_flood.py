"""The gate on floods: too many within an hour, and the leading group outside its brief."""

from __future__ import annotations

import pytest

from daemon.domain.flood import Coming, FloodGate, Hold, holds

GATE = FloodGate(hour=3)
UNIT, BRIEF, ALARM = Coming("morning", False), Coming("brief", True), Coming("", True)


@pytest.mark.parametrize(
    ("lately", "coming", "held"),
    [
        (0, [UNIT] * 3, [None] * 3),
        (0, [UNIT] * 4, [Hold.FLOOD] * 4),
        (2, [UNIT], [None]),
        (2, [UNIT, UNIT], [Hold.FLOOD] * 2),
        (0, [BRIEF], [None]),
        (0, [ALARM], [Hold.GROUP]),
        (3, [ALARM], [Hold.GROUP]),
        (2, [UNIT, ALARM], [None, Hold.GROUP]),
        (3, [UNIT, ALARM], [Hold.FLOOD, Hold.GROUP]),
        (9, [], []),
    ],
    ids=[
        "as many as may",
        "one too many: all of them",
        "the last of the hour",
        "those before count",
        "the group in its brief",
        "the group outside it",
        "the group alone, in a full hour",
        "beside others",
        "beside others, in a full hour",
        "nothing",
    ],
)
def test_what_is_held(lately: int, coming: list[Coming], held: list[Hold | None]) -> None:
    assert holds(GATE, lately, coming) == held
