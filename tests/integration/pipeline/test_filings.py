"""What every unit must hand in by a day: a plan, names, a list of issues; nothing to report is a report."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from daemon.errors import NotFoundError, RefusedError
from daemon.store import tables
from tests.integration.office import ZONE, Office

FILED = """
  filing-due:
    about: filing
    from: due
    when: open and filing.kind == "issue-list"
    rungs:
      remind:  {at: -2 workdays, act: reminder, to: [unit.liaison]}
      overdue: {at: +1 workday, act: urge, to: [unit.liaison]}
      head:    {at: +3 workdays, act: urge, to: [unit.head]}
  filing-returned:
    about: filing
    from: returned
    when: filing.state == "returned"
    rungs:
      back: {at: immediately, act: notice, to: [unit.liaison]}
      head: {at: +3 workdays, act: urge, to: [unit.head]}
"""


@pytest.fixture
def filing(office: Office) -> Office:
    """The issue list is due on Wednesday 2018-08-15."""
    office.at("2018-08-01 09:00").obey(FILED)
    office.scan()
    return office


def test_who_has_not_handed_in_is_reminded_and_urged(filing: Office) -> None:
    filing.run("2018-08-13 18:00")
    assert filing.news() == ["周联络 wecom: issue-list remind", "孙联络 wecom: issue-list remind"]
    filing.at("2018-08-15 15:00").file("issue-list", unit=ZONE)
    filing.run("2018-08-20 18:00")
    assert filing.news() == ["孙联络 wecom: issue-list overdue", "赵书记 wecom: issue-list head"]


def test_nothing_to_report_is_a_report_where_that_is_allowed(filing: Office) -> None:
    filing.file("issue-list", nil=True)
    with pytest.raises(RefusedError, match="不接受零报告"):
        filing.file("work-plan", nil=True)
    handed_in = next(row for row in filing.rows(tables.subjects) if row.state == "submitted")
    assert (handed_in.key, handed_in.nil, handed_in.submitted_on) == ("issue-list", True, filing.today)
    event = filing.rows(tables.events)[-1]
    assert (event.subject_kind, event.kind, event.effective_on) == ("filing", "submitted", filing.today)


def test_what_is_not_good_enough_goes_back(filing: Office) -> None:
    filing.at("2018-08-14 15:00").file("issue-list")
    filing.file("issue-list", unit=ZONE)
    filing.at("2018-08-17 10:00").file("issue-list", "returned")
    filing.run("2018-08-17 18:00")
    assert filing.news() == ["孙联络 wecom: issue-list back"]
    filing.file("issue-list")
    filing.run("2018-08-31 18:00")
    assert filing.news() == [], "handed in again in time"


def test_what_was_returned_and_is_not_handed_in_again(filing: Office) -> None:
    """Returned on 08-17: what fell before that day is not owed, +3 workdays from 08-15 is 08-20."""
    filing.at("2018-08-14 15:00").file("issue-list")
    filing.file("issue-list", unit=ZONE)
    filing.at("2018-08-17 10:00").file("issue-list", "returned")
    filing.run("2018-08-31 18:00")
    assert filing.sent() == [
        "孙联络 wecom: issue-list back",
        "赵书记 wecom: issue-list head",  # of the due day
        "赵书记 wecom: issue-list head",  # of the return
    ]


def test_what_was_handed_in_and_returned_the_same_day_is_reminded_of_after_all(filing: Office) -> None:
    filing.file("issue-list", unit=ZONE)
    filing.prepare("2018-08-13 09:10").file("issue-list")
    filing.deliver()
    assert filing.items() == ["孙联络 issue-list remind dropped condition"]
    filing.file("issue-list", "returned")
    filing.tick()
    assert filing.news() == ["孙联络 wecom: issue-list back", "孙联络 wecom: issue-list remind"]


@pytest.mark.parametrize(
    ("before", "action", "words"),
    [
        (["submitted"], "submitted", "已于 2018-08-01 报送"),
        (["submitted", "accepted"], "submitted", "已于 2018-08-01 报送"),
        ([], "returned", "尚未报送"),
        ([], "accepted", "尚未报送"),
        (["submitted", "returned"], "accepted", "尚未报送"),
    ],
)
def test_what_may_not_happen(filing: Office, before: list[str], action: str, words: str) -> None:
    for each in before:
        filing.file("issue-list", each)
    count = len(filing.rows(tables.events))
    with pytest.raises(RefusedError, match=words):
        filing.file("issue-list", action)
    assert len(filing.rows(tables.events)) == count


def test_a_filing_that_there_is_not(filing: Office) -> None:
    with pytest.raises((NotFoundError, KeyError)):
        filing.file("monthly-report")


def test_of_two_who_hand_it_in_at_once_one_is_refused(filing: Office) -> None:
    def hand_in(_number: int) -> str:
        try:
            filing.file("issue-list")
        except RefusedError:
            return "refused"
        return "done"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(hand_in, range(4))) == ["done", "refused", "refused", "refused"]
    assert [row.kind for row in filing.rows(tables.events)] == ["submitted"]
