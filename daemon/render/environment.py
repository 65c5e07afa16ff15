"""The sandbox in which templates run: what they may name and do, and how much.

A template reads plain data and writes lines. It has no methods, no ``range``, no unbounded loops; whatever it
writes, makes or repeats is counted, so that a slip in a template ends in a fault and not in a dead worker.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from jinja2 import DictLoader, StrictUndefined, Template, Undefined, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from daemon.render.wording import FILTERS

PART_BYTES = 32 * 1024
"""The most that one part of a message (a subject, a text, a card) may hold."""
STEPS = 10_000
"""The most turns of loops, calls and includes in one message."""
CELL = "｜"
"""Parts the cells of a row; what data bring with them is written otherwise."""

_TOO_LONG = f"超过{PART_BYTES // 1024} KiB"
_TOO_MANY = f"循环或调用超过{STEPS}次"
_NUMBER = 10**15
_DATA = (str, bytes, int, float, Decimal, date, timedelta, Mapping, list, tuple)
_PRINTED = (str, int, float, Decimal, date, Undefined)  # an undefined name has words of its own
_FILTERS = (
    "abs count default first groupby int join last length list lower map max min reject rejectattr"
    " select selectattr sort sum trim unique upper"
)
_UNPRINTABLE = dict.fromkeys([*range(0x20), 0x7F, 0x2028, 0x2029], " ") | {ord(CELL): "|"}

_steps_left: ContextVar[list[int]] = ContextVar("steps_left")


@contextmanager
def budget(steps: int = STEPS) -> Iterator[None]:
    """Allow so many turns to what is rendered inside."""
    token = _steps_left.set([steps])
    try:
        yield
    finally:
        _steps_left.reset(token)


def write(stream: Iterable[str]) -> str:
    """Join what a template writes, and refuse it as soon as it is too long."""
    pieces, size = [], 0
    for piece in stream:
        size += len(piece.encode())
        _require(size <= PART_BYTES, _TOO_LONG)
        pieces.append(piece)
    return "".join(pieces)


def _filtered(node: nodes.Expr, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno, environment=node.environment)


class _BoundedCode(CodeGenerator):
    """Compiles every loop and every ``~`` into one that is counted."""

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802
        super().visit_Template(_Bound().visit(node), frame)


class _Bound(NodeTransformer):
    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802
        bound = self.generic_visit(node)
        assert isinstance(bound, nodes.For)
        assert isinstance(bound.iter, nodes.Expr)
        bound.iter = _filtered(bound.iter, "bounded_")
        return bound

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:  # noqa: N802
        bound = self.generic_visit(node)
        assert isinstance(bound, nodes.Concat)
        return _filtered(nodes.List(bound.nodes, lineno=node.lineno, environment=node.environment), "joined_")


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2 as the offices' templates see it."""

    code_generator_class = _BoundedCode
    intercepted_binops = frozenset(["+", "*", "**", "%"])

    def __init__(self, templates: Mapping[str, str]) -> None:
        super().__init__(
            loader=DictLoader(templates),
            undefined=StrictUndefined,
            autoescape=_is_html,
            finalize=_one_line,
            cache_size=-1,
            auto_reload=False,
        )
        allowed = {name: self.filters[name] for name in _FILTERS.split()}
        self.filters = {**allowed, **FILTERS, "bounded_": _bounded, "joined_": _joined}
        self.globals.clear()

    def get_template(self, *args: Any, **kwargs: Any) -> Template:
        _spend()
        return super().get_template(*args, **kwargs)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        # The odd names are Jinja2's own: a template may pass keyword arguments of any name.
        _spend()
        return super().call(__context, __obj, *args, **kwargs)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Data have no methods: ``format`` and ``strftime`` alone could fill the memory."""
        return super().is_safe_attribute(obj, attr, value) and not (
            isinstance(obj, _DATA) and callable(value)
        )

    def wrap_str_format(self, value: Any) -> None:
        """Refuse what Jinja2 would wrap before it asks ``is_safe_attribute``."""
        _require(super().wrap_str_format(value) is None, "不能使用 format")

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Let numbers be added and multiplied, and texts be joined, within bounds."""
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return _joined([left, right])
        _require(operator != "**" and _is_small(left) and _is_small(right), f"不允许这样使用 {operator}")
        return super().call_binop(context, operator, left, right)


def _bounded(values: Iterable[object]) -> Iterator[object]:
    for value in values:
        _spend()
        yield value


def _joined(values: Iterable[object]) -> str:
    return write(str(value) for value in values)


def _spend() -> None:
    left = _steps_left.get(None)
    if left is not None:
        left[0] -= 1
        _require(left[0] >= 0, _TOO_MANY)


def _one_line(value: object) -> object:
    """Keep what data bring to one line and one cell, and never write ``None`` or a list into a letter."""
    _require(value is not None, "此处没有值，请先用 if 判断")
    _require(isinstance(value, _PRINTED) and not isinstance(value, bool), "此处不是文字或数字")
    if isinstance(value, str):
        _require(len(value) <= PART_BYTES, _TOO_LONG)
        return value.translate(_UNPRINTABLE)
    return value


def _is_small(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and -_NUMBER < value < _NUMBER


def _is_html(name: str | None) -> bool:
    return name is not None and name.endswith(".html.j2")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise SecurityError(message)
