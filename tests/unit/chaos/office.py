"""A journal written by hand: short words for what happens in a small office, and for what arrived."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.chaos import journal as j
from tests.chaos.oracle import Violation, judge

SHANGHAI = ZoneInfo("Asia/Shanghai")
CONFIG = Path(__file__).parents[3] / "config"
TOWN, ZONE = 1, 2
HEAD, LIAISON, OTHER_HEAD, OTHER_LIAISON, LEADER, DEPUTY, DIRECTOR, NEW_HEAD = range(1, 9)
NAMES = dict(
    enumerate(
        ("head", "liaison", "other-head", "other-liaison", "leader", "deputy", "director", "new-head"), 1
    )
)
UNITS = (j.Unit(TOWN, "明城镇", "乡镇街"), j.Unit(ZONE, "经济开发区", "开发区"))
POSTS = (
    j.Post(HEAD, "unit.head", TOWN),
    j.Post(LIAISON, "unit.liaison", TOWN),
    j.Post(OTHER_HEAD, "unit.head", ZONE),
    j.Post(OTHER_LIAISON, "unit.liaison", ZONE),
    j.Post(LEADER, "group.leader"),
    j.Post(DEPUTY, "group.deputy"),
    j.Post(DIRECTOR, "office.director"),
)
RULES = """
acts:
  notice: {legs: [wecom, email]}
  assignment: {legs: [wecom]}
  reminder: {legs: [wecom]}
  urge: {legs: [wecom]}
  escalation: {legs: [email]}
  supervision_letter: {legs: [email], approval: office.director}
defaults: {bundle: morning, when: open}
ladders:
"""
DUE = """
  case-due:
    about: case
    from: due
    rungs:
      remind:  {at: -3 workdays, act: reminder, to: [unit.liaison]}
      overdue: {at: +1 workday, act: urge, to: [unit.liaison]}
      head:    {at: +3 workdays, act: urge, to: [unit.head]}
