"""What a workbook says, row by row: frozen values, as the offices wrote them, in one normal form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from daemon.domain.ladder import Role
from daemon.errors import Fault, FaultyInputError

POSTS_OF_UNIT: Mapping[str, Role] = {
    "主要领导": Role.UNIT_HEAD,
    "分管领导": Role.UNIT_DEPUTY,
    "联络员": Role.UNIT_LIAISON,
}
BODIES: Mapping[str, Mapping[str, Role]] = {
    "领导小组": {"组长": Role.GROUP_LEADER, "副组长": Role.GROUP_DEPUTY, "成员": Role.GROUP_MEMBER},
    "领导小组办公室": {
        "主任": Role.OFFICE_DIRECTOR,
        "值班员": Role.OFFICE_DUTY,
        "成员": Role.OFFICE_MEMBER,
    },
    "分管市领导": {"分管市领导": Role.UNIT_CITY_LEADER},
    "运维": {"运维": Role.OPERATOR},
}
"""Who is no unit, yet stands in the column 单位 of the directory, and the posts there.

Which units a 分管市领导 looks after stands with the units, by his name (``UnitRow.city_leader``).
"""


class Kind(StrEnum):
    """What a workbook is. A ledger is an issue list that knows when cases were signed for or closed."""

    DIRECTORY = "directory"
    ISSUE_LIST = "issue-list"
    LEDGER = "ledger"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A unit of the directory (单位). ``line`` counts from 1; ``place`` is the file, or file·worksheet."""

    name: str
    kind: str
    short: str = ""
    city_leader: str = ""
    line: int = 0
    place: str = ""


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person in one post (人员). Who holds several posts has several rows, with the same phone.

    ``post`` is the Chinese word; ``unit`` is a unit's name or short name, or one of ``BODIES``.
    """

    unit: str
    name: str
    title: str
    post: str
    phone: str
    email: str = ""
    wecom: str = ""
    since: date | None = None
    until: date | None = None
    line: int = 0
    place: str = ""

    @property
    def posts(self) -> Mapping[str, Role]:
        """The posts that there are in this unit or body."""
        return BODIES.get(self.unit, POSTS_OF_UNIT)

    @property
    def role(self) -> Role | None:
        return self.posts.get(self.post)


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case (问题). ``no`` is empty where the office has not numbered it; ``amount`` is in yuan."""

    no: str
    enterprise: str
    legal_person: str
    phone: str
    unit: str
    source: str
    category: str
    description: str
    amount: Decimal | None
    key: bool
    found_on: date | None
    assigned_on: date | None
    due_on: date | None
    signed_on: date | None
    closed_on: date | None
    note: str
    line: int = 0
    place: str = ""


Row = UnitRow | PersonRow | CaseRow

CATEGORIES = ("政策承诺不兑现", "违约毁约", "拖欠账款", "新官不理旧账", "骗商欺商", "其他")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A workbook, read: its rows and its faults side by side.

    A row with a fault is here too, the faulty cell left empty: nothing may be stored before
    ``raise_for_faults`` has passed. ``ignored`` names, for the reader, what was not taken: columns without a
    meaning here, hidden worksheets. ``columns`` says where a field stands: (place, field) → (column,
    heading).
    """

    kind: Kind
    units: tuple[UnitRow, ...] = ()
    people: tuple[PersonRow, ...] = ()
    cases: tuple[CaseRow, ...] = ()
    place: str = ""
    faults: tuple[Fault, ...] = ()
    ignored: tuple[str, ...] = ()
    columns: Mapping[tuple[str, str], tuple[int, str]] = field(default_factory=dict)

    def raise_for_faults(self) -> None:
        if self.faults:
            raise FaultyInputError(self.faults)

    def fault(self, row: Row, name: str, message: str, hint: str = "") -> Fault:
        """Return the fault of one field of ``row``, with its place in the file."""
        column, heading = self.columns.get((row.place, name), (0, ""))
        return Fault(row.place or self.place, row.line, column, heading, message, hint)
