"""What decides when a rung speaks: as the domain's value, and as words that can be kept and compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.config import repeats, words
from daemon.config.conditions import compile_condition
from daemon.config.models import DefaultsFile, LadderFile, RungFile
from daemon.domain.ladder import Wording

Words = Mapping[str, Any]
"""A wording as JSON-able words; two rungs that speak alike have equal words."""


def wording(ladder: LadderFile, rung: RungFile, defaults: DefaultsFile) -> Wording:
    """Return the wording of a rung; its ``when`` is added to its ladder's, or to the default's."""
    conditions = (ladder.when if ladder.when is not None else defaults.when, rung.when)
    return Wording(
        anchor=ladder.anchor,
        at=rung.at,
        when=tuple(compile_condition(text) for text in conditions if text is not None),
        every=rung.every,
        until=rung.until,
        times=rung.times,
        all_days=rung.days == "all",
    )


def to_words(value: Wording) -> dict[str, Any]:
    return {
        "from": value.anchor,
        "at": str(value.at) if value.at else words.IMMEDIATELY,
        "every": value.every.text if value.every else None,
        "until": str(value.until) if value.until else None,
        "times": value.times,
        "when": [condition.text for condition in value.when],
        "days": "all" if value.all_days else "workdays",
    }


def from_words(value: Words) -> Wording:
    return Wording(
        anchor=value["from"],
        at=words.at(value["at"]),
        when=tuple(compile_condition(text) for text in value["when"]),
        every=repeats.every(value["every"]) if value["every"] else None,
        until=words.offset(value["until"]) if value["until"] else None,
        times=value["times"],
        all_days=value["days"] == "all",
    )
