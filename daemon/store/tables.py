"""The tables. The unique keys here, and the conditional updates beside them, are the correctness.

Instants are UTC microseconds since 1970 in an integer (SQLite would drop an offset without converting), days
are dates. Enumerations are their words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as UTC microseconds."""

    impl = BigInteger
    cache_ok = True

    # Given to the dialect as they are: there are some in every row, and SQLAlchemy would wrap each call.
    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], int | None]:  # noqa: ARG002
        return _to_microseconds

    def result_processor(
        self,
        dialect: Dialect,  # noqa: ARG002
        coltype: object,  # noqa: ARG002
    ) -> Callable[[Any | None], datetime | None]:
        return _to_instant

    def process_literal_param(self, value: datetime | None, _: Dialect) -> str:
        return "NULL" if value is None else str(_to_microseconds(value))


# Many rows share their instants.
@lru_cache(maxsize=4096)
def _to_microseconds(value: datetime | None) -> int | None:
    return None if value is None else (value - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=4096)
def _to_instant(value: Any | None) -> datetime | None:
    return None if value is None else _EPOCH + timedelta(microseconds=value)


class Yuan(TypeDecorator[Decimal]):
    """An amount of money, kept as whole fen."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, _: Dialect) -> int | None:
        return None if value is None else int((value * 100).to_integral_value())

    def process_result_value(self, value: Any | None, _: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value) / 100


class Word(TypeDecorator[str]):
    """A word of an enumeration. What a column is compared with stands in the statement itself.

    Else SQLite, to know whether a partial index will do, prepares a statement anew at each execution.
    """

    impl = String
    cache_ok = True

    class Comparator(TypeDecorator.Comparator[str]):
        def operate(self, op: OperatorType, *other: Any, **kwargs: Any) -> ColumnElement[Any]:
            return super().operate(op, *map(_as_written, other), **kwargs)

    comparator_factory = Comparator


_PLAIN = re.compile(r"[a-z_]+")


def _as_written(other: Any) -> Any:
    if isinstance(other, tuple | list | set | frozenset):
        return [_as_written(each) for each in other]
    plain = isinstance(other, str) and _PLAIN.fullmatch(other)
    return literal_column(f"'{other!s}'", String) if plain else other


Id = BigInteger().with_variant(Integer, "sqlite")
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


units = Table(
    "units",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("short", String, nullable=False, server_default=""),
    Column("since", Date),
    Column("until", Date),
    Column("successor_id", ForeignKey("units.id")),
)

persons = Table(
    "persons",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String, nullable=False),
    Column("phone", String, unique=True),
    Column("email", String),
    Column("wecom", String),
)

posts = Table(
    "posts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("person_id", ForeignKey("persons.id"), nullable=False, index=True),
    Column("role", String, nullable=False),
    Column("unit_id", ForeignKey("units.id"), index=True),
    Column("title", String, nullable=False, server_default=""),
    Column("since", Date),
    Column("until", Date),
)

acting = Table(
    "acting",
    metadata,
    Column("id", Id, primary_key=True),
    Column("person_id", ForeignKey("persons.id"), nullable=False),
    Column("stand_in_id", ForeignKey("persons.id"), nullable=False),
    Column("since", Date, nullable=False),
    Column("until", Date, nullable=False),
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    Column("last_no", Integer, nullable=False, server_default="0"),
)

subjects = Table(
    "subjects",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String, nullable=False),
    Column("campaign_id", ForeignKey("campaigns.id"), nullable=False),
    Column("key", String, nullable=False),
    Column("unit_id", ForeignKey("units.id")),
    Column("start_on", Date),
    Column("due_on", Date),
    Column("state", String, nullable=False, server_default="open"),
    Column("submitted_on", Date),
    Column("returned_on", Date),
    Column("nil", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("kind", "campaign_id", "key", "unit_id"),
    _partial("uq_subjects_for_all", "kind", "campaign_id", "key", where="unit_id IS NULL", unique=True),
    comment="filings, targets, phases and campaigns; unit_id where there is one for each unit",
)

cases = Table(
    "cases",
    metadata,
    Column("id", Id, primary_key=True),
    Column("campaign_id", ForeignKey("campaigns.id"), nullable=False),
    Column("no", String, nullable=False),
    Column("unit_id", ForeignKey("units.id"), nullable=False),
    Column("enterprise", String, nullable=False),
    Column("legal_person", String, nullable=False, server_default=""),
    Column("phone", String, nullable=False, server_default=""),
    Column("source", String, nullable=False, server_default=""),
    Column("category", String, nullable=False, server_default=""),
    Column("description", Text, nullable=False, server_default=""),
    Column("amount", Yuan),
    Column("key", Boolean, nullable=False, server_default=text("false")),
    Column("note", Text, nullable=False, server_default=""),
    Column("state", String, nullable=False),
    Column("found_on", Date),
    Column("registered_on", Date),
    Column("assigned_on", Date),
    Column("due_on", Date),
    Column("signed_on", Date),
    Column("submitted_on", Date),
    Column("returned_on", Date),
    Column("reopened_on", Date),
    Column("closed_on", Date),
    Column("identified_on", Date),
    Column("opinion_on", Date),
    Column("returns", Integer, nullable=False, server_default="0"),
    Column("extensions", Integer, nullable=False, server_default="0"),
    Column("handler_id", ForeignKey("persons.id")),
    UniqueConstraint("campaign_id", "no"),
    Index("ix_cases_no", "no"),
    Index("ix_cases_unit_state", "unit_id", "state"),
    Index("ix_cases_open_due", "campaign_id", "due_on", "state"),
)

events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subject_kind", String, nullable=False),
    Column("subject_id", Id, nullable=False),
    Column("kind", String, nullable=False),
    Column("effective_on", Date, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("by", String, nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    Column("data", JSON, nullable=False),
    Column("undone_by", ForeignKey("events.id")),
    Column("previous_hash", String),
    Column("hash", String),
    Index("ix_events_subject", "subject_kind", "subject_id", "id"),
    comment="bitemporal: when it happened, and when we were told; hash columns are for the audit chain",
)

tally = Table(
    "tally",
    metadata,
    Column("campaign_id", Id, primary_key=True),
    Column("unit_id", Id, primary_key=True),
    Column("effective_on", Date, primary_key=True),
    Column("known_from", Date, primary_key=True),
    Column("registered", Integer, nullable=False),
    Column("dismissed", Integer, nullable=False),
    Column("closed", Integer, nullable=False),
)

agenda = Table(
    "agenda",
    metadata,
    Column("subject_kind", String, primary_key=True),
    Column("subject_id", Id, primary_key=True),
    Column("ladder", String, primary_key=True),
    Column("due_at", Instant),
    Column("since", Instant),
    Column("moved_at", Instant),
    Column("anchor_version", Integer, nullable=False, server_default="1"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("set_aside", Text),
    Column("resting", Text),
    _partial("ix_agenda_due", "due_at", where="due_at IS NOT NULL AND set_aside IS NULL"),
    comment="when to look next; due_at NULL: nothing ahead; set_aside: why a row is not looked at any more;"
    " resting: the rungs that the last look left at rest",
)

batches = Table(
    "batches",
    metadata,
    Column("id", Id, primary_key=True),
    Column("noted_at", Instant, nullable=False),
    Column("rows", JSON, nullable=False),
    Column("deaths", Integer, nullable=False, server_default="0"),
    comment="what a scanner has in hand (wall time): one left behind killed its scanner",
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subject_kind", String, nullable=False),
    Column("subject_id", Id, nullable=False),
    Column("ladder", String, nullable=False),
    Column("rung", String, nullable=False),
    Column("anchor_version", Integer, nullable=False),
    Column("occurrence", String, nullable=False),
    Column("outcome", Word, nullable=False),
    Column("instant", Instant, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("release_at", Instant),
    Column("released_at", Instant),
    Column("campaign_id", Id, nullable=False),
    Column("rules", String, nullable=False),
    Column("inputs", JSON, nullable=False),
    UniqueConstraint("subject_kind", "subject_id", "ladder", "rung", "anchor_version", "occurrence"),
    _partial("ix_decisions_release", "release_at", where="outcome = 'said' AND released_at IS NULL"),
    _partial("ix_decisions_lapsed", "decided_at", where="outcome = 'lapsed'"),
    _partial("ix_decisions_muted", "decided_at", where="outcome = 'muted'"),
    Index("ix_decisions_decided", "decided_at"),
    comment="one row settles one occurrence, once",
)

LAPSED_GAP = "closed_for IN ('lapsed', 'deadline_passed')"
"""A line that reached nobody until it was too late, in the very words by which SQLite finds the index."""

unaddressed = Table(
    "unaddressed",
    metadata,
    Column("decision_id", ForeignKey("decisions.id"), primary_key=True),
    Column("part", String, primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("since", Instant, nullable=False),
    Column("resolved_at", Instant),
    Column("closed_for", String),
    Column("reopened_at", Instant),
    _partial("ix_unaddressed_open", "since", where="resolved_at IS NULL"),
    _partial("ix_unaddressed_lapsed", "since", where=LAPSED_GAP),
    _partial("ix_unaddressed_reopened", "reopened_at", where="reopened_at IS NOT NULL"),
    comment="lines that reached nobody; closed_for: the reason why there was nothing to say, or reached; "
    "reopened_at: when an undo reopened it, until it has been tried",
)

notices = Table(
    "notices",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Word, nullable=False, server_default="rungs"),
    Column("person_id", ForeignKey("persons.id"), nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("bundle", String, nullable=False),
    Column("moment", Instant, nullable=False),
    Column("legs", JSON, nullable=False),
    Column("leg", Integer, nullable=False, server_default="0"),
    Column("act", String),
    Column("audience", String, nullable=False),
    Column("state", Word, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("sent_leg", String),
    Column("ended_at", Instant),
    Column("reason", JSON),
    Column("approval", String),
    Column("approved_at", Instant),
    Column("approved_by", String),
    Column("document", JSON),
    Column("document_hash", String),
    Column("done_at", Instant),
    Column("done_by", String),
    Column("rehearsal", Boolean, nullable=False, server_default=text("false")),
    _partial("uq_notices_note", "person_id", "moment", where="kind = 'note'", unique=True),
    _partial("ix_notices_waiting", "created_at", where="state = 'waiting'"),
    _partial("ix_notices_held", "created_at", where="state = 'held'"),
    _partial("ix_notices_manual", "sent_at", where="state = 'manual'"),
    _partial("ix_notices_failed", "ended_at", where="state = 'failed'"),
    Index("ix_notices_created", "created_at"),
    Index("ix_notices_person", "person_id", "moment"),
    Index("ix_notices_sent", "sent_at"),
)

items = Table(
    "items",
    metadata,
    Column("id", Id, primary_key=True),
    Column("decision_id", ForeignKey("decisions.id"), nullable=False),
    Column("person_id", ForeignKey("persons.id"), nullable=False),
    Column("role", String, nullable=False),
    Column("unit_id", ForeignKey("units.id")),
    Column("part", String, nullable=False),
    Column("line", Integer, nullable=False),
    Column("own_unit", Boolean, nullable=False, server_default=text("false")),
    Column("acting_for", ForeignKey("persons.id")),
    Column("state", Word, nullable=False),
    Column("reason", JSON),
    Column("notice_id", ForeignKey("notices.id"), index=True),
    Column("superseded_by", ForeignKey("items.id"), index=True),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("held_until", Instant),
    Column("doubt", JSON),  # the channels over which a notice that it was taken out of may have said it
    UniqueConstraint("decision_id", "person_id"),
    _partial("ix_items_unbound", "notice_id", "held_until", where="state = 'open' AND notice_id IS NULL"),
    Index("ix_items_person", "person_id"),
    _partial("ix_items_dropped", "closed_at", where="state = 'dropped'"),
    comment="one decision for one person",
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("notice_id", ForeignKey("notices.id"), nullable=False),
    Column("leg", Integer, nullable=False),
    Column("channel", String, nullable=False),
    Column("state", Word, nullable=False),
    Column("next_attempt_at", Instant, nullable=False),
    Column("hinted_at", Instant),
    Column("claim", Integer, nullable=False, server_default="0"),
    Column("lease_until", Instant),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("unknowns", Integer, nullable=False, server_default="0"),
    Column("frozen", JSON),
    Column("person_id", Id),
    Column("counted_on", Date),
    Column("over_on", Date),
    Column("given_back", Integer, nullable=False, server_default="0"),
    Column("set_aside_at", Instant),
    UniqueConstraint("notice_id", "leg", "channel"),
    _partial("ix_deliveries_ready", "next_attempt_at", where="state = 'ready'"),
    _partial("ix_deliveries_sending", "lease_until", where="state = 'sending'"),
    _partial("ix_deliveries_counted", "person_id", "channel", "counted_on", where="counted_on IS NOT NULL"),
    _partial("ix_deliveries_over", "over_on", where="over_on IS NOT NULL"),
    _partial("ix_deliveries_set_aside", "set_aside_at", where="set_aside_at IS NOT NULL"),
    comment="one channel of one leg of one notice: what a worker claims; hints and leases in wall time",
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("delivery_id", ForeignKey("deliveries.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("outcome", Word),
    Column("repeat", Boolean, nullable=False, server_default=text("false")),
    Column("provider_id", String),
    Column("code", String),
    Column("message", Text),
    Column("said", Text, nullable=False, server_default=""),
    UniqueConstraint("delivery_id", "number"),
    comment="opened before the bytes leave, closed after",
)

mutes = Table(
    "mutes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("ladder", String),
    Column("unit_id", ForeignKey("units.id")),
    Column("case_id", ForeignKey("cases.id")),
    Column("person_id", ForeignKey("persons.id")),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", String, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("ended_by", String),
    Column("ended_why", Text),
    Index("ix_mutes_until", "until"),
    comment="one ladder, unit, case or person silenced for a time; ended_at: before its time",
)

signatures = Table(
    "signatures",
    metadata,
    Column("subject_kind", String, primary_key=True),
    Column("subject_id", Id, primary_key=True),
    Column("person_id", ForeignKey("persons.id"), primary_key=True),
    Column("signed_at", Instant, nullable=False),
)

rule_sets = Table(
    "rule_sets",
    metadata,
    Column("hash", String, primary_key=True),
    Column("blob", Text, nullable=False),
    Column("stored_at", Instant, nullable=False),
)

activations = Table(
    "activations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("hash", ForeignKey("rule_sets.hash"), nullable=False),
    Column("activated_at", Instant, nullable=False),
    Column("by", String, nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    Column("history", JSON, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", JSON, nullable=False),
    comment="one row each: the release lock, the last tick, the mode",
)
