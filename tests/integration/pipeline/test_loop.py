"""The loop: hints are never the truth, the clock is not trusted blindly, a tick ends when nothing is due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from daemon import clock
from daemon.errors import RefusedError
from daemon.loop import Ticked, accept_clock, busy, next_instant, tick
from daemon.store import tables
from daemon.store.engine import reading
from tests.integration.office import DUE, Office


class Hinted:
    """A broker that keeps what it was told, and delivers nothing."""

    def __init__(self) -> None:
        self.told: list[tuple[str, list[int]]] = []

    def __call__(self, channel: str, ids: Sequence[int]) -> None:
        self.told.append((channel, list(ids)))


@pytest.fixture
def due(office: Office) -> Office:
    office.obey()
    office.case("A-1", due="2018-08-31")
    office.scan()
    return office.at("2018-08-28 09:10")


def ticked(office: Office, hint: Hinted, term: timedelta = timedelta(seconds=30)) -> Ticked:
    return tick(office.engine, office.rules, hint, office.now, term)


def test_a_tick_looks_releases_and_hints(due: Office) -> None:
    hint = Hinted()
    assert ticked(due, hint) == Ticked(looked=1, notices=1, given_back=0, hinted=1)
    assert hint.told == [("wecom", due.ready("wecom"))]


def test_a_tick_with_nothing_to_do_does_nothing(due: Office) -> None:
    ticked(due, Hinted())
    hint = Hinted()
    assert ticked(due, hint).idle
    assert hint.told == []


def test_a_hint_is_given_again_when_it_must_have_been_lost(
    due: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis was flushed, or was away: the database knows."""
    hint, wall = Hinted(), clock.wall()
    monkeypatch.setattr(clock, "wall", lambda: wall)  # but for what passes here
    ticked(due, hint)
    due.wall_time_passes(timedelta(seconds=29))
    assert ticked(due, hint).hinted == 0
    due.wall_time_passes(timedelta(seconds=2))
    assert ticked(due, hint).hinted == 1


def test_what_is_not_ready_yet_is_not_hinted_at(due: Office) -> None:
    due.prepare()
    due.change("UPDATE deliveries SET next_attempt_at = next_attempt_at + 60000000")
    assert ticked(due, Hinted()).hinted == 0
    due.later(minutes=1)
    assert ticked(due, Hinted()).hinted == 1


def test_what_a_dead_worker_held_is_hinted_at_again(due: Office) -> None:
    due.prepare()
    due.change("UPDATE deliveries SET state = 'sending', claim = 1, lease_until = 1")
    assert ticked(due, Hinted()) == Ticked(looked=0, notices=0, given_back=1, hinted=1)


def test_many_hints_are_given_in_portions(office: Office) -> None:
    office.obey(
        "  phase-start: {about: phase, from: start, rungs: "
        "{start: {at: immediately, act: notice, to: [units.head, units.liaison]}}}\n"
    )
    hint = Hinted()
    ticked(office.at("2018-08-16 09:10"), hint)
    assert sum(len(ids) for _, ids in hint.told) == len(office.rows(tables.deliveries)) == 4


def test_the_clock_may_not_go_back_nor_leap(office: Office) -> None:
    office.obey()
    clock.unshare()
    ticked(office.at_wall("2018-08-28 09:10"), Hinted())
    for words in ("2018-08-28 09:09", "2018-08-31 09:11"):
        with pytest.raises(RefusedError, match="时钟从"):
            ticked(office.at_wall(words), Hinted())
    ticked(office.at_wall("2018-08-28 09:09:58"), Hinted())  # a second or two is the time server's
    accept_clock(office.engine, office.at_wall("2018-09-30 09:00").now)
    ticked(office, Hinted())


def test_virtual_time_may_leap(due: Office) -> None:
    ticked(due, Hinted())
    ticked(due.at("2019-08-28 09:10"), Hinted())
    ticked(due.at("2018-08-29 09:10"), Hinted())


def test_the_next_instant_is_when_anything_is_to_be_done(office: Office) -> None:
    office.obey()
    office.case("A-1", due="2018-08-31")
    seen = []
    for _ in range(4):
        office.tick()
        with reading(office.engine) as connection:
            assert not busy(connection, office.now)
            following = next_instant(connection, office.rules(), office.now)
        assert following
        seen.append(f"{following.astimezone(office.now.tzinfo):%m-%d %H:%M}")
        office.at(f"2018-{seen[-1]}")
    assert seen == ["08-28 00:00", "08-28 09:10", "09-03 00:00", "09-03 09:10"]


def test_what_is_due_is_busy(due: Office) -> None:
    with reading(due.engine) as connection:
        assert busy(connection, due.now)
    due.prepare()
    with reading(due.engine) as connection:
        assert busy(connection, due.now), "a delivery is ready"


def test_a_whole_case_by_the_loop(office: Office) -> None:
    """Nothing earlier, nothing twice, nothing after the end."""
    office.obey(DUE)
    office.case("A-1", due="2018-08-31")
    days = {}
    for day in (
        "2018-08-27",
        "2018-08-28",
        "2018-08-31",
        "2018-09-03",
        "2018-09-04",
        "2018-09-05",
        "2018-12-31",
    ):
        office.run(f"{day} 18:00")
        days[day] = office.news()
    assert days == {
        "2018-08-27": [],
        "2018-08-28": ["孙联络 wecom: A-1 remind"],
        "2018-08-31": [],
        "2018-09-03": ["孙联络 wecom: A-1 overdue"],
        "2018-09-04": [],
        "2018-09-05": ["赵书记 wecom: A-1 head"],
        "2018-12-31": [],
    }
