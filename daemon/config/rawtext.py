"""What a Chinese input method and a Chinese editor do to a YAML file, found before YAML reads it.

Full-width punctuation, U+3000 and tabs pass YAML silently and change its meaning, so each is a fault. The
text is repaired as well, only so that the other faults of the file can be reported at the same time.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from daemon.errors import Fault

HALF_WIDTH = dict(zip("：，［］｛｝“”‘’＋－％＃　\t", ":,[]{}\"\"''+-%#  ", strict=True))
_OPENS, _CLOSES = "[{［｛", "]}］｝"
_LIST_OPENS = "[［"
_BEFORE_QUOTE = " \t　[{(,:=：，［｛"
_QUOTES = "\"'"
_BLOCK_TEXT = re.compile(r"(?:^|[\s:-])[|>][-+\d]{0,2}\s*$")
_NAMES = {"　": "全角空格", "\t": "制表符（Tab）"}


def decode(place: str, data: bytes) -> tuple[str, list[Fault]]:
    """Return the text of a file and the faults of its encoding; '' where there is no telling."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "", [Fault(place, 1, 1, "", "文件是 UTF-16 编码", "请另存为 UTF-8")]
    faults = []
    if data.startswith(codecs.BOM_UTF8):
        faults.append(Fault(place, 1, 1, "", "文件开头有 BOM 标记", "请另存为 UTF-8（不带 BOM）"))
        data = data.removeprefix(codecs.BOM_UTF8)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        text, fault = _decode_gb18030(place, data, error.start)
        faults.append(fault)
    return text.replace("\r\n", "\n").replace("\r", "\n"), faults


def _decode_gb18030(place: str, data: bytes, start: int) -> tuple[str, Fault]:
    line = data.count(b"\n", 0, start) + 1
    column = start - (data.rfind(b"\n", 0, start) + 1) + 1
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        return "", Fault(place, line, column, "", "文件不是文本，或已损坏", "请另存为 UTF-8")
    return text, Fault(place, line, column, "", "文件是 GB18030（GBK）编码", "请另存为 UTF-8")


def repair(place: str, text: str) -> tuple[str, list[Fault]]:
    """Return the text in half-width punctuation, and a fault for each character that had to be replaced."""
    scan = _Scan(place)
    repaired = "\n".join(scan.line(number, line) for number, line in enumerate(text.split("\n"), 1))
    return repaired, scan.faults


@dataclass
class _Scan:
    """A walk over the lines; it knows quoted texts, comments, text blocks and lists."""

    place: str
    faults: list[Fault] = field(default_factory=list)
    quote: str = ""
    brackets: list[str] = field(default_factory=list)
    block: int | None = None

    def line(self, number: int, line: str) -> str:
        if self._in_block(line):
            return line
        code = "".join(self._characters(number, line))
        if not self.quote and not self.brackets and _BLOCK_TEXT.search(code):
            self.block = len(line) - len(line.lstrip(" "))
        return code

    def _in_block(self, line: str) -> bool:
        if self.block is None:
            return False
        if not line.strip() or len(line) - len(line.lstrip(" ")) > self.block:
            return True
        self.block = None
        return False

    def _characters(self, number: int, line: str) -> Iterator[str]:
        """Yield the line in half-width punctuation, without its comment."""
        previous, escaped = " ", False
        for column, char in enumerate(line, 1):
            if self.quote:
                yield char
                if char == self.quote and not escaped:
                    self.quote = ""
                escaped = self.quote == '"' and char == "\\" and not escaped
            elif char == "#" and previous in " \t　":
                return
            else:
                self._note(char, previous)
                yield self._half_width(number, column, char, line)
            previous = char

    def _note(self, char: str, previous: str) -> None:
        if char in _QUOTES and previous in _BEFORE_QUOTE:
            self.quote = char
        elif char in _OPENS:
            self.brackets.append(char)
        elif char in _CLOSES and self.brackets:
            self.brackets.pop()

    def _half_width(self, number: int, column: int, char: str, line: str) -> str:
        if char == "、" and self.brackets and self.brackets[-1] in _LIST_OPENS:
            half, hint = ",", "列表各项之间用英文逗号“,”分开"
        elif char in HALF_WIDTH:
            half, hint = HALF_WIDTH[char], _hint(char)
        else:
            return char
        name = _NAMES.get(char) or f"全角标点“{char}”"
        self.faults.append(Fault(self.place, number, column, "", f"不能用{name}", hint))
        return half + " " if half in ":," and not line[column : column + 1].isspace() else half


def _hint(char: str) -> str:
    if char in _NAMES:
        return "请改为英文空格"
    return f"请改为英文“{HALF_WIDTH[char]}”；如果是文字的一部分，请把整段文字放在英文引号内"
