"""``today``: what leaves today, and what falls due today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from daemon.cli.context import Context
from daemon.cli.options import Config, Json
from daemon.cli.output import answer, emit, say, table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from daemon.cli.outlook import Coming, Message
    from daemon.config.compiled import RuleSet
    from daemon.store.facts import Known
    from daemon.store.listing import NoticeLine


def today(config: Config = None, as_json: Json = False) -> None:
    """今天还要发什么给谁，已经发了多少，今天有什么到期。按现在的情况推算，不改变任何东西。"""
    from daemon.store.engine import reading

    with Context.open(config) as context, reading(context.engine) as connection:
        page = _Page.load(context, connection)
    if as_json:
        emit(page.json())
    else:
        page.print()


@dataclass(frozen=True)
class _Page:
    """Everything that the day brings."""

    day: date
    sent: int
    messages: Sequence[Message]
    unreached: Sequence[Coming]
    ready: Mapping[int, datetime]
    lines: Mapping[int, NoticeLine]
    waiting: Sequence[NoticeLine]
    deadlines: Sequence[tuple[str, str, str]]
    names: _Names

    @classmethod
    def load(cls, context: Context, connection: Connection) -> _Page:
        from daemon.cli.outlook import Outlook
        from daemon.domain.workdays import midnight
        from daemon.store import facts, listing

        rules, day = context.rules(), context.today
        begins = midnight(day, context.zone)
        ends = midnight(day + timedelta(days=1), context.zone) - timedelta(microseconds=1)
        messages, unreached = Outlook(connection, rules, context.now, ends).messages()
        about = {m.coming.subject for m in messages} | {c.subject for c in unreached}
        known = facts.load(connection, about, rules.campaigns)
        return cls(
            day,
            listing.sent_between(connection, begins, ends),
            messages,
            unreached,
            listing.leaving(connection, ends),
            {line.id: line for line in listing.notice_lines(connection, states=["ready"])},
            listing.notice_lines(connection, states=["waiting"]),
            _deadlines(connection, rules, day),
            _Names.load(connection, known),
        )

    def json(self) -> dict[str, Any]:
        return {
            "day": self.day,
            "sent": self.sent,
            "coming": [self._message_json(m) for m in self.messages],
            "unaddressed": [
                {"ladder": c.ladder, "rung": c.rung, "subject": self.names.subject_json(c)}
                for c in self.unreached
            ],
            "ready": [
                {"notice": n, "at": at.astimezone(self.names.zone), "person": self.lines[n].person}
                for n, at in self.ready.items()
                if n in self.lines
            ],
            "approvals": [line.id for line in self.waiting],
            "deadlines": [
                {"kind": k, "what": what, "unit": unit or None} for k, what, unit in self.deadlines
            ],
        }

    def _message_json(self, m: Message) -> dict[str, Any]:
        return {
            "at": m.at.astimezone(self.names.zone),
            "to": {
                "person": self.names.persons[m.person],
                "post": m.role.value,
                "unit": self.names.units.get(m.unit or 0),
            },
            "act": m.act.value,
            "ladder": m.coming.ladder,
            "rung": m.coming.rung,
            "occurrence": m.coming.occurrence,
            "subject": self.names.subject_json(m.coming),
            "part": m.part.value,
            "approval": m.approval,
        }

    def print(self) -> None:
        answer(f"{self.day}，已发出 {self.sent} 条通知")
        self._print_coming()
        self._print_ready()
        if self.waiting:
            answer("", f"待审签 {len(self.waiting)} 份：第 {'、'.join(str(w.id) for w in self.waiting)} 号")
        if self.unreached:
            say("", f"无人可收 {len(self.unreached)} 条，请补充岗位人员（duban person list）")
        answer("", "今天到期" if self.deadlines else "今天没有到期的事项")
        if self.deadlines:
            table(("类别", "事项", "责任单位"), self.deadlines)

    def _print_coming(self) -> None:
        grouped: dict[tuple[datetime, int, str, bool], list[Message]] = {}
        for m in self.messages:
            grouped.setdefault((m.at, m.person, m.act.label, m.approval), []).append(m)
        rows = [
            (
                f"{at.astimezone(self.names.zone):%H:%M}" + ("（先审签）" if approval else ""),
                self.names.persons[person],
                self.names.units.get(same[0].unit or 0),
                act,
                len(same),
                "、".join(self.names.subject(m.coming) for m in same[:3]) + ("等" if len(same) > 3 else ""),
            )
            for (at, person, act, approval), same in grouped.items()
        ]
        answer("", f"今天还要发出 {len(self.messages)} 项" if rows else "今天没有待发的通知")
        if rows:
            table(("时间", "收件人", "单位", "措施", "项数", "事项"), rows)

    def _print_ready(self) -> None:
        rows = [
            (n, self.lines[n].person, f"{at.astimezone(self.names.zone):%H:%M}")
            for n, at in self.ready.items()
            if n in self.lines
        ]
        if rows:
            answer("", f"正在发送或等待重发 {len(rows)} 条")
            table(("号", "收件人", "时间"), rows)


def _deadlines(connection: Connection, rules: RuleSet, day: date) -> list[tuple[str, str, str]]:
    """Return the cases, filings, targets and phases that fall due today, and the phases that begin."""
    from daemon.cli.case_views import unit_names
    from daemon.domain.ladder import SubjectKind
    from daemon.store import facts, listing

    units = unit_names(connection)
    campaigns = facts.load_campaigns(connection, rules.campaigns)
    found = [
        ("问题", f"{case.no} {case.enterprise}", units[case.unit])
        for case in listing.cases_due_on(connection, day)
    ]
    for matter in listing.matters_of_day(connection, day):
        campaign = campaigns.get(matter.campaign)
        if campaign is None:
            continue
        due = matter.due_on == day
        if matter.kind is SubjectKind.FILING and due and matter.state in ("open", "returned"):
            found.append(("报送", campaign.filings[matter.key].title, units.get(matter.unit or 0, "")))
        elif matter.kind is SubjectKind.TARGET and due and matter.unit is None:
            percent = next(m.percent for m in campaign.milestones if m.on == matter.due_on)
            found.append(("目标", f"整改率 {percent}%", ""))
        elif matter.kind is SubjectKind.PHASE:
            found.append(("阶段", campaign.phases[matter.key].title + ("结束" if due else "开始"), ""))
    return found


@dataclass(frozen=True)
class _Names:
    """How people name what the page speaks of."""

    known: Known
    persons: Mapping[int, str]
    units: Mapping[int, str]

    @classmethod
    def load(cls, connection: Connection, known: Known) -> _Names:
        from daemon.cli.case_views import unit_names
        from daemon.store import people

        persons = {number: person.name for number, person in people.load_all(connection).items()}
        return cls(known, persons, unit_names(connection))

    @property
    def zone(self) -> Any:
        return next(iter(self.known.campaigns.values())).zone

    def subject(self, coming: Coming) -> str:
        if coming.subject.id in self.known.cases and coming.subject.kind.value == "case":
            return self.known.cases[coming.subject.id].no
        matter = self.known.matters[coming.subject.id]
        campaign = self.known.campaigns[matter.campaign]
        titles = {
            "filing": lambda: campaign.filings[matter.key].title,
            "phase": lambda: campaign.phases[matter.key].title,
            "target": lambda: f"{matter.due_on} 目标",
        }
        return titles.get(matter.kind.value, lambda: "序时进度")()

    def subject_json(self, coming: Coming) -> dict[str, Any]:
        kind = coming.subject.kind.value
        if kind == "case":
            return {"kind": kind, "id": self.known.cases[coming.subject.id].no}
        matter = self.known.matters[coming.subject.id]
        unit = self.units.get(matter.unit or 0)
        return {"kind": kind, "id": f"{matter.key}/{unit}" if unit else matter.key}
