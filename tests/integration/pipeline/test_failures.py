"""Providers fail in two ways, and sometimes nobody knows: what is tried next, and what is told then."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daemon import acts, clock
from daemon.domain.case import EventKind
from daemon.errors import DeliveryError, RefusedError, UnknownOutcomeError
from daemon.loop import tick
from daemon.store import deliveries, tables
from daemon.store.engine import reading
from daemon.sweep import sweep
from tests.integration.office import DUE, TOWN, Office

GONE = DeliveryError("这个号码不存在", code="1001", permanent=True)
BUSY = DeliveryError("系统忙", code="-1")
LIMIT = DeliveryError("超过每日上限", code="45009", later=True)
SILENCE = UnknownOutcomeError("no answer")
WECOM = "wecom: {provider: spool"


def released(office: Office, *changes: tuple[str, str, str], legs: str = "") -> Office:
    """One reminder, ready to be sent at 2018-08-28 09:10, by WeCom first; else by mail and SMS together."""
    if legs:
        changes = (
            ("ladders.yaml", "reminder:           {legs: [wecom, sms+email]}", f"reminder: {{legs: {legs}}}"),
        )
    office.obey(DUE, *changes)
    office.case("A-1", due="2018-08-31")
    office.scan()
    return office.prepare("2018-08-28 09:10")


def on_unknown(policy: str) -> tuple[str, str, str]:
    return ("channels.yaml", WECOM, f"{WECOM}, on_unknown: {policy}")


def next_tries(office: Office) -> list[str]:
    """Return when what is ready leaves, like ``wecom 09:11``."""
    ready = [row for row in office.rows(tables.deliveries) if row.state == "ready"]
    zone = office.now.tzinfo
    return [f"{row.channel} {row.next_attempt_at.astimezone(zone):%m-%d %H:%M}" for row in ready]


class TestDefinite:
    def test_a_permanent_failure_goes_on_to_the_next_leg_at_once(self, office: Office) -> None:
        released(office)
        office.wire.answers("wecom", GONE)
        office.tick()
        assert office.news() == ["孙联络 email: A-1 remind", "孙联络 sms: A-1 remind"]
        assert sorted(office.attempts()) == ["email 1 sent", "sms 1 sent", "wecom 1 refused"]
        refused = office.rows(tables.attempts)[0]
        assert (refused.code, refused.message) == ("1001", "这个号码不存在")

    def test_after_the_last_leg_the_office_is_given_the_task(self, office: Office) -> None:
        released(office)
        for channel in ("wecom", "sms", "email"):
            office.wire.answers(channel, GONE)
        office.tick()
        assert office.notices() == ["孙联络 manual manual"]
        assert office.items() == ["孙联络 A-1 remind open"], "given to the office is not yet said"
        acts.done(office.engine, 1, "冯值班", office.now)
        assert office.notices() == ["孙联络 manual done"]
        assert office.items() == ["孙联络 A-1 remind said"]
        with pytest.raises(RefusedError, match="不是待办的人工任务"):
            acts.done(office.engine, 1, "冯值班", office.now)

    def test_who_has_no_channel_at_all_is_the_offices_task_from_the_start(self, office: Office) -> None:
        office.obey()
        office.leave("孙联络", "2018-08-16")
        office.hire(TOWN, "联络员", "何联络", reach="")
        office.case("A-1", due="2018-08-31")
        office.tick("2018-08-28 09:10")
        assert office.notices() == ["何联络 manual manual"]
        assert office.sent() == ["何联络 manual: A-1 remind"]

    @pytest.mark.parametrize(
        ("reach", "told"), [("email wecom", ["wecom"]), ("phone email", ["email", "sms"]), ("phone", ["sms"])]
    )
    def test_a_leg_is_passed_over_where_the_person_lacks_the_channel(
        self, office: Office, reach: str, told: list[str]
    ) -> None:
        office.obey()
        office.leave("孙联络", "2018-08-16")
        office.hire(TOWN, "联络员", "何联络", reach=reach)
        office.case("A-1", due="2018-08-31")
        office.tick("2018-08-28 09:10")
        assert sorted(handed.channel for handed in office.wire.taken) == told

    def test_a_passing_failure_is_tried_again_later_and_later(self, office: Office) -> None:
        released(office)
        office.wire.answers("wecom", *[BUSY] * 5)
        waits = []
        for _ in range(5):
            office.deliver()
            due = office.rows(tables.deliveries)[0].next_attempt_at
            waits.append((due - office.now) // timedelta(minutes=1))
            office.now = due
        assert waits == [1, 5, 15, 60, 240]
        office.deliver()
        assert office.sent() == ["孙联络 wecom: A-1 remind"]

    def test_and_at_last_the_next_leg(self, office: Office) -> None:
        released(office)
        office.wire.answers("wecom", *[BUSY] * 6)
        office.run("2018-08-29 12:00")
        assert office.news() == ["孙联络 email: A-1 remind", "孙联络 sms: A-1 remind"]
        assert office.attempts().count("wecom 6 failed") == 1

    def test_each_new_try_says_how_things_stand_then(self, office: Office) -> None:
        """A definite failure thaws the text; another case is extended meanwhile."""
        office.obey()
        office.case("A-1", due="2018-08-31")
        office.case("A-2", due="2018-08-31")
        office.prepare("2018-08-28 09:10")
        office.wire.answers("wecom", BUSY)
        office.deliver()
        office.extend("A-2", "2018-12-31")
        office.later(minutes=1).deliver()
        assert office.tried() == ["孙联络 wecom: A-1 remind, A-2 remind", "孙联络 wecom: A-1 remind"]
        first, second = (handed.message for handed in office.wire.tried)
        assert first.key != second.key
        assert not second.repeat
        assert "A-2" not in str(second.content)

    def test_a_daily_limit_waits_for_tomorrow(self, office: Office) -> None:
        released(office)
        office.wire.answers("wecom", LIMIT)
        office.deliver()
        assert next_tries(office)[0] < "wecom 08-29 08:40"
        assert next_tries(office)[0] >= "wecom 08-29 08:30"
        office.run("2018-08-29 12:00")
        assert office.sent() == ["孙联络 wecom: A-1 remind"]

    def test_nobody_is_woken_at_night_by_a_second_try(self, office: Office) -> None:
        released(office)
        office.wire.answers("wecom", *[BUSY] * 3)
        office.at("2018-08-28 17:29").deliver()
        office.run("2018-08-29 12:00")
        times = {
            f"{row.opened_at.astimezone(office.now.tzinfo):%d %H}" for row in office.rows(tables.attempts)
        }
        assert times <= {"28 17", "29 08", "29 09"}
        assert office.sent() == ["孙联络 wecom: A-1 remind"]


class TestUnknown:
    def test_the_same_bytes_are_sent_once_more_marked(self, office: Office) -> None:
        released(office)
        office.wire.answers("wecom", SILENCE)
        office.deliver()
        assert office.attempts() == ["wecom 1 unknown"]
        office.close("A-1")  # frozen bytes are not looked at again
        office.later(minutes=1).deliver()
        first, second = (handed.message for handed in office.wire.tried)
        assert (first.key, first.content, first.address) == (second.key, second.content, second.address)
        assert (first.repeat, second.repeat) == (False, True)
        assert office.attempts() == ["wecom 1 unknown", "wecom 2 sent"]
        assert [row.repeat for row in office.rows(tables.attempts)] == [False, True]
        assert office.notices() == ["孙联络 wecom sent"]
        assert office.items() == ["孙联络 A-1 remind said"]

    def test_and_then_the_next_leg(self, office: Office) -> None:
        released(office)
        office.wire.answers("wecom", SILENCE, SILENCE)
        office.run("2018-08-28 12:00")
        assert office.tried()[:2] == ["孙联络 wecom: A-1 remind", "孙联络 wecom!: A-1 remind"]
        assert office.news() == ["孙联络 email: A-1 remind", "孙联络 sms: A-1 remind"]

    def test_the_next_leg_marks_what_an_earlier_one_may_have_said_over_the_same_channel(
        self, office: Office
    ) -> None:
        released(office, legs="[email, sms+email]")
        office.wire.answers("email", SILENCE, SILENCE)
        office.run("2018-08-28 12:00")
        assert office.tried()[:2] == ["孙联络 email: A-1 remind", "孙联络 email!: A-1 remind"]
        assert office.news() == ["孙联络 email!: A-1 remind", "孙联络 sms: A-1 remind"]

    def test_what_comes_back_by_an_undo_says_that_an_earlier_notice_may_have_said_it(
        self, office: Office
    ) -> None:
        """It fell out of the notice that nobody knows of; the notice that it comes back in is another."""
        released(office, legs="[email, wecom]")
        office.wire.answers("email", SILENCE, SILENCE)
        office.deliver_on("email")
        office.later(minutes=1).deliver_on("email")
        office.happen("A-1", EventKind.SUBMITTED)
        office.deliver_on("wecom")
        assert office.items() == ["孙联络 A-1 remind dropped condition"]
        office.undo("A-1")
        office.tick()
        assert office.sent() == ["孙联络 email!: A-1 remind"]

    def test_what_fell_out_before_any_try_is_no_repeat_when_it_comes_back(self, office: Office) -> None:
        released(office)
        office.happen("A-1", EventKind.SUBMITTED)
        office.deliver()
        office.undo("A-1")
        office.tick()
        assert office.sent() == ["孙联络 wecom: A-1 remind"]

    def test_a_definite_failure_of_the_repeat_keeps_the_bytes(self, office: Office) -> None:
        released(office)
        office.wire.answers("wecom", SILENCE, BUSY)
        office.run("2018-08-28 12:00")
        assert len({handed.message.key for handed in office.wire.tried}) == 1
        assert office.sent() == ["孙联络 wecom!: A-1 remind"]

    def test_on_unknown_next(self, office: Office) -> None:
        released(office, on_unknown("next"))
        office.wire.answers("wecom", SILENCE)
        office.tick()
        assert office.tried()[0] == "孙联络 wecom: A-1 remind"
        assert office.news() == ["孙联络 email: A-1 remind", "孙联络 sms: A-1 remind"]

    def test_on_unknown_hold(self, office: Office) -> None:
        released(office, on_unknown("hold"))
        office.wire.answers("wecom", SILENCE)
        office.run("2018-08-28 18:00")
        assert office.sent() == []
        assert office.notices() == ["孙联络 wecom failed"]
        assert office.notice_rows()[0].reason["code"] == "unknown"
        office.run("2018-08-29 12:00")
        assert office.sent() == ["冯值班 wecom: note"], "a person decides"

    def test_a_task_for_the_office_outlasts_the_deaths_of_workers(self, office: Office) -> None:
        office.obey()
        office.leave("孙联络", "2018-08-16")
        office.hire(TOWN, "联络员", "何联络", reach="")
        office.case("A-1", due="2018-08-31")
        office.scan()
        office.prepare("2018-08-28 09:10")
        office.wire.answers("manual", *[killed] * 3)
        for _ in range(3):
            with pytest.raises(Killed):
                office.deliver_on("manual")
            office.wall_time_passes()
            sweep(office.engine, office.now)
            office.later(minutes=1)
        office.tick()
        assert office.notices() == ["何联络 manual manual"]

    def test_what_is_given_back_together_is_so_in_one_order(self, office: Office) -> None:
        """Two sweeps that lock the same rows in two orders wait for each other, until one is thrown out."""
        released(office, legs="[email+sms]")
        for channel in ("sms", "email"):  # the second lease runs out first
            office.wire.answers(channel, killed)
            with pytest.raises(Killed):
                office.deliver_on(channel)
        office.wall_time_passes()
        with reading(office.engine) as connection:
            assert [claimed.id for claimed, _ in deliveries.expired(connection, clock.wall())] == [1, 2]

    @pytest.mark.parametrize(("policy", "tries"), [("resend", 2), ("next", 1), ("hold", 1)])
    def test_a_worker_that_dies_at_it_each_time_leaves_the_same(
        self, office: Office, policy: str, tries: int
    ) -> None:
        """The lease runs out with the try under way: an unknown outcome like any other."""
        released(office, on_unknown(policy))
        office.wire.answers("wecom", *[killed] * 9)
        for _ in range(4):
            with pytest.raises(Killed):
                office.deliver_on("wecom")
            office.wall_time_passes()
            sweep(office.engine, office.now)
            office.later(minutes=1)
            if not office.ready("wecom"):
                break
            if len(office.wire.tried) == tries:
                office.deliver_on("wecom")
                break
        assert len(office.wire.tried) == tries
        assert office.attempts()[:tries] == [f"wecom {n} unknown" for n in range(1, tries + 1)]
        office.tick()
        expected = [] if policy == "hold" else ["孙联络 email: A-1 remind", "孙联络 sms: A-1 remind"]
        assert office.news() == expected

    def test_a_channel_that_breaks_in_our_own_code_is_unknown_too(self, office: Office) -> None:
        released(office)
        office.wire.answers("wecom", KeyError("errcode"))
        office.tick()
        assert office.attempts() == ["wecom 1 unknown"]


class Killed(BaseException):
    """The worker is gone."""


def killed(_message: object) -> None:
    raise Killed


class TestJoinedLegs:
    """``sms+email``: both are sent; one that arrives is enough."""

    def test_both_are_sent(self, office: Office) -> None:
        released(office, legs="[sms+email, wecom]").tick()
        assert office.news() == ["孙联络 email: A-1 remind", "孙联络 sms: A-1 remind"]
        assert office.notices() == ["孙联络 sms+email sent"]

    @pytest.mark.parametrize("failing", ["sms", "email"])
    def test_one_that_arrives_is_enough(self, office: Office, failing: str) -> None:
        released(office, legs="[sms+email, wecom]")
        office.wire.answers(failing, GONE)
        office.tick()
        assert [handed.channel for handed in office.wire.taken] == [{"sms": "email", "email": "sms"}[failing]]
        assert office.notices() == ["孙联络 sms+email sent"]
        assert office.items() == ["孙联络 A-1 remind said"]

    def test_both_fail(self, office: Office) -> None:
        released(office, legs="[sms+email, wecom]")
        office.wire.answers("sms", GONE)
        office.wire.answers("email", GONE)
        office.tick()
        assert office.news() == ["孙联络 wecom: A-1 remind"]
        assert sorted(office.deliveries()) == ["email failed", "sms failed", "wecom sent"]

    def test_one_waits_to_be_tried_again_and_holds_the_next_leg_back(self, office: Office) -> None:
        released(office, legs="[sms+email, wecom]")
        office.wire.answers("sms", GONE)
        office.wire.answers("email", BUSY)
        office.tick()
        assert office.sent() == []
        office.run("2018-08-28 09:12")
        assert office.news() == ["孙联络 email: A-1 remind"]

    def test_hold_on_one_takes_nothing_from_the_other(self, office: Office) -> None:
        released(
            office,
            on_unknown("hold"),
            (
                "ladders.yaml",
                "reminder:           {legs: [wecom, sms+email]}",
                "reminder: {legs: [email+wecom]}",
            ),
        )
        office.wire.answers("wecom", SILENCE)
        office.deliver_on("email")
        office.deliver_on("wecom")
        assert office.notices() == ["孙联络 email+wecom sent"]

    def test_a_channel_that_the_rules_no_longer_have_is_no_way(self, office: Office) -> None:
        released(office)
        ready = office.ready("wecom")
        channels = office.wire.channels
        office.deliverer.channels = lambda rules: {n: c for n, c in channels(rules).items() if n != "wecom"}
        office.deliver_on("wecom", ready)
        assert office.attempts() == ["wecom 1 refused"]
        office.tick()
        assert office.news() == ["孙联络 email: A-1 remind", "孙联络 sms: A-1 remind"]


WITHOUT_WECOM = (
    ("channels.yaml", "  wecom: {provider: spool}\n", ""),
    ("ladders.yaml", "[wecom, sms+email]", "[sms+email]"),
    ("ladders.yaml", "[wecom, email]", "[email]"),
    ("ladders.yaml", "[sms+email, wecom]", "[sms+email]"),
    ("ladders.yaml", "[email+wecom]", "[email]"),
)


class TestStruckChannel:
    """The rules lose a channel while something is ready on it."""

    def test_the_next_leg_is_taken_although_no_worker_listens(self, office: Office) -> None:
        released(office)
        assert office.deliveries() == ["wecom ready"]
        office.obey(DUE, *WITHOUT_WECOM)
        heard: list[str] = []
        tick(office.engine, office.rules, lambda channel, _: heard.append(channel), office.now)
        assert sorted(heard) == ["email", "sms"]
        assert sorted(office.deliveries()) == ["email ready", "sms ready", "wecom failed"]

    def test_what_waits_there_for_its_next_try_goes_on_when_it_is_due(self, office: Office) -> None:
        released(office)
        office.wire.answers("wecom", BUSY)
        office.deliver()
        office.obey(DUE, *WITHOUT_WECOM)
        office.tick()
        assert office.news() == []
        office.tick("2018-08-28 09:11")
        assert office.news() == ["孙联络 email: A-1 remind", "孙联络 sms: A-1 remind"]

    def test_after_the_last_leg_the_office_is_given_the_task(self, office: Office) -> None:
        released(office, legs="[wecom]")
        office.obey(DUE, *WITHOUT_WECOM)
        office.tick()
        assert office.notices() == ["孙联络 manual manual"]

    def test_a_worker_that_hears_of_it_first_does_the_same(self, office: Office) -> None:
        released(office)
        ids = office.ready("wecom")
        office.obey(DUE, *WITHOUT_WECOM)
        office.deliver_on("wecom", ids)
        office.tick()
        assert office.news() == ["孙联络 email: A-1 remind", "孙联络 sms: A-1 remind"]
