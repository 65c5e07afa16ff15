"""What a journal shows, laid out so that every judge finds it: by message, rung, decision, notice and person.

It has no opinion. The acts are replayed to what was known when, the rules to what was owed; what arrived at
the wire is bound to the items on file that it told of, and these to what they may be the saying of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from tests.chaos.journal import (
    Approved,
    Arrival,
    Attempt,
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
    WentLive,
    Withdrawn,
)
from tests.chaos.oracle import epochs
from tests.chaos.oracle.looks import Looks
from tests.chaos.oracle.owed import Judgement, Owed, RungName, all_owed
from tests.chaos.oracle.replay import Mute, SubjectName, World, replay

REHEARSED = "【演练】"
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True)
class Violation:
    """One broken promise: ``kind`` is a word, ``words`` a sentence with the evidence."""

    kind: str
    words: str
    at: datetime | None = None

    def __str__(self) -> str:
        return f"{self.kind}: {self.words}"


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
        return name_of(self.decided)

    @property
    def notice(self) -> int | None:
        """The notice that said it; the item may be another's by now."""
        return self.arrival.notice or self.item.notice

    @property
    def order(self) -> tuple[datetime, float]:
        return self.arrival.order

    def __str__(self) -> str:
        d = self.decided
        return f"{d.subject} {d.ladder}.{d.rung}" + (f"@{d.occurrence}" if d.occurrence else "")


