"""The oracle against the truth: the demonstration, at the end of 2018, when nothing goes wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, select

from daemon import sheets
from daemon.config.source import load_rules
from daemon.simulate import Simulation, prepare, simulate, throw_away
from daemon.store.engine import reading
from daemon.store.tables import attempts, deliveries, notices
from tests.chaos import journal as j
from tests.chaos import records
from tests.chaos.oracle import judge

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "config" / "demo"
ZONE = ZoneInfo("Asia/Shanghai")
SINCE, UNTIL = date(2018, 12, 20), date(2019, 1, 20)


@pytest.fixture(scope="module")
def told() -> j.Journal:
    """A journal of what the pipeline said in a month, and of what it says in the end."""
    start, end = datetime.combine(SINCE, time(), ZONE), datetime.combine(UNTIL, time(23, 59), ZONE)
    with throw_away(None) as engine:
        people = sheets.read(DEMO / "directory.xlsx")
        ledger = sheets.read(DEMO / "ledger-2018-2020.xlsx")
        rows = prepare(engine, load_rules(ROOT / "config", ROOT / "templates"), start, people, ledger)
        simulate(engine, Simulation(start, end, rows))
        with reading(engine) as connection:
            seats = records.directory(connection)
            began = j.Began(start, records.config_files(ROOT / "config"), seats)
            acts = records.new_events(connection, 0, start, start)
            wire = [*_approved(connection), *_arrived(connection, seats)]
            rest = [j.Ended(end), *records.end_state(connection)]
    return j.journal([began, *map(_as_simulated, acts), *wire, *rest])


def _as_simulated(event: j.CaseEvent | j.FilingEvent) -> j.CaseEvent | j.FilingEvent:
    """What existed before the start is from that day on; each event is a transaction of its own."""
    event = replace(event, wall=None, wall_before=None)
    if isinstance(event, j.CaseEvent):
        return replace(event, together=False, imported="today" if event.on < SINCE else "")
    return event


def _approved(connection: Connection) -> Iterator[j.Record]:
    n = notices.c
    for row in connection.execute(select(n.id, n.approved_at).where(n.approved_at.is_not(None))):
        yield j.Approved(row.approved_at, (row.id,))


def _arrived(connection: Connection, seats: j.Directory) -> Iterator[j.Record]:
    """Yield each try that the spool took, with what its notice said."""
    items: dict[int, list[int]] = {}
    for record in records.end_state(connection):
        if isinstance(record, j.Item) and record.state == "said" and record.notice:
            items.setdefault(record.notice, []).append(record.id)
    people = {person.id: person for person in seats.people}
    a, d, n = attempts.c, deliveries.c, notices.c
    query = (
        select(a.opened_at, a.said, d.channel, d.notice_id, n.person_id)
        .join_from(attempts, deliveries, a.delivery_id == d.id)
        .join(notices, n.id == d.notice_id)
        .where(a.outcome == "sent", d.channel != "manual")
    )
    for row in connection.execute(query):
        address = getattr(people[row.person_id], row.channel)
        found = tuple(items.get(row.notice_id, ()))
        yield j.Arrival(row.opened_at, row.channel, address, found, notice=row.notice_id, text=row.said)


def test_it_finds_nothing_wrong(told: j.Journal) -> None:
    assert [str(one) for one in judge(told)] == []


def test_it_would_have_missed_nearly_everything(told: j.Journal) -> None:
    """What it calls a grey zone is small: of what was said, almost all had to be."""
    said = {number for arrival in told.of(j.Arrival) for number in arrival.items}
    silent = j.journal(r for r in told.records if not isinstance(r, j.Arrival))
    lost = [one for one in judge(silent) if one.kind == "lost"]
    assert len(said) > 50
    assert len(lost) >= 0.95 * len(said)


ELSEWHERE = j.Fault(
    datetime.combine(SINCE, time(3), ZONE), datetime.combine(SINCE, time(3), ZONE), "kill", "scan-0"
)


@pytest.mark.parametrize("state", ["manual", "done", "failed"])
def test_one_failed_try_and_a_fault_somewhere_excuse_nothing(told: j.Journal, state: str) -> None:
    """Every third notice was given up after its first try; no provider failed, and nobody did it by hand."""
    given_up = {notice.id for notice in told.of(j.Notice)[::3] if notice.kind == "rungs"}
    kinds = kinds_of(j.journal([*_given_up(told, given_up, state), ELSEWHERE]))
    assert kinds["lost"] >= 0.9 * len(given_up), kinds


def _given_up(told: j.Journal, which: set[int], state: str) -> Iterator[j.Record]:
    for record in told.records:
        match record:
            case j.Arrival(notice=notice) if notice in which:
                continue
            case j.Attempt(notice=notice) if notice in which:
                yield replace(record, outcome="failed", delivery_state="failed")
            case j.Notice(id=notice) if notice in which:
                yield replace(record, state=state, ended_at=record.sent_at)
            case _:
                yield record


def test_each_marked_repeat_needs_a_fault_of_its_own(told: j.Journal) -> None:
    """As if everything had been sent twice, and one provider had failed once."""
    first = [arrival for arrival in told.of(j.Arrival) if arrival.items]
    again = [replace(one, at=one.at + timedelta(minutes=1), repeat=True) for one in first]
    fault = j.Fault(first[0].at, first[0].at, "provider_timeout", first[0].channel, doubt=True)
    for faults in ([], [fault]):
        kinds = kinds_of(j.journal([*told.records, *again, *faults]))
        assert kinds["repeated"] == len(again) - len(faults)


def test_a_note_must_say_what_there_is_to_do(told: j.Journal) -> None:
    """As if each morning's note had been about something else."""
    other = [replace(r, text="今日一切正常") if isinstance(r, j.Arrival) else r for r in told.records]
    assert set(kinds_of(j.journal(other))) == {"silent"}


