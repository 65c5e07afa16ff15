"""What is owed about each subject, and from when: design.md §2.2 to §2.4, stretch by stretch of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

from tests.chaos.oracle.days import DAY, Calendar, Offset, midnight, slot
from tests.chaos.oracle.replay import Counted, Facts, Standing, State, SubjectName, World
from tests.chaos.oracle.rules import Ladder, Rules, Rung, Wording
from tests.chaos.oracle.words import holds, is_moved

RungName = tuple[SubjectName, str, str, str]
"""A subject, a ladder, a rung and an occurrence."""


@dataclass(frozen=True)
class Occurrence:
    """One moment at which a rung may speak; ``nominal`` is its day before it moves to a working day."""

    key: str
    nominal: date
    instant: datetime


@dataclass(frozen=True)
class Owed:
    """One occurrence that is to be said. ``sure``: whatever the looks, it is decided at ``decided``.

    ``states`` are those of its subject from the decision on.
    """

    subject: SubjectName
    ladder: str
    rung: Rung
    epoch: int
    occurrence: Occurrence
    decided: datetime
    release: datetime
    sure: bool
    states: tuple[State, ...] = field(compare=False, repr=False)

    @property
    def key(self) -> tuple[SubjectName, str, str, int, str]:
        return (self.subject, self.ladder, self.rung.id, self.epoch, self.occurrence.key)

    @property
    def name(self) -> RungName:
        """What it has in common with what is owed since its day was set anew."""
        return (self.subject, self.ladder, self.rung.id, self.occurrence.key)

    @property
    def strength(self) -> tuple[int, int, str]:
        return (self.rung.rank, self.rung.position, self.occurrence.key)

    def __str__(self) -> str:
        occurrence = f"@{self.occurrence.key}" if self.occurrence.key else ""
        return f"{self.subject[1]} {self.ladder}.{self.rung.id}{occurrence}"


def first_day(wording: Wording, anchor: date, calendar: Calendar) -> date:
    return calendar.shift(anchor, wording.at) if wording.at else anchor


def occurrences(
    wording: Wording, anchor: date, rules: Rules, last_settled: str, until: datetime
) -> Iterator[Occurrence]:
    """Yield a rung's occurrences up to ``until``; slots of workdays are counted from the last one settled."""
    calendar, zone = rules.calendar, rules.campaign.zone
    first = first_day(wording, anchor, calendar)
    if wording.every is None:
        yield Occurrence("", first, midnight(first, zone))
        return
    end = calendar.shift(anchor, wording.until) if wording.until else date.max
    taken: date | None = None
    for number, nominal in enumerate(_slots(wording.every, first, calendar, last_settled)):
        if nominal > end or (wording.times is not None and number >= wording.times):
            return
        day = nominal if wording.all_days else calendar.at_or_after(nominal)
        if day != taken:
            yield Occurrence(nominal.isoformat(), nominal, midnight(day, zone))
        if midnight(day, zone) > until:
            return
        taken = day


def _slots(every: Offset, first: date, calendar: Calendar, last_settled: str) -> Iterator[date]:
    """Yield nominal days. ``last_settled`` matters for workdays only, and where the calendar changed."""
    if every.span == "workdays":
        day, settled = first, date.fromisoformat(last_settled) if last_settled else None
        while True:
            if settled and day >= settled:
                day, settled = settled, None
            yield day
            day = calendar.shift(day, every)
    number = 0
    while True:
        yield calendar.shift(first, Offset(number * every.count, every.span))
        number += 1


class Counts:
    """Rates as of an instant, from what had been recorded by another."""

    def __init__(self, world: World) -> None:
        self._of_unit: dict[int | None, list[Counted]] = {None: world.counted}
        for one in world.counted:
            self._of_unit.setdefault(one.unit, []).append(one)

    def names(self, facts: Facts, day: date, rules: Rules, known: datetime) -> dict[str, Any]:
        """Return the names that other subjects move, as of the end of a day, as told by ``known``."""
        mine = [
            c for c in self._of_unit.get(facts.unit, ()) if c.effective_on <= day and c.recorded_at <= known
        ]
        total = sum(c.registered - c.dismissed for c in mine)
        closed = sum(c.closed for c in mine)
        expected = int(total * _line(rules, day))
        return {
            "total": total,
            "closed": closed,
            "unit.total": total,
            "unit.closed": closed,
            "pace": expected,
            "behind": closed < expected,
            "min_cases": rules.campaign.min_cases,
            "rate": Fraction(closed, total) if total else None,
        }


