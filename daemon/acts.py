"""What people do: the transitions of cases and filings, signatures, approvals. One gate for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo

from sqlalchemy import Connection, Engine, insert, select, update

from daemon.config.compiled import RuleSet
from daemon.domain.campaign import FilingRule
from daemon.domain.case import Case, Event, EventKind
from daemon.domain.ladder import Subject
from daemon.domain.legs import Hours, open_leg
from daemon.domain.people import UP
from daemon.domain.standing import Move
from daemon.domain.why import ROLE_TITLES
from daemon.domain.workdays import local_day, midnight
from daemon.errors import NotFoundError, RefusedError
from daemon.store import agenda, cases, deliveries, facts, holds, mutes, notices, people, subjects
from daemon.store.cases import Gate
from daemon.store.engine import chunks, writing
from daemon.store.facts import Matter
from daemon.store.mutes import NewMute
from daemon.store.notices import Document, Notice
from daemon.store.tables import notices as notices_table
from daemon.store.tables import signatures

FILING_CLOSED = ("submitted", "accepted")


def on_case(engine: Engine, rule_set: RuleSet, no: str, event: Event, now: datetime) -> Case:
    """Let an event happen to a case, or raise ``RefusedError``: nothing is half done."""
    with writing(engine) as connection:
        case = case_named(connection, no)
        after = gate(connection, rule_set, case.campaign, now).pass_through(case, event)
        if event.kind is EventKind.SIGNED:
            _sign(connection, cases.subject_of(case), event.by, now)
        return after


def gate(connection: Connection, rule_set: RuleSet, campaign: int, now: datetime) -> Gate:
    """Return the one gate through which a campaign's cases change."""
    zone = zone_of(connection, rule_set, campaign)
    return Gate(connection, rule_set.ladders, rule_set.calendar, zone, now)


def case_named(connection: Connection, no: str) -> Case:
    case = cases.by_no(connection, no, hold=True)
    if case is None:
        raise NotFoundError(f"没有编号为 {no} 的问题；用 duban case list 查看")
    return case


def zone_of(connection: Connection, rule_set: RuleSet, campaign: int) -> tzinfo:
    return facts.load_campaigns(connection, rule_set.campaigns)[campaign].zone


def _sign(connection: Connection, subject: Subject, by: str, now: datetime) -> None:
    person = people.person_named(connection, by) if by else None
    if person is None:
        return
    c = signatures.c
    known = connection.execute(
        select(c.person_id).where(
            c.subject_kind == subject.kind, c.subject_id == subject.id, c.person_id == person.id
        )
    ).first()
    if known is None:
        connection.execute(
            insert(signatures).values(
                subject_kind=subject.kind, subject_id=subject.id, person_id=person.id, signed_at=now
            )
        )


def undo(engine: Engine, rule_set: RuleSet, no: str, by: str, note: str, now: datetime) -> Case:
    """Take back the last event of a case."""
    with writing(engine) as connection:
        case = case_named(connection, no)
        zone = zone_of(connection, rule_set, case.campaign)
        before = cases.undo(connection, case, rule_set.ladders, by, note, now, zone)
        if before is None:
            raise RefusedError(f"{no} 没有可以撤回的操作")
        return before


def add_case(
    engine: Engine, rule_set: RuleSet, draft: Case, now: datetime, *, on: date, by: str = ""
) -> Case:
    """Register a new case; it gets the campaign's next number unless it brings one."""
    with writing(engine) as connection:
        campaign = facts.load_campaigns(connection, rule_set.campaigns)[draft.campaign]
        event = Event(EventKind.REGISTERED, on, by=by)
        return gate(connection, rule_set, draft.campaign, now).register(
            draft, event, campaign.numbering, None
        )


def on_filing(
    engine: Engine,
    rule_set: RuleSet,
    campaign_key: str,
    key: str,
    unit: int,
    action: str,
    now: datetime,
    *,
    on: date | None = None,
    nil: bool = False,
    by: str = "",
    note: str = "",
) -> Matter:
    """Hand in (``submitted``), return (``returned``) or accept (``accepted``) a filing."""
    with writing(engine) as connection:
        campaign = rule_set.campaigns[campaign_key]
        matter = _filing(connection, rule_set, campaign_key, key, unit)
        day = on or local_day(now, campaign.zone)
        values, move = _filing_news(matter, campaign.filings[key], action, day, nil=nil)
        subjects.change_filing(
            connection,
            matter,
            action,
            values,
            move,
            rule_set.ladders,
            now,
            campaign,
            on=day,
            by=by,
            note=note,
        )
        return _filing(connection, rule_set, campaign_key, key, unit)


def _filing_news(
    matter: Matter, rule: FilingRule, action: str, day: date, *, nil: bool
) -> tuple[dict[str, object], Move]:
    """Let an action on a filing pass the gate; return what changes, and how it moves the ladders."""
    if action == "submitted":
        if matter.state in FILING_CLOSED:
            raise RefusedError(f"{rule.title} 已于 {matter.submitted_on} 报送")
        if nil and not rule.nil_allowed:
            raise RefusedError(f"{rule.title} 不接受零报告")
        return {"state": "submitted", "submitted_on": day, "nil": nil}, Move.LOOKED
    if matter.state != "submitted":
        raise RefusedError(f"{rule.title} 尚未报送，不能{'退回' if action == 'returned' else '备案'}")
    if action == "returned":
        return {"state": "returned", "returned_on": day}, Move.RETURNED
    return {"state": "accepted"}, Move.LOOKED


def _filing(connection: Connection, rule_set: RuleSet, campaign_key: str, key: str, unit: int) -> Matter:
    numbers = {c.id: n for n, c in facts.load_campaigns(connection, rule_set.campaigns).items()}
    found = subjects.filing(connection, numbers[campaign_key], key, unit)
    if found is None:
        raise NotFoundError("没有这项报送；用 duban filing list 查看")
    return found


