"""A small office on a real database, told the time by its tests.

It acts through the gates that people use, ticks as the service does, and keeps what left on a wire that
answers as it is told to. Short words, so that a test reads like the regulation::

    office.obey(DUE)
    office.case("A-1", due="2018-08-31")
    office.tick("2018-08-28 09:10")
    assert office.sent() == ["钱联络 wecom: A-1 remind"]
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, Row, insert, select, text, update

from daemon import acts, clock
from daemon.activate import Activated, ActiveRules, activate
from daemon.channels import Message, Receipt
from daemon.config.compiled import RuleSet
from daemon.config.source import RuleSource, load_rules
from daemon.deliver import Deliverer
from daemon.domain.case import Case, Event, EventKind, State
from daemon.domain.ladder import Ladder, Subject, SubjectKind
from daemon.intake import Imported, import_sheets
from daemon.loop import Ticked, next_instant, tick
from daemon.release import release
from daemon.scan import scan
from daemon.sheets import Kind, PersonRow, Sheet, UnitRow
from daemon.store import agenda, cases, decisions, facts, mode, people, registry, tables
from daemon.store.agenda import AgendaRow
from daemon.store.engine import reading, writing
from tests.servers import PATIENCE

SHANGHAI = ZoneInfo("Asia/Shanghai")
ROOT = Path(__file__).parents[2]
DEMO = ROOT / "config" / "demo"
CAMPAIGN = "panshi-2018"
TOWN, ZONE = "明城镇", "经济开发区"

ACTS = """
acts:
  notice:             {legs: [wecom, email]}
  reminder:           {legs: [wecom, sms+email]}
  early_warning:      {legs: [wecom, email]}
  urge:               {legs: [wecom, email]}
  assignment:         {legs: [sms+email, wecom]}
  supervision_letter: {legs: [email+wecom], approval: office.director}
  escalation:         {legs: [email]}
  brief:              {legs: [email]}
defaults: {bundle: morning, when: open}
ladders:
"""

CHANNELS = """
channels:
  email: {provider: spool}
  sms:   {provider: spool}
  wecom: {provider: spool}
window: {days: workdays, from: "08:30", to: "17:30"}
bundles:
  morning: {days: workdays, at: "09:10"}
  brief:   {every: week, on: monday, at: "09:30"}
flood: {group: [brief, morning]}
"""
"""As shipped, but for the providers: what leaves is kept on a wire of our own."""

DUE = """
  case-due:
    about: case
    from: due
    rungs:
      remind:  {at: -3 workdays, act: reminder, to: [unit.liaison]}
      overdue: {at: +1 workday, act: urge, to: [unit.liaison]}
      head:    {at: +3 workdays, act: urge, to: [unit.head]}
