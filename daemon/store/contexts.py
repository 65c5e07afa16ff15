"""What a notice tells, as plain values for the templates: the facts as they are when it is rendered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from daemon.domain.campaign import Campaign
from daemon.domain.case import Case
from daemon.domain.ladder import Audience, Ladder, Part, Role, Rung, Subject, SubjectKind
from daemon.domain.pace import Count, floor_percent
from daemon.domain.people import Directory
from daemon.domain.strength import Strength, strength
from daemon.domain.why import ACT_VERBS, ROLE_TITLES, say_day, say_wording
from daemon.domain.workdays import WorkdayCalendar, local_day
from daemon.store.decisions import Decision
from daemon.store.events import Reason
from daemon.store.facts import Known, Matter, target_numbers
from daemon.store.notices import Notice, StoredItem
from daemon.store.people import Person

WORST = 5
REASONED, EXTENDED = ("returned", "reopened"), "extended"


@dataclass(frozen=True)
class Reference:
    """What all notices of a batch look things up in."""

    known: Known
    ladders: Mapping[str, Ladder]
    calendar: WorkdayCalendar
    directory: Directory
    persons: Mapping[int, Person]
    titles: Mapping[tuple[int, str], str]
    office: tuple[str, str]
    now: datetime
    unreached: tuple[str, ...] = ()
    """The rungs that reached nobody, in words."""
    reasons: Mapping[tuple[Subject, str], Reason] = field(default_factory=dict)
    """Why subjects were returned, reopened, extended, by kind of event."""
    _heads: dict[int, str] = field(default_factory=dict)

    def heads(self, unit: int) -> str:
        """Name the heads of a unit."""
        if unit not in self._heads:
            found = [r.person for r in self.directory.resolve((Role.UNIT_HEAD,), unit)]
            self._heads[unit] = "、".join(self.persons[p].name for p in found if p in self.persons)
        return self._heads[unit]


Line = tuple[StoredItem, Decision]


def template_name(notice: Notice, lines: Sequence[Line], ladders: Mapping[str, Ladder]) -> str:
    """Return which template speaks: the act's, or a digest where several acts are told at once."""
    if notice.tells_lines:
        return f"note.{notice.audience}"
    named = {_template(decision, ladders) for _, decision in lines}
    return f"{named.pop() if len(named) == 1 else 'digest'}.{notice.audience}"


def weight(decision: Decision, ladders: Mapping[str, Ladder]) -> Strength:
    """Return how strong a decision is by the rules as they stand; one without a rule is the weakest."""
    ladder = ladders.get(decision.ladder)
    rung = ladder.rung(decision.rung) if ladder else None
    return strength(ladder, rung, decision.occurrence) if ladder and rung else Strength(-1, -1, "")


def _rung(decision: Decision, ladders: Mapping[str, Ladder]) -> Rung | None:
    ladder = ladders.get(decision.ladder)
    return ladder.rung(decision.rung) if ladder else None


def _template(decision: Decision, ladders: Mapping[str, Ladder]) -> str:
    rung = _rung(decision, ladders)
    return (rung.template or rung.act.value) if rung else "digest"


def build(notice: Notice, lines: Sequence[Line], about: Reference) -> dict[str, Any]:
    """Return the context of a notice's templates; ``lines`` come strongest first."""
    campaign = about.known.campaigns[notice.campaign]
    person = about.persons[notice.person]
    first = lines[0][0] if lines else None
    unit = about.known.units.get(first.unit) if first and first.unit else None
    return {
        "campaign": {"title": campaign.title, "document": campaign.document},
        "office": {"name": about.office[0], "phone": about.office[1]},
        "person": {"name": person.name, "title": _title(person, first, about)},
        "unit": {"name": unit.name} if unit else None,
        "audience": notice.audience.value,
        "own_unit": any(item.own_unit for item, _ in lines),
        "acting_for": _acting_for(first, about),
        "repeat": False,
        "overdue": list(about.unreached) if notice.audience is Audience.GROUP else [],
        "today": local_day(about.now, campaign.zone),
        "why": _why(lines, about)[:3],
        "items": [_item(item, decision, campaign, about) for item, decision in lines],
        "asks": notice.kind == "ask",
        "lines": [_note_line(line) for line in (notice.reason or {}).get("lines", ())],
        "approved_by": notice.approved_by,
    }


