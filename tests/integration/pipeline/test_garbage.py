"""What a batch loads goes with the batch: nothing is left for Python's search, which services seldom make."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tests.integration.office import DUE, Office


@pytest.fixture
def no_search() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_search")
def test_facts_are_no_cycles_of_garbage(office: Office) -> None:
    office.obey(DUE)
    office.case("A-1", due="2018-08-31")
    office.tick("2018-08-28 09:10")  # statements are compiled, templates parsed
    office.case("A-2", due="2018-08-31")
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        office.tick("2018-08-28 09:10")
        gc.collect()
        left = {type(each).__name__ for each in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert left.isdisjoint({"Facts", "Known", "Case", "Decision", "AgendaRow", "Look"})
