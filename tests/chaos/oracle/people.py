"""Who holds which post on a day (design.md §3)."""

from __future__ import annotations

from datetime import date

from tests.chaos.journal import Directory, Post, Unit

ABOVE = {
    "unit.city_leader": "group.deputy",
    "office.duty": "office.director",
    "office.member": "office.director",
    "office.director": "group.deputy",
    "group.member": "group.deputy",
    "group.deputy": "group.leader",
}
"""The next seat above."""
OF_UNIT = ("unit.head", "unit.deputy", "unit.liaison")


def stands(unit: Unit, day: date) -> bool:
    return (unit.since is None or unit.since <= day) and (unit.until is None or day <= unit.until)


def _held(post: Post, day: date) -> bool:
    return (post.since is None or post.since <= day) and (post.until is None or day <= post.until)


def reached(directory: Directory, line: tuple[str, ...], unit: int | None, day: date) -> frozenset[int]:
    """Return whom a line of ``to`` reaches: the holders of its first seat that anybody holds."""
    for role in line:
        if holders := _holders(directory, role, unit, day):
            return frozenset(_stood_in(directory, person, day) for person in holders)
    return frozenset()


def _holders(directory: Directory, role: str, unit: int | None, day: date) -> set[int]:
    if role.startswith("units."):
        each = [one.id for one in directory.units if stands(one, day) and not _is_office(directory, one)]
        return {p for one in each for p in _seat(directory, "unit." + role.removeprefix("units."), one, day)}
    if role in OF_UNIT:
        return _seat(directory, role, unit, day) if unit is not None else set()
    if role == "case.handler":
        return set()
    found: set[int] = set()
    for person in _seat(directory, role, unit if role == "unit.city_leader" else None, day):
        if not _belongs(directory, person, unit, day):
            found.add(person)
        elif role in ABOVE:
            found |= _holders(directory, ABOVE[role], unit, day)
    return found


def _is_office(directory: Directory, unit: Unit) -> bool:
    """Whether a unit's people are the office or the group: their seats are not of a unit."""
    return not any(post.unit == unit.id for post in directory.posts)


def _seat(directory: Directory, role: str, unit: int | None, day: date) -> set[int]:
    return {p.person for p in directory.posts if p.role == role and p.unit == unit and _held(p, day)}


def _belongs(directory: Directory, person: int, unit: int | None, day: date) -> bool:
    return unit is not None and any(
        p.person == person and p.unit == unit and p.role != "unit.city_leader" and _held(p, day)
        for p in directory.posts
    )


def _stood_in(directory: Directory, person: int, day: date) -> int:
    for one in directory.acting:
        if one.person == person and one.since <= day <= one.until:
            return one.stand_in
    return person
