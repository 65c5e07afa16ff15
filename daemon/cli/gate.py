"""The gate that every change of the rules passes: it says what will change, asks, and activates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daemon.cli.context import Context
from daemon.cli.output import agreed, answer, confirm, emit, say, working

if TYPE_CHECKING:
    from daemon.activate import Activated
    from daemon.cli.preview import Preview
    from daemon.config.history import Rename, Renamed
    from daemon.config.source import RuleSource

SHOWN, NAMED = 12, 3
"""How many lines of one kind a preview shows, and how many ladders it names; the rest is counted."""


def put_in_force(
    context: Context, source: RuleSource, *, by: str | None, note: str, yes: bool, as_json: bool
) -> None:
    """Say what activating ``source`` changes, ask, and do it. A faulty one has been refused before."""
    from daemon.activate import ActiveRules, activate, refuse_silent_group
    from daemon.cli.preview import lost_names, preview
    from daemon.loop import plan_due

    refuse_silent_group(context.engine, source, context.now)
    say(*(f"警告 {doubt}" for doubt in lost_names(context.engine, source)))
    renamed = _ask_renames(context, source, yes=yes)
    with working("正在比较新旧规则"):
        expected = preview(context.engine, source, context.now, renamed)
    if not expected.same:
        say(*_lines(expected), *([_question(expected)] if yes else []))
        confirm(_question(expected), yes=yes)
    with working("正在启用"):
        plan_due(context.engine, ActiveRules(context.engine), context.now)
        done = activate(context.engine, source, context.now, by=context.who(by), note=note, renamed=renamed)
    if as_json:
        emit(_json(done, expected))
    else:
        answer(_done(done, expected))
    if expected.same and note:
        say(f"没有新的启用，备注“{note}”没有记录")


def _ask_renames(context: Context, source: RuleSource, *, yes: bool) -> Renamed:
    """Ask of each rung that looks like another whether it is; where nobody answers, say how to write it."""
    from daemon.cli.preview import renames

    told = {}
    for rename in renames(context.engine, source):
        if agreed(_rename_question(rename), yes=yes):
            told[rename.new] = (rename.old,)
        else:
            say(
                f"提示：{'/'.join(rename.new)} 按新增处理，{rename.old[1]} 按取消处理；"
                f"如果只是改名，请在 {rename.new[1]} 里写 was: {rename.old[1]}，以前的记录才会接上"
            )
    return told


def _rename_question(rename: Rename) -> str:
    ladder, old = rename.old
    return f"{ladder} 里不见了 {old}，新出现了措施和对象都相同的 {rename.new[1]}：是改名？"


def _question(expected: Preview) -> str:
    if expected.first:
        return f"将首次启用规则：新增梯次 {len(expected.changed)}（{'、'.join(expected.changed)}）"
    ladders = f"变动梯次 {len(expected.changed)}"
    if expected.changed:
        more = "等" if len(expected.changed) > NAMED else ""
        ladders += f"（{'、'.join(expected.changed[:NAMED])}{more}）"
    moved = f"，改动日期 {expected.moved} 处" if expected.moved else ""
    looked = f"重新查看 {expected.touched} 项{moved}"
    return f"将启用改过的规则：{ladders}，{looked}，其中立即应说的 {expected.owed} 条"


def _lines(expected: Preview) -> list[str]:
    moved = [example.say() for example in expected.examples]
    return [
        *_listed("规则", expected.rungs, len(expected.rungs)),
        *_listed("放假安排", expected.days, len(expected.days)),
        *_listed("日期有变的事项", moved, expected.moved),
        *([f"改动的文件：{'、'.join(expected.files)}"] if expected.files else []),
    ]


def _listed(title: str, lines: Any, count: int) -> list[str]:
    if not count:
        return []
    shown = [f"  {line}" for line in lines[:SHOWN]]
    more = [f"  ……共 {count} 处"] if count > len(shown) else []
    return [f"{title}：", *shown, *more]


def _done(done: Activated, expected: Preview) -> str:
    if expected.same:
        return f"规则没有变化（{done.hash[:12]}），新增事项 {done.new_subjects}"
    if expected.first:
        new = f"新增梯次 {len(done.changed)}，新增事项 {done.new_subjects}"
        return f"已首次启用规则 {done.hash[:12]}：{new}"
    return (
        f"已启用规则 {done.hash[:12]}：变动梯次 {len(done.changed)}，"
        f"重新查看 {done.touched}，新增事项 {done.new_subjects}"
    )


def _json(done: Activated, expected: Preview) -> dict[str, Any]:
    return {
        "hash": done.hash,
        "changed": list(done.changed),
        "touched": done.touched,
        "new_subjects": done.new_subjects,
        "owed": expected.owed,
        "rungs": list(expected.rungs),
        "days": list(expected.days),
        "moved": expected.moved,
        "examples": [example.say() for example in expected.examples],
    }
