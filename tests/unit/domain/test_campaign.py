"""The campaign's own dates, and the words for when a rung speaks."""

from __future__ import annotations

import pytest

from daemon.domain.campaign import Campaign, Phase
from daemon.domain.pace import Milestone
from daemon.domain.plan import Reason, ReasonCode
from daemon.domain.why import say_day, say_offset, say_reason, say_wording
from tests.unit.domain.office import SHANGHAI, offset, on, wording

PANSHI = Campaign(
    id="panshi-2018",
    title="磐石市招商引资违约失信问题专项整治",
    document="磐软环境组〔2018〕1号",
    zone=SHANGHAI,
    numbering="PS-2018-{n:04}",
    phases={
        "rectify": Phase("rectify", "督办整改", on("2018-08-16"), on("2020-12-31")),
        "plan": Phase("plan", "制定计划", on("2018-07-25"), on("2018-07-31")),
    },
    filings={},
    milestones=(Milestone(on("2018-12-31"), 60), Milestone(on("2019-12-31"), 90)),
    pace_from=on("2018-08-16"),
    min_cases=5,
    verdict_workdays=10,
)


def test_a_campaign_lasts_from_its_first_phase_to_its_last() -> None:
    assert (PANSHI.start, PANSHI.end) == (on("2018-07-25"), on("2020-12-31"))


def test_the_line_to_a_target_begins_at_the_target_before() -> None:
    assert [PANSHI.before(m) for m in PANSHI.milestones] == [on("2018-08-16"), on("2018-12-31")]


@pytest.mark.parametrize(
    ("words", "anchor", "said"),
    [
        ("-3 workdays", "due", "时限前3个工作日"),
        ("+4 workdays", "assigned", "交办后第4个工作日"),
        ("+2 months", "start", "开始后2个月"),
        ("immediately", "returned", "退回当日"),
    ],
)
def test_an_offset_in_words(words: str, anchor: str, said: str) -> None:
    assert say_offset(offset(words), anchor) == said


def test_a_wording_in_words() -> None:
    assert (
        say_wording(wording("+30 workdays", repeat="20 workdays")) == "时限后第30个工作日起，每20个工作日一次"
    )
    weekly = wording("-60 days", repeat="1 week", until="0 days")
    assert say_wording(weekly).endswith("至时限当日止")
    assert say_day(on("2018-07-05")) == "2018年7月5日"


@pytest.mark.parametrize("code", ReasonCode)
def test_every_reason_can_be_said(code: ReasonCode) -> None:
    assert say_reason(Reason(code))
