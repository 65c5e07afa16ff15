"""``when``: Jinja2 expressions over a published table of names, checked whole and compiled to callables.

Jinja2 parses; a walk over its tree lets through comparisons, ``and``/``or``/``not``, sums, constants, a few
filters and the published names, and nothing that calls, indexes or loops.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError, nodes
from jinja2.environment import TemplateExpression
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from daemon.config.words import WordError, nearest, shown
from daemon.domain.case import State
from daemon.domain.ladder import MOVED, PUBLISHED, Condition, Names, SubjectKind
from daemon.domain.pace import Verdict

MAX_LENGTH = 300
_SINGLE_EQUALS = re.compile(r"(?<![=!<>])=(?!=)(?=[^\"]*(?:\"[^\"]*\"[^\"]*)*$)")
FILTERS = ("abs", "float", "int", "length", "lower")
_ALLOWED = (
    nodes.And, nodes.Or, nodes.Not, nodes.Compare, nodes.Operand, nodes.Name, nodes.Getattr, nodes.Const,
    nodes.List, nodes.Tuple, nodes.Test, nodes.Filter, nodes.Add, nodes.Sub, nodes.Neg, nodes.Pos,
)  # fmt: skip
_UNREADABLE = (TypeError, ValueError, ArithmeticError, NameError)
"""What a sound expression never raises; Jinja2 writes an infinite constant as a name."""
_PLAIN = frozenset(name for names in PUBLISHED.values() for name in names if "." not in name)
_SANDBOX = ImmutableSandboxedEnvironment(undefined=StrictUndefined)

SAMPLE: Names = {
    "open": True, "unsigned": True, "overdue": False, "key": False, "days_left": 9,
    "rate": 0.5, "total": 8, "closed": 4, "missing": 1, "verdict": Verdict.MISSED.value,
    "behind": True, "pace": 5, "min_cases": 5,
    "case": {
        "no": "PS-2018-0001", "state": State.ASSIGNED.value, "due_on": date(2018, 12, 31),
        "assigned_on": date(2018, 9, 3), "found_on": date(2018, 8, 10), "amount": Decimal("1000.00"),
        "category": "", "source": "", "returns": 0, "extensions": 0,
    },
    "filing": {"kind": "", "state": "open", "due_on": date(2018, 7, 31)},
    "target": {"due_on": date(2018, 12, 31), "percent": 60},
    "phase": {"id": "", "from": date(2018, 8, 16), "to": date(2020, 12, 31), "days": 869},
    "unit": {"name": "", "kind": "", "total": 8, "closed": 4},
}  # fmt: skip
"""A value of the right type for every published name: a comparison that fails on these can never hold."""

STATES: Mapping[str, Collection[str]] = {
    "case.state": tuple(state.value for state in State),
    "filing.state": ("open", "submitted", "returned", "accepted"),
    "verdict": tuple(verdict.value for verdict in Verdict),
}
"""The words that some names can be, so that a misspelt one is found."""


@lru_cache(maxsize=1024)
def compile_condition(text: str) -> Condition:
    """Return the condition of a text that has been checked."""
    return Condition(text, _deferred(text), moved=not MOVED.isdisjoint(names_in(text)))


def check_condition(text: str, kind: SubjectKind, words: Mapping[str, Collection[str]] | None = None) -> None:
    """Raise ``WordError`` for what could not be judged about a subject of this kind.

    ``words`` are the values that further names can take, such as ``phase.id``.
    """
    tree = _parse(text)
    for node in _walk(tree):
        _check_node(node)
    for name in _names(tree):
        if name not in PUBLISHED[kind]:
            hint = nearest(name, sorted(PUBLISHED[kind]))
            raise WordError(f"条件里没有“{name}”这个名称（about: {kind.value}）", hint)
    for comparison in _compares(tree):
        _check_words(comparison, {**STATES, **(words or {})})
        _check_types(comparison, text)
    _check_whole(text)


def names_in(text: str) -> frozenset[str]:
    return frozenset(_names(_parse(text)))


def constants_in(text: str) -> list[object]:
    """Return the texts and numbers that a condition compares with."""
    return [node.value for node in _walk(_parse(text)) if isinstance(node, nodes.Const)]


def _deferred(text: str) -> Callable[[Names], bool]:
    """Return the callable of an expression; it is compiled when it is first asked."""
    if text in _PLAIN:
        return lambda names: bool(names[text])

    wanted = [tuple(name.split(".")) for name in sorted(names_in(text))]

    @lru_cache(maxsize=1024)
    def judged(*values: object) -> bool:
        return _judge(text, _nested(wanted, values))

    def holds(names: Names) -> bool:
        """Judge what the expression names, and each combination of values once: most subjects share them."""
        return judged(*(_value(names, path) for path in wanted))

    return holds


def _judge(text: str, names: Names) -> bool:
    try:
        return bool(_expression(text)(names))
    except TypeError:  # a fact that is not known yet compares with nothing
        return False


def _value(names: Names, path: Sequence[str]) -> object:
    """Return what a name stands for; raise as the sandbox does where it is not there."""
    value: object = names
    for part in path:
        if not isinstance(value, Mapping) or part not in value:
            raise UndefinedError(f"'{'.'.join(path)}' is undefined")
        value = value[part]
    return value


def _nested(paths: Sequence[Sequence[str]], values: Sequence[object]) -> Names:
    names: dict[str, Any] = {}
    for path, value in zip(paths, values, strict=True):
        inner = names
        for part in path[:-1]:
            inner = inner.setdefault(part, {})
        inner[path[-1]] = value
    return names


@lru_cache(maxsize=1024)
def _expression(text: str) -> TemplateExpression:
    compiled = _SANDBOX.compile_expression(text, undefined_to_none=False)
    assert isinstance(compiled, TemplateExpression)
    return compiled


def _parse(text: str) -> nodes.Expr:
    if not text.strip() or len(text) > MAX_LENGTH:
        raise WordError("条件为空或太长", f"最多 {MAX_LENGTH} 个字符")
    try:
        parser = Parser(_SANDBOX, text, state="variable")
        tree = parser.parse_expression()
    except (TemplateSyntaxError, RecursionError):
        parser, tree = None, None
    if _SINGLE_EQUALS.search(text):
        raise WordError(f"条件{shown(text)}里只有一个等号", "相等要写两个等号 ==")
    if tree is None or parser is None or not parser.stream.eos:
        raise WordError(
            f"条件{shown(text)}写法有误", '写成 open，或 open and case.due_on is none，文字用 "…"'
        )
    return tree


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _walk(child)


def _compares(tree: nodes.Expr) -> Iterator[nodes.Compare]:
    return (node for node in _walk(tree) if isinstance(node, nodes.Compare))


def _check_node(node: nodes.Node) -> None:
    if not isinstance(node, _ALLOWED) or (isinstance(node, nodes.Getattr) and not _dotted(node)):
        raise WordError(
            "条件里只能用比较、and、or、not、is none、in 和加减", "不能调用函数、取下标或做别的运算"
        )
    if isinstance(node, nodes.Filter) and (node.name not in FILTERS or node.args or node.kwargs):
        raise WordError(f"条件里不能用过滤器“{node.name}”", nearest(node.name, FILTERS))
    if isinstance(node, nodes.Test) and node.name != "none":
        raise WordError(f"条件里不能用“is {node.name}”", "只能用 is none、is not none")


def _names(node: nodes.Node) -> Iterator[str]:
    """Yield the names of an expression as they are written, dotted ones whole."""
    if name := _dotted(node):
        yield name
        return
    for child in node.iter_child_nodes():
        yield from _names(child)


def _dotted(node: nodes.Node) -> str:
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr) and (inner := _dotted(node.node)):
        return f"{inner}.{node.attr}"
    return ""


def _check_words(comparison: nodes.Compare, words: Mapping[str, Collection[str]]) -> None:
    sides = [comparison.expr, *(operand.expr for operand in comparison.ops)]
    name = next((dotted for side in sides if (dotted := _dotted(side)) in words), None)
    if name is None:
        return
    for side in sides:
        for const in (node for node in _walk(side) if isinstance(node, nodes.Const)):
            if isinstance(const.value, str) and const.value not in words[name]:
                raise WordError(f"{name} 不会是“{const.value}”", nearest(const.value, words[name]))


def _check_types(comparison: nodes.Compare, text: str) -> None:
    result = nodes.Assign(nodes.Name("result", "store", lineno=1), comparison, lineno=1)
    template = _SANDBOX.from_string(nodes.Template([result], lineno=1))
    try:
        TemplateExpression(template, undefined_to_none=False)(SAMPLE)
    except _UNREADABLE:
        hint = "日期不能和文字、数字比较，数字不加引号"
        raise WordError(f"条件{shown(text)}两边不能相比", hint) from None


def _check_whole(text: str) -> None:
    """Refuse what cannot be worked out where nothing is compared: unlike things added, numbers past all."""
    try:
        _expression(text)(SAMPLE)
    except _UNREADABLE:
        raise WordError(f"条件{shown(text)}算不出来", "只有数字能加减，数字不要太大") from None
