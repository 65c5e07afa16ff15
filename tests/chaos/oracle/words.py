"""Conditions: what may stand in ``when``, evaluated over Python's syntax tree (the service has Jinja2's).

Comparisons, ``and``/``or``/``not``, ``is none``, sums, constants, lists and names. Anything else is refused
with :class:`UnsupportedError`.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from tests.chaos.oracle.days import UnsupportedError

MOVED = frozenset(
    (
        *("overdue", "days_left", "rate", "total", "closed", "missing", "verdict"),
        *("behind", "pace", "unit.total", "unit.closed"),
    )
)
"""Names that time or other subjects move: taken as of the occurrence's instant (design.md §2.2)."""
_COMPARES: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
    ast.Is: lambda a, b: a is b,
    ast.IsNot: lambda a, b: a is not b,
}


@lru_cache
def parsed(text: str) -> ast.expr:
    python = re.sub(r"\bnone\b", "None", re.sub(r"\btrue\b", "True", re.sub(r"\bfalse\b", "False", text)))
    try:
        return ast.parse(python.strip(), mode="eval").body
    except SyntaxError as fault:
        raise UnsupportedError(f"when: {text}") from fault


def names(text: str) -> frozenset[str]:
    found: set[str] = set()

    def walk(node: ast.AST) -> None:
        if isinstance(node, (ast.Name, ast.Attribute)):
            found.add(ast.unparse(node))
        else:
            for child in ast.iter_child_nodes(node):
                walk(child)

    walk(parsed(text))
    return frozenset(found)


def is_moved(text: str) -> bool:
    return bool(names(text) & MOVED)


def holds(text: str, known: Mapping[str, Any]) -> bool:
    """Evaluate a condition over dotted names; what is not known yet compares with nothing."""
    try:
        return bool(_value(parsed(text), known))
    except TypeError:
        return False


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_value(part, known) for part in parts)
        case ast.BoolOp(op=ast.Or(), values=parts):
            return any(_value(part, known) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=one):
            return not _value(one, known)
        case ast.UnaryOp(op=ast.USub(), operand=one):
            return -_value(one, known)
        case ast.BinOp(op=ast.Add(), left=a, right=b):
            return _value(a, known) + _value(b, known)
        case ast.BinOp(op=ast.Sub(), left=a, right=b):
            return _value(a, known) - _value(b, known)
        case ast.Compare(left=first, ops=ops, comparators=others):
            values = [_value(part, known) for part in (first, *others)]
            return all(_COMPARES[type(op)](a, b) for op, a, b in zip(ops, values, values[1:], strict=False))
        case ast.Constant(value=value):
            return value
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return [_value(part, known) for part in parts]
        case ast.Name() | ast.Attribute():
            name = ast.unparse(node)
            if name not in known:
                raise UnsupportedError(f"the oracle does not know the name {name!r}")
            return known[name]
    raise UnsupportedError(f"when: {ast.unparse(node)}")
