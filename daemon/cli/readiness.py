"""``readiness``: whether the directory can carry the rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.context import Context
from daemon.cli.options import Config, Json, parse_day
from daemon.cli.output import answer, emit
from daemon.domain.readiness import Finding, Trouble

if TYPE_CHECKING:
    from sqlalchemy import Connection

TITLES = {
    Trouble.EMPTY_GROUP: "领导小组岗位无人：规则要报领导小组，却无人可收",
    Trouble.NO_HEAD: "没有主要领导的单位",
    Trouble.EMPTY_RUNG: "通知无人可收",
    Trouble.UNREACHED: "没有任何可用联系方式的人",
    Trouble.ENDING: "一个月内任期届满、没有接任的岗位",
    Trouble.SAME_PERSON: "一人兼上下两个岗位（逐级催办会落在同一人）",
}


def readiness(
    on: Annotated[
        date | None, typer.Option("--on", metavar="日期", parser=parse_day, help="看哪一天；不写为今天")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """名录是否齐备：哪些单位没有主要领导、哪些人联系不上、哪些通知现在或三个月内无人可收。"""
    from daemon.store import roster
    from daemon.store.engine import reading

    with Context.open(config) as context, reading(context.engine) as connection:
        day = on or context.today
        empty = not roster.load(connection).posts
        findings = roster.survey(connection, context.rules().demands, day)
        names = _Names.load(connection)
    if as_json:
        told = [names.json(finding) for finding in findings]
        emit({"on": day, "empty": empty, "blocks": _blocks(findings, day), "findings": told})
    elif empty:
        answer("名录还是空的：请先用 duban import 导入名录")
    elif not findings:
        answer(f"名录齐备（{day}）：岗位有人，人人联系得上，三个月内没有空缺")
    else:
        _print(findings, names, day)


def _blocks(findings: Sequence[Finding], day: date) -> bool:
    """Whether new rules would be refused that day: they report to a leading group that has nobody."""
    return any(f.trouble is Trouble.EMPTY_GROUP and f.since == day for f in findings)


def _print(findings: Sequence[Finding], names: _Names, day: date) -> None:
    for trouble, of_kind in groupby(findings, key=lambda finding: finding.trouble):
        lines = list(names.lines(trouble, list(of_kind)))
        answer(f"{TITLES[trouble]}（{len(lines)}）", *(f"  {line}" for line in lines), "")
    answer(f"共 {len(findings)} 处（{day}，往后看三个月）；补充名录后用 duban import 重新导入")


@dataclass(frozen=True)
class _Names:
    """What units and people are called."""

    units: Mapping[int, str]
    persons: Mapping[int, str]

    @classmethod
    def load(cls, connection: Connection) -> _Names:
        from daemon.store import facts, people

        units = {number: unit.name for number, unit in facts.load_units(connection).items()}
        return cls(units, {n: person.name for n, person in people.load_all(connection).items()})

    def lines(self, trouble: Trouble, findings: Sequence[Finding]) -> Iterator[str]:
        """Yield one line a finding; the same gap in many units is one line."""
        if trouble is not Trouble.EMPTY_RUNG:
            yield from (self.say(finding) for finding in findings)
            return
        alike: dict[Finding, list[str]] = {}
        for f in findings:
            key = Finding(f.trouble, roles=f.roles, rungs=f.rungs, since=f.since, until=f.until)
            alike.setdefault(key, []).append(self.units.get(f.unit or 0, ""))
        for key, units in alike.items():
            named = "、".join(units[:5]) + (f"等 {len(units)} 个单位" if len(units) > 5 else "")
            yield f"{named}{self.say(key)}"

    def say(self, f: Finding) -> str:
        from daemon.domain.why import ROLE_TITLES

        unit = self.units.get(f.unit, "") if f.unit else ""
        person = self.persons.get(f.person, "") if f.person else ""
        seats = [ROLE_TITLES[role] for role in f.roles]
        match f.trouble:
            case Trouble.EMPTY_GROUP | Trouble.EMPTY_RUNG | Trouble.NO_HEAD:
                return f"{unit}{'、'.join(seats)}：{_days(f)}无人{_rungs(f)}"
            case Trouble.ENDING:
                return f"{unit}{seats[0]} {person}：任期到 {f.until} 为止"
            case Trouble.SAME_PERSON:
                return f"{unit or ''}{person}：既是{seats[0]}，又是{seats[1]}"
            case _:
                return person

    def json(self, f: Finding) -> dict[str, Any]:
        return {
            "trouble": f.trouble.value,
            "unit": self.units.get(f.unit) if f.unit else None,
            "person": self.persons.get(f.person) if f.person else None,
            "roles": [role.value for role in f.roles],
            "rungs": list(f.rungs),
            "since": f.since,
            "until": f.until,
        }


def _days(f: Finding) -> str:
    since = f"{f.since} 起" if f.since else ""
    return f"{since}至 {f.until} " if f.until else since


def _rungs(f: Finding) -> str:
    shown = "、".join(f.rungs[:3]) + (f"等 {len(f.rungs)} 级" if len(f.rungs) > 3 else "")
    return f"（{shown} 无人可收）" if shown else ""
