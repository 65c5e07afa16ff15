"""Puts stand-ins where values are faulty, so that the rest of a file can be checked in the same run.

What a stand-in touches is a doubt: nothing is reported of it but the fault that it stands for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from daemon.config.document import Path

Node = Mapping[str, Any]
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_YEAR = re.compile(r"20\d\d")


@dataclass(frozen=True, slots=True)
class Wound:
    """Where a value is faulty. ``key``: it is the key that is; ``meant``: the key that was likely meant."""

    path: Path
    key: bool = False
    meant: str = ""


@dataclass
class Mender:
    """Mends the values of one file by what its JSON Schema says of them."""

    schema: Node
    data: Any
    doubts: set[Path] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.data = deepcopy(self.data)

    def mend(self, wounds: Iterable[Wound]) -> None:
        """Mend what can be mended; what lies in a place that has been taken out is mended with it."""
        for wound in wounds:
            try:
                self._mend(wound)
            except (LookupError, TypeError, ValueError):
                continue

    def _mend(self, wound: Wound) -> None:
        *before, name = wound.path
        around = self._value(before)
        self.doubts.add(wound.path)
        if wound.key:
            value = around.pop(_own(around, name))
            if wound.meant and wound.meant not in around:
                around[wound.meant] = value
                self.doubts.add((*before, wound.meant))
        elif isinstance(around, list):
            around[int(name)] = _as_read(self._node(before)["examples"][0][0])
        else:
            self._stand_in(tuple(before), around, name)

    def _stand_in(self, before: Path, around: dict[Any, Any], name: str) -> None:
        node = resolved(self.schema, self._node(before), around)
        if name not in node.get("required", ()):
            around.pop(_own(around, name))
        else:
            around[name] = _as_read(node["properties"][name]["examples"][0])

    def _value(self, path: Iterable[str]) -> Any:
        value = self.data
        for part in path:
            value = inner(value, part)
        return value

    def _node(self, path: Iterable[str]) -> Node:
        return node_at(self.schema, self.data, path)


def node_at(schema: Node, data: object, path: Iterable[str]) -> Node:
    """Return what the schema says of a place, by walking it as an editor would; {} where it says nothing."""
    node = schema
    for part in path:
        node = resolved(schema, node, data)
        data = inner(data, part)
        node = next(_steps(node, part), {})
    return node


def has(data: object, part: str) -> bool:
    if isinstance(data, list):
        return part.isdecimal() and int(part) < len(data)
    return isinstance(data, dict) and any(str(key) == part for key in data)


def inner(data: object, part: str) -> object:
    if isinstance(data, list):
        return data[int(part)]
    if not isinstance(data, dict):
        raise LookupError(part)
    return data[_own(data, part)]


def resolved(schema: Node, node: Node, data: object) -> Node:
    """Follow references; of several shapes, take the one that the provider names."""
    if "discriminator" in node and isinstance(data, dict):
        return resolved(schema, {"$ref": node["discriminator"]["mapping"].get(data.get("provider"))}, data)
    if reference := node.get("$ref"):
        found: Node = schema["$defs"][str(reference).rpartition("/")[2]]
        return found
    return next(
        (resolved(schema, option, data) for option in node.get("anyOf", ()) if "$ref" in option), node
    )


def _steps(node: Node, part: str) -> Iterator[Node]:
    named = node.get("properties", {}).get(part)
    for step in (named, node.get("additionalProperties"), *node.get("patternProperties", {}).values()):
        if isinstance(step, dict):
            yield step
    if "items" in node:
        yield node["items"]


def _own(data: Mapping[Any, Any], part: str) -> Any:
    """Return the key that is written ``part``: it may be a date or a number."""
    for key in data:
        if str(key) == part:
            return key
    raise LookupError(part)


def _as_read(value: Any) -> Any:
    """Return an example as YAML would have read it."""
    match value:
        case dict():
            return {int(k) if _YEAR.fullmatch(k) else _as_read(k): _as_read(v) for k, v in value.items()}
        case list():
            return [_as_read(each) for each in value]
        case str() if _DATE.fullmatch(value):
            return date.fromisoformat(value)
        case _:
            return value
