"""Text of a template that stands outside its blocks: no channel ever sends it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError

from daemon.errors import Fault
from daemon.render.environment import Sandbox

_BODY = {"email": "text", "wecom": "description"}
_UNSENT = (nodes.Block, nodes.Macro, nodes.AssignBlock)
"""What is sent by its block, or only where it is called."""


def outside_blocks(templates: Mapping[str, str], channel: str, template: str) -> Iterator[Fault]:
    """Yield a fault for each line of a message's template that says something outside its blocks."""
    name = f"{channel}/{template}.j2"
    source = templates[name]
    try:
        tree = Sandbox({}).parse(source, name)
    except TemplateSyntaxError:
        return  # told when it is rendered
    for line in dict.fromkeys(_lines(tree)):
        text = source.split("\n")[line - 1]
        column = len(text) - len(text.lstrip()) + 1
        hint = f"请移到 {{% block {_BODY[channel]} %}} 里"
        yield Fault(f"templates/{name}", line, column, "", "block 以外的文字不会发出", hint)


def _lines(node: nodes.Node) -> Iterator[int]:
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Output):
            yield from (line for each in child.nodes if (line := _line(each)))
        elif isinstance(child, nodes.Include):
            yield child.lineno
        elif not isinstance(child, _UNSENT):
            yield from _lines(child)


def _line(node: nodes.Expr) -> int:
    """Return the line on which something is said; 0 where it is nothing but space."""
    if not isinstance(node, nodes.TemplateData):
        return node.lineno
    said = node.data.lstrip()
    return node.lineno + node.data[: len(node.data) - len(said)].count("\n") if said else 0
