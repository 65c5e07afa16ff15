"""A county on file, as large as wanted: units, people and cases that are due, under the shipped rules."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, select

from daemon.activate import ActiveRules, activate
from daemon.cli.context import shipped
from daemon.config.compiled import RuleSet
from daemon.config.source import RuleSource, load_rules
from daemon.render import samples
from daemon.store import mode, tables
from daemon.store.engine import reading, writing
from daemon.store.migrations import migrate
from tests.bench.setting import Bare

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2018, 12, 3, 9, 10, tzinfo=SHANGHAI)
"""A working Monday morning, when the morning's bundle leaves."""
TODAY = datetime(2018, 12, 3, tzinfo=SHANGHAI)
LATER = datetime(2019, 12, 2, tzinfo=SHANGHAI)
DUE_ON = date(2018, 12, 6)
"""Three working days ahead: today the liaison and the deputy of the unit are reminded."""
SEATS = ("unit.head", "unit.deputy", "unit.liaison")
OFFICE = {"name": "磐石市软环境办", "phone": "0432-00000000"}
"""As the shipped campaign names it."""

CHANNELS = """
channels:
  wecom:
    provider: wecom
    corp_id: bench
    secret: ${env:DUBAN_BENCH_SECRET}
    agent_id: ${env:DUBAN_BENCH_AGENT}
    base_url: ${env:DUBAN_SANDBOX_HTTP}
    default_url: https://www.panshi.example/
    threads: 4
  email:
    provider: smtp
    host: 127.0.0.1
    port: ${env:DUBAN_SANDBOX_SMTP_PORT}
    security: none
    sender: duban@panshi.example
    sender_name: 磐石市软环境办
    threads: 4
  sms: {provider: spool}
window: {days: workdays, from: "08:30", to: "17:30"}
bundles:
  morning: {days: workdays, at: "09:10"}
  brief: {every: week, on: monday, at: "09:30"}
flood: {hour: 1000000}
budgets: {sms: {}}
"""
"""As shipped, but for where the providers are, and for the gate on floods: a flood is what is measured."""


@dataclass(frozen=True)
class County:
    """How much is on file. ``due``: all cases are to be looked at; ``by_mail``: people have e-mail only.

    ``history``: of each case something was said before: two decisions, two items, one notice, its delivery
    and its attempt, two events.
    """

    cases: int
    units: int = 36
    due: bool = False
    by_mail: bool = False
    history: bool = False


def config(folder: Path) -> Path:
    """Lay out the shipped rules with channels that lead to the local gateway."""
    mine = folder / "config"
    shutil.copytree(shipped("config"), mine, ignore=shutil.ignore_patterns("demo", "schema", "systemd"))
    (mine / "channels.yaml").write_text(CHANNELS, encoding="utf-8")
    return mine


def rules() -> RuleSource:
    with tempfile.TemporaryDirectory() as folder:
        return load_rules(config(Path(folder)), shipped("templates"))


def found(engine: Engine, county: County) -> RuleSet:
    """Make the tables and put a county on file; return the rules in force."""
    migrate(engine)
    with writing(engine) as connection:
        mode.go_live(connection, TODAY)
    source = rules()
    with Bare(engine) as bare:
        bare.load(tables.units, ("id", "name", "kind"), _units(county))
        bare.load(tables.persons, ("id", "name", "phone", "email", "wecom"), _people(county))
        bare.load(tables.posts, ("person_id", "role", "unit_id"), _posts(county))
    activate(engine, source, TODAY)
    rule_set = ActiveRules(engine)()
    ladders = [name for name, ladder in rule_set.ladders.items() if ladder.about == "case"]
    with reading(engine) as connection:
        campaign = connection.execute(select(tables.campaigns.c.id)).scalar()
    with Bare(engine) as bare:
        bare.run("UPDATE agenda SET due_at = NULL")
        columns = ("id", "campaign_id", "no", "unit_id", "enterprise", "state", *_DAYS, "due_on", "signed_on")
        bare.load(tables.cases, columns, _cases(county, int(campaign or 0)))
        _put_agenda(bare, county, ladders)
        if county.history:
            _put_history(bare, rule_set.hash)
        bare.settle()
    return rule_set


_DAYS = ("found_on", "registered_on", "assigned_on")
_ASSIGNED, _SIGNED = date(2018, 8, 16), date(2018, 8, 20)


