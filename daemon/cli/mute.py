"""``mute``: one ladder, unit, case or person is silent for a time; who said so, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.commands import App
from daemon.cli.context import Context
from daemon.cli.options import By, Config, EndNote, Json, parse_day
from daemon.cli.output import answer, emit, table
from daemon.errors import NotFoundError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from daemon.domain.ladder import SubjectKind
    from daemon.store.mutes import MuteLine, Target

app = App("静默：一个梯次、单位、问题或人员，在一段时间内不发。")
KINDS = {"ladder": "梯次", "unit": "单位", "case": "问题", "person": "人员"}


@app.command()
def add(
    until: Annotated[
        date, typer.Option("--to", metavar="日期", parser=parse_day, help="静默到哪一天（含当日）")
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="文字", help="原因，记录在案")],
    since: Annotated[
        date | None,
        typer.Option("--from", metavar="日期", parser=parse_day, help="从哪一天起；不写为今天"),
    ] = None,
    ladder: Annotated[str | None, typer.Option("--ladder", metavar="梯次", help="如 case-due")] = None,
    unit: Annotated[str | None, typer.Option("--unit", metavar="单位", help="责任单位")] = None,
    case: Annotated[str | None, typer.Option("--case", metavar="编号", help="一个问题")] = None,
    person: Annotated[str | None, typer.Option("--person", metavar="人", help="一个收件人")] = None,
    by: By = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """设一项静默：梯次、单位、问题、人员中的一个。落在静默期内的一律不发，以后也不补发。"""
    from daemon import acts
    from daemon.domain.workdays import midnight
    from daemon.store import mutes
    from daemon.store.engine import reading
    from daemon.store.mutes import NewMute

    if sum(word is not None for word in (ladder, unit, case, person)) != 1:
        raise typer.BadParameter("--ladder、--unit、--case、--person 写一个，只写一个")
    with Context.open(config) as context:
        with reading(context.engine) as connection:
            target = _target(connection, context, ladder, unit, case, person)
        begins = midnight(since or context.today, context.zone)
        ends = midnight(until + timedelta(days=1), context.zone)
        new = NewMute(target, begins, ends, reason, context.who(by))
        with reading(context.engine) as connection:
            concerned = mutes.concerned(connection, target)
        number, touched = acts.mute(context.engine, new, context.now)
        with reading(context.engine) as connection:
            line = next(each for each in mutes.listed(connection) if each.id == number)
        zone = context.zone
    if as_json:
        emit(mute_json(line, context.now, zone) | {"concerned": touched})
    else:
        answer(f"第 {number} 号静默：{_say(line, zone)}{_say_effect(line, concerned)}")


def _target(
    connection: Connection,
    context: Context,
    ladder: str | None,
    unit: str | None,
    case: str | None,
    person: str | None,
) -> Target:
    from daemon.cli import names
    from daemon.store import cases
    from daemon.store.mutes import Target

    if ladder is not None:
        return Target(ladder=_ladder(context, ladder))
    if unit is not None:
        return Target(unit=names.unit_named(connection, unit))
    if case is not None:
        found = cases.by_no(connection, names.case_named(connection, case))
        assert found is not None
        return Target(case=found.id)
    return Target(person=names.person_named(connection, person or "").id)


def _ladder(context: Context, word: str) -> str:
    from daemon.config.words import nearest

    known = context.rules().ladders
    if word not in known:
        raise NotFoundError(f"没有“{word}”这个梯次；{nearest(word, known)}")
    return word


def _say(line: MuteLine, zone: tzinfo) -> str:
    return f"{KINDS[line.kind]} {line.what}，{_say_time(line, zone)}，原因：{line.reason}"


def _say_time(line: MuteLine, zone: tzinfo) -> str:
    """Say the days of a mute, both included."""
    last = (line.until - timedelta(microseconds=1)).astimezone(zone)
    return f"{line.since.astimezone(zone):%Y-%m-%d} 至 {last:%Y-%m-%d}"


def _say_effect(line: MuteLine, concerned: Mapping[SubjectKind, int]) -> str:
    from daemon.domain.why import SUBJECT_TITLES

    if line.kind == "person":
        return "；其间编发给此人的事项不发，记明原因"
    found = "，".join(
        f"{title} {concerned[kind]}" for kind, title in SUBJECT_TITLES.items() if kind in concerned
    )
    return f"；涉及{found}" if found else "；现在没有涉及的问题或报送"


@app.command("list")
def list_mutes(
    every: Annotated[bool, typer.Option("--all", help="已经结束的也列出")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """列出静默。"""
    from daemon.store import mutes
    from daemon.store.engine import reading

    with Context.open(config) as context, reading(context.engine) as connection:
        found = mutes.listed(connection, None if every else context.now)
        zone, now = context.zone, context.now
    if as_json:
        emit([mute_json(line, now, zone) for line in found])
    else:
        print_mutes(found, now, zone, empty="没有静默" if every else "现在没有静默；已经结束的用 --all 查看")


def print_mutes(found: Sequence[MuteLine], now: datetime, zone: tzinfo, *, empty: str = "没有静默") -> None:
    rows = [
        (
            line.id,
            f"{KINDS[line.kind]} {line.what}",
            _say_time(line, zone),
            _state(line, now, zone),
            line.reason,
            line.by,
        )
        for line in found
    ]
    table(("号", "对象", "时间", "情况", "原因", "经办"), rows, empty=empty)


def _state(line: MuteLine, now: datetime, zone: tzinfo) -> str:
    if line.ended_at is not None:
        why = f"：{line.ended_why}" if line.ended_why else ""
        return f"{line.ended_at.astimezone(zone):%Y-%m-%d %H:%M} 提前结束（{line.ended_by}{why}）"
    if now < line.since:
        return "未开始"
    return "静默中" if line.in_force(now) else "已结束"


def mute_json(line: MuteLine, now: datetime, zone: tzinfo) -> dict[str, Any]:
    """Return a mute as scripts read it; ``until`` is excluded."""
    return {
        "id": line.id,
        "kind": line.kind,
        "what": line.what,
        "from": line.since.astimezone(zone),
        "until": line.until.astimezone(zone),
        "in_force": line.in_force(now),
        "reason": line.reason,
        "by": line.by,
        "recorded_at": line.recorded_at.astimezone(zone),
        "ended_at": line.ended_at.astimezone(zone) if line.ended_at else None,
        "ended_by": line.ended_by,
        "ended_why": line.ended_why,
    }


@app.command()
def end(
    number: Annotated[int, typer.Argument(metavar="号", help="静默的号，见 duban mute list")],
    note: EndNote = "",
    by: By = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """提前结束一项静默：从现在起照常发；静默期内已过的不补发。"""
    from daemon import acts

    with Context.open(config) as context:
        who = context.who(by)
        touched = acts.end_mute(context.engine, number, who, note, context.now)
    if as_json:
        emit({"ended": number, "by": who, "concerned": touched})
    else:
        answer(f"第 {number} 号静默已结束（{who}），从现在起照常发；静默期内已过的不补发")
