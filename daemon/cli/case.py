"""``case``: the list, one case, and every transition, all through the one gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.commands import App
from daemon.cli.context import Context, login
from daemon.cli.options import (
    By,
    Config,
    Due,
    Json,
    MendNote,
    NewDue,
    No,
    Note,
    On,
    OneUnit,
    ProgressNote,
    Unit,
    UnitNote,
    parse_day,
)
from daemon.cli.output import answer, emit, say
from daemon.domain.case import Case, Event, EventKind, State
from daemon.errors import RefusedError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from daemon.domain.campaign import Campaign

app = App("问题：查看，以及从登记到销号的每一步。")

PLAIN = {
    "sign": (EventKind.SIGNED, "签收：责任单位表示收到（--by 写签收人）。"),
    "progress": (EventKind.PROGRESS, "报告进展（--note 写进展）。"),
    "submit": (EventKind.SUBMITTED, "报结：责任单位认为整改到位，送办公室核查。"),
    "close": (EventKind.CLOSED, "销号：办公室核查属实。"),
    "decline": (EventKind.DECLINED, "不予认领：单位认为不属于自己，等待转办。"),
    "dismiss": (EventKind.DISMISSED, "撤销：不属于违约失信，或与别的问题合并（--note 写理由）。"),
    "suspend": (EventKind.SUSPENDED, "挂账：暂时无法办理（--note 写理由）。"),
    "identify": (EventKind.IDENTIFIED, "认定：责任主体和问题性质已经认定。"),
    "opinion": (EventKind.OPINION, "提出处理意见。"),
}
WITH_DUE = {
    "assign": (EventKind.ASSIGNED, "交办：把登记的问题交给责任单位。"),
    "return": (EventKind.RETURNED, "退回：核查不通过，退回重办。"),
    "reopen": (EventKind.REOPENED, "重新立案：销号不实。"),
    "resume": (EventKind.RESUMED, "恢复办理挂账的问题。"),
}
NEEDS_DUE = {
    "due": (EventKind.DUE_SET, "确定或改定整改时限。"),
    "extend": (EventKind.EXTENDED, "延期：须在原时限到期前提出。"),
}


@dataclass(frozen=True)
class Asked:
    """One transition as it was typed."""

    kind: EventKind
    no: str
    on: date | None
    note: str
    by: str | None
    config: Path | None
    as_json: bool
    due: date | None = None
    unit: str | None = None


def _states(word: str) -> str:
    """Return the state of that key or Chinese title."""
    for state in State:
        if word in (state.value, state.label):
            return state.value
    raise typer.BadParameter(f"没有“{word}”这种状态，可用：{'、'.join(state.label for state in State)}")


@app.command("list")
def list_cases(
    unit: Unit = None,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="状态", help="如 待核查；可写几次"),
    ] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="只看逾期未办结的")] = False,
    open_only: Annotated[bool, typer.Option("--open", help="只看未办结的")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """列出问题。"""
    from daemon.cli import case_views, names
    from daemon.store import listing
    from daemon.store.engine import reading

    states = [State(_states(word)) for word in state or ()]
    with Context.open(config) as context, reading(context.engine) as connection:
        today = context.today
        found = listing.found_cases(
            connection,
            unit=names.unit_named(connection, unit) if unit else None,
            states=states,
            open_only=open_only,
            overdue_on=today if overdue else None,
        )
        units = case_views.unit_names(connection)
    if as_json:
        emit([case_views.case_json(case, units, today) for case in found])
    else:
        case_views.print_cases(found, units, today)


@app.command()
def show(no: No, config: Config = None, as_json: Json = False) -> None:
    """一件问题的全部情况：台账内容、经过、发过的通知。"""
    from daemon.cli import names
    from daemon.cli.case_views import CaseSheet
    from daemon.store.engine import reading

    with Context.open(config) as context, reading(context.engine) as connection:
        known = names.case_named(connection, no)
        sheet = CaseSheet.load(connection, known, context.rules(), context.today, context.zone)
    if as_json:
        emit(sheet.json())
    else:
        sheet.print()


@app.command()
def add(
    unit: OneUnit,
    enterprise: Annotated[str, typer.Option("--enterprise", metavar="企业", help="企业名称（投资主体）")],
    no: Annotated[str, typer.Option("--no", metavar="编号", help="不写则取下一个编号")] = "",
    category: Annotated[str, typer.Option("--category", metavar="类别", help="问题类别")] = "",
    source: Annotated[str, typer.Option("--source", metavar="来源", help="问题来源")] = "",
    description: Annotated[str, typer.Option("--description", metavar="文字", help="问题描述")] = "",
    amount: Annotated[str, typer.Option("--amount", metavar="金额", help="如 1500000 或 150万元")] = "",
    legal_person: Annotated[str, typer.Option("--legal-person", metavar="姓名", help="法定代表人")] = "",
    phone: Annotated[str, typer.Option("--phone", metavar="电话", help="联系电话")] = "",
    key: Annotated[bool, typer.Option("--key", help="重点问题")] = False,
    remark: Annotated[str, typer.Option("--remark", metavar="文字", help="备注")] = "",
    found_on: Annotated[
        date | None,
        typer.Option("--found-on", metavar="日期", parser=parse_day, help="发现日期；不写为登记日期"),
    ] = None,
    on: On = None,
    campaign: Annotated[
        str | None, typer.Option("--campaign", metavar="id", help="有几个专项行动时写明")
    ] = None,
    by: By = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """登记一件新问题；交办用 case assign。"""
    from daemon import acts
    from daemon.cli import case_views, fields, names
    from daemon.store.engine import reading

    with Context.open(config) as context:
        who = context.who(by)
        rules = context.rules_in_force(who)
        day = context.happened(on)
        with reading(context.engine) as connection:
            draft = Case(
                id=0,
                campaign=_campaign(connection, rules.campaigns, campaign),
                no=no,
                unit=names.unit_named(connection, unit),
                enterprise=fields.required(enterprise, "企业名称"),
                state=State.REPORTED,
                legal_person=legal_person,
                phone=fields.phone(phone),
                source=source,
                category=fields.category(category),
                description=description,
                amount=fields.amount(amount),
                key=key,
                note=remark,
                found_on=found_on or day,
            )
            units = case_views.unit_names(connection)
        case = acts.add_case(context.engine, rules, draft, context.now, on=day, by=who)
        today = context.today
    if as_json:
        emit(case_views.case_json(case, units, today))
    else:
        answer(f"已登记 {case.no}：{units[case.unit]}，{case.enterprise}")


def _campaign(connection: Connection, campaigns: dict[str, Campaign] | Any, wanted: str | None) -> int:
    """Return the campaign's number; with several, the one that ``--campaign`` names."""
    from daemon.store.facts import load_campaigns

    found = {campaign.id: number for number, campaign in load_campaigns(connection, campaigns).items()}
    if wanted is None and len(found) == 1:
        return next(iter(found.values()))
    if wanted not in found:
        raise RefusedError(f"请用 --campaign 写明专项行动，可用：{'、'.join(found)}")
    return found[wanted]


