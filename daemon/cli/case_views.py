"""Cases as lists, as single sheets, and as scripts read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Any

from sqlalchemy import Connection

from daemon.channels.redact import mask_phones
from daemon.cli.output import answer, local, pairs, table, yuan
from daemon.cli.words import EVENT_TITLES, say_item
from daemon.config.compiled import RuleSet
from daemon.domain.case import Case, Event, EventKind, State
from daemon.domain.why import say_wording
from daemon.store import cases, events, listing
from daemon.store.events import Recorded
from daemon.store.listing import Told


def case_json(case: Case, units: Mapping[int, str], today: date) -> dict[str, Any]:
    """Return a case as scripts read it: days as ISO text or null, the amount in yuan as text."""
    return {
        "no": case.no,
        "unit": units[case.unit],
        "enterprise": case.enterprise,
        "legal_person": case.legal_person,
        "phone": mask_phones(case.phone),
        "category": case.category,
        "source": case.source,
        "description": case.description,
        "amount": yuan(case.amount),
        "key": case.key,
        "note": case.note,
        "state": case.state.value,
        "state_title": case.state.label,
        "overdue": is_overdue(case, today),
        "found_on": case.found_on,
        "registered_on": case.registered_on,
        "assigned_on": case.assigned_on,
        "due_on": case.due_on,
        "signed_on": case.signed_on,
        "submitted_on": case.submitted_on,
        "returned_on": case.returned_on,
        "reopened_on": case.reopened_on,
        "closed_on": case.closed_on,
        "identified_on": case.identified_on,
        "opinion_on": case.opinion_on,
        "returns": case.returns,
        "extensions": case.extensions,
    }


def is_overdue(case: Case, today: date) -> bool:
    return case.is_open and case.due_on is not None and case.due_on < today


def unit_names(connection: Connection) -> dict[int, str]:
    return {unit.id: unit.name for unit in listing.all_units(connection)}


def print_cases(found: Sequence[Case], units: Mapping[int, str], today: date) -> None:
    titles = ("编号", "责任单位", "企业", "类别", "状态", "交办", "时限", "签收", "销号")
    table(
        titles,
        [
            (
                c.no,
                units[c.unit],
                c.enterprise,
                c.category,
                c.state.label + ("（逾期）" if is_overdue(c, today) else ""),
                c.assigned_on,
                c.due_on,
                c.signed_on,
                c.closed_on,
            )
            for c in found
        ],
        empty="没有符合条件的问题",
    )
    if found:
        answer(f"共 {len(found)} 件")


@dataclass(frozen=True)
class CaseSheet:
    """Everything on file about one case."""

    case: Case
    units: Mapping[int, str]
    history: Sequence[Recorded]
    told: Sequence[Told]
    rules: RuleSet
    today: date
    zone: tzinfo

    @classmethod
    def load(cls, connection: Connection, no: str, rules: RuleSet, today: date, zone: tzinfo) -> CaseSheet:
        case = cases.by_no(connection, no)
        assert case is not None
        subject = cases.subject_of(case)
        return cls(
            case,
            unit_names(connection),
            events.of_subject(connection, subject),
            listing.told_about(connection, subject),
            rules,
            today,
            zone,
        )

    def json(self) -> dict[str, Any]:
        return {
            **case_json(self.case, self.units, self.today),
            "events": [self._event_json(event) for event in self.history],
            "notices": [
                {
                    "notice": t.notice,
                    "person": t.person,
                    "part": t.part.value,
                    "ladder": t.ladder,
                    "rung": t.rung,
                    "on": t.instant.astimezone(self.zone).date(),
                    "state": t.state,
                    "sent_at": t.sent_at.astimezone(self.zone) if t.sent_at else None,
                }
                for t in self.told
            ],
        }

    def _event_json(self, event: Recorded) -> dict[str, Any]:
        return {
            "kind": event.kind,
            "title": EVENT_TITLES.get(event.kind, event.kind),
            "on": event.effective_on,
            "recorded_at": event.recorded_at.astimezone(self.zone),
            "by": event.by,
            "note": event.note,
            "undone": event.undone_by is not None,
        }

    def print(self) -> None:
        case = self.case
        pairs(
            [
                ("编号", case.no + ("（重点）" if case.key else "")),
                ("责任单位", self.units[case.unit]),
                ("企业", case.enterprise),
                ("法定代表人", case.legal_person),
                ("联系电话", mask_phones(case.phone)),
                ("类别", case.category),
                ("来源", case.source),
                ("问题", case.description),
                ("涉及金额", f"{yuan(case.amount)} 元" if case.amount is not None else None),
                ("状态", case.state.label + ("（逾期）" if is_overdue(case, self.today) else "")),
                ("整改时限", case.due_on or ("未定" if case.is_open else None)),
                ("退回次数", case.returns or None),
                ("延期次数", case.extensions or None),
                ("备注", case.note),
            ]
        )
        self._print_history()
        self._print_told()

    def _print_history(self) -> None:
        answer("", "经过")
        rows = [
            (
                event.effective_on,
                EVENT_TITLES.get(event.kind, event.kind) + ("（已撤回）" if event.undone_by else ""),
                event.by,
                event.note,
                local(event.recorded_at, self.zone),
            )
            for event in self.history
        ]
        table(("日期", "事项", "经办", "说明", "登记时间"), rows)

    def _print_told(self) -> None:
        if not self.told:
            return
        answer("", "通知")
        rows = [
            (
                t.notice,
                t.instant.astimezone(self.zone).date(),
                self._say_rung(t),
                t.person + ("（抄送）" if t.part.value == "copy" else ""),
                say_item(t.state, t.notice_state),
                local(t.sent_at, self.zone),
            )
            for t in self.told
        ]
        table(("号", "日期", "规则", "收件人", "情况", "发出时间"), rows)

    def _say_rung(self, told: Told) -> str:
        rung = self.rules.rung(told.ladder, told.rung)
        return f"{rung.act.label}（{say_wording(rung.wording)}）" if rung else f"{told.ladder} {told.rung}"


def say_after(case: Case, event: Event, units: Mapping[int, str]) -> str:
    """Say in one line what has just happened to a case, and how it stands now."""
    words = f"{case.no} {EVENT_TITLES[event.kind]}（{event.on}）"
    if event.kind is EventKind.MOVED:
        words += f"至 {units[case.unit]}"
    words += f"，现为“{case.state.label}”"
    if case.due_on and case.state not in (State.CLOSED, State.DISMISSED):
        words += f"，整改时限 {case.due_on}"
    return words


def last_undone(connection: Connection, case: Case) -> str:
    """Return the title of what was taken back last."""
    undoing = [e for e in events.of_subject(connection, cases.subject_of(case)) if e.kind == EventKind.UNDONE]
    kind = str(undoing[-1].data["kind"])
    return EVENT_TITLES.get(kind, kind)
