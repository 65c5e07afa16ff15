"""Just before a message leaves, the world is looked at once more: what is stale drops, with the reason."""

from __future__ import annotations

from itertools import count

import pytest

from daemon.domain.case import EventKind
from daemon.errors import DeliveryError, UnknownOutcomeError
from daemon.look import Look, Verdict
from daemon.store import tables
from daemon.store.deliveries import Claimed
from tests.integration.office import DUE, TOWN, ZONE, Office, meanwhile

COPIED = """
  case-due:
    about: case
    from: due
    rungs:
      remind:
        at: -3 workdays
        act: urge
        to: [unit.liaison]
        copy: [unit.deputy]
        unless: signed
"""
HEADS = DUE.replace("to: [unit.liaison]", "to: [unit.head]")


def released(office: Office, ladders: str = DUE) -> Office:
    """One case due on 2018-08-31; what is to be said of it on 08-28 is released, and not yet sent."""
    office.obey(ladders)
    office.case("A-1", due="2018-08-31")
    office.scan()
    return office.prepare("2018-08-28 09:10")


def test_nothing_happened(office: Office) -> None:
    released(office).deliver()
    assert office.sent() == ["孙联络 wecom: A-1 remind"]
    assert office.items() == ["孙联络 A-1 remind said"]
    assert office.notices() == ["孙联络 wecom sent"]
    assert office.attempts() == ["wecom 1 sent"]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("closed", "condition"),
        ("dismissed", "condition"),
        ("extended", "anchor_moved"),
        ("moved", "anchor_moved"),
        ("undone", "anchor_moved"),
        ("rung struck out", "rule_gone"),
        ("ladder struck out", "rule_gone"),
    ],
)
def test_what_is_stale_is_dropped_with_the_reason(office: Office, event: str, reason: str) -> None:
    released(office)
    happen(office, event)
    assert office.deliver() == 0
    assert office.tried() == []
    assert office.items() == [f"孙联络 A-1 remind dropped {reason}"]
    assert office.notices() == ["孙联络 wecom dropped"]
    assert office.deliveries() == ["wecom dropped"]
    assert office.notice_rows()[0].reason["code"] == reason
    assert office.attempts() == []


def happen(office: Office, event: str) -> None:
    match event:
        case "closed":
            office.close("A-1")
        case "dismissed":
            office.happen("A-1", EventKind.DISMISSED, note="重复登记")
        case "extended":
            office.extend("A-1", "2018-12-31")
        case "moved":
            office.happen("A-1", EventKind.MOVED, unit=office.units[ZONE], due="2018-12-31")
        case "undone":
            office.undo("A-1")
        case "rung struck out":
            office.obey(DUE.replace("remind:", "other:"))
        case _:
            office.obey(DUE.replace("case-due:", "case-other:"))


def test_one_of_many_is_dropped_and_the_others_go(office: Office) -> None:
    office.obey()
    for no in ("A-1", "A-2", "A-3"):
        office.case(no, due="2018-08-31")
    office.scan()
    office.prepare("2018-08-28 09:10")
    office.close("A-2")
    office.deliver()
    assert office.sent() == ["孙联络 wecom: A-1 remind, A-3 remind"]
    assert "A-2" not in str(office.wire.taken[0].message.content)


def test_only_the_new_units_people_are_told_of_a_case_that_moved(office: Office) -> None:
    released(office)
    office.happen("A-1", EventKind.MOVED, unit=office.units[ZONE], due="2018-09-14")
    office.run("2018-09-30 12:00")
    assert office.news() == [
        "周联络 wecom: A-1 overdue",
        "周联络 wecom: A-1 remind",
        "李主任 wecom: A-1 head",
    ]


def test_a_deadline_moved_the_same_day_is_reminded_of_anew(office: Office) -> None:
    """What was said of the old deadline outranks nothing of the new one."""
    released(office).deliver()
    assert office.news() == ["孙联络 wecom: A-1 remind"]
    office.happen("A-1", EventKind.DUE_SET, due="2018-08-29")  # earlier: its own rungs are owed
    office.run("2018-08-29 12:00")
    assert office.news() == ["孙联络 wecom: A-1 remind"]


def test_a_changed_holder_is_told_in_place_of_the_old_one(office: Office) -> None:
    released(office)
    office.leave("孙联络", "2018-08-27")
    office.hire(TOWN, "联络员", "何联络", since="2018-08-28")
    office.deliver()
    assert office.items() == ["孙联络 A-1 remind dropped not_holder", "何联络 A-1 remind open"]
    office.tick()
    assert office.sent() == ["何联络 wecom: A-1 remind"]
    office.tick()
    assert len(office.sent()) == 1