_NOTE_TEXTS = {
    "unaddressed": "应发通知无人可收，请补充岗位人员",
    "manual": "无电子渠道，请电话或书面送达后登记办结",
    "waiting": "待审签，请及时审定",
    "held": "超出常量或越过专报，已扣下，请放行或作废",
    "failed": "各渠道均未送达，请人工处理",
    "lapsed": "未及发送即已过期",
    "empty_group": "领导小组岗位无人，专报和提级无人可收",
    "no_head": "没有主要领导，请补充",
    "empty_rung": "岗位无人或近期将无人，通知无人可收",
    "unreached": "没有任何可用的联系方式",
    "ending": "一个月内任期届满，还没有接任",
    "same_person": "一人兼上下两个岗位，逐级催办落在同一人",
    "muted": "在静默期内，没有发送",
    "mute": "新设静默",
    "set_aside": "处理时发送进程屡次中断，已搁置并改走下一渠道，请通知运维人员",
}


def _note_line(line: Mapping[str, Any]) -> dict[str, Any]:
    examples = "、".join(line["examples"])
    text = _NOTE_TEXTS[line["kind"]] + (f"（{examples}）" if examples else "")
    return {"kind": line["kind"], "count": line["count"], "text": text}


def _title(person: Person, item: StoredItem | None, about: Reference) -> str:
    return about.titles.get((person.id, item.role.value), "") if item else ""


def _acting_for(item: StoredItem | None, about: Reference) -> str | None:
    person = about.persons.get(item.acting_for) if item and item.acting_for else None
    return person.name if person else None


def _why(lines: Sequence[Line], about: Reference) -> list[str]:
    """Say why this person is told: each reason once, in one sentence."""
    kinds = dict.fromkeys((decision.ladder, decision.rung, item.part, item.role) for item, decision in lines)
    ladders = about.ladders
    said = (
        _why_so(ladders[ladder].rung(rung) if ladder in ladders else None, part, role)
        for ladder, rung, part, role in kinds
    )
    return list(dict.fromkeys(said))


def _why_so(rung: Rung | None, part: Part, role: Role) -> str:
    seat = ROLE_TITLES[role]
    if rung is None:
        return f"按规则发送{seat}"
    does = "抄送" if part is Part.COPY else ACT_VERBS.get(rung.act, rung.act.label)
    return f"按规则于{say_wording(rung.wording)}{does}{seat}"


def _item(item: StoredItem, decision: Decision, campaign: Campaign, about: Reference) -> dict[str, Any]:
    rung = _rung(decision, about.ladders)
    today = local_day(about.now, campaign.zone)
    told: dict[str, Any] = {
        "act": rung.act.value if rung else "notice",
        "act_title": rung.act.label if rung else "告知",
        "ladder": decision.ladder,
        "rung": decision.rung,
        "part": item.part.value,
        "kind": decision.subject.kind.value,
        "anchor": decision.inputs.get("anchor"),
        "anchor_on": _day(decision.inputs.get("anchor_on")),
        "case": None,
        "filing": None,
        "phase": None,
        "numbers": None,
        "reason": _reason(decision, about),
        "assumed": bool(decision.inputs.get("calendar_assumed")),
    }
    if decision.subject.kind is SubjectKind.CASE:
        case = about.known.cases[decision.subject.id]
        unit = about.known.units[case.unit].name
        told |= _countdown(case.due_on, today, about.calendar)
        told |= {"unit": unit, "title": f"{case.no} {case.enterprise}", "case": _case(case)}
        told["responsible"] = about.heads(case.unit)
    else:
        told |= _matter(about.known.matters[decision.subject.id], campaign, today, about)
    return told


def with_reasons(known: Known) -> list[Subject]:
    """Return the subjects to which something was done that one gives a reason for."""
    of_cases = (
        Subject(SubjectKind.CASE, number)
        for number, case in known.cases.items()
        if case.returns or case.extensions or case.reopened_on
    )
    of_matters = (Subject(m.kind, number) for number, m in known.matters.items() if m.returned_on)
    return [*of_cases, *of_matters]


