"""The options that many commands share, and how their values are read."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

_DAY = re.compile(r"(\d{4})\s*[-./年]\s*(\d{1,2})\s*[-./月]\s*(\d{1,2})\s*日?")


def parse_day(text: str) -> date:
    """Return a day written as 2018-08-31, 2018.8.31, 2018/8/31 or 2018年8月31日."""
    match = _DAY.fullmatch(unicodedata.normalize("NFKC", text).strip())
    try:
        if match:
            return date(*map(int, match.groups()))
    except ValueError:
        pass
    raise typer.BadParameter(f"看不懂日期“{text}”，写成 2018-08-31、2018.8.31 或 2018年8月31日")


Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="DIR", help="配置文件夹；不写依次找 DUBAN_CONFIG、./config、/etc/duban"),
]
Json = Annotated[bool, typer.Option("--json", help="输出 JSON，供脚本读取")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="不再询问，直接执行（脚本用）")]
By = Annotated[str | None, typer.Option("--by", metavar="人", help="经办人；不写为当前登录的用户")]


def _note(words: str) -> typer.models.OptionInfo:
    """Return the option ``--note``, which is for something else on each command."""
    option: typer.models.OptionInfo = typer.Option("--note", "--reason", metavar="文字", help=words)
    return option


Note = Annotated[str, _note("说明，记录在案")]
UnitNote = Annotated[str, _note("理由，写进给单位的通知")]
ProgressNote = Annotated[str, _note("进展情况，记录在案")]
MendNote = Annotated[str, _note("为什么更正或撤回，记录在案")]
RulesNote = Annotated[str, _note("为什么改，列在 duban rules history 里")]
PauseNote = Annotated[str, _note("为什么暂停，记录在案")]
EndNote = Annotated[str, _note("为什么提前结束，列在 duban mute list --all 里")]
On = Annotated[
    date | None,
    typer.Option("--on", metavar="日期", parser=parse_day, help="发生在哪一天；不写为今天"),
]
Due = Annotated[
    date | None, typer.Option("--due", metavar="日期", parser=parse_day, help="整改时限（含当日）")
]
NewDue = Annotated[date, typer.Option("--due", metavar="日期", parser=parse_day, help="整改时限（含当日）")]
Unit = Annotated[str | None, typer.Option("--unit", metavar="单位", help="责任单位的名称或简称")]
OneUnit = Annotated[str, typer.Option("--unit", metavar="单位", help="责任单位的名称或简称")]
No = Annotated[str, typer.Argument(metavar="编号", help="问题的编号，如 PS-2018-0001")]
Number = Annotated[int, typer.Argument(metavar="号", help="通知的号，见 duban notice list")]
