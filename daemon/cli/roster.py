"""``person`` and ``unit``: who there is, and how each unit stands."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from daemon.cli.commands import App
from daemon.cli.context import Context
from daemon.cli.options import Config, Json, Unit
from daemon.cli.output import answer, emit, table

if TYPE_CHECKING:
    from daemon.store.listing import PersonLine, PostLine

person = App("人员：姓名、岗位和联系方式（手机号只显示首尾）。")
unit = App("责任单位：名称、类别和整改情况。")


@person.command("list")
def list_people(unit: Unit = None, config: Config = None, as_json: Json = False) -> None:
    """列出人员和他们现在的岗位。"""
    from daemon.cli import names
    from daemon.store import listing
    from daemon.store.engine import reading

    with Context.open(config) as context, reading(context.engine) as connection:
        today = context.today
        wanted = names.unit_named(connection, unit) if unit else None
        people = listing.all_people(connection)
        if wanted is not None:
            people = [p for p in people if any(post.unit_id == wanted for post in p.posts)]
    if as_json:
        emit([_person_json(p, today) for p in people])
        return
    rows = [(p.name, _say_posts(_held(p, today)), _masked(p), p.email, p.wecom) for p in people]
    table(("姓名", "岗位", "手机", "邮箱", "企业微信"), rows, empty="还没有人员，请先导入名录")
    if rows:
        answer(f"共 {len(rows)} 人")


def _held(person: PersonLine, today: date) -> list[PostLine]:
    return [
        post
        for post in person.posts
        if (post.since is None or post.since <= today) and (post.until is None or today <= post.until)
    ]


def _say_posts(posts: list[PostLine]) -> str:
    """Say a person's posts; the same post in many units (分管市领导) is said once."""
    from daemon.domain.why import ROLE_TITLES

    units: dict[tuple[str, str], list[str]] = {}
    for post in posts:
        units.setdefault((ROLE_TITLES[post.role], post.title), []).append(post.unit)
    said = []
    for (role, title), where in units.items():
        others = f"等{len(where)}个单位" if len(where) > 1 else ""
        said.append(f"{where[0]}{others}{role}{f'（{title}）' if title else ''}")
    return "；".join(said)


def _masked(person: PersonLine) -> str:
    from daemon.channels.redact import mask_phones

    return mask_phones(person.phone)


def _person_json(person: PersonLine, today: date) -> dict[str, Any]:
    held = _held(person, today)
    return {
        "name": person.name,
        "phone": _masked(person) or None,
        "email": person.email or None,
        "wecom": person.wecom or None,
        "posts": [
            {
                "role": post.role.value,
                "title": post.title,
                "unit": post.unit or None,
                "since": post.since,
                "until": post.until,
                "held": post in held,
            }
            for post in person.posts
        ],
    }


@unit.command("list")
def list_units(config: Config = None, as_json: Json = False) -> None:
    """列出责任单位和各自的整改情况。"""
    from daemon.store.engine import reading

    with Context.open(config) as context, reading(context.engine) as connection:
        lines = _unit_lines(context, connection)
    if as_json:
        emit(lines)
        return
    titles = ("单位", "类别", "主要领导", "问题", "已销号", "未销号", "逾期", "整改率")
    keys = ("name", "kind", "heads", "total", "closed", "open", "overdue", "rate")
    rows = [
        ["、".join(line[key]) if isinstance(line[key], list) else line[key] for key in keys] for line in lines
    ]
    table(titles, rows, empty="还没有责任单位，请先导入名录")
    if rows:
        answer(f"共 {len(rows)} 个单位")


def _unit_lines(context: Context, connection: Any) -> list[dict[str, Any]]:
    from daemon.domain.ladder import Role
    from daemon.domain.pace import Count, floor_percent
    from daemon.store import facts, listing, people
    from daemon.store.tally import Rates

    today = context.today
    rates = Rates(connection)
    directory, persons = people.directory(connection, today), people.load_all(connection)
    numbers = list(facts.load_campaigns(connection, context.rules().campaigns))
    found: list[dict[str, Any]] = []
    for line in listing.all_units(connection):
        counts = [rates.count(number, today, line.id) for number in numbers]
        count = Count(sum(c.total for c in counts), sum(c.closed for c in counts))
        heads = directory.resolve((Role.UNIT_HEAD,), line.id)
        found.append(
            {
                "name": line.name,
                "short": line.short or None,
                "kind": line.kind,
                "heads": [persons[r.person].name for r in heads],
                "total": count.total,
                "closed": count.closed,
                "open": count.open,
                "overdue": sum(rates.overdue_by_unit(n, today).get(line.id, 0) for n in numbers),
                "rate": floor_percent(count) if count.total else None,
            }
        )
    return found