def _reason(decision: Decision, about: Reference) -> str:
    """Return the words with which a subject was returned or reopened, or its present deadline granted."""
    anchor = str(decision.inputs.get("anchor"))
    if anchor in REASONED:
        given = about.reasons.get((decision.subject, anchor))
        return given.words if given else ""
    case = about.known.cases.get(decision.subject.id)
    given = about.reasons.get((decision.subject, EXTENDED))
    if anchor != "due" or given is None or case is None or given.due_on != str(case.due_on):
        return ""
    return given.words


def _day(value: object) -> date | None:
    return date.fromisoformat(str(value)) if value else None


def _countdown(due_on: date | None, today: date, calendar: WorkdayCalendar) -> dict[str, Any]:
    return {
        "due_on": due_on,
        "days_left": (due_on - today).days if due_on else None,
        "workdays_overdue": calendar.between(due_on, today) if due_on and today > due_on else 0,
    }


def _case(case: Case) -> dict[str, Any]:
    return {
        "no": case.no,
        "enterprise": case.enterprise,
        "category": case.category,
        "description": case.description,
        "amount": case.amount,
        "state": case.state.value,
        "state_title": case.state.label,
        "due_on": case.due_on,
        "assigned_on": case.assigned_on,
        "found_on": case.found_on,
        "submitted_on": case.submitted_on,
        "key": case.key,
    }


def _matter(matter: Matter, campaign: Campaign, today: date, about: Reference) -> dict[str, Any]:
    unit = about.known.units[matter.unit].name if matter.unit else None
    told = _countdown(matter.due_on, today, about.calendar) | {"unit": unit}
    match matter.kind:
        case SubjectKind.FILING:
            rule = campaign.filings.get(matter.key)
            title = rule.title if rule else matter.key
            filing = {
                "title": title,
                "due_on": matter.due_on,
                "parts": list(rule.parts) if rule else [],
                "state": matter.state,
            }
            told |= {"title": title, "filing": filing}
        case SubjectKind.PHASE:
            told |= {"title": campaign.phases[matter.key].title, "phase": _phase(matter.key, campaign)}
        case _:
            told |= {"title": _target_title(matter), "numbers": _numbers(matter, campaign, today, about)}
    return told


def _target_title(matter: Matter) -> str:
    return (
        f"{say_day(matter.due_on)}目标" if matter.kind is SubjectKind.TARGET and matter.due_on else "序时进度"
    )


def _phase(key: str, campaign: Campaign) -> dict[str, Any]:
    phase = campaign.phases[key]
    filings = [
        f"{rule.title}（{say_day(rule.due)}前）" for rule in campaign.filings.values() if rule.phase == key
    ]
    return {"title": phase.title, "from": phase.since, "to": phase.until, "next": filings}


def _numbers(matter: Matter, campaign: Campaign, today: date, about: Reference) -> dict[str, Any]:
    """Return the numbers of a target or of the pace as of today; a milestone's own stop there."""
    numbers = dict(target_numbers(matter, about.known.rates, campaign, today))
    count = Count(_int(numbers["total"]), _int(numbers["closed"]))
    reachable = _int(numbers.get("reachable_closed", count.closed))
    percent = next((m.percent for m in campaign.milestones if m.on == matter.due_on), None)
    nearest = next((m for m in sorted(campaign.milestones) if m.on >= today), None)
    return numbers | {
        "rate": floor_percent(count),
        "reachable": floor_percent(Count(count.total, reachable)),
        "reachable_closed": reachable,
        "percent": percent or (nearest.percent if nearest else 100),
        "target_on": matter.due_on if percent else (nearest.on if nearest else campaign.end),
        "worst": _worst(matter, today, about) if matter.unit is None else [],
    }


def _worst(matter: Matter, today: date, about: Reference) -> list[dict[str, Any]]:
    """Return the units with most cases still open, the least rectified first."""
    upto = min(today, matter.due_on) if matter.due_on else today
    counts = about.known.rates.by_unit(matter.campaign, upto)
    overdue = about.known.rates.overdue_by_unit(matter.campaign, today)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1].open, -overdue.get(pair[0], 0), pair[0]))
    return [
        {
            "unit": about.known.units[unit].name,
            "total": count.total,
            "closed": count.closed,
            "open": count.open,
            "rate": floor_percent(count),
            "overdue": overdue.get(unit, 0),
            "head": about.heads(unit),
        }
        for unit, count in ordered[:WORST]
        if count.open
    ]


def _int(value: object) -> int:
    return int(value) if isinstance(value, int) else 0
