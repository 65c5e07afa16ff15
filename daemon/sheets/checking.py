"""What is wrong with rows that can each be read: against one another, and against what is on file."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date

from daemon.errors import Fault
from daemon.sheets.cells import choices, nearest, show
from daemon.sheets.rows import BODIES, CaseRow, PersonRow, Sheet

EARLIER = {
    "assigned_on": ("found_on",),
    "due_on": ("assigned_on", "found_on"),
    "signed_on": ("assigned_on", "found_on"),
    "closed_on": ("signed_on", "assigned_on", "found_on"),
}
"""The days that come before each day of a case; the first that does not is said."""

TITLES = {
    "found_on": "发现日期",
    "assigned_on": "交办日期",
    "due_on": "整改时限",
    "signed_on": "签收日期",
    "closed_on": "销号日期",
}


def check(sheet: Sheet, known_units: Collection[str]) -> list[Fault]:
    """Return every fault of a workbook at once, unknown units among them, in the order of the file."""
    return sorted((*sheet.faults, *check_units(sheet, known_units)))


def check_units(sheet: Sheet, known: Collection[str]) -> list[Fault]:
    """Return a fault for each row whose unit is neither ``known`` (names, short names) nor listed here."""
    names = {*known, *labels(sheet)}
    if not names and sheet.cases:
        return [Fault(sheet.place, 0, 0, "", "还没有单位名录", "请先导入名录，或与名录一起导入")]
    people = [person for person in sheet.people if person.unit not in BODIES]
    rows: list[PersonRow | CaseRow] = [*people, *sheet.cases]
    return [
        sheet.fault(
            row, "unit", f"没有这个单位：“{show(row.unit)}”", f"应为名录中的单位{nearest(row.unit, names)}"
        )
        for row in rows
        if row.unit and row.unit not in names
    ]


def labels(sheet: Sheet) -> set[str]:
    """Return the names and short names of the units in this workbook."""
    return {name for unit in sheet.units for name in (unit.name, unit.short) if name}


def check_rows(sheet: Sheet) -> Iterator[Fault]:
    """Yield what the rows of one workbook say against one another."""
    yield from _ambiguous_units(sheet)
    yield from _repeated_numbers(sheet)
    for case in sheet.cases:
        yield from _days_in_order(sheet, case)
    for person in sheet.people:
        yield from _post(sheet, person)
    yield from _one_phone_one_person(sheet)
    yield from _repeated_posts(sheet)


def _ambiguous_units(sheet: Sheet) -> Iterator[Fault]:
    seen: dict[str, tuple[str, int]] = {}
    for unit in sheet.units:
        for field, name in dict.fromkeys((("name", unit.name), ("short", unit.short))):
            if not name or (field == "short" and name == unit.name):
                continue
            other, line = seen.setdefault(name, (unit.name, unit.line))
            if line != unit.line:
                yield sheet.fault(
                    unit, field, f"单位名称或简称重复：“{show(name)}”", f"第{line}行“{show(other)}”已用"
                )


def _repeated_numbers(sheet: Sheet) -> Iterator[Fault]:
    seen: dict[str, CaseRow] = {}
    for case in sheet.cases:
        first = seen.setdefault(case.no, case) if case.no else case
        if first is not case:
            where = f"“{first.place}”" if first.place != case.place else ""
            yield sheet.fault(case, "no", f"编号重复：“{show(case.no)}”", f"{where}第{first.line}行已用")


def _days_in_order(sheet: Sheet, case: CaseRow) -> Iterator[Fault]:
    for later, earlier in EARLIER.items():
        on = getattr(case, later)
        for before in earlier:
            day: date | None = getattr(case, before)
            if on and day and on < day:
                yield sheet.fault(case, later, f"{TITLES[later]}早于{TITLES[before]}", f"{on} 早于 {day}")
                break


def _post(sheet: Sheet, person: PersonRow) -> Iterator[Fault]:
    if person.post and person.unit and person.role is None:
        hint = choices(person.post, tuple(person.posts))
        yield sheet.fault(person, "post", f"未知岗位：“{show(person.post)}”", hint)
    if person.since and person.until and person.until < person.since:
        yield sheet.fault(person, "until", "任职止早于任职起", f"{person.until} 早于 {person.since}")


def _one_phone_one_person(sheet: Sheet) -> Iterator[Fault]:
    """A phone is what makes several rows one person; the number itself is not said."""
    seen: dict[str, PersonRow] = {}
    for person in sheet.people:
        first = seen.setdefault(person.phone, person) if person.phone and person.name else person
        if first.name != person.name:
            message = (
                f"同一号码登记在两个人名下：“{show(first.name)}”（第{first.line}行）和“{show(person.name)}”"
            )
            yield sheet.fault(person, "phone", message, "一个号码只属于一个人")


def _repeated_posts(sheet: Sheet) -> Iterator[Fault]:
    seen: dict[tuple[object, ...], PersonRow] = {}
    for person in sheet.people:
        seat = (person.unit, person.name, person.post, person.phone, person.since)
        first = seen.setdefault(seat, person)
        if first is not person:
            yield sheet.fault(person, "post", "同一人同一岗位重复登记", f"与第{first.line}行相同")
