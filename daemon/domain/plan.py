"""What should be said about one subject, why, and when to ask again.

``plan`` is the heart of the service. It is given everything and changes nothing, so the scanner, the
simulator, ``why`` and the tests all ask the same function. design.md §2.2 is its contract.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum

from daemon.domain.ladder import Condition, Every, Ladder, Names, Part, Rung, Subject, Wording
from daemon.domain.mute import Mute
from daemon.domain.workdays import Offset, Span, WorkdayCalendar, local_day, midnight


class Outcome(StrEnum):
    """How an occurrence was settled, once and for all."""

    SAID = "said"
    WHEN = "when"
    UNLESS = "unless"
    MUTED = "muted"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a subject stands on one ladder.

    ``since``: what lies before it is not owed (``None``: everything is owed). ``moved_at`` is when the event
    came that set it. All move by events only.
    """

    anchor_version: int
    since: datetime | None
    moved_at: datetime | None = None


@dataclass(frozen=True)
class Facts:
    """What is known of a subject.

    ``anchors`` are its dated facts, ``own`` the names that only its own events move, and ``as_of`` gives all
    names as they were at an instant. ``at_rest``: closed for good, unless an event begins it anew. ``mutes``
    are those that concern it, past ones too: a mute holds for its instants, whenever they are looked at.
    """

    subject: Subject
    zone: tzinfo
    anchors: Mapping[str, date | None]
    own: Names
    as_of: Callable[[datetime], Names] = field(compare=False, repr=False)
    standings: Mapping[str, Standing] = field(default_factory=dict)
    at_rest: bool = False
    mutes: Sequence[Mute] = ()

    def standing_on(self, ladder: str, standing: Standing) -> Facts:
        """Return the same facts of a subject of which only this standing is known."""
        return Facts(
            self.subject,
            self.zone,
            self.anchors,
            self.own,
            self.as_of,
            {ladder: standing},
            self.at_rest,
            self.mutes,
        )

    def mute_at(self, instant: datetime, ladder: str) -> Mute | None:
        """Return the mute that an instant of a ladder lies in, the first of several."""
        return next((mute for mute in self.mutes if mute.covers(instant, ladder)), None)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One moment at which a rung may speak.

    ``key`` is '' or, for a slot of ``every``, ``nominal`` as text: the slot's day before it was moved to a
    working day. ``day`` is the day it fell on.
    """

    key: str
    nominal: date
    day: date
    instant: datetime


@dataclass(frozen=True, slots=True)
class Settlement:
    """One occurrence settled, with the inputs that settled it."""

    rung: str
    occurrence: str
    outcome: Outcome
    instant: datetime
    inputs: Mapping[str, object] = field(default_factory=dict)


_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rest:
    """Rungs that the last look left at rest; ``until`` is when this look was asked for.

    No event that could wake them came before it.
    """

    rungs: frozenset[str] = _NONE
    until: datetime | None = None

    def of(self, rung: Rung) -> bool:
        return any(rung.goes_by(each) for each in self.rungs)


AWAKE = Rest()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is settled, when to look again without an event, and the rungs that rest until there is one."""

    settlements: tuple[Settlement, ...]
    next_at: datetime | None
    resting: frozenset[str] = _NONE


Settled = frozenset[tuple[str, str]]
"""The (rung, occurrence) pairs already settled under the present anchor version."""


def plan(
    facts: Facts,
    ladder: Ladder,
    calendar: WorkdayCalendar,
    settled: Settled,
    now: datetime,
    rest: Rest = AWAKE,
) -> Plan:
    """Say what is owed now, and when to look again.

    An occurrence is owed when its instant lies in ``[since, now]``, its conditions hold, and it is not
    settled. ``next_at`` is the next instant of any rung that is not at rest, whether or not its conditions
    hold, so a look changes nothing but by what is owed.

    A rung that repeats rests while its subject's own facts forbid it (design.md §2.2 would settle each of its
    slots): only an event can change them, and whatever changes a subject asks for a look. Its slots until
    then have had their day, and the last of them is settled for all when it wakes. What cannot be judged now
    rests on.
    """
    if facts.anchors.get(ladder.anchor) is None:
        return Plan((), None, rest.rungs)
    settlements: list[Settlement] = []
    upcoming: list[datetime] = []
    resting: set[str] = set()
    for rung in ladder.rungs:
        rests = _may_rest(rung)
        if (rests or facts.at_rest) and not _own_hold(rung, facts):
            # Looking at every slot of what is long closed, or does not concern this subject, would let the
            # cost of a tick grow with what is on file. A closing that is undone owes what came meanwhile,
            # unless the rung was at rest before.
            if rests and (not facts.at_rest or rest.of(rung)):
                resting.add(rung.id)
            continue
        woken = rest.until if rests and rest.of(rung) else None
        found, following = _look_at(rung, facts, ladder, calendar, settled_of(rung, settled), now, woken)
        settlements += found
        upcoming += following
    return Plan(tuple(settlements), min(upcoming, default=None), frozenset(resting))


