"""What the office's one morning note tells: gaps, tasks by hand, waiting approvals, lapses, mutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from itertools import groupby
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    String,
    TextClause,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
    text,
    union_all,
)

from daemon.domain.plan import Outcome, ReasonCode
from daemon.domain.readiness import Demands, Finding, Trouble
from daemon.domain.why import ROLE_TITLES
from daemon.store import people, roster
from daemon.store.mutes import NAMED, WITH_NAMES
from daemon.store.tables import (
    LAPSED_GAP,
    Instant,
    decisions,
    deliveries,
    items,
    mutes,
    notices,
    persons,
    unaddressed,
    units,
)

EARLY = datetime(1970, 1, 1, tzinfo=UTC)
EXAMPLES = 5
_LAPSES = (ReasonCode.LAPSED, ReasonCode.DEADLINE_PASSED)


class LineKind(StrEnum):
    UNADDRESSED = "unaddressed"
    MANUAL = "manual"
    WAITING = "waiting"
    HELD = "held"
    FAILED = "failed"
    LAPSED = "lapsed"
    EMPTY_GROUP = "empty_group"
    NO_HEAD = "no_head"
    EMPTY_RUNG = "empty_rung"
    UNREACHED = "unreached"
    ENDING = "ending"
    SAME_PERSON = "same_person"
    MUTED = "muted"
    MUTE = "mute"
    SET_ASIDE = "set_aside"


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of trouble: how many times, since when, and a few examples."""

    kind: LineKind
    count: int
    first_at: datetime
    examples: tuple[str, ...] = ()

    @property
    def json(self) -> dict[str, object]:
        return {"kind": self.kind.value, "count": self.count, "examples": list(self.examples)}


@dataclass(frozen=True, slots=True)
class Waiting:
    """One notice that waits: for whose approval (``office.director``, or ``A or B``), and since when."""

    approval: str
    since: datetime
    name: str


def waiting(connection: Connection, until: datetime) -> list[Waiting]:
    """Return what has waited for approval since before ``until``, the oldest first."""
    query = (
        select(_n.approval, _n.created_at, cast(_n.id, String) + "号" + persons.c.name)
        .join_from(notices, persons, _n.person_id == persons.c.id)
        .where(_n.state == "waiting", _n.approval.is_not(None), _n.created_at < until)
        .order_by(_n.created_at, _n.id)
    )
    return [Waiting(*row) for row in connection.execute(query)]


def waiting_line(documents: Sequence[Waiting]) -> Line:
    """Return the line that tells of these."""
    return _line(LineKind.WAITING, [(each.since, each.name) for each in documents])


def last_note(connection: Connection) -> datetime | None:
    found: datetime | None = connection.execute(_LAST_NOTE).scalar()
    return found


_LAST_NOTE = select(func.max(notices.c.moment)).where(notices.c.kind == "note")


def lines(connection: Connection, since: datetime | None, until: datetime) -> list[Line]:
    """Return what came up since ``since`` and before ``until``, by kind.

    Approvals, and what the gate on floods holds, are told as long as they wait.
    """
    bounds = {"since": since or EARLY, "until": until}
    found: dict[LineKind, list[tuple[datetime, str]]] = {}
    for kind, at, name in connection.execute(_TROUBLE, bounds):
        found.setdefault(LineKind(kind), []).append((at, name))
    return [_line(kind, sorted(seen)) for kind, seen in sorted(found.items())]


def first_at(connection: Connection, since: datetime | None, until: datetime) -> datetime | None:
    """Return when the first of what ``lines`` tells came up; ``None`` where there is nothing to tell."""
    found: datetime | None = connection.execute(_FIRST, {"since": since or EARLY, "until": until}).scalar()
    return found


def _line(kind: LineKind, seen: list[tuple[datetime, str]]) -> Line:
    examples = tuple(dict.fromkeys(name for _, name in seen))[:EXAMPLES]
    return Line(kind, len(seen), seen[0][0], examples)


def readiness_lines(connection: Connection, demands: Demands, on: date) -> list[Line]:
    """Return what is wrong with the directory on a day, by kind, with names.

    It goes along with whatever else the note tells, and asks for no note of its own.
    """
    findings = roster.survey(connection, demands, on)
    unit_names = dict(map(tuple, connection.execute(select(units.c.id, units.c.name))))
    names = {number: person.name for number, person in people.load_all(connection).items()}
    found: list[Line] = []
    for trouble, of_kind in groupby(findings, key=lambda finding: finding.trouble):
        told = [_named(finding, unit_names, names) for finding in of_kind]
        examples = tuple(dict.fromkeys(told))[:EXAMPLES]
        found.append(Line(LineKind(trouble.value), len(told), EARLY, examples))
    return found


