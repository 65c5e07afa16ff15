"""Of which epoch a decision is, where its instant alone does not say so."""

from __future__ import annotations

import pytest

from tests.chaos.oracle.epochs import Candidates, told_apart

BEFORE, MOVED, AFTER, LAST = range(1, 5)


@pytest.mark.parametrize(
    ("found", "versions", "left"),
    [
        pytest.param({10: (BEFORE, AFTER)}, {10: 4}, {10: (BEFORE, AFTER)}, id="alone it may be of both"),
        pytest.param(
            {10: (BEFORE, MOVED), 11: (BEFORE,), 12: (BEFORE, AFTER), 13: (AFTER,)},
            {10: 4, 11: 4, 12: 5, 13: 5},
            {10: (BEFORE,), 11: (BEFORE,), 12: (AFTER,), 13: (AFTER,)},
            id="by what is plain of others of its version",
        ),
        pytest.param(
            {10: (BEFORE,), 11: (BEFORE, AFTER)},
            {10: 4, 11: 5},
            {10: (BEFORE,), 11: (AFTER,)},
            id="by what is plain of another version",
        ),
        pytest.param(
            {10: (BEFORE, MOVED), 11: (BEFORE, MOVED, AFTER), 12: (MOVED, AFTER, LAST), 13: (AFTER, LAST)},
            {10: 4, 11: 5, 12: 6, 13: 7},
            {10: (BEFORE,), 11: (MOVED,), 12: (AFTER,), 13: (LAST,)},
            id="by their order",
        ),
        pytest.param(
            {10: (BEFORE,), 11: (AFTER,)},
            {10: 4, 11: 4},
            None,
            id="of what contradicts itself nothing is concluded",
        ),
    ],
)
def test_the_decisions_of_one_version_tell_of_each_other(
    found: dict[int, Candidates], versions: dict[int, int], left: dict[int, Candidates] | None
) -> None:
    assert told_apart(found, versions) == left
