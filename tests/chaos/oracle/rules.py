"""The config folder as the oracle reads it: plain YAML, no loader of the service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from ruamel.yaml import YAML

from tests.chaos.oracle.days import (
    WEEKDAYS,
    Bundle,
    Calendar,
    Hours,
    Offset,
    UnsupportedError,
    offset,
    read_calendar,
)

ACTS = (
    *("notice", "reminder", "early_warning", "urge", "assignment", "supervision_letter"),
    *("commendation", "circular", "talk", "accountability", "escalation", "brief"),
)
"""The acts, weakest first (design.md §3)."""
FORMAL = frozenset(ACTS[ACTS.index("supervision_letter") :])
"""The documents of the office: no budget holds them."""
USUAL = 100
"""So many notices may leave within any hour, unless ``flood`` says otherwise."""
_RUNG = frozenset(
    (
        *("at", "act", "to", "copy", "every", "until", "times", "days", "when", "unless"),
        *("bundle", "template", "catch_up"),
    )
)
_LADDER = frozenset(["about", "from", "when", "per", "rungs"])


@dataclass(frozen=True)
class Budget:
    """The most messages that one person gets on a channel, a day and a week from Monday; none: no limit."""

    day: int | None = None
    week: int | None = None


UNLESS_SAID = {"sms": {"day": 2}}
"""The budgets that hold where the rules do not say so."""
Line = tuple[str, int]
"""One line of a rung's addressees: ``to`` or ``copy``, and its number there."""


@dataclass(frozen=True)
class Wording:
    """What of a rung, when changed, makes it a new one from its activation on (design.md §2.2)."""

    anchor: str
    at: Offset | None
    every: Offset | None
    until: Offset | None
    times: int | None
    all_days: bool
    when: tuple[str, ...]


@dataclass(frozen=True)
class Rung:
    """A rung with what its ladder and the acts say. ``position`` counts from 0."""

    id: str
    position: int
    wording: Wording
    act: str
    to: tuple[tuple[str, ...], ...]
    copy: tuple[tuple[str, ...], ...]
    bundle: str | None
    unless_signed: bool
    catch_up: bool
    approval: bool
    legs: tuple[tuple[str, ...], ...]
    signs: bool
    since: datetime | None = None
    former: Wording | None = None

    @property
    def exempt(self) -> bool:
        """Whether no budget holds it: it is signed for, approved, or formal. It counts all the same."""
        return self.signs or self.approval or self.act in FORMAL

    @property
    def rank(self) -> int:
        return ACTS.index(self.act)

    @property
    def lines(self) -> Mapping[Line, tuple[str, ...]]:
        """The seats of each line, the first of which that anybody holds is addressed."""
        to = {("to", number): seats for number, seats in enumerate(self.to)}
        return to | {("copy", number): seats for number, seats in enumerate(self.copy)}


@dataclass(frozen=True)
class Ladder:
    id: str
    about: str
    anchor: str
    per_unit: bool
    rungs: Mapping[str, Rung]


@dataclass(frozen=True)
class Filing:
    key: str
    due: date
    start: date
    owed_by: frozenset[str]


@dataclass(frozen=True)
class Campaign:
    id: str
    zone: ZoneInfo
    phases: Mapping[str, tuple[date, date]]
    filings: Mapping[str, Filing]
    targets: Mapping[date, Fraction]
    pace_from: date | None
    min_cases: int

    @property
    def end(self) -> date:
        return max((until for _, until in self.phases.values()), default=date.max)


@dataclass(frozen=True)
class Rules:
    """One config folder."""

    campaign: Campaign
    ladders: Mapping[str, Ladder]
    hours: Hours
    channel_hours: Mapping[str, Hours]
    bundles: Mapping[str, Bundle]
    calendar: Calendar
    an_hour: int
    budgets: Mapping[str, Budget]

    def rung(self, ladder: str, rung: str) -> Rung | None:
        found = self.ladders.get(ladder)
        return found.rungs.get(rung) if found else None

    def hours_of(self, channel: str) -> Hours:
        return self.channel_hours.get(channel, self.hours)


def read_rules(files: Mapping[str, str]) -> Rules:
    """Read a config folder, given as text by relative path."""
    campaigns = [text for name, text in files.items() if name.startswith("campaigns/")]
    if len(campaigns) != 1:
        raise UnsupportedError(f"{len(campaigns)} campaigns")
    channels = _load(files["channels.yaml"])
    calendar = _load(files.get("calendar.yaml", "{}"))
    return Rules(
        _campaign(_load(campaigns[0])),
        _ladders(_load(files["ladders.yaml"])),
        _hours(channels["window"]),
        {n: _hours(c["window"]) for n, c in channels["channels"].items() if c and c.get("window")},
        {name: _bundle(one) for name, one in (channels.get("bundles") or {}).items()},
        read_calendar(calendar.get("years") or {}),
        int((channels.get("flood") or {}).get("hour", USUAL)),
        {
            name: _budget(one or {})
            for name, one in {**UNLESS_SAID, **(channels.get("budgets") or {})}.items()
        },
    )


