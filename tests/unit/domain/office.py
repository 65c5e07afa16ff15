"""An office in memory: it looks when it is time to, keeps what was settled, and does it by the real domain.

Short words build rungs, ladders and calendars, so that tests read like the regulation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache, partial
from zoneinfo import ZoneInfo

from chinese_calendar.constants import holidays, workdays
from hypothesis import settings

from daemon.domain.ladder import (
    Act,
    Condition,
    Every,
    Ladder,
    Names,
    Role,
    Rung,
    Subject,
    SubjectKind,
    Wording,
)
from daemon.domain.mute import Mute
from daemon.domain.plan import Facts, Outcome, Plan, Rest, Settled, Standing, plan
from daemon.domain.standing import Move, moved
from daemon.domain.workdays import (
    SATURDAY,
    Offset,
    Span,
    WorkdayCalendar,
    build_calendar,
    local_day,
    midnight,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
YEARS = range(2017, 2022)
"""The years that the tests' calendar knows."""
CASE = Subject(SubjectKind.CASE, 1)
OPEN = Condition("open", lambda names: bool(names["open"]))
UNSIGNED = Condition("unsigned", lambda names: bool(names["unsigned"]))
BEHIND = Condition("behind", lambda names: bool(names["behind"]), moved=True)
thorough = settings(derandomize=True, deadline=None, max_examples=200)


def on(text: str) -> date:
    return date.fromisoformat(text)


