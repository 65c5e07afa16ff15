"""``duban simulate``: what a stretch of time would send, by the real pipeline on a throw-away database."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import date, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from daemon.cli.context import Context, shipped
from daemon.cli.options import Config, Json, parse_day
from daemon.cli.output import answer, say, table

DEMO_LEDGER = "ledger-2018-2020.xlsx"


def simulate(
    since: Annotated[date, typer.Option("--from", metavar="日期", parser=parse_day, help="从哪一天零时开始")],
    until: Annotated[
        date, typer.Option("--to", metavar="日期", parser=parse_day, help="到哪一天为止（含当日）")
    ],
    config: Config = None,
    history: Annotated[
        Path | None, typer.Option("--history", metavar="台账.xlsx", help="这段时间里发生的事：一份台账")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="用随程序附带的配置、名录和台账")] = False,
    every: Annotated[bool, typer.Option("--list", help="逐条列出")] = False,
    json_: Json = False,
) -> None:
    """推演：某段时间会给谁发什么。在临时数据库上走真实流程，不发出任何消息，不改动任何数据。"""
    from daemon import sheets
    from daemon.cli import wiring
    from daemon.cli.progress import days
    from daemon.config.source import load_rules
    from daemon.simulate import Simulation, prepare, throw_away
    from daemon.simulate import simulate as run

    wiring.configure_logs()
    directory = shipped("config") if demo else None
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="duban-")))
        if directory:
            source, ledger = load_rules(directory, shipped("templates")), directory / "demo" / DEMO_LEDGER
            people = sheets.read(directory / "demo" / "directory.xlsx")
            copy = stack.enter_context(throw_away(None))
        else:
            context = stack.enter_context(Context.open(config))
            source, ledger, people = load_rules(context.directory, shipped("templates")), None, None
            copy = stack.enter_context(throw_away(context.engine))
        events = history or ledger
        zone = next(iter(_zones(source)))
        start = datetime.combine(since, time.min, zone)
        end = datetime.combine(until, time(23, 59, 59), zone)
        rows = prepare(copy, source, start, people, sheets.read(events) if events else None)
        with days(start, end) as progress:
            said = run(copy, Simulation(start, end, rows), folder, progress)
    if json_:
        for line in said:
            print(json.dumps(line, ensure_ascii=False))
    else:
        _show(said, since, until, every=every)


def _zones(source: Any) -> list[ZoneInfo]:
    from daemon.config.compiled import compile_rules

    return [campaign.zone for campaign in compile_rules(source).campaigns.values()]


def _show(said: Sequence[Mapping[str, Any]], since: date, until: date, *, every: bool) -> None:
    """Print how much would be said, to whom, and when it is most."""
    from daemon.domain.ladder import Act

    say("需审签的在推演中即时审签；没有发出任何消息。")
    items = sum(len(line["items"]) for line in said)
    answer(f"{since} 至 {until}：通知 {len(said)} 件，事项 {items} 项")
    acts = Counter(line["act"] for line in said)
    table(("措施", "件数"), [(act.label, acts[act.value]) for act in Act if acts[act.value]])
    months = Counter(line["at"][:7] for line in said)
    table(("月份", "件数"), sorted(months.items()))
    a_day = Counter((line["to"]["person"], line["at"][:10]) for line in said)
    most = Counter({person: 0 for person, _ in a_day})
    for (person, _), count in a_day.items():
        most[person] = max(most[person], count)
    total = Counter(line["to"]["person"] for line in said)
    answer("", "收到最多的人")
    table(
        ("人员", "共收", "一天最多"),
        [(person, count, most[person]) for person, count in total.most_common(10)],
    )
    if every:
        table(
            ("时间", "人员", "渠道", "措施", "事项"),
            [
                (
                    line["at"][:16],
                    line["to"]["person"],
                    line["channel"],
                    line["act"] or "晨报",
                    len(line["items"]),
                )
                for line in said
            ],
        )