"""
"""A case due on Friday 2018-08-31 is reminded of on 08-28, urged on 09-03 and 09-05."""


def at(words: str) -> datetime:
    """Return a moment of local time: ``2018-12-27 09:10``, or the midnight that begins ``2018-12-27``."""
    return datetime.fromisoformat(words).replace(tzinfo=SHANGHAI)


def on(words: str) -> date:
    return date.fromisoformat(words)


@lru_cache
def shipped() -> Mapping[str, str]:
    campaign = (CONFIG / "campaigns" / "panshi-2018.yaml").read_text(encoding="utf-8")
    campaign = campaign.split("filings:")[0] + "targets: {}\n"
    channels = (CONFIG / "channels.yaml").read_text(encoding="utf-8")
    return {"campaigns/panshi-2018.yaml": campaign, "channels.yaml": channels}


def config(ladders: str = DUE, calendar: str = "years: {}", budgets: str = "{}") -> dict[str, str]:
    files = {**shipped(), "ladders.yaml": RULES + ladders, "calendar.yaml": calendar}
    channels, _, _ = files["channels.yaml"].partition("\nbudgets:")
    return {**files, "channels.yaml": f"{channels}\nbudgets: {budgets}\n"}


def directory(*posts: j.Post) -> j.Directory:
    people = tuple(j.Person(n, name, f"s{n}", f"e{n}", f"w{n}") for n, name in NAMES.items())
    return j.Directory(UNITS, people, posts or POSTS)


class Office:
    """What happened, act by act, and what arrived. ``start`` is a midnight."""

    def __init__(
        self,
        ladders: str = DUE,
        *,
        start: str = "2018-08-01",
        end: str = "2018-10-01",
        seats: tuple[j.Post, ...] = POSTS,
        calendar: str = "years: {}",
        budgets: str = "{}",
    ) -> None:
        self.end = at(end)
        files = config(ladders, calendar, budgets)
        self.records: list[j.Record] = [j.Began(at(start), files, directory(*seats))]
        self.rows: list[j.Record] = []
        self.tally = True

    def happen(self, no: str, kind: str, when: str, **more: Any) -> Office:
        """Let something happen to a case; ``due`` and ``day`` are days."""
        due, day = more.pop("due", None), more.pop("day", None)
        moment = at(when)
        event = j.CaseEvent(
            moment, no, kind, on(day) if day else moment.date(), due_on=on(due) if due else None, **more
        )
        self.records.append(event)
        return self

    def case(self, no: str = "A-1", *, due: str | None = "2018-08-31", when: str = "2018-08-20") -> Office:
        self.happen(no, "registered", when, unit=TOWN)
        return self.happen(no, "assigned", when, due=due, together=True)

    def close(self, no: str, when: str) -> Office:
        return self.happen(no, "submitted", when).happen(no, "closed", when)

    def seat(self, when: str, *posts: j.Post) -> Office:
        self.records.append(j.DirectoryChanged(at(when), directory(*posts)))
        return self

    def obey(self, when: str, ladders: str = DUE, calendar: str = "years: {}") -> Office:
        self.records.append(j.RulesActivated(at(when), config(ladders, calendar)))
        return self

    def mute(self, when: str, first: str, last: str, **what: Any) -> Office:
        """Silence a ladder, unit, case or person from a day to a day, both included."""
        until = at(last) + timedelta(days=1)
        self.records.append(j.Muted(at(when), 1, at(first), until, **what))
        return self

    def end_mute(self, when: str) -> Office:
        self.records.append(j.Unmuted(at(when), 1))
        return self

    def pause(self, when: str, until: str) -> Office:
        """Pause delivery, in a world whose wall clock shows office time."""
        self.records.append(j.Paused(at(when), at(until), at(when), at(until)))
        return self

    def fault(self, kind: str, when: str, until: str = "", **more: Any) -> Office:
        self.records.append(j.Fault(at(when), at(until or when), kind, **more))
        return self

    def said(self, step: str, person: int, when: str, **more: Any) -> Office:
        """Let ``case-due.remind`` about A-1 arrive, with the rows that go with it."""
        no, channel = more.pop("no", "A-1"), more.pop("channel", "wecom")
        ladder, rung = step.split(".")
        rung, _, occurrence = rung.partition("@")
        decided = more.pop("decided", when[:10])
        version, part = more.pop("version", 1), more.pop("part", "to")
        known = [
            r
            for r in self.rows
            if isinstance(r, j.Decided)
            and (r.subject, r.ladder, r.rung, r.occurrence, r.anchor_version)
            == (no, ladder, rung, occurrence, version)
        ]
        number = len(self.rows) + 1
        if known:
            row = known[0]
        else:
            moment = at(decided)
            row = j.Decided(
                number, "case", no, ladder, rung, occurrence, version, "said", moment, moment, at(when)
            )
            self.rows.append(row)
        mine = [i for i in self.rows if isinstance(i, j.Item) and (i.decision, i.person) == (row.id, person)]
        item = mine[0] if mine else j.Item(number, row.id, person, "", part, "said", notice=number)
        if not mine:
            self.rows.append(item)
        address = f"{channel[0]}{person}"
        self.records.append(j.Arrival(at(when), channel, address, (item.id,), notice=item.notice, **more))
        return self

    def journal(self) -> j.Journal:
        tally = _tally(self.records) if self.tally else ()
        return j.journal([*self.records, j.Ended(self.end), *self.rows, *tally])

    def judged(self) -> list[Violation]:
        return judge(self.journal())

    def wrong(self) -> list[str]:
        """Return the kinds of what is wrong, apart from what is missing."""
        return [v.kind for v in self.judged() if v.kind != "lost"]

    def must(self) -> list[str]:
        """Return what must arrive and did not: ``08-28 remind liaison``."""
        found = []
        for violation in self.judged():
            if violation.kind == "lost":
                assert violation.at
                what, _, rest = violation.words.partition(" for person ")
                day = violation.at.astimezone(SHANGHAI) - timedelta(minutes=25)
                found.append(f"{day:%m-%d} {what.split('.')[-1]} {NAMES[int(rest.split()[0])]}")
        return found


def _tally(records: list[j.Record]) -> tuple[j.Tallied, ...]:
    """Count as a clerk would who is given the events of these tests: one day each, no undo."""
    state: dict[str, tuple[int, str]] = {}
    rows: dict[tuple[int, date, date], list[int]] = {}
    for e in records:
        if not isinstance(e, j.CaseEvent) or e.kind == "undone":
            continue
        old = state.get(e.case)
        new = (e.unit or (old[0] if old else 0), e.kind)
        state[e.case] = new
        for one, sign in ((old, -1), (new, 1)):
            if one:
                midnight_after = e.at + timedelta(days=1, microseconds=-1)
                known = midnight_after.astimezone(SHANGHAI).date()
                row = rows.setdefault((one[0], e.on, known), [0, 0, 0])
                row[0] += sign
                row[1] += sign * (one[1] == "dismissed")
                row[2] += sign * (one[1] == "closed")
    return tuple(j.Tallied(*key, *row) for key, row in rows.items())
