"""Since when each rung speaks as it does, and what it said before: the last rows of §2.2's table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from daemon.config.models import LadderFile, RungFile
from daemon.config.source import RuleSource, rule_files
from daemon.config.wording import Words, to_words, wording

RungKey = tuple[str, str]
"""A ladder's id and a rung's."""


@dataclass(frozen=True, slots=True)
class RungHistory:
    """``since`` is the activation that brought a rung's wording (``None``: it was there from the start).

    ``former`` are the words it had before; ``None`` where it had none.
    """

    since: datetime | None = None
    former: Words | None = None


History = Mapping[RungKey, RungHistory]


def wording_dict(source: RuleSource) -> dict[RungKey, Words]:
    """Return what decides when each rung speaks, as JSON-able words."""
    files = rule_files(source)
    return {
        (ladder_id, rung_id): to_words(wording(ladder, rung, files.ladders.defaults))
        for ladder_id, ladder in files.ladders.ladders.items()
        for rung_id, rung in ladder.rungs.items()
    }


def rung_history(
    old: RuleSource, old_history: History, new: RuleSource, at: datetime
) -> dict[RungKey, RungHistory]:
    """Return the history of every rung of ``new`` as it takes over from ``old`` at an instant.

    A rung whose wording stands keeps its history. A new or changed one speaks from now on and carries its
    former wording, found under the name it ``was``; with ``catch_up`` it counts as there from the start.
    """
    before, after = wording_dict(old), wording_dict(new)
    history: dict[RungKey, RungHistory] = {}
    for ladder_id, ladder in rule_files(new).ladders.ladders.items():
        for rung_id, rung in ladder.rungs.items():
            key = (ladder_id, rung_id)
            if before.get(key) == after[key]:
                history[key] = old_history.get(key, RungHistory())
            elif rung.catch_up:
                history[key] = RungHistory()
            else:
                former = before.get(key) or before.get(_former_key(key, ladder, rung))
                history[key] = RungHistory(at, former)
    return history


def _former_key(key: RungKey, ladder: LadderFile, rung: RungFile) -> RungKey:
    return ladder.was or key[0], rung.was or key[1]


def dump_history(history: History) -> dict[str, Any]:
    """Return a history as JSON, for the activation's row; what is there from the start is left out."""
    return {
        "/".join(key): {"since": each.since and each.since.isoformat(), "former": each.former}
        for key, each in sorted(history.items())
        if each != RungHistory()
    }


def parse_history(stored: Mapping[str, Any]) -> dict[RungKey, RungHistory]:
    history: dict[RungKey, RungHistory] = {}
    for name, each in stored.items():
        ladder_id, rung_id = name.split("/")
        since = datetime.fromisoformat(each["since"]) if each["since"] else None
        history[ladder_id, rung_id] = RungHistory(since, each["former"])
    return history