def micros(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000


def _units(county: County) -> Iterator[tuple[object, ...]]:
    return ((n, f"第{n}乡", "乡镇街") for n in range(1, county.units + 1))


def _people(county: County) -> Iterator[tuple[object, ...]]:
    for n in range(1, county.units * len(SEATS) + 1):
        wecom, phone = (None, None) if county.by_mail else (f"u{n}", f"139{n:08}")
        yield n, f"人员{n}", phone, f"u{n}@panshi.example", wecom


def _posts(county: County) -> Iterator[tuple[object, ...]]:
    for unit in range(county.units):
        for seat, role in enumerate(SEATS):
            yield unit * len(SEATS) + seat + 1, role, unit + 1


def _cases(county: County, campaign: int) -> Iterator[tuple[object, ...]]:
    for n in range(1, county.cases + 1):
        unit, enterprise = n % county.units + 1, f"磐石样例{n}号公司"
        days = (_ASSIGNED, _ASSIGNED, _ASSIGNED, DUE_ON, _SIGNED)
        yield n, campaign, f"PS-2018-{n:07}", unit, enterprise, "signed", *days


def _put_agenda(bare: Bare, county: County, ladders: list[str]) -> None:
    """Put every case on all its ladders; of one it is due, on the others nothing lies ahead."""
    ahead = micros(TODAY if county.due else LATER)
    names = ", ".join(f"('{ladder}')" for ladder in ladders)
    with bare.transaction():
        bare.run(
            "INSERT INTO agenda (subject_kind, subject_id, ladder, since, due_at)"
            f" SELECT 'case', cases.id, column1, {micros(TODAY)},"
            f" CASE WHEN column1 = 'case-due' THEN {ahead} END"
            f" FROM cases, (VALUES {names}) AS each_ladder ORDER BY cases.id"
        )


_BEFORE = datetime(2018, 8, 20, 9, 10, tzinfo=SHANGHAI)
_LIAISON = "3 * (cases.unit_id - 1) + 3"
_SAID_BEFORE = (("case-assigned", "hand-over"), ("case-due", "preview"))


def _put_history(bare: Bare, rules: str) -> None:
    """Let each case have a past, written within the database: a million of them have nine million rows."""
    at, tables_filled = micros(_BEFORE), ("decisions", "notices", "items", "deliveries", "attempts", "events")
    with bare.transaction():
        if not bare.is_sqlite:
            bare.run("SET LOCAL session_replication_role = replica")  # no look-up of each foreign key
        for number, (ladder, rung) in enumerate(_SAID_BEFORE):
            bare.run(
                "INSERT INTO decisions (id, subject_kind, subject_id, ladder, rung, anchor_version,"
                " occurrence, outcome, instant, decided_at, release_at, released_at, campaign_id, rules,"
                " inputs)"
                f" SELECT 2 * id - {number}, 'case', id, '{ladder}', '{rung}', 1, '', 'said', {at}, {at},"
                f" {at}, {at}, campaign_id, '{rules}', '{_INPUTS}' FROM cases ORDER BY id"
            )
        bare.run(
            "INSERT INTO notices (id, person_id, campaign_id, bundle, moment, legs, leg, act, audience,"
            f" state, created_at, sent_at, sent_leg) SELECT id, {_LIAISON}, campaign_id, 'morning', {at},"
            f" '[[\"wecom\"]]', 0, 'reminder', 'unit', 'sent', {at}, {at}, 'wecom' FROM cases ORDER BY id"
        )
        for number in range(len(_SAID_BEFORE)):
            bare.run(
                "INSERT INTO items (id, decision_id, person_id, role, unit_id, part, line, state, notice_id,"
                f" opened_at, closed_at) SELECT 2 * id - {number}, 2 * id - {number}, {_LIAISON},"
                f" 'unit.liaison', unit_id, 'to', 0, 'said', id, {at}, {at} FROM cases ORDER BY id"
            )
            bare.run(
                "INSERT INTO events (id, subject_kind, subject_id, kind, effective_on, recorded_at, data)"
                f" SELECT 2 * id - {1 - number}, 'case', id, '{('registered', 'assigned')[number]}',"
                f" '{_ASSIGNED}', {at}, '{{}}' FROM cases ORDER BY id"
            )
        bare.run(
            "INSERT INTO deliveries (id, notice_id, leg, channel, state, next_attempt_at, hinted_at, claim,"
            f" attempts) SELECT id, id, 0, 'wecom', 'sent', {at}, {at}, 1, 1 FROM cases ORDER BY id"
        )
        bare.run(
            "INSERT INTO attempts (id, delivery_id, number, opened_at, closed_at, outcome)"
            f" SELECT id, id, 1, {at}, {at}, 'sent' FROM cases ORDER BY id"
        )
    for table in tables_filled:
        bare.go_on(table)


_INPUTS = '{"anchor": "due", "anchor_on": "2018-12-06", "day": "2018-08-20"}'


def line(no: str, enterprise: str) -> dict[str, object]:
    """Return one item as a template is told of it, for renderings without us."""
    about: dict[str, Any] = {"case_no": no, "case_enterprise": enterprise, "case_amount": None}
    days_left = (DUE_ON - NOW.date()).days
    item = samples.case(due_on=DUE_ON, title=f"{no} {enterprise}", unit="第1乡", days_left=days_left, **about)
    return item | {"workdays_overdue": 0}


def told(items: list[dict[str, object]]) -> dict[str, object]:
    """Return what a template is told of a notice, for renderings without us."""
    return samples.context(
        "unit",
        *items,
        office=OFFICE,
        unit={"name": "第1乡"},
        today=NOW.date(),
        why=["按规则于到期前3个工作日提醒联络员"],
        points={"count": len(items), "day": "12月6日"},
        overdue=(),
        lines=(),
    )
