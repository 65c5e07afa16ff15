"""Filings, targets, phases and campaigns as rows: made from the rule set, for the units that stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from daemon.domain.campaign import Campaign
from daemon.domain.ladder import Ladder, Subject, SubjectKind
from daemon.domain.standing import Move
from daemon.domain.workdays import local_day, midnight
from daemon.errors import RefusedError
from daemon.store import agenda, events, notices, people, settings
from daemon.store.facts import Matter, matter_of
from daemon.store.tables import agenda as agenda_table
from daemon.store.tables import campaigns, subjects


@dataclass(frozen=True, slots=True)
class _Wanted:
    kind: SubjectKind
    key: str
    unit: int | None
    start_on: date | None
    due_on: date | None


def ensure(
    connection: Connection,
    known: Mapping[str, Campaign],
    ladders: Mapping[str, Ladder],
    now: datetime,
) -> int:
    """Make the rows that the rule set and the units call for; move those whose dates changed.

    A new subject is on its ladders from today on. Return how many are new.
    """
    made = 0
    for campaign in known.values():
        number = _campaign_row(connection, campaign)
        on_file = {(m.kind, m.key, m.unit): m for m in of_campaign(connection, number)}
        today = local_day(now, campaign.zone)
        for wanted in _wanted(connection, campaign, ladders.values(), today):
            matter = on_file.get((wanted.kind, wanted.key, wanted.unit))
            if matter is None:
                _insert(connection, number, wanted)
                made += 1
            elif (matter.start_on, matter.due_on) != (wanted.start_on, wanted.due_on):
                _redate(connection, matter, wanted, ladders, now, campaign)
        _enter_missing(connection, number, ladders, now, midnight(today, campaign.zone))
    return made


def _campaign_row(connection: Connection, campaign: Campaign) -> int:
    query = select(campaigns.c.id).where(campaigns.c.key == campaign.id)
    number = connection.execute(query).scalar()
    if number is None:
        result = connection.execute(insert(campaigns).values(key=campaign.id))
        assert result.inserted_primary_key
        number = result.inserted_primary_key[0]
    return int(number)


def _wanted(
    connection: Connection, campaign: Campaign, ladders: Iterable[Ladder], today: date
) -> Iterable[_Wanted]:
    for phase in campaign.phases.values():
        yield _Wanted(SubjectKind.PHASE, phase.id, None, phase.since, phase.until)
    scopes: dict[SubjectKind, set[bool]] = {}
    for ladder in ladders:
        scopes.setdefault(ladder.about, set()).add(ladder.per_unit)
    every = people.unit_ids(connection, today)
    for unit in _units(scopes.get(SubjectKind.TARGET, set()), every):
        for milestone in campaign.milestones:
            start = campaign.before(milestone)
            yield _Wanted(SubjectKind.TARGET, milestone.on.isoformat(), unit, start, milestone.on)
    for unit in _units(scopes.get(SubjectKind.CAMPAIGN, set()), every):
        yield _Wanted(SubjectKind.CAMPAIGN, campaign.id, unit, campaign.pace_from, campaign.end)
    for rule in campaign.filings.values():
        phase = campaign.phases[rule.phase]
        for unit in people.unit_ids(connection, today, rule.owed_by):
            yield _Wanted(SubjectKind.FILING, rule.id, unit, phase.since, rule.due)


def _units(scopes: set[bool], every: Iterable[int]) -> list[int | None]:
    """One subject for all (always: rates are read from it), and one a unit where a ladder asks for it."""
    return [None, *(every if True in scopes else ())]


def _insert(connection: Connection, campaign: int, wanted: _Wanted) -> None:
    connection.execute(
        insert(subjects).values(
            kind=wanted.kind,
            campaign_id=campaign,
            key=wanted.key,
            unit_id=wanted.unit,
            start_on=wanted.start_on,
            due_on=wanted.due_on,
        )
    )


def _redate(
    connection: Connection,
    matter: Matter,
    wanted: _Wanted,
    ladders: Mapping[str, Ladder],
    now: datetime,
    campaign: Campaign,
) -> None:
    after = replace(matter, start_on=wanted.start_on, due_on=wanted.due_on).anchors
    subject = Subject(matter.kind, matter.id)
    agenda.move(connection, subject, ladders, Move.LOOKED, matter.anchors, after, now, campaign.zone)
    connection.execute(
        update(subjects)
        .where(subjects.c.id == matter.id)
        .values(start_on=wanted.start_on, due_on=wanted.due_on)
    )


def _enter_missing(
    connection: Connection, campaign: int, ladders: Mapping[str, Ladder], now: datetime, today: datetime
) -> None:
    """Put subjects on the ladders that speak about them and do not have them yet."""
    a = agenda_table.c
    on_file = {
        (kind, subject, ladder)
        for kind, subject, ladder in connection.execute(
            select(a.subject_kind, a.subject_id, a.ladder).where(a.subject_kind != SubjectKind.CASE)
        )
    }
    known_ids = {(kind, subject) for kind, subject, _ in on_file}
    for matter in of_campaign(connection, campaign):
        missing = [
            ladder
            for ladder in ladders.values()
            if ladder.about is matter.kind
            and (matter.kind is SubjectKind.FILING or ladder.per_unit == (matter.unit is not None))
            and (matter.kind, matter.id, ladder.id) not in on_file
        ]
        # A new ladder's rungs know their own activation; a new subject begins today.
        since = None if (matter.kind, matter.id) in known_ids else today
        agenda.enter(connection, Subject(matter.kind, matter.id), missing, since, now)


def of_campaign(connection: Connection, campaign: int, kind: SubjectKind | None = None) -> list[Matter]:
    query = select(subjects).where(subjects.c.campaign_id == campaign)
    if kind is not None:
        query = query.where(subjects.c.kind == kind)
    return [matter_of(row) for row in connection.execute(query.order_by(subjects.c.id))]


def filing(connection: Connection, campaign: int, key: str, unit: int) -> Matter | None:
    """Return a unit's filing; nobody else can change it until the transaction ends."""
    query = select(subjects).where(
        subjects.c.kind == SubjectKind.FILING,
        subjects.c.campaign_id == campaign,
        subjects.c.key == key,
        subjects.c.unit_id == unit,
    )
    row = connection.execute(query.with_for_update()).first()
    return matter_of(row) if row else None


