"""Budgets in the eyes of the oracle: nobody gets more than there is room for, and nothing is lost for it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.chaos import journal as j
from tests.unit.chaos.office import HEAD, LIAISON, Office, at

TOLD = """
  case-told:
    about: case
    from: assigned
    rungs:
      told: {at: immediately, act: notice, to: [unit.liaison]}
"""
"""Every case is told of as soon as it is assigned: by WeCom, else by e-mail."""
FORMAL = """
  case-raised:
    about: case
    from: assigned
    rungs:
      raised: {at: immediately, act: escalation, to: [unit.liaison]}
"""
BOTH = "{wecom: {day: 1}, email: {day: 1}}"
MONDAY, TUESDAY, WEDNESDAY = "2018-08-20", "2018-08-21", "2018-08-22"


def told(office: Office, no: str, when: str, came: str = "", channel: str = "wecom") -> Office:
    """Let a case be assigned, and told of at once, or when ``came`` says; not at all, where that is ``-``."""
    office.case(no, due=None, when=when)
    if came == "-":
        return office
    return office.said("case-told.told", LIAISON, came or when, no=no, channel=channel, decided=when)


def used_up(day: str = MONDAY) -> Office:
    """Return an office in which the liaison has had one message by each way to him on a morning."""
    office = told(Office(TOLD, budgets=BOTH), "A-1", f"{day} 09:00")
    return told(office, "A-2", f"{day} 10:00", channel="email")


def bundled(more: str = "", since: str = "2018-08-17") -> Office:
    """Return an office in which a case is told of again with the bundle of the next working day.

    On Monday there is no room for it.
    """
    later = TOLD.replace("case-told", "case-later").replace("immediately", "+1 workday") + more
    later = later.replace("about: case", "about: case\n    when: open and case.no == 'A-9'")
    office = told(Office(TOLD + later, budgets=BOTH), "A-9", f"{since} 10:00")
    return told(told(office, "A-1", f"{MONDAY} 08:40"), "A-2", f"{MONDAY} 08:41", channel="email")


class TestTooMuch:
    @pytest.mark.parametrize(
        ("budget", "second", "channel", "wrong"),
        [
            ("{wecom: {day: 1}}", f"{MONDAY} 11:00", "wecom", ["over budget"]),
            ("{wecom: {day: 1}}", f"{MONDAY} 11:00", "email", []),
            ("{wecom: {day: 1}}", f"{TUESDAY} 09:00", "wecom", []),
            ("{wecom: {day: 2}}", f"{MONDAY} 11:00", "wecom", []),
            ("{wecom: {day: 2, week: 1}}", f"{TUESDAY} 09:00", "wecom", ["over budget"]),
            ("{wecom: {week: 1}}", "2018-08-27 09:00", "wecom", []),  # the next Monday
            ("{sms: {day: 1}}", f"{MONDAY} 11:00", "wecom", []),
        ],
    )
    def test_more_than_a_day_or_a_week_has_room_for_is_found(
        self, budget: str, second: str, channel: str, wrong: list[str]
    ) -> None:
        office = told(Office(TOLD, budgets=budget), "A-1", f"{MONDAY} 10:00")
        assert told(office, "A-2", second, channel=channel).wrong() == wrong

    def test_of_short_messages_two_a_day_unless_the_rules_say_so(self) -> None:
        ladder = TOLD.replace("notice", "reminder")
        for budget, wrong in (("{}", ["over budget"]), ("{sms: {}}", [])):
            office = Office(ladder, budgets=budget)
            for hour in ("09", "10", "11"):
                told(office, f"A-{hour}", f"{MONDAY} {hour}:00", channel="sms")
            assert [kind for kind in office.wrong() if kind == "over budget"] == wrong

    def test_each_person_has_a_budget_of_his_own(self) -> None:
        ladder = TOLD.replace("[unit.liaison]", "[unit.liaison, unit.head]")
        office = told(Office(ladder, budgets="{wecom: {day: 1}}"), "A-1", f"{MONDAY} 10:00")
        assert (
            office.said("case-told.told", HEAD, f"{MONDAY} 10:00", decided=f"{MONDAY} 10:00").judged() == []
        )

    def test_the_same_bytes_again_are_no_message_more(self) -> None:
        office = told(Office(TOLD, budgets="{wecom: {day: 2}}"), "A-1", f"{MONDAY} 10:00")
        office.fault("kill", f"{MONDAY} 10:00", target="work-0", doubt=True)
        office.said("case-told.told", LIAISON, f"{MONDAY} 10:01", repeat=True)
        assert told(office, "A-2", f"{MONDAY} 11:00").judged() == []

    def test_they_count_from_the_first_try_that_did_not_surely_fail(self) -> None:
        office = told(Office(TOLD, budgets="{wecom: {week: 2}}"), "A-1", f"{MONDAY} 10:00", "-")
        office.fault("kill", f"{TUESDAY} 10:00", target="work-0", doubt=True)
        for minute, again in (("10:00", False), ("10:01", True)):
            office.said(
                "case-told.told", LIAISON, f"{TUESDAY} {minute}", decided=f"{MONDAY} 10:00", repeat=again
            )
        number = next(row.notice for row in office.rows if isinstance(row, j.Item))
        assert number
        office.rows.append(j.Notice(number, LIAISON, "sent", "rungs", created_at=at(f"{MONDAY} 10:00")))
        tries = ((f"{MONDAY} 10:00", "failed"), (f"{TUESDAY} 10:00", "unknown"), (f"{TUESDAY} 10:01", "sent"))
        for n, (when, outcome) in enumerate(tries, 1):
            office.rows.append(j.Attempt(90 + n, number, "wecom", n, at(when), at(when), outcome, "sent"))
        found = told(office, "A-2", f"{WEDNESDAY} 10:00").wrong()
        assert "over budget" not in found

    def test_what_is_marked_and_was_never_tried_counts_when_it_came(self) -> None:
        office = Office(TOLD, budgets=BOTH).case("A-1", due=None, when=f"{MONDAY} 10:00")
        office.said("case-told.told", LIAISON, f"{MONDAY} 10:01", repeat=True, decided=f"{MONDAY} 10:00")
        office.rows.append(j.Notice(1, LIAISON, "sent", "rungs", created_at=at(f"{MONDAY} 10:00")))
        assert told(office, "A-2", f"{MONDAY} 11:00", channel="email").wrong() == []

    def test_what_is_formal_leaves_all_the_same_and_counts(self) -> None:
        office = Office(FORMAL + TOLD.replace("wecom", "email"), budgets="{email: {day: 1}}")
        for no, hour in (("A-1", "10:00"), ("A-2", "11:00")):
            office.case(no, due=None, when=f"{MONDAY} {hour}")
            office.said("case-raised.raised", LIAISON, f"{MONDAY} {hour}", no=no, channel="email")
            office.said("case-told.told", LIAISON, f"{MONDAY} {hour}", no=no)
        assert office.wrong() == []
        told(office, "A-3", f"{MONDAY} 12:00", channel="email")
        assert office.wrong() == ["over budget", "passed over"]

    def test_what_speaks_to_the_office_of_trouble_leaves_all_the_same(self) -> None:
        office = told(Office(TOLD, budgets="{wecom: {day: 1}}"), "A-1", f"{MONDAY} 10:00")
        office.rows.append(j.Notice(90, LIAISON, "sent", "note", sent_at=at(f"{MONDAY} 11:00")))
        office.records.append(j.Arrival(at(f"{MONDAY} 11:00"), "wecom", f"w{LIAISON}", (), notice=90))
        assert office.judged() == []


class TestDelay:
    """What found no room comes when there is room, and only that is an excuse."""

    @pytest.mark.parametrize(
        ("came", "wrong", "missed"),
        [
            (f"{TUESDAY} 08:35", [], 0),
            (f"{MONDAY} 14:00", ["over budget"], 0),
            (f"{TUESDAY} 10:00", ["late"], 0),
            (f"{WEDNESDAY} 08:35", ["late"], 0),
            ("-", [], 1),
        ],
    )
    def test_what_found_no_room_comes_on_the_next_working_day(
        self, came: str, wrong: list[str], missed: int
    ) -> None:
        office = told(used_up(), "A-3", f"{MONDAY} 11:00", came)
        assert (office.wrong(), len(office.must())) == (wrong, missed)

    @pytest.mark.parametrize(
        ("came", "wrong"),
        [(f"{TUESDAY} 09:10", []), (f"{TUESDAY} 09:40", ["late"]), (f"{WEDNESDAY} 09:10", ["late"])],
    )
    def test_what_goes_by_bundles_comes_with_the_next(self, came: str, wrong: list[str]) -> None:
        office = bundled()
        assert office.said("case-later.told", LIAISON, came, no="A-9", decided=MONDAY).wrong() == wrong

    def test_a_message_out_of_which_it_fell_is_anothers(self) -> None:
        """The deadline was set anew while it was on its way with what used up the budget."""
        office = bundled().said("case-later.told", LIAISON, f"{TUESDAY} 09:10", no="A-9", decided=MONDAY)
        others = next(row.notice for row in office.rows if isinstance(row, j.Item) and row.id > 2)
        mine = next(row for row in office.rows if isinstance(row, j.Decided) and row.ladder == "case-later")
        office.rows.append(
            j.Item(95, mine.id, LIAISON, "unit.liaison", "to", "dropped", "anchor_moved", notice=others)
        )
        assert office.wrong() == []

    @pytest.mark.parametrize(
        ("came", "wrong"),
        [(f"{MONDAY} 09:10", ["over budget"]), (f"{TUESDAY} 09:10", []), (f"{WEDNESDAY} 09:10", ["late"])],
    )
    def test_what_was_let_go_on_a_saturday_finds_no_room_at_all_on_monday(
        self, came: str, wrong: list[str]
    ) -> None:
        """Neither when the window opens nor with that day's bundle."""
        office = bundled(since="2018-08-16")
        office.said("case-later.told", LIAISON, came, no="A-9", decided="2018-08-17 09:10")
        item = next(row for row in reversed(office.rows) if isinstance(row, j.Item))
        office.records.append(j.LetGo(at("2018-08-18 14:00"), (item.notice or 0,), (item.id,)))
        assert office.wrong() == wrong

    @pytest.mark.parametrize(("second", "missed"), [("+2 workdays", 0), ("+5 workdays", 1)])
    def test_a_stronger_one_that_comes_while_it_waits_speaks_for_it(self, second: str, missed: int) -> None:
        office = bundled(f"      urged: {{at: {second}, act: urge, to: [unit.liaison]}}\n")
        office.end = at(f"{WEDNESDAY} 20:00")
        if not missed:
            office.said("case-later.urged", LIAISON, f"{TUESDAY} 09:10", no="A-9")
        assert (len(office.must()), office.wrong()) == (missed, [])

    def test_a_week_that_is_used_up_is_waited_for(self) -> None:
        budgets = "{wecom: {week: 1}, email: {week: 1}}"
        office = told(Office(TOLD, budgets=budgets), "A-1", f"{MONDAY} 10:00")
        told(office, "A-2", f"{TUESDAY} 10:00", channel="email")
        told(office, "A-3", f"{WEDNESDAY} 10:00", "2018-08-27 08:35")
        assert office.judged() == []

    @pytest.mark.parametrize(("lost", "wrong"), [(5, []), (4, ["late"])])
    def test_a_way_that_cost_workers_has_no_room_either(self, lost: int, wrong: list[str]) -> None:
        office = told(Office(TOLD, budgets=BOTH), "A-1", f"{MONDAY} 09:00")
        for _ in range(lost):
            office.fault("kill", f"{MONDAY} 11:00", target="work-0", doubt=True)
        assert told(office, "A-3", f"{MONDAY} 11:00", f"{TUESDAY} 08:35").wrong() == wrong

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("2018-08-20 09:00", "-"),  # one of two ways is free
            ("2018-08-20 14:00", "2018-08-20 15:00"),  # used up only later
            ("2018-08-17 09:00", "2018-08-17 10:00"),  # on another day
        ],
    )
    def test_no_delay_is_excused_while_there_is_room(self, first: str, second: str) -> None:
        office = told(Office(TOLD, budgets=BOTH), "A-1", first)
        if second != "-":
            told(office, "A-2", second, channel="email")
        assert told(office, "A-3", f"{MONDAY} 11:00", f"{TUESDAY} 08:35").wrong() == ["late"]

    def test_the_budget_of_another_is_no_excuse(self) -> None:
        ladder = TOLD + TOLD.replace("case-told", "case-head").replace("unit.liaison", "unit.head")
        office = Office(ladder, budgets=BOTH)
        for no, hour, channel in (("A-1", "09:00", "wecom"), ("A-2", "10:00", "email")):
            told(office, no, f"{MONDAY} {hour}", channel=channel)
        office.case("A-3", due=None, when=f"{MONDAY} 11:00")
        office.said("case-head.told", HEAD, f"{TUESDAY} 08:35", no="A-3", decided=f"{MONDAY} 11:00")
        assert office.wrong() == ["late"]

    def test_what_is_formal_does_not_wait(self) -> None:
        office = Office(FORMAL, budgets="{email: {day: 1}}")
        for no, hour in (("A-1", "10:00"), ("A-2", "11:00")):
            office.case(no, due=None, when=f"{MONDAY} {hour}")
        office.said("case-raised.raised", LIAISON, f"{MONDAY} 10:00", channel="email")
        office.said("case-raised.raised", LIAISON, f"{TUESDAY} 08:35", no="A-2", channel="email")
        assert office.wrong() == ["late"]

    @pytest.mark.parametrize(
        ("came", "wrong", "missed"),
        [(f"{TUESDAY} 10:00", [], 0), ("", [], 1), (f"{TUESDAY} 11:00", ["late"], 0)],
    )
    def test_what_was_taken_away_while_it_waited_comes_back_by_an_undo(
        self, came: str, wrong: list[str], missed: int
    ) -> None:
        office = told(used_up(), "A-3", f"{MONDAY} 11:00", "-").happen("A-3", "submitted", f"{MONDAY} 15:00")
        office.happen("A-3", "undone", f"{TUESDAY} 10:00").tally = False
        if came:
            office.said("case-told.told", LIAISON, came, no="A-3", decided=f"{MONDAY} 11:00")
        found = [kind for kind in office.wrong() if kind != "tally"]
        assert (found, len(office.must())) == (wrong, missed)

    def test_what_is_closed_while_it_waits_is_not_missed(self) -> None:
        office = told(used_up(), "A-3", f"{MONDAY} 11:00", "-")
        assert office.close("A-3", f"{MONDAY} 15:00").judged() == []


