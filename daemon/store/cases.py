"""Cases on file: each event changes the case, its tally and its agenda in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Any, get_type_hints

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from daemon.domain.case import (
    TRANSITIONS,
    Case,
    Event,
    EventKind,
    State,
    apply,
    check,
    counts,
    steps_to,
)
from daemon.domain.ladder import Ladder, Subject, SubjectKind
from daemon.domain.plan import Standing
from daemon.domain.standing import Move
from daemon.domain.workdays import WorkdayCalendar, local_day
from daemon.errors import RefusedError
from daemon.store import agenda, events, mode, notices, settings, tally
from daemon.store.agenda import AgendaRow
from daemon.store.engine import chunks
from daemon.store.facts import case_of
from daemon.store.tables import Instant, campaigns, cases, signatures
from daemon.store.tables import agenda as agenda_table

_COLUMN = {"campaign": "campaign_id", "unit": "unit_id"}


_FIELDS = [field.name for field in fields(Case)]
_STORED = [(_COLUMN.get(name, name), name) for name in _FIELDS if name != "id"]


def values(case: Case) -> dict[str, Any]:
    """Return a case as a row, without its number."""
    return {column: getattr(case, name) for column, name in _STORED}


def subject_of(case: Case) -> Subject:
    return Subject(SubjectKind.CASE, case.id)


def by_no(connection: Connection, no: str, *, hold: bool = False) -> Case | None:
    """Return the case of a number; ``hold`` keeps others from changing it until the transaction ends."""
    query = select(cases).where(cases.c.no == no)
    row = connection.execute(query.with_for_update() if hold else query).first()
    return case_of(row) if row else None


def by_nos(connection: Connection, nos: Iterable[str], *, hold: bool = False) -> dict[str, Case]:
    """Return the cases of these numbers, as ``by_no``."""
    query = _BY_NOS_HELD if hold else _BY_NOS
    rows = (connection.execute(query, {"nos": some}).all() for some in chunks(sorted(set(nos))))
    return {row.no: case_of(row) for some in rows for row in some}


_BY_NOS = select(cases).where(cases.c.no.in_(bindparam("nos", expanding=True))).order_by(cases.c.id)
_BY_NOS_HELD = _BY_NOS.with_for_update()


def all_by_no(connection: Connection, campaign: int, *, hold: bool = False) -> dict[str, Case]:
    query = select(cases).where(cases.c.campaign_id == campaign).order_by(cases.c.id)
    rows = connection.execute(query.with_for_update() if hold else query)
    return {row.no: case_of(row) for row in rows}


def listed(connection: Connection, unit: int | None = None, states: list[State] | None = None) -> list[Case]:
    query = select(cases).order_by(cases.c.no)
    if unit is not None:
        query = query.where(cases.c.unit_id == unit)
    if states:
        query = query.where(cases.c.state.in_(states))
    return [case_of(row) for row in connection.execute(query)]


def put_new(
    connection: Connection, case: Case, ladders: Mapping[str, Ladder], since: datetime | None, now: datetime
) -> Case:
    """Put a case on file and on its ladders; its number must be new in the campaign."""
    result = connection.execute(insert(cases).values(**values(case)))
    assert result.inserted_primary_key
    stored = replace(case, id=int(result.inserted_primary_key[0]))
    mine = [ladder for ladder in ladders.values() if ladder.about is SubjectKind.CASE]
    agenda.enter(connection, subject_of(stored), mine, since, now)
    return stored


@dataclass(frozen=True)
class Gate:
    """Lets events through: what it needs to judge them, and to move agendas."""

    connection: Connection
    ladders: Mapping[str, Ladder]
    calendar: WorkdayCalendar
    zone: tzinfo
    now: datetime

    def pass_through(self, case: Case, event: Event, *, move: Move | None = None, fill: bool = False) -> Case:
        """Check an event and let it happen, or raise ``RefusedError``.

        ``move`` overrides how it moves the ladders (imports); ``fill`` adds the steps that a ledger skipped,
        marked (台账补记).
        """
        for step in steps_to(case, event.kind) if fill else ():
            filled = Event(step, event.on, by=event.by, note="台账补记", filled=True)
            case = self.pass_through(case, filled, move=move)
        check(case, event, self.calendar)
        refuse_taken_number(self.connection, case, event)
        kind = move or TRANSITIONS[event.kind].move
        return happen(self.connection, case, event, kind, self.ladders, self.now, self.zone)

    def register(
        self,
        draft: Case,
        event: Event,
        numbering: str,
        since: datetime | None,
        move: Move = Move.LOOKED,
    ) -> Case:
        """Put a new case on file and register it; it takes the campaign's next number unless it has one."""
        no = draft.no or next_number(self.connection, draft.campaign, numbering)
        if on_file(self.connection, draft.campaign, no):
            raise RefusedError(f"编号 {no} 已经存在")
        reported = replace(draft, no=no, state=State.REPORTED)
        case = put_new(self.connection, reported, self.ladders, since, self.now)
        return self.pass_through(case, event, move=move)


