"""Look once more (design.md §2.7): why a message that was decided is not sent after all."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from daemon.domain.ladder import Act, Part, Rung
from daemon.domain.plan import (
    Facts,
    Item,
    Outcome,
    ReasonCode,
    Standing,
    lapsed,
    nominal_day,
    plan,
    still_due,
)
from tests.unit.domain.office import (
    BEHIND,
    CASE,
    OPEN,
    SHANGHAI,
    UNSIGNED,
    at,
    days,
    ladder,
    on,
    published,
    rung,
    wording,
)

DUE = on("2018-12-31")
LADDER = ladder(
    rung("remind", "-3 workdays"),
    rung("today", "0 days"),
    rung("warn", "-5 workdays", Act.EARLY_WARNING),
    rung("overdue", "+1 workday", Act.URGE),
    rung("late-reminder", "+2 workdays"),
    rung("behind", wording("+1 workday", when=(BEHIND,)), Act.URGE),
    rung("sign", wording("+1 workday", when=(OPEN, UNSIGNED)), Act.URGE, unless="signed"),
)


def facts(is_open: bool = True, unsigned: bool = True, due: str = "2018-12-31", version: int = 2) -> Facts:
    own = {"open": is_open, "unsigned": unsigned}

    def as_of(instant: datetime) -> dict[str, object]:
        return {**own, "behind": instant.date() in days("2019-01-02")}

    return Facts(CASE, SHANGHAI, {"due": on(due)}, own, as_of, {"case-due": Standing(version, None)})


def item(rung_id: str, **more: object) -> Item:
    found = LADDER.rung(rung_id) or Rung(rung_id, wording("-3 workdays"), Act.URGE, to=())
    assert found.wording.at
    day = published().apply(found.wording.at, DUE)
    return replace(
        Item(LADDER, rung_id, "", 2, nominal=day, instant=at(day.isoformat())),
        **more,  # type: ignore[arg-type]
    )


BEFORE, AFTER = at("2018-12-28 09:10"), at("2019-01-03 09:10")


@pytest.mark.parametrize(
    ("looked_at", "known", "now", "code"),
    [
        # nothing has changed
        (item("remind"), facts(), BEFORE, None),
        (item("overdue"), facts(), AFTER, None),
        # the world has: closed, extended, returned to a new count, the rule cancelled
        (item("overdue"), facts(is_open=False), AFTER, ReasonCode.CONDITION),
        (item("overdue"), facts(version=3), AFTER, ReasonCode.ANCHOR_MOVED),
        (item("no-such-rung"), facts(), AFTER, ReasonCode.RULE_GONE),
        (item("overdue", ladder=None), facts(), AFTER, ReasonCode.RULE_GONE),
        # a moved name is as it was at the instant, an own one as it is now
        (item("behind"), facts(), at("2019-02-01"), None),
        (item("behind", instant=at("2019-01-03")), facts(), AFTER, ReasonCode.CONDITION),
        (item("sign"), facts(unsigned=False), AFTER, ReasonCode.CONDITION),
        # a reminder, or whatever came before the deadline, has no use after it
        (item("remind"), facts(), at("2018-12-31 23:59"), None),
        (item("remind"), facts(), at("2019-01-01"), ReasonCode.LAPSED),
        (item("warn"), facts(), at("2019-01-01"), ReasonCode.LAPSED),
        (item("today"), facts(), at("2018-12-31 23:59"), None),
        (item("today"), facts(), at("2019-01-01"), ReasonCode.DEADLINE_PASSED),
        (item("late-reminder"), facts(), at("2019-01-20"), None),
        # the person: no longer there, has signed, has been told more
        (item("overdue", holds_post=False), facts(), AFTER, ReasonCode.NOT_HOLDER),
        (item("sign", signed=True), facts(), AFTER, ReasonCode.SIGNED),
        (item("overdue", signed=True), facts(), AFTER, None),
        (item("overdue", outranked_by="head"), facts(), AFTER, ReasonCode.OUTRANKED),
        # copies lapse with their ``to``
        (item("overdue", part=Part.COPY), facts(), AFTER, None),
        (item("overdue", part=Part.COPY, to_alive=False), facts(), AFTER, ReasonCode.COPY_OF_NOTHING),
        # what waits for approval does not lapse, but is dropped like all else
        (item("remind", needs_approval=True), facts(), AFTER, None),
        (item("overdue", needs_approval=True, outranked_by="head"), facts(), AFTER, None),
        (item("overdue", needs_approval=True), facts(is_open=False), AFTER, ReasonCode.CONDITION),
    ],
)
def test_why_an_item_is_not_sent(
    looked_at: Item, known: Facts, now: datetime, code: ReasonCode | None
) -> None:
    reason = still_due(looked_at, known, now)
    assert (reason and reason.code) == code


def test_without_an_anchor_or_a_standing_nothing_is_due() -> None:
    gone = replace(facts(), anchors={"due": None})
    homeless = replace(facts(), standings={})
    for known in (gone, homeless):
        reason = still_due(item("overdue"), known, AFTER)
        assert reason
        assert reason.code is ReasonCode.ANCHOR_MOVED


def test_a_reason_keeps_its_inputs() -> None:
    reason = still_due(item("overdue"), facts(is_open=False), AFTER)
    assert reason
    assert reason.inputs == {"when": "open"}


@pytest.mark.parametrize(
    "now", ["2018-12-27", "2018-12-31 23:00", "2019-01-01", "2019-01-02", "2019-01-03 12:00"]
)
@pytest.mark.parametrize("is_open", [True, False])
def test_what_the_plan_says_is_due_and_what_it_lapses_is_not(now: str, is_open: bool) -> None:
    """Both ask the same code."""
    known = replace(facts(is_open), standings={"case-due": Standing(2, None)})
    for settlement in plan(known, LADDER, published(), frozenset(), at(now)).settlements:
        reason = still_due(item(settlement.rung), known, at(now))
        if settlement.outcome is Outcome.SAID:
            assert reason is None or reason.code is ReasonCode.DEADLINE_PASSED
        else:
            assert reason
            assert reason.code in (ReasonCode.LAPSED, ReasonCode.CONDITION)


@pytest.mark.parametrize(
    ("nominal", "now", "late"),
    [
        ("2018-12-29", "2018-12-31 23:59", False),
        ("2018-12-29", "2019-01-01 00:00", True),
        ("2018-12-31", "2019-03-01 00:00", False),
        ("2019-01-02", "2019-03-01 00:00", False),
    ],
)
def test_only_what_lies_before_the_anchor_lapses_and_only_when_its_day_is_over(
    nominal: str, now: str, late: bool
) -> None:
    assert lapsed(on(nominal), DUE, SHANGHAI, at(now)) is late


def test_an_occurrence_names_its_day() -> None:
    assert nominal_day("2018-12-30", at("2019-01-02"), SHANGHAI) == on("2018-12-30")
    assert nominal_day("", at("2018-12-27"), SHANGHAI) == on("2018-12-27")
