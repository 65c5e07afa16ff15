"""Holds what arrived against what was owed."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

from tests.chaos.journal import (
    Approved,
    Arrival,
    Attempt,
    Began,
    CaseEvent,
    Decided,
    DoneByHand,
    Ended,
    Fault,
    Gap,
    Item,
    Journal,
    LetGo,
    Notice,
    Paused,
    Person,
    PutForward,
    Tallied,
    WentLive,
    Withdrawn,
    ago,
)
from tests.chaos.oracle import notes
from tests.chaos.oracle.budgets import REHEARSED, Budgets, Message
from tests.chaos.oracle.days import DAY, FRESH, midnight, slot
from tests.chaos.oracle.owed import Judgement, Owed, all_owed
from tests.chaos.oracle.people import reached
from tests.chaos.oracle.repeats import CARRIERS, Repeat, pairs, unexplained
from tests.chaos.oracle.replay import Mute, Seating, Silence, State, SubjectName, World, replay
from tests.chaos.oracle.rules import ACTS

PROMPT = timedelta(minutes=25)
"""In office time: patience for planning (5), spread at a window's opening (9), off the half hour (1), and as
much again. What is on time leaves within it."""
NOTE_CHANNELS = ("wecom", "email")
IN_FLIGHT = timedelta(seconds=60)
"""In wall time: from a worker's look to the last byte at the provider. A worker that sleeps longer than one
call may take (20 s) must not send."""
ONE_TRY = timedelta(seconds=3)
"""By the time that really passed, the longest from a worker's look to the last byte: one call (0.8 s) on a
busy machine. Clocks that were put forward since then were put forward in the middle of the send."""
BACKOFF = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 240))
"""The longest pauses between tries after definite failures."""
SMS_APART, SMS_A_DAY = timedelta(seconds=30), 10
"""What a provider of short messages takes to one number: the same words no sooner, and no more a day."""
RESENT = 1
"""How often bytes of unknown fate are sent again."""
HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)
WORKERS_LOST = 5
"""So many in a row that were lost with one message in hand are taken to have been lost of it."""
SLEEPY = timedelta(minutes=10)
"""In office time: how soon all processes are back at work when a fault is over."""


@dataclass(frozen=True)
class Violation:
    """One broken promise: ``kind`` is a word, ``words`` a sentence with the evidence."""

    kind: str
    words: str
    at: datetime | None = None

    def __str__(self) -> str:
        return f"{self.kind}: {self.words}"


@dataclass(frozen=True)
class Trouble:
    """Something that the office must be told of: a kind of :mod:`notes`, and the name a note has for it."""

    kind: str
    name: str
    since: datetime
    ended: datetime | None = None


@dataclass(frozen=True)
class Said:
    """One item in one message at the wire."""

    arrival: Arrival
    item: Item
    decided: Decided

    @property
    def subject(self) -> SubjectName:
        return (self.decided.kind, self.decided.subject)

    @property
    def name(self) -> RungName:
        return (self.subject, self.decided.ladder, self.decided.rung, self.decided.occurrence)

    @property
    def notice(self) -> int | None:
        """The notice that said it; the item may be another's by now."""
        return self.arrival.notice or self.item.notice

    @property
    def order(self) -> tuple[datetime, float]:
        return self.arrival.order


def judge(journal: Journal) -> list[Violation]:
    """Return every broken promise that a journal shows; an empty list is the proof."""
    return sorted(Judge(journal).all(), key=lambda v: (v.at.timestamp() if v.at else 0, v.kind, v.words))


RungName = tuple[SubjectName, str, str, str]
"""A subject, a ladder, a rung and an occurrence."""
T = TypeVar("T", State, Seating, Silence)