def _line(rules: Rules, day: date) -> Fraction:
    """序时进度: straight lines between the targets."""
    campaign = rules.campaign
    before, share = campaign.pace_from, Fraction(0)
    if before is None or day <= before:
        return Fraction(0)
    for on, target in sorted(campaign.targets.items()):
        if day <= on:
            return share + (target - share) * Fraction((day - before).days, (on - before).days)
        before, share = on, target
    return share


def own_names(facts: Facts, rules: Rules) -> dict[str, Any]:
    """Return the names that only the subject's own events move."""
    days = facts.days
    known: dict[str, Any] = {"open": facts.open, "unsigned": facts.open and not facts.signed}
    if facts.kind == "case":
        known |= {
            "case.state": facts.state,
            "case.no": facts.name,
            "case.due_on": days.get("due"),
            "case.assigned_on": days.get("assigned"),
            "case.returns": facts.returns,
            "case.extensions": facts.extensions,
        }
    if facts.kind == "filing":
        known |= {"filing.state": facts.state, "filing.kind": facts.name.split("/")[0]}
        known["filing.due_on"] = days.get("due")
    if facts.kind == "phase":
        first, last = rules.campaign.phases[facts.name]
        known |= {"phase.id": facts.name, "phase.from": first, "phase.to": last}
        known["phase.days"] = (last - first).days + 1
    if facts.kind == "target":
        known["target.due_on"] = days["due"]
    return known