def at(text: str) -> datetime:
    """Return a moment of local time: ``2018-12-27 09:10``, or the midnight that begins ``2018-12-27``."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def offset(text: str) -> Offset | None:
    """Return ``-3 workdays`` as an offset, ``immediately`` as none."""
    if text == "immediately":
        return None
    count, span = text.split()
    return Offset(int(count), Span(span.rstrip("s") + "s"))


def every(text: str, cron: Callable[[date], date] | None = None) -> Every:
    return Every(text, cron=cron) if cron else Every(text, step=offset(text))


def wording(
    when_at: str,
    *,
    repeat: str | Every | None = None,
    when: Iterable[Condition] = (OPEN,),
    until: str | None = None,
    times: int | None = None,
    all_days: bool = False,
    anchor: str = "due",
) -> Wording:
    repeated = every(repeat) if isinstance(repeat, str) else repeat
    ends = offset(until) if until else None
    return Wording(anchor, offset(when_at), tuple(when), repeated, ends, times, all_days)


def rung(rung_id: str, words: Wording | str, act: Act = Act.REMINDER, **more: object) -> Rung:
    spoken = wording(words) if isinstance(words, str) else words
    return Rung(rung_id, spoken, act, to=((Role.UNIT_LIAISON,),), **more)  # type: ignore[arg-type]


def ladder(*rungs: Rung, ladder_id: str = "case-due") -> Ladder:
    return Ladder(ladder_id, SubjectKind.CASE, rungs[0].wording.anchor, rungs)


@lru_cache
def published(*, off: Collection[date] = (), makeup: Collection[date] = ()) -> WorkdayCalendar:
    """Return the calendar as published in the end, with some days declared otherwise."""
    days_off = (set(holidays) - set(makeup)) | set(off)
    worked = (set(workdays) - set(off)) | set(makeup)
    return build_calendar(
        off={day for day in days_off if day.year in YEARS and day.weekday() < SATURDAY},
        makeup={day for day in worked if day.year in YEARS and day.weekday() >= SATURDAY},
        known=YEARS,
    )


def days(*texts: str) -> frozenset[date]:
    return frozenset(map(on, texts))


@dataclass(frozen=True)
class Key:
    """What is settled once."""

    ladder: str
    rung: str
    version: int
    occurrence: str


@dataclass(frozen=True)
class Done:
    """How it was settled, and at which look."""

    outcome: Outcome
    instant: datetime
    looked_at: datetime


@dataclass(frozen=True)
class Snapshot:
    """What a scanner has read, and the plan it made of it."""

    version: int
    plans: Mapping[str, Plan]
    now: datetime


Step = tuple[datetime, Callable[["Office"], None]]


class Office:
    """One subject on its ladders: standings, settled rows, and the next look of each ladder."""

    def __init__(
        self,
        *ladders: Ladder,
        calendar: WorkdayCalendar | None = None,
        behind_on: Collection[date] = (),
        unsigned: bool = True,
        start: datetime | None = None,
        **anchors: date | None,
    ) -> None:
        self.ladders = {one.id: one for one in ladders}
        self.calendar = calendar or published()
        self.anchors: dict[str, date | None] = anchors
        self.own: dict[str, object] = {"open": True, "unsigned": unsigned}
        self.at_rest = False
        self.mutes: list[Mute] = []
        self.behind_on = behind_on
        self.standings = dict.fromkeys(self.ladders, Standing(1, None))
        self.settled: dict[Key, Done] = {}
        self.version = 0
        self.now = start or at("2018-01-01")
        self.next_at: dict[str, datetime | None] = dict.fromkeys(self.ladders, self.now)
        self.resting: dict[str, frozenset[str]] = dict.fromkeys(self.ladders, frozenset())
        self._versions_given = 1
        self._past: list[tuple[dict[str, date | None], dict[str, object], dict[str, Standing]]] = []

    # -- looking

    def facts(self) -> Facts:
        names = partial(_as_of, self.own, self.behind_on)
        anchors, own = dict(self.anchors), dict(self.own)
        standings, mutes = dict(self.standings), tuple(self.mutes)
        return Facts(CASE, SHANGHAI, anchors, own, names, standings, self.at_rest, mutes)

    def settled_of(self, ladder_id: str) -> Settled:
        version = self.standings[ladder_id].anchor_version
        return frozenset(
            (k.rung, k.occurrence) for k in self.settled if (k.ladder, k.version) == (ladder_id, version)
        )

    def read(self, now: datetime) -> Snapshot:
        facts = self.facts()
        plans = {
            name: plan(facts, one, self.calendar, self.settled_of(name), now, self._rest(name))
            for name, one in self.ladders.items()
        }
        return Snapshot(self.version, plans, now)

    def _rest(self, ladder_id: str) -> Rest:
        return Rest(self.resting[ladder_id], self.next_at[ladder_id])

    def store(self, seen: Snapshot) -> bool:
        """Store a plan unless something changed since it was read; what is settled twice is an error."""
        if seen.version != self.version:
            return False
        self.version += 1
        for name, made in seen.plans.items():
            assert made.next_at is None or made.next_at > seen.now, "a look must not ask for itself again"
            self.next_at[name], self.resting[name] = made.next_at, made.resting
            for one in made.settlements:
                key = Key(name, one.rung, self.standings[name].anchor_version, one.occurrence)
                assert key not in self.settled, f"settled twice: {key}"
                self.settled[key] = Done(one.outcome, one.instant, seen.now)
        return True

    def look(self, now: datetime) -> None:
        assert self.store(self.read(now))

    def run(self, until: datetime) -> Office:
        """Look at each moment that is due, up to and with ``until``."""
        while (due := min(filter(None, self.next_at.values()), default=None)) and due <= until:
            self.now = max(self.now, due)
            self.look(self.now)
        self.now = max(self.now, until)
        return self

    def play(self, script: Iterable[Step], until: datetime, looks: Iterable[datetime] = ()) -> Office:
        """Let things happen in order, looking whenever it is due, and at further moments besides."""
        extra = [(moment, Office.touch) for moment in looks]
        for moment, happens in sorted([*script, *extra], key=lambda step: step[0]):
            self.run(moment)
            happens(self)
        return self.run(until)

    # -- what happens

    def touch(self) -> None:
        self.look(self.now)

    def happen(self, move: Move = Move.LOOKED, **anchors: date | None) -> None:
        """An event: it moves the standings, and the subject is looked at."""
        self._past.append((dict(self.anchors), dict(self.own), dict(self.standings)))
        after = {**self.anchors, **anchors}
        for name, one in self.ladders.items():
            before, then = self.anchors.get(one.anchor), after.get(one.anchor)
            self.standings[name] = self._numbered(
                self.standings[name], moved(self.standings[name], move, before, then, self.now, SHANGHAI)
            )
        self.anchors = after
        self._awake(self._past[-1][2])
        self._changed()

    def _numbered(self, before: Standing, after: Standing) -> Standing:
        """Give a new anchor version a number that none had before, not even one that was undone."""
        if after.anchor_version == before.anchor_version:
            return after
        self._versions_given += 1
        return replace(after, anchor_version=self._versions_given)

    def _awake(self, before: Mapping[str, Standing]) -> None:
        """Under a new anchor version nothing rests yet."""
        for name, one in self.standings.items():
            if one.anchor_version != before[name].anchor_version:
                self.resting[name] = frozenset()

    def become(self, **own: object) -> None:
        """Its own facts change, and no ladder's anchor."""
        self.happen()
        self.own |= own

    @property
    def can_undo(self) -> bool:
        return bool(self._past)

    def undo(self) -> None:
        before = dict(self.standings)
        self.anchors, self.own, self.standings = self._past.pop()
        self._awake(before)
        self._changed()

    def publish(self, calendar: WorkdayCalendar) -> None:
        self.calendar = calendar
        self._changed()

    def activate(self, *ladders: Ladder) -> None:
        """Swap in rules whose changed rungs speak from now on and carry their former wording."""
        self.run(self.now)
        self.ladders |= {new.id: since_now(self.ladders[new.id], new, self.now) for new in ladders}
        self._changed()

    def mute(self, since: date, until: date, ladder_id: str | None = None) -> None:
        """Be silent from one day to another, both included; from today at the earliest."""
        begins = max(start_of(since), start_of(local_day(self.now, SHANGHAI)))
        ends = start_of(until + timedelta(days=1))
        self.mutes.append(Mute(len(self.mutes) + 1, begins, ends, ladder_id))
        self._changed()

    def end_mutes(self) -> None:
        """Let everybody be told again from now on."""
        self.mutes = [mute if mute.ended else replace(mute, ended=self.now) for mute in self.mutes]
        self._changed()

    def _changed(self) -> None:
        self.version += 1
        dues = {name: self.next_at.get(name) or self.now for name in self.ladders}
        self.next_at = {name: min(due, self.now) for name, due in dues.items()}

    # -- what came of it

    @property
    def outcomes(self) -> dict[Key, tuple[Outcome, datetime]]:
        return {key: (done.outcome, done.instant) for key, done in self.settled.items()}

    def told(self) -> list[tuple[str, str]]:
        """Return what was said: the day of the look, and the rung."""
        said = [(d.looked_at, k.rung) for k, d in self.settled.items() if d.outcome is Outcome.SAID]
        return [(local_day(moment, SHANGHAI).isoformat(), rung_id) for moment, rung_id in sorted(said)]


def _as_of(own: Names, behind_on: Collection[date], instant: datetime) -> Names:
    return {**own, "behind": local_day(instant, SHANGHAI) in behind_on}


def since_now(old: Ladder, new: Ladder, now: datetime) -> Ladder:
    """Return ``new`` as an activation at ``now`` compiles it, in the place of ``old``."""
    return replace(new, rungs=tuple(_carried(_past(old, one), one, now) for one in new.rungs))


def _past(old: Ladder, new: Rung) -> Rung | None:
    return next((found for name in (new.id, *new.was) if (found := old.rung(name))), None)


def _carried(old: Rung | None, new: Rung, now: datetime) -> Rung:
    if old is None:
        return replace(new, since=now, former=None)
    if old.wording == new.wording:
        return replace(new, since=old.since, former=old.former)
    return replace(new, since=now, former=old.wording)


def day_of(words: Wording, anchor: date, calendar: WorkdayCalendar | None = None) -> date:
    """Return the day of a wording's ``at``."""
    return (calendar or published()).apply(words.at, anchor) if words.at else anchor


def start_of(day: date) -> datetime:
    return midnight(day, SHANGHAI)
