"""Cases that come in many at once: what happens to them happens in memory, and is stored in a few statements.

What is stored is what ``cases.Gate`` would have stored row by row; a test compares the two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from daemon.domain.case import TRANSITIONS, Case, Event, State, apply, check, steps_to
from daemon.domain.ladder import Ladder, SubjectKind
from daemon.domain.plan import Standing
from daemon.domain.standing import Move, moved
from daemon.domain.workdays import WorkdayCalendar
from daemon.store import cases as on_file
from daemon.store import events, tally
from daemon.store.engine import chunks
from daemon.store.tables import agenda, campaigns, cases
from daemon.store.tally import Day, Delta


@dataclass
class _Newcomer:
    """A case to be stored: as it is, where it stands on its ladders, and what has happened to it."""

    case: Case
    standings: dict[str, Standing]
    past: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Newcomers:
    """Lets events of new cases through the same checks as ``cases.Gate``; ``store`` puts all on file.

    Until then a case has the number 0, and is known by its 编号; one that is on file is not a newcomer.
    """

    connection: Connection
    ladders: Mapping[str, Ladder]
    calendar: WorkdayCalendar
    zone: tzinfo
    now: datetime
    _waiting: dict[str, _Newcomer] = field(default_factory=dict)
    _counts: dict[Day, Delta] = field(default_factory=lambda: defaultdict(lambda: (0, 0, 0)))
    _last_no: int | None = None
    _taken: set[str] = field(default_factory=set)

    def register(self, draft: Case, event: Event, numbering: str, since: datetime | None, move: Move) -> Case:
        """Take in a new case and register it; it takes the campaign's next number unless it has one."""
        case = replace(
            draft, no=draft.no or self._next_number(draft.campaign, numbering), state=State.REPORTED
        )
        mine = [ladder.id for ladder in self.ladders.values() if ladder.about is SubjectKind.CASE]
        self._waiting[case.no] = _Newcomer(case, dict.fromkeys(mine, Standing(1, since, self.now)))
        return self.pass_through(case, event, move=move)

    def pass_through(self, case: Case, event: Event, *, move: Move | None = None, fill: bool = False) -> Case:
        """Check an event and let it happen, or raise ``RefusedError``; as ``Gate.pass_through``."""
        for step in steps_to(case, event.kind) if fill else ():
            filled = Event(step, event.on, by=event.by, note="台账补记", filled=True)
            case = self.pass_through(case, filled, move=move)
        check(case, event, self.calendar)
        return self._happen(case, event, move or TRANSITIONS[event.kind].move)

    def _happen(self, case: Case, event: Event, move: Move) -> Case:
        newcomer, after = self._waiting[case.no], apply(case, event)
        newcomer.past.append(
            {
                "subject_kind": SubjectKind.CASE,
                "kind": event.kind,
                "effective_on": event.on,
                "recorded_at": self.now,
                "by": event.by,
                "note": event.note,
                "data": on_file.told(case, event, newcomer.standings),
            }
        )
        newcomer.standings = self._moved(newcomer.standings, move, case, after)
        newcomer.case = after
        known = tally.known_from(self.now, self.zone)
        for day, delta in on_file.booked(case, after, event.on, known).items():
            before = self._counts[day]
            self._counts[day] = (before[0] + delta[0], before[1] + delta[1], before[2] + delta[2])
        return after

    def _moved(
        self, standings: Mapping[str, Standing], move: Move, before: Case, after: Case
    ) -> dict[str, Standing]:
        was, is_ = before.anchors, after.anchors
        return {
            name: moved(standing, move, was.get(anchor), is_.get(anchor), self.now, self.zone)
            for name, standing in standings.items()
            for anchor in (self.ladders[name].anchor,)
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
            if no not in self._taken and no not in self._waiting:
                return no

    def store(self) -> None:
        """Put all newcomers on file, on their ladders, with their past and their counts."""
        for some in chunks(list(self._waiting.values())):
            ids = self._put_cases(some)
            self._put_agenda(some, ids)
            for each in some:
                for event in each.past:
                    event["subject_id"] = event["data"]["before"]["id"] = ids[each.case.no]
            events.record_all(self.connection, [event for each in some for event in each.past])
        tally.add(self.connection, self._counts)
        if self._last_no is not None:
            campaign = next(iter(self._waiting.values())).case.campaign
            counter = update(campaigns).where(campaigns.c.id == campaign)
            self.connection.execute(counter.values(last_no=self._last_no))
        self._waiting.clear()
        self._counts.clear()

    def _put_cases(self, some: Sequence[_Newcomer]) -> dict[str, int]:
        """Insert cases; return their numbers by 编号."""
        self.connection.execute(insert(cases), [on_file.values(each.case) for each in some])
        wanted = {"campaign": some[0].case.campaign, "nos": [each.case.no for each in some]}
        return dict(map(tuple, self.connection.execute(_NUMBERS, wanted)))

    def _put_agenda(self, some: Sequence[_Newcomer], ids: Mapping[str, int]) -> None:
        rows = [
            {
                "subject_kind": SubjectKind.CASE,
                "subject_id": ids[each.case.no],
                "ladder": ladder,
                "since": standing.since,
                "moved_at": standing.moved_at,
                "anchor_version": standing.anchor_version,
                "version": 1 + len(each.past),
                "due_at": self.now,
            }
            for each in some
            for ladder, standing in each.standings.items()
        ]
        if rows:
            self.connection.execute(insert(agenda), rows)


_NUMBERS = select(cases.c.no, cases.c.id).where(
    cases.c.campaign_id == bindparam("campaign"), cases.c.no.in_(bindparam("nos", expanding=True))
)