class Judgement:
    """Whether conditions hold, for any subject and instant."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.counts = Counts(world)

    def own(self, rung: Rung, facts: Facts, rules: Rules) -> bool:
        known = own_names(facts, rules)
        return all(holds(text, known) for text in rung.wording.when if not is_moved(text))

    def moved(self, rung: Rung, facts: Facts, rules: Rules, instant: datetime) -> bool:
        """Return whether the conditions held at an instant, which is the midnight that begins its day.

        What takes effect on a day does so at its start; what was told after the midnight does not count.
        """
        texts = [text for text in rung.wording.when if is_moved(text)]
        day = instant.astimezone(rules.campaign.zone).date()
        due = facts.days.get("due")
        own = own_names(facts, rules)
        own["overdue"] = bool(facts.open and due and due < day)
        own["days_left"] = (due - day).days if due else None
        return all(holds(text, own | self.counts.names(facts, day, rules, instant)) for text in texts)

    def sayable(self, owed: Owed, state: State, at: datetime, *, surely: bool = False) -> str:
        """Return '' if what is owed may (or ``surely``: must) be said in a state, or why not (§2.7)."""
        standing = state.standings.get(owed.ladder)
        rung = state.rules.rung(owed.ladder, owed.rung.id)
        if standing is None or standing.epoch != owed.epoch:
            return "its day was set anew"
        if rung is None:
            return "the rule is gone"
        if state.is_muted(owed.occurrence.instant, owed.ladder):
            return "it is muted"
        if not self.own(rung, state.facts, state.rules):
            return f"it is {state.facts.state}"
        if not self.moved(rung, state.facts, state.rules, owed.occurrence.instant):
            return "its condition did not hold"
        if rung.approval:
            return ""
        return self._too_late(owed, rung, state, at, surely=surely)

    def brought_back(self, owed: Owed) -> Iterator[datetime]:
        """Yield when an undo made sayable again, after its release, what is owed.

        What lies before its present ``since`` (it was returned meanwhile) does not come back.
        """
        for before, after in pairwise(owed.states):
            standing = after.standings.get(owed.ladder)
            since = standing.since if standing else None
            if since is not None and owed.occurrence.instant < since:
                continue
            if after.undone and after.at > owed.release and self.sayable(owed, before, after.at):
                yield after.at

    def _too_late(self, owed: Owed, rung: Rung, state: State, at: datetime, *, surely: bool) -> str:
        zone = state.rules.campaign.zone
        anchor = state.facts.days.get(state.rules.ladders[owed.ladder].anchor)
        if anchor and owed.occurrence.nominal < anchor and at >= midnight(anchor + DAY, zone):
            return f"its anchor {anchor} has passed"
        due = state.facts.days.get("due")
        of_deadline = (
            state.rules.ladders[owed.ladder].anchor == "due" and due and owed.occurrence.nominal <= due
        )
        if (of_deadline or surely) and rung.act == "reminder" and due and at >= midnight(due + DAY, zone):
            return f"the deadline {due} has passed"
        return ""


SettledKeys = dict[tuple[str, str, int], set[str]]


class Obligations:
    """Everything owed about one subject, found stretch by stretch."""

    def __init__(
        self, judgement: Judgement, subject: SubjectName, states: list[State], end: datetime
    ) -> None:
        self.judgement, self.subject, self.states, self.end = judgement, subject, states, end
        self.settled: SettledKeys = {}
        self.found: list[Owed] = []
        self.ahead: tuple[State, ...] = ()

    def all(self) -> list[Owed]:
        following = [*(state.at for state in self.states[1:]), self.end + timedelta(days=400)]
        for number, (state, until) in enumerate(zip(self.states, following, strict=True)):
            if state.begins:
                self.ahead = tuple(self.states[number:])
                self._stretch(state, min(until, self.end), ends=until <= self.end)
        return self.found

    def _stretch(self, state: State, until: datetime, *, ends: bool) -> None:
        """Look through one stretch of time in which the subject's state is the same."""
        for ladder in state.rules.ladders.values():
            standing = state.standings.get(ladder.id)
            anchor = state.facts.days.get(ladder.anchor)
            if standing is None or anchor is None or ladder.about != state.facts.kind:
                continue
            for rung in ladder.rungs.values():
                if state.facts.at_rest and not self.judgement.own(rung, state.facts, state.rules):
                    continue  # closed cases rest
                self._rung(state, ladder, rung, standing, anchor, until, ends)

    def _rung(
        self,
        state: State,
        ladder: Ladder,
        rung: Rung,
        standing: Standing,
        anchor: date,
        until: datetime,
        ends: bool,
    ) -> None:
        done = self.settled.setdefault((ladder.id, rung.id, standing.epoch), set())
        counted_from = max(done, default="") if rung.wording.every else ""
        found = occurrences(rung.wording, anchor, state.rules, counted_from, until)
        for number, occurrence in enumerate(found):
            if occurrence.instant > until:
                break
            if occurrence.key in done or (occurrence.key and occurrence.key < max(done, default="")):
                continue
            ahead = number == 0 and self._was_ahead(state, rung, bool(done))
            if not _owes(occurrence.instant, rung, standing, ahead=ahead):
                continue
            # At the very end of a stretch, and in one without length, a look may fall before or after.
            decided = max(state.at, occurrence.instant)
            sure = not (ends and decided == until)
            self._settle(state, ladder, rung, standing, anchor, occurrence, decided, sure, done)

    def _settle(
        self,
        state: State,
        ladder: Ladder,
        rung: Rung,
        standing: Standing,
        anchor: date,
        occurrence: Occurrence,
        decided: datetime,
        sure: bool,
        done: set[str],
    ) -> None:
        zone = state.rules.campaign.zone
        if state.is_muted(occurrence.instant, ladder.id):
            if sure:
                done.add(occurrence.key)
            return
        if not self.judgement.own(rung, state.facts, state.rules):
            if occurrence.key and sure:
                done.add(occurrence.key)
            return
        if sure:
            done.add(occurrence.key)
        if not self.judgement.moved(rung, state.facts, state.rules, occurrence.instant):
            return
        if occurrence.nominal < anchor and decided >= midnight(anchor + DAY, zone):
            return  # it lapses
        bundle = state.rules.bundles[rung.bundle] if rung.bundle else None
        release = slot(bundle, occurrence.instant, decided, state.rules.hours, state.rules.calendar, zone)
        self.found.append(
            Owed(
                self.subject, ladder.id, rung, standing.epoch, occurrence, decided, release, sure, self.ahead
            )
        )

    def _was_ahead(self, state: State, rung: Rung, spoken: bool) -> bool:
        """Whether a changed rung was still to speak by its former wording when it was changed."""
        if rung.former is None or rung.since is None or spoken:
            return False
        anchor = state.facts.days.get(rung.former.anchor)
        if anchor is None:
            return False
        day = first_day(rung.former, anchor, state.rules.calendar)
        return midnight(day, state.rules.campaign.zone) >= rung.since


def _owes(instant: datetime, rung: Rung, standing: Standing, *, ahead: bool) -> bool:
    """Whether an instant lies at or after what limits it, the later of an event and an activation.

    A case entered after an edit of the rules, with an earlier date, is owed what it would have been without
    the edit. What an edit moved from ahead to behind is owed, however far behind.
    """
    by_event = standing.since is None or instant >= standing.since
    if rung.since is None or standing.given > rung.since:
        return by_event
    return ahead or (by_event and instant >= rung.since)


def all_owed(world: World, end: datetime) -> Mapping[SubjectName, list[Owed]]:
    """Return what is owed about every subject by ``end``."""
    judgement = Judgement(world)
    return {name: Obligations(judgement, name, states, end).all() for name, states in world.states.items()}
