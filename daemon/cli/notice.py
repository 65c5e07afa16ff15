"""``notice``: what was said, what waits, and the two things a person does about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.commands import App
from daemon.cli.context import Context
from daemon.cli.options import By, Config, Json, Number, Yes
from daemon.cli.output import answer, confirm, emit, local, say, table
from daemon.cli.words import NOTICE_STATES, say_channels
from daemon.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from daemon.store.listing import NoticeLine

app = App("通知：发了什么，什么在等，审签和人工办结。")
SHOWN = 200
"""A table shows so many, the newest, and says how many more there are."""


def _state(word: str) -> str:
    """Return the state of that key or Chinese title."""
    for key, title in NOTICE_STATES.items():
        if word in (key, title):
            return key
    known = "、".join(f"{key} {title}" for key, title in NOTICE_STATES.items())
    raise typer.BadParameter(f"没有“{word}”这种状态，可用：{known}")


@app.command("list")
def list_notices(
    state: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="状态", help="如 待审签、待人工办理、已发出；可写几次"),
    ] = None,
    person: Annotated[
        str | None, typer.Option("--person", metavar="人", help="收件人的姓名、手机、邮箱或企业微信账号")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """列出通知。"""
    from daemon.cli import names
    from daemon.store import listing
    from daemon.store.engine import reading

    states = [_state(word) for word in state or ()]
    with Context.open(config) as context, reading(context.engine) as connection:
        who = names.person_named(connection, person).id if person else None
        found = listing.notice_lines(connection, states=states, person=who)
        zone = context.zone
    if as_json:
        emit([_line_json(line, zone) for line in found])
    else:
        _print_lines(found, zone)


def _print_lines(found: Sequence[NoticeLine], zone: tzinfo) -> None:
    rows = [
        (
            line.id,
            say_act(line.kind, line.act),
            line.person,
            "、".join(line.units[:2]) + ("等" if len(line.units) > 2 else ""),
            line.items or "",
            NOTICE_STATES.get(line.state, line.state),
            say_channels(line.sent_leg),
            local(line.sent_at or line.moment, zone),
        )
        for line in found[-SHOWN:]
    ]
    table(("号", "措施", "收件人", "单位", "事项", "状态", "渠道", "时间"), rows, empty="没有符合条件的通知")
    if len(found) > SHOWN:
        say(f"共 {len(found)} 条，只列出最近 {SHOWN} 条；可用 --state、--person 缩小范围，或 --json 取全部")
    elif found:
        answer(f"共 {len(found)} 条")


_OFFICE = {"note": "办公室提示", "ask": "请示放行"}


def say_act(kind: str, act: str | None) -> str:
    """Say what a notice does; the office's morning note has no act."""
    from daemon.domain.ladder import Act

    return Act(act).label if act else _OFFICE.get(kind, "")


def _line_json(line: NoticeLine, zone: tzinfo) -> dict[str, Any]:
    return {
        "id": line.id,
        "kind": line.kind,
        "state": line.state,
        "state_title": NOTICE_STATES.get(line.state, line.state),
        "act": line.act,
        "audience": line.audience,
        "person": line.person,
        "units": list(line.units),
        "items": line.items,
        "moment": line.moment.astimezone(zone),
        "created_at": line.created_at.astimezone(zone),
        "sent_at": line.sent_at.astimezone(zone) if line.sent_at else None,
        "channel": line.sent_leg,
        "approval": line.approval,
    }


@app.command()
def show(number: Number, config: Config = None, as_json: Json = False) -> None:
    """一条通知：说了什么，经哪个渠道，每一次发送，涉及哪些事项。"""
    from dataclasses import replace

    from daemon.cli.notice_views import NoticeSheet
    from daemon.draft import documents
    from daemon.store.engine import reading

    with Context.open(config) as context, reading(context.engine) as connection:
        sheet = NoticeSheet.load(connection, number, context.rules(), context.now)
        if sheet.notice.state in ("waiting", "held"):
            drafts = documents(context.engine, context.rules(), number, context.now)
            sheet = replace(sheet, draft=drafts.get(number))
    if as_json:
        emit(sheet.json())
    else:
        sheet.print()


