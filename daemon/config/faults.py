"""pydantic's findings in the words of an office clerk, at the line and column where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import ValidationError

from daemon.config.document import Document, Path
from daemon.config.mending import Mender, Wound, has, inner, node_at, resolved
from daemon.config.models import FAULT, Shape
from daemon.config.words import closest, nearest, shown
from daemon.errors import Fault

_Shape = TypeVar("_Shape", bound=Shape)
_DATE_KEY = re.compile(r"datetime\.date\((\d+), (\d+), (\d+)\)")
_QUOTED = re.compile(r"'([^']*)'")
_GLUED = re.compile(r"([\w-]+):(.+)")
_KEY = "[key]"
_MENDINGS = 5

_TYPES = {
    "string_type": ("应为文字", "数字和日期要加英文引号"),
    "int_type": ("应为整数", "不加引号，不带小数"),
    "float_type": ("应为数字", "不加引号"),
    "bool_type": ("应为 true 或 false", "不加引号"),
    "date_type": ("应为日期", "写成 2018-07-31，不加引号"),
    "list_type": ("应为列表", "写成 [甲, 乙]，只有一项也要方括号"),
    "dict_type": ("应为“键: 值”", "冒号后留一个空格"),
    "model_type": ("应为“键: 值”", "冒号后留一个空格"),
    "model_attributes_type": ("应为“键: 值”", "冒号后留一个空格"),
    "string_too_short": ("不能为空", ""),
    "string_too_long": ("太长", "最多 {max_length} 个字符"),
    "too_short": ("不能为空", "至少要有一项"),
    "invalid_key": ("键应为文字", "写成“键: 值”，数字和日期要加英文引号"),
    "missing": ("缺少这一项", ""),
    "greater_than": ("太小", "应大于 {gt}"),
    "greater_than_equal": ("太小", "至少为 {ge}"),
    "less_than_equal": ("太大", "最多为 {le}"),
}


def validated(document: Document, shape: type[_Shape]) -> tuple[Document, _Shape | None, list[Fault]]:
    """Return the model of a document and every fault of it.

    Where there is any, the model has stand-ins for what is faulty, and the document returned knows them as
    its doubts; ``None`` where not even that can be had.
    """
    wounds, faults = _empty_values(document)
    mender = Mender(_schema(shape), document.data)
    for turn in range(_MENDINGS):
        mender.mend(wounds)
        try:
            model = shape.model_validate(mender.data)
        except ValidationError as error:
            details = [_Detail(document, shape, mender, each) for each in error.errors(include_url=False)]
            wounds = [detail.wound() for detail in details]
            if turn == 0:
                faults += _told(document, details, wounds)
            continue
        doubtful = replace(document, doubts=frozenset(mender.doubts))
        return doubtful, model, faults
    return document, None, faults


@lru_cache
def _schema(shape: type[Shape]) -> Mapping[str, Any]:
    return shape.model_json_schema()


def _empty_values(document: Document) -> tuple[list[Wound], list[Fault]]:
    """Find the keys that nothing follows: YAML has a value for that, the rules do not."""
    wounds = [Wound(path) for path in _nothings(document.data, ())]
    hint = "请写上，或删去这一项"
    told = [
        document.fault(wound.path, f"“{wound.path[-1]}”后面是空的", hint, at_key=True)
        for wound in wounds
        if wound.path not in document.doubts
    ]
    return wounds, [fault for fault in told if fault.line not in document.broken]
    return wounds, [document.fault(w.path, f"“{w.path[-1]}”后面是空的", hint, at_key=True) for w in wounds]


def _nothings(value: object, path: Path) -> Iterator[Path]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if inner is None and ":" not in str(key):
                yield (*path, str(key))
            yield from _nothings(inner, (*path, str(key)))
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            if inner is None:
                yield (*path, str(n))
            yield from _nothings(inner, (*path, str(n)))


def _told(document: Document, details: Sequence[_Detail], wounds: Sequence[Wound]) -> Iterator[Fault]:
    """Leave out what is only missing because its key is misspelt, and keys that repaired punctuation made."""
    meant = {(*wound.path[:-1], wound.meant) for wound in wounds if wound.meant}
    for detail in details:
        fault = detail.fault()
        made = fault.line in document.broken and detail.kind in ("extra_forbidden", "missing")
        if not made and not (detail.kind == "missing" and detail.path in meant):
            yield fault


class _Detail:
    """One of pydantic's findings."""

    def __init__(self, document: Document, shape: type[Shape], mender: Mender, detail: Any) -> None:
        loc = [_part(part) for part in detail["loc"]]
        self.kind, self._context = detail["type"], detail.get("ctx", {})
        self._document, self._value = document, detail["input"]
        self.at_key = self.kind == "extra_forbidden" or _KEY in loc
        if self.kind == "union_tag_invalid":
            loc.append("provider")
        self.path = _path(mender.data, loc, keep_last=self.kind == "missing")
        self._known = (
            _known_keys(_schema(shape), mender.data, self.path) if self.kind == "extra_forbidden" else []
        )

    def wound(self) -> Wound:
        meant = closest(self.path[-1], self._known) if self._known else ""
        return Wound(self.path, key=self.at_key, meant=meant)

    def fault(self) -> Fault:
        message, hint = _words(self.kind, self._context, self._value, self.path)
        if self.kind == "extra_forbidden":
            hint = hint or nearest(self.path[-1], self._known)
        return self._document.fault(self.path, message, hint, at_key=self.at_key)


def _known_keys(schema: Mapping[str, Any], data: object, path: Path) -> list[str]:
    """Return the keys that the mapping around a key may have."""
    node = resolved(schema, node_at(schema, data, path[:-1]), _around(data, path))
    return list(node.get("properties", {}))


def _around(data: object, path: Path) -> object:
    for part in path[:-1]:
        data = inner(data, part)
    return data


def _words(kind: str, context: Mapping[str, Any], value: object, path: Path) -> tuple[str, str]:
    if kind == FAULT:
        return context["message"], context["hint"]
    if kind == "extra_forbidden":
        if name := _GLUED.match(path[-1]):
            return f"“{path[-1]}”的冒号后面没有空格", f"写成“{name[1]}: {name[2]}”"
        return f"没有“{path[-1]}”这一项", ""
    if kind in ("literal_error", "union_tag_invalid"):
        valid = _QUOTED.findall(str(context.get("expected") or context.get("expected_tags")))
        word = context.get("tag", value)
        return f"没有{shown(word)}这种写法", nearest(word, valid)
    if kind == "union_tag_not_found":
        return "缺少 provider", "写明服务商，如 provider: smtp"
    if kind == "string_pattern_mismatch":
        return f"{shown(value)}里有不能用的字符", _pattern_hint(str(context["pattern"]))
    message, hint = _TYPES.get(kind, ("这个值不对", ""))
    return message, hint.format(**context)


def _pattern_hint(pattern: str) -> str:
    return "不能有【】和空格" if "【" in pattern else "只用小写英文字母、数字、“-”和“_”"


def _part(part: object) -> str:
    """Return one step of pydantic's path as a document's path has it."""
    if match := _DATE_KEY.fullmatch(str(part)):
        return "{:04}-{:02}-{:02}".format(*map(int, match.groups()))
    return str(part)


def _path(data: object, loc: list[str], *, keep_last: bool) -> Path:
    """Return where in the data ``loc`` points, without the tags that pydantic adds."""
    path: Path = ()
    for n, part in enumerate(loc):
        if has(data, part):
            data = inner(data, part)
            path = (*path, part)
        elif keep_last and n == len(loc) - 1:
            path = (*path, part)
    return path
