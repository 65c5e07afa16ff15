"""Many cases at once: what happens to them happens in memory, and is stored in a few statements.

What is stored is what ``cases.Gate`` would have stored event by event; a test compares the two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from daemon.domain.case import TRANSITIONS, Case, Event, State, apply, check, steps_to
from daemon.domain.ladder import Ladder, SubjectKind
from daemon.domain.plan import Standing
from daemon.domain.standing import Move
from daemon.domain.workdays import WorkdayCalendar
from daemon.store import agenda, events, settings, tally
from daemon.store import cases as on_file
from daemon.store.agenda import AgendaRow
from daemon.store.engine import chunks
from daemon.store.tables import agenda as agenda_table
from daemon.store.tables import campaigns, cases
from daemon.store.tally import Day, Delta


@dataclass
class _Member:
    """A case to be stored: as it is, where it stands on its ladders, and what has happened to it.

    ``rows`` are its agenda rows as they were read, with the anchor versions that were ever settled; a
    newcomer has none.
    """

    case: Case
    standings: dict[str, Standing]
    rows: Sequence[AgendaRow] = ()
    used: Mapping[str, int] = field(default_factory=dict)
    past: list[dict[str, Any]] = field(default_factory=list)
    moves: set[Move] = field(default_factory=set)


@dataclass
class Crowd:
    """Lets events of many cases through the same checks as ``cases.Gate``; ``store`` puts all on file.

    A new case is registered, and has the number 0 until it is stored; one that is on file is taken up first.
    Both are known by their 编号.
    """

    connection: Connection
    ladders: Mapping[str, Ladder]
    calendar: WorkdayCalendar
    zone: tzinfo
    now: datetime
    _members: dict[str, _Member] = field(default_factory=dict)
    _counts: dict[Day, Delta] = field(default_factory=lambda: defaultdict(lambda: (0, 0, 0)))
    _last_no: int | None = None
    _taken: set[str] = field(default_factory=set)

    def take_up(self, nos: Iterable[str]) -> dict[str, Case]:
        """Return those of these cases that are on file, held until the transaction ends."""
        found = on_file.by_nos(self.connection, nos, hold=True)
        ids = [case.id for case in found.values()]
        rows = agenda.of_subjects(self.connection, SubjectKind.CASE, ids)
        used = agenda.versions_used(self.connection, SubjectKind.CASE, ids)
        for case in found.values():
            mine = rows.get(case.id, [])
            standings = {row.ladder: row.standing for row in mine}
            self._members[case.no] = _Member(case, standings, mine, used.get(case.id, {}))
        return found

    def register(self, draft: Case, event: Event, numbering: str, since: datetime | None, move: Move) -> Case:
        """Take in a new case and register it; it takes the campaign's next number unless it has one."""
        case = replace(
            draft, no=draft.no or self._next_number(draft.campaign, numbering), state=State.REPORTED
        )
        mine = [ladder.id for ladder in self.ladders.values() if ladder.about is SubjectKind.CASE]
        self._members[case.no] = _Member(case, dict.fromkeys(mine, Standing(1, since, self.now)))
        return self.pass_through(case, event, move=move)

    def pass_through(self, case: Case, event: Event, *, move: Move | None = None, fill: bool = False) -> Case:
        """Check an event and let it happen, or raise ``RefusedError``; as ``Gate.pass_through``."""
        for step in steps_to(case, event.kind) if fill else ():
            filled = Event(step, event.on, by=event.by, note="台账补记", filled=True)
            case = self.pass_through(case, filled, move=move)
        check(case, event, self.calendar)
        on_file.refuse_taken_number(self.connection, case, event)
        return self._happen(case, event, move or TRANSITIONS[event.kind].move)

    def _happen(self, case: Case, event: Event, move: Move) -> Case:
        member, after = self._members[case.no], apply(case, event)
        # Of several that take signatures the first does: they leave the table when all has happened.
        takes = {} if move in member.moves else on_file.signed_before(self.connection, case, move)
        member.past.append(
            {
                "subject_kind": SubjectKind.CASE,
                "subject_id": case.id,
                "kind": event.kind,
                "effective_on": event.on,
                "recorded_at": self.now,
                "by": event.by,
                "note": event.note,
                "data": on_file.told(case, event, member.standings) | takes,
            }
        )
        member.standings = self._moved(member, move, case, after)
        member.moves.add(move)
        member.case = after
        known = tally.known_from(self.now, self.zone)
        for day, delta in on_file.booked(case, after, event.on, known).items():
            before = self._counts[day]
            self._counts[day] = (before[0] + delta[0], before[1] + delta[1], before[2] + delta[2])
        return after

    def _moved(self, member: _Member, move: Move, before: Case, after: Case) -> dict[str, Standing]:
        was, is_ = before.anchors, after.anchors
        moved = {
            name: agenda.moved_standing(standing, self.ladders.get(name), move, was, is_, self.now, self.zone)
            for name, standing in member.standings.items()
        }
        return {
            name: agenda.never_used(member.standings[name], standing, member.used.get(name, 0))
            for name, standing in moved.items()
        }

    def _next_number(self, campaign: int, numbering: str) -> str:
        """Take the campaign's next free number; who comes at the same time waits for the campaign's row."""
        if self._last_no is None:
            counter = select(campaigns.c.last_no).where(campaigns.c.id == campaign).with_for_update()
            self._last_no = self.connection.execute(counter).scalar() or 0
            given = select(cases.c.no).where(cases.c.campaign_id == campaign)
            self._taken = set(self.connection.execute(given).scalars())
        while True:
            self._last_no += 1
            no = numbering.format(n=self._last_no)
            if no not in self._taken and no not in self._members:
                return no

    def store(self) -> dict[str, int]:
        """Put all newcomers on file, and the others as they are now: with ladders, past and counts.

        Return the numbers of those to which anything happened, by 编号.
        """
        changed = [each for each in self._members.values() if each.past]
        known = [each for each in changed if each.case.id]
        if any(Move.RETURNED in each.moves for each in known):
            settings.take_turn(self.connection)
        ids = {each.case.no: each.case.id for each in changed}
        ids |= self._put_new([each for each in changed if not each.case.id])
        on_file.update_all(self.connection, [each.case for each in known])
        self._put_agenda(known)
        events.record_all(self.connection, [event for each in changed for event in each.past])
        tally.add(self.connection, self._counts)
        if self._last_no is not None:
            campaign = next(iter(self._members.values())).case.campaign
            counter = update(campaigns).where(campaigns.c.id == campaign)
            self.connection.execute(counter.values(last_no=self._last_no))
        for each in known:
            on_file.settle_moves(self.connection, each.case, each.moves, self.now)
        self._members.clear()
        self._counts.clear()
        return ids

    def _put_new(self, newcomers: Sequence[_Member]) -> dict[str, int]:
        """Insert cases with their agenda; return their numbers by 编号."""
        ids: dict[str, int] = {}
        for some in chunks(newcomers):
            self.connection.execute(insert(cases), [on_file.values(each.case) for each in some])
            wanted = {"campaign": some[0].case.campaign, "nos": [each.case.no for each in some]}
            ids |= dict(map(tuple, self.connection.execute(_NUMBERS, wanted)))
            for each in some:
                number = ids[each.case.no]
                for event in each.past:
                    event["subject_id"] = event["data"]["before"]["id"] = number
            rows = [row for each in some for row in self._agenda_rows(each, ids[each.case.no])]
            if rows:
                self.connection.execute(insert(agenda_table), rows)
        return ids

    def _agenda_rows(self, newcomer: _Member, number: int) -> list[dict[str, Any]]:
        return [
            {
                "subject_kind": SubjectKind.CASE,
                "subject_id": number,
                "ladder": ladder,
                "since": standing.since,
                "moved_at": standing.moved_at,
                "anchor_version": standing.anchor_version,
                "version": 1 + len(newcomer.past),
                "due_at": self.now,
            }
            for ladder, standing in newcomer.standings.items()
        ]

    def _put_agenda(self, known: Sequence[_Member]) -> None:
        for steps in sorted({len(each.past) for each in known}):
            moved = [
                (row, each.standings[row.ladder])
                for each in known
                if len(each.past) == steps
                for row in each.rows
            ]
            agenda.put(self.connection, moved, self.now, steps)


_NUMBERS = select(cases.c.no, cases.c.id).where(
    cases.c.campaign_id == bindparam("campaign"), cases.c.no.in_(bindparam("nos", expanding=True))
)