class TestWays:
    """A way to a person is left out only if it was tried, is not his, or is used up."""

    def test_a_way_with_room_must_be_tried(self) -> None:
        office = told(Office(TOLD, budgets=BOTH), "A-1", f"{MONDAY} 10:00", channel="email")
        assert office.wrong() == ["passed over"]

    def test_one_that_failed_need_not_be_tried_again(self) -> None:
        office = told(Office(TOLD, budgets=BOTH), "A-1", f"{MONDAY} 10:00", channel="email")
        item = next(row for row in office.rows if isinstance(row, j.Item))
        assert item.notice
        moment = at(f"{MONDAY} 10:00")
        office.rows.append(j.Attempt(90, item.notice, "wecom", 1, moment, moment, "refused"))
        assert office.fault("provider_refused", f"{MONDAY} 10:00", target="wecom").wrong() == []

    @pytest.mark.parametrize(
        ("outcome", "state", "wrong"),
        [("unknown", "failed", []), ("failed", "ready", []), ("refused", "failed", ["passed over"])],
    )
    def test_a_try_uses_up_room_unless_it_surely_failed_and_none_follows(
        self, outcome: str, state: str, wrong: list[str]
    ) -> None:
        office = told(Office(TOLD, budgets="{wecom: {day: 1}}"), "A-1", f"{MONDAY} 10:00", channel="email")
        office.fault("provider_timeout", f"{MONDAY} 09:00", target="wecom", doubt=True)
        tried = at(f"{MONDAY} 09:00")
        ended = tried + timedelta(minutes=1)
        office.rows.append(j.Notice(80, LIAISON, "sent"))
        office.rows.append(j.Attempt(90, 80, "wecom", 1, tried, ended, outcome, delivery_state=state))
        assert office.wrong() == wrong


