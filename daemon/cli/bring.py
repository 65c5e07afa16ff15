"""``import``: workbooks in, all of them or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.context import Context
from daemon.cli.options import By, Config, Json, Yes
from daemon.cli.output import answer, confirm, counted, emit, fault_json, say, working
from daemon.errors import FaultyInputError

if TYPE_CHECKING:
    from daemon.config.compiled import RuleSet
    from daemon.intake import Imported
    from daemon.sheets import Sheet

KINDS = {
    "directory": "directory",
    "名录": "directory",
    "issue-list": "issue-list",
    "问题清单": "issue-list",
    "ledger": "ledger",
    "台账": "ledger",
}


def _kind(word: str) -> str:
    if word not in KINDS:
        raise typer.BadParameter(f"没有“{word}”这一类，可用：{'、'.join(KINDS)}")
    return KINDS[word]


Kind = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="类别",
        parser=_kind,
        help="名录、问题清单或台账（directory、issue-list、ledger）；不写自动识别",
    ),
]


def bring(
    files: Annotated[list[Path], typer.Argument(metavar="文件...", help=".xlsx 或 .csv，可以几个一起")],
    config: Config = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只检查和计数，不写入")] = False,
    kind: Kind = None,
    catch_up: Annotated[
        bool, typer.Option("--catch-up", help="以往到期的也补发；不写则只从今天起提醒")
    ] = False,
    by: By = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """导入名录、问题清单、台账；有一处错误就全都不写入，逐条列出位置和改法。"""
    try:
        with Context.open(config) as context:
            imported = _import(context, files, kind, catch_up, dry_run, context.who(by), yes)
    except FaultyInputError as error:
        if not as_json:
            raise
        emit({"imported": {}, "faults": [fault_json(fault) for fault in error.faults]})
        raise typer.Exit(1) from None
    if as_json:
        emit({"imported": dict(imported.counts), "faults": []})
    else:
        answer(f"{'可以导入' if dry_run else '已导入'}：{_say_counts(imported)}")


def _import(
    context: Context,
    files: Sequence[Path],
    kind: str | None,
    catch_up: bool,
    dry_run: bool,
    by: str,
    yes: bool,
) -> Imported:
    """Read and check everything, say in counts what will be done, ask, and do it."""
    from daemon.intake import import_sheets

    with working("正在读取工作簿"):
        read = _checked(context, files, kind)

    def store(rules: RuleSet, rehearse: bool) -> Imported:
        with working("正在试算" if rehearse else "正在导入"):
            return import_sheets(
                context.engine, rules, read, context.now, by=by, catch_up=catch_up, dry_run=rehearse
            )

    if dry_run:
        return store(context.rules(), True)
    if not yes:
        expected = store(context.rules(), True)
        since = "以往到期的一并补发" if catch_up else "从今天起提醒，以往的不补发"
        confirm(f"将导入 {len(files)} 个文件：{_say_counts(expected)}；{since}", yes=False)
    return store(context.rules_in_force(by), False)


def _checked(context: Context, files: Sequence[Path], kind: str | None) -> list[Sheet]:
    """Read the workbooks; raise with every fault of all of them, and say what was not taken."""
    from daemon import sheets
    from daemon.intake import check_sheets

    read = [sheets.read(path, kind) for path in files]
    if faults := check_sheets(context.engine, read):
        raise FaultyInputError(faults)
    for sheet in read:
        if sheet.ignored:
            say(f"{sheet.place}：未采用 {'、'.join(sheet.ignored)}")
    return read


def _say_counts(imported: Imported) -> str:
    from daemon.cli.words import IMPORTED

    return counted(imported.counts, IMPORTED) or "没有新内容"
