"""What was said, as other people's tools read it: one mapping a notice, one a case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any

from sqlalchemy import Connection, select

from daemon.domain.ladder import Ladder, Subject, SubjectKind
from daemon.store import contexts, decisions, facts, holds, notices, people
from daemon.store.decisions import Decision
from daemon.store.engine import chunks
from daemon.store.notices import Notice, StoredItem
from daemon.store.tables import attempts, cases, deliveries
from daemon.store.tables import notices as notices_table

AT_ONCE = 2000
"""How many notices are told at once: the memory it takes does not grow with what was said."""
HANDED_OVER = ("sent", "manual", "done")


def said(
    connection: Connection, campaigns: Mapping[str, Any], ladders: Mapping[str, Ladder]
) -> Iterator[dict[str, Any]]:
    """Yield one mapping for each notice handed over, in the order of time (design.md §6)."""
    ids = list(
        connection.execute(
            select(notices_table.c.id)
            .where(notices_table.c.state.in_(HANDED_OVER))
            .order_by(notices_table.c.sent_at, notices_table.c.id)
        ).scalars()
    )
    for chunk in chunks(ids, AT_ONCE):
        told = _Told(connection, chunk, campaigns, ladders)
        for number in chunk:
            yield told.line(number)


class _Told:
    """Everything needed to tell of some notices, loaded at once."""

    def __init__(
        self,
        connection: Connection,
        ids: Sequence[int],
        campaigns: Mapping[str, Any],
        ladders: Mapping[str, Ladder],
    ) -> None:
        self.ladders = ladders
        self.notices: dict[int, Notice] = notices.load(connection, ids)
        self.items: dict[int, list[StoredItem]] = notices.items_of(connection, ids)
        stored = [item for items in self.items.values() for item in items]
        self.decisions = decisions.load(connection, (item.decision for item in stored))
        subjects = [d.subject for d in self.decisions.values()]
        self.known = facts.load(connection, subjects, campaigns, ladders=())
        self.persons = people.load_all(connection)
        self.texts = first_texts(connection, ids)
        self.unreadable = _case_numbers(connection, self.known.unreadable)

    def line(self, number: int) -> dict[str, Any]:
        notice = self.notices[number]
        lines = [(item, self.decisions[item.decision]) for item in self.items.get(number, ())]
        lines.sort(key=lambda line: (contexts.weight(line[1], self.ladders).reversed, line[0].id))
        first = lines[0] if lines else None
        campaign = self.known.campaigns.get(notice.campaign)
        zone = campaign.zone if campaign else UTC  # of one that the rules no longer have
        text, at = self.texts.get(number, ("", notice.sent_at or notice.moment))
        unit = self.known.units.get(first[0].unit) if first and first[0].unit else None
        return {
            "at": at.astimezone(zone).isoformat(),
            "to": {
                "person": self.persons[notice.person].name,
                "post": first[0].role.value if first else _NOTE_POST[notice.audience.value],
                "unit": unit.name if unit else None,
            },
            "channel": notice.sent_leg,
            "act": notice.act.value if notice.act else None,
            "ladder": first[1].ladder if first else None,
            "rung": first[1].rung if first else None,
            "template": contexts.template_name(notice, lines, self.ladders),
            "items": [self._item(item, decision) for item, decision in lines],
            "text": text,
            # Named only where it is so: the keys of a line are a contract.
            **({"held": True} if (notice.reason or {}).get("code") == holds.LET_GO else {}),
        }

    def _item(self, item: StoredItem, decision: Decision) -> dict[str, Any]:
        return {
            "ladder": decision.ladder,
            "rung": decision.rung,
            "occurrence": decision.occurrence,
            "subject": {"kind": decision.subject.kind.value, "id": self.subject_id(decision)},
            "part": item.part.value,
        }

    def subject_id(self, decision: Decision) -> str:
        """Return how people name a subject: a case's 编号, a filing's key and unit."""
        return self.unreadable.get(decision.subject) or self.known.name_of(decision.subject)


def _case_numbers(connection: Connection, asked: Iterable[Subject]) -> dict[Subject, str]:
    """Return the 编号 of cases that make no sense otherwise: what was said of them was said."""
    ids = [subject.id for subject in asked if subject.kind is SubjectKind.CASE]
    query = select(cases.c.id, cases.c.no).where(cases.c.id.in_(ids))
    rows = connection.execute(query) if ids else ()
    return {Subject(SubjectKind.CASE, row.id): row.no for row in rows}


_NOTE_POST = {"office": "office.director", "group": "group.deputy", "unit": "unit.liaison"}


def first_texts(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[str, Any]]:
    """Return what each of these notices said first, and when it was handed over."""
    d, a = deliveries.c, attempts.c
    query = (
        select(d.notice_id, a.said, a.opened_at)
        .join_from(deliveries, attempts, a.delivery_id == d.id)
        .where(a.outcome == "sent", d.notice_id.in_(list(ids)))
        .order_by(a.opened_at.desc(), d.id.desc())
    )
    return {notice: (text or "", at) for notice, text, at in connection.execute(query)}
