"""Says why one thing was said to one person: the words are made from what the decision saw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, tzinfo

from daemon.domain.ladder import Addressee, Part, Rung
from daemon.domain.people import EVERY_UNIT, Recipient
from daemon.domain.why import ACT_VERBS, ANCHOR_TITLES, ROLE_TITLES, say_conditions, say_day, say_wording
from daemon.domain.workdays import CountedDay, Offset, Rest, Span, WorkdayCalendar, local_day

_NUMBERS = {
    "total": ("问题总数", "件"),
    "closed": ("已销号", "件"),
    "pace": ("序时进度应销号", "件"),
    "missing": ("距目标还差", "件"),
    "reachable_closed": ("按现有时限可销号", "件"),
    "days_left": ("距时限", "天"),
    "min_cases": ("预警的最少件数", "件"),
}
_FLAGS = {"overdue": ("已逾期", "未逾期"), "behind": ("落后于序时进度", "没有落后于序时进度")}


def say_rule(rung: Rung | None, ladder: str, rung_id: str) -> str:
    """Say the rule that spoke: 时限后第1个工作日催办（case-due/overdue），条件：未办结."""
    if rung is None:
        return f"规则 {ladder}/{rung_id}（已不在当时的规则集里）"
    words = (
        f"规则：{say_wording(rung.wording)}{ACT_VERBS.get(rung.act, rung.act.label)}（{ladder}/{rung_id}）"
    )
    conditions = say_conditions(rung.wording.when)
    return f"{words}，条件：{conditions}" if conditions else words


def say_instant(inputs: Mapping[str, object], instant: datetime, occurrence: str, zone: tzinfo) -> str:
    """Say the day on which the rule spoke, and what it was counted from."""
    anchor = str(inputs.get("anchor", ""))
    words = f"这一级落在 {say_day(local_day(instant, zone))}"
    if inputs.get("anchor_on"):
        on = date.fromisoformat(str(inputs["anchor_on"]))
        words += f"，从{ANCHOR_TITLES.get(anchor, anchor)}日 {say_day(on)} 算起"
    if occurrence:
        words += f"（重复发送的这一次，名义日 {occurrence}）"
    return words + ("；放假安排未公布，暂按周末推算" if inputs.get("calendar_assumed") else "")


def say_counting(at: Offset, anchor_on: date, calendar: WorkdayCalendar) -> str:
    """Say how working days were counted, day by day, with the days off, the make-up days and who set them.

    '' where calendar time was counted. A year whose days off are not published is said to be assumed.
    """
    if at.span is not Span.WORKDAYS:
        return ""
    days = calendar.counted(anchor_on, at.count)
    words = f"从 {say_day(anchor_on)}（{_weekday(anchor_on)}）{_say_direction(at.count)}："
    words += "、".join(_say_run(run) for run in _runs(d for d in days if d.number)) if at.count else ""
    words += "" if at.count else f"{_say_month(days[-1].day)}（{_weekday(days[-1].day)}）"
    return "；".join(filter(None, (words, *_say_rests(days), _say_assumed(days, calendar))))


def _say_direction(count: int) -> str:
    if count == 0:
        return "取当天，遇休息日取之前最近的工作日"
    return f"的{'次日起往后' if count > 0 else '前一日起往前'}数{abs(count)}个工作日"


def _weekday(day: date) -> str:
    return f"周{'一二三四五六日'[day.weekday()]}"


def _say_month(day: date) -> str:
    return f"{day.month}月{day.day}日"


def _runs(days: Iterable[CountedDay]) -> list[list[CountedDay]]:
    """Put days that follow each other together."""
    runs: list[list[CountedDay]] = []
    for day in days:
        if runs and abs((day.day - runs[-1][-1].day).days) == 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs


def _say_run(run: list[CountedDay]) -> str:
    if len(run) <= SHORT_RUN:
        return "、".join(f"{_say_month(d.day)}（{_weekday(d.day)}）第{d.number}个" for d in run)
    to = "至" if run[0].day < run[-1].day else "往前至"
    return f"{_say_month(run[0].day)}{to}{_say_month(run[-1].day)}第{run[0].number}至{run[-1].number}个"


SHORT_RUN = 3
"""How many days that follow each other are named one by one; of more, the first and the last."""


def _say_rests(days: Iterable[CountedDay]) -> Iterator[str]:
    """Say which days were off or made up for, by the notice that set them."""
    for rest, title in ((Rest.OFF, "放假"), (Rest.MAKEUP, "补班")):
        mine = sorted((d for d in days if d.rest is rest), key=lambda d: d.day)
        for source in dict.fromkeys(d.source for d in mine):
            named = "、".join(_say_span(run) for run in _runs(d for d in mine if d.source == source))
            yield f"{named}{title}（{source or '国务院办公厅当年放假通知'}）"


def _say_span(run: list[CountedDay]) -> str:
    first, last = _say_month(run[0].day), _say_month(run[-1].day)
    return first if first == last else f"{first}至{last}"


def _say_assumed(days: Iterable[CountedDay], calendar: WorkdayCalendar) -> str:
    years = sorted({d.day.year for d in days} - calendar.known)
    return f"{'、'.join(map(str, years))}年放假安排未公布，暂按周末推算" if years else ""


def say_numbers(inputs: Mapping[str, object]) -> str:
    """Say the numbers that the decision saw, '' where it looked at none."""
    seen = inputs.get("as_of")
    if not isinstance(seen, Mapping):
        return ""
    words = list(_numbers(seen))
    return f"当时的数字：{'，'.join(words)}" if words else ""


def _numbers(seen: Mapping[str, object]) -> Iterator[str]:
    for name, (title, measure) in _NUMBERS.items():
        if isinstance(seen.get(name), int):
            yield f"{title} {seen[name]} {measure}"
    for name, (yes, no) in _FLAGS.items():
        if name in seen:
            yield yes if seen[name] else no


def say_recipient(
    recipient: Recipient,
    line: Addressee,
    part: Part,
    unit: str,
    stood_in_for: str,
    held: tuple[date | None, date | None] = (None, None),
) -> str:
    """Say why this person: the seat, from when to when it is held, and by which way it was reached."""
    seat = f"{unit}{ROLE_TITLES[recipient.role]}{_say_tenure(*held)}"
    words = f"{'抄送' if part is Part.COPY else '发送'}{seat}"
    first = EVERY_UNIT.get(line[0], line[0]) if line else recipient.role
    if recipient.role is not first and not recipient.own_unit:
        words += f"（没有{ROLE_TITLES[first]}，按规则改送）"
    if recipient.own_unit:
        words += "（原定收件人属于本单位，按规定改送上一级）"
    if stood_in_for:
        words += f"，代理{stood_in_for}"
    return words


def _say_tenure(since: date | None, until: date | None) -> str:
    words = (f"{say_day(since)}起任" if since else "") + (f"至{say_day(until)}" if until else "")
    return f"（{words}）" if words else ""
