"""``check``, ``migrate`` and ``reload``: the rules, and the tables they work on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.context import Context, find_config, shipped
from daemon.cli.options import By, Config, Json, RulesNote, Yes
from daemon.cli.output import answer, emit, say
from daemon.errors import DubanError, Fault, FaultyInputError

if TYPE_CHECKING:
    from daemon.cli.checking import Findings


def check(
    config: Config = None,
    strict: Annotated[bool, typer.Option("--strict", help="警告也算错误")] = False,
    as_json: Json = False,
) -> None:
    """检查配置文件夹：列出全部错误，写明文件、行、列和正确写法；什么都不改。"""
    from daemon.cli.checking import findings

    directory = find_config(config)
    say(f"配置 {directory}")
    found = findings(directory, shipped("templates"))
    unfit, skipped = _check_people(directory, found)
    doubts = [*found.warnings, *unfit]
    if as_json:
        told = {"faults": found.faults, "warnings": doubts}
        emit({**{k: [_check_json(f) for f in v] for k, v in told.items()}, "skipped": skipped})
    else:
        say(*map(str, found.faults))
        answer(*(f"警告 {doubt}" for doubt in doubts), *(f"未核对 {words}" for words in skipped))
        answer(_summary(found, len(doubts)) + ("（--strict：警告也算错误）" if strict and doubts else ""))
    if found.faults or (strict and doubts):
        raise typer.Exit(1)


def _summary(found: Findings, doubts: int) -> str:
    warned = f"，{doubts} 处警告" if doubts else ""
    if found.source is None:
        return f"配置有 {len(found.faults)} 处错误{warned}；改好以前不能启用，现行规则不受影响"
    return f"配置没有错误，规则 {found.source.hash[:12]}{warned}"


def _check_json(fault: Fault) -> dict[str, object]:
    """Say where a fault stands as editors and scripts call it."""
    return {
        "file": fault.place,
        "line": fault.line,
        "column": fault.column,
        "key": fault.key,
        "message": fault.message,
        "hint": fault.hint,
    }


def _check_people(directory: Path, found: Findings) -> tuple[list[Fault], list[str]]:
    """Return where the rules do not fit the office as it stands; or why that could not be looked at."""
    from sqlalchemy.exc import SQLAlchemyError

    from daemon.cli.checking_people import misfits
    from daemon.config.deployment import load_deployment
    from daemon.store.engine import reading

    if not found.inspection.campaigns:
        return [], ["名录（专项行动读不出来）"]
    zone = next(iter(found.inspection.campaigns.values())).zone
    try:
        with Context(directory, load_deployment(directory), migrated=True) as context:
            context.check_version()
            with reading(context.engine) as connection:
                today = context.now.astimezone(zone).date()
                return list(misfits(connection, found.inspection, today)), []
    except FaultyInputError:
        return [], ["名录里的联系方式（duban.yaml 有误）"]
    except DubanError as error:
        return [], [f"名录里的联系方式（{error}）"]
    except SQLAlchemyError:
        return [], ["名录里的联系方式（连不上数据库）"]


def migrate_tables(config: Config = None) -> None:
    """建立数据库，或升级到本程序的版本；已有的数据都保留。"""
    from daemon.store.migrations import migrate, newest

    with Context.open(config, migrated=False) as context:
        migrate(context.engine)
    answer(f"数据库已是版本 {newest()}")


def reload(
    config: Config = None, by: By = None, note: RulesNote = "", yes: Yes = False, as_json: Json = False
) -> None:
    """检查并启用改过的规则：先列出改动和影响，问过再启用；有一处错误就什么都不改。"""
    from daemon.cli.checking import checked
    from daemon.cli.gate import put_in_force

    with Context.open(config) as context:
        source, doubts = checked(context.directory, shipped("templates"))
        say(*(f"警告 {doubt}" for doubt in doubts))
        put_in_force(context, source, by=by, note=note, yes=yes, as_json=as_json)
