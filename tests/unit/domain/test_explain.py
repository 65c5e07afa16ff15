"""How working days were counted, in the words of ``why``."""

from __future__ import annotations

from datetime import date

import pytest

from daemon.config.models import CalendarFile
from daemon.config.offdays import office_days
from daemon.config.words import offset
from daemon.domain.explain import say_counting, say_recipient
from daemon.domain.ladder import Addressee, Part, Role
from daemon.domain.people import Recipient
from daemon.domain.workdays import Rest

WORKDAYS = office_days(CalendarFile()).calendar()


@pytest.mark.parametrize(
    ("at", "anchor", "words"),
    [
        (
            "-3 workdays",
            "2018-12-31",
            "从 2018年12月31日（周一）的前一日起往前数3个工作日："
            "12月29日（周六）第1个、12月28日（周五）第2个、12月27日（周四）第3个；"
            "12月29日补班（国办发明电〔2018〕15号）",
        ),
        (
            "0 workdays",
            "2018-12-31",
            "从 2018年12月31日（周一）取当天，遇休息日取之前最近的工作日：12月29日（周六）；"
            "12月31日放假（国办发明电〔2018〕15号）；12月29日补班（国办发明电〔2018〕15号）",
        ),
        (
            "+3 workdays",
            "2020-01-22",
            "从 2020年1月22日（周三）的次日起往后数3个工作日："
            "1月23日（周四）第1个、2月3日（周一）第2个、2月4日（周二）第3个；"
            "1月24日、1月27日至1月30日放假（国办发明电〔2019〕16号）；1月31日放假（国办发明电〔2020〕1号）",
        ),
        (
            "-5 workdays",
            "2018-08-31",
            "从 2018年8月31日（周五）的前一日起往前数5个工作日："
            "8月30日往前至8月27日第1至4个、8月24日（周五）第5个",
        ),
        (
            "+1 workday",
            "2030-01-01",
            "从 2030年1月1日（周二）的次日起往后数1个工作日：1月2日（周三）第1个；"
            "2030年放假安排未公布，暂按周末推算",
        ),
        ("-60 days", "2018-12-31", ""),
    ],
)
def test_the_days_are_counted_one_by_one(at: str, anchor: str, words: str) -> None:
    assert say_counting(offset(at), date.fromisoformat(anchor), WORKDAYS) == words


@pytest.mark.parametrize("count", [-30, -3, 0, 1, 20])
@pytest.mark.parametrize("anchor", ["2018-12-31", "2019-05-01", "2020-01-22", "2020-10-01"])
def test_the_last_day_counted_is_the_day_itself(count: int, anchor: str) -> None:
    on = date.fromisoformat(anchor)
    days = WORKDAYS.counted(on, count)
    assert days[-1].day == WORKDAYS.shift(on, count)
    assert all(bool(day.number) == WORKDAYS.is_workday(day.day) for day in days)
    assert [day.number for day in days if day.number] == list(range(1, max(abs(count), 1) + 1))


@pytest.mark.parametrize(
    ("day", "rest", "source"),
    [
        ("2018-12-29", Rest.MAKEUP, "国办发明电〔2018〕15号"),
        ("2018-10-01", Rest.OFF, "国办发明电〔2017〕12号"),
        ("2019-05-02", Rest.OFF, "国办发明电〔2019〕3号"),
        ("2019-05-05", Rest.MAKEUP, "国办发明电〔2019〕3号"),
        ("2020-01-31", Rest.OFF, "国办发明电〔2020〕1号"),
        ("2020-01-19", Rest.MAKEUP, "国办发明电〔2019〕16号"),
        ("2021-02-11", Rest.OFF, "国办发明电〔2020〕27号"),
        ("2018-09-01", Rest.WEEKEND, ""),
        ("2018-09-03", Rest.NONE, ""),
    ],
)
def test_a_day_knows_the_notice_that_set_it(day: str, rest: Rest, source: str) -> None:
    on = date.fromisoformat(day)
    assert (WORKDAYS.rest(on), WORKDAYS.sources.get(on, "")) == (rest, source)


@pytest.mark.parametrize(
    ("line", "role", "words"),
    [
        ((Role.UNITS_HEAD,), Role.UNIT_HEAD, "发送明城镇主要领导"),
        ((Role.UNITS_LIAISON,), Role.UNIT_LIAISON, "发送明城镇联络员"),
        ((Role.UNIT_DEPUTY, Role.UNIT_HEAD), Role.UNIT_DEPUTY, "发送明城镇分管领导"),
        (
            (Role.UNIT_DEPUTY, Role.UNIT_HEAD),
            Role.UNIT_HEAD,
            "发送明城镇主要领导（没有分管领导，按规则改送）",
        ),
    ],
)
def test_only_who_stands_in_for_an_empty_seat_is_said_to(line: Addressee, role: Role, words: str) -> None:
    assert say_recipient(Recipient(1, role, 7), line, Part.TO, "明城镇", "") == words
