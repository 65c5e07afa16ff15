"""``rules``: the ladders as tables and as the timeline of one case; their history, and the way back."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.commands import App
from daemon.cli.context import Context, find_config, shipped
from daemon.cli.options import By, Config, Json, RulesNote, Yes
from daemon.cli.output import answer, emit, local, say, table
from daemon.errors import NotFoundError, RefusedError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from daemon.config.compiled import RuleSet
    from daemon.config.history import History
    from daemon.config.source import RuleSource
    from daemon.store.rules import Activation

app = App("规则：看梯次和时间表，看历史，比较，退回到以前的规则。")
DISK, ACTIVE = ("disk", "文件夹"), ("active", "现行")
SHORTEST = 4
RECENT = 20

Which = Annotated[
    str, typer.Argument(metavar="规则", help="规则的编号（前几位就够）、active 现行、disk 配置文件夹")
]


@app.command()
def show(
    what: Annotated[
        str | None, typer.Argument(metavar="[梯次]", help="梯次的名称，或以前规则的编号；不写为全部梯次")
    ] = None,
    case: Annotated[
        str | None, typer.Option("--case", metavar="编号", help="这件问题的时间表；不写用一件样例问题")
    ] = None,
    timeline: Annotated[bool, typer.Option("--timeline", help="连同样例问题的时间表")] = False,
    disk: Annotated[
        bool, typer.Option("--disk", help="看配置文件夹里改好、还没有启用的；不写为现行的")
    ] = False,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="把这套规则的文件写到这个新文件夹")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """梯次的对照表：何时、对谁、怎么发、发什么；--case 是一件问题的时间表。"""
    from daemon.cli.timeline import case_timeline, sample_timeline, sample_title

    with Context.open(config) as context:
        rules, ladder = _rules_and_ladder(context, what, disk=disk)
        if to is not None:
            _write(_source(context, what or (DISK if disk else ACTIVE)[0]), to)
            return
        lines = []
        if case is not None:
            lines = case_timeline(context, rules, case, ladder)
        elif timeline or ladder:
            lines = sample_timeline(rules, context.today, ladder)
    if as_json:
        emit({"ladders": _ladders_json(rules, ladder), "timeline": lines})
        return
    if case is None:
        _print_ladders(rules, ladder)
    if case is not None:
        _print_case(case, lines)
    elif lines:
        _print_timeline(lines, sample_title(rules.ladders[ladder] if ladder else None))


def _rules_and_ladder(context: Context, what: str | None, *, disk: bool) -> tuple[RuleSet, str | None]:
    """Return the rules asked for, and one of their ladders where one was named."""
    from daemon.config.compiled import compile_rules

    rules = compile_rules(_source(context, DISK[0])) if disk else context.rules()
    if what is None or what in rules.ladders:
        return rules, rules.ladders[what].id if what else None
    if what not in (*DISK, *ACTIVE) and not _looks_like_hash(what):
        raise NotFoundError(f"没有“{what}”这个梯次；有 {'、'.join(rules.ladders)}")
    return compile_rules(_source(context, what)), None


def _ladders_json(rules: RuleSet, only: str | None) -> list[dict[str, Any]]:
    from dataclasses import asdict

    from daemon.cli.rule_words import ladder_title, rung_words

    return [
        {
            "ladder": ladder.id,
            "title": ladder_title(ladder),
            "about": ladder.about.value,
            "from": ladder.anchor,
            "rungs": [asdict(rung_words(ladder, rung, rules)) for rung in ladder.rungs],
        }
        for ladder in rules.ladders.values()
        if only in (None, ladder.id)
    ]


def _print_ladders(rules: RuleSet, only: str | None) -> None:
    from daemon.cli.rule_words import ladder_title, rung_words

    answer(f"规则 {rules.hash[:12]}")
    for ladder in rules.ladders.values():
        if only not in (None, ladder.id):
            continue
        answer("", f"{ladder.id}（{ladder_title(ladder)}）")
        rows = [rung_words(ladder, rung, rules) for rung in ladder.rungs]
        cells = [(r.rung, r.when, r.what, r.whom, r.how) for r in rows]
        table(("级", "何时", "发什么", "对谁", "怎么发"), cells)


def _print_timeline(lines: list[dict[str, Any]], title: str) -> None:
    answer("", title)
    rows = [
        (e["day"], e["weekday"], f"{e['ladder']}/{e['rung']}", e["act"], e["whom"], e["state"]) for e in lines
    ]
    table(("日期", "", "级", "措施", "对谁", "情况"), rows)


def _print_case(no: str, lines: list[dict[str, Any]]) -> None:
    """Print what one case has made us say, what is to come, and, folded, what stays silent and why."""
    from daemon.cli.folding import Group, in_group

    answer("", f"{no} 的时间表")
    for group, title in ((Group.BEFORE, "到现在为止"), (Group.LATER, "以后")):
        folds = in_group(lines, group, by_rung=True)
        answer("", title)
        rows = [(fold.days, fold.rungs, fold.acts, fold.whom, fold.state) for fold in folds]
        table(("日期", "级", "措施", "对谁", "情况"), rows, empty="没有")
    silent = in_group(lines, Group.SILENT, by_rung=True)
    answer("", "不发的各级")
    table(("日期", "级", "措施", "情况"), [(f.days, f.rungs, f.acts, f.state) for f in silent], empty="没有")


@app.command()
def history(
    every: Annotated[bool, typer.Option("--all", help=f"全部；不写为最近 {RECENT} 次")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """历次启用：何时，由谁，为什么，改了什么。"""
    from daemon.store import rules
    from daemon.store.engine import reading

    with Context.open(config) as context, reading(context.engine) as connection:
        found = rules.every(connection)
        shown = found if every else found[:RECENT]
        before = {a.id: b for a, b in zip_longest(found, found[1:])}
        lines = [_activation(connection, each, before[each.id]) for each in shown]
        if as_json:
            emit(lines)
            return
        rows = [
            (local(e["at"], context.zone), e["hash"][:12], e["by"], e["note"], _summary(e["changes"]))
            for e in lines
        ]
    table(("启用时间", "规则", "经办", "说明", "改动"), rows, empty="还没有启用过规则")
    if len(shown) < len(found):
        say(f"只列出最近 {RECENT} 次，共 {len(found)} 次；全部用 --all")


def _activation(connection: Connection, activation: Activation, before: Activation | None) -> dict[str, Any]:
    changes = _changes(connection, before, activation) if before else None
    return {
        "hash": activation.hash,
        "at": activation.activated_at,
        "by": activation.by,
        "note": activation.note,
        "changes": changes,
    }


def _changes(connection: Connection, before: Activation, after: Activation) -> list[str]:
    """Say what one activation changed of the one before it, and of the files beside the ladders."""
    from daemon.activate import source_of
    from daemon.cli.rule_words import day_changes, rung_changes, text_changes
    from daemon.config.compiled import compile_rules
    from daemon.config.history import parse_history
    from daemon.errors import DubanError

    try:
        old, new = source_of(connection, before.hash), source_of(connection, after.hash)
        one = compile_rules(old, parse_history(before.history))
        other = compile_rules(new, parse_history(after.history))
    except DubanError:
        return ["内容已不能由本程序读出"]
    said = [*(change.say() for change in rung_changes(one, other)), *day_changes(one, other)]
    files = [place for place in text_changes(old, new) if place not in ("ladders.yaml", "calendar.yaml")]
    return [*said, *(f"改动 {place}" for place in files)]


def _summary(changes: list[str] | None) -> str:
    if changes is None:
        return "首次启用"
    if not changes:
        return "只改了说明文字"
    return changes[0] if len(changes) == 1 else f"{changes[0]} 等 {len(changes)} 处"


@app.command()
def diff(old: Which = ACTIVE[0], new: Which = DISK[0], config: Config = None, as_json: Json = False) -> None:
    """两套规则的差别：逐级的说法，和逐个文件的文字。不写则是现行的与配置文件夹里的相比。"""
    from daemon.cli.rule_words import day_changes, rung_changes, text_changes
    from daemon.config.compiled import compile_rules
    from daemon.config.history import rung_history

    with Context.open(config) as context:
        one, other = _source(context, old), _source(context, new)
        past = _history(context, one)
        # What was answered to 改名？ is not in the files: it is kept with the activation.
        renamed = {key: each.names for key, each in _history(context, other).items()}
        before = compile_rules(one, past)
        after = compile_rules(other, rung_history(one, past, other, context.now, renamed))
        changes, days = rung_changes(before, after), day_changes(before, after)
        texts = text_changes(one, other)
    if as_json:
        emit({"old": one.hash, "new": other.hash, "rungs": changes, "days": days, "files": texts})
    elif one.hash == other.hash:
        answer(f"没有差别（{one.hash[:12]}）")
    else:
        answer(f"{one.hash[:12]} → {other.hash[:12]}")
        answer(*(["", "规则", *(f"  {change.say()}" for change in changes)] if changes else []))
        answer(*(["", "放假安排", *(f"  {day}" for day in days)] if days else []))
        for text in texts.values():
            answer("", text)


@app.command()
def rollback(
    which: Annotated[
        str, typer.Argument(metavar="编号", help="规则的编号，见 duban rules history；前几位就够")
    ],
    config: Config = None,
    by: By = None,
    note: RulesNote = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """退回到以前的规则：照样检查、列出改动、问过再启用；说过的不会再说。"""
    from daemon.cli.checking import checked_again
    from daemon.cli.gate import put_in_force
    from daemon.config.source import load_rules
    from daemon.errors import FaultyInputError

    with Context.open(config) as context:
        source = checked_again(_source(context, which))
        reason = note or f"退回到 {source.hash[:12]}"
        put_in_force(context, source, by=by, note=reason, yes=yes, as_json=as_json)
        try:
            on_disk = load_rules(context.directory, shipped("templates")).hash
        except FaultyInputError:
            on_disk = ""
        if on_disk != source.hash:
            say(
                "注意：配置文件夹里还是另一套，下次 duban reload 或重启 duban run 会重新启用它。"
                f"用 duban rules show {source.hash[:12]} --to 新文件夹 取回这一套的文件，再放回配置文件夹"
            )


@app.command()
def text(
    name: Annotated[str, typer.Argument(metavar="文字", help="如 email/urge.unit，见 templates/README.md")],
    config: Config = None,
) -> None:
    """把一份自带的文字放到配置文件夹的 templates/ 里，供修改；第一行写好底本。"""
    from daemon.cli.checking_texts import base_line
    from daemon.config.words import nearest

    ours, directory = shipped("templates"), find_config(config)
    names = [str(path.relative_to(ours).with_suffix("")) for path in sorted(ours.rglob("*.j2"))]
    wanted = name.removesuffix(".j2")
    if wanted not in names:
        raise NotFoundError(f"没有“{name}”这份文字；{nearest(wanted, names)}")
    place = directory / "templates" / f"{wanted}.j2"
    if place.exists():
        raise RefusedError(f"{place} 已经有了：请直接修改，或先移走")
    words = (ours / f"{wanted}.j2").read_text(encoding="utf-8")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"{base_line(words)}\n{words}", encoding="utf-8")
    answer(f"已放到 {place}；改好后执行 duban check")


def _source(context: Context, which: str) -> RuleSource:
    """Return the rules that a word names: a stored set by its hash, those in force, those on disk."""
    from daemon.activate import source_of
    from daemon.config.source import load_rules
    from daemon.store import rules
    from daemon.store.engine import reading

    if which in DISK:
        return load_rules(context.directory, shipped("templates"))
    with reading(context.engine) as connection:
        if which in ACTIVE:
            active = rules.active_hash(connection)
            if active is None:
                raise NotFoundError("还没有启用规则：请先运行 duban reload")
            return source_of(connection, active)
        found = rules.hashes(connection, which.lower()) if _looks_like_hash(which) else []
        if len(found) == 1:
            return source_of(connection, found[0])
    if found:
        alike = "、".join(hash_[:16] for hash_ in found)
        raise RefusedError(f"以“{which}”开头的规则有 {len(found)} 套，请多写几位：{alike}")
    raise NotFoundError(f"没有编号为“{which}”的规则；用 duban rules history 查看")


def _history(context: Context, source: RuleSource) -> History:
    """Return what is kept of each rung since a rule set was last put in force; nothing if it never was."""
    from daemon.config.history import parse_history
    from daemon.store import rules
    from daemon.store.engine import reading

    with reading(context.engine) as connection:
        last = next((each for each in rules.every(connection) if each.hash == source.hash), None)
    return parse_history(last.history) if last else {}


def _looks_like_hash(word: str) -> bool:
    return len(word) >= SHORTEST and all(letter in "0123456789abcdef" for letter in word.lower())


def _write(source: RuleSource, folder: Path) -> None:
    """Write the files of a stored rule set into a new folder, to be compared with or put back."""
    if folder.exists() and any(folder.iterdir()):
        raise RefusedError(f"{folder} 里已有文件：请写一个新文件夹")
    ours = shipped("templates")
    own = {
        f"templates/{name}": text
        for name, text in source.templates.items()
        if not (ours / name).is_file() or (ours / name).read_text(encoding="utf-8") != text
    }
    texts = {**source.files, **own}
    for place, text in texts.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    answer(f"已写出 {len(texts)} 个文件到 {folder}；duban.yaml 和 calendar.yaml 是本机的，不在其中")
