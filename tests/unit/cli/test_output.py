"""Tables of Chinese text, in a terminal and where nobody looks on."""

from __future__ import annotations

import pytest

from daemon.cli.output import fitting, fold, table

HOW = "工作日 09:10；企业微信＋电子邮件，不通再短信＋电子邮件"


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        (HOW, 60, [HOW]),
        (HOW, 25, ["工作日 09:10；", "企业微信＋电子邮件，", "不通再短信＋电子邮件"]),
        ("联络员、分管领导（没有则主要领导）", 26, ["联络员、分管领导", "（没有则主要领导）"]),
        ("催办主要领导，", 12, ["催办主要领", "导，"]),
        ("编号 PS-2018-0001", 13, ["编号", "PS-2018-0001"]),
        ("0123456789", 4, ["0123", "4567", "89"]),
        ("", 4, [""]),
    ],
)
def test_a_text_is_broken_where_a_reader_would_pause(text: str, width: int, lines: list[str]) -> None:
    assert fold(text, width) == lines


@pytest.mark.parametrize(
    ("widths", "room", "given"),
    [([10, 60, 40], None, [10, 60, 40]), ([10, 60, 40], 64, [10, 25, 25]), ([30, 30], 4, [8, 8])],
)
def test_the_widest_columns_give_way(widths: list[int], room: int | None, given: list[int]) -> None:
    assert fitting(widths, room) == given


def test_a_table_is_folded_to_the_terminal_and_whole_for_a_script(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    table(("级", "怎么发"), [("head", HOW)])
    assert capsys.readouterr().out == f"级    怎么发\nhead  {HOW}\n"
    monkeypatch.setenv("COLUMNS", "31")
    table(("级", "怎么发"), [("head", HOW)])
    assert capsys.readouterr().out == (
        "级    怎么发\nhead  工作日 09:10；\n      企业微信＋电子邮件，\n      不通再短信＋电子邮件\n"
    )