def test_what_the_gate_holds_does_not_leave(told: j.Journal) -> None:
    """As if one notice had been held, nobody asked, and it came before it was let go, or though dropped."""
    first = next(arrival for arrival in told.of(j.Arrival) if arrival.items)
    assert first.notice
    for decided in (j.LetGo, j.Withdrawn):
        act = decided(first.at + timedelta(days=1), (first.notice,), first.items)
        assert kinds_of(j.journal([*told.records, act]))["held"] >= 1
        assert kinds_of(j.journal([*told.records, act]))["silent"] >= 1, "neither at once nor in the morning"


def test_no_more_pass_the_gate_than_may(told: j.Journal) -> None:
    (began,) = told.of(j.Began)
    narrow = began.files["channels.yaml"].partition("\nflood:")[0] + "\nflood: {hour: 1}\n"
    narrowed = replace(began, files={**began.files, "channels.yaml": narrow})
    records = [narrowed if record is began else record for record in told.records]
    assert kinds_of(j.journal(records))["flood"] > 0


def test_a_rehearsal_tells_nobody_and_does_not_count(told: j.Journal) -> None:
    """As if the first half had been a rehearsal: with no mark, with one that stays, and if it had counted."""
    (began,), arrivals = told.of(j.Began), told.of(j.Arrival)
    middle = sorted(arrival.at for arrival in arrivals)[len(arrivals) // 2]
    first = [each for each in arrivals if each.at < middle]

    def judged(marked: list[j.Arrival], *live: j.Record) -> int:
        mark = [replace(r, text=f"【演练】{r.text}") for r in marked]
        rest = [r for r in told.records if not isinstance(r, (j.Began, j.Arrival))]
        bare = [r for r in arrivals if r not in marked]
        return kinds_of(j.journal([replace(began, rehearsal=True), *rest, *mark, *bare, *live]))["rehearsal"]

    live = j.WentLive(middle, False, ())
    assert judged([], live) == len(first), "unmarked, in rehearsal"
    assert judged(arrivals) == 0, "a rehearsal that does not end"
    assert judged(arrivals, live) >= len([each for each in arrivals if each.at > middle]), (
        "marked, though live"
    )
    assert judged(first, live) > 0, "what was rehearsed counts as said"


def kinds_of(journal: j.Journal) -> Counter[str]:
    return Counter(found.kind for found in judge(journal))
