"""``duban simulate``: what a stretch of time would send, by the real pipeline on a throw-away database."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.context import Context, find_config, shipped
from daemon.cli.options import Config, Json, parse_day
from daemon.cli.output import answer, emit, local, say, table
from daemon.errors import RefusedError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from daemon.cli.comparing import Side
    from daemon.config.source import RuleSource
    from daemon.sheets import Sheet
    from daemon.sheets.books import Table

DEMO_LEDGER = "ledger-2018-2020.xlsx"


def simulate(
    since: Annotated[date, typer.Option("--from", metavar="日期", parser=parse_day, help="从哪一天零时开始")],
    until: Annotated[
        date, typer.Option("--to", metavar="日期", parser=parse_day, help="到哪一天为止（含当日）")
    ],
    config: Config = None,
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            metavar="DIR",
            help="另一个配置文件夹：换成它，谁多收、谁少收、哪些改期；写正在用的文件夹，则与现行规则比",
        ),
    ] = None,
    history: Annotated[
        Path | None, typer.Option("--history", metavar="台账.xlsx", help="这段时间里发生的事：一份台账")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="用随程序附带的配置、名录和台账")] = False,
    every: Annotated[bool, typer.Option("--list", help="逐条列出")] = False,
    xlsx: Annotated[Path | None, typer.Option("--xlsx", metavar="FILE", help="另存为表格文件")] = None,
    json_: Json = False,
) -> None:
    """推演：某段时间会给谁发什么。在临时数据库上走真实流程，不发出任何消息，不改动任何数据。"""
    from daemon.cli import wiring

    wiring.configure_logs()
    if xlsx:
        _check_writable(xlsx)
    if until < since:
        raise RefusedError(f"--to {until} 早于 --from {since}：请对调")
    with ExitStack() as stack:
        play = _Play(stack, since, until, config, history, demo=demo)
        if against is None:
            _tell(play.said(play.source), since, until, every=every, xlsx=xlsx, as_json=json_)
        else:
            _compare(play, against, xlsx=xlsx, as_json=json_)


class _Play:
    """One stretch of time on what is on file, to be played by one rule set or by two."""

    def __init__(
        self,
        stack: ExitStack,
        since: date,
        until: date,
        config: Path | None,
        history: Path | None,
        *,
        demo: bool,
    ) -> None:
        from daemon import sheets
        from daemon.config.source import load_rules

        self._stack, self.since, self.until = stack, since, until
        self._engine: Engine | None = None
        self._people: Sheet | None = None
        ledger = None
        if demo:
            directory = shipped("config")
            self._people = sheets.read(directory / "demo" / "directory.xlsx")
            ledger = directory / "demo" / DEMO_LEDGER
        else:
            context = stack.enter_context(Context.open(config))
            directory, self._engine = context.directory, context.engine
        self.directory = directory
        self.source = load_rules(directory, shipped("templates"))
        events = history or ledger
        self._history = sheets.read(events) if events else None

    def in_force(self) -> RuleSource | None:
        """Return the rules in force on what is on file; ``None`` where none were activated yet."""
        from daemon.activate import source_of
        from daemon.store import rules
        from daemon.store.engine import reading

        if self._engine is None:
            return None
        with reading(self._engine) as connection:
            active = rules.active_hash(connection)
            return source_of(connection, active) if active else None

    def side(self, source: RuleSource, name: str) -> Side:
        """Return a rule set as the workbook names it, with who put it in force last."""
        from daemon.cli.comparing import Side
        from daemon.config.compiled import compile_rules
        from daemon.store import rules
        from daemon.store.engine import reading

        compiled = compile_rules(source)
        zone = next(iter(compiled.campaigns.values())).zone
        if self._engine is None:
            return Side(name, compiled, "没有启用过")
        with reading(self._engine) as connection:
            last = next((each for each in rules.every(connection) if each.hash == source.hash), None)
        said = f"{local(last.activated_at, zone)} 由 {last.by} 启用" if last else "没有启用过"
        return Side(name, compiled, said)

    def said(self, source: RuleSource, what: str = "") -> Iterator[Mapping[str, Any]]:
        """Yield what ``source`` would say, line by line; the copy is thrown away when all has been read."""
        from daemon.cli.progress import days
        from daemon.simulate import Simulation, prepare, throw_away
        from daemon.simulate import simulate as run

        zone = _zone(source)
        start = datetime.combine(self.since, time.min, zone)
        end = datetime.combine(self.until, time(23, 59, 59), zone)
        with throw_away(self._engine, start) as copy:
            rows = prepare(copy, source, start, self._people, self._history)
            if what:
                say(what)
            with days(start, end) as progress:
                lines = run(copy, Simulation(start, end, rows), progress)
            yield from lines


def _zone(source: RuleSource) -> Any:
    from daemon.config.compiled import compile_rules

    return next(iter(compile_rules(source).campaigns.values())).zone


@dataclass
class _Count:
    """What is counted of the notices as they pass."""

    notices: int = 0
    held: int = 0
    items: int = 0
    acts: Counter[str] = field(default_factory=Counter)
    months: Counter[str] = field(default_factory=Counter)
    a_day: Counter[tuple[str, str]] = field(default_factory=Counter)

    def take(self, line: Mapping[str, Any]) -> None:
        self.notices += 1
        self.held += line.get("held", False)
        self.items += len(line["items"])
        self.acts[line["act"]] += 1
        self.months[line["at"][:7]] += 1
        self.a_day[line["to"]["person"], line["at"][:10]] += 1


def _tell(
    said: Iterable[Mapping[str, Any]],
    since: date,
    until: date,
    *,
    every: bool,
    xlsx: Path | None,
    as_json: bool,
) -> None:
    """Print what is said as it comes; nothing but counts, and rows that were asked for, is kept."""
    count = _Count()
    rows: list[tuple[Any, ...]] = []
    for line in said:
        count.take(line)
        if as_json:
            print(json.dumps(line, ensure_ascii=False))
        if xlsx or (every and not as_json):
            rows.append(_row(line))
    if xlsx:
        _write(xlsx, _tables(count, rows, since, until))
    if not as_json:
        _show(count, since, until)
        if every:
            table(_ROW, rows)


def _tables(count: _Count, rows: list[tuple[Any, ...]], since: date, until: date) -> Iterator[Table]:
    """Yield the sheets of a workbook: what was simulated, and every notice."""
    from daemon.cli.comparing import HELD
    from daemon.sheets.books import Table

    summary = [
        ("做了什么", "推演这段时间会给谁发什么；没有发出任何消息，需审签的即时审签"),
        ("起止", f"{since} 至 {until}（都含当日）"),
        ("通知", f"{count.notices} 件"),
        *([(HELD, f"{count.held} 件")] if count.held else []),
        ("事项", f"{count.items} 项"),
    ]
    yield Table("说明", ("项目", "内容"), summary, filtered=False)
    dated = ((datetime.fromisoformat(at), *more) for at, *more in rows)
    yield Table("逐条", _ROW, dated)


_ROW = ("时间", "人员", "渠道", "措施", "事项", "先扣下")


def _row(line: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        line["at"][:16],
        line["to"]["person"],
        line["channel"],
        line["act"] or "晨报",
        len(line["items"]),
        "是" if line.get("held") else "",
    )


def _show(count: _Count, since: date, until: date) -> None:
    """Print how much would be said, to whom, and when it is most."""
    from daemon.cli.comparing import HELD
    from daemon.domain.ladder import Act

    say("需审签的在推演中即时审签；没有发出任何消息。")
    answer(f"{since} 至 {until}：通知 {count.notices} 件，事项 {count.items} 项")
    if count.held:
        answer(f"{HELD} {count.held} 件")
    table(("措施", "件数"), [(act.label, count.acts[act.value]) for act in Act if count.acts[act.value]])
    table(("月份", "件数"), sorted(count.months.items()))
    most: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for (person, _), number in count.a_day.items():
        most[person] = max(most[person], number)
        total[person] += number
    answer("", "收到最多的人")
    table(
        ("人员", "共收", "一天最多"),
        [(person, number, most[person]) for person, number in total.most_common(10)],
    )


# two rule sets


def _compare(play: _Play, against: Path, *, xlsx: Path | None, as_json: bool) -> None:
    from daemon.cli.comparing import comparison_json, comparison_tables, print_comparison
    from daemon.compare import Heard, compare
    from daemon.config.source import load_rules

    other = load_rules(find_config(against), shipped("templates"))
    old, name = play.source, str(play.directory)
    if other.hash == old.hash and (active := play.in_force()):
        old, name = active, "现行规则"  # the folder was edited in place
    before = Heard().hear(play.said(old, f"推演 {name}"))
    after = Heard().hear(play.said(other, f"推演 {against}"))
    found = compare(before, after)
    if xlsx:
        sides = (play.side(old, name), play.side(other, str(against)))
        _write(xlsx, comparison_tables(found, sides, (play.since, play.until)))
    if as_json:
        emit(comparison_json(found))
    else:
        print_comparison(found, name, str(against))


def _check_writable(path: Path) -> None:
    """Refuse a file that could not be written, before hours are spent on what goes into it."""
    from daemon.cli.words import say_os_error
    from daemon.sheets.books import check_writable

    try:
        check_writable(path)
    except OSError as error:
        raise RefusedError(f"写不了 {path}：{say_os_error(error)}") from None


def _write(path: Path, tables: Iterable[Table]) -> None:
    from daemon.cli.words import say_os_error
    from daemon.sheets.books import write_book

    try:
        write_book(path, tables)
    except OSError as error:
        raise RefusedError(f"写不了 {path}：{say_os_error(error)}") from None
    say(f"已写入 {path}")
