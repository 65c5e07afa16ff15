"""Replays a journal: what was known of each subject, from one record to the next.

A :class:`State` is in force from its record to the next one of the same subject. Several may lie in one
office instant: then a scanner may have looked between them, and the wall clock tells whether a worker could.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from tests.chaos.journal import (
    Began,
    CaseEvent,
    Directory,
    DirectoryChanged,
    FilingEvent,
    Journal,
    Muted,
    Record,
    RulesActivated,
    Tallied,
    Unmuted,
    WentLive,
)
from tests.chaos.oracle.days import UnsupportedError, midnight
from tests.chaos.oracle.people import stands
from tests.chaos.oracle.rules import Ladder, Rules, activated, read_rules

OPEN = {
    "case": ("assigned", "signed", "rectifying", "returned", "reopened"),
    "filing": ("open", "returned"),
}
REST = ("closed", "dismissed")
TARGET_STATE = {
    "reported": "reported",
    "registered": "registered",
    "assigned": "assigned",
    "signed": "signed",
    "progress": "rectifying",
    "submitted": "submitted",
    "closed": "closed",
    "returned": "returned",
    "reopened": "reopened",
    "declined": "declined",
    "moved": "assigned",
    "dismissed": "dismissed",
    "suspended": "suspended",
    "resumed": "rectifying",
}
DATED = {"registered", "assigned", "signed", "submitted", "returned", "reopened", "identified", "opinion"}
SubjectName = tuple[str, str]
"""Its kind and its name."""


@dataclass(frozen=True)
class Facts:
    """What is known of a subject; ``days`` are its dated facts."""

    kind: str
    name: str
    unit: int | None
    state: str
    days: Mapping[str, date] = field(default_factory=dict)
    signed: bool = False
    returns: int = 0
    extensions: int = 0

    @property
    def open(self) -> bool:
        return self.kind not in OPEN or self.state in OPEN[self.kind]

    @property
    def at_rest(self) -> bool:
        return self.kind == "case" and self.state in REST


@dataclass(frozen=True)
class Standing:
    """``epoch``: which anchor version (numbers of our own); nothing before ``since`` is owed (``None``: all
    is). ``given``: when an event last set it."""

    epoch: int
    since: datetime | None
    given: datetime


@dataclass(frozen=True)
class Mute:
    """What is silenced: the instants in ``[since, until)``; ended early, those that had come by then."""

    of: Muted
    ended: datetime | None = None

    def concerns(self, facts: Facts) -> bool:
        if self.of.ladder:
            return True
        if self.of.unit is not None:
            return facts.unit == self.of.unit
        return (facts.kind, facts.name) == ("case", self.of.case)

    def covers(self, instant: datetime, ladder: str) -> bool:
        in_time = self.of.since <= instant < self.of.until and (self.ended is None or instant <= self.ended)
        return in_time and self.of.ladder in ("", ladder)

    def silences(self, person: int, first: datetime, last: datetime) -> bool:
        """Whether a person is silenced at any instant from ``first`` to ``last``."""
        over = self.of.until if self.ended is None else self.ended
        return self.of.person == person and self.of.since <= last and first < over


@dataclass(frozen=True)
class State:
    """A subject as it is from a record on; ``mutes`` are those that concern it, past ones too."""

    at: datetime
    facts: Facts
    standings: Mapping[str, Standing]
    rules: Rules
    wall_before: datetime | None = None
    wall: datetime | None = None
    begins: bool = True
    """Whether its transaction ends with it: a state inside a transaction is never seen."""
    undone: bool = False
    mutes: tuple[Mute, ...] = ()

    def is_muted(self, instant: datetime, ladder: str) -> bool:
        return any(mute.covers(instant, ladder) for mute in self.mutes)


@dataclass(frozen=True)
class Silence:
    """Whom the office has silenced, from a record on."""

    at: datetime
    mutes: tuple[Mute, ...] = ()
    wall_before: datetime | None = None
    wall: datetime | None = None
    begins: bool = True


@dataclass(frozen=True)
class Seating:
    """The directory as it is from a record on."""

    at: datetime
    directory: Directory
    wall_before: datetime | None = None
    wall: datetime | None = None
    begins: bool = True


@dataclass(frozen=True)
class Counted:
    """What one record added to a unit's counts."""

    unit: int
    effective_on: date
    recorded_at: datetime
    registered: int
    dismissed: int
    closed: int


