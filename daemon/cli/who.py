"""``who``: what one case makes us tell whom on a day, and which rungs stay silent and why."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.context import Context
from daemon.cli.options import Config, Json, No, parse_day
from daemon.cli.output import answer, emit, local, table

if TYPE_CHECKING:
    from daemon.cli.outlook import Message
    from daemon.cli.timeline import CaseRungs, Line


def who(
    no: No,
    on: Annotated[
        date | None, typer.Option("--on", metavar="日期", parser=parse_day, help="哪一天；不写为今天")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """某一天，一件问题会告知谁什么；哪些级不发，为什么。按现在的情况推算，什么都不改。"""
    from daemon.cli.timeline import case_rungs, day_bounds, weekday
    from daemon.store.engine import reading

    with Context.open(config) as context, reading(context.engine) as connection:
        rungs = case_rungs(connection, context.rules(), no, context.now)
        day = on or context.today
        begins, ends = day_bounds(day, rungs.facts.zone)
        lines = rungs.lines(ends, ahead=1)
        messages = _messages(rungs, lines, day)
        silent = [line for line in lines if not _leaves_on(line, rungs, day)]
        told: dict[str, Any] = {
            "no": rungs.case.no,
            "on": day,
            "told": [_message_json(rungs, message) for message in messages],
            "unreached": [
                line.json(begins)
                for line in lines
                if _leaves_on(line, rungs, day) and any(name.endswith("：无人") for name in line.whom)
            ],
            "silent": [line.json(begins) for line in silent],
        }
        unit = rungs.known.units[rungs.case.unit].name
    if as_json:
        emit(told)
        return
    answer(
        f"{told['no']} {unit} {rungs.case.enterprise}（{rungs.case.state.label}），{day}（{weekday(day)}）"
    )
    _print(told, context)


def _leaves_on(line: Line, rungs: CaseRungs, day: date) -> bool:
    """Whether a rung is said on that day, or was."""
    from daemon.domain.plan import Outcome
    from daemon.domain.prospect import Fate
    from daemon.domain.workdays import local_day

    said = line.fate in (Fate.DUE, Fate.LATER) or (
        line.fate is Fate.SETTLED and line.outcome is Outcome.SAID and bool(line.whom)
    )
    return said and line.leaves_at is not None and local_day(line.leaves_at, rungs.facts.zone) == day


def _messages(rungs: CaseRungs, lines: list[Line], day: date) -> list[Message]:
    """Return what each person is told on that day, the weaker folded away as a release does."""
    from daemon.cli.outlook import Coming, Outlook
    from daemon.cli.timeline import day_bounds

    begins, ends = day_bounds(day, rungs.facts.zone)
    coming = [
        Coming(line.leaves_at, rungs.subject, line.ladder.id, line.rung.id, line.occurrence, rungs.case.unit)
        for line in lines
        if _leaves_on(line, rungs, day) and line.leaves_at
    ]
    return Outlook(rungs.connection, rungs.rules, begins, ends).messages(coming)[0]


def _message_json(rungs: CaseRungs, message: Message) -> dict[str, Any]:
    from daemon.cli.timeline import sent_notices
    from daemon.domain.ladder import Part
    from daemon.domain.people import Recipient

    recipient = Recipient(message.person, message.role, message.unit)
    return {
        "at": message.at.astimezone(rungs.facts.zone),
        "person": rungs.person(message.person),
        "whom": rungs.say_recipient(recipient, message.part),
        "part": message.part.value,
        "copy": message.part is Part.COPY,
        "act": message.act.label,
        "ladder": message.coming.ladder,
        "rung": message.coming.rung,
        "approval": message.approval,
        "notices": sent_notices(rungs, message.coming, message.person),
    }


def _print(told: dict[str, Any], context: Context) -> None:
    from daemon.cli.folding import Group, in_group

    rows = [
        (
            local(each["at"], context.zone)[11:],
            each["whom"],
            each["act"],
            f"{each['ladder']}/{each['rung']}",
            "、".join(f"第{number}号通知" for number in each["notices"])
            or ("须先审签" if each["approval"] else ""),
        )
        for each in told["told"]
    ]
    answer("", "告知")
    table(("时间", "收件人", "措施", "级", ""), rows, empty="这一天没有人会收到")
    for line in told["unreached"]:
        answer(f"  {line['ladder']}/{line['rung']} 有岗位无人：{line['whom']}")
    titles = {Group.BEFORE: "这一天以前", Group.LATER: "这一天以后", Group.SILENT: "不发的各级"}
    for group, title in titles.items():
        folds = in_group(told["silent"], group, by_rung=False)
        answer("", title)
        cells = [(fold.rungs, fold.acts, fold.days, fold.state) for fold in folds]
        table(("级", "措施", "日子", "情况"), cells, empty="没有")