@app.command()
def reassign(
    no: No,
    unit: OneUnit,
    due: Due = None,
    on: On = None,
    note: Note = "",
    by: By = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """转办：改由另一个单位负责。"""
    _happen(Asked(EventKind.MOVED, no, on, note, by, config, as_json, due, unit))


def _plain(kind: EventKind) -> Callable[..., None]:
    def act(
        no: No, on: On = None, note: Note = "", by: By = None, config: Config = None, as_json: Json = False
    ) -> None:
        _happen(Asked(kind, no, on, note, by, config, as_json))

    return act


def _with_due(kind: EventKind) -> Callable[..., None]:
    def act(
        no: No,
        due: Due = None,
        on: On = None,
        note: Note = "",
        by: By = None,
        config: Config = None,
        as_json: Json = False,
    ) -> None:
        _happen(Asked(kind, no, on, note, by, config, as_json, due))

    return act


def _needs_due(kind: EventKind) -> Callable[..., None]:
    def act(
        no: No,
        due: NewDue,
        on: On = None,
        note: Note = "",
        by: By = None,
        config: Config = None,
        as_json: Json = False,
    ) -> None:
        _happen(Asked(kind, no, on, note, by, config, as_json, due))

    return act


_NOTES = {
    EventKind.PROGRESS: ProgressNote,
    EventKind.RETURNED: UnitNote,
    EventKind.REOPENED: UnitNote,
    EventKind.EXTENDED: UnitNote,
}
"""Whose ``--note`` is for something of its own."""


def _register() -> None:
    for made, commands in ((_plain, PLAIN), (_with_due, WITH_DUE), (_needs_due, NEEDS_DUE)):
        for name, (kind, words) in commands.items():
            act = made(kind)
            act.__annotations__["note"] = _NOTES.get(kind, Note)
            app.command(name, help=words)(act)


_register()


def _happen(asked: Asked) -> None:
    """Let one event happen to a case, and say how the case stands."""
    from daemon.cli import names
    from daemon.store.engine import reading

    with Context.open(asked.config) as context:
        signs = asked.kind is EventKind.SIGNED  # says itself that nobody is named
        by = login(asked.by) if signs else context.who(asked.by)
        on = context.happened(asked.on)
        if asked.due and asked.due < on:
            raise RefusedError(f"整改时限 {asked.due} 早于 {on}，请核对 --due")
        with reading(context.engine) as connection:
            no = names.case_named(connection, asked.no)
            unit = names.unit_named(connection, asked.unit) if asked.unit else None
        event = Event(asked.kind, on, by=by, note=asked.note, due_on=asked.due, unit=unit)
        _pass(context, no, event, asked.as_json)


def _pass(context: Context, no: str, event: Event, as_json: bool) -> None:
    from daemon import acts
    from daemon.cli import case_views
    from daemon.store import people
    from daemon.store.engine import reading

    after = acts.on_case(context.engine, context.rules_in_force(event.by), no, event, context.now)
    with reading(context.engine) as connection:
        units = case_views.unit_names(connection)
        signer = people.person_named(connection, event.by)
    if event.kind is EventKind.SIGNED and signer is None:
        say(f"“{event.by}”不是名录里的人员：只记签收日期，没有记到人；可用 --by 写签收人")
    if as_json:
        emit(case_views.case_json(after, units, context.today))
    else:
        answer(case_views.say_after(after, event, units))


@app.command()
def correct(
    no: No,
    new_no: Annotated[str | None, typer.Option("--no", metavar="编号", help="新的编号")] = None,
    enterprise: Annotated[str | None, typer.Option("--enterprise", metavar="企业", help="企业名称")] = None,
    category: Annotated[str | None, typer.Option("--category", metavar="类别", help="问题类别")] = None,
    source: Annotated[str | None, typer.Option("--source", metavar="来源", help="问题来源")] = None,
    description: Annotated[str | None, typer.Option("--description", metavar="文字", help="问题描述")] = None,
    amount: Annotated[
        str | None, typer.Option("--amount", metavar="金额", help="如 1500000 或 150万元")
    ] = None,
    legal_person: Annotated[
        str | None, typer.Option("--legal-person", metavar="姓名", help="法定代表人")
    ] = None,
    phone: Annotated[str | None, typer.Option("--phone", metavar="电话", help="联系电话")] = None,
    key: Annotated[bool | None, typer.Option("--key/--no-key", help="是否重点问题")] = None,
    remark: Annotated[str | None, typer.Option("--remark", metavar="文字", help="备注")] = None,
    found_on: Annotated[
        date | None, typer.Option("--found-on", metavar="日期", parser=parse_day, help="发现日期")
    ] = None,
    due: Due = None,
    note: MendNote = "",
    by: By = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """更正登记错的内容；不影响任何人的记录。"""
    from daemon.cli import fields, names
    from daemon.store.engine import reading

    changes: dict[str, object] = {
        "no": new_no,
        "enterprise": fields.required(enterprise, "企业名称") if enterprise is not None else None,
        "category": fields.category(category) if category else category,
        "source": source,
        "description": description,
        "amount": fields.amount(amount) if amount else None,
        "legal_person": legal_person,
        "phone": fields.phone(phone) if phone else phone,
        "key": key,
        "note": remark,
        "found_on": found_on,
        "due_on": due,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    if not changes:
        raise RefusedError("没有写明更正什么，如 --enterprise、--amount、--due；见 duban case correct --help")
    with Context.open(config) as context:
        with reading(context.engine) as connection:
            known = names.case_named(connection, no)
            fields.check_correction(connection, known, changes)
        event = Event(EventKind.CORRECTED, context.today, by=context.who(by), note=note, changes=changes)
        _pass(context, known, event, as_json)


@app.command()
def undo(no: No, note: MendNote = "", by: By = None, config: Config = None, as_json: Json = False) -> None:
    """撤回最近一步操作，恢复到之前的样子；记录保留。"""
    from daemon import acts
    from daemon.cli import case_views, names
    from daemon.store.engine import reading

    with Context.open(config) as context:
        who = context.who(by)
        with reading(context.engine) as connection:
            known = names.case_named(connection, no)
            units = case_views.unit_names(connection)
        case = acts.undo(context.engine, context.rules_in_force(who), known, who, note, context.now)
        today = context.today
        with reading(context.engine) as connection:
            undone = case_views.last_undone(connection, case)
    if as_json:
        emit(case_views.case_json(case, units, today))
    else:
        answer(f"{case.no} 已撤回“{undone}”，现为“{case.state.label}”")