class Evidence:
    """One journal, and all that follows from it."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.world: World = replay(journal)
        ended = journal.of(Ended)
        if not ended:
            raise ValueError("the journal does not say how the run ended")
        self.end = ended[-1].at
        self.judgement = Judgement(self.world)
        self.owed = all_owed(self.world, self.end)
        self.items = {item.id: item for item in journal.of(Item)}
        self.decided = {row.id: row for row in journal.of(Decided)}
        self.notices = {row.id: row for row in journal.of(Notice)}
        self.gaps = journal.of(Gap)
        self.faults: Sequence[Fault] = journal.of(Fault)
        self.pauses: Sequence[Paused] = journal.of(Paused)
        self.attempts = journal.of(Attempt)
        self.skips = sorted(journal.of(PutForward), key=lambda skip: skip.wall)
        self.looks = Looks(self.world, self.skips)

    def clock(self, instant: datetime) -> str:
        """Return what the office's clock shows at an instant."""
        return f"{instant.astimezone(self.world.zone):%Y-%m-%d %H:%M:%S}"

    def objection(self, kind: str, said: Said, why: str) -> Violation:
        """Return what is wrong with something that arrived."""
        a = said.arrival
        words = (
            f"{said} reached person {said.item.person} by {a.channel} {self.clock(a.at)} "
            f"(item {said.item.id}, decided {self.clock(said.decided.decided_at)}) although {why}"
        )
        return Violation(kind, words, a.at)

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

    @cached_property
    def said_by_rung(self) -> Mapping[RungName, list[Said]]:
        return _grouped(self.said, lambda said: said.name)

    @cached_property
    def tries(self) -> Mapping[tuple[int, str], list[Attempt]]:
        """The attempts by notice and channel."""
        return _grouped(self.attempts, lambda attempt: (attempt.notice, attempt.channel))

    # -- what was owed, and what is on file for it

    @cached_property
    def obligations(self) -> list[Owed]:
        return [owed for found in self.owed.values() for owed in found]

    @cached_property
    def owed_by_rung(self) -> Mapping[RungName, list[Owed]]:
        """What was owed under one name; several where its day was set anew."""
        return _grouped(self.obligations, lambda owed: owed.name)

    def rows(self, owed: Owed) -> list[Decided]:
        """Return the rows that may have settled what was owed: those decided in its epoch.

        One that may be of several is of the last of them, if another can be of this one.
        """
        filed = [(row, self._epochs[row.id]) for row in self._rows_by_rung.get(owed.name, ())]
        mine = [row for row, known in filed if known and known[-1] == owed.epoch]
        return mine or [row for row, known in filed if owed.epoch in known]

    @cached_property
    def _epochs(self) -> Mapping[int, epochs.Candidates]:
        return epochs.candidates(self.world, self.decided.values(), self.faults)

    @cached_property
    def _rows_by_rung(self) -> Mapping[RungName, list[Decided]]:
        return _grouped(self.decided.values(), name_of)

    def owed_by(self, item: Item) -> list[Owed]:
        """Return what an item may be the saying of."""
        row = self.decided[item.decision]
        return [owed for owed in self.owed_by_rung.get(name_of(row), ()) if row in self.rows(owed)]

    def items_for(self, owed: Owed) -> list[Item]:
        return [item for row in self.rows(owed) for item in self.items_of.get(row.id, ())]

    def gaps_of(self, owed: Owed) -> list[Gap]:
        rows = {row.id for row in self.rows(owed)}
        return [gap for gap in self.gaps if gap.decision in rows]

    def said_for(self, owed: Owed) -> list[Said]:
        rows = {row.id for row in self.rows(owed)}
        return [said for said in self.said_by_rung.get(owed.name, ()) if said.decided.id in rows]

    @cached_property
    def items_of(self) -> Mapping[int, list[Item]]:
        """The items of each decision."""
        return _grouped(self.items.values(), lambda item: item.decision)

    # -- what people did

    def approvals(self, item: Item) -> Sequence[datetime]:
        return self.approved_at.get(item.notice, ()) if item.notice else ()

    @cached_property
    def approved_at(self) -> Mapping[int, list[datetime]]:
        given = [(number, each.at) for each in self.journal.of(Approved) for number in each.notices]
        return _listed(given)

    def signatures(self, case: str, person: int) -> Sequence[CaseEvent]:
        return self._signed.get((case, person), ())

    @cached_property
    def _signed(self) -> Mapping[tuple[str, int], list[CaseEvent]]:
        events = self.journal.of(CaseEvent)
        return _listed(((e.case, e.signer), e) for e in events if e.kind == "signed" and e.signer)

    @property
    def mutes(self) -> Sequence[Mute]:
        """All that the office ever silenced."""
        return self.world.silences[-1].mutes

    @cached_property
    def done_by_hand(self) -> Mapping[int, datetime]:
        return {record.notice: record.at for record in self.journal.of(DoneByHand)}

    @cached_property
    def live(self) -> WentLive | None:
        return next(iter(self.journal.of(WentLive)), None)

    def was_rehearsed(self, reason: str, at: datetime | None) -> bool:
        """Whether something fell away since we went live: it is owed anew."""
        return reason == "rehearsed" and self.live is not None and at == self.live.at

    # -- what the gate on floods held

    @cached_property
    def held_since(self) -> Mapping[int, datetime]:
        """The notices that the gate has held: those that the office has decided about, and that still are."""
        known = self.let_go.keys() | self.withdrawn.keys()
        return {
            n.id: n.created_at
            for n in self.notices.values()
            if n.created_at and (n.id in known or n.state == "held")
        }

    @cached_property
    def let_go(self) -> Mapping[int, datetime]:
        return {number: record.at for record in self.journal.of(LetGo) for number in record.notices}

    @cached_property
    def withdrawn(self) -> Mapping[int, datetime]:
        return {number: record.at for record in self.journal.of(Withdrawn) for number in record.notices}

    @cached_property
    def let_go_items(self) -> Mapping[int, datetime]:
        return {number: record.at for record in self.journal.of(LetGo) for number in record.items}

    @cached_property
    def withdrawn_items(self) -> Collection[int]:
        return frozenset(number for record in self.journal.of(Withdrawn) for number in record.items)

    # -- ways to a person

    def lacks(self, person: int, channel: str) -> bool:
        """Whether a person had no address for a channel at some time."""
        return any(
            p.id == person and not address(p, channel)
            for seating in self.world.seatings
            for p in seating.directory.people
        )


def name_of(row: Decided) -> RungName:
    return ((row.kind, row.subject), row.ladder, row.rung, row.occurrence)


def address(person: Person, channel: str) -> str:
    return {"sms": person.sms, "email": person.email, "wecom": person.wecom}.get(channel, "")


def has_failed(attempt: Attempt) -> bool:
    return attempt.outcome not in ("", "sent")


def _grouped(values: Iterable[V], key: Callable[[V], K]) -> Mapping[K, list[V]]:
    return _listed((key(value), value) for value in values)


def _listed(pairs: Iterable[tuple[K, V]]) -> Mapping[K, list[V]]:
    """Return the values of each key, in their order."""
    found: dict[K, list[V]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return dict(found)
