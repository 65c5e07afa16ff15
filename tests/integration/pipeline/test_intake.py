"""Workbooks of the offices: all of it or nothing, from today on, and again as often as they like."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any

import pytest
from sqlalchemy import func, select

from daemon import sheets
from daemon.activate import activate
from daemon.config.source import RuleSource, load_rules
from daemon.domain.case import State
from daemon.domain.pace import Count
from daemon.errors import FaultyInputError
from daemon.intake import History, Imported, Step, dated_events, import_sheets
from daemon.sheets import CaseRow, Kind, Sheet
from daemon.store import facts, outcome, tables
from daemon.store.engine import reading
from daemon.store.tally import Rates, end_of
from tests.integration.office import DEMO, DUE, ROOT, TOWN, Office, on


@lru_cache
def workbook(name: str) -> Sheet:
    return sheets.read(DEMO / f"{name}.xlsx")


@lru_cache
def shipped() -> RuleSource:
    return load_rules(ROOT / "config", ROOT / "templates")


@pytest.fixture
def city(office: Office) -> Office:
    """The whole city's directory, under the shipped rules."""
    activate(office.engine, shipped(), office.now)
    bring(office, "directory")
    return office


def bring(office: Office, *names: str, **how: Any) -> Imported:
    return import_sheets(office.engine, office.rules(), [workbook(name) for name in names], office.now, **how)


def row(no: str = "A-1", **words: object) -> CaseRow:
    """One case of an issue list: assigned on 2018-08-16, due on 2018-08-31."""
    days = {"found_on": "2018-08-10", "assigned_on": "2018-08-16", "due_on": "2018-08-31"}
    known = {
        name: on(day) for name, day in (days | words).items() if isinstance(day, str) and name.endswith("_on")
    }
    rest = {name: value for name, value in words.items() if not name.endswith("_on")}
    blank = CaseRow(
        no,
        f"{no}公司",
        "",
        "",
        TOWN,
        "",
        "",
        "",
        None,
        False,
        None,
        None,
        None,
        None,
        None,
        "",
        line=4,
        place="a.xlsx",
    )
    absent = {name: None for name, value in words.items() if name.endswith("_on") and value is None}
    return replace(blank, **{**known, **rest, **absent})  # type: ignore[arg-type]


def bring_rows(office: Office, *rows: CaseRow, **how: Any) -> Imported:
    sheet = Sheet(Kind.ISSUE_LIST, cases=rows, place="a.xlsx")
    return import_sheets(office.engine, office.rules(), [sheet], office.now, **how)


def everything(office: Office) -> dict[str, int]:
    """Return how many rows each table has."""
    with reading(office.engine) as connection:
        return {
            name: connection.execute(select(func.count()).select_from(table)).scalar() or 0
            for name, table in tables.metadata.tables.items()
        }


class TestSampleWorkbooks:
    def test_the_directory(self, city: Office) -> None:
        assert everything(city)["units"] == 36
        assert everything(city)["persons"] == len({person.phone for person in workbook("directory").people})
        again = bring(city, "directory")
        assert again.counts == {}, "nothing new"

    def test_the_issue_list_and_half_a_year_later_the_next(self, city: Office) -> None:
        assert bring(city, "issue-list").counts == {"cases": 100}
        without = [case for case in city.rows(tables.cases) if case.due_on is None]
        assert len(without) == 50
        assert bring(city, "issue-list").counts == {}, "the same again brings nothing"
        later = bring(city.at("2019-03-15 10:00"), "issue-list-2019-03")
        assert later.counts == {"cases": 14, "updated": 50}
        assert [case for case in city.rows(tables.cases) if case.due_on is None] == []

    def test_several_workbooks_at_once_in_any_order(self, office: Office) -> None:
        activate(office.engine, shipped(), office.now)
        assert bring(office, "issue-list", "directory").counts["cases"] == 100

    def test_a_dry_run_says_what_it_would_do_and_stores_nothing(self, city: Office) -> None:
        before = everything(city)
        assert bring(city, "issue-list", dry_run=True).counts == {"cases": 100}
        assert everything(city) == before

    def test_the_faulty_one_stores_nothing(self, city: Office) -> None:
        before = everything(city)
        with pytest.raises(FaultyInputError) as caught:
            bring(city, "issue-list-faulty")
        expected = json.loads((DEMO / "issue-list-faulty.expected.json").read_text(encoding="utf-8"))
        assert len(caught.value.faults) == len(expected)
        assert [fault.line for fault in caught.value.faults] == sorted(each["row"] for each in expected)
        assert everything(city) == before

    def test_a_good_workbook_beside_a_faulty_one_is_not_stored_either(self, city: Office) -> None:
        before = everything(city)
        with pytest.raises(FaultyInputError):
            bring(city, "issue-list", "issue-list-faulty")
        assert everything(city) == before


