"""A small run over the same inputs every time; ``python -m tests.fuzz`` tries others."""

from __future__ import annotations

import pytest

from tests.fuzz.running import findings


@pytest.mark.parametrize(("target", "count"), [("workbook", 150), ("config", 150), ("condition", 1500)])
def test_nothing_but_errors_of_our_own_in_bounded_time_and_memory(target: str, count: int) -> None:
    assert [str(found) for found in findings(target, 0, count)] == []


def test_each_kind_of_fault_is_found_and_the_run_goes_on() -> None:
    """Of the first nine, 2, 5 and 8 are sound."""
    found = {each.number: each.error.strip().splitlines()[-1] for each in findings("planted", 0, 9, 1)}
    assert found == {
        0: "KeyError: 'planted'",
        1: "MemoryError",
        3: "MemoryError",
        4: "KeyError: 'planted'",
        6: "the process ended with -24",
        7: "the process ended with -9",
    }
