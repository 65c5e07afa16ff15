"""``check``, ``migrate`` and ``reload``: the rules, and the tables they work on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.context import Context, find_config, login, shipped
from daemon.cli.options import By, Config, Json, Note, Yes
from daemon.cli.output import answer, confirm, emit, fault_json, say
from daemon.errors import FaultyInputError

if TYPE_CHECKING:
    from daemon.cli.preview import Preview


def check(
    config: Config = None,
    strict: Annotated[bool, typer.Option("--strict", help="警告也算错误")] = False,
    as_json: Json = False,
) -> None:
    """检查配置文件夹：列出全部错误，写明文件、行、列和正确写法；什么都不改。"""
    from daemon.cli.checking import checked_source, warnings

    directory = find_config(config)
    say(f"配置 {directory}")
    try:
        source = checked_source(directory, shipped("templates"))
        faults, doubts = [], warnings(source, directory)
    except FaultyInputError as error:
        faults, doubts = list(error.faults), []
    if as_json:
        emit({"faults": [fault_json(f) for f in faults], "warnings": [fault_json(f) for f in doubts]})
    else:
        say(*map(str, faults), *(f"警告 {doubt}" for doubt in doubts))
    if faults or (strict and doubts):
        raise typer.Exit(1)
    if not as_json:
        answer(f"配置没有错误，规则 {source.hash[:12]}" + (f"，{len(doubts)} 处警告" if doubts else ""))


def migrate_tables(config: Config = None) -> None:
    """建立数据库，或升级到本程序的版本；已有的数据都保留。"""
    from daemon.store.migrations import migrate, newest

    with Context.open(config, migrated=False) as context:
        migrate(context.engine)
    answer(f"数据库已是版本 {newest()}")


def reload(
    config: Config = None, by: By = None, note: Note = "", yes: Yes = False, as_json: Json = False
) -> None:
    """检查并启用改过的规则；有一处错误就什么都不改。"""
    from daemon.activate import ActiveRules, activate, refuse_silent_group
    from daemon.cli.preview import preview
    from daemon.loop import plan_due

    with Context.open(config) as context:
        source = context.source()
        refuse_silent_group(context.engine, source, context.now)
        expected = preview(context.engine, source, context.now)
        if expected is not None and not expected.same:
            confirm(_question(expected), yes=yes)
        plan_due(context.engine, ActiveRules(context.engine), context.now)
        done = activate(context.engine, source, context.now, by=login(by), note=note)
    if as_json:
        emit(
            {
                "hash": done.hash,
                "changed": list(done.changed),
                "touched": done.touched,
                "new_subjects": done.new_subjects,
            }
        )
    elif expected is not None and expected.same:
        answer(f"规则没有变化（{done.hash[:12]}），新增事项 {done.new_subjects}")
    else:
        answer(
            f"已启用规则 {done.hash[:12]}：变动梯次 {len(done.changed)}，"
            f"重新查看 {done.touched}，新增事项 {done.new_subjects}"
        )


def _question(expected: Preview) -> str:
    ladders = f"变动梯次 {len(expected.changed)}"
    if expected.changed:
        ladders += f"（{'、'.join(expected.changed)}）"
    return f"将启用改过的规则：{ladders}，重新查看 {expected.touched} 项，其中立即应说的 {expected.owed} 条"