def test_who_left_while_the_heir_was_waiting_has_an_heir_too(office: Office) -> None:
    released(office)
    office.leave("孙联络", "2018-08-27")
    office.hire(TOWN, "联络员", "何联络", until="2018-08-28")
    office.deliver()
    office.hire(TOWN, "联络员", "吕联络", since="2018-08-29")
    office.tick("2018-08-29 09:10")
    assert office.sent() == ["吕联络 wecom: A-1 remind"]


def test_two_who_left_have_one_heir(office: Office) -> None:
    """Secretary and mayor are replaced by one person, who is told once."""
    office.obey(HEADS)
    office.hire(TOWN, "主要领导", "杨镇长")
    office.case("A-1", due="2018-08-31")
    office.prepare("2018-08-28 09:10")
    for name in ("赵书记", "杨镇长"):
        office.leave(name, "2018-08-27")
    office.hire(TOWN, "主要领导", "何书记", since="2018-08-28")
    office.tick()
    assert office.sent() == ["何书记 wecom: A-1 remind"]


def test_a_stand_in_for_two_days_and_then_the_person_again(office: Office) -> None:
    """Nobody could be reached while the stand-in was to be told: then it is the person's after all."""
    office.wire.answers("wecom", *[DeliveryError("503")] * 3)
    released(office)
    office.deliver()  # the person himself, on 08-28: not taken
    office.stands_in("周联络", "孙联络", "2018-08-29", "2018-08-29")
    office.run("2018-08-29 09:11")
    office.wire.answers("email", *[DeliveryError("503")] * 9)
    office.run("2018-08-30 12:00")
    assert office.sent()[-1] == "孙联络 wecom: A-1 remind"
    assert [words for words in office.items() if "open" in words] == []


def test_nobody_takes_the_seat(office: Office) -> None:
    released(office)
    office.leave("孙联络", "2018-08-27")
    office.tick()
    assert office.sent() == []
    assert office.items() == ["孙联络 A-1 remind dropped not_holder"]
    assert [row.resolved_at for row in office.rows(tables.unaddressed)] == [None]
    office.hire(TOWN, "联络员", "何联络", since="2018-08-28")
    office.case("A-2", due="2018-09-03")
    office.run("2018-08-29 12:00")
    assert "何联络 wecom: A-1 remind, A-2 remind" in office.sent()


@pytest.mark.parametrize("order", [1, -1], ids=["original first", "copy first"])
def test_whose_copy_is_on_its_way_takes_the_seat(office: Office, order: int) -> None:
    """Whichever of the two a worker looks at first, he is told, and once."""
    released(office, COPIED)
    office.leave("孙联络", "2018-08-27")
    office.hire(TOWN, "联络员", "钱副镇长", since="2018-08-28")
    for number in sorted(office.ready("wecom"))[::order]:
        office.deliver_on("wecom", [number])
    office.run("2018-08-28 12:00")
    assert office.sent() == ["钱副镇长 wecom: A-1 remind"]


def test_a_signature_cancels_what_is_queued_for_the_signer_alone(office: Office) -> None:
    released(office, COPIED.replace("[unit.liaison]", "[unit.liaison, unit.head]"))
    office.sign("A-1", "孙联络")
    office.deliver()
    assert "孙联络 A-1 remind dropped signed" in office.items()
    assert "赵书记 wecom: A-1 remind" in office.sent()


def test_a_copy_lapses_with_what_it_copies(office: Office) -> None:
    released(office, COPIED)
    office.sign("A-1", "孙联络")
    office.tick()
    assert office.items() == [
        "孙联络 A-1 remind dropped signed",
        "钱副镇长 A-1 remind dropped copy_of_nothing",
    ]
    assert office.sent() == []


def test_a_copy_goes_with_what_it_copies(office: Office) -> None:
    released(office, COPIED).deliver()
    assert office.news() == ["孙联络 wecom: A-1 remind", "钱副镇长 wecom: A-1 remind"]


def test_before_the_deadline_lapses_after_it(office: Office) -> None:
    released(office)
    office.deliver("2018-09-03 10:00")
    assert office.items() == ["孙联络 A-1 remind dropped lapsed"]
    office.run("2018-09-04 12:00")
    assert office.sent() == ["孙联络 wecom: A-1 overdue", "冯值班 wecom: note"]


