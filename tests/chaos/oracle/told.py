"""Judges the promise that nothing is stuck and nothing silent: the office is told of what went wrong.

At the end nothing is under way that should have been over. About what the gate on floods holds the office is
asked at once, or was within the hour before. What is held, waits, failed, lapsed, is muted, is to be told by
hand or reached nobody stands in a note by the next morning, by its kind and name (notes.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from tests.chaos.journal import Item, Notice
from tests.chaos.oracle import notes
from tests.chaos.oracle.days import DAY, HOUR, slot
from tests.chaos.oracle.deadlines import SLEEPY, Deadlines
from tests.chaos.oracle.evidence import Evidence, Violation
from tests.chaos.oracle.looks import within
from tests.chaos.oracle.people import reached
from tests.chaos.oracle.rules import Rules
from tests.chaos.oracle.tries import Tries

NOTE_CHANNELS = ("wecom", "email")


@dataclass(frozen=True)
class Trouble:
    """Something that the office must be told of: a kind of :mod:`notes`, and the name a note has for it."""

    kind: str
    name: str
    since: datetime
    ended: datetime | None = None


class Told:
    """What is stuck, and of what nobody was told."""

    def __init__(self, evidence: Evidence, deadlines: Deadlines, tries: Tries) -> None:
        self.evidence, self.world = evidence, evidence.world
        self.deadlines, self.tries = deadlines, tries

    def violations(self) -> Iterator[Violation]:
        yield from self._stuck_attempts()
        yield from self._stuck_items()
        for number, since in self.evidence.held_since.items():
            yield from self._check_asked(number, since)
        for trouble in self._troubles():
            yield from self._check_told_of(trouble)

    # -- nothing stuck

    def _stuck_attempts(self) -> Iterator[Violation]:
        for attempt in self.evidence.attempts:
            opened = attempt.opened_at
            if not attempt.outcome and self.deadlines.after(opened) + DAY < self.evidence.end:
                words = f"attempt {attempt.id} of notice {attempt.notice} opened {self._clock(opened)}"
                yield Violation("stuck", f"{words} was never closed", opened)

    def _stuck_items(self) -> Iterator[Violation]:
        for item in self.evidence.items.values():
            notice = self.evidence.notices.get(item.notice) if item.notice else None
            held = notice is not None and notice.state in ("waiting", "held", "manual", "done", "failed")
            moments = [item.opened_at, notice.moment if notice else None]
            opened = max((moment for moment in moments if moment is not None), default=None)
            if item.state == "open" and not held and opened and self._is_over(item, opened):
                where = f"notice {notice.id} {notice.state}" if notice else "no notice"
                words = (
                    f"item {item.id} for person {item.person} is open since {self._clock(opened)}, {where}"
                )
                yield Violation("stuck", words, opened)

    def _is_over(self, item: Item, opened: datetime) -> bool:
        """Whether an item should be over, on a day with room for it."""
        latest = self.deadlines.after(opened)
        if item.notice is None:
            latest = max(latest, self.deadlines.after(self.evidence.let_go_items.get(item.id, opened)))
            owed = self.evidence.owed_by(item)
            latest = max([latest, *(self.deadlines.with_room(one, [item.person], latest) for one in owed)])
        return latest + DAY < self.evidence.end

    # -- nothing silent

    def _check_asked(self, number: int, since: datetime) -> Iterator[Violation]:
        """The office was asked about a notice at once, or within the hour before."""
        deadline = self.deadlines.after(since)
        over = self._decided(number) or self.evidence.end
        if not self._has_office(since) or over <= deadline:
            return
        if not any(since - HOUR <= asked and told <= deadline for asked, told in self._asked):
            words = f"notice {number} is held since {self._clock(since)}"
            yield Violation("silent", f"{words}; nobody was asked by {self._clock(deadline)}", since)

    def _check_told_of(self, trouble: Trouble) -> Iterator[Violation]:
        """The office has been told of a trouble by the next morning."""
        since, live = trouble.since, self.evidence.live
        deadline = self._next_morning(since)
        if not self._has_office(since) or deadline is None:
            return
        if live and since <= live.at <= deadline:
            return  # the trouble of a rehearsal, of which nobody was told in time
        if deadline < (trouble.ended or self.evidence.end) and not any(
            since <= came and prompt <= deadline and notes.names(text, trouble.kind, trouble.name)
            for came, prompt, text in self._notes
        ):
            words = f"{trouble.name} is {trouble.kind} since {self._clock(since)}"
            yield Violation("silent", f"{words}; no note says so by {self._clock(deadline)}", since)

    def _next_morning(self, since: datetime) -> datetime | None:
        """Return by when the next morning's note has come; none, if the rules know of no mornings.

        That morning may be made a day off meanwhile; it is the first on which somebody holds the office.
        """
        morning = self._morning_after(since, self.world.rules_at(since))
        for at, rules in self.world.activations:
            if morning and since < at <= morning:
                morning = max(morning, self._morning_after(since, rules) or morning)
        while morning and morning < self.evidence.end and not self._has_office(morning):
            morning = self._morning_after(morning, self.world.rules_at(morning))
        return morning and self.deadlines.after(morning)

    def _morning_after(self, since: datetime, rules: Rules) -> datetime | None:
        bundle = rules.bundles.get("morning")
        if bundle is None:
            return None
        hours, calendar, zone = rules.hours, rules.calendar, self.world.zone
        morning = slot(bundle, since, since, hours, calendar, zone)
        return slot(bundle, morning + SLEEPY, morning, hours, calendar, zone)

    def _has_office(self, at: datetime) -> bool:
        return any(
            reached(seating.directory, ("office.duty", "office.director"), None, self.world.day(at))
            for seating in within(self.world.seatings, at, at)
        )

    # -- what the office was told

    @cached_property
    def _asked(self) -> Sequence[tuple[datetime, datetime]]:
        """When the office was asked about what is held, and when that came but for pauses between tries."""
        pauses = self.deadlines.pauses
        return [(n.created_at, told - pauses({n.id})) for n, told, _ in self._came("ask") if n.created_at]

    @cached_property
    def _notes(self) -> Sequence[tuple[datetime, datetime, str]]:
        """When the office's notes came, when they had but for pauses between tries, and what they said."""
        pauses = self.deadlines.pauses
        return [(told, told - pauses({n.id}), text) for n, told, text in self._came("note")]

    def _came(self, kind: str) -> Iterator[tuple[Notice, datetime, str]]:
        """Yield the notices of a kind, when they came, and what they said.

        Who has no address finds what he is told among the tasks by hand.
        """
        found = {n.id: n for n in self.evidence.notices.values() if n.kind == kind}
        for notice in found.values():
            if notice.sent_at and self._is_by_hand(notice):
                yield notice, notice.sent_at, notice.text
        for arrival in self.evidence.arrivals:
            if arrival.notice in found:
                yield found[arrival.notice], arrival.at, arrival.text

    def _is_by_hand(self, notice: Notice) -> bool:
        return notice.state in ("manual", "done") and self.tries.were_exhausted(notice, NOTE_CHANNELS)

    # -- what it must know of

    def _troubles(self) -> Iterator[Trouble]:
        """Yield what the office must know of, with when it began, and when it was over."""
        for notice in self.evidence.notices.values():
            if notice.kind not in ("note", "ask"):
                yield from self._of_notice(notice)
        for gap in self.evidence.gaps:
            yield Trouble("unaddressed", self._rung(gap.decision), gap.since, gap.resolved_at)
        for item in self.evidence.items.values():
            kind = {"lapsed": "lapsed", "deadline_passed": "lapsed", "muted": "muted"}.get(item.reason)
            if item.state == "dropped" and kind and item.closed_at:
                yield Trouble(kind, self._rung(item.decision), item.closed_at)
        for row in self.evidence.decided.values():
            if row.outcome in ("lapsed", "muted"):
                yield Trouble(row.outcome, row.rung, row.decided_at)

    def _of_notice(self, notice: Notice) -> Iterator[Trouble]:
        name = f"{notice.id}号"
        if notice.state in ("manual", "done") and notice.sent_at:
            yield Trouble("manual", name, notice.sent_at, self.evidence.done_by_hand.get(notice.id))
        if notice.state == "failed" and notice.ended_at:
            yield Trouble("failed", name, notice.ended_at)
        if since := self.evidence.held_since.get(notice.id):
            yield Trouble("held", name, since, self._decided(notice.id))
        approved = self.evidence.approved_at.get(notice.id, [])
        if (notice.state == "waiting" or approved) and notice.created_at:
            yield Trouble("waiting", name, notice.created_at, min(approved, default=None))

    def _decided(self, number: int) -> datetime | None:
        """Return when the office let go or dropped a notice that the gate held."""
        return self.evidence.let_go.get(number) or self.evidence.withdrawn.get(number)

    def _rung(self, decision: int) -> str:
        return self.evidence.decided[decision].rung

    def _clock(self, instant: datetime) -> str:
        return self.evidence.clock(instant)