def refuse_taken_number(connection: Connection, case: Case, event: Event) -> None:
    """Raise ``RefusedError`` where an event would give a case the number of another."""
    no = (event.changes or {}).get("no", case.no)
    if no != case.no and on_file(connection, case.campaign, str(no)):
        raise RefusedError(f"编号 {no} 已经存在")


def on_file(connection: Connection, campaign: int, no: str) -> bool:
    query = select(cases.c.id).where(cases.c.campaign_id == campaign, cases.c.no == no)
    return connection.execute(query).first() is not None


def happen(
    connection: Connection,
    case: Case,
    event: Event,
    move: Move,
    ladders: Mapping[str, Ladder],
    now: datetime,
    zone: tzinfo,
) -> Case:
    """Let an event that has passed the gate happen: case, tally, agenda and the event's own row."""
    after = apply(case, event)
    if move is Move.RETURNED:
        settings.take_turn(connection)
    standings = agenda.move(
        connection, subject_of(case), ladders, move, case.anchors, after.anchors, now, zone
    )
    connection.execute(update(cases).where(cases.c.id == case.id).values(**values(after)))
    tally.add(connection, booked(case, after, event.on, tally.known_from(now, zone)))
    events.record(
        connection,
        subject_of(case),
        event.kind,
        event.on,
        now,
        by=event.by,
        note=event.note,
        data=told(case, event, standings) | signed_before(connection, case, move),
    )
    settle_moves(connection, case, {move}, now)
    return after


def update_all(connection: Connection, changed: Sequence[Case]) -> None:
    """Store cases as they are now, each under its number."""
    if changed:
        connection.execute(_UPDATE, [{"number": case.id, **values(case)} for case in changed])


_UPDATE = update(cases).where(cases.c.id == bindparam("number"))


def settle_moves(connection: Connection, case: Case, moves: Collection[Move], now: datetime) -> None:
    """Do to notices and signatures what the ways in which a case was moved ask for."""
    if Move.RESTARTED in moves:
        _unsign(connection, case)
    if Move.RETURNED in moves:
        _look_again(connection, case, now)


def told(case: Case, event: Event, standings: Mapping[str, Standing]) -> dict[str, Any]:
    """Return what an event keeps: what is needed to undo it, and what it said."""
    return {
        "before": _frozen(case),
        "standings": {k: _standing_json(s) for k, s in standings.items()},
        **({"due_on": event.due_on} if event.due_on else {}),
        **({"unit": event.unit} if event.unit else {}),
        **({"changes": dict(event.changes)} if event.changes else {}),
        **({"filled": True} if event.filled else {}),
    }


def signed_before(connection: Connection, case: Case, move: Move) -> dict[str, Any]:
    """Return the signatures that an event takes, as it keeps them for its undo: who, and when."""
    if move is not Move.RESTARTED or not case.id:
        return {}
    c = signatures.c
    rows = connection.execute(select(c.person_id, c.signed_at).where(_signed(case)).order_by(c.person_id))
    taken = [[person, _iso(at)] for person, at in rows]
    return {"signed": taken} if taken else {}


def booked(before: Case, after: Case, effective: date, known: date) -> dict[tally.Day, tally.Delta]:
    """Return what an event changes in the tally: out of the old unit, into the new."""
    old, new = counts(before), counts(after)
    if before.unit != after.unit:
        return {
            (before.campaign, before.unit, effective, known): (-old[0], -old[1], -old[2]),
            (after.campaign, after.unit, effective, known): new,
        }
    delta = (new[0] - old[0], new[1] - old[1], new[2] - old[2])
    return {(after.campaign, after.unit, effective, known): delta}


def _standing_json(standing: Standing) -> list[Any]:
    return [standing.anchor_version, _iso(standing.since), _iso(standing.moved_at)]


def _iso(instant: datetime | None) -> str | None:
    return instant.astimezone(UTC).isoformat() if instant else None


def _frozen(case: Case) -> dict[str, Any]:
    whole = {name: getattr(case, name) for name in _FIELDS}
    return {k: (str(v) if isinstance(v, (date, Decimal)) else v) for k, v in whole.items()}


def thaw(frozen: Mapping[str, Any]) -> Case:
    """Parse a case as an event kept it."""
    hints = get_type_hints(Case)
    return Case(**{name: _thawed(value, hints[name]) for name, value in frozen.items()})


def _thawed(value: Any, hint: Any) -> Any:
    if value is None:
        return None
    kinds = getattr(hint, "__args__", (hint,))
    if date in kinds:
        return date.fromisoformat(value)
    if Decimal in kinds:
        return Decimal(value)
    return State(value) if State in kinds else value


