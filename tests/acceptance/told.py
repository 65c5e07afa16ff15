"""What a demonstration told: its inbox as the stand-ins kept it, and its database as the program left it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from daemon.activate import ActiveRules
from daemon.store import report
from daemon.store.engine import open_engine, reading
from daemon.store.tables import attempts, cases, decisions, deliveries, items, notices
from tests.acceptance.program import Answer, duban

Line = Mapping[str, Any]
Handed = tuple[int, str]
"""An item, and the channel by which it was handed over."""


@dataclass(frozen=True)
class Told:
    """One demonstration that has ended."""

    state: Path
    answer: Answer
    database: str = ""

    @property
    def figures(self) -> Any:
        return self.answer.last

    @property
    def inbox(self) -> list[Line]:
        return arrived(self.state)

    def engine(self) -> Engine:
        return open_engine(self.database or f"sqlite:///{self.state / 'duban.db'}")

    def ask(self, query: Any) -> list[Any]:
        engine = self.engine()
        try:
            with reading(engine) as connection:
                return list(connection.execute(query))
        finally:
            engine.dispose()

    def lines(self) -> list[Line]:
        """Return one line a notice, as ``simulate --json`` prints them."""
        engine = self.engine()
        try:
            rules = ActiveRules(engine)()
            with reading(engine) as connection:
                return list(report.said(connection, rules.campaigns, rules.ladders))
        finally:
            engine.dispose()

    def handed_over(self) -> list[Handed]:
        """Return what the database says of every item that was said by something else than the telephone."""
        query = (
            select(items.c.id, deliveries.c.channel)
            .join_from(items, deliveries, deliveries.c.notice_id == items.c.notice_id)
            .where(items.c.state == "said", deliveries.c.state == "sent", deliveries.c.channel != "manual")
        )
        return [tuple(row) for row in self.ask(query)]

    def said_without_telephone(self) -> set[int]:
        """Return the items that are said, and were not left to the telephone."""
        query = (
            select(items.c.id)
            .join_from(items, notices, notices.c.id == items.c.notice_id)
            .where(items.c.state == "said", notices.c.sent_leg != "manual")
        )
        return {number for (number,) in self.ask(query)}

    def doubtful(self) -> set[Handed]:
        """Return what was tried with an outcome that nobody knows, by item and channel."""
        query = (
            select(items.c.id, deliveries.c.channel)
            .join_from(items, deliveries, deliveries.c.notice_id == items.c.notice_id)
            .join(attempts, attempts.c.delivery_id == deliveries.c.id)
            .where(attempts.c.outcome == "unknown")
        )
        return {tuple(row) for row in self.ask(query)}

    def closed_on(self) -> dict[int, date]:
        """Return when the case of an item was closed, for the items about cases that were."""
        query = (
            select(items.c.id, cases.c.closed_on)
            .join_from(items, decisions, decisions.c.id == items.c.decision_id)
            .join(cases, cases.c.id == decisions.c.subject_id)
            .where(decisions.c.subject_kind == "case", cases.c.closed_on.is_not(None))
        )
        return dict(self.ask(query))


def arrived(state: Path) -> list[Line]:
    """Return the rows of an inbox; the last may be under way, and is then left out."""
    path = state / "sandbox" / "inbox.jsonl"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def copies(rows: Iterable[Line]) -> Counter[Handed]:
    """Count how often each item arrived by each channel."""
    return Counter((number, row["channel"]) for row in rows for number in row["items"])


def local_day(row: Line) -> date:
    return datetime.fromisoformat(row["at"]).date()


def said_items(lines: Iterable[Line]) -> Counter[tuple[object, ...]]:
    """Count what was said to whom: one entry for each item of each notice."""
    return Counter(
        (
            line["to"]["person"],
            line["to"]["unit"],
            line["to"]["post"],
            item["ladder"],
            item["rung"],
            item["occurrence"],
            item["subject"]["kind"],
            item["subject"]["id"],
            item["part"],
        )
        for line in lines
        for item in line["items"]
    )


def demonstrated(state: Path, since: str, until: str, database: str = "") -> Told:
    """Run a demonstration to its end."""
    more = ("--database", database) if database else ()
    answer = duban("demo", "--from", since, "--to", until, "--state", state, "--json", *more)
    return Told(state, answer, database)


def simulated(answer: Answer) -> list[Line]:
    assert answer.code == 0, answer.err
    return [json.loads(line) for line in answer.lines]
