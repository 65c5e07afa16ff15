from __future__ import annotations

import pytest

from daemon.service.processes import Backoff

SHORT, LONG = 1.0, 600.0


@pytest.mark.parametrize(
    ("lives", "pauses"),
    [
        ([LONG, LONG, LONG], [0, 0, 0]),
        ([SHORT, SHORT, SHORT, SHORT], [0, 0.25, 0.5, 1.0]),
        ([SHORT, SHORT, LONG, SHORT], [0, 0.25, 0, 0.25]),
        ([SHORT] * 9 + [SHORT] * 2000, [0, 0.25, 0.5, 1, 2, 4, 8, 16, 30] + [30] * 2000),
    ],
)
def test_the_pause_grows_until_it_has_lived_well(lives: list[float], pauses: list[float]) -> None:
    backoff = Backoff()
    assert [backoff.pause(life) for life in lives] == pauses
