"""Notices of the State Council that came while the campaign ran, from the file to the message."""

from __future__ import annotations

import pytest

from tests.integration.office import DUE, Office

NOBODY_KNEW_2018 = "years: {2018: {source: 原安排, off: [2018-12-29], makeup: [2018-12-31]}}"
"""Until 2018-12-06 everybody believed that Monday 12-31 would be worked, and Saturday 12-29 not."""
NOBODY_KNEW_2020 = "years: {2020: {source: 原安排, makeup: [2020-01-31, 2020-02-01]}}"
"""Until 2020-01-27 the Spring Festival was to end on 01-30."""
HANDED_OVER = """
  case-assigned:
    about: case
    from: assigned
    rungs:
      third: {at: +3 workdays, act: reminder, to: [unit.liaison]}
"""
EARLY = DUE.replace(
    "remind:", "early:   {at: -10 workdays, act: reminder, to: [unit.liaison]}\n      remind:"
)


def believing(office: Office, ladders: str, calendar: str) -> Office:
    office.obey(ladders, ("calendar.yaml", "years: {}", calendar))
    return office


def told(office: Office, days: str) -> dict[str, list[str]]:
    """Let the days pass one by one; return what was said on each that brought anything."""
    found = {}
    office.news()
    for day in days.split():
        office.run(f"{day} 18:00")
        if news := office.news():
            found[day] = [words.split(": ")[1] for words in news]
    return found


def test_the_notice_of_december_2018(office: Office) -> None:
    """Due 2018-12-31: −3 was 12-26 and becomes 12-27; +1 is 2019-01-02 both ways, −2 12-27 and 12-28."""
    believing(office.at("2018-11-20 08:00"), DUE, NOBODY_KNEW_2018)
    office.case("A-1", due="2018-12-31")
    office.run("2018-12-06 16:00")
    done = office.obey(DUE)
    assert (done.changed, done.touched) == (("case-due",), 1)
    assert told(office, "2018-12-26 2018-12-27 2018-12-29 2018-12-31 2019-01-02 2019-01-04") == {
        "2018-12-27": ["A-1 remind"],
        "2019-01-02": ["A-1 overdue"],
        "2019-01-04": ["A-1 head"],
    }


@pytest.mark.parametrize("signed", [False, True])
def test_spring_festival_2020_a_reminder_moved_into_the_past_is_said_once(
    office: Office, signed: bool
) -> None:
    """Due 02-05: −3 was 02-01 and becomes 01-23. Said on 02-03, the first day of work."""
    believing(office.at("2020-01-02 08:00"), DUE, NOBODY_KNEW_2020)
    office.case("A-1", due="2020-02-05")
    office.run("2020-01-25 12:00")
    if signed:
        office.sign("A-1", "孙联络")
    office.run("2020-01-27 10:00")
    office.obey(DUE)
    assert told(office, "2020-01-31 2020-02-01 2020-02-02 2020-02-03 2020-02-04 2020-02-06") == {
        "2020-02-03": ["A-1 remind"],
        "2020-02-06": ["A-1 overdue"],
    }


def test_spring_festival_2020_moves_what_follows_a_hand_over_on(office: Office) -> None:
    """Handed over on 01-22: +3 was 02-01 and becomes 02-04."""
    believing(office.at("2020-01-22 08:00"), HANDED_OVER, NOBODY_KNEW_2020)
    office.case("A-1")
    office.run("2020-01-27 10:00")
    office.obey(HANDED_OVER)
    assert told(office, "2020-02-01 2020-02-03 2020-02-04") == {"2020-02-04": ["A-1 third"]}


def test_spring_festival_2020_does_not_repeat_what_it_moves_further_back(office: Office) -> None:
    """Due 02-07: −10 was 01-20 and becomes 01-17."""
    believing(office.at("2020-01-02 08:00"), EARLY, NOBODY_KNEW_2020)
    office.case("A-1", due="2020-02-07")
    assert told(office, "2020-01-17 2020-01-20") == {"2020-01-20": ["A-1 early"]}
    office.run("2020-01-27 10:00")
    office.obey(EARLY)
    assert told(office, "2020-02-03 2020-02-04 2020-02-07") == {"2020-02-04": ["A-1 remind"]}
