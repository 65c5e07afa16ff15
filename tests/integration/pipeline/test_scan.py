"""The scan settles what is owed, once, whoever else looks and whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import select

from daemon import acts
from daemon.config.compiled import RuleSet
from daemon.domain.case import EventKind
from daemon.domain.ladder import Condition, Names
from daemon.errors import StaleRulesError
from daemon.scan import look, scan
from daemon.store import agenda, tables
from daemon.store.engine import reading
from tests.integration.office import DUE, Office, on, with_ladder

OTHER = """
  case-assigned:
    about: case
    from: assigned
    rungs:
      hand-over: {at: immediately, act: assignment, to: [unit.head]}
"""


@pytest.fixture
def busy(office: Office) -> Office:
    """Three cases due on Friday 2018-08-31; the office has looked at them."""
    office.obey()
    for no in ("A-1", "A-2", "A-3"):
        office.case(no, due="2018-08-31")
    office.scan()
    return office


def watched(office: Office, when: Callable[[Names], bool]) -> RuleSet:
    """Return the rules with one more condition on every rung of the ladder: any code may look on."""
    ladder = office.rules().ladders["case-due"]
    condition = Condition("watched", when)
    rungs = [
        replace(rung, wording=replace(rung.wording, when=(*rung.wording.when, condition)))
        for rung in ladder.rungs
    ]
    return with_ladder(office.rules(), replace(ladder, rungs=tuple(rungs)))


def number(names: Names) -> object:
    case = names["case"]
    assert isinstance(case, dict)
    return case["no"]


def test_each_occurrence_is_decided_once_and_then_it_waits_for_the_next(busy: Office) -> None:
    assert busy.decided() == []
    assert busy.scan("2018-08-27 23:59") == 0
    assert busy.scan("2018-08-28 00:00") == 3
    assert busy.decided() == ["A-1 remind said", "A-2 remind said", "A-3 remind said"]
    assert {row.due_at for row in busy.agenda("A-1").values()} == {busy.at("2018-09-03").now}


def test_a_decision_keeps_what_it_was_made_from(busy: Office) -> None:
    busy.scan("2018-08-28 08:00")
    decision = busy.decisions_of("A-1")[0]
    assert decision.rules == busy.rules().hash
    assert decision.anchor_version == busy.agenda("A-1")["case-due"].standing.anchor_version
    assert decision.inputs == {"anchor": "due", "anchor_on": "2018-08-31", "day": "2018-08-28"}
    assert decision.decided_at == busy.now
    assert decision.release_at == busy.at("2018-08-28 09:10").now


def test_it_drains_in_batches_until_nothing_is_due(busy: Office) -> None:
    busy.at("2018-08-28 08:00")
    assert scan(busy.engine, busy.rules(), busy.now, batch=2) == 3
    assert len(busy.decided()) == 3
    assert busy.due() == []


def test_of_two_scanners_that_read_the_same_rows_one_decides(busy: Office) -> None:
    busy.at("2018-08-28 08:00")
    rows = busy.due()
    look(busy.engine, busy.rules(), rows, busy.now)
    once = busy.decided(), busy.rows(tables.agenda)
    look(busy.engine, busy.rules(), rows, busy.now)
    assert (busy.decided(), busy.rows(tables.agenda)) == once
    assert busy.rows(tables.batches) == []


def test_scanners_at_once_decide_once(busy: Office) -> None:
    for n in range(4, 24):
        busy.case(f"A-{n}", due="2018-08-31")
    busy.scan()
    busy.at("2018-08-28 08:00")
    with ThreadPoolExecutor(4) as pool:
        scans = [
            pool.submit(scan, busy.engine, busy.rules(), busy.now, batch=size) for size in (3, 5, 7, 500)
        ]
        looked = [each.result() for each in scans]
    assert sum(looked) >= 23
    assert len(busy.decided()) == 23
    assert busy.due() == []
    assert busy.rows(tables.batches) == []


@pytest.mark.parametrize("kind", ["closed", "extended", "touched"])
def test_an_event_between_read_and_store_wins(busy: Office, kind: str) -> None:
    busy.at("2018-08-28 08:00")
    rows = busy.due()
    if kind == "closed":
        busy.close("A-2")
    elif kind == "extended":
        busy.extend("A-2", "2018-12-31")
    else:
        busy.happen("A-2", EventKind.PROGRESS)
    look(busy.engine, busy.rules(), rows, busy.now)
    assert busy.decided("A-2") == [], "what was planned from old facts is not stored"
    assert busy.decided() == ["A-1 remind said", "A-3 remind said"]
    assert [row.subject for row in busy.due()] == [busy.subject("A-2")], "it is looked at again"
    busy.scan()
    assert busy.decided("A-2") == (["A-2 remind said"] if kind == "touched" else [])


def test_an_event_while_it_plans_wins(busy: Office) -> None:
    """As before, with the event in the middle of the planning itself."""
    happened: list[object] = []

    def closes(names: Names) -> bool:
        if number(names) == "A-2" and not happened:
            happened.append(True)
            busy.close("A-2")
        return True

    busy.at("2018-08-28 08:00")
    look(busy.engine, watched(busy, closes), busy.due(), busy.now)
    assert happened
    assert busy.decided() == ["A-1 remind said", "A-3 remind said"]


def test_nothing_is_stored_by_rules_no_longer_in_force(busy: Office) -> None:
    old = busy.rules()
    busy.at("2018-08-28 08:00")
    rows = busy.due()
    busy.obey(DUE + OTHER)
    with pytest.raises(StaleRulesError):
        look(busy.engine, old, rows, busy.now)
    assert busy.decided() == []
    assert busy.rows(tables.batches) == [], "this process lives: no row is to blame"
    busy.tick()
    assert {row.rules for row in busy.rows(tables.decisions)} == {busy.rules().hash}


def test_the_loop_plans_again_with_the_new_rules(busy: Office) -> None:
    """The rules change while the loop plans: nothing is lost, and nothing is by the old ones."""
    busy.at("2018-08-28 08:00")
    old, new = busy.rules(), list[str]()

    def changes(_names: Names) -> bool:
        if not new:
            new.append(busy.obey(DUE + OTHER).hash)
        return True

    with pytest.raises(StaleRulesError):
        look(busy.engine, watched(busy, changes), busy.due(), busy.now)
    assert old.hash != new[0]
    busy.tick()
    assert {row.rules for row in busy.rows(tables.decisions)} == set(new)


def test_a_row_that_cannot_be_planned_is_set_aside_and_the_others_go_on(busy: Office) -> None:
    def breaks(names: Names) -> bool:
        if number(names) == "A-2":
            raise ZeroDivisionError("a rule of ours is wrong")
        return True

    busy.at("2018-08-28 08:00")
    assert scan(busy.engine, watched(busy, breaks), busy.now) == 3
    assert busy.decided() == ["A-1 remind said", "A-3 remind said"]
    assert aside(busy) == [("A-2", "ZeroDivisionError: a rule of ours is wrong")]
    assert busy.scan() == 0


def test_a_row_that_cannot_be_read_is_set_aside_and_the_others_go_on(busy: Office) -> None:
    busy.change("UPDATE cases SET state = 'nonsense' WHERE no = 'A-2'")
    busy.at("2018-08-28 08:00")
    assert busy.scan() == 3
    assert busy.decided() == ["A-1 remind said", "A-3 remind said"]
    assert [no for no, _ in aside(busy)] == ["A-2"]


def test_a_row_that_cannot_be_stored_is_set_aside_and_the_others_go_on(busy: Office) -> None:
    """Somebody else's program wrote the decision, without the guard of the agenda."""
    subject, done = busy.subject("A-2"), list[bool]()

    def forges(names: Names) -> bool:
        if number(names) == "A-2" and not done:
            done.append(True)
            busy.change(
                "INSERT INTO decisions (subject_kind, subject_id, ladder, rung, anchor_version, occurrence, "
                "outcome, instant, decided_at, campaign_id, rules, inputs) "
                "VALUES ('case', :id, 'case-due', 'remind', :version, '', 'muted', 0, 0, 1, '', '{}')",
                id=subject.id,
                version=busy.agenda("A-2")["case-due"].standing.anchor_version,
            )
        return True

    busy.at("2018-08-28 08:00")
    assert scan(busy.engine, watched(busy, forges), busy.now) == 3
    assert sorted(busy.decided()) == ["A-1 remind said", "A-2 remind muted", "A-3 remind said"]
    assert [no for no, _ in aside(busy)] == ["A-2"]
    assert busy.rows(tables.batches) == []