def approve(
    engine: Engine,
    rule_set: RuleSet,
    notice_id: int,
    by: str,
    now: datetime,
    documents: Mapping[int, Document],
) -> list[int]:
    """Approve a document: every notice that carries it leaves at the next open minute. Return their ids.

    ``documents`` are the words that the approver was shown, by notice; these leave, and no others. A notice
    that came to carry the same decision meanwhile waits for an approval of its own.
    """
    with writing(engine) as connection:
        notice = _waiting(connection, notice_id)
        _check_approver(connection, rule_set, notice, by, now)
        same = [n for n in notices.same_document(connection, notice) if n in documents]
        for number in same:
            _let_leave(connection, rule_set, number, by, now, documents[number])
        return same


def _check_approver(
    connection: Connection, rule_set: RuleSet, notice: Notice, by: str, now: datetime
) -> None:
    """Refuse a person on file who does not hold the seat that approves; a login answers for itself."""
    person = people.person_named(connection, by)
    policy = rule_set.acts.get(notice.act) if notice.act else None
    if person is None or policy is None or policy.approval is None:
        return
    today = local_day(now, zone_of(connection, rule_set, notice.campaign))
    directory = people.directory(connection, today)
    above = tuple(UP[role] for role in policy.approval if role in UP)
    if person.id not in {r.person for r in directory.holders((*policy.approval, *above))}:
        seats = "或".join(ROLE_TITLES[role] for role in policy.approval)
        raise RefusedError(f"{by} 不能审签：应由{seats}审签")


def _waiting(connection: Connection, notice_id: int) -> Notice:
    notice = notices.load(connection, [notice_id]).get(notice_id)
    if notice is None:
        raise NotFoundError(f"没有第 {notice_id} 号通知；用 duban notice list 查看")
    if notice.state != "waiting":
        raise RefusedError(f"第 {notice_id} 号通知不在待审签状态（{notice.state}）")
    return notice


def _let_leave(
    connection: Connection, rule_set: RuleSet, number: int, by: str, now: datetime, document: Document
) -> None:
    changed = connection.execute(
        update(notices_table)
        .where(notices_table.c.id == number, notices_table.c.state == "waiting")
        .values(
            state="ready",
            approved_at=now,
            approved_by=by,
            document=document.contents,
            document_hash=document.hash,
        )
    )
    if changed.rowcount:
        _open_first_leg(connection, rule_set, number, now)


def _open_first_leg(connection: Connection, rule_set: RuleSet, number: int, now: datetime) -> None:
    notice = notices.load(connection, [number])[number]
    person = people.load(connection, [notice.person])[notice.person]
    zone = zone_of(connection, rule_set, notice.campaign)
    hours = Hours(rule_set.channel_windows, rule_set.calendar, zone)
    opening = open_leg(
        notice.legs, lambda channel: person.address(channel) is not None, now, hours, key=str(person.id)
    )
    notices.move_to_leg(connection, number, opening.leg)
    notices.open_legs(connection, [(number, opening.leg, opening.times)])


def let_go(engine: Engine, rule_set: RuleSet, by: str, now: datetime, ids: Sequence[int] = ()) -> list[int]:
    """Let go what the gate on floods holds, these or all, at the next open minute; return their ids."""
    with writing(engine) as connection:
        mine = [number for number in holds.held(connection, ids) if holds.let_go(connection, number, by, now)]
        for number in mine:
            _open_first_leg(connection, rule_set, number, now)
    return mine


def withdraw(engine: Engine, ids: Sequence[int], by: str, now: datetime) -> int:
    """Drop notices that were held back: what they say is not said. Return how many."""
    with writing(engine) as connection:
        return sum(holds.withdraw(connection, chunk, by, now) for chunk in chunks(ids))


def done(engine: Engine, notice_id: int, by: str, now: datetime) -> None:
    """The office has done a task by hand (telephone, paper): the items are said."""
    with writing(engine) as connection:
        changed = connection.execute(
            update(notices_table)
            .where(notices_table.c.id == notice_id, notices_table.c.state == "manual")
            .values(state="done", done_at=now, done_by=by)
        )
        if not changed.rowcount:
            raise RefusedError(
                f"第 {notice_id} 号通知不是待办的人工任务；用 duban notice list --state manual 查看"
            )
        deliveries.mark_said(connection, notice_id, now)


def mute(engine: Engine, new: NewMute, now: datetime) -> tuple[int, int]:
    """Silence something for a time; return the mute's number, and how many agenda rows it concerns.

    It begins today or later, so that what has been said and what is silent are never in doubt.
    """
    if not new.reason.strip():
        raise RefusedError("静默要写明原因")
    if new.since < midnight(local_day(now, new.since.tzinfo or UTC), new.since.tzinfo or UTC):
        raise RefusedError("静默只能从今天或以后开始：已经过去的日子，该发的已经发了")
    if new.until <= new.since:
        raise RefusedError("静默的结束日期早于开始日期")
    with writing(engine) as connection:
        return mutes.put(connection, new, now)


def end_mute(engine: Engine, number: int, by: str, why: str, now: datetime) -> int:
    """End a mute before its time: what lies after now is said again. Return how many agenda rows."""
    with writing(engine) as connection:
        touched = mutes.end(connection, number, by, why, now)
        if touched is None:
            raise RefusedError(f"第 {number} 号静默不存在，或者已经结束；用 duban mute list 查看")
        return touched


def touch(engine: Engine, subject: Subject, now: datetime) -> None:
    """Look at a subject now, changing nothing."""
    with writing(engine) as connection:
        agenda.touch(connection, [subject], now)
