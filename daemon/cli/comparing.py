"""What two rule sets say differently: as tables, as JSON, and as the sheets of a workbook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from daemon.cli.output import answer, say, table
from daemon.compare import Burden, Comparison, Heard, PersonLine, Said

if TYPE_CHECKING:
    from daemon.config.compiled import RuleSet
    from daemon.sheets.books import Table

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
    answer("", "每人每天（平均数只算有通知的日子）")
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


# the workbook

_SHEET_ITEM = ("人员", "单位", "事项", "哪一级", "主送", "日期")
_RUNG_ID = "级的代号"
_AVERAGE = "平均每天（只算有通知的日子）"


@dataclass(frozen=True)
class Side:
    """One of two rule sets: what it is called, which it is, who put it in force and when."""

    name: str
    rules: RuleSet
    activated: str

    def rung(self, ladder: str, rung: str) -> str | None:
        """Say a rung in words: 时限前3个工作日提醒."""
        from daemon.domain.why import say_offset

        step = self.rules.rung(ladder, rung)
        if step is None:
            return None
        when = say_offset(step.wording.at, step.wording.anchor)
        return f"{when}{'起的' if step.wording.every else ''}{step.act.label}"


def comparison_tables(
    found: Comparison, sides: tuple[Side, Side], period: tuple[date, date]
) -> Iterator[Table]:
    """Yield the sheets of a workbook; the first says what was compared, and what came of it."""
    from daemon.sheets.books import Table

    def rows(every: Sequence[tuple[Said, ...]]) -> Rows:
        return (_sheet_row(*each, sides=sides) for each in every)

    item, moved = (*_SHEET_ITEM, _RUNG_ID), (*_SHEET_ITEM, "改到", _RUNG_ID)
    yield Table("说明", ("项目", "内容"), _summary(found, sides, period), filtered=False)
    yield Table("多出的事项", item, rows([(each,) for each in found.gained]))
    yield Table("少掉的事项", item, rows([(each,) for each in found.lost]))
    yield Table("改期的事项", moved, rows(found.moved))
    people = (*_PEOPLE[:-2], f"原{_AVERAGE}", f"现{_AVERAGE}")
    yield Table("每人每天", people, (_person(each) for each in found.people()))


def _summary(found: Comparison, sides: tuple[Side, Side], period: tuple[date, date]) -> Rows:
    before, after = found.before, found.after
    yield "做了什么", "用两套规则推演同一段时间，比较谁多收、谁少收、哪些改期；没有发出任何消息"
    for title, side in zip(("原规则", "现规则"), sides, strict=True):
        yield title, f"{side.name}，编号 {side.rules.hash[:12]}，{side.activated}"
    yield "起止", f"{period[0]} 至 {period[1]}（都含当日）"
    for title, one, other in _totals(found):
        yield title, f"原 {one} 件，现 {other} 件"
    yield "事项", f"原 {before.items.total()} 项，现 {after.items.total()} 项"
    gained, lost, moved = len(found.gained), len(found.lost), len(found.moved)
    yield "变化", f"多出 {gained} 项，少掉 {lost} 项，改期 {moved} 项"
    yield "怎么算", "两套规则都当作一直有效，起始日之前应说的都不计；需审签的即时审签"
    yield "每人每天", "只列收件有变化的人；平均数是有通知的日子平均每天几件，没有通知的日子不算"


def _sheet_row(said: Said, to: Said | None = None, *, sides: tuple[Side, Side]) -> tuple[Any, ...]:
    words = next((w for side in reversed(sides) if (w := side.rung(said.ladder, said.rung))), "")
    if to is not None:
        words = sides[0].rung(said.ladder, said.rung) or words
    slot = f"（{said.occurrence}那次）" if said.occurrence else ""
    who, part, name = _row(said)[:3], _row(said)[4], f"{said.ladder}/{said.rung}"
    days = [date.fromisoformat(each.day) for each in (said, to) if each]
    return (*who, f"{words}{slot}", part, *days, name)
