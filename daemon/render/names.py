"""Names in templates that nothing ever fills, found without rendering: also in branches no sample takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError

from daemon.errors import Fault
from daemon.render import samples, sms
from daemon.render.environment import Sandbox

_OF_LOOP = frozenset(["index", "index0", "revindex", "revindex0", "first", "last", "length"])
_OF_JINJA = frozenset(["loop", "self", "super", "caller", "varargs", "kwargs"])
_OF_RENDERER = frozenset(["points", "lines", "overdue", "url", "subject", "blocks", "footer", "rows", "line"])


def unknown_names(templates: Mapping[str, str]) -> Iterator[Fault]:
    """Yield every name of these templates that no message has."""
    sandbox = Sandbox(templates)
    trees = {}
    for name, source in sorted(templates.items()):
        try:
            trees[name] = sandbox.parse(source, name)
        except TemplateSyntaxError:
            continue  # told when it is rendered
    own = {node.name for tree in trees.values() for node in tree.find_all(nodes.Name) if node.ctx != "load"}
    own |= {macro.name for tree in trees.values() for macro in tree.find_all(nodes.Macro)}
    keys = _keys()
    for name, tree in trees.items():
        asked = _asked(tree)
        for node in tree.find_all((nodes.Name, nodes.Getattr)):
            word, known = _word(node, own, keys)
            if word not in known and word not in asked:
                yield _fault(name, templates[name], node.lineno, word, known)


def _asked(tree: nodes.Template) -> set[str]:
    """Return the names of which a template itself asks whether they are there."""
    tested = [test.node for test in tree.find_all(nodes.Test) if test.name in ("defined", "undefined")]
    return {str(getattr(node, "name", None) or getattr(node, "attr", "")) for node in tested}


def _word(node: nodes.Node, own: set[str], keys: frozenset[str]) -> tuple[str, frozenset[str]]:
    if isinstance(node, nodes.Name):
        return node.name, frozenset(samples.context("unit")) | _OF_RENDERER | _OF_JINJA | own
    assert isinstance(node, nodes.Getattr)
    return node.attr, keys


def _keys() -> frozenset[str]:
    """Return the keys of everything that a message may tell."""
    found = set(sms.NAMES) | _OF_LOOP | _OF_RENDERER
    for template in ("digest.unit", "digest.group", "note.office"):
        for context in samples.contexts(template):
            if len(context["items"]) < 10:
                found |= set(_within(context))
    return frozenset(found)


def _within(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for each in value.values():
            yield from _within(each)
    elif isinstance(value, list):
        for each in value:
            yield from _within(each)


def _fault(name: str, source: str, line: int, word: str, known: frozenset[str]) -> Fault:
    column = source.split("\n")[line - 1].find(word) + 1
    near = get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    hint = f"是不是“{near[0]}”？" if near else "可用的名称见 templates/README.md"
    return Fault(f"templates/{name}", line, column, "", f"没有“{word}”这个名称", hint)
