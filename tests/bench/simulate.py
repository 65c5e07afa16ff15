"""10,000 cases over 29 months, simulated: the real pipeline in virtual time, on one core.

The ledger is made up after the shipped rules: handed over in the autumn of 2018, due over two years, closed
around the deadline. There is no floor to stand beside; the goal is a minute.
"""

from __future__ import annotations

import random
import resource
from datetime import date, datetime, timedelta
from time import perf_counter, process_time
from typing import Any

from daemon.activate import ActiveRules, activate
from daemon.domain.ladder import Role
from daemon.sheets import CaseRow
from daemon.simulate import Simulation, simulate, throw_away
from daemon.store import mode
from daemon.store.engine import writing
from daemon.store.tables import persons, posts, units
from tests.bench.county import SEATS, SHANGHAI, rules
from tests.bench.setting import Bare, Setting

START, END = datetime(2018, 8, 16, tzinfo=SHANGHAI), datetime(2021, 1, 15, tzinfo=SHANGHAI)
UNITS = 36
ABOVE = (
    *(Role.OFFICE_DIRECTOR, Role.OFFICE_DUTY, Role.OFFICE_MEMBER),
    *(Role.GROUP_LEADER, Role.GROUP_DEPUTY, Role.GROUP_MEMBER),
)
"""The office and the leading group, as every real directory has them."""


def measure(setting: Setting) -> dict[str, Any]:
    count = setting.size(10_000, 200)
    with throw_away(None) as engine:
        with writing(engine) as connection:
            mode.go_live(connection, START)
        activate(engine, rules(), START)
        with Bare(engine) as bare:
            bare.load(units, ("id", "name", "kind"), [(n, f"第{n}乡", "乡镇街") for n in range(1, UNITS + 1)])
            held = [(seat, unit) for unit in range(1, UNITS + 1) for seat in SEATS]
            held += [(seat, None) for seat in ABOVE]
            seated = [(n, *seat) for n, seat in enumerate(held, start=1)]
            bare.load(persons, ("id", "name", "wecom"), [(n, f"人员{n}", f"u{n}") for n, *_ in seated])
            bare.load(posts, ("person_id", "role", "unit_id"), seated)
        activate(engine, rules(), START)  # now that there are units: what each of them owes
        assert ActiveRules(engine)()
        months: set[str] = set()

        def progress(now: datetime) -> None:
            if (month := f"{now:%Y-%m}") not in months:
                months.add(month)
                setting.progress(f"simulate: {month}")

        began, busy = perf_counter(), process_time()
        said = simulate(engine, Simulation(START, END, ledger(count)), progress)
        notices = sum(1 for _ in said)  # told one by one: the report is part of what is measured
        seconds, busy = perf_counter() - began, process_time() - busy
    return {
        "cases": count,
        "months": 29,
        "notices": notices,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(busy, 1),
        "goal": 60,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def ledger(count: int) -> tuple[CaseRow, ...]:
    """Make up a ledger: handed over within 90 days, due within two years, nine of ten closed in time."""
    chance = random.Random(2018)
    return tuple(_row(n, chance) for n in range(1, count + 1))


def _row(n: int, chance: random.Random) -> CaseRow:
    found_on = date(2018, 8, 16) + timedelta(days=chance.randrange(30))
    assigned_on = found_on + timedelta(days=chance.randrange(60))
    due_on = assigned_on + timedelta(days=60 + chance.randrange(640))
    signed_on = assigned_on + timedelta(days=chance.choice((0, 1, 1, 2, 2, 3, 8)))
    late = chance.randrange(-50, 40) if chance.random() < 0.1 else chance.randrange(-50, 0)
    return CaseRow(
        no=f"PS-2018-{n:05}",
        enterprise=f"磐石样例{n}号公司",
        legal_person="甲某",
        phone="13800000000",
        unit=f"第{n % UNITS + 1}乡",
        source="企业反映",
        category="拖欠账款",
        description="承诺未兑现",
        amount=None,
        key=False,
        found_on=found_on,
        assigned_on=assigned_on,
        due_on=due_on,
        signed_on=signed_on,
        closed_on=max(due_on + timedelta(days=late), signed_on),
        note="",
        line=n,
    )
