"""What two rule sets say differently: as tables, as JSON, and as the sheets of a workbook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from daemon.cli.output import answer, say, table
from daemon.compare import Burden, Comparison, Heard, PersonLine, Said

HELD = "其中先扣下、等办公室放行的（推演中即时放行）"
"""What the gate on floods would hold: too many within an hour, or to the group outside its bundles."""
SHOWN = 20
"""How many items of one kind are printed; the workbook and the JSON have all."""
_ITEM = ("人员", "单位", "事项", "级", "主送", "日期")
_PEOPLE = (
    "人员",
    "单位",
    "多收",
    "少收",
    "改期",
    "原共收",
    "现共收",
    "原一天最多",
    "现一天最多",
    "原每天",
    "现每天",
)

Rows = Iterator[tuple[Any, ...]]


def print_comparison(found: Comparison, old: str, new: str) -> None:
    say(
        "需审签的在推演中即时审签；没有发出任何消息。两套规则都当作一直有效，起始日之前应说的都不计；"
        "启用那一刻会补说什么，看 duban reload 列出的改动。"
    )
    gained, lost, moved = len(found.gained), len(found.lost), len(found.moved)
    answer(f"由 {old} 换成 {new}：多出 {gained} 项，少掉 {lost} 项，改期 {moved} 项")
    answer(*(f"{title} {one} 件 → {other} 件" for title, one, other in _totals(found)))
    _print_rungs(found)
    _print_items("多出的事项", (_row(each) for each in found.gained), len(found.gained))
    _print_items("少掉的事项", (_row(each) for each in found.lost), len(found.lost))
    redated = ((*_row(one), other.day) for one, other in found.moved)
    _print_items("改期的事项", redated, moved, (*_ITEM, "改到"))
    people = found.people()
    answer("", "每人每天")
    table(_PEOPLE, [_person(each) for each in people[:SHOWN]], empty="没有人的收件有变化")
    _more(len(people))


def _totals(found: Comparison) -> list[tuple[str, int, int]]:
    before, after = found.before, found.after
    held = [(HELD, before.held, after.held)] if before.held or after.held else []
    return [("通知", before.notices, after.notices), *held]


def _print_rungs(found: Comparison) -> None:
    counts = [
        Counter((each.ladder, each.rung) for each in said)
        for said in (found.gained, found.lost, [one for one, _ in found.moved])
    ]
    rungs = sorted({key for count in counts for key in count})
    if rungs:
        answer("")
        rows = [(f"{ladder}/{rung}", *(count[ladder, rung] for count in counts)) for ladder, rung in rungs]
        table(("级", "多出", "少掉", "改期"), rows)


def _print_items(title: str, rows: Rows, count: int, headings: Sequence[str] = _ITEM) -> None:
    if not count:
        return
    answer("", title)
    table(headings, [row for row, _ in zip(rows, range(SHOWN), strict=False)])
    _more(count)


def _more(count: int) -> None:
    if count > SHOWN:
        answer(f"……共 {count} 行，全部用 --json 或 --xlsx")


def _row(said: Said) -> tuple[Any, ...]:
    part = "抄送" if said.part == "copy" else "主送"
    rung = f"{said.ladder}/{said.rung}" + (f"（{said.occurrence}）" if said.occurrence else "")
    return (said.person, said.unit, said.subject, rung, part, said.day)


def _person(each: PersonLine) -> tuple[Any, ...]:
    before, after = each.before, each.after
    return (
        each.person,
        each.unit,
        each.gained,
        each.lost,
        each.moved,
        before.messages,
        after.messages,
        before.most,
        after.most,
        round(before.a_day, 2),
        round(after.a_day, 2),
    )


def comparison_json(found: Comparison) -> dict[str, Any]:
    return {
        "before": _heard(found.before),
        "after": _heard(found.after),
        "gained": [asdict(each) for each in found.gained],
        "lost": [asdict(each) for each in found.lost],
        "moved": [{**asdict(one), "to": other.day} for one, other in found.moved],
        "people": [_person_json(each) for each in found.people()],
    }


def _heard(heard: Heard) -> dict[str, int]:
    return {"notices": heard.notices, "held": heard.held, "items": heard.items.total()}


def _person_json(each: PersonLine) -> dict[str, Any]:
    return {**asdict(each), "before": _burden(each.before), "after": _burden(each.after)}


def _burden(burden: Burden) -> dict[str, Any]:
    return {**asdict(burden), "a_day": round(burden.a_day, 2)}


def comparison_tables(found: Comparison) -> list[tuple[str, Sequence[str], Rows]]:
    """Return the sheets of a workbook: title, headings, rows."""
    return [
        ("合计", ("", "原", "现"), iter(_totals(found))),
        ("多出的事项", _ITEM, (_row(each) for each in found.gained)),
        ("少掉的事项", _ITEM, (_row(each) for each in found.lost)),
        ("改期的事项", (*_ITEM, "改到"), ((*_row(one), other.day) for one, other in found.moved)),
        ("每人每天", _PEOPLE, (_person(each) for each in found.people())),
    ]
