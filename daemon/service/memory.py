"""How often Python searches for cycles of garbage in a process that works on many rows."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = (50_000, 20, 100)
"""How many objects are made between two searches, and every how many a search reaches further.

With Python's own numbers two fifths of a large release went into searches, and a tenth of a long simulation.
They find next to nothing: what a batch loads has no cycles, and goes when the batch does.
"""


def collect_seldom() -> None:
    """Search seldom from now on: for a service, when it starts."""
    gc.set_threshold(*SELDOM)


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Search seldom for a while."""
    usual = gc.get_threshold()
    collect_seldom()
    try:
        yield
    finally:
        gc.set_threshold(*usual)
