"""``burden``: how much each person was sent in a month."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.context import Context
from daemon.cli.options import Config, Json
from daemon.cli.output import answer, emit, table
from daemon.cli.words import CHANNELS
from daemon.domain.why import ROLE_TITLES

if TYPE_CHECKING:
    from daemon.store.burden import Borne
    from daemon.store.listing import PersonLine

_MONTH = re.compile(r"(\d{4})\s*[-./年]\s*(\d{1,2})\s*月?")


def parse_month(text: str) -> date:
    """Return the first day of a month written as 2018-12, 2018.12 or 2018年12月."""
    match = _MONTH.fullmatch(unicodedata.normalize("NFKC", text).strip())
    try:
        if match:
            return date(int(match[1]), int(match[2]), 1)
    except ValueError:
        pass
    raise typer.BadParameter(f"看不懂月份“{text}”，写成 2018-12 或 2018年12月")


def burden(
    month: Annotated[
        date | None,
        typer.Option("--month", metavar="月份", parser=parse_month, help="如 2018-12；不写为本月"),
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """每人一个月收到多少条：各渠道条数，最多的一天，因额度改走的。"""
    from daemon.store import burden as burdens
    from daemon.store import listing
    from daemon.store.engine import reading

    with Context.open(config) as context, reading(context.engine) as connection:
        first = (month or context.today).replace(day=1)
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        found = burdens.borne(connection, first, last)
        people = {line.id: line for line in listing.all_people(connection)}
        known = context.rules().channels
    used = {name for each in found for name in each.channels}
    channels = [name for name in (*known, *sorted(used - known.keys())) if name in used]
    if as_json:
        emit({"month": f"{first:%Y-%m}", "people": [_json(each, people, first, last) for each in found]})
    else:
        _print(found, people, channels, first, last)


def _posts(person: PersonLine, first: date, last: date) -> str:
    """Name the posts that a person held in these days."""
    held = [
        post
        for post in person.posts
        if (post.since is None or post.since <= last) and (post.until is None or post.until >= first)
    ]
    return "、".join(dict.fromkeys(f"{post.unit}{ROLE_TITLES[post.role]}" for post in held))


def _print(
    found: Sequence[Borne],
    people: dict[int, PersonLine],
    channels: Sequence[str],
    first: date,
    last: date,
) -> None:
    total = sum(each.total for each in found)
    answer(f"{first:%Y年%-m月}：{len(found)} 人，共 {total} 条")
    rows = [
        (
            people[each.person].name,
            _posts(people[each.person], first, last),
            each.total,
            *(each.channels.get(name, 0) or "" for name in channels),
            f"{each.most_on:%-m月%-d日} {each.most} 条" if each.most_on else "",
            each.over or "",
        )
        for each in found
    ]
    titles = [CHANNELS.get(name, name) for name in channels]
    table(("人员", "岗位", "合计", *titles, "最多的一天", "因额度改走"), rows, empty="这个月没有发出过通知")


def _json(each: Borne, people: dict[int, PersonLine], first: date, last: date) -> dict[str, Any]:
    return {
        "person": people[each.person].name,
        "posts": _posts(people[each.person], first, last),
        "total": each.total,
        "channels": dict(sorted(each.channels.items())),
        "most_on": each.most_on,
        "most": each.most,
        "over": each.over,
    }
