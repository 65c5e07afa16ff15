"""A scanner may die with a batch in hand: nothing is lost, and a row that kills is found and set aside."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from subprocess import run

import pytest

from daemon import clock
from daemon.scan import recover
from daemon.store import batches, tables
from daemon.store.engine import writing
from tests.integration.office import ROOT, Office
from tests.integration.pipeline.test_scan import aside

DEADLY = """
import os, sys
from dataclasses import replace
from daemon.scan import scan
from daemon.activate import ActiveRules
from daemon.domain.ladder import Condition
from daemon.store.engine import open_engine
from tests.integration.office import at, with_ladder

engine = open_engine(sys.argv[1])
rules = ActiveRules(engine)()
ladder = rules.ladders["case-due"]
deadly = Condition("deadly", lambda names: names["case"]["no"] != sys.argv[3] or os._exit(9))
rungs = [replace(r, wording=replace(r.wording, when=(*r.wording.when, deadly))) for r in ladder.rungs]
scan(engine, with_ladder(rules, replace(ladder, rungs=tuple(rungs))), at(sys.argv[2]))
"""


@pytest.fixture
def due(office: Office) -> Office:
    """Three cases, of which something is to be said today."""
    office.obey()
    for no in ("A-1", "A-2", "A-3"):
        office.case(no, due="2018-08-31")
    office.scan()
    return office.at("2018-08-28 08:00")


def left_behind(office: Office, *numbers: str, deaths: int = 0, ago: timedelta = timedelta(hours=1)) -> None:
    """Note a batch as a scanner does that has not been heard of for so long."""
    keys = [(str(office.subject(no).kind), office.subject(no).id, "case-due") for no in numbers]
    with writing(office.engine) as connection:
        batches.note(connection, keys, clock.wall() - ago, deaths)


def test_what_a_dead_scanner_had_in_hand_is_taken_up_one_by_one(due: Office) -> None:
    left_behind(due, "A-1", "A-2", "A-3")
    assert recover(due.engine, due.rules(), due.now) == 3
    assert due.decided() == ["A-1 remind said", "A-2 remind said", "A-3 remind said"]
    assert due.rows(tables.batches) == []
    assert due.scan() == 0


def test_what_a_living_scanner_has_in_hand_is_left_to_it(due: Office) -> None:
    left_behind(due, "A-1", ago=timedelta(seconds=10))
    assert recover(due.engine, due.rules(), due.now) == 0
    assert len(due.rows(tables.batches)) == 1


@pytest.mark.parametrize(("deaths", "blamed"), [(0, False), (1, False), (2, True)])
def test_a_row_is_blamed_for_the_third_death_that_it_was_alone_at(
    due: Office, deaths: int, *, blamed: bool
) -> None:
    left_behind(due, "A-2", deaths=deaths)
    recover(due.engine, due.rules(), due.now)
    assert aside(due) == ([("A-2", "查看它时扫描进程屡次中断")] if blamed else [])
    assert due.decided("A-2") == ([] if blamed else ["A-2 remind said"])


def test_a_death_in_company_is_nobodys_fault(due: Office) -> None:
    for _ in range(4):
        left_behind(due, "A-1", "A-2")
        recover(due.engine, due.rules(), due.now)
    assert aside(due) == []
    assert due.decided() == ["A-1 remind said", "A-2 remind said"]


def test_who_died_is_remembered_only_until_a_look_succeeds(due: Office) -> None:
    left_behind(due, "A-2", deaths=1)
    due.scan()
    left_behind(due, "A-2")
    due.scan()
    assert aside(due) == []


def test_a_row_that_kills_every_process_that_looks_at_it(due: Office) -> None:
    """A real process dies at it: together with others first, then three times alone."""
    died = 0
    while scan_in_a_process(due, "A-2") == 9:
        died += 1
        due.wall_time_passes()
        assert died < 10
    assert died == 4
    assert [no for no, _ in aside(due)] == ["A-2"]
    assert due.decided() == ["A-1 remind said", "A-3 remind said"]
    assert due.rows(tables.batches) == []


def scan_in_a_process(office: Office, deadly: str) -> int:
    url = office.engine.url.render_as_string(hide_password=False)
    script = [sys.executable, "-c", DEADLY, url, "2018-08-28 08:00", deadly]
    return run(script, cwd=ROOT, env={**os.environ}, check=False).returncode
