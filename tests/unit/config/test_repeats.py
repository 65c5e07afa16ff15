from __future__ import annotations

from datetime import date

import pytest

from daemon.config.repeats import every
from daemon.config.words import WordError
from daemon.domain.workdays import Offset, Span

STEPS = [
    ("20 workdays", Offset(20, Span.WORKDAYS)),
    ("week", Offset(1, Span.WEEKS)),
    ("month", Offset(1, Span.MONTHS)),
    ("2 weeks", Offset(2, Span.WEEKS)),
]


@pytest.mark.parametrize(("text", "step"), STEPS)
def test_a_step(text: str, step: Offset) -> None:
    assert every(text).step == step


CRON_DAYS = [
    ("0 9 5 * *", "2018-08-05", "2018-08-05"),
    ("0 9 5 * *", "2018-08-06", "2018-09-05"),
    ("59 23 31 12 *", "2018-12-31", "2018-12-31"),
    ("*/5 * * * *", "2018-08-16", "2018-08-16"),
    ("0 0 * * mon", "2018-12-29", "2018-12-31"),
    ("0 0 * * mon", "2019-01-01", "2019-01-07"),
    ("0 0 29 2 *", "2018-08-16", "2020-02-29"),
    ("0 0 L * *", "2019-02-01", "2019-02-28"),
    ("0 0 * * 1#2", "2018-09-01", "2018-09-10"),
]


@pytest.mark.parametrize(("text", "day", "expected"), CRON_DAYS)
def test_of_a_cron_expression_only_the_days_count(text: str, day: str, expected: str) -> None:
    next_day = every(text).cron
    assert next_day is not None
    assert next_day(date.fromisoformat(day)) == date.fromisoformat(expected)


NOT_CRON = [
    "0 0 30 2 *",
    "61 * * * *",
    "0 0 0 5 * *",
    "0 0 * *",
    "R 0 * * *",
    "H H * * *",
    "@daily",
    "",
    None,
    3,
]


@pytest.mark.parametrize("value", NOT_CRON)
def test_what_never_comes_or_is_left_to_chance_is_refused(value: object) -> None:
    with pytest.raises(WordError):
        every(value)