"""
"""The plainest ladder: a case due on Friday 2018-08-31 is reminded of on 08-28, urged on 09-03 and 09-05."""

PEOPLE = (
    (TOWN, "主要领导", "赵书记"),
    (TOWN, "分管领导", "钱副镇长"),
    (TOWN, "联络员", "孙联络"),
    (ZONE, "主要领导", "李主任"),
    (ZONE, "联络员", "周联络"),
    ("领导小组", "组长", "吴组长"),
    ("领导小组", "副组长", "郑副组长"),
    ("领导小组办公室", "主任", "王主任"),
    ("领导小组办公室", "值班员", "冯值班"),
)
ADDRESSES = ("phone", "email", "wecom")


def at(words: str) -> datetime:
    """Return a moment of local time: ``2018-12-27 09:10``, or the midnight that begins ``2018-12-27``."""
    return datetime.fromisoformat(words).replace(tzinfo=SHANGHAI)


@contextmanager
def meanwhile(act: Callable[[], object]) -> Iterator[Callable[[], object]]:
    """Yield what begins an act beside us, and lets it get as far as it can; in the end it is done."""
    begun: list[Future[object]] = []

    def begin() -> None:
        begun.append(pool.submit(act))
        wait(begun, 0.5)

    with ThreadPoolExecutor(1) as pool:
        yield begin
        assert begun, "it began"
        for each in begun:
            each.result(PATIENCE)


def on(words: str) -> date:
    return date.fromisoformat(words)


@lru_cache(maxsize=64)
def rules(ladders: str, changes: tuple[tuple[str, str, str], ...] = ()) -> RuleSource:
    """Return the shipped rules with other ladders and channels; ``changes`` are (file, old words, new words).

    With no old words the file is a new one.
    """
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config"
        shutil.copytree(ROOT / "config", config, ignore=shutil.ignore_patterns("demo", "schema", "systemd"))
        (config / "ladders.yaml").write_text(ACTS + ladders, encoding="utf-8")
        (config / "channels.yaml").write_text(CHANNELS, encoding="utf-8")
        for place, old, new in changes:
            if not old:
                (config / place).parent.mkdir(parents=True, exist_ok=True)
                (config / place).write_text(new, encoding="utf-8")
                continue
            before = (config / place).read_text(encoding="utf-8")
            assert old in before, f"{place} does not say {old!r}"
            (config / place).write_text(before.replace(old, new), encoding="utf-8")
        return load_rules(config, ROOT / "templates")


Answer = Exception | Callable[[Message], object]


@dataclass(frozen=True, slots=True)
class Handed:
    """One message that a provider was given."""

    channel: str
    message: Message


@dataclass
class Wire:
    """Every channel at once. It takes what it is given, unless the next answer on a channel is another.

    An answer is an exception to raise, or something to do first (the world moves while a provider is busy).
    ``tried`` is all that was given to it, ``taken`` what it took.
    """

    tried: list[Handed] = field(default_factory=list)
    taken: list[Handed] = field(default_factory=list)
    _answers: dict[str, deque[Answer]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answers(self, channel: str, *answers: Answer) -> None:
        self._answers.setdefault(channel, deque()).extend(answers)

    def forget(self) -> None:
        """Take everything from now on."""
        self._answers.clear()

    def channels(self, rule_set: RuleSet) -> Mapping[str, Callable[[], Plug]]:
        return {name: partial(Plug, self, name) for name in rule_set.channels}

    def take(self, channel: str, message: Message) -> Receipt:
        with self._lock:
            self.tried.append(Handed(channel, message))
            waiting = self._answers.get(channel)
            answer = waiting.popleft() if waiting else None
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            answer(message)
        with self._lock:
            self.taken.append(Handed(channel, message))
        return Receipt(f"{channel}:{message.key}")


@dataclass(frozen=True)
class Plug:
    """A worker's own end of the wire."""

    wire: Wire
    name: str

    def send(self, message: Message) -> Receipt:
        return self.wire.take(self.name, message)

    def close(self) -> None:
        """Nothing is kept open."""


