"""A county on file, as large as wanted: units, people and cases that are due, under the shipped rules."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
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
    """How much is on file. ``due``: all cases are to be looked at; ``by_mail``: people have e-mail only."""

    cases: int
    units: int = 36
    due: bool = False
    by_mail: bool = False


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


def line(no: str, enterprise: str) -> dict[str, object]:
    """Return one item as a template is told of it, for renderings without us."""
    about = {"case_no": no, "case_enterprise": enterprise, "case_amount": None}
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
