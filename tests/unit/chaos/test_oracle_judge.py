"""What the oracle finds in what arrived, and what it lets pass."""

from __future__ import annotations

import ast
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.chaos import journal as j
from tests.chaos import oracle
from tests.chaos.oracle import UnsupportedError
from tests.unit.chaos.office import (
    DIRECTOR,
    DUE,
    HEAD,
    LIAISON,
    NEW_HEAD,
    OTHER_LIAISON,
    POSTS,
    TOWN,
    ZONE,
    Office,
    at,
    directory,
    on,
)

URGED_THEN_TOLD = (
    DUE.split("    rungs:")[0]
    + """    rungs:
      urged: {at: -3 workdays, act: urge, to: [unit.liaison]}
      told: {at: +1 workday, act: notice, to: [unit.liaison]}
"""
)
"""A weaker act after a stronger one."""


def told(office: Office) -> Office:
    """Let the three touches of a case due on 2018-08-31 arrive as they should."""
    office.said("case-due.remind", LIAISON, "2018-08-28 09:10")
    office.said("case-due.overdue", LIAISON, "2018-09-03 09:10")
    return office.said("case-due.head", HEAD, "2018-09-05 09:14")


def test_a_case_of_which_all_was_told_is_right() -> None:
    assert told(Office().case()).judged() == []


def test_a_lost_touch_is_found() -> None:
    office = Office().case().said("case-due.remind", LIAISON, "2018-08-28 09:10")
    found = [str(one) for one in office.said("case-due.head", HEAD, "2018-09-05 09:14").judged()]
    assert len(found) == 1
    assert found[0].startswith("lost: A-1 case-due.overdue for person 2 (to) never arrived")


CLOSED = "2018-08-30 10:00"
AFTER_THE_LOOK = "2018-09-03 08:00"