def all_of(connection: Connection, kind: SubjectKind) -> list[Matter]:
    query = select(subjects).where(subjects.c.kind == kind).order_by(subjects.c.due_on, subjects.c.id)
    return [matter_of(row) for row in connection.execute(query)]


def change_filing(
    connection: Connection,
    matter: Matter,
    kind: str,
    values: Mapping[str, Any],
    move: Move,
    ladders: Mapping[str, Ladder],
    now: datetime,
    campaign: Campaign,
    *,
    on: date,
    by: str = "",
    note: str = "",
) -> None:
    """Let something happen to a filing: its row, its agenda and the event in one transaction."""
    subject = Subject(SubjectKind.FILING, matter.id)
    before = matter.anchors
    after = before | {
        "submitted": values.get("submitted_on", matter.submitted_on),
        "returned": values.get("returned_on", matter.returned_on),
    }
    same = (subjects.c.id == matter.id, subjects.c.state == matter.state)
    if not connection.execute(update(subjects).where(*same).values(**values)).rowcount:
        raise RefusedError("这项报送刚刚被别人改动，请重新查看后再办")
    if move is Move.RETURNED:
        settings.take_turn(connection)
    agenda.move(connection, subject, ladders, move, before, after, now, campaign.zone)
    events.record(connection, subject, kind, on, now, by=by, note=note, data={"was": matter.state})
    if move is Move.RETURNED:
        notices.look_again(connection, subject, agenda.standings_of(connection, subject), now)
