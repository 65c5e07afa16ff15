"""What a Chinese input method and a Chinese editor do to a YAML file, found before YAML reads it.

Full-width punctuation, U+3000 and tabs pass YAML silently and change its meaning, so each is a fault. The
text is repaired as well, only so that the other faults of the file can be reported at the same time.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from daemon.errors import Fault

_LETTERS = (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))
_FORMS = {chr(code): chr(code - 0xFEE0) for code in _LETTERS}
_SPACES = dict.fromkeys("\u00a0\u2002\u2003\u2009\u202f\u205f\u3000\t", " ")
_NOTHINGS = dict.fromkeys("\u200b\u200c\u200d\u200e\u200f\u2060\ufeff", "")
HALF_WIDTH = {
    **dict(zip("：，［］｛｝“”‘’＋－％＃＝＜＞＿", ":,[]{}\"\"''+-%#=<>_", strict=True)),
    **_FORMS,
    **_SPACES,
    **_NOTHINGS,
}
_DASHES = "−–—"
_OPENS, _CLOSES = "[{［｛", "]}］｝"
_LIST_OPENS = "[［"
_BEFORE_QUOTE = " \t　[{(,:=：，［｛"
_BEFORE_SIGN = " \t　[{,:：，［｛"
_QUOTES = "\"'"
_BLANKS = " \t\u3000"
_BLOCK_TEXT = re.compile(r"(?:^|[\s:-])[|>][-+\d]{0,2}\s*$")
_ENTRY = re.compile(r"\s*(?:#|- |[\w-]+[:：](?:\s|$))")
_KEY = re.compile(r"(?:^\s*(?:- +)?|(?<![^\s\[{,，｛［])[{｛]\s*|[,，]\s*)([a-z][a-z0-9_-]*)$")
"""A word that stands where a key may."""
_NAMES = {
    "\t": "制表符（Tab）",
    "\u3000": "全角空格",
    "\u00a0": "不间断空格（从网页、微信复制来的）",
    **dict.fromkeys(_NOTHINGS, "看不见的字符"),
}


@dataclass(frozen=True)
class Repaired:
    """A text in half-width punctuation. ``columns`` give, for a line whose length changed, those it had."""

    text: str
    faults: list[Fault]
    columns: Mapping[int, Sequence[int]]

    def column(self, line: int, column: int) -> int:
        """Return where a column of a repaired line stood; both count from 1."""
        were = self.columns.get(line)
        if not were:
            return column
        return were[column - 1] if column <= len(were) else were[-1] + column - len(were)


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


def repair(place: str, text: str) -> Repaired:
    """Replace full-width punctuation, with a fault for each place where it stood."""
    scan = _Scan(place)
    lines = [scan.line(number, line) for number, line in enumerate(text.split("\n"), 1)]
    scan.end()
    return Repaired("\n".join(lines), scan.faults, scan.columns)


@dataclass
class _Scan:
    """A walk over the lines; it knows quoted texts, comments, text blocks and lists."""

    place: str
    faults: list[Fault] = field(default_factory=list)
    columns: dict[int, list[int]] = field(default_factory=dict)
    quote: str = ""
    opened: tuple[int, int] = (0, 0)
    brackets: list[str] = field(default_factory=list)
    block: int | None = None
    _row: Fault | None = None

    def line(self, number: int, line: str) -> str:
        if self._in_block(line):
            return line
        if self.quote and _ENTRY.match(line):
            self.end()
        pieces = [(half, column) for column, half in self._characters(number, line)]
        code = "".join(half for half, _ in pieces)
        columns = [column for half, column in pieces for _ in half]
        if columns != list(range(1, len(columns) + 1)):
            self.columns[number] = columns
        if not self.quote and not self.brackets and _BLOCK_TEXT.search(code):
            self.block = len(line) - len(line.lstrip(" "))
        return code

    def end(self) -> None:
        """Report a quote that the text leaves open, and go on as if it were closed."""
        if self.quote:
            self._fault(*self.opened, "引号没有合上", f"请在这一行补上 {self.quote}")
            self.quote = ""

    def _in_block(self, line: str) -> bool:
        if self.block is None:
            return False
        if not line.strip() or len(line) - len(line.lstrip(" ")) > self.block:
            return True
        self.block = None
        return False

    def _characters(self, number: int, line: str) -> Iterator[tuple[int, str]]:
        """Yield the line in half-width punctuation by column, without its comment."""
        previous, escaped = " ", False
        for column, char in enumerate(line, 1):
            if self.quote:
                yield column, char
                if char == self.quote and not escaped:
                    self.quote = ""
                escaped = self.quote == '"' and char == "\\" and not escaped
            elif char == "#" and previous in _BLANKS:
                self._check_comment(number, column, line)
                return
            else:
                self._note(number, column, char, previous)
                yield column, self._half_width(number, column, line)
            previous = char

    def _check_comment(self, number: int, column: int, line: str) -> None:
        """A ``#`` within a text swallows the rest of it; a comment has a space after it."""
        before, after = line[: column - 1].strip(), line[column : column + 1]
        if before and not before.endswith((",", "，")) and after not in ("", "#", *_BLANKS):
            hint = "是说明的，请在“#”后留一个空格；是文字的，请把整段文字放在英文引号内"
            self._fault(number, column, "“#”后面的字会被当作说明丢掉", hint)

    def _note(self, number: int, column: int, char: str, previous: str) -> None:
        if char in _QUOTES and previous in _BEFORE_QUOTE:
            self.quote, self.opened = char, (number, column)
        elif char in _OPENS:
            self.brackets.append(char)
        elif char in _CLOSES and self.brackets:
            self.brackets.pop()

    def _half_width(self, number: int, column: int, line: str) -> str:
        """Return what should stand in a column, and report it where it is something else."""
        char, before, after = line[column - 1], line[: column - 1], line[column : column + 1]
        if char == "、" and self._in_list():
            self._fault(number, column, "不能用顿号“、”", "列表各项之间用英文逗号“,”分开")
            return "," if after.isspace() else ", "
        if char in _DASHES and after.isdecimal() and (not before or before[-1] in _BEFORE_SIGN):
            self._fault(number, column, f"“{char}”不是减号", "请改为英文“-”")
            return "-"
        if (
            char == ":"
            and after not in ("", "/", *_SPACES, " ")
            and not self._in_list()
            and _KEY.search(before)
        ):
            self._fault(number, column, "冒号后面没有空格", "写成“键: 值”，冒号后留一个空格")
            return ": "
        if char not in HALF_WIDTH:
            return char
        half = HALF_WIDTH[char]
        self._fault(number, column, *_words(char, before[-1:], after))
        glued = half in (":", ",") and not after.isspace() and not (before[-1:] + after).isdecimal()
        return half + " " if glued else half

    def _in_list(self) -> bool:
        return bool(self.brackets) and self.brackets[-1] in _LIST_OPENS

    def _fault(self, line: int, column: int, message: str, hint: str) -> None:
        """Report once what stands several times in a row."""
        fault = Fault(self.place, line, column, "", message, hint)
        follows = self._row is not None and replace(self._row, column=self._row.column + 1) == fault
        self._row = fault
        if not follows:
            self.faults.append(fault)


def _words(char: str, before: str, after: str) -> tuple[str, str]:
    """Say what a full-width character is, and what would be right."""
    if char in _NOTHINGS:
        return f"有{_NAMES[char]}", "请删去后重新输入这个词"
    if char in _SPACES:
        return f"不能用{_NAMES.get(char, '特殊空格')}", "请改为英文空格"
    if char in _FORMS:
        return "不能用全角的字母、数字", "请改为英文半角"
    quotes = HALF_WIDTH[char] in _QUOTES
    hint = f"请改为英文引号 {HALF_WIDTH[char]}" if quotes else f"请改为英文“{HALF_WIDTH[char]}”"
    if _is_chinese(before) or _is_chinese(after):
        hint += "；如果是文字的一部分，请把整段文字放在英文引号内"
    return "不能用中文引号" if quotes else f"不能用全角标点“{char}”", hint


def _is_chinese(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"
