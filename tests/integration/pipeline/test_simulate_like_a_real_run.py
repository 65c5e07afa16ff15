"""A simulation that starts from a busy office says what the office then says, item for item."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sqlalchemy import Engine, select

from daemon import acts, clock
from daemon.domain.case import EventKind
from daemon.errors import DeliveryError, UnknownOutcomeError
from daemon.simulate import Simulation, World, deliver_here, prepare, simulate, throw_away
from daemon.store import tables
from daemon.store.engine import reading
from daemon.store.mutes import NewMute, Target
from daemon.store.people import person_named
from tests.integration.office import SHANGHAI, TOWN, ZONE, Office, at, rules

LADDERS = """
  case-due:
    about: case
    from: due
    rungs:
      remind:  {at: -3 workdays, act: reminder, to: [unit.liaison]}
      overdue: {at: +1 workday, act: urge, to: [unit.liaison, unit.head]}
      letter:  {at: +5 workdays, act: supervision_letter, to: [unit.head]}
      group:   {at: +8 workdays, act: escalation, to: [group.leader], bundle: brief}
      again:   {at: +6 workdays, every: 3 workdays, act: urge, to: [unit.head], copy: [office.duty]}
      weekly:  {at: +2 workdays, every: week, times: 5, act: notice, to: [unit.deputy or unit.head]}
  case-assigned:
    about: case
    from: assigned
    rungs:
      hand-over: {at: immediately, act: assignment, to: [unit.head, unit.liaison]}
      unsigned:  {at: +3 workdays, every: 4 workdays, when: unsigned, act: reminder, to: [unit.liaison]}
  case-returned:
    about: case
    from: returned
    when: case.state == "returned"
    rungs:
      back: {at: immediately, act: notice, to: [unit.liaison]}
      head: {at: +5 workdays, act: urge, to: [unit.head]}
"""
DAYS_OFF = "years: {2018: {source: 磐办发〔2018〕9号, off: [2018-09-05, 2018-09-06]}}"
OFF = ("calendar.yaml", "years: {}", DAYS_OFF)
FEW = ("channels.yaml", "flood: {", "flood: {hour: 2, ")
START, END = "2018-09-18", "2018-11-02"

Said = Counter[tuple[object, ...]]


def test_from_a_busy_office_as_in_a_real_run(office: Office, tmp_path: Path) -> None:
    busy(office)
    expected = simulated(office)
    office.at(f"{START} 00:00")
    clock.share(tmp_path / "real", office.now)
    really(office, tmp_path / "real")
    found = said_since(office.engine)
    assert expected.total() > 100
    assert expected - found == Counter(), "simulated, and not said"
    assert found - expected == Counter(), "said, and not simulated"


def busy(office: Office) -> None:
    """A month of work: signed, returned, moved, muted, closed; sent, half sent, held, waiting."""
    office.at("2018-08-16 09:00").obey(LADDERS.replace("every: 3 workdays", "every: 4 workdays"))
    for number in range(12):
        due = f"2018-{8 + number % 3:02}-{20 + number % 8}"
        office.case(f"A-{number}", (TOWN, ZONE)[number % 2], due=due)
    office.run("2018-08-24 18:00")
    office.sign("A-0", "孙联络")
    office.close("A-1")
    office.happen("A-2", EventKind.SUBMITTED)
    office.happen("A-2", EventKind.RETURNED, due="2018-10-12")
    office.run("2018-09-03 18:00")
    office.obey(LADDERS, OFF, FEW)
    office.happen("A-3", EventKind.MOVED, unit=office.units[TOWN], due="2018-10-08")
    office.extend("A-5", "2018-11-05")
    mute(office, Target(case=office.look_up("A-6").id), "2018-09-10", "2018-09-29")
    mute(office, Target(person=number_of(office, "李主任")), "2018-09-17", "2018-09-21")
    office.run("2018-09-17 09:00")
    office.wire.answers("wecom", DeliveryError("系统忙"), UnknownOutcomeError("?"), DeliveryError("系统忙"))
    office.prepare("2018-09-17 09:12").deliver_on("wecom")
    office.wire.forget()
    assert {"waiting", "held", "ready", "sent"} <= {row.state for row in office.notice_rows()}


def mute(office: Office, target: Target, since: str, until: str) -> None:
    begins, ends = at(f"{since} 00:00"), at(f"{until} 00:00")
    acts.mute(office.engine, NewMute(target, begins, ends, "正在调解", "王主任"), office.now)


def number_of(office: Office, name: str) -> int:
    with reading(office.engine) as connection:
        person = person_named(connection, name)
    assert person
    return person.id


def simulated(office: Office) -> Said:
    simulation = Simulation(at(f"{START} 00:00"), at(f"{END} 23:59"))
    with throw_away(office.engine, simulation.start) as copy:
        prepare(copy, rules(LADDERS, (OFF, FEW)), simulation.start, None, None)
        list(simulate(copy, simulation))
        return said_since(copy)


def really(office: Office, shared: Path) -> None:
    """Let the office work on; what waits is approved at once, as in a simulation."""
    settle = deliver_here(office.engine, office.deliverer, office.rules)
    world = World(office.engine, office.rules, None, (), lambda now: clock.jump(shared, now), settle)
    world.run(at(f"{START} 00:00"), at(f"{END} 23:59"))


def said_since(engine: Engine) -> Said:
    """Return what was said of what came due since the start: to whom, what, as which part, on which day."""
    i, d, n, p = tables.items, tables.decisions, tables.notices, tables.persons
    query = (
        select(p.c.name, d.c.subject_kind, d.c.subject_id, d.c.ladder, d.c.rung, d.c.occurrence, i.c.part)
        .add_columns(n.c.sent_at)
        .join_from(i, d, i.c.decision_id == d.c.id)
        .join(n, i.c.notice_id == n.c.id)
        .join(p, i.c.person_id == p.c.id)
        .where(i.c.state == "said", d.c.instant >= at(f"{START} 00:00"))
    )
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    return Counter((*row[:-1], str(row.sent_at and row.sent_at.astimezone(SHANGHAI))[:10]) for row in rows)
