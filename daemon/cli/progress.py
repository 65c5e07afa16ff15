"""A bar of the days gone by, where somebody looks on; a line now and then where nobody does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime


@contextmanager
def days(start: datetime, end: datetime) -> Iterator[Callable[[datetime], None]]:
    """Yield a function that is told each instant of a virtual time reached."""
    if not sys.stderr.isatty():
        yield _lines(start)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(_month(start), total=(end - start).total_seconds())

        def reached(now: datetime) -> None:
            bar.update(
                task,
                completed=(now - start).total_seconds(),
                description=_month(now.astimezone(start.tzinfo)),
            )

        yield reached
        bar.update(task, completed=(end - start).total_seconds())


def _month(now: datetime) -> str:
    return f"{now.year}年{now.month:>2}月"


def _lines(start: datetime) -> Callable[[datetime], None]:
    """Say each quarter as it comes."""
    said = [(0, 0)]

    def reached(now: datetime) -> None:
        local = now.astimezone(start.tzinfo)
        quarter = (local.year, (local.month - 1) // 3)
        if quarter != said[0]:
            said[0] = quarter
            print(f"{local:%Y-%m}…", file=sys.stderr, flush=True)

    return reached