def undo(
    connection: Connection,
    case: Case,
    ladders: Mapping[str, Ladder],
    by: str,
    note: str,
    now: datetime,
    zone: tzinfo,
) -> Case | None:
    """Take back the last event of a case, as if it had never been; return ``None`` if there is none.

    The case, its tally and its standings become what they were; the event stays on file, marked. No standing
    goes back behind going live: under it may be said what was said in rehearsal only, to nobody.
    """
    past = events.of_subject(connection, subject_of(case))
    last = next((e for e in reversed(past) if e.undone_by is None and e.kind != EventKind.UNDONE), None)
    if last is None or "before" not in last.data:
        return None
    before = thaw(last.data["before"])
    settings.take_turn(connection)
    connection.execute(update(cases).where(cases.c.id == case.id).values(**values(before)))
    tally.add(connection, booked(case, before, last.effective_on, tally.known_from(now, zone)))
    live = mode.read(connection).live
    if live and last.recorded_at <= live.at:
        agenda.move(
            connection, subject_of(case), ladders, Move.LOOKED, case.anchors, before.anchors, now, zone
        )
    else:
        rows = agenda.of_subject(connection, subject_of(case))
        agenda.put(connection, [(row, _former(row, last.data["standings"])) for row in rows], now)
    undoing = events.record(
        connection,
        subject_of(case),
        EventKind.UNDONE,
        local_day(now, zone),
        now,
        by=by,
        note=note,
        data={"undid": last.id, "kind": last.kind},
    )
    events.mark_undone(connection, last.id, undoing)
    if last.kind == EventKind.SIGNED:
        _unsign(connection, case, last.recorded_at)
    _sign_again(connection, case, last.data.get("signed", ()))
    _look_again(connection, case, now, unsigned=last.kind == EventKind.SIGNED)
    return before


def _look_again(connection: Connection, case: Case, now: datetime, *, unsigned: bool = False) -> None:
    subject = subject_of(case)
    standings = agenda.standings_of(connection, subject)
    notices.look_again(connection, subject, standings, now, unsigned=unsigned)


def _unsign(connection: Connection, case: Case, at: datetime | None = None) -> None:
    """Take back the signature that came with an event, or all of them: a new round asks anew."""
    mine = _signed(case)
    connection.execute(
        delete(signatures).where(mine if at is None else and_(mine, signatures.c.signed_at == at))
    )


def _sign_again(connection: Connection, case: Case, taken: Iterable[tuple[int, str]]) -> None:
    """Bring back the signatures that an event took, apart from those given again since."""
    known = set(connection.execute(select(signatures.c.person_id).where(_signed(case))).scalars())
    rows = [
        {"person_id": person, "signed_at": datetime.fromisoformat(at)}
        for person, at in taken
        if person not in known
    ]
    if rows:
        mine = {"subject_kind": SubjectKind.CASE, "subject_id": case.id}
        connection.execute(insert(signatures), [mine | row for row in rows])


def _signed(case: Case) -> ColumnElement[bool]:
    return and_(signatures.c.subject_kind == SubjectKind.CASE, signatures.c.subject_id == case.id)


def _former(row: AgendaRow, standings: Mapping[str, Any]) -> Standing:
    """Return where a case stood on a ladder before an event; on a ladder newer than that, where it stands."""
    if row.ladder not in standings:
        return row.standing
    version, *instants = standings[row.ladder]
    return Standing(version, *(datetime.fromisoformat(each) if each else None for each in instants))


def next_number(connection: Connection, campaign: int, numbering: str) -> str:
    """Take the campaign's next free case number; who comes at the same time waits for the campaign's row."""
    counter = select(campaigns.c.last_no).where(campaigns.c.id == campaign).with_for_update()
    last = connection.execute(counter).scalar() or 0
    while on_file(connection, campaign, no := numbering.format(n=last + 1)):
        last += 1
    connection.execute(update(campaigns).where(campaigns.c.id == campaign).values(last_no=last + 1))
    return no


def enter_missing(connection: Connection, ladders: list[Ladder], now: datetime) -> int:
    """Put every case on those of ``ladders`` that no case is on yet; return how many rows that made.

    Each row takes over the subject's own beginning from its other ladders, so that a new ladder owes
    nothing that its case does not.
    """
    a = agenda_table.c
    mine, came = (
        select(func.max(each)).where(a.subject_kind == "case", a.subject_id == cases.c.id).scalar_subquery()
        for each in (a.since, a.moved_at)
    )
    made = 0
    for ladder in ladders:
        on_it = select(a.subject_id).where(a.subject_kind == "case", a.ladder == ladder.id)
        source = select(
            literal("case"),
            cases.c.id,
            literal(ladder.id),
            literal(now, Instant),
            mine,
            came,
            literal(1),
            literal(1),
        ).where(cases.c.id.not_in(on_it))
        columns = [
            a.subject_kind,
            a.subject_id,
            a.ladder,
            a.due_at,
            a.since,
            a.moved_at,
            a.anchor_version,
            a.version,
        ]
        made += connection.execute(insert(agenda_table).from_select(columns, source)).rowcount
    return made
