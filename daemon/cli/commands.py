"""Which commands there are. Each is imported when it is called, so that ``--help`` answers at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

TABLE: dict[str, tuple[str, str]] = {
    "check": ("daemon.cli.rules:check", "检查配置：列出全部错误及位置"),
    "migrate": ("daemon.cli.rules:migrate_tables", "建立数据库，或升级到本程序的版本"),
    "reload": ("daemon.cli.rules:reload", "启用改过的规则"),
    "go-live": ("daemon.cli.mode:go_live", "由演练转为正式：从此消息发给真人"),
    "pause": ("daemon.cli.mode:pause", "暂停发送，照常判定"),
    "resume": ("daemon.cli.mode:resume", "恢复发送"),
    "readiness": ("daemon.cli.readiness:readiness", "名录是否齐备：谁空缺，谁联系不上"),
    "status": ("daemon.cli.status:status", "整改率、目标和待办"),
    "today": ("daemon.cli.today:today", "今天发出什么，今天到期什么"),
    "import": ("daemon.cli.bring:bring", "导入名录、问题清单、台账"),
    "case": ("daemon.cli.case:app", "问题：查看，登记，交办，签收，核查，销号……"),
    "filing": ("daemon.cli.filing:app", "报送：查看，报送，退回，备案"),
    "notice": ("daemon.cli.notice:app", "通知：查看，审签，登记人工办结"),
    "mute": ("daemon.cli.mute:app", "静默：一个梯次、单位、问题或人员一段时间内不发"),
    "person": ("daemon.cli.roster:person", "人员：查看"),
    "unit": ("daemon.cli.roster:unit", "责任单位：查看"),
    "why": ("daemon.cli.why:why", "一条通知为什么发给这个人"),
    "burden": ("daemon.cli.burden:burden", "每人一个月收到多少条，因额度改走多少"),
    "run": ("daemon.cli.run:run", "启动整个服务（单机）"),
    "scan": ("daemon.cli.run:scan", "只启动扫描（多机）"),
    "work": ("daemon.cli.run:work", "只启动发送（多机）"),
    "simulate": ("daemon.cli.simulate:simulate", "推演一段时间会发出什么"),
    "sandbox": ("daemon.cli.run:sandbox", "启动服务商的替身和收件箱"),
    "demo": ("daemon.cli.demo:demo", "演示：2018–2020 年专项行动，从头到尾"),
}
"""Name → (where it lives, what it does). A place is a typer app, or a function that is one command."""

_ENGLISH = {
    "Show this message and exit.": "显示这份说明",
    "[required]": "［必填］",
    "<str>": "文字",
    "<int>": "数字",
    "<path>": "路径",
    "<file>": "文件",
}


class _InChinese:
    """Help in Chinese, without wrapping what has no spaces."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        pieces = " ".join(self.collect_usage_pieces(ctx))  # type: ignore[attr-defined]
        pieces = pieces.replace("[OPTIONS]", "[选项]").replace("COMMAND [ARGS]...", "命令 …")
        formatter.write_usage(ctx.command_path, pieces, prefix="用法：")

    def format_options(self, ctx: Any, formatter: Any) -> None:
        rows: dict[str, list[tuple[str, str]]] = {"argument": [], "option": []}
        for param in self.get_params(ctx):  # type: ignore[attr-defined]
            if record := param.get_help_record(ctx):
                rows[param.param_type_name].append((_chinese(record[0]), _chinese(record[1])))
        for title, kind in (("参数", "argument"), ("选项", "option")):
            _section(formatter, title, rows[kind])


def _chinese(words: str) -> str:
    for english, chinese in _ENGLISH.items():
        words = words.replace(english, chinese)
    return re.sub(r"\[default: (.+?)\]", r"（不写为 \1）", words)


def _section(formatter: Any, title: str, rows: list[tuple[str, str]]) -> None:
    if not rows:
        return
    formatter.write(f"\n{title}：\n")
    column = max(len(name) for name, _ in rows) + 2
    for name, words in rows:
        formatter.write(f"  {name:<{column}}{words}\n")


class ChineseCommand(_InChinese, TyperCommand):
    """One command."""


class ChineseGroup(_InChinese, TyperGroup):
    """Commands about one thing."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        rows = [(name, _first_line(self.get_command(ctx, name))) for name in self.list_commands(ctx)]
        _section(formatter, "命令", rows)


def _first_line(command: Any) -> str:
    return str(command.short_help or command.help or "").strip().splitlines()[0].rstrip("。")


class Program(ChineseGroup):
    """``duban``: lists its commands from the table, and imports the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(TABLE)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Return a command to be listed, not to be run."""
        known = TABLE.get(cmd_name)
        return ChineseCommand(cmd_name, short_help=known[1]) if known else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        # Names near to a wrong one are looked for here.
        self.commands = {known: self.get_command(ctx, known) for known in TABLE}
        name, listed, rest = super().resolve_command(ctx, args)
        return name, load(name) if listed and name else listed, rest


class App(typer.Typer):
    """A group of commands, with help in Chinese."""

    def __init__(self, help: str) -> None:  # noqa: A002 - typer's name
        super().__init__(
            help=help, cls=ChineseGroup, add_completion=False, rich_markup_mode=None, no_args_is_help=True
        )

    def command(self, name: str | None = None, **options: Any) -> Callable[..., Any]:
        """Register a function; its docstring is the help."""
        return super().command(name, **{"cls": ChineseCommand, **options})


def load(name: str) -> Any:
    """Import a command of the table."""
    module, _, attribute = TABLE[name][0].partition(":")
    found = getattr(import_module(module), attribute)
    if isinstance(found, typer.Typer):
        group = typer.main.get_group(found)
        group.name = name
        return group
    alone = App("")
    alone.command(name)(found)
    return typer.main.get_command(alone)


def program() -> Any:
    """Return ``duban`` itself."""
    app = typer.Typer(cls=Program, add_completion=False, rich_markup_mode=None, no_args_is_help=True)
    app.callback()(_root)
    return typer.main.get_command(app)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"duban {version('duban')}")
        raise typer.Exit


def _root(
    version: bool = typer.Option(False, "--version", help="显示版本", callback=_version, is_eager=True),
) -> None:
    """督办：到期提醒，逾期催办，逐级上报。"""