class Judge:
    """One journal and all that follows from it."""

    def __init__(self, journal: Journal) -> None:
        self.world: World = replay(journal)
        self.journal = journal
        ended = journal.of(Ended)
        if not ended:
            raise ValueError("the journal does not say how the run ended")
        self.end = ended[-1].at
        self.zone = self.world.zone
        self.judgement = Judgement(self.world)
        self.owed = all_owed(self.world, self.end)
        self.items = {item.id: item for item in journal.of(Item)}
        self.decided = {row.id: row for row in journal.of(Decided)}
        self.notices = {row.id: row for row in journal.of(Notice)}
        self.faults = journal.of(Fault)
        self.pauses = journal.of(Paused)
        self.attempts = journal.of(Attempt)
        self.skips = sorted(journal.of(PutForward), key=lambda skip: skip.wall)
        self.budgets = Budgets(self.world, journal)

    def all(self) -> Iterator[Violation]:
        for said in self.said:
            yield from self.check_said(said)
        yield from self._unknown_items()
        yield from self.check_windows()
        yield from self.check_pauses()
        yield from self.check_budgets()
        yield from self.check_ways()
        yield from self.check_strongest_first()
        yield from self.check_folds()
        yield from self.check_gate()
        yield from self.check_rehearsal()
        yield from self.check_repeats()
        yield from self.check_failures()
        for owed in self.obligations:
            yield from self.check_owed(owed)
        yield from self.check_stuck()
        yield from self.check_told_of()
        yield from self.check_tally()

    # -- what arrived

    @cached_property
    def arrivals(self) -> list[Arrival]:
        taken = [a for a in self.journal.of(Arrival) if a.taken]
        return sorted(taken, key=lambda a: a.order)

    @cached_property
    def said(self) -> list[Said]:
        return [
            Said(a, self.items[n], self.decided[self.items[n].decision])
            for a in self.arrivals
            for n in a.items
            if n in self.items
        ]

    def _unknown_items(self) -> Iterator[Violation]:
        for arrival in self.arrivals:
            for number in arrival.items:
                if number not in self.items:
                    words = f"item {number} arrived by {arrival.channel} {_t(arrival.at, self)}, not on file"
                    yield Violation("unknown", words, arrival.at)

    @cached_property
    def said_by_rung(self) -> Mapping[RungName, list[Said]]:
        found: dict[RungName, list[Said]] = defaultdict(list)
        for said in self.said:
            found[said.name].append(said)
        return found

    @cached_property
    def obligations(self) -> list[Owed]:
        return [owed for found in self.owed.values() for owed in found]

    @cached_property
    def owed_by_rung(self) -> Mapping[RungName, list[Owed]]:
        found: dict[RungName, list[Owed]] = defaultdict(list)
        for owed in self.obligations:
            found[owed.subject, owed.ladder, owed.rung.id, owed.occurrence.key].append(owed)
        return found

    # -- states in force

    def states_at(self, subject: SubjectName, arrival: Arrival) -> list[State]:
        return _in_force(self.world.states.get(subject, []), arrival, self._looked_from(arrival))

    def seatings_at(self, arrival: Arrival) -> list[Seating]:
        return _in_force(self.world.seatings, arrival, self._looked_from(arrival))

    def states_within(self, subject: SubjectName, start: datetime, end: datetime) -> list[State]:
        return _within(self.world.states[subject], start, end)

    def _looked_from(self, arrival: Arrival) -> datetime | None:
        """Return since when, by the wall clock, a worker may have looked last before an arrival."""
        return arrival.wall and ago(arrival.wall, ONE_TRY, self.skips) - (IN_FLIGHT - ONE_TRY)

    # -- MUST NOT

    def check_said(self, said: Said) -> Iterator[Violation]:
        """What arrived must have been owed, sayable, in time and to the right person."""
        if said.arrival.repeat and self._was_in_doubt(said):
            return  # the same bytes, looked at when they first left; see check_repeats
        candidates = self.candidates(said)
        if not candidates:
            yield self._wrong("not owed", said, "nothing of the kind was owed")
            return
        reasons = [why for owed in candidates if (why := self._why_not(said, owed))]
        if len(reasons) == len(candidates):
            yield self._wrong(*reasons[0][:1], said, reasons[0][1])

    def _was_in_doubt(self, said: Said) -> bool:
        """Whether the same bytes had been tried before, with an outcome that nobody knew."""
        a = said.arrival
        tried = self._doubts.get((said.notice, a.channel), [])
        return (
            any(at <= a.at for at in tried)
            or self._was_sayable_when_first_tried(said)
            or any(
                said.item.id in other.arrival.items
                and other.arrival.channel == a.channel
                and other.order < said.order
                for other in self.said_by_rung[said.name]
            )
        )

    def _was_sayable_when_first_tried(self, said: Said) -> bool:
        """Whether the bytes of a marked message could be said when a try first had them.

        A worker that was stopped tells late that its try had failed; until then nobody knew, and the bytes
        were kept.
        """
        a = said.arrival
        mine = [x for x in self.attempts if (x.notice, x.channel) == (said.notice, a.channel)]
        first = min((x.opened_at for x in mine), default=a.at)
        if not any(x.repeat for x in mine):
            return False
        return any(
            not self.judgement.sayable(owed, state, first)
            for owed in self.candidates(said)
            for state in self.states_within(said.subject, first, a.at)
        )

    @cached_property
    def _doubts(self) -> Mapping[tuple[int | None, str], list[datetime]]:
        found: dict[tuple[int | None, str], list[datetime]] = defaultdict(list)
        for attempt in self.attempts:
            if attempt.outcome in ("", "unknown"):
                found[attempt.notice, attempt.channel].append(attempt.opened_at)
        return found

    def candidates(self, said: Said) -> list[Owed]:
        """Return what was owed under the name of what arrived; several where its day was set anew."""
        return self.owed_by_rung.get(said.name, [])

    def _why_not(self, said: Said, owed: Owed) -> tuple[str, str] | None:
        """Return why an arrival may not be the saying of what was owed: a kind, and words."""
        at = said.arrival.at
        if at < owed.release:
            return ("early", f"its slot was {_t(owed.release, self)}")
        states = self.states_at(said.subject, said.arrival)
        whys = [self.judgement.sayable(owed, state, at) for state in states]
        if all(whys):
            return ("stale", whys[-1])
        if not self._is_addressed(said, owed, states):
            return ("wrong person", f"person {said.item.person} was not addressed then")
        if owed.rung.unless_signed and self._had_signed(said):
            return ("stale", f"person {said.item.person} had signed")
        if owed.rung.approval and not self._approved(said.item, at):
            return ("unapproved", "nobody had approved it")
        silences = _in_force(self.world.silences, said.arrival, self._looked_from(said.arrival))
        if all(any(m.silences(said.item.person, at, at) for m in each.mutes) for each in silences):
            return ("muted", f"person {said.item.person} was muted")
        return None

    def _is_addressed(self, said: Said, owed: Owed, states: Sequence[State]) -> bool:
        day = self.world.day(said.arrival.at)
        for state in states:
            rung = state.rules.rung(owed.ladder, owed.rung.id)
            for seating in self.seatings_at(said.arrival):
                for _, _, line in rung.lines if rung else []:
                    if said.item.person in reached(seating.directory, line, state.facts.unit, day):
                        return True
        return False

    def _had_signed(self, said: Said) -> bool:
        signed = self._signed.get((said.decided.subject, said.item.person), [])
        looked_from = self._looked_from(said.arrival)
        return any(_before(event, said.arrival, looked_from) for event in signed)

    @cached_property
    def _signed(self) -> Mapping[tuple[str, int], list[CaseEvent]]:
        found: dict[tuple[str, int], list[CaseEvent]] = defaultdict(list)
        for event in self.journal.of(CaseEvent):
            if event.kind == "signed" and event.signer:
                found[event.case, event.signer].append(event)
        return found

    def _approved(self, item: Item, at: datetime) -> bool:
        return any(given <= at for given in self._approvals(item))

    def _approvals(self, item: Item) -> list[datetime]:
        return self._approved_at.get(item.notice, []) if item.notice else []

    @cached_property
    def _approved_at(self) -> Mapping[int, list[datetime]]:
        found: dict[int, list[datetime]] = defaultdict(list)
        for approved in self.journal.of(Approved):
            for number in approved.notices:
                found[number].append(approved.at)
        return found

    def _wrong(self, kind: str, said: Said, why: str) -> Violation:
        a = said.arrival
        words = (
            f"{_name(said)} reached person {said.item.person} by {a.channel} {_t(a.at, self)} "
            f"(item {said.item.id}, decided {_t(said.decided.decided_at, self)}) although {why}"
        )
        return Violation(kind, words, a.at)

    def check_windows(self) -> Iterator[Violation]:
        """Nothing leaves outside the hours of its channel, or to an address that is not the person's."""
        for arrival in self.arrivals:
            rules = self.world.rules_at(arrival.at)
            if not rules.hours_of(arrival.channel).open_at(arrival.at, rules.calendar, self.zone):
                words = f"a message left by {arrival.channel} {_t(arrival.at, self)}, outside the hours"
                yield Violation("wrong day", words, arrival.at)
            persons = {self.items[n].person for n in arrival.items if n in self.items}
            addresses = {
                _address(p, arrival.channel)
                for seating in self.seatings_at(arrival)
                for p in seating.directory.people
                if p.id in persons
            }
            if persons and not arrival.repeat and arrival.address not in addresses:
                words = f"items {arrival.items} arrived by {arrival.channel} at {arrival.address}"
                yield Violation("wrong person", f"{words} {_t(arrival.at, self)}, not theirs", arrival.at)

    def check_pauses(self) -> Iterator[Violation]:
        """While delivery is paused nothing leaves but what was in flight."""
        for arrival, pause in itertools.product(self.arrivals, self.pauses):
            if not (pause.wall and pause.wall_until and arrival.wall):
                continue
            looked_from = self._looked_from(arrival)
            if looked_from and pause.wall < looked_from and arrival.wall < pause.wall_until:
                words = f"a message left by {arrival.channel} {_t(arrival.at, self)}"
                yield Violation("paused", f"{words}, paused {_t(pause.at, self)}", arrival.at)

    def check_gate(self) -> Iterator[Violation]:
        """No more pass the gate on floods than may, nothing leaves that it holds, and the office is asked.

        What a person has looked at does not count, nor what waits for approval.
        """
        for arrival in self.arrivals:
            if arrival.notice in self._withdrawn:
                words = f"notice {arrival.notice} came by {arrival.channel} {_t(arrival.at, self)}, dropped"
                yield Violation("held", words, arrival.at)
            elif (free := self._let_go.get(arrival.notice or 0)) and arrival.at < free:
                words = f"notice {arrival.notice} came by {arrival.channel} {_t(arrival.at, self)}, held"
                yield Violation("held", words, arrival.at)
        for made in (passed := self._passing):
            lately = [at for at in passed if made - HOUR < at <= made]
            if len(lately) > self.world.rules_at(made).an_hour:
                words = f"{len(lately)} notices within the hour before {_t(made, self)} passed the gate"
                yield Violation("flood", words, made)
        for number, since in self._held_since.items():
            yield from self._check_asked(number, since)

    @cached_property
    def _let_go_items(self) -> dict[int, datetime]:
        return {number: record.at for record in self.journal.of(LetGo) for number in record.items}

    @cached_property
    def _withdrawn_items(self) -> frozenset[int]:
        return frozenset(number for record in self.journal.of(Withdrawn) for number in record.items)

    def check_rehearsal(self) -> Iterator[Violation]:
        """Before we are live nobody is told but with the mark; from then on nothing bears it.

        And what came with the mark does not count: its ladders begin anew.
        """
        began, live = self.journal.of(Began)[0], self._live
        anew = {((a.kind, a.subject), a.ladder) for a in live.anew} if live else set()
        for arrival in self.arrivals:
            marked = REHEARSED in arrival.text
            where = f"by {arrival.channel} {_t(arrival.at, self)}"
            if not marked and began.rehearsal and (live is None or _came_before(arrival, live)):
                yield Violation("rehearsal", f"a message came {where}, unmarked, in rehearsal", arrival.at)
            if marked and (
                not began.rehearsal or (live and _came_after(arrival, live, self._looked_from(arrival)))
            ):
                yield Violation(
                    "rehearsal", f"a message came {where}, marked, though we are live", arrival.at
                )
        for said in self.said:
            again = (said.subject, said.decided.ladder) in anew
            if live and REHEARSED in said.arrival.text and not again and self._still_counts(said, live):
                yield self._wrong("rehearsal", said, "it was rehearsed, and counts as said")

    def _still_counts(self, said: Said, live: WentLive) -> bool:
        """Whether an item was said under the anchor version that its ladder had when we went live."""
        before = [state for state in self.world.states[said.subject] if state.at <= live.at]
        standing = before[-1].standings.get(said.decided.ladder) if before else None
        return any(
            standing and owed.epoch == standing.epoch and said.decided in self._rows(owed)
            for owed in self.candidates(said)
        )

    @cached_property
    def _live(self) -> WentLive | None:
        return next(iter(self.journal.of(WentLive)), None)

    def _was_rehearsed(self, reason: str, at: datetime | None) -> bool:
        """Whether something fell away since we went live: it is owed anew."""
        return reason == "rehearsed" and self._live is not None and at == self._live.at

    def _check_asked(self, number: int, since: datetime) -> Iterator[Violation]:
        """The office was asked at once, or within the hour before."""
        deadline = self._allow(since, since)
        over = self._let_go.get(number) or self._withdrawn.get(number) or self.end
        if not self._has_office(since) or over <= deadline:
            return
        if not any(since - HOUR <= asked and told <= deadline for asked, told in self._asked):
            words = f"notice {number} is held since {_t(since, self)}"
            yield Violation("silent", f"{words}; nobody was asked by {_t(deadline, self)}", since)

    @cached_property
    def _asked(self) -> list[tuple[datetime, datetime]]:
        """When the office was asked about what is held, and when that came."""
        asks = {n.id: n for n in self.notices.values() if n.kind == "ask" and n.created_at}
        came = [(a.notice, a.at) for a in self.arrivals if a.notice in asks]
        came += [(n.id, n.sent_at) for n in asks.values() if n.sent_at and self._by_hand(n)]
        return [(at, told) for number, told in came if number and (at := asks[number].created_at)]

    @cached_property
    def _passing(self) -> list[datetime]:
        """When each notice was made that passed the gate by itself."""
        free = [n for n in self.notices.values() if n.kind == "rungs" and not n.approval]
        free = [n for n in free if not self._was_rehearsed(n.reason, n.ended_at)]  # held, perhaps
        return [n.created_at for n in free if n.created_at and n.id not in self._held_since]

    @cached_property
    def _held_since(self) -> dict[int, datetime]:
        """The notices that the gate has held: those that the office has decided about, and that still are."""
        known = self._let_go.keys() | self._withdrawn.keys()
        return {
            n.id: n.created_at
            for n in self.notices.values()
            if n.created_at and (n.id in known or n.state == "held")
        }

    @cached_property
    def _let_go(self) -> dict[int, datetime]:
        return {number: record.at for record in self.journal.of(LetGo) for number in record.notices}

    @cached_property
    def _withdrawn(self) -> dict[int, datetime]:
        return {number: record.at for record in self.journal.of(Withdrawn) for number in record.notices}

    def check_budgets(self) -> Iterator[Violation]:
        """Nobody gets more of a channel, a day or a week, than his budget has room for.

        What is exempt counts, once it had surely come before a worker looked whether there was room.
        """
        for message in self.budgets.messages:
            if message.exempt:
                continue
            for span, limit, others in self.budgets.beside(message):
                before = [m for m in others if self._was_counted_before(m, message)]
                if len(before) >= limit:
                    words = f"person {message.person} got notice {message.notice} by {message.channel}"
                    words += f" {_t(message.at, self)}, though {limit} a {span} had come"
                    yield Violation("over budget", words, message.at)

    def _was_counted_before(self, other: Message, message: Message) -> bool:
        if not other.exempt:
            return other.order < message.order
        wall, looked_from = other.arrival.wall, self._looked_from(message.arrival)
        return other.at < message.at and (wall is None or looked_from is None or wall < looked_from)

    def check_ways(self) -> Iterator[Violation]:
        """No way to a person is left out but one that was tried, is not his, or whose budget is used up."""
        seen = set()
        for said in self.said:
            arrival, number = said.arrival, said.notice
            if number is None or (number, arrival.channel) in seen:
                continue
            seen.add((number, arrival.channel))
            for channel in self._passed_over(said):
                if not self._may_be_used_up(said, channel) and not self._was_set_aside(said):
                    words = f"notice {number} came by {arrival.channel} {_t(arrival.at, self)}"
                    words += f" to person {said.item.person}, and {channel} was passed over"
                    yield Violation("passed over", words, arrival.at)

    def _passed_over(self, said: Said) -> Iterator[str]:
        """Yield the channels of the legs before the one by which something came, that were not tried."""
        rules, number, channel = self.world.rules_at(said.arrival.at), said.notice, said.arrival.channel
        rung = rules.rung(said.decided.ladder, said.decided.rung)
        legs = rung.legs if rung else ()
        earlier = itertools.takewhile(lambda leg: channel not in leg, legs)
        for each in dict.fromkeys(itertools.chain(*earlier)):
            tried = number is not None and (number, each) in self._tries
            if not tried and not self._lacks(said.item.person, each):
                yield each

    def _may_be_used_up(self, said: Said, channel: str) -> bool:
        """Whether a budget was used up at any time from when a message was made until it came."""
        came, person, own = said.arrival.at, said.item.person, {said.notice or 0}
        return any(
            self.budgets.is_used_up(person, channel, self._made(said), moment, own)
            for moment in self._evenings(self._made(said), came)
        )

    def _made(self, said: Said) -> datetime:
        notice = self.notices.get(said.notice or 0)
        made = notice.created_at if notice else None
        return made or said.decided.released_at or said.decided.decided_at

    def _evenings(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Yield the last moment of each day from ``start`` on, and ``end``."""
        day = self.world.day(start)
        while day < self.world.day(end):
            day += DAY
            yield midnight(day, self.zone) - INSTANT
        yield end

    def _was_set_aside(self, said: Said) -> bool:
        """Whether so many workers may have been lost with a message in hand that its channel was given up."""
        return len(self._lost_between(self._made(said), said.arrival.at)) >= WORKERS_LOST

    def check_strongest_first(self) -> Iterator[Violation]:
        """Of two that were made for one person at once, and wanted the same channel, the stronger has it.

        Judged where nothing kept either of them from being looked at, and nothing gave its room back.
        """
        for weak in self.budgets.messages:
            notice = self.notices.get(weak.notice or 0)
            if weak.exempt or weak.arrival.repeat or notice is None or notice.created_at is None:
                continue
            if weak.at > self._departs(notice.created_at) + PROMPT or self._was_held_up(notice, weak):
                continue
            for other in self._made_with.get((notice.person, notice.created_at), ()):
                if self._rank(other) > self._rank(notice) and self._was_put_behind(other, weak):
                    words = f"person {weak.person} got notice {notice.id} ({notice.act}) by {weak.channel}"
                    words += f" {_t(weak.at, self)}, and the stronger {other.id} ({other.act}) did not"
                    yield Violation("weaker first", words, weak.at)

    @cached_property
    def _made_with(self) -> Mapping[tuple[int, datetime], list[Notice]]:
        """The notices that were free to leave when they were made, by person and instant."""
        found: dict[tuple[int, datetime], list[Notice]] = defaultdict(list)
        for notice in self.notices.values():
            free = notice.kind == "rungs" and not notice.approval and notice.id not in self._held_since
            if free and notice.created_at:
                found[notice.person, notice.created_at].append(notice)
        return found

    def _was_held_up(self, notice: Notice, message: Message) -> bool:
        """Whether anything lay between its making and its coming that may have changed the order."""
        made = notice.created_at
        assert made is not None
        if notice.id in self._held_since:
            return True
        late = any(at <= message.at and made <= until and at < until for at, until in self._outages)
        return late or self.budgets.gave_room_back(message)

    def _rank(self, notice: Notice) -> int:
        return ACTS.index(notice.act) if notice.act in ACTS else -1

    def _was_put_behind(self, strong: Notice, weak: Message) -> bool:
        """Whether a notice whose first leg has the channel was never tried on it; it came, or had no room."""
        ladders = self.world.rules_at(weak.at).ladders.values()
        rung = next((r for ladder in ladders for r in ladder.rungs.values() if r.act == strong.act), None)
        came = strong.reason == "over_budget" or any(a.notice == strong.id for a in self.arrivals)
        if rung is None or rung.exempt or not came or (strong.id, weak.channel) in self._tries:
            return False
        first = next((leg for leg in rung.legs if any(not self._lacks(strong.person, c) for c in leg)), ())
        return weak.channel in first and not self._lacks(strong.person, weak.channel)

    def check_folds(self) -> Iterator[Violation]:
        """Of one subject, ladder and person only the strongest goes; nothing weaker follows it."""
        groups: dict[tuple[SubjectName, str, int], list[Said]] = defaultdict(list)
        for said in self.said:
            if not said.arrival.repeat:
                groups[said.subject, said.decided.ladder, said.item.person].append(said)
        for group in groups.values():
            for said in group:
                for other in group:
                    if other.decided.id != said.decided.id and self._is_outranked(said, other):
                        yield self._wrong(
                            "outranked", said, f"{_name(other)} came {_t(other.arrival.at, self)}"
                        )

    def _is_outranked(self, said: Said, other: Said) -> bool:
        """Whether ``other`` had come before ``said`` or with it, and speaks for it."""
        if said.decided.anchor_version != other.decided.anchor_version:
            return False
        rules = self.world.rules_at(said.arrival.at)
        mine = rules.rung(said.decided.ladder, said.decided.rung)
        others = rules.rung(other.decided.ladder, other.decided.rung)
        if mine is None or others is None or mine.approval:
            return False
        if said.arrival == other.arrival:
            stronger = (others.rank, others.position, other.decided.occurrence)
            return not others.approval and stronger > (mine.rank, mine.position, said.decided.occurrence)
        if other.order >= said.order or self._same_try(said, other):
            return False
        return others.rank >= mine.rank and others.position > mine.position

    def _same_try(self, said: Said, other: Said) -> bool:
        """Whether a worker may have looked at ``said`` before ``other`` had come."""
        looked_from = self._looked_from(said.arrival)
        if looked_from is None or other.arrival.wall is None:
            return said.arrival.at == other.arrival.at
        return other.arrival.wall > looked_from

    def check_repeats(self) -> Iterator[Violation]:
        """What arrives again says so, and a fault between bytes and record explains it."""
        by_channel: dict[tuple[int, str], list[Arrival]] = defaultdict(list)
        for said in self.said:
            by_channel[said.item.id, said.arrival.channel].append(said.arrival)
        repeats: dict[int, Repeat] = {}
        for (number, channel), arrivals in by_channel.items():
            for each in pairs(arrivals):
                if not each.again.repeat and id(each.again) not in repeats:
                    words = f"item {number} came again by {channel} {_t(each.again.at, self)}"
                    words += f", after {_t(each.earlier.at, self)}, and is not marked"
                    yield Violation("said twice", words, each.again.at)
                repeats[id(each.again)] = each
        for each in unexplained(list(repeats.values()), self.faults, self.skips):
            words = f"items {each.again.items} came again by {each.again.channel} {_t(each.again.at, self)}"
            words += f", after {_t(each.earlier.at, self)}, and no fault between bytes and record explains it"
            yield Violation("repeated", words, each.again.at)
        yield from self._doubled()

    def _doubled(self) -> Iterator[Violation]:
        """One occurrence is said once: not by two decisions, not by two items of one person."""
        seen: dict[tuple[SubjectName, str, str, str, int, int], set[int]] = defaultdict(set)
        for said in self.said:
            d = said.decided
            key = (said.subject, d.ladder, d.rung, d.occurrence, d.anchor_version, said.item.person)
            seen[key].add(said.item.id)
        for key, numbers in seen.items():
            if len(numbers) > 1:
                yield Violation("said twice", f"{key} went to one person as items {sorted(numbers)}")
        for name, owed in self.owed_by_rung.items():
            rows = {s.decided.id for s in self.said_by_rung.get(name, ())}
            if len(rows) > len({one.epoch for one in owed}):
                yield Violation("said twice", f"{name} was decided and said as {sorted(rows)}")

    # -- MUST

    def check_owed(self, owed: Owed) -> Iterator[Violation]:
        """What is owed for sure arrives by its deadline, or a person has been told why not."""
        if not owed.sure:
            return
        for start in (owed.release, *self._taken_back(owed)):
            once = owed if start == owed.release else self._again(owed, start)
            deadline = self.deadline(once)
            if deadline <= self.end and self._stays_sayable(once, start, deadline):
                for part, number, line in owed.rung.lines:
                    if start == owed.release:
                        yield from self._check_line(once, part, number, line, deadline)
                    elif not self._was_said(owed, part, number, start):
                        latest = self._gap_filled(once, part, number, start, deadline)
                        if latest <= self.end and self._stays_sayable(once, start, latest):
                            yield from self._check_line(once, part, number, line, latest)
                if not self._is_held_up(once, deadline):
                    return

    def _is_held_up(self, owed: Owed, deadline: datetime) -> bool:
        """Whether a budget held it up for anybody until it was taken away; by an undo it must come back."""
        return not owed.rung.exempt and any(
            self._had_no_room(owed, (part, number), [person], deadline)
            for part, number, _ in owed.rung.lines
            for person in frozenset().union(*self._holders(owed, part, number, deadline))
        )

    def _gap_filled(
        self, owed: Owed, part: str, number: int, start: datetime, deadline: datetime
    ) -> datetime:
        """Return by when a line is told of what an undo brought back: if its seat was vacant, later.

        A line that reached nobody is tried again at each release of anything.
        """
        rows = {row.id for row in self._rows(owed)}
        if not any(g.decision in rows and (g.part, g.line) == (part, number) for g in self.journal.of(Gap)):
            return deadline
        known = [row.released_at for row in self.decided.values() if row.released_at]
        release = min((at for at in known if at > start), default=self.end)
        return max(deadline, self._allow(release, release, owed))

    def _was_said(self, owed: Owed, part: str, number: int, by: datetime) -> bool:
        """Whether a line's holder of that time had been told: an undo owes it to no later holder."""
        rows = {row.id for row in self._rows(owed)}
        name = (owed.subject, owed.ladder, owed.rung.id, owed.occurrence.key)
        return any(
            s.decided.id in rows and (s.item.part, s.item.line) == (part, number) and s.arrival.at <= by
            for s in self.said_by_rung.get(name, ())
        )

    def _again(self, owed: Owed, start: datetime) -> Owed:
        """Return what is owed as it is from the last undo before ``start`` on."""
        states = tuple(s for s in owed.states if s.at <= start)
        last = max(n for n, state in enumerate(states) if state.undone)
        return replace(owed, release=start, decided=states[last].at, states=owed.states[last:])

    def _taken_back(self, owed: Owed) -> Iterator[datetime]:
        """Yield the slots after an undo that made what was owed sayable again.

        What lies before its present ``since`` (it was returned meanwhile) does not come back.
        """
        for before, after in pairwise(owed.states):
            standing = after.standings.get(owed.ladder)
            since = standing.since if standing else None
            if since is not None and owed.occurrence.instant < since:
                continue
            if after.undone and after.at > owed.release and self.judgement.sayable(owed, before, after.at):
                yield self._next_slot(owed, after.at)

    def _stays_sayable(self, owed: Owed, start: datetime, end: datetime) -> bool:
        states = _within(owed.states, start, end)
        return all(
            not self.judgement.sayable(owed, state, at, surely=True)
            for state in states
            for at in (start, end)
        )

    def _check_line(
        self, owed: Owed, part: str, number: int, line: tuple[str, ...], deadline: datetime
    ) -> Iterator[Violation]:
        sets = list(self._holders(owed, part, number, deadline))
        everybody = frozenset().union(*sets) if sets else frozenset()
        if any(not people for people in sets):
            if not everybody and part == "to" and not self._has_gap(owed):
                words = f"{owed} reached nobody as {' or '.join(line)}, and nothing says so"
                yield Violation("silent", words, deadline)
            return
        if len(set(sets)) == 1:
            for person in sorted(everybody):
                yield from self._check_person(owed, (part, number), [person], deadline)
        elif not any(all(self._excused(owed, p, deadline, part) for p in people) for people in sets):
            # The holder changed while it was on its way: one of them must have been told.
            yield from self._check_person(owed, (part, number), sorted(everybody), deadline)

    def _holders(self, owed: Owed, part: str, number: int, deadline: datetime) -> Iterator[frozenset[int]]:
        """Yield whom a line reaches, for each state and directory in force until the deadline."""
        days = {self.world.day(owed.release), self.world.day(deadline)}
        for state in _within(owed.states, owed.release, deadline):
            rung = state.rules.rung(owed.ladder, owed.rung.id)
            lines = {(p, n): seats for p, n, seats in rung.lines} if rung else {}
            for seating in _within(self.world.seatings, owed.release, deadline):
                for day in days:
                    seats = lines.get((part, number))  # a line that was edited away reaches nobody
                    unit = state.facts.unit
                    yield reached(seating.directory, seats, unit, day) if seats else frozenset()

    def _has_gap(self, owed: Owed) -> bool:
        return any(self.decided[gap.decision] in self._rows(owed) for gap in self.journal.of(Gap))

    @cached_property
    def _rows_by_rung(self) -> Mapping[RungName, list[Decided]]:
        found: dict[RungName, list[Decided]] = defaultdict(list)
        for row in self.decided.values():
            found[(row.kind, row.subject), row.ladder, row.rung, row.occurrence].append(row)
        return found

    def _rows(self, owed: Owed) -> list[Decided]:
        """Return the rows that may have settled what was owed: those decided while its epoch lasted.

        One decided at the very instant at which an epoch ended is of the next, if another can be of this one.
        """
        name = (owed.subject, owed.ladder, owed.rung.id, owed.occurrence.key)
        within = [(row, self._epochs(owed, row.decided_at)) for row in self._rows_by_rung.get(name, [])]
        mine = [row for row, epochs in within if max(epochs, default=None) == owed.epoch]
        return mine or [row for row, epochs in within if owed.epoch in epochs]

    def _epochs(self, owed: Owed, at: datetime) -> set[int]:
        states = self.states_within(owed.subject, at, at)
        return {s.epoch for state in states if (s := state.standings.get(owed.ladder))}

    def _check_person(
        self, owed: Owed, line: tuple[str, int], people: Sequence[int], deadline: datetime
    ) -> Iterator[Violation]:
        part, _ = line
        if all(self._excused(owed, person, deadline, part) for person in people):
            return
        rows = {row.id for row in self._rows(owed)}
        told = [
            s
            for name in [(owed.subject, owed.ladder, owed.rung.id, owed.occurrence.key)]
            for s in self.said_by_rung.get(name, ())
            if s.decided.id in rows and s.item.person in people
        ]
        who = " or ".join(f"person {p}" for p in people)
        if told:
            first = min(s.arrival.at for s in told)
            latest = self._from_approval(owed, told[0].item, deadline)
            latest = self._when_there_is_room(owed, people, latest) if first > latest else latest
            if first > latest and not self._came_back(owed, line, people, deadline, latest):
                words = f"{owed} reached {who} only {_t(first, self)}, due by {_t(deadline, self)}"
                yield Violation("late", words, first)
            return
        items = [i for row in self._rows(owed) for i in self._items_of.get(row.id, ()) if i.person in people]
        if self._had_no_room(owed, line, people, deadline):
            return
        if not any(self._accounted_for(item, owed) for item in items):
            states = ", ".join(f"item {i.id} {i.state} {i.reason}".strip() for i in items)
            outcomes = ", ".join(f"decision {r.id} {r.outcome}" for r in self._rows(owed))
            words = f"{owed} for {who} ({part}) never arrived; due by {_t(deadline, self)}"
            found = states or outcomes or "no decision"
            yield Violation("lost", f"{words}, owed since {_t(owed.decided, self)}; {found}", deadline)

    @cached_property
    def _items_of(self) -> Mapping[int, list[Item]]:
        found: dict[int, list[Item]] = defaultdict(list)
        for item in self.items.values():
            found[item.decision].append(item)
        return found

    def _from_approval(self, owed: Owed, item: Item, deadline: datetime) -> datetime:
        """A document's time runs from its approval, that of what the gate held from when it was let go.

        So does that of a seat's present holder, if it was held on its way to the former one.
        """
        line = [i for i in self._items_of[item.decision] if (i.part, i.line) == (item.part, item.line)]
        if free := [self._let_go_items[i.id] for i in line if i.id in self._let_go_items]:
            return max(deadline, self._allow(max(free), max(free), owed))
        if not owed.rung.approval:
            return deadline
        return max([deadline, *(self._allow(at, at) for at in self._approvals(item))])

    def _accounted_for(self, item: Item, owed: Owed) -> bool:
        """Whether an item that did not arrive is in a person's hands, who has been told."""
        notice = self.notices.get(item.notice) if item.notice else None
        if notice and notice.state in ("manual", "done", "failed"):
            by_hand = notice.state != "done" or notice.id in self._done_by_hand
            channels = {channel for leg in owed.rung.legs for channel in leg}
            if by_hand and (self._tried(notice, channels) or self._killed_its_workers(notice)):
                return True
        if self._was_held(item, owed) or self._was_rehearsed(item.reason, item.closed_at):
            return True
        at = item.closed_at
        if item.reason == "muted" and at and any(m.silences(item.person, at, at) for m in self._mutes):
            return True  # what a person's mute met is not said again, even if an undo brings its day back
        return owed.rung.approval and self._awaits(item, owed, notice)

    def _was_held(self, item: Item, owed: Owed) -> bool:
        """Whether the gate held an item, and something took it away before it could leave.

        The office may have dropped it, or not looked at it yet; a copy falls with what it copies.
        """
        mine = [item]
        if item.part == "copy":
            mine += [i for i in self._items_of[item.decision] if i.part == "to"]
        still = {n.id for n in self.notices.values() if n.state == "held"}
        if any(i.id in self._withdrawn_items or i.notice in still for i in mine):
            return True
        free = [self._let_go_items[i.id] for i in mine if i.id in self._let_go_items]
        if not free:
            return False
        until = self._allow(max(free), max(free), owed)
        until = self._when_there_is_room(owed, [item.person], until)
        return self._fell_away(owed, (item.part, item.line), item.person, until)

    def _came_back(
        self, owed: Owed, line: tuple[str, int], people: Sequence[int], deadline: datetime, latest: datetime
    ) -> bool:
        """Whether what was held up beyond its deadline was taken away meanwhile: it comes back, if at all."""
        return latest > deadline and any(self._fell_away(owed, line, person, latest) for person in people)

    def _had_no_room(
        self, owed: Owed, line: tuple[str, int], people: Sequence[int], deadline: datetime
    ) -> bool:
        """Whether a budget held something up, and it was taken away before there was room again."""
        until = self._when_there_is_room(owed, people, deadline)
        return until > deadline and any(self._fell_away(owed, line, person, until) for person in people)

    def _fell_away(self, owed: Owed, line: tuple[str, int], person: int, until: datetime) -> bool:
        """Whether what was held up until an instant need not have come to a person by then."""
        return (
            until > self.end
            or not self._stays_sayable(owed, owed.release, until)
            or any(person not in people for people in self._holders(owed, *line, until))
            or self._excused(owed, person, until, line[0])
        )

    def _when_there_is_room(self, owed: Owed, people: Sequence[int], until: datetime) -> datetime:
        """Return the latest arrival of what is due, for one of these people, by ``until``.

        On a day on which other messages have used up the budgets of all ways to him, it waits for the
        next bundle, or the next working day's hours.
        """
        if owed.rung.exempt:
            return until
        day = self.world.day(owed.release)
        while day <= self.world.day(until) and until <= self.end:
            evening = midnight(day + DAY, self.zone) - INSTANT
            moment = min(until, evening)
            if any(self._has_no_way(owed, person, moment) for person in people):
                following = self._following_slot(owed, moment)
                until = max(until, self._allow(following, following, owed))
            day += DAY
        return until

    def _following_slot(self, owed: Owed, moment: datetime) -> datetime:
        """Return when what found no room is bound anew: by the rules that held on that day, the latest."""
        day = self.world.day(moment)
        found = []
        for rules in (self.world.rules_at(midnight(day, self.zone)), self.world.rules_at(moment)):
            bundle = rules.bundles.get(owed.rung.bundle or "")
            after = moment + INSTANT if bundle else midnight(day + DAY, self.zone)
            found.append(slot(bundle, after, after, rules.hours, rules.calendar, self.zone))
        return max(found)

    def _has_no_way(self, owed: Owed, person: int, moment: datetime) -> bool:
        """Whether of all channels that lead to a person those that did not fail were used up on a day."""
        ways = {c for leg in owed.rung.legs for c in leg if not self._lacks(person, c)}
        own = self._own_notices(owed, person)
        used_up = {c for c in ways if self.budgets.is_used_up(person, c, owed.release, moment, own)}
        return bool(used_up) and all(c in used_up or self._failed_on(own, c) for c in ways)

    def _own_notices(self, owed: Owed, person: int) -> frozenset[int]:
        rows = {row.id for row in self._rows(owed)}
        items = {i.id: i.notice for row in rows for i in self._items_of.get(row, ()) if i.person == person}
        name = (owed.subject, owed.ladder, owed.rung.id, owed.occurrence.key)
        said = {s.notice for s in self.said_by_rung.get(name, ()) if s.item.id in items}
        return frozenset(number for number in {*items.values(), *said} if number)

    def _failed_on(self, numbers: Iterable[int], channel: str) -> bool:
        return any(a.outcome not in ("", "sent") for n in numbers for a in self._tries.get((n, channel), ()))

    def _awaits(self, item: Item, owed: Owed, notice: Notice | None) -> bool:
        """Whether a document still waits for its approval, or was taken away before it could leave."""
        given = self._approvals(item)
        until = max((self._allow(at, at) for at in given), default=self.end)
        if not self._stays_sayable(owed, owed.release, until) or self._muted(item.person, owed, until):
            return True
        if any(item.person not in people for people in self._holders(owed, item.part, item.line, until)):
            return True
        return until > self.end or (not given and notice is not None and notice.state == "waiting")

    @cached_property
    def _done_by_hand(self) -> frozenset[int]:
        return frozenset(done.notice for done in self.journal.of(DoneByHand))

    def _killed_its_workers(self, notice: Notice) -> bool:
        """Whether it was set aside, without a try, since so many in a row were lost with it in hand."""
        if notice.created_at is None or notice.ended_at is None:
            return False
        lost = self._lost_between(notice.created_at, notice.ended_at)
        return len(lost) >= WORKERS_LOST and not any(a.notice == notice.id for a in self.attempts)

    def _lost_between(self, start: datetime, end: datetime) -> list[Fault]:
        """Return the faults at which a worker may have been lost with a message in hand."""
        targets = ("work", "machine", "database")
        return [f for f in self.faults if f.target.startswith(targets) and start <= f.until and f.at <= end]

    def _tried(self, notice: Notice, channels: Iterable[str]) -> bool:
        """Whether every way to a person was tried to its end, and faults explain that none led there."""
        return all(self._is_exhausted(notice, channel) for channel in channels)

    def _is_exhausted(self, notice: Notice, channel: str) -> bool:
        """Whether a channel has no address, or refused for good, or failed at every pause that there is."""
        mine = self._tries.get((notice.id, channel), [])
        if not mine:
            return self._lacks(notice.person, channel)
        if not all(self._is_explained(attempt) for attempt in mine):
            return False
        unknown = sum(self._was_unknown(attempt) for attempt in mine)
        return mine[-1].outcome == "refused" or unknown > RESENT or len(mine) > len(BACKOFF)

    def _was_unknown(self, attempt: Attempt) -> bool:
        """Whether nobody knew for a while how a try had ended; who slept may tell later that it failed."""
        return attempt.outcome == "unknown" or any(f.doubt for f in self._befell(attempt))

    def _lacks(self, person: int, channel: str) -> bool:
        return any(
            p.id == person and not _address(p, channel)
            for seating in self.world.seatings
            for p in seating.directory.people
        )

    @cached_property
    def _tries(self) -> Mapping[tuple[int, str], list[Attempt]]:
        found: dict[tuple[int, str], list[Attempt]] = defaultdict(list)
        for attempt in self.attempts:
            found[attempt.notice, attempt.channel].append(attempt)
        return found

    def _is_explained(self, attempt: Attempt) -> bool:
        """Whether a fault befell a try's channel, or those who carried it, while it was under way."""
        return self._is_throttled(attempt) or any(True for _ in self._befell(attempt))

    def _befell(self, attempt: Attempt) -> Iterator[Fault]:
        for fault in self.faults:
            on_its_way = fault.target in (attempt.channel, "provider") or fault.target.startswith(CARRIERS)
            meanwhile = fault.at <= (attempt.closed_at or self.end) and attempt.opened_at <= fault.until
            if on_its_way and meanwhile:
                yield fault

    def _is_throttled(self, attempt: Attempt) -> bool:
        """Whether a provider of short messages had just taken one to that number, or enough for that day."""
        if attempt.channel != "sms":
            return False
        person, at = self.notices[attempt.notice].person, attempt.opened_at
        mine = [
            taken.at
            for taken in self.arrivals
            if taken.channel == "sms" and self.notices[taken.notice or attempt.notice].person == person
        ]
        today = [one for one in mine if self.world.day(one) == self.world.day(at)]
        return any(at - SMS_APART <= one <= at for one in mine) or len(today) >= SMS_A_DAY

    def check_failures(self) -> Iterator[Violation]:
        """No try fails without a fault."""
        for attempt in self.attempts:
            if attempt.outcome in ("failed", "refused", "unknown") and not self._is_explained(attempt):
                words = f"notice {attempt.notice} by {attempt.channel}, try {attempt.number}"
                when = f"{attempt.outcome} {_t(attempt.opened_at, self)}"
                yield Violation("failed", f"{words}, {when}, though no fault befell it", attempt.opened_at)

    def _muted(self, person: int, owed: Owed, until: datetime, part: str = "to") -> bool:
        """Whether a person was muted while what is owed was on its way; a copy falls with what it copies."""
        persons = {person}
        if part == "copy":
            persons.update(item.person for row in self._rows(owed) for item in self._items_of.get(row.id, ()))
        return any(m.silences(p, owed.release, until) for m in self._mutes for p in persons)

    @property
    def _mutes(self) -> Sequence[Mute]:
        return self.world.silences[-1].mutes

    def _excused(self, owed: Owed, person: int, deadline: datetime, part: str = "to") -> bool:
        """Whether something stronger spoke to the person for this, or he has signed, or was muted."""
        if self._muted(person, owed, deadline, part):
            return True
        signed = self._signed.get((owed.subject[1], person), [])
        if owed.rung.unless_signed and any(event.at <= deadline for event in signed):
            return True
        return any(
            self._speaks_for(other, owed, person, deadline)
            for other in self.owed[owed.subject]
            if other.ladder == owed.ladder and other.key != owed.key and other.epoch == owed.epoch
        )

    def _speaks_for(self, other: Owed, owed: Owed, person: int, deadline: datetime) -> bool:
        if owed.rung.approval or other.release > deadline:
            return False
        later = other.rung.rank >= owed.rung.rank and other.rung.position > owed.rung.position
        latest = self._when_there_is_room(other, [person], self.deadline(other))
        pending = latest >= owed.release and other.strength > owed.strength
        if other.rung.approval:
            pending = False
        if not (later or pending):
            return False
        day = self.world.day(max(other.release, owed.release))
        states = self.states_within(owed.subject, other.release, max(deadline, other.release))
        return any(
            person in reached(seating.directory, line, state.facts.unit, day)
            for state in states
            if not self.judgement.sayable(other, state, other.release)
            for seating in _within(self.world.seatings, other.release, max(deadline, other.release))
            for _, _, line in other.rung.lines
        )

    # -- how late is late

    def deadline(self, owed: Owed) -> datetime:
        """Return when what is owed has arrived at the latest: its slot, and what faults on the way cost."""
        known = (owed.key, owed.decided)
        if known not in self._deadlines:
            self._deadlines[known] = self._allow(owed.decided, owed.release, owed)
        return self._deadlines[known]

    @cached_property
    def _deadlines(self) -> dict[object, datetime]:
        return {}

    def _allow(self, decided: datetime, release: datetime, owed: Owed | None = None) -> datetime:
        """Return the latest departure of what was decided and is to be released at these instants.

        An outage that lasts until after the slot costs its own length, and the rest of the bundle's interval
        where the decision itself may have come too late for the slot. Whatever faults fell on the way, each
        try that failed costs the pause after it.
        """
        deadline = self._departs(release) + PROMPT
        hits = 0
        for at, until in self._outages:
            if at > deadline or until < release:
                continue
            hits += 1
            ready = until + SLEEPY if until > at else until
            if owed is not None and at <= release < until and until - self._first_slot(owed) > FRESH:
                ready = max(ready, self._next_slot(owed, ready))
            if until > at:
                ready += min(BACKOFF[-1], 4 * (until - at))
            deadline = max(deadline, self._departs(ready) + PROMPT)
        if hits and owed is not None:
            pauses = (BACKOFF[min(n, len(BACKOFF) - 1)] for n in range(self._failures(owed)))
            deadline = self._departs(deadline + sum(pauses, timedelta()))
        return deadline

    @cached_property
    def _outages(self) -> list[tuple[datetime, datetime]]:
        """The faults as stretches of office time, in order of their beginnings.

        Two processes of a kind stand in for each other: one of them away is an outage of no length. What
        begins before all are back at work from another is one outage with it: nothing was done between.
        """
        found = []
        for fault in self.faults:
            until = fault.until
            kind, _, number = fault.target.rpartition("-")
            if kind and number.isdigit():
                both = [
                    other.until
                    for other in self.faults
                    if other.target.startswith(f"{kind}-")
                    and other.target != fault.target
                    and other.at < fault.until
                    and fault.at < other.until
                ]
                until = min(fault.until, max(both, default=fault.at))
            found.append((fault.at, max(until, fault.at)))
        return _joined(sorted(found + [(pause.at, pause.until) for pause in self.pauses]))

    def _failures(self, owed: Owed) -> int:
        """Count the tries that failed on the worst of the ways by which what was owed was to go."""
        notices = {item.notice for row in self._rows(owed) for item in self._items_of.get(row.id, ())}
        return max((self._failed_tries.get(number, 0) for number in notices if number), default=0)

    @cached_property
    def _failed_tries(self) -> Mapping[int, int]:
        return Counter(a.notice for a in self.attempts if a.outcome not in ("", "sent"))

    def _departs(self, instant: datetime) -> datetime:
        """Return when what is ready at an instant leaves, by the rules of that time."""
        rules = self.world.rules_at(instant)
        later = [r for at, r in self.world.activations if instant < at <= instant + timedelta(days=7)]
        return max(
            hours.next_open(instant, r.calendar, self.zone)
            for r in (rules, *later)
            for hours in (r.hours, *r.channel_hours.values())
        )

    def _next_slot(self, owed: Owed, instant: datetime) -> datetime:
        rules = self.world.rules_at(instant)
        bundle = rules.bundles.get(owed.rung.bundle or "")
        return slot(bundle, instant, instant, rules.hours, rules.calendar, self.zone)

    def _first_slot(self, owed: Owed) -> datetime:
        """Return the slot of its instant: what is decided long after it waits for the next."""
        return self._next_slot(owed, owed.occurrence.instant)

    # -- nothing stuck, nothing silent

    def check_stuck(self) -> Iterator[Violation]:
        """At the end nothing is under way that should have been over."""
        for attempt in self.attempts:
            if not attempt.outcome and self._is_over(attempt.opened_at):
                words = (
                    f"attempt {attempt.id} of notice {attempt.notice} opened {_t(attempt.opened_at, self)}"
                )
                yield Violation("stuck", f"{words} was never closed", attempt.opened_at)
        for item in self.items.values():
            notice = self.notices.get(item.notice) if item.notice else None
            held = notice is not None and notice.state in ("waiting", "held", "manual", "done", "failed")
            moments = [item.opened_at, notice.moment if notice else None]
            opened = max((m for m in moments if m is not None), default=None)
            if item.state == "open" and not held and opened and self._is_over(opened, item):
                where = f"notice {notice.id} {notice.state}" if notice else "no notice"
                words = f"item {item.id} for person {item.person} is open since {_t(opened, self)}, {where}"
                yield Violation("stuck", words, opened)

    def _is_over(self, instant: datetime, item: Item | None = None) -> bool:
        """Whether what began at an instant should be over: an item, on a day with room for it."""
        latest = self._allow(instant, instant)
        if item is not None and item.notice is None:
            free = self._let_go_items.get(item.id, instant)
            latest = max(latest, self._allow(free, free))
            owed = self._owed_by(item)
            latest = max([latest, *(self._when_there_is_room(one, [item.person], latest) for one in owed)])
        return latest + timedelta(days=1) < self.end

    def _owed_by(self, item: Item) -> list[Owed]:
        """Return what an item may be the saying of."""
        row = self.decided[item.decision]
        name = ((row.kind, row.subject), row.ladder, row.rung, row.occurrence)
        return [owed for owed in self.owed_by_rung.get(name, ()) if row in self._rows(owed)]

    def check_told_of(self) -> Iterator[Violation]:
        """What is held, failed or reached nobody, the office has been told of by the next morning."""
        for trouble in self._troubles():
            since = trouble.since
            rules = self.world.rules_at(since)
            bundle = rules.bundles.get("morning")
            if not self._has_office(since) or bundle is None:
                continue
            morning = slot(bundle, since, since, rules.hours, rules.calendar, self.zone)
            morning = slot(bundle, morning + SLEEPY, morning, rules.hours, rules.calendar, self.zone)
            deadline = self._allow(since, morning)
            if self._live and since <= self._live.at <= deadline:
                continue  # the trouble of a rehearsal, of which nobody was told in time
            if deadline < (trouble.ended or self.end) and not any(
                since <= at <= deadline and notes.names(text, trouble.kind, trouble.name)
                for at, text in self._notes
            ):
                words = f"{trouble.name} is {trouble.kind} since {_t(since, self)}"
                yield Violation("silent", f"{words}; no note says so by {_t(deadline, self)}", since)

    def _has_office(self, at: datetime) -> bool:
        return any(
            reached(seating.directory, ("office.duty", "office.director"), None, self.world.day(at))
            for seating in _within(self.world.seatings, at, at)
        )

    @cached_property
    def _notes(self) -> list[tuple[datetime, str]]:
        """What the office was told, and when; who has no address finds its note among the tasks by hand."""
        found = {n.id: n for n in self.notices.values() if n.kind == "note"}
        by_hand = [(n.sent_at, n.text) for n in found.values() if n.sent_at and self._by_hand(n)]
        return [*by_hand, *((a.at, a.text) for a in self.arrivals if a.notice in found)]

    def _by_hand(self, note: Notice) -> bool:
        return note.state in ("manual", "done") and self._tried(note, NOTE_CHANNELS)

    def _troubles(self) -> Iterator[Trouble]:
        """Yield what the office must know of, with when it began, and when it was over."""
        yield from self._of_notices()
        for gap in self.journal.of(Gap):
            yield Trouble("unaddressed", self.decided[gap.decision].rung, gap.since, gap.resolved_at)
        for item in self.items.values():
            kind = {"lapsed": "lapsed", "deadline_passed": "lapsed", "muted": "muted"}.get(item.reason)
            if item.state == "dropped" and kind and item.closed_at:
                yield Trouble(kind, self.decided[item.decision].rung, item.closed_at)
        for row in self.decided.values():
            if row.outcome in ("lapsed", "muted"):
                yield Trouble(row.outcome, row.rung, row.decided_at)

    def _of_notices(self) -> Iterator[Trouble]:
        done = {record.notice: record.at for record in self.journal.of(DoneByHand)}
        for notice in self.notices.values():
            if notice.kind in ("note", "ask"):
                continue
            name = f"{notice.id}号"
            if notice.state in ("manual", "done") and notice.sent_at:
                yield Trouble("manual", name, notice.sent_at, done.get(notice.id))
            if notice.state == "failed" and notice.ended_at:
                yield Trouble("failed", name, notice.ended_at)
            if since := self._held_since.get(notice.id):
                decided = self._let_go.get(notice.id) or self._withdrawn.get(notice.id)
                yield Trouble("held", name, since, decided)
            approved = self._approved_at.get(notice.id, [])
            if (notice.state == "waiting" or approved) and notice.created_at:
                yield Trouble("waiting", name, notice.created_at, min(approved, default=None))

    def check_tally(self) -> Iterator[Violation]:
        """The tally agrees with the events."""
        kept = {(r.unit, r.effective_on, r.known_from): r for r in self.journal.of(Tallied)}
        kept = {k: r for k, r in kept.items() if any((r.registered, r.dismissed, r.closed))}
        right = {(r.unit, r.effective_on, r.known_from): r for r in self.world.tally()}
        for key in sorted(kept.keys() | right.keys()):
            if kept.get(key) != right.get(key):
                words = f"the tally has {kept.get(key)}, the events say {right.get(key)}"
                yield Violation("tally", words)


def _joined(stretches: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Return stretches of time with those joined that follow closely; those of no length stay as they are."""
    found: list[tuple[datetime, datetime]] = []
    joined: list[tuple[datetime, datetime]] = []
    for at, until in stretches:
        if at == until:
            found.append((at, until))
        elif joined and at <= joined[-1][1] + SLEEPY:
            joined[-1] = (joined[-1][0], max(joined[-1][1], until))
        else:
            joined.append((at, until))
    return sorted(found + joined)


def _came_before(arrival: Arrival, live: WentLive) -> bool:
    """Whether a message surely came in rehearsal."""
    if arrival.wall and live.wall_before:
        return arrival.wall < live.wall_before
    return arrival.at < live.at


def _came_after(arrival: Arrival, live: WentLive, looked_from: datetime | None) -> bool:
    """Whether a message surely left when we were live."""
    if arrival.wall and live.wall:
        return looked_from is not None and live.wall < looked_from
    return live.at < arrival.at


def _before(event: CaseEvent, arrival: Arrival, looked_from: datetime | None) -> bool:
    if event.wall and arrival.wall:
        return looked_from is not None and event.wall < looked_from
    return event.at < arrival.at


def _in_force(timeline: Sequence[T], arrival: Arrival, looked_from: datetime | None) -> list[T]:
    """Return what a worker may have seen when it looked for the last time before an arrival.

    By the wall clock, where the journal has it: what had begun by then, and had not been replaced before
    ``looked_from``. Else by office time, all of one instant being possible.
    """
    found: list[T] = []
    for one, following in zip(timeline, [*timeline[1:], None], strict=True):
        if not one.begins:
            continue
        wall = arrival.wall
        started = one.wall_before <= wall if one.wall_before and wall else one.at <= arrival.at
        if following is None:
            over = False
        elif following.wall and looked_from:
            over = following.wall < looked_from
        else:
            over = following.at < arrival.at
        if started and not over:
            found.append(one)
    return found


def _within(timeline: Sequence[T], start: datetime, end: datetime) -> list[T]:
    """Return what was in force at any time from ``start`` to ``end``; both instants' own records count."""
    return [
        one
        for one, following in zip(timeline, [*timeline[1:], None], strict=True)
        if one.begins and one.at <= end and (following is None or following.at >= start)
    ]


def _name(said: Said) -> str:
    d = said.decided
    return f"{d.subject} {d.ladder}.{d.rung}" + (f"@{d.occurrence}" if d.occurrence else "")


def _t(instant: datetime, judge: Judge) -> str:
    return f"{instant.astimezone(judge.zone):%Y-%m-%d %H:%M:%S}"


def _address(person: Person, channel: str) -> str:
    return {"sms": person.sms, "email": person.email, "wecom": person.wecom}.get(channel, "")
