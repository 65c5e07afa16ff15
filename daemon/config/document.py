"""YAML as plain values, with the line and column of every key and value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from daemon.config import rawtext
from daemon.errors import Fault

Path = tuple[str, ...]
"""The keys and list positions that lead to a value, as text."""

_NO_ALIAS = "不支持 YAML 的引用（& 和 *）"
_SYNTAX = (
    (
        r"mapping values are not allowed",
        "这里不该有冒号",
        "请检查上一行的缩进和引号；文字中有冒号的要加英文引号",
    ),
    (r"could not find expected ':'", "缺少冒号", "写成“键: 值”，冒号后留一个空格"),
    (
        r"expected <block end>|inconsistent indentation|did not find expected",
        "缩进不一致",
        "同一层各行左边要对齐",
    ),
    (r"expected ',' or '[]}]'", "括号没有合上，或缺少逗号", ""),
    (r"unexpected end of stream|while scanning a quoted", "引号没有合上", ""),
    (r"undefined alias|found duplicate anchor", _NO_ALIAS, "值以 * 或 & 开头的要加英文引号"),
    (r"cannot start any token", "这个符号不能放在开头", "请把整段文字放在英文引号内"),
    (r"a single document", "一个文件里只能有一份内容", "请去掉“---”"),
)


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a value stands, and where its key does; both count from 1."""

    line: int
    column: int
    key_line: int
    key_column: int


@dataclass(frozen=True)
class Document:
    """One file, read.

    ``broken`` are lines whose punctuation had to be repaired, ``doubts`` places of faulty values: those that
    cannot be read, and those that a stand-in has taken the place of (mending.py).
    """

    place: str
    data: object
    marks: Mapping[Path, Mark]
    broken: frozenset[int] = frozenset()
    doubts: frozenset[Path] = frozenset()

    def sure(self, *paths: Iterable[object]) -> bool:
        """Whether the values at these paths are what was written, in whole."""
        keys = [tuple(map(str, path)) for path in paths]
        return not any(key[: len(doubt)] == doubt[: len(key)] for doubt in self.doubts for key in keys)

    def names(self, *path: str) -> list[str] | None:
        """Return the keys written in the mapping at a path, faulty ones too; ``None`` where there is none."""
        data = self.data
        for part in path:
            data = data.get(part) if isinstance(data, dict) else None
        return [str(key) for key in data] if isinstance(data, dict) else None

    def fault(self, path: Iterable[object], message: str, hint: str = "", *, at_key: bool = False) -> Fault:
        """Return a fault at a value or its key; at the nearest one around it where there is none."""
        key = tuple(map(str, path))
        mark = next(self.marks[key[:n]] for n in range(len(key), -1, -1) if key[:n] in self.marks)
        at_key = at_key or key not in self.marks
        line, column = (mark.key_line, mark.key_column) if at_key else (mark.line, mark.column)
        return Fault(self.place, line, column, ".".join(key), message, hint)


def read(place: str, text: str) -> tuple[Document | None, list[Fault]]:
    """Return the document and its faults; ``None`` where YAML cannot be read at all."""
    repaired = rawtext.repair(place, text)
    faults = repaired.faults
    broken = frozenset(fault.line for fault in faults)
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False  # told as a fault of ours
    try:
        node = yaml.compose(repaired.text)
    except MarkedYAMLError as error:
        return None, faults or [_syntax_fault(place, error, repaired.text)]
    except ReaderError as error:
        return None, [*faults, _control_fault(place, error, repaired.text)]
    except RecursionError:
        return None, [*faults, Fault(place, 0, 0, "", "括号套得太深", "请检查括号是否成对")]
    if node is None:
        return None, [*faults, Fault(place, 0, 0, "", "文件是空的")]
    builder = _Builder(place, repaired)
    data = builder.value(node, (), node)
    found = [fault for fault in builder.faults if fault.line not in broken]
    unread = frozenset(builder.unread)
    return Document(place, data, builder.marks, broken, unread), [*faults, *found, *builder.unread.values()]


def _control_fault(place: str, error: ReaderError, text: str) -> Fault:
    lines = text[: error.position].split("\n")
    return Fault(place, len(lines), len(lines[-1]) + 1, "", "有看不见的控制字符", "请删去后重新输入")


def _syntax_fault(place: str, error: MarkedYAMLError, text: str) -> Fault:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    problem = error.problem or ""
    lines = text.split("\n")
    if 0 < line <= len(lines) and "${" in lines[line - 1]:
        return Fault(place, line, column, "", "“${…}”没有加引号", '花括号里要写成 "${env:名称}"')
    for pattern, message, hint in _SYNTAX:
        if re.search(pattern, f"{error.context or ''} {problem}"):
            return Fault(place, line, column, "", message, hint)
    return Fault(place, line, column, "", "YAML 写法有误", "请检查缩进、冒号、引号和括号")


@dataclass
class _Builder:
    """Turns nodes into plain values; every fault is kept, none is raised."""

    place: str
    repaired: rawtext.Repaired
    marks: dict[Path, Mark] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    unread: dict[Path, Fault] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)
    _constructor: object = field(default_factory=lambda: YAML(typ="safe", pure=True).constructor)

    def value(self, node: Node, path: Path, key: Node) -> object:
        named = key.start_mark
        self.marks[path] = Mark(*self._place(node.start_mark), *self._place(named))
        if id(node) in self._seen:
            self._fault(path, named, _NO_ALIAS, "请把内容再写一遍")
            return None
        self._seen.add(id(node))
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, str(n)), item) for n, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: MappingNode, path: Path) -> dict[object, object]:
        values: dict[object, object] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._fault(path, key_node.start_mark, "键应为一个词", "花括号里的 ${…} 要加英文引号")
                continue
            key = self._scalar(key_node, path)
            inner = (*path, str(key))
            if inner in self.marks:
                hint = f"第 {self.marks[inner].key_line} 行已经写过，请删去一处或改名"
                self._fault(inner, key_node.start_mark, f"“{key}”重复", hint)
            else:
                values[key] = self.value(value_node, inner, key_node)
        return values

    def _scalar(self, node: Node, path: Path) -> object:
        try:
            return self._constructor.construct_object(node, deep=True)  # type: ignore[attr-defined]
        except (YAMLError, ValueError):
            place = self._place(node.start_mark)
            hint = "没有这一天，或带了 YAML 的标签（!）"
            self.unread[path] = Fault(self.place, *place, ".".join(path), "这个值读不出来", hint)
            return None

    def _fault(self, path: Path, at: StringMark, message: str, hint: str) -> None:
        self.faults.append(Fault(self.place, *self._place(at), ".".join(path), message, hint))

    def _place(self, at: StringMark) -> tuple[int, int]:
        """Return the line and column of a mark in the text as it was written."""
        return at.line + 1, self.repaired.column(at.line + 1, at.column + 1)