@app.command()
def approve(
    number: Number,
    document: Annotated[str, typer.Option(help="审阅时显示的文稿号；文稿此后有变，则不予审签")] = "",
    by: By = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """审签一份文件：审签的文稿一字不改，同一文件的各份一并发出。"""
    from daemon import acts
    from daemon.draft import documents

    with Context.open(config) as context:
        who = context.who(by)
        _check_state(context, number, "waiting", "审签")
        rules = context.rules_in_force(who)
        drafts = documents(context.engine, rules, number, context.now)
        if number in drafts and not drafts[number].hash.startswith(document):
            raise RefusedError(
                f"文稿已变（现为 {drafts[number].hash[:12]}），没有审签；"
                f"请用 duban notice show {number} 重新审阅"
            )
        sent = acts.approve(context.engine, rules, number, who, context.now, drafts)
    if as_json:
        emit({"approved": sent, "by": who})
    else:
        others = f"，同一文件的其他 {len(sent) - 1} 份一并发出" if len(sent) > 1 else ""
        answer(f"第 {number} 号通知已审签（{who}），将在发送时段内发出{others}")


@app.command()
def done(number: Number, by: By = None, config: Config = None, as_json: Json = False) -> None:
    """登记一项人工任务已经办结（电话、书面已送达）。"""
    from daemon import acts

    with Context.open(config) as context:
        who = context.who(by)
        _check_state(context, number, "manual", "登记办结")
        acts.done(context.engine, number, who, context.now)
    if as_json:
        emit({"done": number, "by": who})
    else:
        answer(f"第 {number} 号通知已人工办结（{who}）")


@app.command("release-held")
def release_held(
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[号...]", help="哪几条；不写为全部扣下的")
    ] = None,
    drop: Annotated[bool, typer.Option("--drop", help="作废，不再发送")] = False,
    by: By = None,
    config: Config = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """放行被扣下的通知（一小时内太多，或越过专报报领导小组的），或用 --drop 作废。"""
    from daemon import acts

    with Context.open(config) as context:
        who = context.who(by)
        held = _held(context, numbers or [])
        if held:
            confirm(f"将{'作废' if drop else '放行'}扣下的 {len(held)} 条通知", yes=yes)
        if drop:
            acts.withdraw(context.engine, held, who, context.now)
        elif held:
            held = acts.let_go(context.engine, context.rules_in_force(who), who, context.now, held)
    if as_json:
        emit({"dropped" if drop else "released": held, "by": who})
    elif not held:
        answer("没有扣下的通知")
    else:
        done = "作废，不再发送" if drop else "放行，将在发送时段内发出"
        answer(f"{len(held)} 条通知已{done}（{who}）")


def _held(context: Context, numbers: Sequence[int]) -> list[int]:
    """Return what is held, of these or of all; refuse a number that is not."""
    from daemon.store import holds
    from daemon.store.engine import reading

    with reading(context.engine) as connection:
        found = holds.held(connection, numbers)
    for number in numbers:
        if number not in found:
            _check_state(context, number, "held", "放行或作废")
    return found


def _check_state(context: Context, number: int, wanted: str, what: str) -> None:
    """Refuse in plain words; the act itself looks again, within its transaction."""
    from daemon.cli.notice_views import no_such_notice
    from daemon.store import notices
    from daemon.store.engine import reading

    with reading(context.engine) as connection:
        notice = notices.load(connection, [number]).get(number)
        if notice is None:
            raise no_such_notice(connection, number)
    if notice.state != wanted:
        raise RefusedError(
            f"第 {number} 号通知现为“{NOTICE_STATES.get(notice.state, notice.state)}”，"
            f"只有“{NOTICE_STATES[wanted]}”的才能{what}；用 duban notice list --state {wanted} 查看"
        )
