"""Budgets: a channel on which a person has had enough does not reach now (design.md §5, lessons D16)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from daemon.domain.burden import Budget
from daemon.errors import DeliveryError, UnknownOutcomeError
from daemon.store import burden, deliveries, tables
from daemon.store.burden import Burden
from daemon.store.deliveries import Claimed
from daemon.store.engine import writing
from tests.integration.office import Office
from tests.integration.pipeline.test_people import vacate
from tests.servers import PATIENCE

TOLD = """
  told:
    about: case
    from: assigned
    rungs:
      told: {at: immediately, act: notice, to: [unit.liaison]}
"""
"""Every case is told of as soon as it is assigned."""

FOUR = """
  notice: {about: case, from: due, rungs: {notice: {at: -3 workdays, act: notice, to: [unit.liaison]}}}
  reminder: {about: case, from: due, rungs: {remind: {at: -3 workdays, act: reminder, to: [unit.liaison]}}}
  warning: {about: case, from: due, rungs: {warn: {at: -3 workdays, act: early_warning, to: [unit.liaison]}}}
  urge: {about: case, from: due, rungs: {urge: {at: -3 workdays, act: urge, to: [unit.liaison]}}}
"""
"""Four messages on one morning; their legs differ, so they are four notices."""

Change = tuple[str, str, str]


def by(act: str, legs: str, more: str = "") -> Change:
    """Let an act go by other legs."""
    old = {
        "notice": "[wecom, email]",
        "reminder": "[wecom, sms+email]",
        "early_warning": "[wecom, email]",
        "urge": "[wecom, email]",
        "assignment": "[sms+email, wecom]",
        "supervision_letter": "[email+wecom], approval: office.director",
    }
    before = f"{act + ':':<20}{{legs: {old[act]}"
    return ("ladders.yaml", before, f"{act}: {{legs: {legs}{more}")


def budgets(words: str) -> Change:
    """Write budgets into channels.yaml."""
    return ("channels.yaml", "bundles:\n", f"budgets: {words}\nbundles:\n")


ALL_DAY: Change = (
    "channels.yaml",
    'window: {days: workdays, from: "08:30", to: "17:30"}',
    'window: {days: all, from: "00:00", to: "23:59"}',
)
BY_SMS = by("notice", "[sms, email]")
EVERY_ACT_BY_SMS = (
    by("notice", "[sms]"),
    by("reminder", "[sms, email]"),
    by("early_warning", "[sms, wecom]"),
    by("urge", "[sms, wecom, email]"),
)


def told(office: Office, no: str, when: str) -> list[str]:
    """Assign a case, and return what is said of it at once."""
    office.at(when).case(no)
    office.tick()
    return office.news()


def at_once(*acts: Callable[[], object]) -> None:
    together = threading.Barrier(len(acts))

    def one(act: Callable[[], object]) -> object:
        together.wait(PATIENCE)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        for each in [pool.submit(one, act) for act in acts]:
            each.result(PATIENCE)


def test_of_sms_two_a_day_though_the_rules_do_not_say_so(office: Office) -> None:
    office.obey(TOLD, BY_SMS)
    assert told(office, "A-1", "2018-08-28 10:00") == ["孙联络 sms: A-1 told"]
    assert told(office, "A-2", "2018-08-28 11:00") == ["孙联络 sms: A-2 told"]
    assert told(office, "A-3", "2018-08-28 12:00") == ["孙联络 email: A-3 told"]
    assert told(office, "A-4", "2018-08-29 10:00") == ["孙联络 sms: A-4 told"], "another day"


def test_no_limit_where_the_rules_say_none(office: Office) -> None:
    office.obey(TOLD, BY_SMS, budgets("{sms: {}}"))
    for hour in range(10, 15):
        assert told(office, f"A-{hour}", f"2018-08-28 {hour}:00") == [f"孙联络 sms: A-{hour} told"]


def test_each_person_has_a_budget_of_his_own(office: Office) -> None:
    office.obey(
        TOLD.replace("[unit.liaison]", "[unit.liaison, unit.head]"), BY_SMS, budgets("{sms: {day: 1}}")
    )
    office.hire("明城镇", "联络员", "何联络")
    assert told(office, "A-1", "2018-08-28 10:00") == [
        "何联络 sms: A-1 told",
        "孙联络 sms: A-1 told",
        "赵书记 sms: A-1 told",
    ]


@pytest.mark.parametrize(
    ("first", "second", "channel"),
    [
        ("2018-08-28 00:01", "2018-08-28 23:58", "email"),
        ("2018-08-28 07:30", "2018-08-28 08:30", "email"),  # another day in UTC, the same one in Shanghai
        ("2018-08-28 23:58", "2018-08-29 00:01", "sms"),  # the same day in UTC, another one in Shanghai
        ("2018-08-28 10:00", "2018-08-29 09:00", "sms"),  # less than 24 hours, but another day
    ],
)
def test_a_day_is_a_day_of_the_campaigns_zone(office: Office, first: str, second: str, channel: str) -> None:
    office.obey(TOLD, BY_SMS, budgets("{sms: {day: 1}}"), ALL_DAY)
    assert told(office, "A-1", first) == ["孙联络 sms: A-1 told"]
    assert told(office, "A-2", second) == [f"孙联络 {channel}: A-2 told"]


@pytest.mark.parametrize(
    ("day", "channel"),
    [
        ("2018-08-30", "email"),
        ("2018-09-02", "email"),  # Sunday
        ("2018-09-03", "sms"),  # Monday
    ],
)
def test_a_week_runs_from_monday_to_sunday(office: Office, day: str, channel: str) -> None:
    office.obey(TOLD, BY_SMS, budgets("{sms: {day: 2, week: 2}}"), ALL_DAY)
    told(office, "A-1", "2018-08-27 10:00")
    told(office, "A-2", "2018-08-29 10:00")
    assert told(office, "A-3", f"{day} 10:00") == [f"孙联络 {channel}: A-3 told"]


def test_the_strongest_go_first(office: Office) -> None:
    """Four notices, two SMS: the urge and the warning; the reminder goes by e-mail, the notice waits."""
    office.obey(FOUR, *EVERY_ACT_BY_SMS)
    office.case("A-1", due="2018-08-31")
    office.run("2018-08-28 12:00")
    assert office.news() == ["孙联络 email: A-1 remind", "孙联络 sms: A-1 urge", "孙联络 sms: A-1 warn"]
    office.run("2018-08-29 12:00")
    assert office.news() == ["孙联络 sms: A-1 notice"]
    assert office.notices().count("孙联络 sms dropped") == 1, "the notice that found no channel"


def test_what_found_no_channel_joins_the_next_bundle(office: Office) -> None:
    """Of cases told on one day, those over the budget and those of the next day are one digest."""
    ladders = TOLD.replace("immediately", "+1 workday")
    office.obey(ladders, by("notice", "[sms]"), budgets("{sms: {day: 1}}"))
    office.at("2018-08-27 10:00").case("A-1")
    office.tick("2018-08-28 09:10")
    office.at("2018-08-28 10:00").case("A-3")  # to be told on the 29th
    office.case("A-2", assigned="2018-08-27")  # told too late: at once, with the next bundle of its own
    office.run("2018-08-29 12:00")
    assert office.news() == ["孙联络 sms: A-1 told", "孙联络 sms: A-2 told, A-3 told"]


def test_what_waits_is_looked_at_again_before_it_goes(office: Office) -> None:
    office.obey(TOLD, by("notice", "[sms]"), budgets("{sms: {day: 1}}"))
    told(office, "A-1", "2018-08-28 10:00")
    assert told(office, "A-2", "2018-08-28 11:00") == []
    office.close("A-2")
    office.run("2018-08-30 12:00")
    assert office.news() == []
    assert office.items()[-1] == "孙联络 A-2 told dropped condition"


def test_it_waits_for_a_working_day(office: Office) -> None:
    office.obey(TOLD, by("notice", "[sms]"), budgets("{sms: {day: 1}}"))
    told(office, "A-1", "2018-08-31 10:00")  # Friday
    assert told(office, "A-2", "2018-08-31 11:00") == []
    office.run("2018-09-03 08:29")
    assert office.news() == []
    office.run("2018-09-03 08:45")
    assert office.news() == ["孙联络 sms: A-2 told"]


def test_a_person_without_an_address_is_the_offices_task_and_one_who_has_had_enough_is_not(
    office: Office,
) -> None:
    office.obey(TOLD, by("notice", "[sms]"), budgets("{sms: {day: 1}}"))
    told(office, "A-1", "2018-08-28 10:00")
    told(office, "A-2", "2018-08-28 11:00")
    assert "孙联络 manual manual" not in office.notices()
    vacate(office, "联络员")
    office.hire("明城镇", "联络员", "何联络", reach="email")
    assert told(office, "A-3", "2018-08-28 12:00") == ["何联络 manual: A-3 told"]


def test_of_joined_channels_only_the_one_with_room_is_used(office: Office) -> None:
    office.obey(TOLD, by("notice", "[sms+email]"), budgets("{sms: {day: 1}}"))
    assert told(office, "A-1", "2018-08-28 10:00") == ["孙联络 email: A-1 told", "孙联络 sms: A-1 told"]
    assert told(office, "A-2", "2018-08-28 11:00") == ["孙联络 email: A-2 told"]
    assert office.notices()[-1] == "孙联络 sms+email sent"


def test_what_wants_a_signature_goes_all_the_same_and_counts(office: Office) -> None:
    ladders = TOLD.replace("act: notice", "act: assignment") + TOLD.replace("told", "late").replace(
        "immediately", "+1 workday"
    )
    office.obey(
        ladders,
        by("assignment", "[sms]", ", sign: 3 workdays"),
        by("notice", "[sms]"),
        budgets("{sms: {day: 1}}"),
    )
    assert told(office, "A-1", "2018-08-28 10:00") == ["孙联络 sms: A-1 told"]
    assert told(office, "A-2", "2018-08-28 11:00") == ["孙联络 sms: A-2 told"]
    office.at("2018-08-29 08:50").case("A-3")
    office.tick()
    assert office.news() == ["孙联络 sms: A-3 told"]
    office.run("2018-08-29 12:00")
    assert office.news() == [], "an assignment has used up the day"
    office.run("2018-08-30 12:00")
    assert office.news() == ["孙联络 sms: A-1 late, A-2 late, A-3 late"]


def test_a_formal_act_goes_all_the_same(office: Office) -> None:
    letter = TOLD.replace("told:", "letter:").replace("act: notice", "act: escalation")
    escalation = ("ladders.yaml", "escalation:         {legs: [email]}", "escalation: {legs: [sms]}")
    office.obey(letter, escalation, budgets("{sms: {day: 1}}"))
    for n in range(3):
        assert told(office, f"A-{n}", f"2018-08-28 1{n}:00") == [f"孙联络 sms: A-{n} letter"]


def test_the_offices_note_goes_all_the_same(office: Office) -> None:
    ladders = TOLD.replace("[unit.liaison]", "[office.duty, unit.deputy]")
    office.obey(ladders, by("notice", "[sms]"), budgets("{sms: {day: 1}}"))
    vacate(office, "分管领导")
    office.at("2018-08-28 08:40").case("A-1")
    office.run("2018-08-28 12:00")
    assert office.news() == ["冯值班 sms: A-1 told", "冯值班 sms: note"]


def test_what_was_refused_does_not_count(office: Office) -> None:
    office.obey(TOLD, BY_SMS, budgets("{sms: {day: 1}}"))
    office.wire.answers("sms", DeliveryError("空号", permanent=True))
    assert told(office, "A-1", "2018-08-28 10:00") == ["孙联络 email: A-1 told"]
    assert told(office, "A-2", "2018-08-28 11:00") == ["孙联络 sms: A-2 told"]


def test_what_was_given_up_counts_if_nobody_knows_whether_it_arrived(office: Office) -> None:
    office.obey(TOLD, BY_SMS, budgets("{sms: {day: 1}}"))
    office.wire.answers("sms", *[UnknownOutcomeError("超时")] * 2)
    assert told(office, "A-1", "2018-08-28 10:00") == []
    office.run("2018-08-28 10:30")
    assert office.news() == ["孙联络 email: A-1 told"]
    assert told(office, "A-2", "2018-08-28 11:00") == ["孙联络 email: A-2 told"]


def test_what_failed_on_one_day_counts_on_the_day_it_leaves(office: Office) -> None:
    office.obey(TOLD, BY_SMS, budgets("{sms: {day: 1}}"))
    office.wire.answers("sms", DeliveryError("当日超限", later=True))
    assert told(office, "A-1", "2018-08-28 10:00") == []
    office.run("2018-08-29 09:00")
    assert office.news() == ["孙联络 sms: A-1 told"]
    assert told(office, "A-2", "2018-08-29 10:00") == ["孙联络 email: A-2 told"]


def test_workers_at_once_keep_the_budget_together(office: Office) -> None:
    """Each of eight notices in the hands of a worker of its own: two leave, whoever comes first."""
    office.obey(TOLD, BY_SMS, budgets("{sms: {day: 2}}"))
    office.at("2018-08-28 10:00")
    for n in range(8):
        office.case(f"A-{n}")
        office.prepare()
    ids = office.ready("sms")
    assert len(ids) == 8
    at_once(*(lambda number=number: office.deliver_on("sms", [number]) for number in ids))  # type: ignore[misc]
    assert len(office.wire.taken) == 2
    states = [row.state for row in office.rows(tables.deliveries) if row.channel == "sms"]
    assert sorted(states) == ["passed_over"] * 6 + ["sent"] * 2
    office.tick()
    assert [words.split(":")[0] for words in office.news()] == ["孙联络 email"] * 6 + ["孙联络 sms"] * 2


def test_workers_at_once_who_hold_several_people_do_not_block_each_other(office: Office) -> None:
    """Batches in opposite orders: persons are held in one order."""
    office.obey(
        TOLD.replace("[unit.liaison]", "[unit.liaison, unit.head]"), BY_SMS, budgets("{sms: {day: 1}}")
    )
    office.at("2018-08-28 10:00")
    for n in range(4):
        office.case(f"A-{n}")
        office.prepare()
    ids = office.ready("sms")
    mine, others = ids[::2], ids[1::2][::-1]
    at_once(lambda: office.deliver_on("sms", mine + others), lambda: office.deliver_on("sms", others + mine))
    assert sorted(office.news()) == ["孙联络 sms: A-0 told", "赵书记 sms: A-0 told"]


def test_a_worker_who_counts_makes_the_other_wait(office: Office) -> None:
    """The stronger came when the weaker was being counted, so that neither is ahead of the other."""
    office.obey(TOLD, BY_SMS, budgets("{sms: {day: 1}}"))
    office.at("2018-08-28 10:00")
    for n in range(2):
        office.case(f"A-{n}")
        office.prepare()
    stronger, weaker = claimed(office)
    with ThreadPoolExecutor(1) as pool:
        with writing(office.engine) as connection:
            assert counts(connection, weaker, office)
            other = pool.submit(alone, office, stronger)
            wait([other], 0.5)
        assert other.result(PATIENCE) is False
    assert alone(office, weaker) is True, "who has counted may count again"


def claimed(office: Office) -> list[Claimed]:
    """Claim what is ready, the older first."""
    with writing(office.engine) as connection:
        return deliveries.claim(connection, "sms", office.ready("sms"), office.now, office.now)


def counts(connection: Connection, mine: Claimed, office: Office) -> bool:
    """Count as of an hour ago, when neither was due."""
    person = next(row.id for row in office.rows(tables.persons) if row.name == "孙联络")
    before_both = office.now - timedelta(hours=1)
    burden.hold(connection, [person])
    return burden.take(connection, mine, Burden(person, office.today, 0, before_both), Budget(day=1))


def alone(office: Office, mine: Claimed) -> bool:
    with writing(office.engine) as connection:
        return counts(connection, mine, office)