def test_a_reminder_on_the_day_itself_lapses_when_the_day_is_over(office: Office) -> None:
    released(office, DUE.replace("-3 workdays", "0 workdays"))
    office.prepare("2018-08-31 09:10")
    office.deliver("2018-09-03 10:00")
    assert office.items() == ["孙联络 A-1 remind dropped deadline_passed"]


def test_a_later_rung_not_weaker_has_come(office: Office) -> None:
    ladders = DUE.replace("act: urge, to: [unit.head]", "act: urge, to: [unit.liaison]")
    released(office, ladders)
    office.prepare("2018-09-03 09:10")
    office.prepare("2018-09-05 09:10")
    office.deliver()
    assert office.sent() == ["孙联络 wecom: A-1 head"]
    assert "孙联络 A-1 overdue dropped outranked" in office.items()


def test_a_weaker_later_rung_outranks_nothing(office: Office) -> None:
    ladders = DUE.replace("act: urge, to: [unit.head]", "act: notice, to: [unit.liaison]")
    office.obey(ladders)
    office.case("A-1", due="2018-08-31")
    office.prepare("2018-09-03 09:10")
    office.prepare("2018-09-05 09:10")
    office.deliver()
    assert {"孙联络 wecom: A-1 head", "孙联络 wecom: A-1 overdue"} <= set(office.sent())


def test_who_lost_an_address_meanwhile_is_reached_by_the_next_leg(office: Office) -> None:
    released(office)
    office.change("UPDATE persons SET wecom = NULL WHERE name = '孙联络'")
    office.tick()
    assert office.news() == ["孙联络 email: A-1 remind", "孙联络 sms: A-1 remind"]


def test_what_cannot_be_rendered_goes_by_the_next_leg_and_the_others_go_on(office: Office) -> None:
    card = (
        "{% block title %}提醒{% endblock %}{% block description %}{{ 1 / (items|length - 1) }}{% endblock %}"
    )
    office.obey(DUE, ("templates/wecom/reminder.unit.j2", "", card))
    office.case("A-1", due="2018-08-31")
    office.case("B-1", ZONE, due="2018-08-31")
    office.case("B-2", ZONE, due="2018-08-31")
    office.prepare("2018-08-28 09:10")
    office.tick()
    assert office.news() == [
        "周联络 wecom: B-1 remind, B-2 remind",
        "孙联络 email: A-1 remind",
        "孙联络 sms: A-1 remind",
    ]


def test_a_row_that_breaks_the_look_does_not_hold_up_the_others(office: Office) -> None:
    """Somebody wrote nonsense into the tables: what speaks of it fails, and the office is told."""
    office.obey()
    office.case("A-1", due="2018-08-31")
    office.case("B-1", ZONE, due="2018-08-31")
    office.prepare("2018-08-28 09:10")
    office.change("UPDATE decisions SET inputs = '{\"anchor_on\": \"nonsense\"}' WHERE subject_id = :id",
                  id=office.subject("A-1").id)  # fmt: skip
    office.tick()
    assert office.sent() == ["周联络 wecom: B-1 remind"]
    assert office.notices() == ["孙联络 manual failed", "周联络 wecom sent"]
    office.run("2018-08-29 12:00")
    assert office.sent()[-1] == "冯值班 wecom: note"


def test_a_case_that_cannot_be_read_does_not_hold_up_the_others(office: Office) -> None:
    office.obey()
    office.case("A-1", due="2018-08-31")
    office.case("B-1", ZONE, due="2018-08-31")
    office.scan("2018-08-28 08:00")
    office.change("UPDATE cases SET state = 'nonsense' WHERE no = 'A-1'")
    office.tick("2018-08-28 09:10")
    assert office.sent() == ["周联络 wecom: B-1 remind"]


def test_the_campaign_has_gone(office: Office) -> None:
    released(office)
    office.obey(DUE, ("campaigns/panshi-2018.yaml", "id: panshi-2018", "id: other-2019"))
    office.tick()
    assert office.sent() == []
    assert office.items() == ["孙联络 A-1 remind dropped rule_gone"]


def test_a_message_already_handed_over_is_recorded_whatever_happens_then(office: Office) -> None:
    """The case is closed while the provider is busy: it was said, and nothing can take that back."""
    office.obey()
    office.case("A-1", due="2018-08-31")
    office.prepare("2018-08-28 09:10")
    office.wire.answers("wecom", lambda _message: office.close("A-1"))
    office.tick()
    assert office.items() == ["孙联络 A-1 remind said"]
    assert office.notices() == ["孙联络 wecom sent"]