def _look_at(
    rung: Rung,
    facts: Facts,
    ladder: Ladder,
    calendar: WorkdayCalendar,
    done: frozenset[str],
    now: datetime,
    woken: datetime | None,
) -> tuple[list[Settlement], list[datetime]]:
    """Return what is owed of one rung, and its next instant, if there is one.

    ``woken``: it rested until then, and of the slots before that only the last is settled, for all.
    """
    settlements: list[Settlement] = []
    slept: Occurrence | None = None
    following: list[datetime] = []
    for number, occurrence in enumerate(occurrences_of(rung, facts, ladder, calendar, done)):
        if occurrence.instant > now:
            following.append(occurrence.instant)
            break
        first = number == 0
        if not owed_range(occurrence, rung, facts, ladder, calendar, done, first=first):
            continue
        if woken and occurrence.instant < woken:
            slept = occurrence
        elif settlement := _settle(occurrence, rung, facts, ladder, calendar, now):
            settlements.append(settlement)
    if slept:
        anchor = facts.anchors[ladder.anchor]
        assert anchor is not None
        inputs = _inputs(slept, rung, facts, anchor, calendar)
        settlements.append(Settlement(rung.id, slept.key, Outcome.WHEN, slept.instant, inputs))
    return settlements, following


def _may_rest(rung: Rung) -> bool:
    """Whether a rung rests while its subject's own facts forbid it.

    One that an edit changed does not: what the edit moved from ahead to behind is judged slot by slot.
    """
    return rung.wording.every is not None and rung.former is None and bool(rung.wording.own)


def occurrences_of(
    rung: Rung, facts: Facts, ladder: Ladder, calendar: WorkdayCalendar, done: frozenset[str]
) -> Iterator[Occurrence]:
    """Yield the occurrences of a rung for a subject, counted on from those that are settled."""
    anchor = facts.anchors[ladder.anchor]
    assert anchor is not None
    return occurrences(rung.wording, anchor, calendar, facts.zone, _of_wording(rung, done, facts.zone))


def owed_range(
    occurrence: Occurrence,
    rung: Rung,
    facts: Facts,
    ladder: Ladder,
    calendar: WorkdayCalendar,
    done: frozenset[str],
    *,
    first: bool,
) -> bool:
    """Whether an occurrence is not settled, and lies where events and activations let it be owed."""
    ahead = first and _was_ahead(occurrence, rung, facts, calendar, done)
    return not passed(occurrence, done) and _in_range(occurrence, rung, facts, ladder, ahead)


def _settle(
    occurrence: Occurrence,
    rung: Rung,
    facts: Facts,
    ladder: Ladder,
    calendar: WorkdayCalendar,
    now: datetime,
) -> Settlement | None:
    anchor = facts.anchors[ladder.anchor]
    assert anchor is not None
    mute = facts.mute_at(occurrence.instant, ladder.id)
    outcome = Outcome.MUTED if mute else _outcome(occurrence, rung, facts, anchor, now)
    if outcome is None:
        return None
    inputs = _inputs(occurrence, rung, facts, anchor, calendar) | ({"mute": mute.id} if mute else {})
    return Settlement(rung.id, occurrence.key, outcome, occurrence.instant, inputs)


def _outcome(occurrence: Occurrence, rung: Rung, facts: Facts, anchor: date, now: datetime) -> Outcome | None:
    moved = rung.wording.moved
    if not _own_hold(rung, facts):
        # Its own facts may become true again, so nothing is settled; a slot has had its day.
        return Outcome.WHEN if occurrence.key else None
    if moved and not _hold_as_of(moved, facts, occurrence.instant):
        return Outcome.WHEN
    if lapsed(occurrence.nominal, anchor, facts.zone, now):
        return Outcome.LAPSED
    return Outcome.SAID


def settled_of(rung: Rung, settled: Settled) -> frozenset[str]:
    """Return the occurrences of a rung that are settled, under whatever name it had."""
    return frozenset([key for rung_id, key in settled if rung.goes_by(rung_id)]) if settled else _NONE


def _own_hold(rung: Rung, facts: Facts) -> bool:
    return all(condition.holds(facts.own) for condition in rung.wording.own)


def lapsed(nominal: date, anchor: date, zone: tzinfo, now: datetime) -> bool:
    """Whether a rung that lies before its anchor comes too late: the anchor's day is over."""
    return nominal < anchor and now >= midnight(anchor + timedelta(days=1), zone)


def _hold_as_of(conditions: tuple[Condition, ...], facts: Facts, instant: datetime) -> bool:
    names = facts.as_of(instant)
    return all(condition.holds(names) for condition in conditions)


