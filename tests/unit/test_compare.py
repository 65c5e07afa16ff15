"""What two rule sets say differently, item by item and day by day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.compare import Burden, Comparison, Heard, compare


def line(person: str, at: str, *rungs: str, unit: str = "明城镇") -> Mapping[str, Any]:
    """Return a notice as a simulation prints it; a rung is ``A-1 remind``."""
    items = [
        {
            "ladder": "case-due",
            "rung": rung,
            "occurrence": "",
            "subject": {"kind": "case", "id": no},
            "part": "to",
        }
        for no, rung in (each.split() for each in rungs)
    ]
    return {"at": f"{at}+08:00", "to": {"person": person, "unit": unit}, "items": items}


def compared(before: list[Mapping[str, Any]], after: list[Mapping[str, Any]]) -> Comparison:
    return compare(Heard().hear(before), Heard().hear(after))


REMIND = line("孙联络", "2018-12-27T09:10:00", "A-1 remind", "A-2 remind")


def test_the_same_is_no_difference() -> None:
    found = compared([REMIND], [REMIND])
    assert (found.gained, found.lost, found.moved, found.people()) == ([], [], [], [])


def test_another_hour_of_the_day_and_another_notice_are_no_difference_of_items() -> None:
    apart = [
        line("孙联络", "2018-12-27T09:11:00", "A-1 remind"),
        line("孙联络", "2018-12-27T09:30:00", "A-2 remind"),
    ]
    found = compared([REMIND], apart)
    assert (found.gained, found.lost, found.moved) == ([], [], [])
    assert [(each.before.most, each.after.most) for each in found.people()] == [(1, 2)]


def test_who_gains_and_who_loses() -> None:
    found = compared([REMIND], [line("赵书记", "2018-12-27T09:10:00", "A-1 remind")])
    assert [(each.person, each.subject) for each in found.gained] == [("赵书记", "A-1")]
    assert [(each.person, each.subject) for each in found.lost] == [("孙联络", "A-1"), ("孙联络", "A-2")]


def test_what_is_said_on_another_day_has_moved() -> None:
    found = compared([REMIND], [line("孙联络", "2018-12-25T09:10:00", "A-1 remind", "A-2 remind")])
    assert (found.gained, found.lost) == ([], [])
    assert [(one.subject, one.day, other.day) for one, other in found.moved] == [
        ("A-1", "2018-12-27", "2018-12-25"),
        ("A-2", "2018-12-27", "2018-12-25"),
    ]


def test_of_two_of_a_kind_each_is_counted() -> None:
    """A case returned and due again is reminded of twice, by the same words."""
    twice = [REMIND, line("孙联络", "2019-02-27T09:10:00", "A-1 remind")]
    found = compared(twice, [REMIND])
    assert ([each.day for each in found.lost], found.gained, found.moved) == (["2019-02-27"], [], [])


def test_namesakes_of_two_units_are_two_people() -> None:
    other = line("孙联络", "2018-12-27T09:10:00", "A-3 remind", unit="经济开发区")
    heard = Heard().hear([REMIND, other, other])
    assert heard.burden(("孙联络", "明城镇")) == Burden(1, 1, 1)
    assert heard.burden(("孙联络", "经济开发区")) == Burden(2, 1, 2)
    assert heard.burden(("孙联络", "经济开发区")).a_day == 2.0
