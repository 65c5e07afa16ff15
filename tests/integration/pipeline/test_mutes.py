"""Mutes: one ladder, unit, case or person is silent for a time; what was not said is on file, and told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daemon import acts
from daemon.domain.workdays import midnight
from daemon.errors import RefusedError
from daemon.scan import plan_rows
from daemon.store import agenda
from daemon.store.engine import reading, writing
from daemon.store.mutes import NewMute, Target
from daemon.store.people import person_named
from tests.integration.office import DUE, SHANGHAI, TOWN, ZONE, Office, on
from tests.integration.pipeline.test_morning_note import lines


def mute(office: Office, target: Target, since: str = "", until: str = "2018-09-30") -> int:
    """Silence something, from today unless said, to a day."""
    begins = midnight(on(since) if since else office.today, SHANGHAI)
    ends = midnight(on(until) + timedelta(days=1), SHANGHAI)
    number, _ = acts.mute(office.engine, NewMute(target, begins, ends, "机构改革", "王主任"), office.now)
    return number


def end(office: Office, number: int) -> None:
    acts.end_mute(office.engine, number, "王主任", "", office.now)


def person(office: Office, name: str) -> Target:
    with reading(office.engine) as connection:
        found = person_named(connection, name)
    assert found
    return Target(person=found.id)


def heard(office: Office) -> list[str]:
    """Return what the units were told; the office's note is another matter."""
    return [words for words in office.news() if not words.endswith("note")]


def ready(office: Office) -> Office:
    """Two cases of two units: reminded on 08-28, urged on 09-03 and 09-05."""
    office.obey(DUE)
    office.case("A-1", due="2018-08-31")
    office.case("B-1", unit=ZONE, due="2018-08-31")
    office.scan()
    return office


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("ladder", []),
        ("unit", ["周联络 wecom: B-1 remind"]),
        ("case", ["周联络 wecom: B-1 remind"]),
        ("person", ["周联络 wecom: B-1 remind"]),
    ],
)
def test_what_is_muted_is_silent_and_the_rest_is_told(office: Office, what: str, told: list[str]) -> None:
    ready(office)
    targets = {
        "ladder": Target(ladder="case-due"),
        "unit": Target(unit=office.units[TOWN]),
        "case": Target(case=office.look_up("A-1").id),
        "person": person(office, "孙联络"),
    }
    mute(office, targets[what])
    office.run("2018-08-28 12:00")
    assert heard(office) == told


def test_a_muted_occurrence_is_settled_and_says_by_which_mute(office: Office) -> None:
    ready(office)
    number = mute(office, Target(unit=office.units[TOWN]))
    office.run("2018-08-28 12:00")
    assert office.decided("A-1") == ["A-1 remind muted"]
    assert [d.inputs["mute"] for d in office.decisions_of("A-1")] == [number]


def test_a_muted_persons_items_are_dropped_with_the_reason(office: Office) -> None:
    ready(office)
    mute(office, person(office, "孙联络"))
    office.run("2018-08-28 12:00")
    assert office.decided("A-1") == ["A-1 remind said"]
    assert office.items() == ["孙联络 A-1 remind dropped muted", "周联络 B-1 remind said"]


def test_whoever_stands_in_for_a_muted_person_is_told(office: Office) -> None:
    ready(office)
    mute(office, person(office, "孙联络"))
    office.stands_in("钱副镇长", "孙联络", "2018-08-20", "2018-09-30")
    office.run("2018-08-28 12:00")
    assert "钱副镇长 wecom: A-1 remind" in office.news()


def test_what_is_looked_at_late_is_silent_all_the_same(office: Office) -> None:
    ready(office)
    mute(office, Target(ladder="case-due"), "2018-09-03", "2018-09-03")
    office.tick("2018-09-07 10:00")  # the service was away
    assert "A-1 overdue muted" in office.decided("A-1")
    assert "A-1 head said" in office.decided("A-1")


def test_a_mute_of_today_stops_what_was_decided_and_has_not_left(office: Office) -> None:
    ready(office)
    office.scan("2018-08-28 07:00")
    assert office.decided("A-1") == ["A-1 remind said"]
    mute(office.at("2018-08-28 08:00"), Target(unit=office.units[TOWN]))
    office.run("2018-08-28 12:00")
    assert heard(office) == ["周联络 wecom: B-1 remind"]
    assert "孙联络 A-1 remind dropped muted" in office.items()


def test_ended_early_what_comes_after_is_said_again(office: Office) -> None:
    ready(office)
    number = mute(office, Target(ladder="case-due"))
    office.run("2018-09-03 12:00")
    end(office.at("2018-09-04 10:00"), number)
    office.run("2018-09-05 12:00")
    assert heard(office) == ["李主任 wecom: B-1 head", "赵书记 wecom: A-1 head"]
    assert office.decided("A-1") == ["A-1 remind muted", "A-1 overdue muted", "A-1 head said"]


def test_a_scanner_that_planned_before_the_mute_stores_nothing(office: Office) -> None:
    """The agenda rows concerned are touched in the same transaction."""
    ready(office).at("2018-08-28 08:00")
    rows = office.due()
    planned = plan_rows(office.engine, office.rules(), rows, office.now)
    mute(office, Target(unit=office.units[TOWN]))
    with writing(office.engine) as connection:
        advanced = agenda.advance(connection, [(each.row, each.plan) for each in planned])
    assert (len(planned), advanced) == (2, 1), "the other unit's row is as it was"


@pytest.mark.parametrize("target", [Target(ladder="case-due"), Target(unit=1), Target(case=1)])
def test_only_the_rows_concerned_are_looked_at_again(office: Office, target: Target) -> None:
    ready(office)
    mute(office, target)
    assert len(office.due()) == (2 if target.ladder else 1)


def test_the_office_is_told_in_its_morning_note(office: Office) -> None:
    """Once that something was silenced, and then what was not said because of it."""
    ready(office)
    mute(office, Target(unit=office.units[TOWN]))
    office.run("2018-08-30 12:00")
    assert lines(office) == [["mute 1"], ["muted 1"]]
    (first, second) = [row.reason["lines"][0] for row in office.notice_rows() if row.kind == "note"]
    assert first["examples"] == ["明城镇：机构改革"]
    assert second["examples"] == ["remind"]
    said = [handed.message.content["description"] for handed in office.wire.taken if not handed.message.items]
    assert "在静默期内，没有发送" in said[-1]


def test_a_muted_person_is_told_of_in_the_morning_note(office: Office) -> None:
    ready(office)
    mute(office, person(office, "孙联络"))
    office.run("2018-08-30 12:00")
    assert lines(office) == [["mute 1"], ["muted 1"]]


@pytest.mark.parametrize(
    ("since", "until", "why"),
    [("2018-08-15", "2018-08-31", "今天或以后"), ("2018-08-20", "2018-08-17", "早于开始日期")],
)
def test_a_mute_is_of_days_to_come(office: Office, since: str, until: str, why: str) -> None:
    office.obey(DUE)
    with pytest.raises(RefusedError, match=why):
        mute(office, Target(ladder="case-due"), since, until)


def test_a_mute_is_ended_once(office: Office) -> None:
    ready(office)
    number = mute(office, Target(ladder="case-due"))
    end(office, number)
    for gone in (number, number + 1):
        with pytest.raises(RefusedError, match="已经结束"):
            end(office, gone)