@dataclass
class World:
    """Everything that a journal says was known, and when."""

    began: Began
    rules: Rules
    states: dict[SubjectName, list[State]] = field(default_factory=dict)
    seatings: list[Seating] = field(default_factory=list)
    counted: list[Counted] = field(default_factory=list)
    activations: list[tuple[datetime, Rules]] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)

    @property
    def zone(self) -> ZoneInfo:
        return self.rules.campaign.zone

    def rules_at(self, instant: datetime) -> Rules:
        """Return the rules in force at an instant (the first ones, before the start)."""
        past = [rules for at, rules in self.activations if at <= instant]
        return past[-1] if past else self.activations[0][1]

    def day(self, instant: datetime) -> date:
        return instant.astimezone(self.zone).date()

    def _known_from(self, instant: datetime) -> date:
        """Return the first day at whose beginning an instant has come."""
        day = self.day(instant)
        return day if midnight(day, self.zone) == instant else day + timedelta(days=1)

    def tally(self) -> list[Tallied]:
        """Return the tally as the events have it, without days that cancel out."""
        sums: dict[tuple[int, date, date], list[int]] = {}
        for one in self.counted:
            key = (one.unit, one.effective_on, self._known_from(one.recorded_at))
            row = sums.setdefault(key, [0, 0, 0])
            for number, value in enumerate((one.registered, one.dismissed, one.closed)):
                row[number] += value
        return [Tallied(*key, *row) for key, row in sorted(sums.items()) if any(row)]


def replay(journal: Journal) -> World:
    """Replay the acts of a journal."""
    began = journal.of(Began)[0]
    return _Replay(began).run(journal.records)