def false_condition(when: tuple[Condition, ...], facts: Facts, instant: datetime) -> Condition | None:
    """Return the first condition that does not hold for the occurrence at ``instant``."""
    failed = next((c for c in when if not c.moved and not c.holds(facts.own)), None)
    moved = [c for c in when if c.moved]
    if failed or not moved:
        return failed
    names = facts.as_of(instant)
    return next((c for c in moved if not c.holds(names)), None)


def passed(occurrence: Occurrence, done: frozenset[str]) -> bool:
    """Whether an occurrence is settled, or a slot that lies before one that is.

    Slots are settled in order; only a calendar or a rule that changed puts one between those that are past.
    """
    return occurrence.key in done or bool(occurrence.key and occurrence.key < max(done, default=""))


def _of_wording(rung: Rung, done: frozenset[str], zone: tzinfo) -> frozenset[str]:
    """Return the slots settled from which the next are counted.

    Weeks and months are counted anew when the rule changes, working days from the last one settled.
    """
    step = rung.wording.every and rung.wording.every.step
    if rung.since is None or (step and step.span is Span.WORKDAYS):
        return done
    activated = local_day(rung.since, zone).isoformat()
    return frozenset(key for key in done if key > activated)


def _in_range(occurrence: Occurrence, rung: Rung, facts: Facts, ladder: Ladder, was_ahead: bool) -> bool:
    """Whether an occurrence lies at or after what limits it: the event or the activation that came later.

    Who enters a case after an edit of the rules, with yesterday's date, has it handed over all the same.
    """
    standing = facts.standings.get(ladder.id) or Standing(0, None)
    event, came = standing.since, standing.moved_at or standing.since
    if rung.since is None or (came and came > rung.since):
        return event is None or occurrence.instant >= event
    return was_ahead or occurrence.instant >= rung.since


def _was_ahead(
    first_now: Occurrence, rung: Rung, facts: Facts, calendar: WorkdayCalendar, done: frozenset[str]
) -> bool:
    """Whether a rung was still to speak when an edit changed its wording.

    What the edit moved from ahead to behind is then owed at once, or it would never be said. One that repeats
    and has spoken will speak again anyway.
    """
    if first_now.key and done:
        return False
    former = rung.former
    anchor = facts.anchors.get(former.anchor) if former else None
    if former is None or rung.since is None or anchor is None:
        return False
    first = next(occurrences(former, anchor, calendar, facts.zone), None)
    return first is not None and first.instant >= rung.since and first.key not in done


def first_occurrence(
    wording: Wording, anchor: date, calendar: WorkdayCalendar, zone: tzinfo, key: str = ""
) -> Occurrence:
    day = anchor if wording.at is None else calendar.apply(wording.at, anchor)
    return Occurrence(key, day, day, midnight(day, zone))


def occurrences(
    wording: Wording,
    anchor: date,
    calendar: WorkdayCalendar,
    zone: tzinfo,
    done: frozenset[str] = frozenset(),
) -> Iterator[Occurrence]:
    """Yield the occurrences of a rung in order: one, or the slots of its ``every``.

    A slot moves to the next working day unless the rung says ``days: all``; of slots that fall on one day
    only the first exists. Without end unless ``until`` or ``times`` bounds it.
    """
    first = first_occurrence(wording, anchor, calendar, zone)
    if wording.every is None:
        yield first
        return
    until = calendar.apply(wording.until, anchor) if wording.until else None
    taken: date | None = None
    number = 0
    for nominal in _nominal_days(wording.every, first.day, calendar, done):
        if (until and nominal > until) or (wording.times is not None and number >= wording.times):
            return
        day = nominal if wording.all_days else calendar.on_or_after(nominal)
        if day != taken:
            yield Occurrence(nominal.isoformat(), nominal, day, midnight(day, zone))
            number += 1
        taken = day


def _nominal_days(
    every: Every, first: date, calendar: WorkdayCalendar, done: frozenset[str]
) -> Iterator[date]:
    if every.cron is not None:
        return _cron_days(every.cron, first)
    if every.step is None:
        raise ValueError(f"every {every.text!r} has neither a step nor a cron")
    past = sorted(date.fromisoformat(key) for key in done if key)
    return _stepped_days(every.step, first, calendar, past)


def _cron_days(next_day: Callable[[date], date], first: date) -> Iterator[date]:
    day = first
    while True:
        day = next_day(day)
        yield day
        day += timedelta(days=1)


