"""What each person bore over each channel, and whether a budget was used up (design.md §4 and §5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from tests.chaos.journal import Arrival, Attempt
from tests.chaos.oracle.days import DAY, midnight
from tests.chaos.oracle.evidence import REHEARSED, Evidence
from tests.chaos.oracle.replay import World
from tests.chaos.oracle.rules import Rung

UNSAID = ("over_budget", "withdrawn", "rehearsed")
"""Why a notice was dropped that used up nothing: it had no room itself, or never stood in line for it."""


@dataclass(frozen=True)
class Message:
    """What one notice says to a person over one channel: however often its bytes come, it is one message.

    It counts on the day ``on``, that of its first bytes; ``at`` is when they left.
    """

    person: int
    channel: str
    notice: int | None
    rehearsed: bool
    exempt: bool
    on: date
    at: datetime
    arrival: Arrival

    @property
    def order(self) -> tuple[datetime, float]:
        return self.at, self.arrival.order[1]


@dataclass(frozen=True)
class Use:
    """The room that a message took, from its first try to the end of the last if that surely failed."""

    notice: int
    tries: tuple[datetime, ...]
    over: datetime | None
    rehearsed: bool

    def counts(self, since: datetime, until: datetime, first: date, last: date, world: World) -> bool:
        """Whether it took room on one of these days, in the eyes of what was on its way meanwhile."""
        if self.over is not None and self.over < since:
            return False
        return any(at <= until and first <= world.day(at) <= last for at in self.tries)


class Budgets:
    """Counts messages by person, channel and office day."""

    def __init__(self, evidence: Evidence) -> None:
        self.world = evidence.world
        self.items, self.decided, self.notices = evidence.items, evidence.decided, evidence.notices
        self.arrivals, self.tries = evidence.arrivals, evidence.tries
        self.live = evidence.live.at if evidence.live else None

    # -- what came

    @cached_property
    def messages(self) -> list[Message]:
        """All that came, in order; what came again is where it came, or may have come, first."""
        found: dict[object, Message] = {}
        for arrival in self.arrivals:
            if (message := self._message(arrival)) is not None:
                key = (message.person, message.channel, message.notice or id(arrival), message.on)
                found.setdefault((key, message.rehearsed), message)
        return sorted(found.values(), key=lambda m: m.order)

    def _message(self, arrival: Arrival) -> Message | None:
        person = self._person(arrival)
        if person is None:
            return None
        at = self._first_left(arrival)
        marked, exempt = REHEARSED in arrival.text, self.is_exempt(arrival)
        channel, notice = arrival.channel, arrival.notice
        return Message(person, channel, notice, marked, exempt, self.world.day(at), at, arrival)

    def _first_left(self, arrival: Arrival) -> datetime:
        """Return when bytes left first: what says of itself that it may be a repeat had perhaps come then."""
        if not arrival.repeat or arrival.notice is None:
            return arrival.at
        tries = self.tries.get((arrival.notice, arrival.channel), ())
        return min([arrival.at, *(each.opened_at for each in tries if _may_have_come(each))])

    def _person(self, arrival: Arrival) -> int | None:
        if notice := self.notices.get(arrival.notice or 0):
            return notice.person
        return next((self.items[n].person for n in arrival.items if n in self.items), None)

    def is_exempt(self, arrival: Arrival) -> bool:
        """Whether no budget holds it: it speaks to the office of trouble, or one of its items is exempt."""
        notice = self.notices.get(arrival.notice or 0)
        if notice is not None and notice.kind != "rungs":
            return True
        return any(rung.exempt for rung in self.rungs(arrival))

    def rungs(self, arrival: Arrival) -> Iterator[Rung]:
        """Yield the rungs that speak in a message."""
        rules = self.world.rules_at(arrival.at)
        for row in (self.decided[self.items[n].decision] for n in arrival.items if n in self.items):
            if rung := rules.rung(row.ladder, row.rung):
                yield rung

    def beside(self, message: Message) -> Iterator[tuple[str, int, Sequence[Message]]]:
        """Yield each limit that a message is under, its name, and what else counts on that day or week."""
        budget = self.world.rules_at(message.at).budgets.get(message.channel)
        if budget is None:
            return
        same = self._by_person[message.person, message.channel, message.rehearsed]
        spans = (("day", budget.day, message.on), ("week", budget.week, monday_of(message.on)))
        for name, limit, first in spans:
            if limit is not None:
                yield name, limit, [m for m in same if m is not message and first <= m.on <= message.on]

    @cached_property
    def _by_person(self) -> Mapping[tuple[int, str, bool], list[Message]]:
        found: dict[tuple[int, str, bool], list[Message]] = defaultdict(list)
        for message in self.messages:
            found[message.person, message.channel, message.rehearsed].append(message)
        return found

    def gave_room_back(self, message: Message) -> bool:
        """Whether something on the day of a message had room, or stood in line for it, and did not come."""
        uses = self._uses.get((message.person, message.channel), ())
        over = [use.over for use in uses if use.over is not None]
        start = midnight(message.on, self.world.zone)
        back = any(self.world.day(at) == message.on for at in over)
        return back or self._stood_in_line(message.person, start, message.at, ()) > 0

    # -- what was used up

    def is_used_up(
        self, person: int, channel: str, since: datetime, moment: datetime, but: Collection[int]
    ) -> bool:
        """Whether other messages had used up a budget by a moment, or may have, on the day of that moment.

        ``since`` is when the one that asks could first have left; ``but`` are its own notices. A try counts
        though it failed, as long as another may follow.
        """
        budget = self.world.rules_at(moment).budgets.get(channel)
        if budget is None:
            return False
        day = self.world.day(moment)
        since = max(since, midnight(day, self.world.zone))
        uses = [use for use in self._uses.get((person, channel), ()) if use.notice not in but]
        if self.live is not None and since > self.live:
            uses = [use for use in uses if not use.rehearsed]
        ahead = self._stood_in_line(person, since, moment, but)
        spans = ((budget.day, day), (budget.week, monday_of(day)))
        return any(
            limit is not None
            and ahead + sum(use.counts(since, moment, first, day, self.world) for use in uses) >= limit
            for limit, first in spans
        )

    def _stood_in_line(self, person: int, since: datetime, moment: datetime, but: Collection[int]) -> int:
        """Count what stood in line before it fell away, so that it was counted by what came behind it."""
        day = self.world.day(moment)
        return sum(
            made <= moment and since <= ended and self.world.day(ended) == day
            for number, made, ended in self._dropped.get(person, ())
            if number not in but
        )

    @cached_property
    def _dropped(self) -> Mapping[int, list[tuple[int, datetime, datetime]]]:
        found: dict[int, list[tuple[int, datetime, datetime]]] = defaultdict(list)
        for n in self.notices.values():
            if n.state == "dropped" and n.reason not in UNSAID and n.created_at and n.ended_at:
                found[n.person].append((n.id, n.created_at, n.ended_at))
        return found

    @cached_property
    def _uses(self) -> Mapping[tuple[int, str], list[Use]]:
        found: dict[tuple[int, str], list[Use]] = defaultdict(list)
        known = set()
        for (number, channel), tries in self.tries.items():
            if (notice := self.notices.get(number)) is not None:
                known.add((number, channel))
                opened = tuple(each.opened_at for each in tries)
                use = Use(number, opened, _surely_over(tries), notice.rehearsal)
                found[notice.person, channel].append(use)
        for m in self.messages:
            if m.notice is not None and (m.notice, m.channel) not in known:
                found[m.person, m.channel].append(Use(m.notice, (m.at,), None, m.rehearsed))
        return found


def _surely_over(tries: Sequence[Attempt]) -> datetime | None:
    """Return when the last try ended, if surely none of them arrived and none follows."""
    last = max(tries, key=lambda each: each.opened_at)
    arrived = any(_may_have_come(each) for each in tries)
    return last.closed_at if last.delivery_state == "failed" and not arrived else None


def _may_have_come(attempt: Attempt) -> bool:
    return attempt.outcome in ("", "unknown", "sent")


def monday_of(day: date) -> date:
    return day - day.weekday() * DAY
