"""One notice as a sheet: its text, its items with the reasons, and every try."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from typing import Any

from sqlalchemy import Connection

from daemon.channels.redact import mask_phones
from daemon.cli.notice import say_act
from daemon.cli.output import answer, local, pairs, table
from daemon.cli.words import (
    CHANNELS,
    NOT_TRIED,
    NOTE_LINES,
    NOTICE_STATES,
    OUTCOMES,
    say_channels,
    say_item,
)
from daemon.config.compiled import RuleSet, compile_rules
from daemon.config.source import RuleSource
from daemon.domain import explain
from daemon.domain.ladder import Addressee, Part, Rung, Subject, SubjectKind
from daemon.domain.legs import MANUAL, leg_name
from daemon.domain.people import Recipient
from daemon.domain.plan import Reason, ReasonCode
from daemon.domain.why import say_day, say_reason
from daemon.domain.workdays import CountedDay, Span, WorkdayCalendar
from daemon.errors import DubanError, NotFoundError
from daemon.store import decisions, facts, listing, notices, people, rules
from daemon.store.decisions import Decision
from daemon.store.facts import Known
from daemon.store.listing import ItemLine, PostLine, Told, Try
from daemon.store.notices import OVER_BUDGET, Document, Notice
from daemon.store.people import Person

EARLIER = 6
"""How many earlier notices about the same matter ``why`` names."""
HELD = {
    "flood": "一小时内的通知超过上限（channels.yaml 的 flood.hour），已扣下，等办公室放行或作废",
    "group": "报领导小组的通知没有随专报批次发出（channels.yaml 的 flood.group），已扣下，等办公室放行或作废",
}


@dataclass(frozen=True)
class NoticeSheet:
    """Everything on file about one notice, and the rule sets that its decisions were made by."""

    notice: Notice
    items: Sequence[ItemLine]
    decisions: Mapping[int, Decision]
    tries: Sequence[Try]
    known: Known
    persons: Mapping[int, Person]
    rule_sets: Mapping[str, RuleSet]
    now: datetime
    told: Mapping[Subject, Sequence[Told]] = field(default_factory=dict)
    """What was said of each matter, to anybody."""
    posts: Mapping[int, Sequence[PostLine]] = field(default_factory=dict)
    draft: Document | None = None
    """What a notice that waits for approval will say."""

    @classmethod
    def load(cls, connection: Connection, number: int, active: RuleSet, now: datetime) -> NoticeSheet:
        notice = notices.load(connection, [number]).get(number)
        if notice is None:
            raise no_such_notice(connection, number)
        items = listing.items_told(connection, number)
        decided = decisions.load(connection, (line.item.decision for line in items))
        known = facts.load(connection, (d.subject for d in decided.values()), active.campaigns)
        hashes = {d.rules for d in decided.values()}
        return cls(
            notice,
            items,
            decided,
            listing.tries(connection, number),
            known,
            people.load_all(connection),
            {hash_: rule_set for hash_ in hashes if (rule_set := _rules_then(connection, hash_, active))},
            now,
            {d.subject: listing.told_about(connection, d.subject) for d in decided.values()},
            listing.posts_of(connection),
        )

    @property
    def zone(self) -> tzinfo:
        return self.known.campaigns[self.notice.campaign].zone

    def rung(self, decision: Decision) -> Rung | None:
        """Return the rung as it was worded when it spoke."""
        rule_set = self.rule_sets.get(decision.rules)
        return rule_set.rung(decision.ladder, decision.rung) if rule_set else None

    def subject(self, decision: Decision) -> str:
        """Say what a decision is about, with its deadline as it stands."""
        if decision.subject.kind is SubjectKind.CASE:
            case = self.known.cases.get(decision.subject.id)
            if case is None:
                return "（问题已不在库）"
            due = f"整改时限 {say_day(case.due_on)}" if case.due_on else "未定整改时限"
            whose = f"{case.no} {case.enterprise}（{self._unit(case.unit)}）"
            return f"问题 {whose}，{due}，现为“{case.state.label}”"
        return self._matter(decision)

    def _matter(self, decision: Decision) -> str:
        matter = self.known.matters[decision.subject.id]
        campaign = self.known.campaigns[matter.campaign]
        unit = f"{self._unit(matter.unit)} " if matter.unit else ""
        due = say_day(matter.due_on) if matter.due_on else ""
        match matter.kind:
            case SubjectKind.FILING:
                rule = campaign.filings.get(matter.key)
                return f"报送 {unit}{rule.title if rule else matter.key}，时限 {due}"
            case SubjectKind.PHASE:
                phase = campaign.phases.get(matter.key)
                return f"阶段 {phase.title if phase else matter.key}，至 {due}"
            case SubjectKind.TARGET:
                return f"目标整改率 {unit}{due}"
            case _:
                return f"序时进度 {unit}".strip()

    def _unit(self, number: int | None) -> str:
        unit = self.known.units.get(number) if number is not None else None
        return unit.name if unit else ""

    def subject_id(self, decision: Decision) -> str:
        """Return how people name a subject: a case's 编号, a filing's key and unit."""
        if decision.subject.kind is SubjectKind.CASE:
            case = self.known.cases.get(decision.subject.id)
            return case.no if case else ""
        matter = self.known.matters[decision.subject.id]
        return f"{matter.key}/{self._unit(matter.unit)}" if matter.unit else matter.key

    # why

    def reasons(self, line: ItemLine) -> list[str]:
        """Say in sentences why this item was said to this person."""
        item, decision = line.item, self.decisions[line.item.decision]
        rung = self.rung(decision)
        stood_in_for = self.persons[item.acting_for].name if item.acting_for else ""
        said = [
            self.subject(decision),
            explain.say_rule(rung, decision.ladder, decision.rung),
            explain.say_instant(decision.inputs, decision.instant, decision.occurrence, self.zone),
            self._counting(rung, decision),
            explain.say_numbers(decision.inputs),
            explain.say_recipient(
                item.recipient,
                _line(rung, line),
                item.part,
                self._unit(item.unit),
                stood_in_for,
                self._held(item.recipient),
            ),
            self._way(rung, decision),
            self._earlier(decision),
            self._fate(line),
            f"判定于 {local(decision.decided_at, self.zone)}，规则集 {decision.rules[:12]}",
        ]
        return [sentence for sentence in said if sentence]

    def _held(self, recipient: Recipient) -> tuple[date | None, date | None]:
        """Return since when and until when the seat is held, by the person or by whom they stand in for."""
        holder = recipient.acting_for or recipient.person
        mine = self.posts.get(holder, ())
        held = [p for p in mine if (p.role, p.unit_id) == (recipient.role, recipient.unit)]
        return (held[-1].since, held[-1].until) if held else (None, None)

    def _calendar(self, decision: Decision) -> WorkdayCalendar | None:
        """Return the calendar by which a decision was made, from the rules of its day."""
        rule_set = self.rule_sets.get(decision.rules)
        return rule_set.calendar if rule_set else None

    def counted_days(self, decision: Decision) -> list[CountedDay]:
        """Return the days that were counted to a rung's day, one by one; none for calendar time."""
        rung, calendar = self.rung(decision), self._calendar(decision)
        on, at = decision.inputs.get("anchor_on"), rung.wording.at if rung else None
        if calendar is None or not on or at is None or at.span is not Span.WORKDAYS:
            return []
        return calendar.counted(date.fromisoformat(on), at.count)

    def _counting(self, rung: Rung | None, decision: Decision) -> str:
        calendar, on = self._calendar(decision), decision.inputs.get("anchor_on")
        if calendar is None or rung is None or rung.wording.at is None or not on:
            return ""
        words = explain.say_counting(rung.wording.at, date.fromisoformat(on), calendar)
        repeated = "第一次：" if words and rung.wording.every else ""
        return f"怎么数的：{repeated}{words}" if words else ""

    def _way(self, rung: Rung | None, decision: Decision) -> str:
        """Say why these channels: the rule of the act, as it was."""
        rule_set = self.rule_sets.get(decision.rules)
        if rung is None or rule_set is None:
            return ""
        legs = rule_set.acts[rung.act].legs
        ways = "，不通再".join(say_channels(leg_name(legs, n)) for n in range(len(legs)))
        return f"渠道：{rung.act.label}按规则用{ways}，都不通由办公室电话或书面告知"

    def _earlier(self, decision: Decision) -> str:
        """Say what was tried before: what the same ladder said of the same matter."""
        told = [
            t
            for t in self.told.get(decision.subject, ())
            if t.ladder == decision.ladder and t.instant < decision.instant and t.state == "said"
        ]
        if not told:
            return "此前：这个梯次没有为这件事告知过任何人"
        latest = told[-EARLIER:]
        words = "；".join(
            f"{local(t.sent_at, self.zone)[:10]} {self._said_act(decision, t)}{t.person}（第{t.notice}号）"
            for t in latest
        )
        return f"此前：{'最近几次 ' if len(told) > len(latest) else ''}{words}"

    def _said_act(self, decision: Decision, told: Told) -> str:
        rule_set = self.rule_sets.get(decision.rules)
        rung = rule_set.rung(told.ladder, told.rung) if rule_set else None
        return rung.act.label if rung else ""

    def _fate(self, line: ItemLine) -> str:
        if line.item.state == "superseded":
            return "同时有更强的措施，并入其中，不单独发送"
        if line.item.state == "dropped":
            return f"发送前再看时不再需要：{_say_stored(line.reason)}"
        return ""

    def ways(self) -> Iterator[str]:
        """Say which channels were tried, leg by leg, and how each try ended."""
        opened = {t.leg for t in self.tries}
        for number in range(len(self.notice.legs)):
            name = say_channels(leg_name(self.notice.legs, number))
            if number in opened:
                yield from self._tried(number)
            elif number < self.notice.leg:
                yield f"第 {number + 1} 步 {name}：此人没有登记这种联系方式，跳过"
        yield from self._tried(len(self.notice.legs))

    def _tried(self, leg: int) -> Iterator[str]:
        for each in (t for t in self.tries if t.leg == leg):
            name = f"第 {leg + 1} 步 {CHANNELS.get(each.channel, each.channel)}"
            if each.number is None:
                when = f"定于 {local(each.next_attempt_at, self.zone)}"
                yield f"{name}：{NOT_TRIED.get(each.state, when)}"
                continue
            if each.channel == MANUAL and each.outcome == "sent":
                yield f"{name}：{local(each.opened_at, self.zone)} 已转办公室，{self._by_hand()}"
                continue
            detail = " ".join(filter(None, (each.code, mask_phones(each.message))))
            again = "（重发，已注明）" if each.repeat else ""
            yield (
                f"{name}：{local(each.opened_at, self.zone)} 第 {each.number} 次{again}，"
                f"{OUTCOMES.get(each.outcome, each.outcome)}{f'（{detail}）' if detail else ''}"
            )

    def _by_hand(self) -> str:
        return "已由办公室告知本人" if self.notice.state == "done" else "等待电话或书面告知本人"

    # as a whole

    def texts(self) -> Iterator[tuple[str, str]]:
        """Yield what a person read, by channel, phones masked; of a draft, what he will read."""
        last = {each.channel: each.said for each in self.tries if each.said}
        for channel, said in last.items():
            yield CHANNELS.get(channel, channel), mask_phones(said)
        if not last and self.draft and (mail := self.draft.contents.get(MANUAL)):
            title = "待审签的文稿" if self.notice.state == "waiting" else "放行后发出的内容"
            yield title, mask_phones(f"{mail['subject']}\n\n{mail['text']}")

    def text(self) -> str:
        """Return the fullest of what a person read."""
        return max((said for _, said in self.texts()), key=len, default="")

    def person(self) -> str:
        return self.persons[self.notice.person].name

    def print(self) -> None:
        notice = self.notice
        pairs(
            [
                ("通知", f"第 {notice.id} 号"),
                ("收件人", self.person()),
                ("措施", say_act(notice.kind, notice.act.value if notice.act else None)),
                ("状态", NOTICE_STATES.get(notice.state, notice.state)),
                ("批次时间", local(notice.moment, self.zone)),
                ("转办时间" if notice.state == "manual" else "发出时间", local(notice.sent_at, self.zone)),
                ("渠道", say_channels(notice.sent_leg)),
                ("说明", self._why_over()),
                ("审签", notice.approved_by or ("等待审签" if notice.state == "waiting" else None)),
                ("文稿号", document.hash[:12] if (document := notice.document or self.draft) else None),
            ]
        )
        self._print_items()
        if ways := list(self.ways()):
            answer("", "发送经过", *(f"  {way}" for way in ways))
        for sentence in self._hold():
            answer("", sentence)
        for title, text in self.texts():
            answer("", f"内容（{title}）", *(f"  {line}" for line in text.splitlines()))

    def _why_over(self) -> str | None:
        """Say why a notice was taken back, where no channel had room for it."""
        reason = self.notice.reason or {}
        if reason.get("code") != OVER_BUDGET:
            return None
        until = datetime.fromisoformat(str(reason["until"]))
        return f"各渠道都已到额度，事项并入 {local(until, self.zone)} 的一批"

    def _print_items(self) -> None:
        rows = []
        for line in self.items:
            decision = self.decisions[line.item.decision]
            rung = self.rung(decision)
            act = rung.act.label if rung else decision.rung
            part = "抄送" if line.item.part is Part.COPY else "主送"
            state = say_item(line.item.state, self.notice.state)
            why = f"（{_say_stored(line.reason)}）" if line.reason else ""
            rows.append((act, part, self.subject(decision), state + why))
        if rows:
            answer("", "事项")
            table(("措施", "", "事项", "情况"), rows)

    def print_why(self) -> None:
        notice = self.notice
        answer(f"第 {notice.id} 号通知，{self.person()}，{NOTICE_STATES.get(notice.state, notice.state)}")
        for sentence in (*self.note_lines(), *self._hold()):
            answer(f"  {sentence}")
        for number, line in enumerate(self.items, start=1):
            first, *rest = self.reasons(line)
            answer(f"{number}. {first}", *(f"   {sentence}" for sentence in rest))
        if ways := list(self.ways()):
            answer("渠道", *(f"   {way}" for way in ways))

    def _hold(self) -> Iterator[str]:
        """Say why the gate on floods holds it."""
        if self.notice.state == "held":
            yield HELD[str((self.notice.reason or {}).get("code"))]

    def note_lines(self) -> list[str]:
        """Say what the office's morning note, or a question to it, told: no rung speaks for that."""
        if not self.notice.tells_lines:
            return []
        lines = (self.notice.reason or {}).get("lines", ())
        return [f"{NOTE_LINES.get(line['kind'], line['kind'])} {line['count']} 项" for line in lines]

    def json(self) -> dict[str, Any]:
        notice = self.notice
        return {
            "id": notice.id,
            "kind": notice.kind,
            "state": notice.state,
            "person": self.person(),
            "act": notice.act.value if notice.act else None,
            "audience": notice.audience.value,
            "moment": notice.moment.astimezone(self.zone),
            "sent_at": notice.sent_at.astimezone(self.zone) if notice.sent_at else None,
            "channel": notice.sent_leg,
            "approved_by": notice.approved_by,
            "document_hash": document.hash if (document := notice.document or self.draft) else None,
            "items": [self._item_json(line) for line in self.items],
            "attempts": [self._try_json(each) for each in self.tries],
            "text": self.text(),
        }

    def _item_json(self, line: ItemLine) -> dict[str, Any]:
        decision = self.decisions[line.item.decision]
        return {
            "ladder": decision.ladder,
            "rung": decision.rung,
            "occurrence": decision.occurrence,
            "instant": decision.instant.astimezone(self.zone),
            "subject": {"kind": decision.subject.kind.value, "id": self.subject_id(decision)},
            "part": line.item.part.value,
            "post": line.item.role.value,
            "state": line.item.state,
            "reason": line.reason,
            "inputs": decision.inputs,
            "rules": decision.rules,
            "why": self.reasons(line),
        }

    def _try_json(self, each: Try) -> dict[str, Any]:
        return {
            "leg": each.leg + 1,
            "channel": each.channel,
            "state": each.state,
            "number": each.number,
            "at": each.opened_at.astimezone(self.zone) if each.opened_at else None,
            "outcome": each.outcome,
            "repeat": each.repeat,
            "code": each.code or None,
            "message": mask_phones(each.message) or None,
        }


def no_such_notice(connection: Connection, number: int) -> NotFoundError:
    known = listing.notice_numbers(connection)
    where = f"现有第 {known[0]} 到第 {known[1]} 号；用 duban notice list 查看" if known else "还没有发过通知"
    return NotFoundError(f"没有第 {number} 号通知：{where}")


def _rules_then(connection: Connection, hash_: str, active: RuleSet) -> RuleSet | None:
    """Return a rule set by its hash; ``None`` where this version can no longer read it."""
    if hash_ == active.hash:
        return active
    blob = rules.blob(connection, hash_)
    try:
        return compile_rules(RuleSource.from_blob(blob)) if blob else None
    except DubanError:
        return None


def _line(rung: Rung | None, line: ItemLine) -> Addressee:
    lines = (rung.to if line.item.part is Part.TO else rung.copy) if rung else ()
    return lines[line.item.line] if line.item.line < len(lines) else ()


def _say_stored(reason: Mapping[str, Any] | None) -> str:
    """Say a reason as it was stored."""
    try:
        return say_reason(Reason(ReasonCode(str((reason or {}).get("code")))))
    except ValueError:
        return str((reason or {}).get("code", "原因未记"))
