"""What a Chinese keyboard puts into a YAML file, and where it is none of our business."""

from __future__ import annotations

import pytest

from daemon.config.document import read
from daemon.config.rawtext import decode
from tests.unit.config.folder import Folder

PUNCTUATION = [
    ("a： 1\n", 1, 2, "：", {"a": 1}),
    ("a：1\n", 1, 2, "：", {"a": 1}),
    ("a: [1， 2]\n", 1, 6, "，", {"a": [1, 2]}),
    ("a: [甲、乙]\n", 1, 6, "、", {"a": ["甲", "乙"]}),
    ("a: ［1, 2］\n", 1, 4, "［", {"a": [1, 2]}),
    ("a: ｛b: 1}\n", 1, 4, "｛", {"a": {"b": 1}}),
    ("a: “b”\n", 1, 4, "中文引号", {"a": "b"}),
    ("a:　1\n", 1, 3, "全角空格", {"a": 1}),
    ("a:\t1\n", 1, 3, "制表符", {"a": 1}),
    ("a: 60％\n", 1, 6, "％", {"a": "60%"}),
    ("a: －3 workdays\n", 1, 4, "－", {"a": "-3 workdays"}),
]


@pytest.mark.parametrize(("text", "line", "column", "named", "meant"), PUNCTUATION)
def test_full_width_punctuation_is_a_fault_and_the_rest_is_read_as_meant(
    text: str, line: int, column: int, named: str, meant: object
) -> None:
    document, (fault, *_) = read("x.yaml", text)
    assert (fault.line, fault.column) == (line, column)
    assert named in fault.message
    assert document is not None
    assert document.data == meant


TEXT = [
    'a: "查摆：甲，乙"  # 说明：甲，乙　丙\n',
    "a: '查摆：甲，乙'\n",
    "# 键：值\na: 1\n",
    'a: ["甲，乙", 丙]\n',
    'a: case.category == "甲，乙"\n',
    'a: "一\\"：，二"\n',
    "a: |\n  第一，\n\n  第二：\nb: 1\n",
    "a: 制定计划、报送（电子版）〔2018〕1号\n",
]


@pytest.mark.parametrize("text", TEXT)
def test_quoted_texts_comments_and_blocks_may_say_what_they_like(text: str) -> None:
    assert read("x.yaml", text)[1] == []


def test_after_a_block_of_text_the_rules_hold_again() -> None:
    _, (fault,) = read("x.yaml", "a: |\n  第一，\nb： 1\n")
    assert fault.line == 3


ENCODINGS = [
    ("a: 甲\n".encode(), "a: 甲\n", ""),
    ("a: 甲\r\n".encode(), "a: 甲\n", ""),
    ("a: 甲\n".encode("utf-8-sig"), "a: 甲\n", "BOM"),
    ("a: 1\nb: 甲\n".encode("gb18030"), "a: 1\nb: 甲\n", "GB18030"),
    ("a: 甲\n".encode("utf-16"), "", "UTF-16"),
    (b"\xff\xff\xff", "", "不是文本"),
]


@pytest.mark.parametrize(("data", "text", "named"), ENCODINGS)
def test_the_encoding_is_utf8_and_others_are_named(data: bytes, text: str, named: str) -> None:
    found, faults = decode("x.yaml", data)
    assert found == text
    assert [named in fault.message for fault in faults] == [True] * bool(named)


def test_the_place_of_the_first_foreign_byte_is_given() -> None:
    _, (fault,) = decode("x.yaml", "a: 1\nb: 甲\n".encode("gb18030"))
    assert (fault.line, fault.column) == (2, 4)


def test_other_faults_of_the_file_come_at_the_same_time(folder: Folder) -> None:
    folder.change("ladders.yaml", "-3 workdays⟦,→，⟧  act: reminder")
    folder.change("ladders.yaml", "bundle: ⟦brief→breif⟧}")
    assert [fault.message for fault in folder.faults()] == ["不能用全角标点“，”", "没有“breif”这个批次"]
