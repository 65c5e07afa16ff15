"""Ladders and rungs: the escalation rules as values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from daemon.domain.workdays import Offset

Names = Mapping[str, object]
"""What a ``when`` may name, as nested mappings: ``{"open": True, "case": {"state": "signed", …}, …}``."""


class SubjectKind(StrEnum):
    CASE = "case"
    FILING = "filing"
    TARGET = "target"
    PHASE = "phase"
    CAMPAIGN = "campaign"

    __hash__ = str.__hash__  # the enumeration's own is in Python, and subjects are keys everywhere


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """What a ladder speaks about: one case, filing, target, phase or campaign."""

    kind: SubjectKind
    id: int


class Act(StrEnum):
    """What a rung does, weakest first (design.md §3)."""

    NOTICE = "notice"
    REMINDER = "reminder"
    EARLY_WARNING = "early_warning"
    URGE = "urge"
    ASSIGNMENT = "assignment"
    SUPERVISION_LETTER = "supervision_letter"
    COMMENDATION = "commendation"
    CIRCULAR = "circular"
    TALK = "talk"
    ACCOUNTABILITY = "accountability"
    ESCALATION = "escalation"
    BRIEF = "brief"

    __hash__ = str.__hash__  # the enumeration's own is in Python, here and below

    @property
    def rank(self) -> int:
        return _RANKS[self]

    @property
    def label(self) -> str:
        return _ACT_TITLES[self]


_RANKS = {act: rank for rank, act in enumerate(Act)}
_ACT_TITLES = dict(
    zip(
        Act,
        [
            "告知",
            "提醒",
            "预警",
            "催办",
            "交办",
            "督办函",
            "通报表扬",
            "通报",
            "约谈建议",
            "问责建议",
            "提级",
            "专报",
        ],
        strict=True,
    )
)


class Role(StrEnum):
    """A seat that a rung may address."""

    UNIT_HEAD = "unit.head"
    UNIT_DEPUTY = "unit.deputy"
    UNIT_LIAISON = "unit.liaison"
    CASE_HANDLER = "case.handler"
    UNIT_CITY_LEADER = "unit.city_leader"
    OFFICE_DIRECTOR = "office.director"
    OFFICE_DUTY = "office.duty"
    OFFICE_MEMBER = "office.member"
    GROUP_LEADER = "group.leader"
    GROUP_DEPUTY = "group.deputy"
    GROUP_MEMBER = "group.member"
    OPERATOR = "operator"
    UNITS_HEAD = "units.head"
    UNITS_LIAISON = "units.liaison"

    __hash__ = str.__hash__

    @property
    def of_group(self) -> bool:
        """Whether it is a seat of the leading group itself."""
        return self in _OF_GROUP

    @property
    def audience(self) -> Audience:
        """In which register a person in this seat is addressed."""
        return _AUDIENCES.get(self, Audience.UNIT)


class Audience(StrEnum):
    UNIT = "unit"
    OFFICE = "office"
    GROUP = "group"
    ENTERPRISE = "enterprise"

    __hash__ = str.__hash__


_OF_GROUP = frozenset([Role.GROUP_LEADER, Role.GROUP_DEPUTY, Role.GROUP_MEMBER])
_AUDIENCES = {
    **dict.fromkeys([Role.UNIT_CITY_LEADER, *_OF_GROUP], Audience.GROUP),
    **dict.fromkeys(
        [Role.OFFICE_DIRECTOR, Role.OFFICE_DUTY, Role.OFFICE_MEMBER, Role.OPERATOR], Audience.OFFICE
    ),
}

Addressee = tuple[Role, ...]
"""One line of ``to``: ``A or B`` is (A, B), the first seat that anybody holds."""


class Part(StrEnum):
    TO = "to"
    COPY = "copy"

    __hash__ = str.__hash__


@dataclass(frozen=True, slots=True)
class Condition:
    """A ``when``: its text, and the callable it was compiled to.

    ``moved`` says that it uses a name which time or other subjects move (``overdue``, a rate): it is then
    taken as of the occurrence's instant, and false settles the occurrence.
    """

    text: str
    holds: Callable[[Names], bool] = field(compare=False, repr=False)
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Every:
    """When a rung repeats: so many working days, weeks or months, or the days of a cron expression.

    ``cron`` gives the first matching day on or after a day.
    """

    text: str
    step: Offset | None = None
    cron: Callable[[date], date] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Wording:
    """What decides when a rung speaks: its anchor, dates and conditions."""

    anchor: str
    at: Offset | None
    """``None`` is ``immediately``."""
    when: tuple[Condition, ...] = ()
    every: Every | None = None
    until: Offset | None = None
    times: int | None = None
    all_days: bool = False
    own: tuple[Condition, ...] = field(init=False, repr=False, compare=False)
    moved: tuple[Condition, ...] = field(init=False, repr=False, compare=False)
    """Of ``when``, the conditions that only the subject's own events move, and the others."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "own", tuple(each for each in self.when if not each.moved))
        object.__setattr__(self, "moved", tuple(each for each in self.when if each.moved))


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a ladder.

    ``since`` is the activation that brought this wording (``None``: it was there from the start), ``former``
    what it said before. ``was`` are the names it had: what was settled under them is settled.
    """

    id: str
    wording: Wording
    act: Act
    to: tuple[Addressee, ...]
    copy: tuple[Addressee, ...] = ()
    bundle: str = ""
    """The name of a bundle; '' leaves at once."""
    unless: str | None = None
    template: str | None = None
    since: datetime | None = None
    former: Wording | None = None
    was: tuple[str, ...] = ()
    lines: tuple[tuple[Part, int, Addressee], ...] = field(init=False, repr=False, compare=False)
    """Whom it addresses, line by line, each with its part and its number there."""

    def __post_init__(self) -> None:
        to = tuple((Part.TO, number, line) for number, line in enumerate(self.to))
        copy = tuple((Part.COPY, number, line) for number, line in enumerate(self.copy))
        object.__setattr__(self, "lines", to + copy)

    def line(self, part: Part, number: int) -> Addressee:
        """Return one line; empty where it has no such line any more."""
        lines = self.to if part is Part.TO else self.copy
        return lines[number] if number < len(lines) else ()

    def goes_by(self, rung_id: str) -> bool:
        """Whether this is, or was, its name."""
        return rung_id == self.id or rung_id in self.was


@dataclass(frozen=True, slots=True)
class Ladder:
    """Escalation rules about one kind of subject, counted from one of its dated facts.

    ``per_unit`` makes one subject for every unit of the campaign instead of one for all. ``was`` are the
    names it had.
    """

    id: str
    about: SubjectKind
    anchor: str
    rungs: tuple[Rung, ...]
    per_unit: bool = False
    was: tuple[str, ...] = ()
    _by_id: Mapping[str, Rung] = field(init=False, repr=False, compare=False)
    _places: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = {former: rung for rung in self.rungs for former in rung.was}
        object.__setattr__(self, "_by_id", names | {rung.id: rung for rung in self.rungs})
        places: dict[str, int] = {}
        for number, rung in enumerate(self.rungs):
            for name in (rung.id, *rung.was):
                places.setdefault(name, number)
        object.__setattr__(self, "_places", places)

    def rung(self, rung_id: str) -> Rung | None:
        """Return a rung by its name, or by one that it had."""
        return self._by_id.get(rung_id)

    def position(self, rung_id: str) -> int:
        """Return the place of a rung in its ladder, counted from 0; -1 where it is gone."""
        return self._places.get(rung_id, -1)


class Ladders(Mapping[str, Ladder]):
    """The ladders in force, by their names. Looked up by a name that one had, it is found all the same."""

    def __init__(self, ladders: Iterable[Ladder]) -> None:
        self._present = {ladder.id: ladder for ladder in ladders}
        former = {name: ladder for ladder in self._present.values() for name in ladder.was}
        self._by_any_name = former | self._present

    def __getitem__(self, name: str) -> Ladder:
        return self._by_any_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._present)

    def __len__(self) -> int:
        return len(self._present)


@dataclass(frozen=True, slots=True)
class ActPolicy:
    """How an act is sent, and whether a person signs or approves it: written once, for all ladders.

    ``legs`` are tried in order, each the channels that are used together.
    """

    act: Act
    legs: tuple[tuple[str, ...], ...]
    sign_workdays: int | None = None
    approval: Addressee | None = None


PUBLISHED: Mapping[SubjectKind, frozenset[str]] = {
    SubjectKind.CASE: frozenset(
        [
            "open",
            "unsigned",
            "overdue",
            "key",
            "days_left",
            "case.no",
            "case.state",
            "case.due_on",
            "case.assigned_on",
            "case.found_on",
            "case.amount",
            "case.category",
            "case.source",
            "case.returns",
            "case.extensions",
            "unit.name",
            "unit.kind",
            "unit.total",
            "unit.closed",
        ]
    ),
    SubjectKind.FILING: frozenset(
        [
            "open",
            "unsigned",
            "overdue",
            "days_left",
            "filing.kind",
            "filing.state",
            "filing.due_on",
            "unit.name",
            "unit.kind",
        ]
    ),
    SubjectKind.TARGET: frozenset(
        [
            "open",
            "days_left",
            "rate",
            "total",
            "closed",
            "missing",
            "verdict",
            "behind",
            "pace",
            "target.due_on",
            "target.percent",
            "min_cases",
            "unit.name",
            "unit.kind",
        ]
    ),
    SubjectKind.PHASE: frozenset(["open", "days_left", "phase.id", "phase.from", "phase.to", "phase.days"]),
    SubjectKind.CAMPAIGN: frozenset(
        [
            "open",
            "days_left",
            "rate",
            "total",
            "closed",
            "pace",
            "behind",
            "min_cases",
            "unit.name",
            "unit.kind",
        ]
    ),
}
"""The names that a ``when`` about each kind of subject may use."""

MOVED: frozenset[str] = frozenset(
    [
        "overdue",
        "days_left",
        "rate",
        "total",
        "closed",
        "missing",
        "verdict",
        "behind",
        "pace",
        "unit.total",
        "unit.closed",
    ]
)
"""Those of them that time or other subjects move."""

ANCHORS: Mapping[SubjectKind, frozenset[str]] = {
    SubjectKind.CASE: frozenset(
        [
            "registered",
            "assigned",
            "due",
            "returned",
            "reopened",
            "submitted",
            "identified",
            "opinion",
            "signed",
        ]
    ),
    SubjectKind.FILING: frozenset(["due", "submitted", "returned"]),
    SubjectKind.TARGET: frozenset(["start", "due"]),
    SubjectKind.PHASE: frozenset(["start", "end"]),
    SubjectKind.CAMPAIGN: frozenset(["start", "end"]),
}
"""The dated facts of each kind of subject that a ladder may count ``from``."""
