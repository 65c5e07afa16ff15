"""``filing``, ``person``, ``unit``: who owes what, and who there is."""

from __future__ import annotations

import pytest

from tests.integration.cli.conftest import Office

PLAN = ("--unit", "明城镇", "--kind", "工作计划")
LIST = ("--unit", "明城镇", "--kind", "issue-list")


def test_every_unit_owes_every_filing(office: Office) -> None:
    found = office("filing", "list", "--json").json
    assert len(found) == 36 * 4
    assert {filing["state"] for filing in found} == {"open"}
    assert office("filing", "list", "--unit", "明城镇", "--kind", "工作计划", "--json").json == [
        {
            "campaign": "panshi-2018",
            "kind": "work-plan",
            "title": "工作计划",
            "unit": "明城镇",
            "due_on": "2018-07-31",
            "state": "open",
            "state_title": "未报送",
            "overdue": True,
            "submitted_on": None,
            "returned_on": None,
            "nil": False,
        }
    ]


def test_a_filing_goes_its_way(office: Office) -> None:
    states = [
        office("filing", *step, "--json").json["state"]
        for step in (("submit", *LIST, "--nil"), ("return", *LIST), ("submit", *LIST), ("accept", *LIST))
    ]
    assert states == ["submitted", "returned", "submitted", "accepted"]
    assert len(office("filing", "list", "--open", "--json").json) == 36 * 4 - 1


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (("submit", *PLAN, "--nil"), "不接受零报告"),
        (("return", *PLAN), "尚未报送"),
        (("submit", "--unit", "明城镇", "--kind", "工作计画"), "是不是“工作计划”？"),
        (("submit", "--unit", "明成镇", "--kind", "工作计划"), "是不是“明城镇”？"),
        (("submit", *PLAN, "--on", "2018-08-17"), "晚于今天"),
    ],
)
def test_what_cannot_be_is_refused(office: Office, step: tuple[str, ...], says: str) -> None:
    answer = office("filing", *step)
    assert answer.code == 1
    assert says in answer.err


def test_people_are_shown_with_their_posts_and_without_their_phones(office: Office) -> None:
    found = office("person", "list", "--unit", "明城镇", "--json").json
    assert {post["unit"] for person in found for post in person["posts"]} >= {"明城镇"}
    assert all("****" in person["phone"] for person in found if person["phone"])
    assert "****" in office("person", "list").out


def test_units_are_shown_with_how_they_stand(busy_office: Office) -> None:
    found = busy_office("unit", "list", "--json").json
    assert len(found) == 36
    assert sum(unit["total"] for unit in found) == 100
    assert all(unit["heads"] for unit in found)
