"""Made-up contexts that try every template: full ones, bare ones, long ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

TODAY = date(2018, 8, 28)
_DUE = date(2018, 8, 31)

Item = dict[str, Any]


def context(audience: str, *items: Item, **more: Any) -> dict[str, Any]:
    """Return what deliver would give to a template for a person of this audience."""
    given: dict[str, Any] = {
        "campaign": {"title": "磐石市招商引资违约失信问题专项整治", "document": "磐软环境组〔2018〕1号"},
        "office": {"name": "市软环境办", "phone": "0432-00000000"},
        "person": {"name": "甲某", "title": "书记"},
        "unit": {"name": "明城镇"} if audience == "unit" else None,
        "audience": audience,
        "own_unit": False,
        "acting_for": None,
        "repeat": False,
        "asks": False,
        "today": TODAY,
        "why": ["您是明城镇联络员"] if audience == "unit" else ["按督办规则报送"],
        "items": list(items),
    }
    return given | more


def case(number: int = 1, *, due_on: date | None = _DUE, anchor: str = "due", **more: Any) -> Item:
    """Return an item about a case; keys of the case itself start with ``case_``."""
    own = {key.removeprefix("case_"): value for key, value in more.items() if key.startswith("case_")}
    more = {key: value for key, value in more.items() if not key.startswith("case_")}
    about = {
        "no": f"PS-2018-{number:04}",
        "enterprise": "磐石甲乙冷链物流有限公司（样例）",
        "category": "政策承诺不兑现",
        "description": "税收方面承诺未兑现",
        "amount": Decimal("11732500"),
        "state": "signed",
        "state_title": "已签收",
        "due_on": due_on,
        "assigned_on": date(2018, 8, 16),
        "found_on": date(2018, 8, 4),
        "key": False,
    } | own
    title = f"{about['no']} {about['enterprise']}"
    return _item("case", title, due_on=due_on, anchor=anchor, case=about) | more


def filing(*, due_on: date = _DUE, **more: Any) -> Item:
    about = {
        "title": "近5年招商引资情况（电子版）",
        "due_on": due_on,
        "parts": ["企业名录"],
        "state": "expected",
    }
    return _item("filing", "近5年招商引资情况（电子版）", due_on=due_on, filing=about) | more


def phase(**more: Any) -> Item:
    about = {
        "title": "查摆问题",
        "from": date(2018, 8, 1),
        "to": _DUE,
        "next": ["违约失信问题清单", "工作计划"],
    }
    return _item("phase", "查摆问题阶段", anchor="end", phase=about, unit=None) | more


def target(**more: Any) -> Item:
    due_on = date(2018, 12, 31)
    return _item("target", "2018年底整改率目标", due_on=due_on, numbers=numbers(), unit=None) | more


def pace(**more: Any) -> Item:
    slow = numbers(total=12, closed=3, rate="25.0%", percent=None, pace=5, worst=[])
    return _item("campaign", "序时进度", anchor="start", numbers=slow) | more


def numbers(**more: Any) -> dict[str, Any]:
    worst = ("市人力资源和社会保障局", "市国土资源局", "磐石经济开发区管委会", "朝阳山镇", "取柴河镇")
    return {
        "total": 133,
        "closed": 64,
        "missing": 16,
        "rate": "48.1%",
        "percent": 60,
        "reachable": "54.1%",
        "reachable_closed": 72,
        "pace": 70,
        "verdict": "missed",
        "worst": [{"unit": unit, "total": 12, "closed": 3, "rate": "25.0%", "overdue": 5} for unit in worst],
    } | more


def _item(kind: str, title: str, *, due_on: date | None = None, anchor: str = "due", **more: Any) -> Item:
    nothing = {"case": None, "filing": None, "phase": None, "numbers": None}
    about = {
        "act": "reminder",
        "act_title": "提醒",
        "ladder": f"{kind}-due",
        "rung": "remind",
        "part": "to",
        "kind": kind,
        "title": title,
        "unit": "明城镇",
        "anchor": anchor,
        "anchor_on": due_on or date(2018, 8, 16),
        "due_on": due_on,
        "days_left": (due_on - TODAY).days if due_on else None,
        "reason": "",
        "workdays_overdue": max(0, (TODAY - due_on).days) if due_on else 0,
    }
    return nothing | about | more


def _bundles(act: str) -> Iterator[list[Item]]:
    """Yield what one notice may have to say, kind by kind, from one item to very many."""
    said: dict[str, Any] = {"act": act}
    bare: dict[str, Any] = {"case_category": None, "case_description": None, "case_amount": None}
    late = TODAY - timedelta(days=7)
    yield [case(**said)]
    yield [case(due_on=late, **said), filing(due_on=late, **said), filing(part="copy", **said)]
    yield [case(due_on=TODAY, unit=None, **bare, **said)]
    yield [case(due_on=None, anchor="assigned", case_state="assigned", **bare, **said)]
    for anchor in ("submitted", "returned", "reopened", "registered"):
        why = "与企业核对的兑付凭证不全，\n请补齐后再报" * 9
        yield [case(n, anchor=anchor, reason=why, **said) for n in range(1, 9)]
        yield [case(anchor=anchor, **said), case(2, anchor=anchor, due_on=None, **said)]
    yield [phase(**said), phase(phase=dict(phase()["phase"], next=[]), anchor="start", **said)]
    yield [target(**said), pace(**said), filing(**said)]
    yield [target(numbers=numbers(total=0, closed=0, rate="—", verdict="no_cases", worst=[]), **said)]
    yield [target(numbers=numbers(verdict="reached", missing=0), days_left=-10, **said)]
    long = "磐石<b>甲乙丙丁戊己庚辛</b>&壬癸" * 20
    yield [case(n, case_enterprise=long, title=long, unit=long, **said) for n in range(300)]


def contexts(template: str) -> Iterator[dict[str, Any]]:
    """Yield contexts in which a template must speak."""
    act, _, audience = template.partition(".")
    audience = audience.partition(".")[0]
    if act == "note":
        kinds = (
            "unaddressed",
            "manual",
            "lapsed",
            "waiting",
            "failed",
            "empty_group",
            "no_head",
            "empty_rung",
            "unreached",
            "ending",
            "same_person",
            "held",
            "set_aside",
        )
        lines = [{"kind": kind, "text": "明城镇主要领导岗位无人" * 20, "count": 2} for kind in kinds]
        for some in ([], lines[:1], lines * 30):
            yield context(audience, lines=some)
        yield context(audience, lines=lines[-1:], asks=True)
        return
    for items in _bundles("urge" if act == "digest" else act):
        yield context(audience, *items)
    yield context(
        audience,
        case(act="urge"),
        case(2, act="reminder", part="copy"),
        own_unit=True,
        acting_for="乙某",
        repeat=True,
        overdue=["市水利局主要领导岗位无人", "朝阳山镇主要领导无联系方式"],
        why=[],
    )