class Office:
    BEGINNING = at("2018-08-16 08:00")

    def __init__(self, engine: Engine, shared_clock: Path) -> None:
        self.engine, self._clock = engine, shared_clock
        self.now = self.BEGINNING
        with writing(engine) as connection:
            mode.go_live(connection, self.now)
        self.wire = Wire()
        self.pauses: list[float] = []
        self.rules = ActiveRules(engine)
        self.deliverer = Deliverer(engine, self.rules, self.wire.channels, self.pauses.append)

    # -- time

    def at(self, words: str) -> Office:
        """Let it be that time; nothing happens by itself."""
        self.now = at(words)
        clock.jump(self._clock, self.now)
        return self

    def at_wall(self, words: str) -> Office:
        """Let it be that time in a test of the real clock: nothing is shared with other processes."""
        self.now = at(words)
        return self

    def later(self, **span: float) -> Office:
        """Let some time pass (``minutes=5``); nothing happens by itself."""
        self.now += timedelta(**span)
        clock.jump(self._clock, self.now)
        return self

    @property
    def today(self) -> date:
        return self.now.astimezone(SHANGHAI).date()

    def wall_time_passes(self, span: timedelta = timedelta(hours=1)) -> None:
        """Let leases, hints and notes of batches grow old: those who made them have not been heard of."""
        d, b = tables.deliveries, tables.batches
        with writing(self.engine) as connection:
            for table, names in ((d, ("lease_until", "hinted_at")), (b, ("noted_at",))):
                for row in connection.execute(select(table)).mappings().all():
                    aged = {name: row[name] - span for name in names if row[name]}
                    if aged:
                        connection.execute(update(table).where(table.c.id == row["id"]).values(**aged))

    # -- rules and people

    def obey(self, ladders: str = DUE, *changes: tuple[str, str, str]) -> Activated:
        """Put rules in force; the first time, the people take their posts too."""
        activated = activate(self.engine, rules(ladders, changes), self.now, by="测试")
        if not self.units:
            self.bring(*(hired(*each) for each in PEOPLE))
        return activated

    def bring(self, *persons: PersonRow) -> Imported:
        """Import a directory."""
        units = (UnitRow(TOWN, "乡镇街", "明城"), UnitRow(ZONE, "开发区", "开发区"))
        sheet = Sheet(Kind.DIRECTORY, units, persons, place="directory.xlsx")
        return import_sheets(self.engine, self.rules(), [sheet], self.now)

    def hire(self, unit: str, post: str, name: str, **words: Any) -> None:
        """Let somebody take a post, from a day or for ever; ``reach=`` names the addresses he has."""
        self.bring(hired(unit, post, name, **words))

    def leave(self, name: str, last_day: str) -> None:
        """Let somebody give up all posts; the last day is included."""
        p = tables.posts
        with writing(self.engine) as connection:
            person = people.person_named(connection, name)
            assert person
            connection.execute(update(p).where(p.c.person_id == person.id).values(until=on(last_day)))

    def stands_in(self, stand_in: str, person: str, since: str, until: str) -> None:
        with writing(self.engine) as connection:
            who, whom = people.person_named(connection, stand_in), people.person_named(connection, person)
            assert who
            assert whom
            values = {"person_id": whom.id, "stand_in_id": who.id, "since": on(since), "until": on(until)}
            connection.execute(insert(tables.acting).values(**values))

    @property
    def units(self) -> dict[str, int]:
        with reading(self.engine) as connection:
            return registry.units_by_name(connection)

    # -- what happens to cases and filings

    def case(self, no: str, unit: str = TOWN, *, due: str | None = None, assigned: str = "") -> Case:
        """Register a case and assign it, today or on a day."""
        rule_set = self.rules()
        day = on(assigned) if assigned else self.today
        with reading(self.engine) as connection:
            campaign = next(iter(facts.load_campaigns(connection, rule_set.campaigns)))
        draft = Case(0, campaign, no, self.units[unit], f"{no}公司", State.REPORTED, amount=Decimal(100))
        added = acts.add_case(self.engine, rule_set, draft, self.now, on=day)
        return self.happen(added.no, EventKind.ASSIGNED, day=day, due=due)

    def happen(
        self, no: str, kind: EventKind, *, day: date | None = None, due: str | None = None, **words: Any
    ) -> Case:
        event = Event(kind, day or self.today, due_on=on(due) if due else None, **words)
        return acts.on_case(self.engine, self.rules(), no, event, self.now)

    def close(self, no: str, day: str = "") -> Case:
        """Let the unit report a case done and the office verify it."""
        that_day = on(day) if day else self.today
        self.happen(no, EventKind.SUBMITTED, day=that_day)
        return self.happen(no, EventKind.CLOSED, day=that_day)

    def sign(self, no: str, by: str) -> Case:
        return self.happen(no, EventKind.SIGNED, by=by)

    def extend(self, no: str, due: str) -> Case:
        return self.happen(no, EventKind.EXTENDED, due=due)

    def undo(self, no: str) -> Case:
        return acts.undo(self.engine, self.rules(), no, "王主任", "误操作", self.now)

    def file(self, key: str, action: str = "submitted", unit: str = TOWN, **words: Any) -> None:
        number = self.units[unit]
        acts.on_filing(self.engine, self.rules(), CAMPAIGN, key, number, action, self.now, **words)

    def look_up(self, no: str) -> Case:
        with reading(self.engine) as connection:
            case = cases.by_no(connection, no)
        assert case
        return case

    def subject(self, no: str) -> Subject:
        return Subject(SubjectKind.CASE, self.look_up(no).id)

    # -- the pipeline

    def scan(self, words: str = "") -> int:
        """Look at all that is due."""
        return scan(self._moved(words).engine, self.rules(), self.now)

    def release(self, words: str = "") -> int:
        return release(self._moved(words).engine, self.rules(), self.now)

    def prepare(self, words: str = "") -> Office:
        """Scan and release; deliver nothing."""
        self.scan(words)
        self.release()
        return self

    def deliver(self, words: str = "") -> int:
        """Let the workers deliver what is ready; return how many messages were handed over."""
        self._moved(words)
        return sum(self.deliver_on(channel) for channel in sorted(self.rules().channels))

    def deliver_on(self, channel: str, ids: Sequence[int] = ()) -> int:
        ids = ids or self.ready(channel)
        return self.deliverer.deliver(channel, ids, self.now) if ids else 0

    def tick(self, words: str = "") -> Ticked:
        """Do all that is due, with the worker's code called on the spot."""
        self._moved(words)
        ticked = tick(self.engine, self.rules, self._hint, self.now)
        while (again := tick(self.engine, self.rules, self._hint, self.now)) and not again.idle:
            pass
        return ticked

    def run(self, until: str) -> Office:
        """Let time pass, from one instant at which something is due to the next."""
        end = at(until)
        while True:
            with reading(self.engine) as connection:
                following = next_instant(connection, self.rules(), self.now)
            if following is None or following > end:
                return self.at(until)
            self.now = max(following, self.now)
            self.tick()

    def _moved(self, words: str) -> Office:
        return self.at(words) if words else self

    def _hint(self, channel: str, ids: Sequence[int]) -> None:
        self.deliverer.deliver(channel, ids, self.now)

    # -- what came of it

    def agenda(self, no: str) -> dict[str, AgendaRow]:
        """Return where a case stands, by ladder."""
        with reading(self.engine) as connection:
            return {row.ladder: row for row in agenda.of_subject(connection, self.subject(no))}

    def due(self) -> list[AgendaRow]:
        with reading(self.engine) as connection:
            return agenda.due(connection, self.now, 1000)

    def decided(self, no: str = "") -> list[str]:
        """Return what was settled, like ``A-1 remind said``, in the order of the instants."""
        names = self._names()
        with reading(self.engine) as connection:
            d = tables.decisions
            rows = connection.execute(select(d).order_by(d.c.instant, d.c.id)).all()
        found = [(names.get((r.subject_kind, r.subject_id), r.subject_kind), r) for r in rows]
        return [f"{name} {_step(r)} {r.outcome}" for name, r in found if not no or name == no]

    def sent(self) -> list[str]:
        """Return what the providers took: ``孙联络 wecom: A-1 remind``; a repeat is marked with ``!``."""
        return [self._words(handed) for handed in self.wire.taken]

    def tried(self) -> list[str]:
        """Return what the providers were given, taken or not."""
        return [self._words(handed) for handed in self.wire.tried]

    def news(self) -> list[str]:
        """Return what the providers took since this was last asked, in the order of the words."""
        told = sorted(self.sent())
        self.wire.taken.clear()
        return told

    def _words(self, handed: Handed) -> str:
        says = self._items(handed.message.items)
        mark = "!" if handed.message.repeat else ""
        return f"{handed.message.name} {handed.channel}{mark}: {', '.join(says) or 'note'}"

    def _items(self, ids: Sequence[int]) -> list[str]:
        i, d, names = tables.items, tables.decisions, self._names()
        query = select(d, i.c.id.label("item")).join_from(i, d).where(i.c.id.in_(ids))
        with reading(self.engine) as connection:
            rows = {row.item: row for row in connection.execute(query)}
        return [f"{names[r.subject_kind, r.subject_id]} {_step(r)}" for r in (rows[n] for n in ids)]

    def _names(self) -> dict[tuple[str, int], str]:
        c, s = tables.cases.c, tables.subjects.c
        with reading(self.engine) as connection:
            named = {("case", number): no for number, no in connection.execute(select(c.id, c.no))}
            for kind, number, key in connection.execute(select(s.kind, s.id, s.key)):
                named[kind, number] = key
        return named

    def items(self) -> list[str]:
        """Return every item: who, what, how it stands and why: ``孙联络 A-1 remind dropped lapsed``."""
        i, p, d, names = tables.items, tables.persons, tables.decisions, self._names()
        query = (
            select(d, p.c.name, i.c.state, i.c.reason).join_from(i, d).join(p, i.c.person_id == p.c.id)
        ).order_by(i.c.id)
        with reading(self.engine) as connection:
            rows = connection.execute(query).all()
        found = [(r, (r.reason or {}).get("code", "")) for r in rows]
        return [
            f"{r.name} {names[r.subject_kind, r.subject_id]} {_step(r)} {r.state} {why}".rstrip()
            for r, why in found
        ]

    def notices(self) -> list[str]:
        """Return every notice: who, on which leg, how it stands: ``孙联络 wecom sent``."""
        return [f"{n.name} {_leg(n)} {n.state}" for n in self.notice_rows()]

    def notice_rows(self) -> Sequence[Row[Any]]:
        n, p = tables.notices, tables.persons
        with reading(self.engine) as connection:
            return connection.execute(select(n, p.c.name).join_from(n, p).order_by(n.c.id)).all()

    def deliveries(self) -> list[str]:
        """Return every delivery: ``wecom ready``."""
        return [f"{d.channel} {d.state}" for d in self.rows(tables.deliveries)]

    def attempts(self) -> list[str]:
        """Return how each try ended: ``wecom 1 sent``."""
        a, d = tables.attempts, tables.deliveries
        query = select(d.c.channel, a.c.number, a.c.outcome).join_from(a, d).order_by(a.c.id)
        with reading(self.engine) as connection:
            return [f"{channel} {number} {outcome}" for channel, number, outcome in connection.execute(query)]

    def ready(self, channel: str) -> list[int]:
        return [d.id for d in self.rows(tables.deliveries) if (d.channel, d.state) == (channel, "ready")]

    def rows(self, table: Any) -> Sequence[Row[Any]]:
        """Return all rows of a table, oldest first."""
        with reading(self.engine) as connection:
            return connection.execute(select(table).order_by(*table.primary_key.columns)).all()

    def decisions_of(self, no: str) -> list[decisions.Decision]:
        subject = self.subject(no)
        rows = [decisions.decision_of(row) for row in self.rows(tables.decisions)]
        return [decision for decision in rows if decision.subject == subject]

    def change(self, statement: str, **values: object) -> None:
        """Change the database behind the back of the service."""
        with writing(self.engine) as connection:
            connection.execute(text(statement), values)


