"""Long lives of the store: two scanners and two workers that stop halfway, while the office acts.

Scanners plan and store, workers claim, open, send and record in steps of their own, each with what it saw
before; leases run out, and bytes get lost. After every step the tables must be such that nothing is told
twice, takes a way back that does not exist, or is left where nothing will ever look at it again.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, Engine, Row, delete, select, update

from daemon import acts, scan
from daemon.attempt import Letter, Opened, Outcome
from daemon.channels import Message
from daemon.domain.case import OPEN, Case, EventKind, State
from daemon.domain.workdays import midnight
from daemon.draft import documents
from daemon.errors import DeliveryError, DubanError, UnknownOutcomeError
from daemon.scan import Planned, plan_rows
from daemon.store import agenda, cases, deliveries, mutes, tables
from daemon.store.deliveries import Claimed
from daemon.store.engine import reading, writing
from daemon.store.mutes import NewMute, Target
from daemon.sweep import sweep
from tests.chaos import bugs
from tests.integration.office import PEOPLE, SHANGHAI, TOWN, ZONE, Handed, Office, hired

LADDERS = """
  case-due:
    about: case
    from: due
    rungs:
      remind:  {at: -3 workdays, act: reminder, to: [unit.liaison]}
      overdue: {at: +1 workday, act: urge, to: [unit.liaison, unit.head]}
      letter:  {at: +2 workdays, act: supervision_letter, to: [unit.head]}
      again:   {at: +3 workdays, every: 2 workdays, act: urge, to: [unit.head]}
  case-assigned:
    about: case
    from: assigned
    rungs:
      hand-over: {at: immediately, act: assignment, to: [unit.head, unit.liaison]}
      unsigned:  {at: +2 workdays, when: unsigned, act: reminder, to: [unit.liaison], copy: [office.duty]}