class _Replay:
    def __init__(self, began: Began) -> None:
        rules = read_rules(began.files)
        self.world = World(began, rules)
        self.world.seatings.append(Seating(began.at, began.directory))
        self.world.activations.append((began.at, rules))
        self.world.silences.append(Silence(began.at))
        self.mutes: dict[int, Mute] = {}
        self.epochs = count(1)
        self.live: datetime | None = None if began.rehearsal else began.at
        self.past: dict[SubjectName, list[tuple[CaseEvent, State | None]]] = {}
        first = began.enters or self.world.day(began.at)
        self._make_subjects(began.at, midnight(first, self.world.zone))

    def run(self, records: Iterable[Record]) -> World:
        for record in records:
            match record:
                case CaseEvent():
                    self._case(record)
                case FilingEvent():
                    self._filing(record)
                case DirectoryChanged():
                    self.world.seatings.append(
                        Seating(record.at, record.directory, record.wall_before, record.wall)
                    )
                    self._make_subjects(record.at, self._today(record.at))
                case RulesActivated():
                    self._rules(record)
                case Muted():
                    self._mute(record, Mute(record))
                case WentLive():
                    self._live(record)
                case Unmuted():
                    self._mute(record, replace(self.mutes[record.mute], ended=record.at))
        return self.world

    def _mute(self, record: Muted | Unmuted, mute: Mute) -> None:
        """Let a mute be as it is from now on, for persons and for every subject that it concerns."""
        self.mutes[record.mute] = mute
        now = (record.at, record.wall_before, record.wall)
        if mute.of.person is not None:
            persons = tuple(each for each in self.mutes.values() if each.of.person is not None)
            self.world.silences.append(Silence(now[0], persons, *now[1:]))
            return
        for name, states in self.world.states.items():
            last = states[-1]
            if mute.concerns(last.facts):
                self._put(name, State(now[0], last.facts, last.standings, self.world.rules, *now[1:]))

    def _put(self, name: SubjectName, state: State) -> None:
        """Let a subject be in a state from now on, silenced by the mutes that concern it then."""
        silent = [m for m in self.mutes.values() if m.of.person is None and m.concerns(state.facts)]
        self.world.states.setdefault(name, []).append(replace(state, mutes=tuple(silent)))

    # -- subjects that the rules name

    def _make_subjects(self, at: datetime, since: datetime) -> None:
        rules, directory = self.world.rules, self.world.seatings[-1].directory
        for facts in _named(rules, directory, self.world.day(at)):
            name = (facts.kind, facts.name)
            if name not in self.world.states:
                standings = {x.id: Standing(next(self.epochs), since, at) for x in _ladders(rules, facts)}
                self._put(name, State(at, facts, standings, rules))
            elif (days := {**self.world.states[name][-1].facts.days, **facts.days}) != self.world.states[
                name
            ][-1].facts.days:
                self._happen(name, at, days, "looked", None, None)

    def _rules(self, record: RulesActivated) -> None:
        old = self.world.rules
        self.world.rules = rules = activated(old, read_rules(record.files), record.at)
        self.world.activations.append((record.at, rules))
        for name, states in self.world.states.items():
            last = states[-1]
            standings = dict(last.standings)
            for ladder in _ladders(rules, last.facts):
                if ladder.id not in standings:
                    standings[ladder.id] = Standing(next(self.epochs), _own_since(standings), record.at)
            moved = {
                key: self._anchor_changed(standings[key], last.facts, old, rules, key, record.at)
                for key in standings
            }
            self._put(name, State(record.at, last.facts, moved, rules, record.wall_before, record.wall))
        self._make_subjects(record.at, self._today(record.at))

    def _anchor_changed(
        self, standing: Standing, facts: Facts, old: Rules, new: Rules, key: str, at: datetime
    ) -> Standing:
        before, after = old.ladders.get(key), new.ladders.get(key)
        if before and after and before.anchor != after.anchor:
            raise UnsupportedError(f"ladders.{key}: another from")
        return standing

    def _live(self, record: WentLive) -> None:
        """Let the ladders of which anything was rehearsed begin anew, from today or as before.

        What had been decided and not been handed over stays owed, however early.
        """
        self.live = record.at
        anew = {((one.kind, one.subject), one.ladder): one for one in record.anew}
        today = self._today(record.at)
        for name, states in self.world.states.items():
            last, moved = states[-1], dict(states[-1].standings)
            for ladder, standing in last.standings.items():
                if one := anew.get((name, ladder)):
                    since = standing.since if record.catch_up else min(today, one.pending or today)
                    moved[ladder] = Standing(next(self.epochs), since, standing.given)
            if moved != last.standings:
                now = (record.wall_before, record.wall)
                self._put(name, State(record.at, last.facts, moved, self.world.rules, *now))

    # -- events

    def _filing(self, record: FilingEvent) -> None:
        name = ("filing", record.filing)
        last = self.world.states[name][-1]
        facts = replace(last.facts, state=record.kind, days={**last.facts.days, record.kind: record.on})
        self._append(name, record, facts, "returned" if record.kind == "returned" else "looked")

    def _case(self, record: CaseEvent) -> None:
        name = ("case", record.case)
        states = self.world.states.get(name)
        last = states[-1] if states else None
        if record.kind == "undone":
            self._undo(name, record)
            return
        facts = _after(last.facts if last else None, record)
        self.past.setdefault(name, []).append((record, last))
        self._count(record.at, record.on, last.facts if last else None, facts)
        move = _move(record)
        if last is None:
            since = (
                midnight(self.world.day(record.at), self.world.zone) if record.imported == "today" else None
            )
            standings = {
                x.id: Standing(next(self.epochs), since, record.at) for x in _ladders(self.world.rules, facts)
            }
            bare = replace(facts, days={})
            self._put(name, State(record.at, bare, standings, self.world.rules, begins=False))
        self._append(name, record, facts, move)

    def _undo(self, name: SubjectName, record: CaseEvent) -> None:
        states, past = self.world.states[name], self.past[name]
        undone, before = past.pop()
        if before is None:
            raise UnsupportedError("undo of a registration")
        self._count(record.at, undone.on, states[-1].facts, before.facts)
        standings = {**states[-1].standings, **before.standings}
        if self.live and undone.at <= self.live:  # nothing goes back to what was said in rehearsal only
            last = states[-1]
            standings = {
                key: self._moved(key, one, last.facts, before.facts, "looked", record.at)
                for key, one in last.standings.items()
            }
        now = (record.wall_before, record.wall)
        self._put(name, State(record.at, before.facts, standings, self.world.rules, *now, undone=True))

    def _append(self, name: SubjectName, record: CaseEvent | FilingEvent, facts: Facts, move: str) -> None:
        states = self.world.states[name]
        last = states[-1]
        if getattr(record, "together", False):
            states[-1] = replace(last, begins=False)
        standings = {
            key: self._moved(key, one, last.facts, facts, move, record.at)
            for key, one in last.standings.items()
        }
        now = (record.wall_before, record.wall)
        self._put(name, State(record.at, facts, standings, self.world.rules, *now))

    def _happen(
        self,
        name: SubjectName,
        at: datetime,
        days: Mapping[str, date],
        move: str,
        before: datetime | None,
        wall: datetime | None,
    ) -> None:
        last = self.world.states[name][-1]
        facts = replace(last.facts, days=days)
        standings = {
            key: self._moved(key, one, last.facts, facts, move, at) for key, one in last.standings.items()
        }
        self._put(name, State(at, facts, standings, self.world.rules, before, wall))

    def _moved(
        self, ladder: str, standing: Standing, before: Facts, after: Facts, move: str, at: datetime
    ) -> Standing:
        """The table of design.md §2.2, with the agreed deviation for what is entered late."""
        rule = self.world.rules.ladders.get(ladder)
        was = before.days.get(rule.anchor) if rule else None
        now = after.days.get(rule.anchor) if rule else None
        today = self._today(at)
        late = min(today, midnight(now, self.world.zone)) if now and now != was else today
        match move:
            case "entered":
                return Standing(next(self.epochs), None, at)
            case "imported":
                return Standing(next(self.epochs), today, at)
            case "restarted":
                return Standing(next(self.epochs), late, at)
            case "returned":
                return Standing(standing.epoch if was == now else next(self.epochs), late, at)
        if was == now:
            return standing
        if was and now and now < was:
            return Standing(next(self.epochs), standing.since, at)
        return Standing(next(self.epochs), today, at)

    def _today(self, at: datetime) -> datetime:
        return midnight(self.world.day(at), self.world.zone)

    def _count(self, at: datetime, on: date, before: Facts | None, after: Facts) -> None:
        for facts, sign in ((before, -1), (after, +1)):
            if facts is not None and facts.unit is not None and facts.state != "reported":
                dismissed, closed = facts.state == "dismissed", facts.state == "closed"
                self.world.counted.append(Counted(facts.unit, on, at, sign, sign * dismissed, sign * closed))