def hired(
    unit: str,
    post: str,
    name: str,
    *,
    since: str = "",
    until: str = "",
    reach: str = "phone email wecom",
    **words: str,
) -> PersonRow:
    """Return a row of the directory; ``reach`` names the addresses that the person has."""
    number = f"139{sum(map(ord, name + words.get('mark', ''))) % 100_000_000:08}"
    account = f"u{number}"
    addresses = {"phone": number, "email": f"{account}@panshi.example", "wecom": account}
    had = {what: address if what in reach.split() else "" for what, address in addresses.items()}
    return PersonRow(
        unit,
        name,
        post,
        post,
        had["phone"],
        had["email"],
        had["wecom"],
        since=on(since) if since else None,
        until=on(until) if until else None,
    )


def with_ladder(rule_set: RuleSet, ladder: Ladder) -> RuleSet:
    """Return a rule set in which one ladder is another value (a condition that does something of its own)."""
    return replace(rule_set, ladders={**rule_set.ladders, ladder.id: ladder})


def _step(row: Row[Any]) -> str:
    return f"{row.rung}@{row.occurrence}" if row.occurrence else str(row.rung)


def _leg(row: Row[Any]) -> str:
    return "+".join(row.legs[row.leg]) if row.leg < len(row.legs) else "manual"