@pytest.mark.parametrize("how", ["event", "touch", "rules"])
def test_what_changes_its_subject_takes_a_row_up_again(busy: Office, how: str) -> None:
    busy.change("UPDATE agenda SET set_aside = 'broken' WHERE subject_id = :id", id=busy.subject("A-2").id)
    busy.scan("2018-08-28 08:00")
    assert busy.decided("A-2") == []
    match how:
        case "event":
            busy.happen("A-2", EventKind.PROGRESS)
        case "touch":
            acts.touch(busy.engine, busy.subject("A-2"), busy.now)
        case _:
            busy.obey(DUE.replace("+3 workdays", "+4 workdays"))
    assert aside(busy) == []
    busy.scan()
    assert busy.decided("A-2") == ["A-2 remind said"]


def test_a_row_set_aside_holds_no_release_up(busy: Office) -> None:
    busy.change(
        "UPDATE agenda SET set_aside = 'broken', due_at = 0 WHERE subject_id = :id", id=busy.subject("A-2").id
    )
    busy.tick("2018-08-28 09:10")
    assert busy.sent() == ["孙联络 wecom: A-1 remind, A-3 remind"]


def test_downtime_across_rungs_owes_them_all_and_says_when_they_fell(busy: Office) -> None:
    busy.scan("2018-09-06 10:00")
    assert busy.decided("A-1") == ["A-1 remind lapsed", "A-1 overdue said", "A-1 head said"]
    instants = [d.instant for d in busy.decisions_of("A-1")]
    assert [i.astimezone(busy.now.tzinfo).date() for i in instants] == [
        on("2018-08-28"),
        on("2018-09-03"),
        on("2018-09-05"),
    ]


def test_the_ladder_of_a_row_has_gone(busy: Office) -> None:
    busy.obey(OTHER)
    busy.run("2018-09-30 12:00")
    assert busy.decided("A-1") == []
    assert aside(busy) == []
    busy.obey(DUE + OTHER)
    busy.scan("2018-10-08 08:00")
    assert busy.decided("A-1") == [], "what it would have said before it came back is not owed"


def test_the_campaign_of_a_row_has_gone(busy: Office) -> None:
    campaign = ("campaigns/panshi-2018.yaml", "id: panshi-2018", "id: other-2019")
    busy.obey(DUE, campaign)
    busy.tick("2018-08-28 09:10")
    assert busy.decided() == []
    assert aside(busy) == []
    busy.obey(DUE)
    busy.tick("2018-08-29 09:10")
    assert busy.decided() == ["A-1 remind said", "A-2 remind said", "A-3 remind said"]


def aside(office: Office) -> list[tuple[str, str]]:
    """Return what was set aside, with the reason."""
    with reading(office.engine) as connection:
        rows = agenda.aside(connection)
        numbers = {row.id: row.no for row in connection.execute(select(tables.cases))}
    return [(numbers[subject.id], why) for subject, _, why in rows]