def test_of_a_joined_leg_one_channel_says_it_while_the_other_finds_it_stale(office: Office) -> None:
    """By mail it is under way when the case is closed, by SMS it is dropped: it was said."""
    office.obey(
        DUE,
        ("ladders.yaml", "reminder:           {legs: [wecom, sms+email]}", "reminder: {legs: [email+sms]}"),
    )
    office.case("A-1", due="2018-08-31")
    office.prepare("2018-08-28 09:10")

    def meanwhile(_message: object) -> None:
        office.close("A-1")
        assert office.deliver_on("sms") == 0

    office.wire.answers("email", meanwhile)
    office.deliver_on("email")
    assert office.sent() == ["孙联络 email: A-1 remind"]
    assert office.deliveries() == ["email sent", "sms dropped"]
    assert office.notices() == ["孙联络 email+sms sent"]
    assert office.items() == ["孙联络 A-1 remind said"]


def test_what_one_channel_drops_another_may_have_said(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By SMS it is looked at, then dropped by mail, then sent, nobody knows: it comes back as a repeat."""
    office.obey(
        DUE,
        ("ladders.yaml", "reminder:           {legs: [wecom, sms+email]}", "reminder: {legs: [email+sms]}"),
    )
    office.case("A-1", due="2018-08-31")
    office.prepare("2018-08-28 09:10")
    judge, looks = Look.judge, count(1)

    def judge_slowly(look: Look, claimed: Claimed) -> Verdict:
        verdict = judge(look, claimed)
        if next(looks) == 1:
            office.happen("A-1", EventKind.SUBMITTED)
            office.deliver_on("email")
        return verdict

    office.wire.answers("sms", *[UnknownOutcomeError("no answer")] * 2)
    with monkeypatch.context() as patch:
        patch.setattr(Look, "judge", judge_slowly)
        office.deliver_on("sms")
    office.run("2018-08-28 09:20")
    assert office.items() == ["孙联络 A-1 remind dropped condition"]
    office.undo("A-1")
    office.tick()
    office.run("2018-08-28 12:00")
    assert "孙联络 sms!: A-1 remind" in office.sent()


@pytest.mark.parametrize("look_number", [1, 2])
def test_what_is_taken_back_while_a_worker_looks_is_said(
    office: Office, monkeypatch, look_number: int
) -> None:
    """He has seen the case submitted, and would drop what the undo finds not dropped yet.

    It comes after his first look, and is seen at the second; or it waits until he has dropped.
    """
    released(office)
    office.happen("A-1", EventKind.SUBMITTED)
    judge, looks = Look.judge, count(1)

    def judge_slowly(look: Look, claimed: Claimed) -> Verdict:
        verdict = judge(look, claimed)
        if next(looks) == look_number:
            undo()
        return verdict

    with meanwhile(lambda: office.undo("A-1")) as undo, monkeypatch.context() as patch:
        patch.setattr(Look, "judge", judge_slowly)
        office.deliver()
    office.tick()
    assert office.sent() == ["孙联络 wecom: A-1 remind"]


@pytest.mark.parametrize("event", [EventKind.MOVED, EventKind.SUSPENDED])
def test_the_undo_of_something_else_tells_no_signer_again(office: Office, event: EventKind) -> None:
    released(office, COPIED)
    office.sign("A-1", "孙联络")
    office.tick()
    more = {"unit": office.units[ZONE], "due": "2018-10-31"} if event is EventKind.MOVED else {}
    office.happen("A-1", event, **more)
    office.undo("A-1")
    office.tick()
    assert office.sent() == []


@pytest.mark.parametrize("event", [EventKind.MOVED, EventKind.SUSPENDED])
def test_who_had_signed_has_signed_once_a_new_round_is_undone(office: Office, event: EventKind) -> None:
    """A move, or a resumption, asks for signatures anew; its undo brings the former ones back."""
    office.obey(COPIED)
    office.case("A-1", due="2018-08-31")
    office.sign("A-1", "孙联络")
    if event is EventKind.MOVED:
        office.happen("A-1", event, unit=office.units[ZONE], due="2018-10-31")
    else:
        office.happen("A-1", event)
        office.happen("A-1", EventKind.RESUMED, due="2018-10-31")
        office.undo("A-1")
    office.undo("A-1")
    office.run("2018-08-28 12:00")
    assert office.sent() == []


def test_a_signature_taken_back_is_asked_for_again(office: Office) -> None:
    released(office, COPIED)
    office.sign("A-1", "孙联络")
    office.tick()
    assert office.sent() == []
    office.undo("A-1")
    office.tick()
    assert office.news() == ["孙联络 wecom: A-1 remind", "钱副镇长 wecom: A-1 remind"]
