"""``duban demo``: the 2018–2020 campaign, end to end, in virtual time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from daemon.cli.context import shipped
from daemon.cli.options import Json, parse_day
from daemon.cli.output import answer, say, table

ZONE = ZoneInfo("Asia/Shanghai")
STATE = Path(".duban/demo")
SHOWN = (
    "notices",
    "by_channel",
    "inbox",
    "to_leading_group",
    "rates",
    "by_act",
    "worst",
    "manual",
    "restarts",
)
VERDICTS = {"reached": "达到", "missed": "未达到", "no_cases": "没有问题"}
CHANNELS = {"email": "邮件", "sms": "短信", "wecom": "企业微信"}


def demo(
    json_: Json = False,
    since: Annotated[
        date, typer.Option("--from", metavar="日期", parser=parse_day, help="从哪一天开始")
    ] = "2018-07-25",  # type: ignore[assignment]
    until: Annotated[
        date, typer.Option("--to", metavar="日期", parser=parse_day, help="到哪一天为止（含当日）")
    ] = "2021-01-31",  # type: ignore[assignment]
    state: Annotated[
        Path, typer.Option("--state", metavar="DIR", help="演示用的文件夹，每次重新建立")
    ] = STATE,
    database: Annotated[
        str, typer.Option("--database", metavar="URL", help="用哪个空数据库；不写为文件夹里的 SQLite")
    ] = "",
) -> None:
    """演示：磐石市 2018–2020 年专项行动，从印发通知到最后一次考核，消息真实发出，送进本机收件箱。"""
    from daemon.cli import stage, wiring
    from daemon.cli.progress import days

    wiring.configure_logs()
    start = datetime.combine(since, time.min, ZONE)
    end = datetime.combine(until, time(23, 59, 59), ZONE)
    folder = state.absolute()
    plan = stage.Plan(folder, shipped("config"), shipped("templates"), start, end, database)
    say(f"演示：{since} 至 {until}，文件夹 {folder}。时间是虚拟的，消息是真的；需审签的即时审签。")
    with days(start, end) as progress:
        told = stage.run(plan, progress)
    _show(told)
    if json_:
        print(json.dumps({name: told[name] for name in SHOWN}, ensure_ascii=False))


def _show(told: Mapping[str, Any]) -> None:
    """Print what a deputy mayor wants to know."""
    answer("", "一、整改率" if told["rates"] else "一、整改率：还没有到考核日")
    rates = [
        (r["on"], r["total"], r["closed"], r["rate"], f"{r['target']}%", r["missing"], VERDICTS[r["verdict"]])
        for r in told["rates"]
    ]
    if rates:
        table(("考核日", "问题总数", "已销号", "整改率", "目标", "还差", "结果"), rates)
    answer("", f"二、发出通知 {told['notices']} 件，其中 {told['manual']} 件无电子渠道，转办公室电话告知")
    answer("（一件通知可以同时走两个渠道）")
    table(
        ("渠道", "发出", "收件箱收到"),
        [(CHANNELS[c], told["by_channel"][c], told["inbox"][c]) for c in CHANNELS],
    )
    table(("措施", "件数"), _acts(told["by_act"], told["notices"]))
    answer("", f"三、报领导小组 {told['to_leading_group']} 件（提级和专报，每周一批）")
    answer("", "四、进度靠后的单位")
    table(
        ("单位", "问题", "未办结", "首个考核日整改率"),
        [(w["unit"], w["total"], w["open"], w["first_rate"]) for w in told["worst"]],
    )
    answer("", f"收件箱：{told['inbox_page']}（用浏览器打开，按人员和渠道查看每一条）")


def _acts(by_act: Mapping[str, int], notices: int) -> Sequence[tuple[str, int]]:
    from daemon.domain.ladder import Act

    rows = [(act.label, by_act[act.value]) for act in Act if act.value in by_act]
    return [*rows, ("办公室晨报", notices - sum(by_act.values()))]
