"""``mute``: silence something for a time, see it in the list and in the status, end it."""

from __future__ import annotations

import pytest

from tests.integration.cli.conftest import Office

UNTIL = ("--to", "2018-08-31", "--reason", "机构改革", "--by", "王主任")


def test_a_mute_from_its_beginning_to_its_end(busy_office: Office) -> None:
    added = busy_office("mute", "add", "--unit", "明城镇", *UNTIL)
    assert added.out.startswith(
        "第 1 号静默：单位 明城镇，2018-08-16 至 2018-08-31，原因：机构改革；涉及问题 "
    )
    assert "线索" not in added.out
    (line,) = busy_office("mute", "list", "--json").json
    assert (line["kind"], line["what"], line["by"]) == ("unit", "明城镇", "王主任")
    assert (line["from"], line["until"]) == ("2018-08-16T00:00:00+08:00", "2018-09-01T00:00:00+08:00")
    assert busy_office("status", "--json").json["mutes"] == [line]
    assert "单位 明城镇  2018-08-16 至 2018-08-31  静默中  机构改革" in busy_office("status").out

    ended = busy_office("mute", "end", "1", "--by", "冯值班", "--note", "改革推迟")
    assert ended.out == "第 1 号静默已结束（冯值班），从现在起照常发；静默期内已过的不补发\n"
    assert busy_office("mute", "list", "--json").json == []
    assert "2018-08-16 08:00 提前结束（冯值班：改革推迟）" in busy_office("mute", "list", "--all").out
    assert busy_office("mute", "end", "1").code == 1


@pytest.mark.parametrize(
    ("target", "kind", "what"),
    [
        (("--ladder", "case-due"), "ladder", "case-due"),
        (("--case", "ps-2018-0001"), "case", "PS-2018-0001"),
    ],
)
def test_what_can_be_muted(busy_office: Office, target: tuple[str, str], kind: str, what: str) -> None:
    told = busy_office("mute", "add", *target, *UNTIL, "--from", "2018.8.20", "--json").json
    assert (told["kind"], told["what"], told["in_force"]) == (kind, what, False)
    assert told["concerned"] > 0


def test_each_subject_is_counted_once_by_its_word(busy_office: Office) -> None:
    open_cases = busy_office("case", "list", "--json").json
    open_cases = [each for each in open_cases if each["state"] not in ("closed", "dismissed")]
    of_town = [each for each in open_cases if each["unit"] == "明城镇"]
    told = busy_office("mute", "add", "--unit", "明城镇", *UNTIL).out
    assert f"；涉及问题 {len(of_town)}，报送 " in told
    assert busy_office("mute", "add", "--case", "PS-2018-0001", *UNTIL).out.endswith("；涉及问题 1\n")
    assert f"；涉及问题 {len(open_cases)}\n" in busy_office("mute", "add", "--ladder", "case-due", *UNTIL).out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--ladder", "case-deu"), 1, "是不是“case-due”？"),
        (("--unit", "明成镇"), 1, "是不是“明城镇”"),
        ((), 2, "写一个，只写一个"),
        (("--unit", "明城镇", "--ladder", "case-due"), 2, "写一个，只写一个"),
        (("--unit", "明城镇", "--from", "2018-08-15"), 1, "只能从今天或以后开始"),
    ],
)
def test_what_is_wrong_is_said(busy_office: Office, words: tuple[str, ...], code: int, said: str) -> None:
    answer = busy_office("mute", "add", *words, *UNTIL)
    assert answer.code == code
    assert said in answer.err
    assert busy_office("mute", "list", "--json").json == []
