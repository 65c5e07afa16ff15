"""Letters are drafted by the machine and leave only after a person of the office has approved them."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from daemon import acts
from daemon.draft import documents
from daemon.errors import NotFoundError, RefusedError
from daemon.store import tables
from daemon.store.engine import writing
from tests.integration.office import DUE, TOWN, Office

LETTERS = """
  case-due:
    about: case
    from: due
    rungs:
      urge:   {at: -3 workdays, act: urge, to: [unit.head]}
      letter: {at: -3 workdays, act: supervision_letter, to: [unit.head, unit.deputy]}
      again:  {at: +3 workdays, act: urge, to: [unit.head]}
"""


@pytest.fixture
def waiting(office: Office) -> Office:
    """Two cases, with a letter each to the head and the deputy, drafted on 2018-08-28."""
    office.obey(LETTERS)
    for no in ("A-1", "A-2"):
        office.case(no, due="2018-08-31")
    office.tick("2018-08-28 09:10")
    return office


def approve(office: Office, notice: int) -> list[int]:
    shown = documents(office.engine, office.rules(), notice, office.now)
    return acts.approve(office.engine, office.rules(), notice, "王主任", office.now, shown)


def letters(office: Office) -> list[int]:
    return [row.id for row in office.notice_rows() if row.act == "supervision_letter"]


def test_one_document_for_each_decision_and_addressee(waiting: Office) -> None:
    """Never bundled: two cases are two documents, though the same person gets both."""
    assert waiting.notices().count("赵书记 email+wecom waiting") == 2
    assert waiting.notices().count("钱副镇长 email+wecom waiting") == 2
    assert [row.approval for row in waiting.notice_rows() if row.state == "waiting"] == [
        "office.director"
    ] * 4


def test_nothing_leaves_before_it_is_approved(waiting: Office) -> None:
    assert waiting.news() == ["赵书记 wecom: A-1 urge, A-2 urge"], "a letter supersedes nothing"
    waiting.run("2018-08-29 18:00")
    assert [words for words in waiting.sent() if "letter" in words] == []


def test_approving_a_document_sends_it_to_all_its_addressees(waiting: Office) -> None:
    waiting.news()
    first = letters(waiting)[0]
    both = approve(waiting, first)
    assert len(both) == 2
    waiting.run("2018-08-28 09:12")
    assert waiting.news() == [
        "赵书记 email: A-1 letter",
        "赵书记 wecom: A-1 letter",
        "钱副镇长 email: A-1 letter",
        "钱副镇长 wecom: A-1 letter",
    ]
    approved = [row for row in waiting.notice_rows() if row.id in both]
    assert {(row.approved_by, row.approved_at) for row in approved} == {
        ("王主任", waiting.at("2018-08-28 09:10").now)
    }
    assert len([row for row in waiting.notice_rows() if row.state == "waiting"]) == 2, (
        "the other case's waits"
    )


def test_what_is_approved_at_night_leaves_in_the_morning(waiting: Office) -> None:
    waiting.news()
    approve(waiting.at("2018-08-28 21:00"), letters(waiting)[0])
    waiting.run("2018-08-29 08:29")
    assert waiting.sent() == []
    waiting.run("2018-08-29 08:45")
    assert len(waiting.news()) == 4


def test_it_is_approved_once(waiting: Office) -> None:
    number = letters(waiting)[0]
    approve(waiting, number)
    with pytest.raises(RefusedError, match="不在待审签状态"):
        approve(waiting, number)
    with pytest.raises(NotFoundError, match="没有第 999 号通知"):
        approve(waiting, 999)


def test_what_waits_does_not_lapse_but_is_looked_at_when_it_goes(waiting: Office) -> None:
    waiting.run("2018-09-06 12:00")
    waiting.news()
    waiting.close("A-2")
    for number in letters(waiting):
        if waiting.notices()[number - 1].endswith("waiting"):
            approve(waiting, number)
    waiting.run("2018-09-06 12:05")
    assert {words.split(": ")[1] for words in waiting.news()} == {"A-1 letter"}
    assert sum("letter dropped condition" in words for words in waiting.items()) == 2


def test_the_next_rung_neither_outranks_it_nor_is_outranked(waiting: Office) -> None:
    waiting.news()
    waiting.run("2018-09-05 12:00")
    assert "赵书记 wecom: A-1 again, A-2 again" in waiting.news()
    approve(waiting, letters(waiting)[0])
    waiting.run("2018-09-05 12:05")
    assert "赵书记 email: A-1 letter" in waiting.news()


def test_the_holder_changed_while_it_waited(waiting: Office) -> None:
    waiting.leave("赵书记", "2018-08-28")
    waiting.hire(TOWN, "主要领导", "何书记", since="2018-08-29")
    waiting.news()
    approve(waiting.at("2018-08-29 10:00"), letters(waiting)[0])
    waiting.run("2018-08-29 10:05")
    assert "赵书记 A-1 letter dropped not_holder" in waiting.items()
    assert not any("赵书记" in words for words in waiting.news())
    assert waiting.notices()[-1] == "何书记 email+wecom waiting", "to somebody else it is another document"


def test_no_approval_no_wait(office: Office) -> None:
    office.obey(DUE)
    office.case("A-1", due="2018-08-31")
    office.tick("2018-08-28 09:10")
    assert [row.approval for row in office.rows(tables.notices)] == [None]


def test_what_was_approved_leaves_word_for_word(waiting: Office) -> None:
    """Approved in the evening, corrected at night, sent in the morning: as the approver read it."""
    waiting.news()
    number = letters(waiting)[0]
    shown = documents(waiting.engine, waiting.rules(), number, waiting.now)
    approve(waiting.at("2018-08-28 21:00"), number)
    with writing(waiting.engine) as connection:
        connection.execute(update(tables.cases).values(enterprise="另一公司"))
    waiting.wire.taken.clear()
    waiting.run("2018-08-29 08:45")
    sent = {handed.message.content["text"] for handed in waiting.wire.taken if handed.channel == "email"}
    assert sent == {document.contents["email"]["text"] for document in shown.values()}
    assert {row.document_hash for row in waiting.notice_rows() if row.id in shown} == {
        document.hash for document in shown.values()
    }


def test_only_what_was_shown_leaves(waiting: Office) -> None:
    """A copy of the document that the approver did not see waits for an approval of its own."""
    both = documents(waiting.engine, waiting.rules(), letters(waiting)[0], waiting.now)
    first, other = sorted(both)
    shown = {first: both[first]}
    assert acts.approve(waiting.engine, waiting.rules(), first, "王主任", waiting.now, shown) == [first]
    assert {row.state for row in waiting.notice_rows() if row.id == other} == {"waiting"}