def _stepped_days(
    step: Offset, first: date, calendar: WorkdayCalendar, past: Sequence[date]
) -> Iterator[date]:
    """Yield slots step by step: the first from ``at``, the next from the last one settled.

    The settled ones stay as they were: a calendar that changes moves only what lies ahead.
    """
    base, number = first, 0

    def slot(n: int) -> date:
        return calendar.apply(Offset(step.count * n, step.span), base) if n else base

    for settled in past:
        # Slots before the first settled, or between two, were not owed; ``times`` counts them all the same.
        while slot(number + 1) - settled <= settled - slot(number):
            if slot(number) >= first:
                yield slot(number)
            number += 1
        if slot(number) != settled:
            base, number = settled, 0
        yield settled
        number += 1
    if slot(number) < first:
        base, number = first, 0
    while True:
        yield slot(number)
        number += 1


def _inputs(
    occurrence: Occurrence, rung: Rung, facts: Facts, anchor: date, calendar: WorkdayCalendar
) -> dict[str, object]:
    """Keep the numbers that this settlement saw; the words of ``why`` are made from them."""
    inputs: dict[str, object] = {"anchor": rung.wording.anchor, "anchor_on": anchor, "day": occurrence.day}
    if calendar.assumed(anchor, occurrence.day):
        inputs["calendar_assumed"] = True
    if rung.wording.moved:
        inputs["as_of"] = facts.as_of(occurrence.instant)
    return inputs


def nominal_day(occurrence: str, instant: datetime, zone: tzinfo) -> date:
    """Return the day an occurrence stands for, from what is kept of it."""
    return date.fromisoformat(occurrence) if occurrence else local_day(instant, zone)


class ReasonCode(StrEnum):
    """Why a message that was decided is not sent after all."""

    ANCHOR_MOVED = "anchor_moved"
    RULE_GONE = "rule_gone"
    CONDITION = "condition"
    LAPSED = "lapsed"
    DEADLINE_PASSED = "deadline_passed"
    NOT_HOLDER = "not_holder"
    SIGNED = "signed"
    OUTRANKED = "outranked"
    COPY_OF_NOTHING = "copy_of_nothing"
    REHEARSED = "rehearsed"
    WITHDRAWN = "withdrawn"
    MUTED = "muted"


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason that keeps its inputs."""

    code: ReasonCode
    inputs: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Item:
    """One decision for one person, as it is looked at before it is said.

    ``holds_post``: the person (still) holds the seat it was addressed to. ``signed``: this person has signed.
    ``outranked_by``: a later rung of the ladder, not weaker, that has come for this person. ``to_alive``: for
    a copy, whether anything it copies is still to be said. ``muted_by``: the mute that this person is under.
    """

    ladder: Ladder | None
    rung_id: str
    occurrence: str
    anchor_version: int
    nominal: date
    instant: datetime
    part: Part = Part.TO
    holds_post: bool = True
    signed: bool = False
    outranked_by: str | None = None
    to_alive: bool = True
    needs_approval: bool = False
    muted_by: int | None = None


def still_due(item: Item, facts: Facts, now: datetime) -> Reason | None:
    """Look once more: return why ``item`` is no longer to be said, or ``None``.

    What waits for approval does not lapse (design.md §2.7).
    """
    rung = item.ladder.rung(item.rung_id) if item.ladder else None
    if item.ladder is None or rung is None:
        return Reason(ReasonCode.RULE_GONE)
    standing = facts.standings.get(item.ladder.id)
    anchor = facts.anchors.get(item.ladder.anchor)
    if standing is None or standing.anchor_version != item.anchor_version or anchor is None:
        return Reason(ReasonCode.ANCHOR_MOVED, {"anchor": item.ladder.anchor, "on": anchor})
    mute = facts.mute_at(item.instant, item.ladder.id)
    if (muted_by := mute.id if mute else item.muted_by) is not None:
        return Reason(ReasonCode.MUTED, {"mute": muted_by})
    if failed := false_condition(rung.wording.when, facts, item.instant):
        return Reason(ReasonCode.CONDITION, {"when": failed.text})
    if not item.holds_post:
        return Reason(ReasonCode.NOT_HOLDER)
    if rung.unless == "signed" and item.signed:
        return Reason(ReasonCode.SIGNED)
    if item.part is Part.COPY and not item.to_alive:
        return Reason(ReasonCode.COPY_OF_NOTHING)
    return None if item.needs_approval else _too_late(item, rung, facts, anchor, now)


def _too_late(item: Item, rung: Rung, facts: Facts, anchor: date, now: datetime) -> Reason | None:
    if lapsed(item.nominal, anchor, facts.zone, now):
        return Reason(ReasonCode.LAPSED, {"on": anchor})
    due = facts.anchors.get("due")
    reminds_of_due = rung.act.value == "reminder" and item.ladder and item.ladder.anchor == "due"
    if reminds_of_due and due and item.nominal <= due < local_day(now, facts.zone):
        return Reason(ReasonCode.DEADLINE_PASSED, {"due_on": due})
    if item.outranked_by:
        return Reason(ReasonCode.OUTRANKED, {"rung": item.outranked_by})
    return None
