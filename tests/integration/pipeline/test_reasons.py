"""Why a case came back, or was given more time, stands in what its unit is told."""

from __future__ import annotations

from daemon.domain.case import EventKind
from tests.integration.office import DUE, Office
from tests.integration.pipeline.test_ladder_life import RETURNED


def told(office: Office) -> list[str]:
    """Return the words of what left, but the office's notes."""
    said = [
        str(handed.message.content["description"]) for handed in office.wire.taken if handed.message.items
    ]
    office.wire.taken.clear()
    return said


def case(office: Office, ladders: str) -> Office:
    office.obey(ladders)
    office.case("A-1", due="2018-08-31")
    office.tick()
    return office


def test_the_reason_of_a_return(office: Office) -> None:
    case(office, RETURNED).happen("A-1", EventKind.SUBMITTED)
    office.happen("A-1", EventKind.RETURNED, due="2018-09-28", note="兑付凭证不全")
    office.run("2018-08-20 12:00")
    assert ["核查未通过退回（兑付凭证不全）" in words for words in told(office)] == [True]


def test_a_return_that_was_undone_leaves_no_reason(office: Office) -> None:
    case(office, RETURNED).happen("A-1", EventKind.SUBMITTED)
    office.happen("A-1", EventKind.RETURNED, due="2018-09-28", note="写错了")
    office.undo("A-1")
    office.happen("A-1", EventKind.RETURNED, due="2018-09-28")
    office.run("2018-08-20 12:00")
    assert ["核查未通过退回，" in words for words in told(office)] == [True]


def test_the_reason_of_an_extension_goes_with_its_deadline(office: Office) -> None:
    case(office, DUE).happen("A-1", EventKind.EXTENDED, due="2018-09-14", note="等待财政拨款")
    office.run("2018-09-11 12:00")
    assert ["已同意延期：等待财政拨款" in words for words in told(office)] == [True]
    office.happen("A-1", EventKind.DUE_SET, due="2018-09-28")
    office.run("2018-09-25 12:00")
    assert ["延期" in words for words in told(office)] == [False]
