"""Every transition of a case passes one gate: case, tally, agenda and the event's own row, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from daemon.domain.case import TRANSITIONS, EventKind, State, Transition
from daemon.errors import RefusedError
from daemon.store import tables
from daemon.store.engine import reading
from tests.integration.office import TOWN, ZONE, Office

K = EventKind
PATHS: dict[State, list[tuple[EventKind, dict[str, Any]]]] = {
    State.ASSIGNED: [],
    State.SIGNED: [(K.SIGNED, {})],
    State.RECTIFYING: [(K.PROGRESS, {})],
    State.SUBMITTED: [(K.SUBMITTED, {})],
    State.CLOSED: [(K.SUBMITTED, {}), (K.CLOSED, {})],
    State.RETURNED: [(K.SUBMITTED, {}), (K.RETURNED, {})],
    State.REOPENED: [(K.SUBMITTED, {}), (K.CLOSED, {}), (K.REOPENED, {})],
    State.DECLINED: [(K.DECLINED, {})],
    State.DISMISSED: [(K.DISMISSED, {"note": "不属于违约"})],
    State.SUSPENDED: [(K.SUSPENDED, {})],
}
"""How a case comes to a state from 已交办."""
WORDS: dict[EventKind, dict[str, Any]] = {
    K.DUE_SET: {"due": "2018-11-30"},
    K.EXTENDED: {"due": "2019-03-29"},
    K.DISMISSED: {"note": "重复登记"},
    K.CORRECTED: {"changes": {"enterprise": "更名公司"}},
}


@pytest.fixture
def busy(office: Office) -> Office:
    office.obey()
    office.case("A-1", due="2018-12-31")
    office.scan()
    return office.at("2018-08-20 10:00")


def bring_to(office: Office, state: State) -> None:
    for kind, words in PATHS[state]:
        office.happen("A-1", kind, **words)
    office.scan()
    office.later(hours=1)


def words_of(kind: EventKind, office: Office) -> dict[str, Any]:
    return {"unit": office.units[ZONE]} if kind is K.MOVED else WORDS.get(kind, {})


@pytest.mark.parametrize("state", PATHS)
def test_what_may_not_happen_changes_nothing(busy: Office, state: State) -> None:
    bring_to(busy, state)
    before = everything(busy)
    for kind in kinds(lambda transition: state not in transition.sources):
        with pytest.raises(RefusedError):
            busy.happen("A-1", kind, **words_of(kind, busy))
        assert everything(busy) == before, kind


@pytest.mark.parametrize("state", PATHS)
def test_what_may_happen_is_stored_whole_and_undone_whole(busy: Office, state: State) -> None:
    bring_to(busy, state)
    for kind in kinds(lambda transition: state in transition.sources):
        case, standing = busy.look_up("A-1"), busy.agenda("A-1")["case-due"].standing
        happens(busy, kind)
        assert busy.undo("A-1") == case, kind
        assert busy.look_up("A-1") == case, kind
        assert busy.agenda("A-1")["case-due"].standing == standing, kind
        assert tallied(busy) == counted(busy), kind
        undone, undoing = busy.rows(tables.events)[-2:]
        assert (undone.kind, undone.undone_by) == (kind, undoing.id), "the event stays on file, marked"
        assert undoing.kind == K.UNDONE
        busy.later(minutes=1)


def happens(office: Office, kind: EventKind) -> None:
    """Let it happen, and see that case, agenda, event and tally were stored together."""
    before = office.agenda("A-1")["case-due"]
    after = office.happen("A-1", kind, **words_of(kind, office))
    row = office.agenda("A-1")["case-due"]
    assert office.look_up("A-1") == after, "the case is on file as the gate returned it"
    assert (row.due_at, row.version) == (min(before.due_at or office.now, office.now), before.version + 1)
    event = office.rows(tables.events)[-1]
    assert (event.kind, event.effective_on, event.recorded_at) == (kind, office.today, office.now)
    assert tallied(office) == counted(office), "the tally follows"


def kinds(of: Callable[[Transition], bool]) -> list[EventKind]:
    return [kind for kind, transition in TRANSITIONS.items() if of(transition)]


def everything(office: Office) -> tuple[object, ...]:
    return office.look_up("A-1"), office.agenda("A-1"), len(office.rows(tables.events)), tallied(office)


def tallied(office: Office) -> dict[int, tuple[int, int, int]]:
    """Return the tally by unit, whatever the day; units that come to nothing left out."""
    t = tables.tally.c
    query = select(t.unit_id, func.sum(t.registered), func.sum(t.dismissed), func.sum(t.closed))
    with reading(office.engine) as connection:
        rows = connection.execute(query.group_by(t.unit_id)).all()
    return {unit: (int(r), int(d), int(c)) for unit, r, d, c in rows if any((r, d, c))}


def counted(office: Office) -> dict[int, tuple[int, int, int]]:
    """Return what the tally must come to: the one case, by its unit."""
    case = office.look_up("A-1")
    return {case.unit: (1, int(case.state is State.DISMISSED), int(case.state is State.CLOSED))}


def test_undo_goes_back_step_by_step(busy: Office) -> None:
    first = busy.look_up("A-1")
    busy.sign("A-1", "赵书记")
    busy.close("A-1")
    for _ in range(3):
        last = busy.undo("A-1")
    assert last == first


def test_there_may_be_nothing_to_undo(busy: Office) -> None:
    while busy.look_up("A-1").state is not State.REPORTED:
        busy.undo("A-1")
    with pytest.raises(RefusedError, match="没有可以撤回的操作"):
        busy.undo("A-1")


def test_a_signature_that_was_undone_is_no_signature(busy: Office) -> None:
    busy.sign("A-1", "孙联络")
    busy.undo("A-1")
    assert busy.rows(tables.signatures) == []


def test_an_anchor_version_is_never_used_again(busy: Office) -> None:
    """A deadline set, spoken of, undone and set anew: the new one has its own reminders."""
    busy.extend("A-1", "2019-01-31")
    version = busy.agenda("A-1")["case-due"].standing.anchor_version
    busy.scan("2019-01-29 08:00")
    assert busy.decided("A-1")[-1] == "A-1 remind said"
    busy.undo("A-1")
    busy.at("2018-12-20 08:00").extend("A-1", "2019-02-28")
    assert busy.agenda("A-1")["case-due"].standing.anchor_version != version
    busy.scan("2019-02-26 08:00")
    assert busy.decided("A-1")[-1] == "A-1 remind said"
    assert len(busy.decided("A-1")) == 2


def test_the_office_numbers_what_has_no_number(office: Office) -> None:
    office.obey()
    office.case("PS-2018-0002")
    assert [office.case("").no for _ in range(2)] == ["PS-2018-0001", "PS-2018-0003"]


def test_a_number_is_taken_once(busy: Office) -> None:
    with pytest.raises(RefusedError, match="编号 A-1 已经存在"):
        busy.case("A-1")


def test_of_two_who_close_a_case_at_once_one_is_refused(busy: Office) -> None:
    busy.happen("A-1", K.SUBMITTED)
    assert sorted(at_once(busy.happen, [("A-1", K.CLOSED)] * 4)) == ["RefusedError"] * 3 + ["done"]
    assert tallied(busy) == {busy.units[TOWN]: (1, 0, 1)}
    assert [row.kind for row in busy.rows(tables.events)].count(K.CLOSED) == 1


def test_two_who_do_different_things_at_once_both_have_their_way(busy: Office) -> None:
    done = at_once(busy.happen, [("A-1", K.SIGNED), ("A-1", K.IDENTIFIED), ("A-1", K.OPINION)])
    assert done == ["done"] * 3
    case = busy.look_up("A-1")
    assert (case.signed_on, case.identified_on, case.opinion_on) == (busy.today,) * 3


def test_cases_that_arrive_at_once_get_different_numbers(busy: Office) -> None:
    assert at_once(busy.case, [("",)] * 6) == ["done"] * 6
    assert tallied(busy) == {busy.units[TOWN]: (7, 0, 0)}


def at_once(act: Any, calls: list[tuple[Any, ...]]) -> list[str]:
    """Do things in threads of their own; return how each ended."""

    def one(call: tuple[Any, ...]) -> str:
        try:
            act(*call)
        except RefusedError as refused:
            return type(refused).__name__
        return "done"

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))
