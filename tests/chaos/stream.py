"""The seeded stream of what happens in the office: acts through the real entry points, journalled."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from daemon import acts, clock, golive, sheets
from daemon.activate import ActiveRules
from daemon.cli import wiring
from daemon.config.source import load_rules
from daemon.domain.case import OPEN, Case, Event, EventKind, State
from daemon.domain.ladder import Role, SubjectKind
from daemon.domain.workdays import midnight
from daemon.draft import documents
from daemon.errors import DubanError, RefusedError
from daemon.intake import import_sheets
from daemon.sheets import Kind, PersonRow, Sheet
from daemon.store import cases, facts, holds, mode, mutes, notices, people, subjects
from daemon.store.engine import reading, writing
from daemon.store.tables import notices as notices_table
from tests.chaos import journal as j
from tests.chaos import records

UNITS = 10
ROOT = Path(__file__).parents[2]
DIRECTORY = ROOT / "config" / "demo" / "directory.xlsx"
TEMPLATES = ROOT / "templates"
CASES_AT_HAND = 40
"""With more open cases than this the office closes rather than registers."""

EDITS: Sequence[tuple[str, str, str]] = (
    ("ladders.yaml", "remind:     {at: -3 workdays", "remind:     {at: -4 workdays"),
    ("ladders.yaml", "preview:    {at: -10 workdays", "preview:    {at: -8 workdays"),
    ("ladders.yaml", "overdue:    {at: +1 workday, ", "overdue:    {at: +2 workdays,"),
    ("ladders.yaml", "head:       {at: +3 workdays", "head:       {at: +4 workdays"),
    ("ladders.yaml", "not-signed: {at: +4 workdays", "not-signed: {at: +3 workdays"),
    (
        "ladders.yaml",
        "act: reminder, to: [unit.liaison, unit.deputy or unit.head]",
        "act: reminder, to: [unit.liaison, unit.head]",
    ),
    (
        "ladders.yaml",
        "back: {at: immediately, act: notice, to: [unit.liaison, unit.deputy or unit.head]}\n"
        "      head: {at: +5",
        "back: {at: immediately, act: notice, to: [unit.liaison]}\n      head: {at: +5",
    ),
)
"""What the office edits in its rules, there and back again."""

WEIGHTS: Sequence[tuple[str, int]] = (
    ("register", 14),
    ("assign", 16),
    ("sign", 12),
    ("progress", 3),
    ("set_due", 8),
    ("extend", 8),
    ("submit", 14),
    ("close", 10),
    ("send_back", 8),
    ("reopen", 5),
    ("move", 5),
    ("decline", 2),
    ("dismiss", 1),
    ("suspend", 2),
    ("resume", 3),
    ("undo", 5),
    ("correct", 3),
    ("filing", 10),
    ("filing_back", 3),
    ("approve", 8),
    ("done", 6),
    ("head_changes", 4),
    ("edit_rules", 3),
    ("edit_calendar", 2),
    ("mute", 4),
    ("end_mute", 2),
    ("pause", 2),
    ("go_on", 25),
    ("release_held", 25),
)


DROPPED = 0.2
"""How often what is held is dropped rather than let go."""
MUTES_MOST = 4
DAYS_MUTED = {"ladder": 1, "unit": 3, "case": 6, "person": 4}
"""For how many days at most each kind of thing is silenced, from a day of the next three on."""
OF_CASES = ("set_due", "extend", "correct", "submit", "close", "send_back", "move", "sign", "undo", "suspend")
"""What may happen to a case that a process has in hand at this moment."""


@dataclass
class Clerk:
    """Does what the office does. Every choice comes from the random numbers that it is given."""

    engine: Engine
    rules: ActiveRules
    config: Path
    write: Callable[[j.Record], None]
    done: dict[str, int] = field(default_factory=dict)
    hired: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    """What is on file otherwise than it was asked."""
    paused: tuple[datetime, datetime] | None = None
    """Since when delivery is paused, in office and in wall time."""
    _only: frozenset[int] = frozenset()

    def act_on(self, chance: random.Random, now: datetime, only: Iterable[int]) -> str:
        """Let something happen to one of these cases, if anything can; else anything."""
        self._only = frozenset(only)
        kinds = [name for name in OF_CASES for _ in range(3) if self._only]
        chance.shuffle(kinds)
        try:
            if any(self.act(chance, now, name, tries=1) for name in kinds):
                return "on case"
        finally:
            self._only = frozenset()
        return self.act(chance, now)

    def act(self, chance: random.Random, now: datetime, what: str = "", tries: int = 6) -> str:
        """Let one thing happen; return what. One that nothing can happen to, or is refused, is another."""
        for _ in range(tries):
            name = what or chance.choices([w for w, _ in WEIGHTS], [n for _, n in WEIGHTS])[0]
            what = ""
            try:
                if getattr(self, f"_{name}")(chance, now):
                    self.done[name] = self.done.get(name, 0) + 1
                    return name
            except RefusedError:
                self.refused += 1
        return ""

    # -- cases

    def _register(self, chance: random.Random, now: datetime) -> bool:
        if len(self._cases(*OPEN)) >= CASES_AT_HAND:
            return self._submit(chance, now)
        rules = self.rules()
        with reading(self.engine) as connection:
            campaign = next(iter(facts.load_campaigns(connection, rules.campaigns)))
            unit = chance.choice(people.unit_ids(connection, self._today(now)))
        number = chance.randrange(1000, 9999)
        draft = Case(0, campaign, "", unit, f"磐石样例{number}号公司", State.REPORTED, category="其他")
        day = self._today(now) - timedelta(days=chance.choice([0, 0, 0, 1, 3]))
        with self._journalled(now, {"kind": "registered", "on": day, "unit": unit, "by": "冯值班"}):
            case = acts.add_case(self.engine, rules, draft, now, on=day, by="冯值班")
        if chance.random() < 0.6:
            self._assign_one(chance, now, case)
        return True

    def _assign(self, chance: random.Random, now: datetime) -> bool:
        case = self._one(chance, State.REGISTERED, State.DECLINED)
        return case is not None and self._assign_one(chance, now, case)

    def _assign_one(self, chance: random.Random, now: datetime, case: Case) -> bool:
        due = self._day_ahead(chance, now, 2, 25) if chance.random() < 0.8 else None
        return self._happens(now, case, EventKind.ASSIGNED, due_on=due)

    def _sign(self, chance: random.Random, now: datetime) -> bool:
        case = self._one(chance, State.ASSIGNED, State.RETURNED, State.REOPENED)
        if case is None:
            return False
        with reading(self.engine) as connection:
            held = people.directory(connection, self._today(now))
            persons = people.load_all(connection)
        line = held.resolve((Role.UNIT_LIAISON, Role.UNIT_HEAD), case.unit)
        signer = chance.choice(line).person if line else None
        by = persons[signer].name if signer else "单位"
        return self._happens(now, case, EventKind.SIGNED, by=by, signer=signer)

    def _progress(self, chance: random.Random, now: datetime) -> bool:
        return self._to_one(chance, now, EventKind.PROGRESS, State.SIGNED, State.ASSIGNED)

    def _set_due(self, chance: random.Random, now: datetime) -> bool:
        case = self._one(chance, *OPEN, wanted=lambda each: each.due_on is None or chance.random() < 0.2)
        due = self._day_ahead(chance, now, 1, 20)
        return case is not None and self._happens(now, case, EventKind.DUE_SET, due_on=due)

    def _extend(self, chance: random.Random, now: datetime) -> bool:
        today = self._today(now)
        case = self._one(chance, *OPEN, wanted=lambda each: bool(each.due_on and each.due_on >= today))
        if case is None or case.due_on is None:
            return False
        due = case.due_on + timedelta(days=chance.randint(1, 20))
        return self._happens(now, case, EventKind.EXTENDED, due_on=due)

    def _submit(self, chance: random.Random, now: datetime) -> bool:
        return self._to_one(chance, now, EventKind.SUBMITTED, *OPEN)

    def _close(self, chance: random.Random, now: datetime) -> bool:
        return self._to_one(chance, now, EventKind.CLOSED, State.SUBMITTED)

    def _send_back(self, chance: random.Random, now: datetime) -> bool:
        return self._anew(chance, now, EventKind.RETURNED, State.SUBMITTED)

    def _reopen(self, chance: random.Random, now: datetime) -> bool:
        return self._anew(chance, now, EventKind.REOPENED, State.CLOSED)

    def _move(self, chance: random.Random, now: datetime) -> bool:
        case = self._one(chance, *OPEN, State.DECLINED)
        if case is None:
            return False
        with reading(self.engine) as connection:
            others = [unit for unit in people.unit_ids(connection, self._today(now)) if unit != case.unit]
        due = self._day_ahead(chance, now, 16, 40)
        return self._happens(now, case, EventKind.MOVED, due_on=due, unit=chance.choice(others))

    def _decline(self, chance: random.Random, now: datetime) -> bool:
        return self._to_one(chance, now, EventKind.DECLINED, State.ASSIGNED, State.SIGNED)

    def _dismiss(self, chance: random.Random, now: datetime) -> bool:
        case = self._one(chance, State.REGISTERED, *OPEN)
        return case is not None and self._happens(now, case, EventKind.DISMISSED, note="经核不属实")

    def _suspend(self, chance: random.Random, now: datetime) -> bool:
        return self._to_one(chance, now, EventKind.SUSPENDED, *OPEN)

    def _resume(self, chance: random.Random, now: datetime) -> bool:
        return self._anew(chance, now, EventKind.RESUMED, State.SUSPENDED)

    def _undo(self, chance: random.Random, now: datetime) -> bool:
        case = self._one(chance, *set(State) - {State.REPORTED, State.REGISTERED})
        if case is None:
            return False
        with self._journalled(now, {"case": case.no, "kind": "undone", "by": "冯值班"}):
            acts.undo(self.engine, self.rules(), case.no, "冯值班", "录错", now)
        return True

    def _correct(self, chance: random.Random, now: datetime) -> bool:
        case = self._one(chance, *OPEN, wanted=lambda each: each.due_on is not None)
        changes: dict[str, object] = {"due_on": self._day_ahead(chance, now, 0, 20)}
        return case is not None and self._happens(now, case, EventKind.CORRECTED, changes=changes)

    # -- filings

    def _filing(self, chance: random.Random, now: datetime) -> bool:
        return self._on_filing(chance, now, "submitted", ("open", "returned"))

    def _filing_back(self, chance: random.Random, now: datetime) -> bool:
        return self._on_filing(chance, now, chance.choice(["returned", "accepted"]), ("submitted",))

    def _on_filing(self, chance: random.Random, now: datetime, word: str, states: tuple[str, ...]) -> bool:
        rules = self.rules()
        with reading(self.engine) as connection:
            on_file = subjects.all_of(connection, SubjectKind.FILING)
            campaigns = facts.load_campaigns(connection, rules.campaigns)
        found = sorted((f for f in on_file if f.state in states and f.unit), key=lambda f: f.id)
        if not found:
            return False
        one = chance.choice(found)
        assert one.unit is not None
        with self._journalled(now, {"kind": word, "on": self._today(now), "by": "冯值班"}):
            acts.on_filing(
                self.engine, rules, campaigns[one.campaign].id, one.key, one.unit, word, now, by="冯值班"
            )
        return True

    # -- notices

    def _approve(self, chance: random.Random, now: datetime) -> bool:
        with reading(self.engine) as connection:
            waiting = notices.waiting(connection)
        if not waiting:
            return False
        began = clock.wall()
        rules, one = self.rules(), chance.choice(waiting)
        read = documents(self.engine, rules, one, now)
        same = acts.approve(self.engine, rules, one, "软环境办", now, read)
        self.write(j.Approved(now, tuple(same), began, clock.wall()))
        return True

    def _done(self, chance: random.Random, now: datetime) -> bool:
        n = notices_table.c
        with reading(self.engine) as connection:
            query = select(n.id).where(n.state == "manual").order_by(n.id)
            found = list(connection.execute(query).scalars())
        if not found:
            return False
        one = chance.choice(found)
        acts.done(self.engine, one, "冯值班", now)
        self.write(j.DoneByHand(now, one, clock.wall()))
        return True

    def _release_held(self, chance: random.Random, now: datetime) -> bool:
        """Let go what the gate on floods holds, all or some of it, or drop it."""
        with reading(self.engine) as connection:
            held = holds.held(connection)
        if not held:
            return False
        some = held if chance.random() < 0.5 else sorted(chance.sample(held, (len(held) + 1) // 2))
        self._on_held(some, now, drop=chance.random() < DROPPED)
        return True

    def let_all_go(self, now: datetime) -> None:
        """Let go whatever is held."""
        with reading(self.engine) as connection:
            held = holds.held(connection)
        if held:
            self._on_held(held, now, drop=False)

    def _on_held(self, numbers: Sequence[int], now: datetime, *, drop: bool) -> None:
        with reading(self.engine) as connection:
            said = records.items_of(connection, numbers)
        began = clock.wall()
        if drop:
            acts.withdraw(self.engine, numbers, "冯值班", now)
        else:
            acts.let_go(self.engine, self.rules(), "冯值班", now, numbers)
        record = j.Withdrawn if drop else j.LetGo
        self.write(record(now, tuple(numbers), said, began, clock.wall()))

    # -- people and rules

    def _head_changes(self, chance: random.Random, now: datetime) -> bool:
        """Let somebody leave a seat today, and another take it, today or some days later, or never."""
        today = self._today(now)
        sheet = sheets.read(DIRECTORY)
        mine = [row for row in chosen(sheet).people if row.role]
        leaves = chance.choice([row for row in mine if row.unit != "运维"])
        with reading(self.engine) as connection:
            person = people.person_named(connection, leaves.name)
            held = people.directory(connection, today)
        seats = held.holders([leaves.role]) if leaves.role else ()
        last = today - timedelta(days=1)
        gone = _again(leaves, until=last)
        if person is None or (seats and person.id not in {seat.person for seat in seats}):
            gone = leaves
        self.hired += 1
        starts = today + timedelta(days=chance.choice([0, 0, 0, 2, 5]))
        fresh = newcomer(leaves, self.hired, starts, chance.choice(["", "wecom", "email", "email wecom"]))
        began = clock.wall()
        rows = (gone, fresh) if chance.random() < 0.9 else (gone,)
        place = "directory.xlsx"
        import_sheets(
            self.engine, self.rules(), [Sheet(Kind.DIRECTORY, (), rows, place=place)], now, by="冯值班"
        )
        with reading(self.engine) as connection:
            self.write(j.DirectoryChanged(now, records.directory(connection), began, clock.wall()))
        return True

    def _edit_rules(self, chance: random.Random, now: datetime) -> bool:
        name, old, new = chance.choice(EDITS)
        path = self.config / name
        before = path.read_text(encoding="utf-8")
        return self._edit(path, before.replace(old, new) if old in before else before.replace(new, old), now)

    def _edit_calendar(self, chance: random.Random, now: datetime) -> bool:
        """Let a day in the next weeks be off, or a day at a weekend be worked."""
        day = self._today(now) + timedelta(days=chance.randint(1, 15))
        word = "off" if day.weekday() < 5 else "makeup"
        path = self.config / "calendar.yaml"
        entry = f"years:\n  {day.year}:\n    source: 国办发明电〔{day.year}〕样例号\n    {word}: [{day}]\n"
        return self._edit(path, entry, now)

    def _edit(self, path: Path, text: str, now: datetime) -> bool:
        before = path.read_text(encoding="utf-8")
        path.write_text(text, encoding="utf-8")
        began = clock.wall()
        try:
            source = load_rules(self.config, TEMPLATES)
            wiring.put_in_force(self.engine, source, by="软环境办")
        except DubanError:
            path.write_text(before, encoding="utf-8")
            raise
        files = records.config_files(self.config)
        self.write(j.RulesActivated(now, files, source.hash, began, clock.wall()))
        return True

    # -- silence

    def _mute(self, chance: random.Random, now: datetime) -> bool:
        kind = chance.choice(list(DAYS_MUTED))
        first = self._day_ahead(chance, now, 0, 2)
        last = first + timedelta(days=chance.randint(0, DAYS_MUTED[kind]))
        with reading(self.engine) as connection:
            many = len(mutes.listed(connection, now)) >= MUTES_MOST
            found = self._silenced(connection, kind, now)
        if many or not found:
            return False
        target, zone = chance.choice(found), self._zone
        ends = midnight(last + timedelta(days=1), zone)
        new = mutes.NewMute(target, midnight(first, zone), ends, "机构改革", "冯值班")
        began = clock.wall()
        number, _ = acts.mute(self.engine, new, now)
        with reading(self.engine) as connection:
            self.write(records.muted(connection, number, began, clock.wall()))
        return True

    def _silenced(self, connection: Connection, kind: str, now: datetime) -> list[mutes.Target]:
        """Return all that could be silenced of a kind."""
        match kind:
            case "ladder":
                return [mutes.Target(ladder=name) for name in sorted(self.rules().ladders)]
            case "unit":
                units = people.unit_ids(connection, self._today(now))
                return [mutes.Target(unit=number) for number in sorted(units)]
            case "case":
                return [mutes.Target(case=case.id) for case in self._cases(*OPEN)]
        return [mutes.Target(person=number) for number in sorted(people.load_all(connection))]

    def _end_mute(self, chance: random.Random, now: datetime) -> bool:
        with reading(self.engine) as connection:
            found = mutes.listed(connection, now)
        if not found:
            return False
        began, one = clock.wall(), chance.choice(found).id
        acts.end_mute(self.engine, one, "冯值班", "", now)
        self.write(j.Unmuted(now, one, began, clock.wall()))
        return True

    def _pause(self, _chance: random.Random, now: datetime) -> bool:
        if self.paused is None:
            with writing(self.engine) as connection:
                mode.pause(connection, now, "冯值班", "核对名单")
            self.paused = (now, clock.wall())
            return True
        return False

    def _go_on(self, _chance: random.Random, now: datetime) -> bool:
        return self.go_on(now)

    def go_on(self, now: datetime) -> bool:
        """Let delivery go on, if it is paused."""
        if self.paused is None:
            return False
        (since, wall), began = self.paused, clock.wall()
        with writing(self.engine) as connection:
            mode.resume(connection)
        self.paused = None
        self.write(j.Paused(since, now, wall, began))
        return True

    def go_live(self, now: datetime, *, catch_up: bool) -> None:
        """Let the rehearsal be over; all that is due has been done."""
        with reading(self.engine) as connection:
            anew = records.rehearsed(connection)
        began = clock.wall()
        with writing(self.engine) as connection:
            golive.go_live(connection, self.rules(), now, by="软环境办", catch_up=catch_up)
        self.done["go_live"] = 1
        self.write(j.WentLive(now, catch_up, anew, began, clock.wall()))

    # -- how

    def _anew(self, chance: random.Random, now: datetime, kind: EventKind, *states: State) -> bool:
        case = self._one(chance, *states)
        due = self._day_ahead(chance, now, 16, 40)
        return case is not None and self._happens(now, case, kind, due_on=due)

    def _to_one(self, chance: random.Random, now: datetime, kind: EventKind, *states: State) -> bool:
        case = self._one(chance, *states)
        return case is not None and self._happens(now, case, kind)

    def _happens(
        self,
        now: datetime,
        case: Case,
        kind: EventKind,
        *,
        by: str = "冯值班",
        note: str = "",
        due_on: date | None = None,
        unit: int | None = None,
        changes: dict[str, object] | None = None,
        signer: int | None = None,
    ) -> bool:
        event = Event(kind, self._today(now), by, note, due_on, unit, changes)
        asked: dict[str, object] = {"case": case.no, "kind": kind.value, "on": self._today(now), "unit": unit}
        asked |= {"by": by, "due_on": due_on or (changes or {}).get("due_on"), "signer": signer}
        with self._journalled(now, asked):
            acts.on_case(self.engine, self.rules(), case.no, event, now)
        return True

    def _journalled(self, now: datetime, asked: Mapping[str, object]) -> _Journalled:
        return _Journalled(self, {"at": now, **asked})

    def _cases(self, *states: State) -> list[Case]:
        with reading(self.engine) as connection:
            found = cases.listed(connection, states=list(states))
        return [case for case in found if not self._only or case.id in self._only]

    def _one(
        self, chance: random.Random, *states: State, wanted: Callable[[Case], bool] = lambda _: True
    ) -> Case | None:
        found = [case for case in self._cases(*states) if wanted(case)]
        return chance.choice(found) if found else None

    def _day_ahead(self, chance: random.Random, now: datetime, first: int, last: int) -> date:
        return self._today(now) + timedelta(days=chance.randint(first, last))

    def _today(self, now: datetime) -> date:
        return now.astimezone(self._zone).date()

    @property
    def _zone(self) -> tzinfo:
        return next(iter(self.rules().campaigns.values())).zone


class _Journalled:
    """One act on cases or filings: what the table of events has more afterwards is journalled.

    One of those is what was asked, to the letter; else the journal's truth would be the service's own.
    """

    def __init__(self, clerk: Clerk, asked: Mapping[str, object]) -> None:
        self._clerk, self._asked = clerk, asked

    def __enter__(self) -> None:
        with reading(self._clerk.engine) as connection:
            self._last = records.last_event(connection)
        self._began = clock.wall()

    def __exit__(self, refused: object, *_: object) -> None:
        known = clock.wall()
        with reading(self._clerk.engine) as connection:
            found = records.new_events(connection, self._last, self._began, known)
        for record in found:
            self._clerk.write(record)
        if refused is None and not any(self._is_asked(record) for record in found):
            self._clerk.wrong.append(f"asked for {self._asked}, on file is {found}")

    def _is_asked(self, record: j.Record) -> bool:
        return all(getattr(record, name, None) == value for name, value in self._asked.items())


def chosen(sheet: Sheet) -> Sheet:
    """Return the directory of a small office: some units, the office, the leading group."""
    kept = sheet.units[: UNITS - 1] + tuple(u for u in sheet.units if u.kind == "开发区")
    names = {unit.name for unit in kept}
    bodies = tuple(row for row in sheet.people if row.unit in names or row.posts is not _OF_UNITS)
    return Sheet(Kind.DIRECTORY, kept, bodies, place="directory.xlsx")


_OF_UNITS = PersonRow("", "", "", "", "").posts


def newcomer(seat: PersonRow, number: int, since: date, reach: str) -> PersonRow:
    """Return somebody new for a seat, who can always be reached by telephone."""
    mail = f"new{number}@panshi.example" if "email" in reach else ""
    account = f"new{number}" if "wecom" in reach else ""
    phone = f"139{number:08}"
    return PersonRow(
        seat.unit, f"新任{number}号", seat.title, seat.post, phone, mail, account, since=since, until=None
    )


def _again(row: PersonRow, until: date) -> PersonRow:
    return PersonRow(
        row.unit,
        row.name,
        row.title,
        row.post,
        row.phone,
        row.email,
        row.wecom,
        row.since,
        max(until, row.since or until),
    )


@dataclass(frozen=True)
class Step:
    """A moment at which the driver does something: ``n`` seeds it."""

    n: int
    at: datetime
    acts: int


def steps(seed: int, start: datetime) -> Iterator[Step]:
    """Yield moments without end, some in the night, many around the morning's release."""
    day, n = start, 0
    while True:
        chance = random.Random(f"{seed}:day:{day.date()}")
        weekend = day.weekday() >= 5
        minutes = sorted(
            {_minute(chance) for _ in range(chance.randint(0, 2) if weekend else chance.randint(3, 5))}
        )
        for minute in minutes:
            at = datetime.combine(day.date(), time(minute // 60, minute % 60), day.tzinfo)
            if at > start:
                n += 1
                yield Step(n, at, chance.choice([1, 1, 2, 2, 3, 4]))
        day += timedelta(days=1)


def _minute(chance: random.Random) -> int:
    """Return a minute of the day: between decision and release, at the release, just after, or any."""
    morning = [8 * 60 + 40, 9 * 60 + 10, 9 * 60 + 10, 9 * 60 + 11, 9 * 60 + 30]
    return chance.choice([*morning, chance.randint(7 * 60, 19 * 60), chance.randint(8 * 60 + 31, 17 * 60)])