@pytest.mark.parametrize(
    ("kind", "office"),
    [
        (
            "not owed",
            Office().case().close("A-1", CLOSED).said("case-due.overdue", LIAISON, "2018-09-03 09:10"),
        ),
        (
            "stale",
            Office()
            .case()
            .close("A-1", AFTER_THE_LOOK)
            .said("case-due.overdue", LIAISON, "2018-09-03 09:10"),
        ),
        (
            "early",
            Office()
            .case()
            .happen("A-1", "extended", "2018-08-27 10:00", due="2018-09-14")
            .said("case-due.remind", LIAISON, "2018-08-28 09:10"),
        ),
        ("wrong person", Office().case().said("case-due.remind", OTHER_LIAISON, "2018-08-28 09:10")),
        (
            "wrong person",
            Office()
            .case()
            .seat(
                "2018-09-01 10:00",
                *(p for p in POSTS if p.person != HEAD),
                j.Post(NEW_HEAD, "unit.head", TOWN),
            )
            .said("case-due.head", HEAD, "2018-09-05 09:10"),
        ),
        ("early", Office().case().said("case-due.remind", LIAISON, "2018-08-27 09:10")),
        ("wrong day", Office().case().said("case-due.overdue", LIAISON, "2018-09-03 20:10")),
        ("not owed", Office().case().said("case-due.nonsense", LIAISON, "2018-09-03 09:10")),
        (
            "outranked",
            Office()
            .case()
            .said("case-due.head", LIAISON, "2018-09-05 09:10")
            .said("case-due.overdue", LIAISON, "2018-09-05 10:10"),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_must_not_arrive_is_found(kind: str, office: Office) -> None:
    assert kind in office.wrong()


def test_what_comes_too_late_is_found() -> None:
    office = Office().case().said("case-due.remind", LIAISON, "2018-08-29 09:10")
    assert office.wrong() == ["late"]


class TestFaults:
    """What a fault excuses, and what it does not."""

    def test_an_outage_delays_to_the_next_slot(self) -> None:
        office = Office().case().fault("valkey_stopped", "2018-08-28 08:00", "2018-08-28 16:00")
        assert office.said("case-due.remind", LIAISON, "2018-08-29 09:10").wrong() == []

    def test_one_that_is_over_before_the_slot_excuses_nothing(self) -> None:
        office = Office().case().fault("valkey_stopped", "2018-08-27 10:00", "2018-08-27 16:00")
        assert office.said("case-due.remind", LIAISON, "2018-08-29 09:10").wrong() == ["late"]

    @pytest.mark.parametrize(
        ("came", "until", "wrong"),
        [
            ("2018-08-28 10:10", "", []),
            ("2018-08-28 11:00", "", ["late"]),
            ("2018-08-28 17:17", "2018-08-28 17:17", []),
        ],
    )
    def test_what_an_undo_brings_back_soon_after_its_slot_leaves_at_once(
        self, came: str, until: str, wrong: list[str]
    ) -> None:
        undone = "2018-08-28 09:51"
        office = (
            Office().case().happen("A-1", "submitted", "2018-08-27 10:00").happen("A-1", "undone", undone)
        )
        office.tally = False
        office.said("case-due.remind", LIAISON, came, decided=undone)
        if until:
            office.fault("kill", "2018-08-28 09:17", target="scan-0")
            office.fault("room_away", undone, until, target="room")
            number = next(row.notice for row in office.rows if isinstance(row, j.Item))
            office.rows += [
                j.Attempt(90 + n, number or 0, "wecom", n, at(when), at(when), outcome, "sent")
                for n, (when, outcome) in enumerate([*[(undone, "unknown")] * 3, (came, "sent")], 1)
            ]
        assert [kind for kind in office.wrong() if kind == "late"] == wrong

    def test_what_an_outage_kept_until_it_was_closed_is_not_missed(self) -> None:
        office = Office().case().fault("kill", "2018-08-28 08:00", "2018-08-30 11:00").close("A-1", CLOSED)
        assert office.judged() == []

    @pytest.mark.parametrize(
        ("marked", "fault", "wrong"),
        [
            (True, True, []),
            (False, True, ["said twice"]),
            (True, False, ["repeated"]),
            (False, False, ["repeated", "said twice"]),
        ],
    )
    def test_a_repeat_is_marked_and_explained_by_a_fault(
        self, marked: bool, fault: bool, wrong: list[str]
    ) -> None:
        office = told(Office().case())
        if fault:
            office.fault("kill", "2018-08-28 09:10", target="work-0", seam="after_bytes", doubt=True)
        office.said("case-due.remind", LIAISON, "2018-08-28 09:11", repeat=marked)
        assert sorted(office.wrong()) == wrong

    @pytest.mark.parametrize(("slept", "missed"), [("scan-0", []), ("work-0", ["08-28 remind liaison"])])
    def test_a_scanner_that_slept_notes_when_it_fell_asleep(self, slept: str, missed: list[str]) -> None:
        """It is stopped before it reads, and finds the deadline that was set meanwhile."""
        asleep, awake = "2018-08-28 08:00", "2018-08-28 08:40"
        office = (
            Office().case(due="2018-09-28", when="2018-08-20").fault("pause", asleep, awake, target=slept)
        )
        office.happen("A-1", "due_set", "2018-08-28 08:30", due="2018-08-31").close("A-1", "2018-08-29 12:00")
        assert office.said("case-due.remind", LIAISON, "2018-08-28 09:10", decided=asleep).must() == missed

    @pytest.mark.parametrize(("tried", "wrong"), [("09:09", []), ("09:05", ["failed"])])
    def test_the_clock_may_move_on_between_its_reading_and_the_bytes(
        self, tried: str, wrong: list[str]
    ) -> None:
        office = told(Office().case()).fault("provider_5xx", "2018-08-28 09:10", target="wecom")
        item = next(row for row in office.rows if isinstance(row, j.Item))
        moment = at(f"2018-08-28 {tried}")
        office.rows.append(j.Attempt(90, item.notice or 0, "wecom", 1, moment, moment, "failed"))
        assert office.wrong() == wrong

    @pytest.mark.parametrize(("full", "wrong"), [("09:10", []), ("09:20", ["failed"])])
    def test_a_try_that_a_scanner_gave_back_by_an_old_clock_ended_no_earlier_than_it_began(
        self, full: str, wrong: list[str]
    ) -> None:
        office = told(Office().case()).fault("database_full", f"2018-08-28 {full}", target="database")
        item = next(row for row in office.rows if isinstance(row, j.Item))
        opened, closed = at("2018-08-28 09:10"), at("2018-08-27 17:34")
        office.rows.append(j.Attempt(90, item.notice or 0, "wecom", 1, opened, closed, "unknown"))
        assert office.wrong() == wrong

    @pytest.mark.parametrize(("since", "wrong"), [("2018-08-28 10:00", []), ("2018-08-27 10:00", ["failed"])])
    @pytest.mark.parametrize(
        ("kind", "target"), [("provider_killed", "sandbox"), ("provider_token", "wecom")], ids=str
    )
    def test_what_let_all_tokens_die_may_be_felt_later(
        self, kind: str, target: str, since: str, wrong: list[str]
    ) -> None:
        """Until it has taken something from anybody."""
        office = told(Office().case()).fault(kind, since, target=target)
        item = next(row for row in office.rows if isinstance(row, j.Item))
        moment = at("2018-08-30 10:00")
        office.rows.append(j.Attempt(90, item.notice or 0, "wecom", 1, moment, moment, "failed"))
        assert office.wrong() == wrong

    def test_what_the_provider_refused_has_not_arrived(self) -> None:
        office = Office().case().said("case-due.remind", LIAISON, "2018-08-28 09:10", taken=False)
        assert office.must()[0] == "08-28 remind liaison"


TARGETS: list[dict[str, object]] = [{"ladder": "case-due"}, {"unit": TOWN}, {"case": "A-1"}]
PERSON: dict[str, object] = {"person": LIAISON}
OTHERS: list[dict[str, object]] = [
    {"ladder": "case-assigned"},
    {"unit": ZONE},
    {"case": "A-2"},
    {"person": HEAD},
]


class TestMutes:
    """What was muted must not come, and is not missed; the rest is owed as ever."""

    @pytest.mark.parametrize("what", [*TARGETS, PERSON], ids=str)
    def test_what_is_muted_must_not_come_and_is_not_missed(self, what: dict[str, object]) -> None:
        office = Office().case().mute("2018-08-27 10:00", "2018-08-28", "2018-08-29", **what)
        assert office.must() == ["09-03 overdue liaison", "09-05 head head"]
        assert len(office.said("case-due.remind", LIAISON, "2018-08-28 09:10").wrong()) == 1

    @pytest.mark.parametrize("what", OTHERS, ids=str)
    def test_what_is_not_muted_must_come(self, what: dict[str, object]) -> None:
        office = Office().case().mute("2018-08-27 10:00", "2018-08-28", "2018-08-29", **what)
        assert office.must()[0] == "08-28 remind liaison"

    @pytest.mark.parametrize("what", [*TARGETS, PERSON], ids=str)
    def test_what_comes_after_one_that_was_ended_early_must_come(self, what: dict[str, object]) -> None:
        office = Office().case().mute("2018-08-27 10:00", "2018-08-28", "2018-09-30", **what)
        assert office.end_mute("2018-08-30 10:00").must() == ["09-03 overdue liaison", "09-05 head head"]

    @pytest.mark.parametrize("what", TARGETS, ids=str)
    def test_what_was_muted_stays_so_however_late_it_is_looked_at(self, what: dict[str, object]) -> None:
        office = Office().case().mute("2018-08-27 10:00", "2018-08-28", "2018-08-28", **what)
        assert office.said("case-due.remind", LIAISON, "2018-08-30 09:10").wrong()

    def test_the_mute_of_a_unit_goes_by_where_the_case_is(self) -> None:
        office = Office().case().mute("2018-08-21 10:00", "2018-08-21", "2018-09-30", unit=TOWN)
        office.happen("A-1", "moved", "2018-08-22 10:00", due="2018-08-31", unit=ZONE)
        assert office.must()[0] == "08-28 remind other-liaison"

    def test_what_is_decided_and_then_muted_must_not_leave(self) -> None:
        office = Office().case().mute("2018-08-28 08:00", "2018-08-28", "2018-08-28", unit=TOWN)
        assert office.said("case-due.remind", LIAISON, "2018-08-28 09:10").wrong() == ["stale"]


class TestPause:
    """Nothing leaves while delivery is paused; what was held comes after it."""

    def test_what_a_pause_held_comes_after_it(self) -> None:
        office = Office().case().pause("2018-08-28 08:00", "2018-08-29 10:00")
        assert office.said("case-due.remind", LIAISON, "2018-08-29 10:00").wrong() == []
        assert office.must() == ["09-03 overdue liaison", "09-05 head head"]

    def test_what_never_comes_after_it_is_lost(self) -> None:
        office = Office().case().pause("2018-08-28 08:00", "2018-08-29 10:00")
        assert len(office.must()) == 3

    def test_what_leaves_in_it_is_found(self) -> None:
        office = Office().case().pause("2018-08-28 08:00", "2018-08-29 10:00")
        came = at("2018-08-28 09:10")
        assert office.said("case-due.remind", LIAISON, "2018-08-28 09:10", wall=came).wrong() == ["paused"]


CLOSED_AT = at("2026-01-01 12:00")
"""By the wall clock; a reminder is on its way at the same office instant."""


def closed() -> Office:
    office = Office().case()
    for kind in ("submitted", "closed"):
        office.happen("A-1", kind, "2018-08-28 09:10", wall_before=CLOSED_AT, wall=CLOSED_AT)
    return office


@pytest.mark.parametrize(("seconds", "wrong"), [(-5, []), (5, []), (90, ["stale"])])
def test_a_closure_while_a_send_is_in_flight_counts_by_the_order_of_records(
    seconds: int, wrong: list[str]
) -> None:
    """Within one office instant the wall clock tells: a minute after the closure nothing may be sent."""
    office = closed()
    office.said("case-due.remind", LIAISON, "2018-08-28 09:10", wall=CLOSED_AT + timedelta(seconds=seconds))
    assert office.wrong() == wrong


@pytest.mark.parametrize(("real", "wrong"), [(2, []), (10, ["stale"])])
def test_clocks_that_were_put_forward_in_the_middle_of_a_send_do_not_count(
    real: int, wrong: list[str]
) -> None:
    """What is sent seconds after the clocks jumped may have been looked at before; later it must not."""
    office = closed()
    office.records.append(j.PutForward(CLOSED_AT, 65.0))
    office.said("case-due.remind", LIAISON, "2018-08-28 09:10", wall=CLOSED_AT + timedelta(seconds=65 + real))
    assert office.wrong() == wrong


@pytest.mark.parametrize(("passed", "showed"), [(1, -1), (3, -68), (5, -70), (7, -137), (9, -139)])
def test_what_the_clocks_skipped_did_not_pass(passed: int, showed: int) -> None:
    """Two skips of 65 seconds, two and six seconds ago, and one that is yet to come."""
    landed = (
        CLOSED_AT - timedelta(seconds=71),
        CLOSED_AT - timedelta(seconds=2),
        CLOSED_AT + timedelta(seconds=70),
    )
    skips = [j.PutForward(each - timedelta(seconds=65), 65.0) for each in landed]
    assert j.ago(CLOSED_AT, timedelta(seconds=passed), skips) == CLOSED_AT + timedelta(seconds=showed)


@pytest.mark.parametrize(("forward", "wrong"), [(True, []), (False, ["repeated"])])
def test_a_fault_that_was_noted_before_clocks_were_put_forward_explains_a_repeat(
    forward: bool, wrong: list[str]
) -> None:
    """It is noted when a message meets with it, a moment before its bytes are counted."""
    office, wall = Office().case(), at("2026-01-01 12:00")
    if forward:
        office.records.append(j.PutForward(wall + timedelta(seconds=0.1), 65.0))
    office.fault("timeout", "2018-08-28 09:10", target="wecom", doubt=True, wall=wall, wall_until=wall)
    for seconds, repeat in ((65.5, False), (70, True)):
        came = wall + timedelta(seconds=seconds)
        office.said("case-due.remind", LIAISON, "2018-08-28 09:10", wall=came, repeat=repeat)
    assert office.wrong() == wrong


def test_who_is_told_of_what_is_stuck() -> None:
    office = Office().case()
    row = j.Decided(1, "case", "A-1", "case-due", "remind", "", 1, "said", at("2018-08-28"), at("2018-08-28"))
    office.rows += [
        row,
        j.Item(2, 1, LIAISON, "unit.liaison", "to", "open", opened_at=at("2018-08-28 09:10")),
    ]
    office.rows += [j.Attempt(3, 9, "wecom", 1, at("2018-08-28 09:10"))]
    assert office.wrong() == ["stuck", "stuck"]


GAP = "1. 应发通知无人可收：head（1件）"


def test_what_two_undos_bring_back_is_each_of_its_own_deadline() -> None:
    """What is decided at the instant of an undo is of the deadline that it restores."""
    office = Office(DUE.partition("      head:")[0].replace("      remind:  {at: -3 workdays", "#"))
    office.case(due="2018-08-24").happen("A-1", "extended", "2018-08-21 10:00", due="2018-08-27")
    office.happen("A-1", "extended", "2018-08-21 11:00", due="2018-08-28")
    office.said("case-due.overdue", LIAISON, "2018-08-29 09:10", version=3)
    for day, following, version in (("08-29", "08-30", 2), ("08-30", "08-31", 1)):
        undone = f"2018-{day} 11:00"
        office.happen("A-1", "undone", undone)
        office.said("case-due.overdue", LIAISON, f"2018-{following} 09:10", decided=undone, version=version)
    assert office.judged() == []


def test_nothing_of_a_case_that_came_after_going_live_bears_the_mark() -> None:
    office = Office()
    office.records.append(j.WentLive(at("2018-08-10"), False, ()))
    office.case().said("case-due.remind", LIAISON, "2018-08-28 09:12", text="【演练】")
    assert office.wrong() == ["rehearsal"]


@pytest.mark.parametrize(
    ("state", "real", "wrong"),
    [("said", False, ["rehearsal"]), ("said", True, []), ("dropped", False, [])],
    ids=["it counts as said", "it is said for real", "there was nothing to say any more"],
)
def test_what_was_open_when_we_went_live_is_said_for_real(state: str, real: bool, wrong: list[str]) -> None:
    """Its ladder need not begin anew: nobody knew whether it had come, and there was no room to try again."""
    office = Office().case()
    office.records[0] = replace(office.records[0], rehearsal=True)
    office.said("case-due.remind", LIAISON, "2018-08-28 09:10", text="【演练】")
    office.records.append(j.WentLive(at("2018-08-28 12:00"), False, ()))
    if real:
        office.fault("provider_timeout", "2018-08-28 09:10", target="wecom", doubt=True)
        office.said("case-due.remind", LIAISON, "2018-08-29 09:10", repeat=True)
    office.rows = [replace(r, state=state) if isinstance(r, j.Item) else r for r in office.rows]
    assert [kind for kind in office.wrong() if kind == "rehearsal"] == wrong


@pytest.mark.parametrize(("live", "wrong"), [("09:10", ["rehearsal"]), ("09:12", [])])
def test_what_was_rehearsed_is_not_tried_again_once_we_are_live(live: str, wrong: list[str]) -> None:
    """Nobody knows of the first try, and its bytes are frozen: they were looked at in rehearsal."""
    office = Office().case()
    office.records[0] = replace(office.records[0], rehearsal=True)
    office.fault("provider_timeout", "2018-08-28 09:10", target="wecom", doubt=True)
    wall, anew = at("2026-11-24 12:00"), (j.Anew("case", "A-1", "case-due"),)  # all within a second
    office.said("case-due.remind", LIAISON, "2018-08-28 09:11", text="【演练】", repeat=True, wall=wall)
    office.records.append(j.WentLive(at(f"2018-08-28 {live}"), False, anew, wall_before=wall, wall=wall))
    item = next(row for row in office.rows if isinstance(row, j.Item))
    for number, outcome in enumerate(("unknown", "sent")):
        tried = at(f"2018-08-28 09:1{number}")
        office.rows.append(
            j.Attempt(80 + number, item.notice or 0, "wecom", number + 1, tried, tried, outcome)
        )
    assert [kind for kind in office.wrong() if kind == "rehearsal"] == wrong


def note(office: Office, when: str, text: str) -> Office:
    """Let the office's morning note arrive."""
    office.rows.append(j.Notice(99, DIRECTOR, "sent", "note", sent_at=at(when), text=text))
    office.records.append(j.Arrival(at(when), "wecom", f"w{DIRECTOR}", (), notice=99, text=text))
    return office


def test_the_doubt_about_a_repeat_is_that_of_the_notice_that_said_it() -> None:
    """By an undo the item belongs to another notice in the end."""
    office = Office().case().happen("A-1", "submitted", "2018-08-28 09:10:30")
    office.said("case-due.remind", LIAISON, "2018-08-28 09:12", repeat=True)
    moment, item = at("2018-08-28 09:10"), next(row for row in office.rows if isinstance(row, j.Item))
    assert item.notice
    office.rows.append(j.Attempt(90, item.notice, "wecom", 1, moment, moment, "unknown"))
    office.fault("provider_timeout", "2018-08-28 09:10", target="wecom", doubt=True)
    office.rows[office.rows.index(item)] = replace(item, notice=77)
    assert office.wrong() == []


@pytest.mark.parametrize(("lost", "skips", "missed"), [(4, 0, 1), (5, 0, 0), (4, 1, 0)])
def test_what_so_many_workers_were_lost_with_was_set_aside(lost: int, skips: int, missed: int) -> None:
    """One that works on while clocks are put forward has lost its lease too."""
    office, moment = Office().case(), at("2018-08-28 09:10")
    office.said("case-due.overdue", LIAISON, "2018-09-03 09:10").said(
        "case-due.head", HEAD, "2018-09-05 09:10"
    )
    day = at("2018-08-28")
    office.rows.append(j.Decided(80, "case", "A-1", "case-due", "remind", "", 1, "said", day, day, moment))
    office.rows.append(j.Item(81, 80, LIAISON, "unit.liaison", "to", "open", notice=82, opened_at=moment))
    office.rows.append(j.Notice(82, LIAISON, "failed", created_at=moment, ended_at=moment))
    wall = at("2026-01-01 12:00")
    for n in range(lost):
        office.fault(
            "kill", "2018-08-28 09:10", target="work-0", doubt=True, wall=wall + timedelta(minutes=n)
        )
    office.records += [j.PutForward(wall + timedelta(seconds=90), 65.0)] * skips
    assert len(office.must()) == missed


@pytest.mark.parametrize(("taken_over", "wrong"), [("2018-08-28", []), ("2018-08-27", ["late"])])
def test_what_is_decided_as_a_calendar_takes_over_may_go_by_the_former(
    taken_over: str, wrong: list[str]
) -> None:
    """By that its day was off, and it waits for the next."""
    ladder = DUE.replace("-3 workdays", "-3 days")
    office = Office(ladder, calendar="years: {2018: {off: [2018-08-28]}}").case().obey(taken_over, ladder)
    assert office.said("case-due.remind", LIAISON, "2018-08-29 09:10", decided="2018-08-28").wrong() == wrong


class TestCopies:
    """A copy goes with what it copies: while nobody holds that seat, it waits."""

    LADDER = "\n".join(DUE.splitlines()[:6]).replace("[unit.liaison]", "[unit.liaison], copy: [unit.head]")
    MISSED = "08-28 remind head"

    def vacant(self, came: str) -> Office:
        """Nobody holds the liaison's seat from before the day until the day after; then he is told."""
        office = Office(self.LADDER, seats=tuple(p for p in POSTS if p.person != LIAISON)).case()
        day = at("2018-08-28")
        office.rows.append(j.Decided(1, "case", "A-1", "case-due", "remind", "", 1, "said", day, day))
        office.rows.append(j.Gap(1, "to", 0, at("2018-08-28 09:10"), at("2018-08-29 09:00")))
        office.seat("2018-08-29 09:00", *POSTS)
        return office.said("case-due.remind", LIAISON, came, decided="2018-08-28") if came else office

    def test_it_must_come_beside_it(self) -> None:
        office = Office(self.LADDER).case().said("case-due.remind", LIAISON, "2018-08-28 09:10")
        assert office.must() == [self.MISSED]

    def test_it_is_not_missed_while_there_is_nothing_to_copy(self) -> None:
        assert self.MISSED not in self.vacant("").must()

    @pytest.mark.parametrize(
        ("copied", "wrong"), [("09:10", []), ("09:50", ["late"]), ("", ["lost"])], ids=str
    )
    def test_it_must_come_once_somebody_is_told(self, copied: str, wrong: list[str]) -> None:
        office = self.vacant("2018-08-29 09:10")
        if copied:
            office.said("case-due.remind", HEAD, f"2018-08-29 {copied}", decided="2018-08-28", part="copy")
        assert [v.kind for v in office.judged() if v.kind != "silent"] == wrong


class TestSeats:
    """Seats that were taken after the release, and what goes with what they brought."""

    SECOND = j.Post(NEW_HEAD, "unit.liaison", TOWN, since=on("2018-09-10"))

    def test_who_joins_a_holder_that_was_told_is_not_told_by_an_undo(self) -> None:
        """The case was assigned and suspended at one instant; the release came between the two."""
        ladder = DUE.split("    rungs:")[0].replace("from: due", "from: assigned")
        ladder += "    rungs:\n      told: {at: immediately, act: notice, to: [unit.liaison]}\n"
        start = "2018-08-20 10:00"
        office = Office(ladder, seats=(*POSTS, self.SECOND)).case(when=start)
        office.said("case-due.told", LIAISON, start, decided=start).happen("A-1", "suspended", start)
        office.happen("A-1", "undone", "2018-09-12 10:00").tally = False
        assert office.must() == []

    @pytest.mark.parametrize(("filled", "missed"), [("09:10", []), ("", ["09-03 told liaison"])])
    def test_the_stronger_that_waited_for_the_seat_speaks_for_the_weaker(
        self, filled: str, missed: list[str]
    ) -> None:
        office = Office(URGED_THEN_TOLD, seats=tuple(p for p in POSTS if p.person != LIAISON)).case(
            due="2018-08-31"
        )
        day, taken = at("2018-08-28"), at("2018-09-03 09:00")
        office.rows.append(j.Decided(1, "case", "A-1", "case-due", "urged", "", 1, "said", day, day))
        office.rows.append(j.Gap(1, "to", 0, at("2018-08-28 09:10"), taken if filled else None))
        office.seat("2018-09-03 09:00", *POSTS)
        if filled:
            office.said("case-due.urged", LIAISON, f"2018-09-03 {filled}", decided="2018-08-28")
        assert office.must() == missed


@pytest.mark.parametrize(("before", "missed"), [(False, []), (True, ["09-03 told liaison"])])
def test_the_stronger_that_an_undo_brought_back_speaks_for_the_weaker(
    before: bool, missed: list[str]
) -> None:
    """Unless he had been told it: then it does not come back."""
    office = Office(URGED_THEN_TOLD).case()
    if before:
        office.said("case-due.urged", LIAISON, "2018-08-28 09:10")
    office.happen("A-1", "submitted", "2018-08-28 09:05" if not before else "2018-08-28 10:00")
    office.happen("A-1", "undone", "2018-09-03 09:05").tally = False
    if not before:
        office.said("case-due.urged", LIAISON, "2018-09-03 09:10", decided="2018-08-28")
    assert office.must() == missed


@pytest.mark.parametrize(("came", "wrong"), [("2018-08-22 08:35", []), ("2018-08-22 09:00", ["late"])])
def test_what_was_let_go_on_a_day_off_may_meet_another(came: str, wrong: list[str]) -> None:
    """Monday was off until its own morning; then it was worked, and Tuesday off in its place."""
    ladder = DUE.replace("-3 workdays", "-11 workdays")
    office = Office(ladder, calendar="years: {2018: {off: [2018-08-20]}}").case(when="2018-08-10")
    office.obey("2018-08-20 09:30", ladder, calendar="years: {2018: {off: [2018-08-21]}}")
    office.said("case-due.remind", LIAISON, came, decided="2018-08-15")
    item = next(row for row in office.rows if isinstance(row, j.Item))
    office.records.append(j.LetGo(at("2018-08-20 08:40"), (item.notice or 0,), (item.id,)))
    assert office.wrong() == wrong


@pytest.mark.parametrize(("when", "wrong"), [("12:58", []), ("12:57", ["late"])])
def test_what_was_let_go_as_a_calendar_takes_over_may_go_by_the_former(when: str, wrong: list[str]) -> None:
    """Friday was off until noon, and what is let go on it leaves on Monday."""
    ladder = DUE.replace("-3 workdays", "-11 workdays")
    office = Office(ladder, calendar="years: {2018: {off: [2018-08-17]}}").case(when="2018-08-10")
    office.obey(f"2018-08-17 {when}", ladder)
    office.said("case-due.remind", LIAISON, "2018-08-20 08:35", decided="2018-08-16")
    item = next(row for row in office.rows if isinstance(row, j.Item))
    office.records.append(j.LetGo(at("2018-08-17 12:58"), (item.notice or 0,), (item.id,)))
    assert office.wrong() == wrong


@pytest.mark.parametrize(("failures", "wrong"), [(4, []), (0, ["silent"])])
def test_the_office_is_asked_at_once_but_for_the_pauses_between_tries(
    failures: int, wrong: list[str]
) -> None:
    """After four tries that failed the question comes 81 minutes later."""
    office, made = Office(), at("2018-08-28 08:30")
    office.rows.append(j.Notice(60, LIAISON, "dropped", "rungs", created_at=made))
    office.rows.append(j.Notice(61, DIRECTOR, "sent", "ask", created_at=made))
    for number, minute in enumerate(("08:30", "08:31", "08:36", "08:51")[:failures], 1):
        moment = at(f"2018-08-28 {minute}")
        office.fault("provider_5xx", f"2018-08-28 {minute}", target="wecom")
        office.rows.append(j.Attempt(70 + number, 61, "wecom", number, moment, moment, "failed"))
    office.records.append(j.Arrival(at("2018-08-28 09:51"), "wecom", f"w{DIRECTOR}", (), notice=61))
    office.records.append(j.Withdrawn(at("2018-08-28 10:00"), (60,), ()))
    assert office.wrong() == wrong


class TestSilence:
    """What reaches nobody is told to the office by the next morning."""

    def empty(self, *, gap: bool) -> Office:
        office = Office(seats=tuple(p for p in POSTS if p.person != HEAD)).case()
        office.said("case-due.remind", LIAISON, "2018-08-28 09:10")
        office.said("case-due.overdue", LIAISON, "2018-09-03 09:10")
        moment = at("2018-09-05")
        office.rows.append(j.Decided(50, "case", "A-1", "case-due", "head", "", 1, "said", moment, moment))
        if gap:
            office.rows.append(j.Gap(50, "to", 0, at("2018-09-05 09:10")))
        return office

    def test_nothing_says_so(self) -> None:
        assert self.empty(gap=False).wrong() == ["silent"]

    def test_the_office_was_not_told(self) -> None:
        assert self.empty(gap=True).wrong() == ["silent"]

    @pytest.mark.parametrize(
        ("text", "wrong"),
        [
            (GAP, []),
            ("1. 应发通知无人可收：letter（1件）", ["silent"]),
            ("1. 各渠道均未送达：head（1件）", ["silent"]),
            ("", ["silent"]),
        ],
        ids=["it is named", "another rung", "another trouble", "empty"],
    )
    def test_the_office_was_told_if_the_note_says_so(self, text: str, wrong: list[str]) -> None:
        assert note(self.empty(gap=True), "2018-09-06 09:10", text).wrong() == wrong

    @pytest.mark.parametrize(
        ("came", "wrong"), [("2018-09-12 09:10", []), ("2018-09-13 09:10", ["silent"])], ids=str
    )
    def test_who_takes_the_office_is_told_of_what_nobody_was(self, came: str, wrong: list[str]) -> None:
        office, nobody = self.empty(gap=True), tuple(p for p in POSTS if p.person not in (HEAD, DIRECTOR))
        office.seat("2018-09-05 18:00", *nobody)
        office.seat("2018-09-11 18:00", *nobody, j.Post(DIRECTOR, "office.director"))
        assert note(office, came, GAP).wrong() == wrong

    @pytest.mark.parametrize(("calendar", "wrong"), [("{}", ["silent"]), ("{2018: {off: [2018-09-06]}}", [])])
    def test_the_next_morning_may_be_made_a_day_off(self, calendar: str, wrong: list[str]) -> None:
        office = self.empty(gap=True).obey("2018-09-05 15:00", calendar=f"years: {calendar}")
        assert note(office, "2018-09-07 09:10", GAP).wrong() == wrong

    @pytest.mark.parametrize(("reach", "wrong"), [("e", ["silent"]), ("", [])])
    def test_whose_note_is_a_task_by_hand_has_been_told_if_no_other_way_was_left(
        self, reach: str, wrong: list[str]
    ) -> None:
        office = self.empty(gap=True)
        known = directory()
        persons = (replace(p, email=reach, wecom="") if p.id == DIRECTOR else p for p in known.people)
        began = office.records[0]
        assert isinstance(began, j.Began)
        office.records[0] = replace(began, directory=replace(known, people=tuple(persons)))
        moment = at("2018-09-06 09:10")
        office.rows.append(
            j.Notice(70, DIRECTOR, "manual", "note", created_at=moment, sent_at=moment, text=GAP)
        )
        assert office.wrong() == wrong


def test_a_tally_that_disagrees_with_the_events_is_found() -> None:
    office = told(Office().case())
    office.tally = False
    assert office.wrong() == ["tally"]


def test_a_letter_waits_for_approval_and_leaves_after_it() -> None:
    ladder = """
  case-due:
    about: case
    from: due
    rungs:
      letter: {at: +1 workday, act: supervision_letter, to: [unit.head]}
"""
    office = Office(ladder).case().said("case-due.letter", HEAD, "2018-09-04 10:00", channel="email")
    assert "unapproved" in office.wrong()
    item = next(row for row in office.rows if isinstance(row, j.Item))
    assert item.notice
    office.records.insert(-1, j.Approved(at("2018-09-04 09:50"), (item.notice,)))
    assert office.judged() == []


@pytest.mark.parametrize(
    "ladder",
    [
        DUE.replace("-3 workdays", '-3 workdays, every: "0 9 * * 1"'),
        DUE.replace("-3 workdays", "-3 workdays, was: earlier"),
        DUE.replace("-3 workdays", "-3 workdays, when: key"),
        DUE.replace("-3 workdays", "-3 workdays, when: case.no | length > 3"),
    ],
)
def test_what_it_does_not_know_it_does_not_guess(ladder: str) -> None:
    with pytest.raises(UnsupportedError):
        Office(ladder).case().judged()


def test_it_imports_nothing_of_the_service() -> None:
    for path in [Path(j.__file__), *Path(oracle.__file__).parent.glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = (
                    [node.module or ""] if isinstance(node, ast.ImportFrom) else [n.name for n in node.names]
                )
                assert not [n for n in names if n.split(".")[0] in ("daemon", "jobs", "chinese_calendar")], (
                    path
                )


def test_a_journal_is_read_as_it_was_written(tmp_path: Path) -> None:
    journal = told(Office().case(when="2018-08-20 10:00")).fault("kill", "2018-08-28 09:10").journal()
    path = tmp_path / "journal.jsonl"
    journal.write(path)
    assert j.read(path) == journal
    path.write_bytes(path.read_bytes()[:-9])
    assert j.read(path).records == journal.records[:-1]


def test_the_day_of_a_post_counts_whole() -> None:
    ends = tuple(replace(p, until=on("2018-09-05")) if p.person == HEAD else p for p in POSTS)
    assert told(Office(seats=ends).case()).judged() == []