class TestRows:
    @pytest.fixture(autouse=True)
    def _rules(self, office: Office) -> None:
        office.obey(DUE)
        office.at("2018-09-04 10:00")

    def test_from_today_on_is_the_default(self, office: Office) -> None:
        """Due on 2018-08-31, imported on 09-04: what fell before is not owed, 09-05 is."""
        bring_rows(office, row())
        office.run("2018-09-07 18:00")
        assert office.decided() == ["A-1 head said"]

    def test_catching_up_owes_the_past(self, office: Office) -> None:
        bring_rows(office, row(), catch_up=True)
        office.run("2018-09-07 18:00")
        assert office.decided() == ["A-1 remind lapsed", "A-1 overdue said", "A-1 head said"]

    def test_today_itself_is_owed(self, office: Office) -> None:
        bring_rows(office, row(due_on="2018-09-03"))  # urged on 09-04
        office.scan()
        assert office.decided() == ["A-1 overdue said"]

    def test_an_import_is_one_event_whatever_it_brings(self, office: Office) -> None:
        """Registered, assigned and signed in one row: owed from today on, not from any of them."""
        bring_rows(office, row(signed_on="2018-08-20"))
        assert office.look_up("A-1").state is State.SIGNED
        standing = office.agenda("A-1")["case-due"].standing
        assert standing.since == office.at("2018-09-04").now

    def test_a_closed_case_comes_closed_with_its_missing_steps_filled_in(self, office: Office) -> None:
        bring_rows(office, row(signed_on="2018-08-20", closed_on="2018-09-01"))
        case = office.look_up("A-1")
        assert (case.state, case.closed_on) == (State.CLOSED, date(2018, 9, 1))
        events = office.rows(tables.events)
        assert [event.kind for event in events] == ["registered", "assigned", "signed", "submitted", "closed"]
        assert [event.note for event in events if event.data.get("filled")] == ["台账补记"]
        office.run("2018-12-31 18:00")
        assert office.sent() == []

    def test_what_a_workbook_says_new_happens(self, office: Office) -> None:
        bring_rows(office, row(due_on=None))
        news = bring_rows(office, row(due_on="2018-09-28", signed_on="2018-09-01", description="税收承诺"))
        assert news.counts == {"updated": 1}
        case = office.look_up("A-1")
        assert (case.due_on, case.signed_on) == (on("2018-09-28"), on("2018-09-01"))
        assert case.description == "税收承诺"

    def test_another_enterprise_under_a_known_number_is_a_fault(self, office: Office) -> None:
        bring_rows(office, row())
        with pytest.raises(FaultyInputError, match="已登记为“A-1公司”"):
            bring_rows(office, row(enterprise="别的公司"))

    def test_a_blank_cell_changes_nothing(self, office: Office) -> None:
        bring_rows(office, row(note="重点", signed_on="2018-08-20"))
        before = office.look_up("A-1")
        assert bring_rows(office, row(due_on=None, assigned_on=None)).counts == {}
        assert office.look_up("A-1") == before

    def test_a_deadline_in_a_later_workbook_is_reminded_of(self, office: Office) -> None:
        bring_rows(office, row(due_on=None))
        office.scan()
        bring_rows(office, row(due_on="2018-09-07"))  # reminded of on 09-04
        office.tick()
        office.run("2018-09-04 18:00")
        assert office.decided() == ["A-1 remind said"]

    def test_what_the_gate_refuses_is_a_fault_with_its_line_and_nothing_is_stored(
        self, office: Office
    ) -> None:
        bring_rows(office, row())
        before = everything(office)
        with pytest.raises(FaultyInputError) as caught:
            bring_rows(office, row("A-2"), row("A-1", unit="经济开发区"))
        assert [(fault.place, fault.line) for fault in caught.value.faults] == [("a.xlsx", 4)]
        assert "责任单位与已登记的不同" in str(caught.value)
        assert everything(office) == before

    def test_an_unknown_unit_is_a_fault(self, office: Office) -> None:
        with pytest.raises(FaultyInputError, match="没有这个单位"):
            bring_rows(office, row(unit="明成镇"))

    def test_cases_without_a_number_get_one(self, office: Office) -> None:
        assert bring_rows(office, row(""), row("")).counts == {"cases": 2}
        assert [case.no for case in office.rows(tables.cases)] == ["PS-2018-0001", "PS-2018-0002"]

    def test_a_short_name_is_the_same_unit(self, office: Office) -> None:
        bring_rows(office, row(unit="明城"))
        assert office.look_up("A-1").unit == office.units[TOWN]