"""
LIFE = (
    *(
        "posts",
        "acting",
        "cases",
        "events",
        "tally",
        "agenda",
        "batches",
        "decisions",
        "unaddressed",
        "notices",
    ),
    *("items", "deliveries", "attempts", "mutes", "signatures", "persons"),
)
WATCHED = ("agenda", "attempts", "cases", "decisions", "deliveries", "items", "notices", "tally")
EITHER = st.sampled_from([0, 1])
ANY = st.integers(0, 11)
CHANNEL = st.sampled_from(["wecom", "sms", "email"])
DAYS = st.integers(1, 12)
UNKNOWN, UNKNOWN_TAKEN = "unknown", "unknown, taken"
FAULTS: Mapping[str, Exception] = {
    "failed": DeliveryError("系统忙"),
    "refused": DeliveryError("停机", permanent=True),
    "later": DeliveryError("上限", later=True),
    UNKNOWN: UnknownOutcomeError("?"),
}
ANSWERS = st.sampled_from(["taken", "taken", *FAULTS, UNKNOWN_TAKEN])
ENDED = frozenset({"sent", "failed", "dropped", "passed_over"})
"""The states that a delivery never leaves."""
STEPS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "notices": {
        "waiting": frozenset({"ready", "sent", "manual", "dropped", "failed", "returned"}),
        "ready": frozenset({"sent", "manual", "dropped", "failed"}),
        "failed": frozenset({"sent", "manual"}),
        "manual": frozenset({"done", "sent"}),
    },
    "items": {
        "open": frozenset({"said", "dropped", "superseded"}),
        "superseded": frozenset({"open", "dropped", "said"}),
        "dropped": frozenset({"open", "said", "superseded"}),
    },
    "deliveries": {"ready": ENDED | {"sending"}, "sending": ENDED | {"ready"}},
}
"""What may follow what within one step of these lives; where nothing stands, nothing may."""


@dataclass
class Worker:
    """What one worker has in its hands, and how far it has come with the first of it."""

    letters: list[Letter] = field(default_factory=list)
    opened: Opened | None = None
    outcome: Outcome | None = None


class Lives(RuleBasedStateMachine):
    def __init__(self, office: Office) -> None:
        super().__init__()
        self.office = begun_anew(office)
        self.planned: dict[int, tuple[list[Planned], Any]] = {}
        self.workers = (Worker(), Worker())
        self.before: dict[str, dict[int, str]] = {name: {} for name in STEPS}
        self.seen: dict[str, Sequence[Row[Any]]] = {}
        self.hour = 0
        self.resting: dict[int, int] = {}
        for due in ("2018-08-20", "2018-08-22"):
            office.case(f"A-{len(self.cases)}", due=due)
        office.prepare("2018-08-16 09:10")

    # -- the office

    @property
    def cases(self) -> list[Case]:
        with reading(self.office.engine) as connection:
            return cases.listed(connection)

    @rule(days=DAYS, town=st.sampled_from([TOWN, ZONE]))
    def a_case_enters(self, days: int, town: str) -> None:
        if len(self.cases) < 4:
            self.office.case(f"A-{len(self.cases)}", town, due=self.in_days(days))

    @rule(
        which=ANY,
        days=DAYS,
        kind=st.sampled_from(
            ["EXTENDED", "SUBMITTED", "SUBMITTED", "CLOSED", "RETURNED", "REOPENED", "MOVED"]
        ),
    )
    def something_happens(self, which: int, days: int, kind: str) -> None:
        more: dict[str, Any] = {"unit": self.office.units[ZONE]} if kind == "MOVED" else {}
        due = self.in_days(days + 10) if kind not in ("SUBMITTED", "CLOSED") else None
        self.act(lambda no: self.office.happen(no, EventKind[kind], due=due, **more), which)

    @rule(which=ANY)
    def it_was_a_mistake(self, which: int) -> None:
        self.act(self.office.undo, which)

    @rule(which=ANY)
    def the_unit_signs(self, which: int) -> None:
        self.act(lambda no: self.office.sign(no, "孙联络"), which)

    @rule(which=ANY)
    def the_director_approves(self, which: int) -> None:
        if found := self.numbers(tables.notices, "waiting"):
            one, office = found[which % len(found)], self.office
            read = documents(office.engine, office.rules(), one, office.now)
            acts.approve(office.engine, office.rules(), one, "王主任", office.now, read)

    @rule(which=ANY)
    def the_office_has_telephoned(self, which: int) -> None:
        if found := self.numbers(tables.notices, "manual"):
            acts.done(self.office.engine, found[which % len(found)], "冯值班", self.office.now)

    @rule(what=st.sampled_from(["ladder", "unit", "case", "person"]), days=st.integers(0, 3))
    def something_is_muted(self, what: str, days: int) -> None:
        person = self.office.rows(tables.persons)[0].id
        case, unit = self.cases[0].id, self.office.units[TOWN]
        target: Any = {"ladder": "case-due", "unit": unit, "case": case, "person": person}[what]
        begins = midnight(self.office.today, SHANGHAI)
        new = NewMute(
            Target(**{what: target}), begins, begins + timedelta(days=days + 1), "机构改革", "王主任"
        )
        acts.mute(self.office.engine, new, self.office.now)

    @rule()
    def a_mute_is_ended(self) -> None:
        with reading(self.office.engine) as connection:
            found = mutes.listed(connection, self.office.now)
        if found:
            acts.end_mute(self.office.engine, found[0].id, "王主任", "", self.office.now)

    @rule(post=st.sampled_from(["联络员", "主要领导"]), successor=st.booleans())
    def somebody_leaves(self, post: str, successor: bool) -> None:
        """The seat is another's from today on, or nobody's."""
        name = {"联络员": "孙联络", "主要领导": "赵书记"}[post]
        self.office.leave(name, f"{self.office.today - timedelta(days=1)}")
        if successor:
            self.office.hire(TOWN, post, f"新{post}", since=f"{self.office.today}")

    def act(self, do: Callable[[str], object], which: int) -> None:
        with suppress(DubanError):  # the gate refused
            do(self.cases[which % len(self.cases)].no)
        for case in self.cases:
            if case.state in OPEN:
                self.resting.pop(case.id, None)
            else:
                self.resting.setdefault(case.id, self.hour)

    def in_days(self, days: int) -> str:
        return f"{self.office.today + timedelta(days=days)}"

    def numbers(self, table: Any, state: str) -> list[int]:
        return [row.id for row in self.office.rows(table) if row.state == state]

    # -- time

    @rule(hours=st.sampled_from([1, 3, 12, 24, 24, 72]))
    def time_passes(self, hours: int) -> None:
        self.office.later(hours=hours)

    @rule()
    def leases_run_out(self) -> None:
        """An hour in which nobody here does anything: whoever has something in hand has slept."""
        self.office.wall_time_passes()
        self.hour += 1
        for worker in self.workers:
            if worker.opened:
                worker.opened = replace(worker.opened, at=worker.opened.at - 3600)

    @rule()
    def what_the_dead_held_is_given_back(self) -> None:
        sweep(self.office.engine, self.office.now)

    # -- the pipeline, in steps

    @rule(who=EITHER)
    def a_scanner_plans(self, who: int) -> None:
        office = self.office
        self.planned[who] = (plan_rows(office.engine, office.rules(), office.due(), office.now), office.now)

    @precondition(lambda self: self.planned)
    @rule(who=EITHER)
    def it_stores_what_it_planned(self, who: int) -> None:
        if who in self.planned:
            planned, then = self.planned.pop(who)
            scan._store_one_by_one(self.office.engine, self.office.rules(), planned, then)

    @rule()
    def all_is_scanned_and_released(self) -> None:
        self.office.prepare()

    @rule()
    def all_is_released(self) -> None:
        self.office.release()

    @rule(who=EITHER, channel=CHANNEL)
    def a_worker_claims(self, who: int, channel: str) -> None:
        """Hints may be old and come twice: all numbers that there ever were are hinted at."""
        office, worker = self.office, self.workers[who]
        ids = [row.id for row in office.rows(tables.deliveries) if row.channel == channel]
        if ids and not worker.letters:
            worker.letters = office.deliverer.letters(channel, ids, office.rules(), office.now)

    @precondition(lambda self: any(w.letters and not w.opened and not w.outcome for w in self.workers))
    @rule(who=EITHER)
    def it_opens_a_try(self, who: int) -> None:
        worker = self.workers[who]
        if worker.letters and worker.opened is None and worker.outcome is None:
            worker.opened = self.record_and_open(None, worker.letters[0])
            if worker.opened is None:
                del worker.letters[0]

    @precondition(lambda self: any(w.opened for w in self.workers))
    @rule(who=EITHER, answer=ANSWERS)
    def it_sends(self, who: int, answer: str) -> None:
        worker = self.workers[who]
        if worker.opened is None:
            return
        letter, taken = worker.letters[0], len(self.office.wire.taken)
        if answer != "taken":
            self.office.wire.answers(letter.claimed.channel, FAULTS.get(answer) or self.lost_answer(letter))
        worker.outcome = self.office.deliverer._send(letter, worker.opened, self.office.rules())
        self.office.wire.forget()
        worker.opened = None
        if len(self.office.wire.taken) > taken:
            self.is_no_old_news(letter)

    @precondition(lambda self: any(w.outcome for w in self.workers))
    @rule(who=EITHER)
    def it_records(self, who: int) -> None:
        worker = self.workers[who]
        if worker.outcome:
            self.record_and_open(worker.outcome, None)
            worker.outcome = None
            del worker.letters[0]

    @precondition(lambda self: any(w.letters for w in self.workers))
    @rule(who=EITHER)
    def it_delivers_what_it_has(self, who: int) -> None:
        for _ in range(len(self.workers[who].letters)):
            self.it_opens_a_try(who)
            self.it_sends(who, "taken")
            self.it_records(who)

    @precondition(lambda self: any(w.letters for w in self.workers))
    @rule(who=EITHER)
    def it_dies(self, who: int) -> None:
        self.workers[who].letters.clear()
        self.workers[who].opened = self.workers[who].outcome = None

    def record_and_open(self, outcome: Outcome | None, letter: Letter | None) -> Opened | None:
        office = self.office
        with office.engine.connect() as connection:
            return office.deliverer._record_and_open(connection, outcome, letter, office.rules(), office.now)

    def lost_answer(self, letter: Letter) -> Callable[[Message], None]:
        def take(message: Message) -> None:
            self.office.wire.taken.append(Handed(letter.claimed.channel, message))
            raise UnknownOutcomeError("?")

        return take

    def is_no_old_news(self, letter: Letter) -> None:
        """What is not frozen was looked at within a lease: it tells of nothing that had ended before."""
        if letter.claimed.frozen is not None:
            return
        about = {i: d.subject_id for i, d in self.said_by().items()}
        old = [i for i in letter.frozen["items"] if self.resting.get(about[i], self.hour) < self.hour]
        assert not old, f"told of what had ended an hour before: items {old}"

    def said_by(self) -> dict[int, Any]:
        i, d = tables.items.c, tables.decisions
        with reading(self.office.engine) as connection:
            rows = connection.execute(select(i.id.label("item"), d).join_from(tables.items, d)).all()
        return {row.item: row for row in rows}

    # -- what holds at every step

    @invariant()
    def all_is_well(self) -> None:
        with reading(self.office.engine) as connection:
            self.seen = {
                name: connection.execute(select(tables.metadata.tables[name])).all() for name in WATCHED
            }
        self.an_item_is_told_once_or_says_that_it_may_be_a_repeat()
        self.an_occurrence_is_settled_once_and_told_to_a_person_once()
        self.states_follow_each_other_as_they_may()
        self.whatever_is_open_has_something_that_will_wake_it()
        self.nothing_owed_is_off_the_agenda()
        self.the_tally_is_that_of_the_cases()

    def an_item_is_told_once_or_says_that_it_may_be_a_repeat(self) -> None:
        told: Counter[tuple[str, int]] = Counter()
        by: defaultdict[int, set[str]] = defaultdict(set)
        for channel, message in ((handed.channel, handed.message) for handed in self.office.wire.taken):
            for item in message.items:
                told[channel, item] += not message.repeat
                by[item].add(message.key.partition("d")[0])
        assert not [key for key, times in told.items() if times > 1]
        assert not [item for item, notices in by.items() if len(notices) > 1]

    def an_occurrence_is_settled_once_and_told_to_a_person_once(self) -> None:
        names = ("subject_kind", "subject_id", "ladder", "rung", "anchor_version", "occurrence")
        found = Counter(tuple(row._mapping[n] for n in names) for row in self.seen["decisions"])
        found.update((row.decision_id, row.person_id) for row in self.seen["items"])
        assert not [key for key, times in found.items() if times > 1]

    def states_follow_each_other_as_they_may(self) -> None:
        for name, allowed in STEPS.items():
            now = {row.id: row.state for row in self.seen[name]}
            before, self.before[name] = self.before[name], now
            assert before.keys() <= now.keys(), f"{name} are never deleted"
            for number, was in before.items():
                is_now = now[number]
                assert is_now == was or is_now in allowed.get(was, ()), f"{name} {number}: {was}, {is_now}"

    def whatever_is_open_has_something_that_will_wake_it(self) -> None:
        assert list(self.asleep()) == []

    def asleep(self) -> Iterator[str]:
        notices = {row.id: row for row in self.seen["notices"]}
        items = {row.id: row for row in self.seen["items"]}
        on_way = {row.id: row for row in self.seen["deliveries"] if row.state not in ENDED}
        leaving = {row.notice_id for row in on_way.values()}
        for item in items.values():
            state = notices[item.notice_id].state if item.notice_id else "unbound"
            if item.state == "open" and state not in ("unbound", "ready", "waiting", "manual", "failed"):
                yield f"item {item.id} is open, its notice {state}"
            if item.state == "superseded" and items[item.superseded_by].state == "dropped":
                yield f"item {item.id} gave way to one that was dropped"
        for notice in notices.values():
            if notice.state == "ready" and notice.id not in leaving:
                yield f"notice {notice.id} is ready, and no delivery is"
        for row in on_way.values():
            if row.state == "sending" and row.lease_until is None:
                yield f"delivery {row.id} is claimed for ever"
        for row in self.seen["attempts"]:
            if row.outcome is None and getattr(on_way.get(row.delivery_id), "state", "") != "sending":
                yield f"attempt {row.number} of delivery {row.delivery_id} is open, and nobody has it"
        for row in self.seen["decisions"]:
            if row.outcome == "said" and row.released_at is None and row.release_at is None:
                yield f"decision {row.id} is never released"

    def nothing_owed_is_off_the_agenda(self) -> None:
        """Looked at now, what is not due owes nothing, and is looked at no later than it must be."""
        office = self.office
        keys = [(row.subject_kind, row.subject_id, row.ladder) for row in self.seen["agenda"]]
        with reading(office.engine) as connection:
            rows = agenda.rows_of(connection, keys)
        idle = [row for row in rows if row.due_at is None or row.due_at > office.now]
        for one in plan_rows(office.engine, office.rules(), idle, office.now):
            assert one.plan.settlements == (), one.row.key
            ahead = one.plan.next_at
            assert ahead is None or (one.row.due_at is not None and one.row.due_at <= ahead), one.row.key

    def the_tally_is_that_of_the_cases(self) -> None:
        kept: Counter[tuple[int, str]] = Counter()
        for row in self.seen["tally"]:
            for name in ("registered", "dismissed", "closed"):
                kept[row.unit_id, name] += row._mapping[name]
        counted: Counter[tuple[int, str]] = Counter()
        for case in self.seen["cases"]:
            counted[case.unit_id, "registered"] += case.state != State.REPORTED
            counted[case.unit_id, "closed"] += case.state == State.CLOSED
        assert +kept == +counted

    def teardown(self) -> None:
        """Let all that was begun come to its end: then nothing is under way any more."""
        office = self.office
        self.leases_run_out()
        self.what_the_dead_held_is_given_back()
        office.run(f"{office.today + timedelta(days=5)} 18:00")
        self.all_is_well()
        assert not [row.id for row in self.seen["deliveries"] if row.state not in ENDED]
        assert not [row.id for row in self.seen["items"] if row.state == "open" and not row.notice_id]


def begun_anew(office: Office) -> Office:
    """Let an office be as on its first day; what takes long to make, its rules, stays."""
    with writing(office.engine) as connection:
        for table in reversed(tables.metadata.sorted_tables):
            if table.name in LIFE:
                connection.execute(delete(table))
    office.wire.taken.clear()
    office.wire.tried.clear()
    office.at("2018-08-16 09:00")
    office.bring(*(hired(*each) for each in PEOPLE))
    return office


EXAMPLES = {"sqlite": 6, "postgresql": 2}


def live(office: Office, examples: int) -> None:
    """Let offices live; raise where anything does not hold."""
    office.obey(LADDERS)
    run_state_machine_as_test(
        lambda: Lives(office),  # type: ignore[arg-type]
        settings=settings(
            derandomize="DUBAN_NEW_LIVES" not in os.environ,
            deadline=None,
            database=None,
            max_examples=examples,
            stateful_step_count=50,
            phases=(Phase.generate,),  # to shrink a life takes longer than to read it
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_lives(office: Office) -> None:
    live(office, EXAMPLES[office.engine.dialect.name])


def unguarded_claim(patch: pytest.MonkeyPatch) -> None:
    """Whoever is hinted at takes it, whether or not it is ready."""
    patch.setattr(deliveries, "claim", careless_claim)


def careless_claim(
    connection: Connection,
    channel: str,
    ids: Sequence[int],
    now: datetime,
    lease: datetime,
    *,
    suspect: bool | None = None,
) -> list[Claimed]:
    d = tables.deliveries.c
    query = update(tables.deliveries).where(d.id.in_(ids), d.channel == channel, d.next_attempt_at <= now)
    values = {"state": "sending", "claim": d.claim + 1, "lease_until": lease}
    rows = connection.execute(query.values(**values).returning(*deliveries._CLAIMED))
    return sorted((Claimed(*row) for row in rows), key=lambda claimed: claimed.id)


def untouched(patch: pytest.MonkeyPatch) -> None:
    """An event forgets to have its case looked at (tests/chaos/bugs.py)."""
    patch.setattr(agenda, "put", agenda.put)  # so that it is put back in the end
    bugs.lost_touch()


@pytest.mark.parametrize("plant", [unguarded_claim, untouched])
def test_a_planted_bug_is_found(
    sqlite: Engine, virtual_clock: Path, monkeypatch: pytest.MonkeyPatch, plant: Callable[..., None]
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        live(Office(sqlite, virtual_clock), 20)  # it ends with the first life that shows it
