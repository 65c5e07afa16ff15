"""``status``: rates and verdicts, cases by state, what waits, which rules, and whether the service lives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon import clock
from daemon.cli.context import Context, shipped
from daemon.cli.mute import mute_json, print_mutes
from daemon.cli.options import Config, Json, parse_day
from daemon.cli.output import answer, emit, local, pairs, table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from daemon.config.compiled import RuleSet
    from daemon.domain.campaign import Campaign
    from daemon.domain.pace import Count, Milestone
    from daemon.store.mutes import MuteLine
    from daemon.store.tally import Rates

SILENCE = timedelta(minutes=5)
"""The loop ticks every second or so, and longer where much is due: after so long it has stopped."""
WAITS = {
    "agenda_due": "到点未查看",
    "unreleased": "已判定未编发",
    "undelivered": "到点未送出",
    "unaddressed": "无人可收",
    "approvals": "待审签",
    "flood": "已扣下待放行",
    "manual": "待人工办理",
    "failed": "各渠道均未送达",
    "over_budget": "收件人已到额度，等下一批",
    "set_aside": "出错搁置",
}


def status(
    on: Annotated[
        date | None,
        typer.Option("--on", metavar="日期", parser=parse_day, help="哪一天的整改率；不写为今天"),
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """整改率与目标、问题情况、待办、规则和运行情况。"""
    from daemon.cli import mode
    from daemon.store import listing, mutes
    from daemon.store.engine import reading

    with Context.open(config) as context, reading(context.engine) as connection:
        rules = context.rules()
        day = on or context.today
        campaigns = _campaigns(connection, rules, day)
        silent = mutes.listed(connection, context.now)
        told: dict[str, Any] = {
            "on": day,
            "campaigns": campaigns,
            "rates": [rate for campaign in campaigns for rate in campaign["rates"]],
            "waits": asdict(listing.waits(connection, context.now)),
            "notices": listing.notices_by_state(connection),
            "mutes": [mute_json(line, context.now, context.zone) for line in silent],
            "rules": _rules(context, connection),
            "last_tick": _last_tick(context, connection),
            "mode": mode.told(context, connection),
        }
        told["running"] = _is_running(told["last_tick"], context.now)
    if as_json:
        emit(told)
    else:
        _print(told, silent, context)


def _campaigns(connection: Connection, rules: RuleSet, day: date) -> list[dict[str, Any]]:
    from daemon.domain.pace import floor_percent, pace
    from daemon.store import facts, listing
    from daemon.store.tally import Rates

    rates = Rates(connection)
    found: list[dict[str, Any]] = []
    for number, campaign in facts.load_campaigns(connection, rules.campaigns).items():
        count = rates.count(number, day)
        states = listing.cases_by_state(connection, number)
        reading = _Verdicts(rates, rules, number, campaign, listing.first_known(connection, number), day)
        found.append(
            {
                "id": campaign.id,
                "title": campaign.title,
                "total": count.total,
                "closed": count.closed,
                "rate": floor_percent(count) if count.total else None,
                "pace": pace(count, campaign.pace_from, campaign.milestones, day),
                "states": {state.value: states[state] for state in states},
                "rates": [reading.of(milestone) for milestone in sorted(campaign.milestones)],
            }
        )
    return found


class _Verdicts:
    """Judges milestones as of a day (design.md §3): what had been recorded by then, until it is final."""

    def __init__(
        self,
        rates: Rates,
        rules: RuleSet,
        number: int,
        campaign: Campaign,
        first_known: date | None,
        day: date,
    ) -> None:
        self.rates, self.calendar = rates, rules.calendar
        self.number, self.campaign = number, campaign
        self.first_known, self.day = first_known, day

    def of(self, milestone: Milestone) -> dict[str, Any]:
        from daemon.domain.pace import floor_percent, missing, verdict

        final_on = self.calendar.end_of_period(milestone.on, self.campaign.verdict_workdays)
        past = self.day >= milestone.on
        afterwards = past and self._was_recorded_afterwards(min(self.day, final_on))
        count = self._count(milestone, final_on, afterwards) if past else self._now()
        return {
            "on": milestone.on,
            "target": milestone.percent,
            "total": count.total,
            "closed": count.closed,
            "rate": floor_percent(count) if count.total else None,
            "missing": missing(count, milestone.percent),
            "verdict": verdict(count, milestone.percent).value if past else "pending",
            "final": self.day >= final_on,
            "final_on": final_on,
            "recorded_afterwards": afterwards,
        }

    def _now(self) -> Count:
        return self.rates.count(self.number, self.day)

    def _count(self, milestone: Milestone, final_on: date, afterwards: bool) -> Count:
        from daemon.store.tally import end_of

        known = None if afterwards else end_of(min(self.day, final_on))
        return self.rates.count(self.number, milestone.on, known=known)

    def _was_recorded_afterwards(self, by: date) -> bool:
        """Whether nothing at all was on record then: a ledger of old days, brought in later."""
        from daemon.store.tally import end_of

        return self.first_known is not None and self.first_known > end_of(by)


def _rules(context: Context, connection: Connection) -> dict[str, Any]:
    """Return which rules are in force, and whether the disk says something else."""
    from daemon.config.source import load_rules
    from daemon.errors import FaultyInputError
    from daemon.store import rules

    active = rules.active(connection)
    try:
        on_disk, faults = load_rules(context.directory, shipped("templates")).hash, 0
    except FaultyInputError as error:
        on_disk, faults = None, len(error.faults)
    return {
        "hash": active.hash if active else None,
        "activated_at": active.activated_at.astimezone(context.zone) if active else None,
        "by": active.by if active else None,
        "disk_hash": on_disk,
        "disk_faults": faults,
        "differs": active is None or on_disk != active.hash,
    }


def _last_tick(context: Context, connection: Connection) -> datetime | None:
    from daemon.loop import LAST_TICK
    from daemon.store import settings

    found = settings.get(connection, LAST_TICK)
    return datetime.fromisoformat(found).astimezone(context.zone) if found else None


def _is_running(last: datetime | None, now: datetime) -> bool | None:
    """Whether the service has ticked lately; ``None`` in virtual time, which only its driver moves."""
    if clock.is_virtual():
        return None
    return last is not None and now - last <= SILENCE


def _print(told: dict[str, Any], silent: Sequence[MuteLine], context: Context) -> None:
    for campaign in told["campaigns"]:
        _print_campaign(campaign, told["on"])
    waiting = [(WAITS[name], count) for name, count in told["waits"].items() if count]
    answer("", "待办" if waiting else "待办：没有")
    pairs([(f"  {title}", count) for title, count in waiting])
    if silent:
        answer("", "静默")
        print_mutes(silent, context.now, context.zone)
    answer("")
    pairs(
        [
            ("方式", _say_mode(told["mode"], context)),
            ("规则", _say_rules(told["rules"], context)),
            ("运行", _say_tick(told, context)),
        ]
    )


def _print_campaign(campaign: dict[str, Any], day: date) -> None:
    from daemon.cli.words import VERDICTS
    from daemon.domain.case import State

    rate = campaign["rate"] or "—"
    answer(
        f"{campaign['title']}（{day}）",
        f"  应整改 {campaign['total']} 件，已销号 {campaign['closed']} 件，整改率 {rate}，"
        f"序时进度 {campaign['pace']} 件",
    )
    states = "，".join(f"{State(name).label} {count}" for name, count in campaign["states"].items())
    answer(f"  {states or '还没有问题'}", "")
    rows = [
        (
            r["on"],
            f"{r['target']}%",
            f"{r['closed']}/{r['total']}",
            r["rate"] or "—",
            VERDICTS[r["verdict"]],
            r["missing"] or "",
            _say_final(r),
        )
        for r in campaign["rates"]
    ]
    table(("节点", "目标", "销号/应整改", "整改率", "结论", "还差（件）", ""), rows)


def _say_final(rate: dict[str, Any]) -> str:
    if rate["verdict"] == "pending":
        return ""
    words = "最终认定" if rate["final"] else f"初步认定，{rate['final_on']} 最终认定"
    return f"{words}（按事后补录）" if rate["recorded_afterwards"] else words


def _say_mode(told: dict[str, Any], context: Context) -> str:
    live, paused = told["live"], told["paused"]
    words = (
        f"正式，{local(live['at'], context.zone)} 起（{live['by']}）"
        if live
        else "演练：消息只进 spool 或沙箱，用 duban go-live 转为正式"
    )
    return f"{words}；{local(paused['at'], context.zone)} 起暂停发送（{paused['by']}）" if paused else words


def _say_rules(rules: dict[str, Any], context: Context) -> str:
    if rules["hash"] is None:
        return "还没有启用，请运行 duban reload"
    words = f"{rules['hash'][:12]}，{local(rules['activated_at'], context.zone)} 启用（{rules['by']}）"
    if rules["disk_faults"]:
        return f"{words}；配置文件夹里有 {rules['disk_faults']} 处错误，用 duban check 查看"
    return f"{words}；配置文件夹里的已经改过，用 duban reload 启用" if rules["differs"] else words


def _say_tick(told: dict[str, Any], context: Context) -> str:
    last = told["last_tick"]
    if last is None:
        return "服务没有运行：还没有扫描过，请用 duban run 启动"
    words = f"最近一次扫描 {local(last, context.zone)}"
    if told["running"] is False:
        silent = (context.now - last) // timedelta(minutes=1)
        return f"服务没有运行，或已停住：{words}，已过{silent}分钟；到点的通知不会发出，请检查 duban run"
    return words