class TestHistory:
    def test_events_of_one_day_come_in_the_order_in_which_things_happen(self, city: Office) -> None:
        day = "2018-08-20"
        rows = [
            row(no, unit="明城镇", found_on=day, assigned_on=day, signed_on=day, closed_on=day)
            for no in ("B", "A")
        ]
        campaign = next(iter(city.rules().campaigns.values()))
        steps = [(event.no, event.step, f"{event.at:%H:%M}") for event in dated_events(rows, campaign)]
        assert steps == [
            ("A", Step.REGISTERED, "00:00"),
            ("A", Step.ASSIGNED, "00:00"),
            ("A", Step.CLOSED, "00:00"),
            ("B", Step.REGISTERED, "00:00"),
            ("B", Step.ASSIGNED, "00:00"),
            ("B", Step.CLOSED, "00:00"),
            ("A", Step.SIGNED, "12:00"),
            ("B", Step.SIGNED, "12:00"),
        ]

    def test_what_is_on_file_does_not_happen_again(self, city: Office) -> None:
        bring(city, "issue-list")
        before = everything(city)["events"]
        history = History(city.engine, city.rules(), workbook("issue-list").cases)
        for event in history.due(city.at("2019-12-31").now):
            history.happen([event], event.at)
        assert everything(city)["events"] == before

    def test_after_the_whole_history_the_rates_are_the_ledgers(self, city: Office) -> None:
        history = History(city.engine, city.rules(), workbook("ledger-2018-2020").cases)
        truth = json.loads((DEMO / "ledger-2018-2020.truth.json").read_text(encoding="utf-8"))
        for event in history.due(city.at("2021-01-31").now):
            history.happen([event], event.at)
        assert history.next_at is None
        with reading(city.engine) as connection:
            campaign = next(iter(facts.load_campaigns(connection, city.rules().campaigns)))
            for milestone in truth["milestones"]:
                day = on(milestone["date"])
                expected = Count(milestone["total"], milestone["closed"])
                assert Rates(connection).count(campaign, day) == expected
                assert Rates(connection).count(campaign, day, known=end_of(day)) == expected, (
                    "told the same day"
                )
            told = outcome.rates(connection, city.rules().campaigns)
        assert [each["verdict"] for each in told] == ["missed"] * 3
        states = Counter(case.state for case in city.rows(tables.cases))
        assert sum(states.values()) == truth["cases"]

    def test_the_tally_is_what_the_cases_say(self, city: Office) -> None:
        """Counted from the cases themselves, the slow way."""
        bring(city.at("2021-01-31 10:00"), "ledger-2018-2020")
        rows = city.rows(tables.cases)
        with reading(city.engine) as connection:
            campaign = next(iter(facts.load_campaigns(connection, city.rules().campaigns)))
            for words in ("2018-12-31", "2019-06-30", "2020-12-31"):
                day = on(words)
                by_unit = Rates(connection).by_unit(campaign, day)
                for unit in {case.unit_id for case in rows}:
                    mine = [case for case in rows if case.unit_id == unit and case.registered_on <= day]
                    closed = sum(case.closed_on is not None and case.closed_on <= day for case in mine)
                    assert by_unit.get(unit, Count(0, 0)) == Count(len(mine), closed)
