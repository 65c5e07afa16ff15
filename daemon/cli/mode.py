"""``go-live``, ``pause`` and ``resume``: whether messages reach people."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.context import Context
from daemon.cli.options import By, Config, Json, PauseNote, Yes
from daemon.cli.output import agreed, answer, confirm, emit, local, say
from daemon.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from daemon.cli.outlook import Message
    from daemon.config.compiled import RuleSet
    from daemon.golive import WentLive


def go_live(
    catch_up: Annotated[
        bool | None,
        typer.Option(
            "--catch-up/--from-today",
            help="演练期间应说的也补发／只从今天起；不写：首次从今天起，曾经正式过的（搬迁、恢复）补发",
        ),
    ] = None,
    config: Config = None,
    by: By = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """由演练转为正式：从此消息发给真人。演练中说过的不算数；先列出数目再询问。"""
    from daemon import golive
    from daemon.store import mode
    from daemon.store.engine import reading, writing

    with Context.open(config) as context:
        with reading(context.engine) as connection:
            state = mode.read(connection)
        if state.live:
            raise RefusedError(f"已经是正式状态（{local(state.live.at, context.zone)} 起，{state.live.by}）")
        who = context.who(by)
        rules = context.rules_in_force(who)
        _refuse_unready(context, rules)
        expected = _foreseen(context, rules, catch_up)
        confirm(_question(context, rules, expected, catch_up), yes=yes)
        with writing(context.engine) as connection:
            done = golive.go_live(connection, rules, context.now, by=who, catch_up=catch_up)
    if as_json:
        emit({"mode": "live", "by": who, **asdict(done)})
    else:
        answer(f"已转为正式（{who}）：从现在起消息发给真人。用 duban pause 可随时暂停发送")


def _refuse_unready(context: Context, rules: RuleSet) -> None:
    """Refuse where nobody could be told, the leading group could not, or the time is made up."""
    from daemon import clock
    from daemon.activate import silent_group_faults, source_in_force
    from daemon.cli import wiring
    from daemon.errors import FaultyInputError
    from daemon.store import roster
    from daemon.store.engine import reading

    with reading(context.engine) as connection:
        if not roster.load(connection).posts:
            raise RefusedError("名录还是空的，没有人可以通知：请先用 duban import 导入名录")
        if faults := silent_group_faults(connection, source_in_force(connection), context.now):
            raise FaultyInputError(faults)
    if clock.is_virtual() and not wiring.leads_to_nobody(rules, context.directory):
        raise RefusedError(wiring.VIRTUAL)


@dataclass(frozen=True)
class _Foreseen:
    """What going live would do, and what would then be said today."""

    done: WentLive
    messages: list[Message]

    @property
    def people(self) -> set[int]:
        return {message.person for message in self.messages}

    @property
    def of_group(self) -> set[int]:
        return {message.person for message in self.messages if message.role.of_group}


def _foreseen(context: Context, rules: RuleSet, catch_up: bool | None) -> _Foreseen:
    """Go live in a transaction that is taken back, and look what the day would bring."""
    from daemon import golive
    from daemon.cli.outlook import Outlook
    from daemon.domain.workdays import midnight

    tomorrow = midnight(context.today + timedelta(days=1), context.zone)
    with context.engine.connect() as connection, connection.begin() as transaction:
        done = golive.go_live(connection, rules, context.now, catch_up=catch_up)
        ends = tomorrow - timedelta(microseconds=1)
        messages, _ = Outlook(connection, rules, context.now, ends).messages()
        transaction.rollback()
    return _Foreseen(done, messages)


def _question(context: Context, rules: RuleSet, expected: _Foreseen, catch_up: bool | None) -> str:
    done = expected.done
    words = ["将转为正式，从此消息发给真人"]
    if done.rehearsed or done.dropped:
        words.append(f"演练中发出的 {done.rehearsed} 条不算已告知，编好未发的 {done.dropped} 条重新编发")
    day = f"今天应说 {len(expected.messages)} 项，涉及 {len(expected.people)} 人"
    words.append(f"{day}，其中领导小组 {len(expected.of_group)} 人")
    if done.catch_up:
        words.append("此前应说的一并补发" + ("" if catch_up else "（以前是正式的；不补发请加 --from-today）"))
    else:
        more = len(_foreseen(context, rules, True).messages) - len(expected.messages)
        words.append(f"今天以前应说的 {max(more, 0)} 项不补发（要补发请加 --catch-up）")
    if troubles := _troubles(context, rules):
        words.append(f"名录有 {troubles} 处需要补充（duban readiness）")
    return "；".join(words)


def _troubles(context: Context, rules: RuleSet) -> int:
    from daemon.store import roster
    from daemon.store.engine import reading

    with reading(context.engine) as connection:
        return len(roster.survey(connection, rules.demands, context.today))


def pause(config: Config = None, by: By = None, note: PauseNote = "", as_json: Json = False) -> None:
    """暂停发送：照常判定和编发，只是不送出。已在发送途中的会发完。"""
    from daemon.store import mode
    from daemon.store.engine import reading, writing

    with Context.open(config) as context:
        who = context.who(by)
        with reading(context.engine) as connection:
            already = mode.read(connection).paused
        if already:
            raise RefusedError(f"已于 {local(already.at, context.zone)} 暂停（{already.by}）")
        with writing(context.engine) as connection:
            mode.pause(connection, context.now, who, note)
    if as_json:
        emit({"paused": True, "by": who})
    else:
        answer(f"已暂停发送（{who}）；照常判定和编发，用 duban resume 恢复")


def resume(
    drop_stale: Annotated[bool, typer.Option("--drop-stale", help="今天以前积压的作废，不再发送")] = False,
    config: Config = None,
    by: By = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """恢复发送：先列出积压多少，可将今天以前的作废。发送前仍逐条复核，已办结的不发。"""
    from daemon import acts
    from daemon.domain.workdays import midnight
    from daemon.store import holds, mode
    from daemon.store.engine import reading, writing

    with Context.open(config) as context:
        who = context.who(by)
        today = midnight(context.today, context.zone)
        with reading(context.engine) as connection:
            if not mode.read(connection).paused:
                raise RefusedError("没有暂停，不用恢复")
            backlog = holds.backlog(connection, context.now)
            stale = holds.backlog_before(connection, today, context.now)
        _say_backlog(backlog, len(stale))
        if stale and not drop_stale and not yes:
            drop_stale = agreed(f"今天以前的 {len(stale)} 条作废吗（不作废就照发）？", yes=False)
        leaving = sum(backlog.values()) - (len(stale) if drop_stale else 0)
        confirm(f"将恢复发送，发出积压的 {leaving} 条", yes=yes)
        dropped = acts.withdraw(context.engine, stale, who, context.now) if drop_stale else 0
        with writing(context.engine) as connection:
            mode.resume(connection)
    if as_json:
        emit({"resumed": True, "by": who, "held": sum(backlog.values()), "dropped": dropped})
    else:
        answer(f"已恢复发送（{who}）" + (f"，作废 {dropped} 条" if dropped else ""))


def _say_backlog(backlog: Mapping[str | None, int], stale: int) -> None:
    from daemon.domain.ladder import Act

    each = [f"{Act(act).label if act else '办公室提示'} {count}" for act, count in backlog.items()]
    total = sum(backlog.values())
    say(f"积压 {total} 条" + (f"（{'，'.join(each)}）" if each else "") + f"，其中今天以前的 {stale} 条")


def told(context: Context, connection: Any) -> dict[str, Any]:
    """Return how the service stands towards people, for ``status``."""
    from daemon.store import mode

    state = mode.read(connection)

    def said(words: mode.Said | None) -> dict[str, Any] | None:
        return {"at": words.at.astimezone(context.zone), "by": words.by} if words else None

    return {"mode": state.mode.value, "live": said(state.live), "paused": said(state.paused)}
