"""pydantic's findings in the words of an office clerk, at the line and column where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from daemon.config.document import Document, Path
from daemon.config.models import FAULT, Shape
from daemon.config.words import nearest, shown
from daemon.errors import Fault

_Shape = TypeVar("_Shape", bound=Shape)
_DATE_KEY = re.compile(r"datetime\.date\((\d+), (\d+), (\d+)\)")
_QUOTED = re.compile(r"'([^']*)'")
_KEY = "[key]"

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


def validated(document: Document, shape: type[_Shape]) -> tuple[_Shape | None, list[Fault]]:
    """Return the model of a document and every fault of it; ``None`` where there is any."""
    try:
        return shape.model_validate(document.data), []
    except ValidationError as error:
        found = [_fault(document, shape, detail) for detail in error.errors(include_url=False)]
        return None, [fault for fault in found if fault.line not in document.broken]


def _fault(document: Document, shape: type[Shape], detail: Any) -> Fault:
    loc = [_part(part) for part in detail["loc"]]
    kind, context = detail["type"], detail.get("ctx", {})
    at_key = kind == "extra_forbidden" or _KEY in loc
    if kind == "union_tag_invalid":
        loc.append("provider")
    path = _path(document, loc, keep_last=kind == "missing")
    message, hint = _words(kind, context, detail["input"], path)
    if kind == "extra_forbidden":
        hint = nearest(path[-1], _known_keys(shape, document, path[:-1]))
    return document.fault(path, message, hint, at_key=at_key)


def _words(kind: str, context: Mapping[str, Any], value: object, path: Path) -> tuple[str, str]:
    if kind == FAULT:
        return context["message"], context["hint"]
    if kind == "extra_forbidden":
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


def _path(document: Document, loc: list[str], *, keep_last: bool) -> Path:
    """Return where in the document ``loc`` points, without the tags that pydantic adds."""
    path: Path = ()
    for n, part in enumerate(loc):
        if (*path, part) in document.marks or (keep_last and n == len(loc) - 1):
            path = (*path, part)
    return path


def _known_keys(shape: type[Shape], document: Document, path: Path) -> list[str]:
    """Return the keys that a mapping may have, by walking the JSON Schema as the editor would."""
    schema = shape.model_json_schema()
    data = document.data
    node: Mapping[str, Any] = schema
    for part in path:
        data = _inner(data, part)
        node = next(_steps(schema, node, part, data), {})
    return list(_resolved(schema, node, data).get("properties", {}))


def _inner(data: object, part: str) -> object:
    if isinstance(data, list):
        return data[int(part)]
    assert isinstance(data, dict)
    return next(value for key, value in data.items() if str(key) == part)


def _steps(
    schema: Mapping[str, Any], node: Mapping[str, Any], part: str, data: object
) -> Iterator[Mapping[str, Any]]:
    named = node.get("properties", {}).get(part)
    for step in (named, node.get("additionalProperties"), *node.get("patternProperties", {}).values()):
        if isinstance(step, dict):
            yield _resolved(schema, step, data)
    if "items" in node:
        yield _resolved(schema, node["items"], data)


def _resolved(schema: Mapping[str, Any], node: Mapping[str, Any], data: object) -> Mapping[str, Any]:
    """Follow references; of several shapes, take the one that the provider names."""
    if "discriminator" in node and isinstance(data, dict):
        return _resolved(schema, {"$ref": node["discriminator"]["mapping"].get(data.get("provider"))}, data)
    if reference := node.get("$ref"):
        found: Mapping[str, Any] = schema["$defs"][str(reference).rsplit("/", 1)[-1]]
        return found
    for option in node.get("anyOf", ()):
        if "$ref" in option:
            return _resolved(schema, option, data)
    return node