@pytest.mark.parametrize(
    ("strong", "minute", "wrong"),
    [
        ("urge", "10:01", ["weaker first"]),
        ("notice", "10:01", []),
        ("urge", "10:00", []),  # a case was entered then: there may have been a release before, and one after
    ],
)
def test_of_two_that_want_one_channel_at_once_the_stronger_has_it(
    strong: str, minute: str, wrong: list[str]
) -> None:
    """A reminder came by WeCom, and what was made with it waits for the next day."""
    ladder = TOLD.replace("act: notice", "act: reminder") + TOLD.replace("case-told", "case-urged").replace(
        "notice", strong
    )
    office, made = Office(ladder, budgets="{wecom: {day: 1}, email: {day: 1}}"), at(f"{MONDAY} {minute}")
    told(office, "A-1", f"{MONDAY} 10:00", f"{MONDAY} {minute}")
    reminder = next(row for row in office.rows if isinstance(row, j.Item))
    assert reminder.notice
    office.said("case-urged.told", LIAISON, f"{TUESDAY} 08:35")
    office.rows.append(j.Notice(reminder.notice, LIAISON, "sent", act="reminder", created_at=made))
    other = j.Notice(77, LIAISON, "dropped", act=strong, created_at=made, ended_at=made, reason="over_budget")
    office.rows.append(other)
    assert [kind for kind in office.wrong() if kind == "weaker first"] == wrong
