"""A moment is released in short transactions: nothing is split by it, nor lost between two of them."""

from __future__ import annotations

import pytest

from daemon import release
from tests.integration.office import ZONE, Office

BOTH = """
  case-due:
    about: case
    from: due
    rungs:
      remind: {at: -3 workdays, act: reminder, to: [unit.liaison, unit.head], copy: [group.deputy]}
      urge:   {at: -3 workdays, act: urge, to: [unit.liaison]}
"""
"""One is told of each case twice, and one of the cases of every unit."""


class KilledError(Exception):
    """Stands in for a kill -9 at that point."""


@pytest.fixture
def ready(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Five cases of two units, planned, and transactions as short as they can be."""
    monkeypatch.setattr(release, "AT_ONCE", 1)
    office.obey(BOTH)
    for number in range(1, 6):
        office.case(f"A-{number}", **({"unit": ZONE} if number > 3 else {}), due="2018-08-31")
    office.at("2018-08-28 09:10").scan()
    return office


ALL = [
    "周联络 wecom ready",
    "孙联络 wecom ready",
    "李主任 wecom ready",
    "赵书记 wecom ready",
    "郑副组长 wecom ready",
]


def test_neither_a_notice_nor_a_rivalry_is_split(ready: Office) -> None:
    assert ready.release() == len(ALL)
    assert sorted(ready.notices()) == ALL
    superseded = [line for line in ready.items() if line.endswith("superseded")]
    assert sorted(superseded) == sorted(
        f"{name} A-{n} remind superseded"
        for n in range(1, 6)
        for name in (["孙联络"] if n < 4 else ["周联络"])
    )


@pytest.mark.parametrize("step", ["_address", "_bind"])
@pytest.mark.parametrize("done", [0, 1, 2])
def test_who_dies_between_two_of_them_is_carried_on(
    ready: Office, monkeypatch: pytest.MonkeyPatch, step: str, done: int
) -> None:
    whole, calls = getattr(release, step), iter(range(100))

    def dies(*args: object) -> object:
        if next(calls) == done:
            raise KilledError
        return whole(*args)

    with monkeypatch.context() as patched:
        patched.setattr(release, step, dies)
        with pytest.raises(KilledError):
            ready.release()
    ready.release()
    assert sorted(ready.notices()) == ALL
    assert ready.release() == 0, "and never again"


def test_the_watchdog_hears_of_it_after_each(ready: Office) -> None:
    beats: list[int] = []
    release.release(ready.engine, ready.rules(), ready.now, lambda: beats.append(1))
    assert len(beats) == 10 + len(ALL), "ten decisions, five persons"
