"""Whether conditions can hold at all: tried on made-up subjects of every sort that could make a difference.

It errs towards yes: a contradiction is reported only where no value of the names could avoid it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import islice, pairwise, product
from typing import Any

from daemon.config.conditions import SAMPLE, STATES, compile_condition, constants_in, names_in
from daemon.domain.case import OPEN, State
from daemon.domain.ladder import SubjectKind

_MOST_TRIED = 20_000
_FAR = 10**6
_FILING_OPEN = frozenset({"open", "returned"})
_DERIVED = frozenset({"open", "overdue"})
Given = tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """When conditions are asked: of which kind of subject, and what is certain of it.

    ``given`` are the facts of each subject there can be, ``days_left`` all that can be left to its deadline
    (``None``: anything), ``states`` those it can be in.
    """

    kind: SubjectKind
    given: tuple[Given, ...] = ((),)
    has_deadline: bool = False
    days_left: frozenset[int] | None = None
    states: frozenset[str] | None = None


@lru_cache(maxsize=4096)
def can_hold(texts: tuple[str, ...], moment: Moment) -> bool:
    """Return whether any subject could meet all these (well-formed) conditions at once."""
    conditions = [compile_condition(text) for text in texts]
    worlds = list(islice(_worlds(texts, moment), _MOST_TRIED + 1))
    if len(worlds) > _MOST_TRIED:
        return True
    return any(all(condition.holds(world) for condition in conditions) for world in worlds)


def _worlds(texts: tuple[str, ...], moment: Moment) -> Iterator[Mapping[str, object]]:
    used = sorted(set().union(*map(names_in, texts)) | set(_state_names(moment.kind)))
    constants = [constant for text in texts for constant in constants_in(text)]
    if "overdue" in used:
        used = sorted({*used, "days_left"})
    for facts in moment.given:
        fixed = dict(facts)
        free = [name for name in used if name not in fixed and name not in _DERIVED]
        values = [_values(name, constants, moment) for name in free]
        for chosen in product(*values):
            flat = {**fixed, **dict(zip(free, chosen, strict=True))}
            if _consistent(flat):
                yield _nested(flat | _derived(flat))


def _state_names(kind: SubjectKind) -> tuple[str, ...]:
    """Return the names that settle what ``open`` is."""
    return {SubjectKind.CASE: ("case.state",), SubjectKind.FILING: ("filing.state",)}.get(kind, ())


def _values(name: str, constants: Sequence[Any], moment: Moment) -> Sequence[object]:
    if name in ("case.state", "filing.state") and moment.states is not None:
        return sorted(moment.states)
    if name == "days_left" and moment.days_left is not None:
        return sorted(moment.days_left)
    if name in STATES:
        return [*STATES[name], None]
    sample = _sample(name)
    if isinstance(sample, bool):
        return [True, False]
    if isinstance(sample, date):
        return [sample] if name == "case.due_on" and moment.has_deadline else [sample, None]
    if isinstance(sample, str):
        return [*dict.fromkeys(c for c in constants if isinstance(c, str)), "＊", "", None]
    numbers = _numbers(constants)
    return numbers if name == "days_left" and moment.has_deadline else [*numbers, None]


def _numbers(constants: Sequence[Any]) -> list[float]:
    """Return a number on either side of every constant, and between any two."""
    known = sorted({float(c) for c in constants if isinstance(c, int | float) and not isinstance(c, bool)})
    beside = {c + step for c in known for step in (-1, 0, 1)}
    between = {(low + high) / 2 for low, high in pairwise(known)}
    return sorted({*beside, *between, -_FAR, 0.0, 1.0, _FAR})


def _sample(name: str) -> object:
    value: Any = SAMPLE
    for part in name.split("."):
        value = value[part]
    return value


def _consistent(flat: Mapping[str, Any]) -> bool:
    """Whether the names fit each other as daemon/store/facts.py makes them."""
    due_on, left = flat.get("case.due_on", ...), flat.get("days_left", ...)
    if due_on is not ... and left is not ... and (due_on is None) != (left is None):
        return False
    if flat.get("unsigned") and ("case.state" in flat or "filing.state" in flat):
        return bool(_derived(flat)["open"]) and flat.get("case.state") != State.SIGNED.value
    return True


def _derived(flat: Mapping[str, Any]) -> dict[str, object]:
    is_open = True
    if "case.state" in flat:
        is_open = flat["case.state"] in OPEN
    elif "filing.state" in flat:
        is_open = flat["filing.state"] in _FILING_OPEN
    left = flat.get("days_left")
    return {"open": is_open, "overdue": is_open and left is not None and left < 0}


def _nested(flat: Mapping[str, object]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        first, _, second = name.partition(".")
        if second:
            nested.setdefault(first, {})[second] = value
        else:
            nested[first] = value
    return nested
