"""Compare: what two rule sets would say over the same time. Who gains, who loses, what moves, how much a day.

Works on the lines of a simulation (design.md §6) as they come, and keeps keys and counts, never texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Who = tuple[str, str]
"""A person and the unit, '' outside the units: names alone may be shared."""


@dataclass(frozen=True, slots=True, order=True)
class Said:
    """One item as one person was told it, on a day (local, ISO)."""

    person: str
    unit: str
    kind: str
    subject: str
    ladder: str
    rung: str
    occurrence: str
    part: str
    day: str

    @property
    def undated(self) -> tuple[str, ...]:
        """What it is, whenever it is said."""
        return (
            self.person,
            self.unit,
            self.kind,
            self.subject,
            self.ladder,
            self.rung,
            self.occurrence,
            self.part,
        )


@dataclass(frozen=True, slots=True)
class Burden:
    """How many messages a person gets: in all, on how many days, and on the fullest."""

    messages: int = 0
    days: int = 0
    most: int = 0

    @property
    def a_day(self) -> float:
        """Messages on a day that brings any."""
        return self.messages / self.days if self.days else 0.0


@dataclass
class Heard:
    """What one rule set says, counted as it comes; ``held`` notices wait until the office lets them go."""

    notices: int = 0
    held: int = 0
    items: Counter[Said] = field(default_factory=Counter)
    _daily: dict[Who, Counter[str]] = field(default_factory=dict)

    def hear(self, lines: Iterable[Mapping[str, Any]]) -> Heard:
        for line in lines:
            who, day = _who(line), line["at"][:10]
            self.notices += 1
            self.held += line.get("held", False)
            self._daily.setdefault(who, Counter())[day] += 1
            self.items.update(_items(line, who, day))
        return self

    def burden(self, who: Who) -> Burden:
        daily: Counter[str] = self._daily.get(who, Counter())
        return Burden(sum(daily.values()), len(daily), max(daily.values(), default=0))

    @property
    def people(self) -> set[Who]:
        return set(self._daily)


def _who(line: Mapping[str, Any]) -> Who:
    return line["to"]["person"], line["to"]["unit"] or ""


def _items(line: Mapping[str, Any], who: Who, day: str) -> Iterator[Said]:
    for item in line["items"]:
        subject = item["subject"]
        yield Said(
            *who,
            subject["kind"],
            subject["id"],
            item["ladder"],
            item["rung"],
            item["occurrence"],
            item["part"],
            day,
        )


@dataclass(frozen=True, slots=True)
class PersonLine:
    """One person before and after, with the items gained, lost and moved."""

    person: str
    unit: str
    before: Burden
    after: Burden
    gained: int
    lost: int
    moved: int


@dataclass(frozen=True)
class Comparison:
    """What differs: items that only one of two rule sets says, and those it says on another day."""

    before: Heard
    after: Heard
    gained: list[Said]
    lost: list[Said]
    moved: list[tuple[Said, Said]]

    def people(self) -> list[PersonLine]:
        """Return everybody who is told otherwise or more or less often, those with most changes first."""
        gained, lost = _counted(self.gained), _counted(self.lost)
        moved = _counted(one for one, _ in self.moved)
        lines = [
            PersonLine(
                *who, self.before.burden(who), self.after.burden(who), gained[who], lost[who], moved[who]
            )
            for who in self.before.people | self.after.people
        ]
        changed = [
            each for each in lines if each.gained or each.lost or each.moved or each.before != each.after
        ]
        return sorted(changed, key=lambda e: (-(e.gained + e.lost + e.moved), e.person, e.unit))


def _counted(said: Iterable[Said]) -> Counter[Who]:
    return Counter((each.person, each.unit) for each in said)


def compare(before: Heard, after: Heard) -> Comparison:
    """Return what ``after`` says and ``before`` does not, and the reverse; what moved stands apart."""
    gained = sorted((after.items - before.items).elements())
    lost = sorted((before.items - after.items).elements())
    waiting: dict[tuple[str, ...], list[Said]] = {}
    for each in reversed(gained):
        waiting.setdefault(each.undated, []).append(each)
    moved = [(each, waiting[each.undated].pop()) for each in lost if waiting.get(each.undated)]
    gone = Counter(one for one, _ in moved)
    come = Counter(other for _, other in moved)
    return Comparison(
        before,
        after,
        sorted((Counter(gained) - come).elements()),
        sorted((Counter(lost) - gone).elements()),
        moved,
    )