def _own_since(standings: Mapping[str, Standing]) -> datetime | None:
    """A ladder that is new owes nothing that its subject does not."""
    return max((s.since for s in standings.values() if s.since), default=None)


def _move(record: CaseEvent) -> str:
    if record.imported:
        return {"today": "imported", "catch_up": "entered"}[record.imported]
    moves = {"assigned": "entered", "returned": "returned"}
    moves |= dict.fromkeys(("reopened", "moved", "resumed"), "restarted")
    return moves.get(record.kind, "looked")


def _after(before: Facts | None, record: CaseEvent) -> Facts:
    """Return a case after an event that passed the gate."""
    facts = before or Facts("case", record.case, record.unit, "reported")
    kind = record.kind
    days = dict(facts.days)
    if kind in DATED and not (kind == "signed" and "signed" in days):
        days[kind] = record.on
    if kind == "moved":
        days["assigned"] = record.on
    if kind in ("assigned", "moved"):
        days.pop("signed", None)
    if record.due_on:
        days["due"] = record.due_on
    state = TARGET_STATE.get(kind, facts.state)
    if kind == "signed" and facts.state in ("rectifying", "returned", "reopened"):
        state = facts.state
    signed = facts.signed or kind == "signed"
    return replace(
        facts,
        unit=record.unit if kind in ("registered", "reported", "moved") and record.unit else facts.unit,
        state=state,
        days=days,
        signed=signed and kind not in ("assigned", "moved"),
        returns=facts.returns + (kind == "returned"),
        extensions=facts.extensions + (kind == "extended"),
    )


def _ladders(rules: Rules, facts: Facts) -> list[Ladder]:
    per_unit = facts.kind in ("target", "campaign") and facts.unit is not None
    return [x for x in rules.ladders.values() if x.about == facts.kind and x.per_unit == per_unit]


def _named(rules: Rules, directory: Directory, day: date) -> Iterable[Facts]:
    """Yield the filings, phases, targets and campaigns that the rules name."""
    campaign = rules.campaign
    units = [unit for unit in directory.units if stands(unit, day)]
    for key, (first, last) in campaign.phases.items():
        yield Facts("phase", key, None, "open", {"start": first, "end": last, "due": last})
    for filing in campaign.filings.values():
        for unit in units:
            if unit.kind in filing.owed_by:
                days = {"start": filing.start, "due": filing.due}
                yield Facts("filing", f"{filing.key}/{unit.name}", unit.id, "open", days)
    starts = dict(
        zip(sorted(campaign.targets), [campaign.pace_from, *sorted(campaign.targets)], strict=False)
    )
    for on in campaign.targets:
        start = starts[on]
        days = {"due": on} | ({"start": start} if start else {})
        yield Facts("target", on.isoformat(), None, "open", days)
        if any(x.about == "target" and x.per_unit for x in rules.ladders.values()):
            for unit in units:
                yield Facts("target", f"{on}/{unit.name}", unit.id, "open", days)
    start_days = {"due": campaign.end, "end": campaign.end}
    start_days |= {"start": campaign.pace_from} if campaign.pace_from else {}
    yield Facts("campaign", campaign.id, None, "open", start_days)
    if any(x.about == "campaign" and x.per_unit for x in rules.ladders.values()):
        for unit in units:
            yield Facts("campaign", f"{campaign.id}/{unit.name}", unit.id, "open", start_days)