def activated(old: Rules, new: Rules, at: datetime) -> Rules:
    """Return ``new`` in the place of ``old``: changed rungs speak from ``at`` on."""
    ladders = {
        name: replace(ladder, rungs={k: _carried(old.rung(name, k), r, at) for k, r in ladder.rungs.items()})
        for name, ladder in new.ladders.items()
    }
    return replace(new, ladders=ladders)


def _carried(old: Rung | None, new: Rung, at: datetime) -> Rung:
    if old is not None and old.wording == new.wording:
        return replace(new, since=old.since, former=old.former)
    if new.catch_up:
        return replace(new, since=None, former=None)
    return replace(new, since=at, former=old.wording if old else None)


def _load(text: str) -> dict[str, Any]:
    yaml = YAML(typ="safe", pure=True)
    return dict(yaml.load(text) or {})


def _campaign(raw: Mapping[str, Any]) -> Campaign:
    phases = {key: (one["from"], one["to"]) for key, one in raw["phases"].items()}
    filings = {
        key: Filing(key, one["due"], phases[one["phase"]][0], frozenset(one["owed_by"]))
        for key, one in (raw.get("filings") or {}).items()
    }
    targets = {day: Fraction(str(p).rstrip("%")) / 100 for day, p in (raw.get("targets") or {}).items()}
    pace = raw.get("pace") or {}
    zone = ZoneInfo(raw.get("zone", "Asia/Shanghai"))
    return Campaign(
        raw["id"], zone, phases, filings, targets, pace.get("from"), int(pace.get("min_cases", 5))
    )


def _clock(written: Any) -> time:
    if isinstance(written, int):  # YAML 1.1 reads 09:10 as minutes
        return time(written // 60, written % 60)
    return time.fromisoformat(str(written))


def _hours(raw: Mapping[str, Any]) -> Hours:
    return Hours(_clock(raw["from"]), _clock(raw["to"]), raw.get("days", "workdays") == "workdays")


def _bundle(raw: Mapping[str, Any]) -> Bundle:
    if raw.get("every") not in (None, "week"):
        raise UnsupportedError(f"bundle every {raw['every']}")
    weekday = WEEKDAYS.index(raw["on"]) if raw.get("every") else None
    return Bundle(_clock(raw["at"]), weekday, raw.get("days", "workdays") == "workdays")


def _budget(raw: Mapping[str, int]) -> Budget:
    return Budget(raw.get("day"), raw.get("week"))


def _ladders(raw: Mapping[str, Any]) -> dict[str, Ladder]:
    defaults = raw.get("defaults") or {}
    found = {}
    for key, one in raw["ladders"].items():
        if more := set(one) - _LADDER:
            raise UnsupportedError(f"ladders.{key}: {', '.join(sorted(more))}")
        when = one.get("when") or defaults.get("when")
        rungs = {
            name: _rung(f"{key}.{name}", name, number, one["from"], when, written, raw["acts"], defaults)
            for number, (name, written) in enumerate(one["rungs"].items())
        }
        found[key] = Ladder(key, one["about"], one["from"], one.get("per") == "unit", rungs)
    return found


def _rung(
    place: str,
    key: str,
    position: int,
    anchor: str,
    ladder_when: str | None,
    raw: Mapping[str, Any],
    acts: Mapping[str, Any],
    defaults: Mapping[str, Any],
) -> Rung:
    if more := set(raw) - _RUNG:
        raise UnsupportedError(f"{place}: {', '.join(sorted(more))}")
    at = offset(raw["at"])
    when = tuple(one for one in (ladder_when, raw.get("when")) if one)
    wording = Wording(
        anchor,
        at,
        _every(raw.get("every")),
        offset(raw["until"]) if raw.get("until") else None,
        raw.get("times"),
        raw.get("days") == "all",
        when,
    )
    policy = acts[raw["act"]]
    return Rung(
        key,
        position,
        wording,
        raw["act"],
        _addressees(raw["to"]),
        _addressees(raw.get("copy") or []),
        None if at is None else raw.get("bundle", defaults.get("bundle")),
        raw.get("unless") == "signed",
        bool(raw.get("catch_up")),
        "approval" in policy,
        tuple(tuple(leg.split("+")) for leg in policy["legs"]),
        "sign" in policy,
    )


def _every(written: Any) -> Offset | None:
    if written is None:
        return None
    if written in ("week", "month"):
        return Offset(1, f"{written}s")
    parts = str(written).split()
    if len(parts) == 2 and parts[1].startswith("workday"):
        return Offset(int(parts[0]), "workdays")
    raise UnsupportedError(f"every: {written}")


def _addressees(written: list[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(seat.strip() for seat in line.split(" or ")) for line in written)
