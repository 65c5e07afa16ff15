"""Since when each rung speaks as it does, and what it said before: the last rows of §2.2's table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from daemon.config.document import Document
from daemon.config.models import LaddersFile
from daemon.config.source import LADDERS, RuleSource, rule_files
from daemon.config.wording import Words, to_words, wording
from daemon.config.words import nearest
from daemon.errors import Fault, FaultyInputError

RungKey = tuple[str, str]
"""A ladder's id and a rung's."""


@dataclass(frozen=True, slots=True)
class RungHistory:
    """``since`` is the activation that brought a rung's wording (``None``: it was there from the start).

    ``former`` are the words it had before; ``None`` where it had none. ``names`` are the keys it had before.
    """

    since: datetime | None = None
    former: Words | None = None
    names: tuple[RungKey, ...] = ()


History = Mapping[RungKey, RungHistory]
Renamed = Mapping[RungKey, tuple[RungKey, ...]]
"""For a rung, the keys that it may have had until now, the first that there was counts."""
_NOTHING: Renamed = MappingProxyType({})


def wording_dict(source: RuleSource) -> dict[RungKey, Words]:
    """Return what decides when each rung speaks, as JSON-able words."""
    files = rule_files(source)
    return {
        (ladder_id, rung_id): to_words(wording(ladder, rung, files.ladders.defaults))
        for ladder_id, ladder in files.ladders.ladders.items()
        for rung_id, rung in ladder.rungs.items()
    }


def rung_history(
    old: RuleSource,
    old_history: History,
    new: RuleSource,
    at: datetime,
    renamed: Renamed = _NOTHING,
) -> dict[RungKey, RungHistory]:
    """Return the history of every rung of ``new`` as it takes over from ``old`` at an instant.

    A rung whose wording stands keeps its history, also under another name (``was``, ``renamed``, or a name
    it had once). A new or changed one speaks from now on and carries its former wording; with ``catch_up`` it
    counts as there from the start. Raise ``FaultyInputError`` where two rungs would share one past.
    """
    before, after = wording_dict(old), wording_dict(new)
    pasts = _pasts(before, after, old_history, {**_written(new), **renamed})
    history: dict[RungKey, RungHistory] = {}
    for ladder_id, ladder in rule_files(new).ladders.ladders.items():
        for rung_id, rung in ladder.rungs.items():
            key = (ladder_id, rung_id)
            past = pasts.get(key)
            carried = old_history.get(past, RungHistory()) if past else RungHistory()
            names = tuple(dict.fromkeys(n for n in (*carried.names, past) if n and n != key))
            if past and before[past] == after[key]:
                history[key] = replace(carried, names=names)
            elif rung.catch_up:
                history[key] = RungHistory(names=names)
            else:
                history[key] = RungHistory(at, before[past] if past else None, names)
    _refuse_shared_pasts(history)
    return history


def _pasts(
    before: Mapping[RungKey, Words],
    after: Mapping[RungKey, Words],
    old_history: History,
    renamed: Renamed,
) -> dict[RungKey, RungKey]:
    """Return which rung of the rules in force each rung goes on from."""
    by_former = {name: key for key, past in old_history.items() for name in past.names}
    found: dict[RungKey, RungKey] = {}
    for key in after:
        candidates = (key, *renamed.get(key, ()), by_former.get(key))
        past = next((c for c in candidates if c in before and (c == key or c not in after)), None)
        if past:
            found[key] = past
    return found


def _written(source: RuleSource) -> dict[RungKey, tuple[RungKey, ...]]:
    """Return what each rung ``was``, as its file says: on its own ladder, or on the one that ladder was."""
    return {
        (ladder_id, rung_id): (
            (ladder_id, rung.was or rung_id),
            (ladder.was or ladder_id, rung.was or rung_id),
        )
        for ladder_id, ladder in rule_files(source).ladders.ladders.items()
        for rung_id, rung in ladder.rungs.items()
    }


def unknown_pasts(
    written: Document, file: LaddersFile, old: RuleSource, old_history: History
) -> Iterator[Fault]:
    """Yield each ``was`` of a ladders file that names nothing the rules in force have or ever had.

    A ``was`` that was carried out stays where it is: the history of the rules in force knows its name.
    """
    before = wording_dict(old)
    known = {*before, *(name for past in old_history.values() for name in past.names)}
    known |= {key for keys in _written(old).values() for key in keys}
    ladders = {ladder_id for ladder_id, _ in known}
    for ladder_id, ladder in file.ladders.items():
        path = ("ladders", ladder_id)
        if ladder.was and ladder.was not in ladders and written.sure((*path, "was")):
            gone = sorted({name for name, _ in before} - set(file.ladders))
            yield written.fault((*path, "was"), f"以前没有“{ladder.was}”这个梯次", _meant(ladder.was, gone))
        homes = {ladder_id, ladder.was or ladder_id}
        for rung_id, rung in ladder.rungs.items():
            where = (*path, "rungs", rung_id, "was")
            if rung.was and not {(home, rung.was) for home in homes} & known and written.sure(where):
                gone = [name for home, name in before if home in homes and name not in ladder.rungs]
                yield written.fault(where, f"以前没有“{rung.was}”这一级", _meant(rung.was, gone))


def _meant(name: str, gone: Sequence[str]) -> str:
    return nearest(name, gone) if gone else "不是改名的，请删去 was"


def _refuse_shared_pasts(history: History) -> None:
    """Refuse a name that another has the past of: what was said under it would count for both."""
    faults = []
    ladders = {key[0] for key in history}
    for heir, past in history.items():
        for ladder_id, rung_id in past.names:
            if ladder_id in ladders - {heir[0]}:
                faults.append(_shared(f"ladders.{ladder_id}", ladder_id, heir[0]))
            elif (ladder_id, rung_id) in history:
                faults.append(_shared(f"ladders.{ladder_id}.rungs.{rung_id}", rung_id, heir[1]))
    if faults:
        raise FaultyInputError(dict.fromkeys(faults))


def _shared(key: str, name: str, heir: str) -> Fault:
    message = f"“{name}”是“{heir}”用过的名字，以前说过的都记在“{heir}”名下"
    return Fault(LADDERS, 0, 0, key, message, "请另起名字")


@dataclass(frozen=True, slots=True)
class Rename:
    """A rung that vanishes and one that appears, so alike that it may be the same."""

    old: RungKey
    new: RungKey


def likely_renames(old: RuleSource, old_history: History, new: RuleSource) -> list[Rename]:
    """Return the pairs that look like renames and do not say so: one ladder, same act, same people."""
    before, after = wording_dict(old), wording_dict(new)
    pasts = _pasts(before, after, old_history, _written(new))
    gone = [key for key in before if key not in after and key not in pasts.values()]
    found = []
    for key in after:
        same = [g for g in gone if key not in pasts and g[0] == key[0] and _alike(old, g) == _alike(new, key)]
        if len(same) == 1:
            gone.remove(same[0])
            found.append(Rename(same[0], key))
    return found


def _alike(source: RuleSource, key: RungKey) -> tuple[object, ...]:
    rung = rule_files(source).ladders.ladders[key[0]].rungs[key[1]]
    return (rung.act, rung.to)


def dump_history(history: History) -> dict[str, Any]:
    """Return a history as JSON, for the activation's row; what is there from the start is left out."""
    return {
        "/".join(key): {"since": each.since and each.since.isoformat(), "former": each.former}
        | ({"names": ["/".join(name) for name in each.names]} if each.names else {})
        for key, each in sorted(history.items())
        if each != RungHistory()
    }


def parse_history(stored: Mapping[str, Any]) -> dict[RungKey, RungHistory]:
    history: dict[RungKey, RungHistory] = {}
    for name, each in stored.items():
        since = datetime.fromisoformat(each["since"]) if each["since"] else None
        names = tuple(map(_key, each.get("names", ())))
        history[_key(name)] = RungHistory(since, each["former"], names)
    return history


def _key(name: str) -> RungKey:
    ladder_id, rung_id = name.split("/")
    return ladder_id, rung_id
