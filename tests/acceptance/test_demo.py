"""The demonstration: two months of the campaign, and every message travels."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.acceptance.program import mentioning
from tests.acceptance.told import Told, copies, demonstrated, local_day

CHANNELS = {"email", "sms", "wecom"}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return demonstrated(tmp_path_factory.mktemp("demo") / "state", "2018-07-25", "2018-09-28")


def test_it_ends_well_and_prints_one_line_of_json_last(told: Told) -> None:
    assert told.answer.code == 0, told.answer.err[-2000:]
    figures = told.figures
    assert figures.keys() >= {"notices", "by_channel", "inbox", "to_leading_group", "rates"}
    assert figures["by_channel"].keys() == figures["inbox"].keys() == CHANNELS
    assert figures["rates"] == [], "no milestone has come yet"


def test_what_was_handed_over_is_what_arrived(told: Told) -> None:
    figures = told.figures
    assert figures["by_channel"] == figures["inbox"] == Counter(row["channel"] for row in told.inbox)
    assert all(count > 0 for count in figures["inbox"].values())
    assert {row["fate"] for row in told.inbox} == {"delivered"}


def test_every_item_arrived_by_each_channel_of_its_leg_once(told: Told) -> None:
    assert Counter(told.handed_over()) == copies(told.inbox)
    assert set(copies(told.inbox).values()) == {1}
    assert told.said_without_telephone() == {number for row in told.inbox for number in row["items"]}
    assert not any(row["repeat"] for row in told.inbox)


def test_nobody_hears_of_a_case_on_the_day_it_is_closed_or_later(told: Told) -> None:
    closed = told.closed_on()
    late = [
        (row["at"], number)
        for row in told.inbox
        for number in row["items"]
        if number in closed and local_day(row) >= closed[number]
    ]
    assert late == []
    assert closed, "some items are about cases that were closed since"


def test_nothing_leaves_outside_the_window(told: Told) -> None:
    clock = {row["at"][11:16] for row in told.inbox}
    assert min(clock) >= "08:30"
    assert max(clock) <= "17:30"


def test_the_leading_group_gets_few_messages(told: Told) -> None:
    assert 0 < told.figures["to_leading_group"] < told.figures["notices"] / 20


def test_the_inbox_opens_from_disk(told: Told) -> None:
    page = (told.state / "sandbox" / "inbox.html").read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)=["']https?://(?!www\.panshi\.example)""", page)
    missing = [row["n"] for row in told.inbox if row["name"] not in page]
    assert missing == []
    assert str(told.state / "sandbox" / "inbox.html") in told.answer.out


def test_the_table_is_in_plain_chinese(told: Told) -> None:
    for words in ("整改率", "短信", "企业微信", "交办", "报领导小组", "进度靠后的单位"):
        assert words in told.answer.out


def test_no_process_is_left(told: Told) -> None:
    assert mentioning(told.state) == []


def test_no_telephone_number_is_logged(told: Told) -> None:
    logs = "".join(path.read_text(encoding="utf-8") for path in told.state.glob("*.log"))
    assert not re.search(r"(?<!\d)1[3-9]\d{9}(?!\d)", logs + told.answer.err)