def _named(finding: Finding, unit_names: Mapping[int, str], names: Mapping[int, str]) -> str:
    unit = unit_names.get(finding.unit, "") if finding.unit else ""
    seats = "、".join(ROLE_TITLES[role] for role in finding.roles)
    match finding.trouble:
        case Trouble.NO_HEAD:
            return unit
        case Trouble.EMPTY_GROUP | Trouble.EMPTY_RUNG:
            return f"{unit}{seats}"
        case _:
            return names.get(finding.person or 0, "")


_SINCE, _UNTIL = bindparam("since", type_=Instant()), bindparam("until", type_=Instant())
_d, _i, _l, _m, _n, _u = decisions.c, items.c, deliveries.c, mutes.c, notices.c, unaddressed.c
_NOTICE = cast(_n.id, String) + "号" + persons.c.name


def _gaps(which: ColumnElement[bool] | TextClause) -> Select[Any]:
    return (
        select(literal(LineKind.UNADDRESSED.value), _u.since.label("at"), _d.rung)
        .join_from(unaddressed, decisions, _u.decision_id == _d.id)
        .where(which, _u.since >= _SINCE, _u.since < _UNTIL)
    )


def _notices(kind: LineKind, at: Column[Any], since: ColumnElement[Any]) -> Select[Any]:
    return (
        select(literal(kind.value), at.label("at"), _NOTICE)
        .join_from(notices, persons, _n.person_id == persons.c.id)
        .where(_n.state == kind.value, at >= since, at < _UNTIL)
    )


def _unsaid_decisions(kind: LineKind, outcome: Outcome) -> Select[Any]:
    return select(literal(kind.value), _d.decided_at.label("at"), _d.rung).where(
        _d.outcome == outcome,
        _d.decided_at >= _SINCE,
        _d.decided_at < _UNTIL,
    )


def _unsaid_items(kind: LineKind, codes: Sequence[ReasonCode]) -> Select[Any]:
    return (
        select(literal(kind.value), _i.closed_at.label("at"), _d.rung)
        .join_from(items, decisions, _i.decision_id == _d.id)
        .where(
            _i.state == "dropped",
            # each by itself: a list would be written into the statement anew at every execution
            or_(*(_i.reason["code"].as_string() == code.value for code in codes)),
            _i.closed_at >= _SINCE,
            _i.closed_at < _UNTIL,
        )
    )


def _new_mutes() -> Select[Any]:
    return (
        select(literal(LineKind.MUTE.value), _m.recorded_at.label("at"), NAMED + "：" + _m.reason)
        .select_from(WITH_NAMES)
        .where(_m.recorded_at >= _SINCE, _m.recorded_at < _UNTIL)
    )


def _set_aside() -> Select[Any]:
    return (
        select(literal(LineKind.SET_ASIDE.value), _l.set_aside_at.label("at"), _NOTICE)
        .join_from(deliveries, notices, _l.notice_id == _n.id)
        .join(persons, _n.person_id == persons.c.id)
        .where(_l.set_aside_at >= _SINCE, _l.set_aside_at < _UNTIL)
    )


_TROUBLE = union_all(
    _gaps(_u.resolved_at.is_(None)),
    _gaps(text(LAPSED_GAP)),  # too late by the morning on which it is told
    _notices(LineKind.MANUAL, _n.sent_at, _SINCE),
    _notices(LineKind.WAITING, _n.created_at, literal(EARLY, Instant())),
    _notices(LineKind.HELD, _n.created_at, literal(EARLY, Instant())),
    _notices(LineKind.FAILED, _n.ended_at, _SINCE),
    _unsaid_decisions(LineKind.LAPSED, Outcome.LAPSED),
    _unsaid_items(LineKind.LAPSED, _LAPSES),
    _unsaid_decisions(LineKind.MUTED, Outcome.MUTED),
    _unsaid_items(LineKind.MUTED, (ReasonCode.MUTED,)),
    _new_mutes(),
    _set_aside(),
)
_FIRST = select(func.min(_TROUBLE.subquery().c.at))
