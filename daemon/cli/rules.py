"""``check``, ``migrate`` and ``reload``: the rules, and the tables they work on."""

from __future__ import annotations

from typing import Annotated

import typer

from daemon.cli.context import Context, find_config, shipped
from daemon.cli.options import By, Config, Json, Note, Yes
from daemon.cli.output import answer, emit, fault_json, say
from daemon.errors import FaultyInputError


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
    """检查并启用改过的规则：先列出改动和影响，问过再启用；有一处错误就什么都不改。"""
    from daemon.cli.gate import put_in_force

    with Context.open(config) as context:
        put_in_force(context, context.source(), by=by, note=note, yes=yes, as_json=as_json)
