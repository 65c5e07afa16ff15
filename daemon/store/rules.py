"""Rule sets by their hash, and which of them is active."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from daemon.store.tables import activations, rule_sets


@dataclass(frozen=True, slots=True)
class Activation:
    """One swap of the rule set: which, when, by whom, and since when each changed rung speaks."""

    id: int
    hash: str
    activated_at: datetime
    by: str
    note: str
    history: dict[str, Any]


def active(connection: Connection) -> Activation | None:
    row = connection.execute(select(activations).order_by(activations.c.id.desc()).limit(1)).first()
    return Activation(row.id, row.hash, row.activated_at, row.by, row.note, row.history) if row else None


def active_id(connection: Connection) -> int | None:
    """Return the number of the activation in force."""
    found: int | None = connection.execute(_ACTIVE_ID).scalar()
    return found


_ACTIVE_ID = select(activations.c.id).order_by(activations.c.id.desc()).limit(1)
_ACTIVE_HASH = select(activations.c.hash).order_by(activations.c.id.desc()).limit(1)


def every(connection: Connection) -> list[Activation]:
    """Return all activations, the newest first."""
    query = select(activations).order_by(activations.c.id.desc())
    return [
        Activation(row.id, row.hash, row.activated_at, row.by, row.note, row.history)
        for row in connection.execute(query)
    ]


def hashes(connection: Connection, prefix: str) -> list[str]:
    """Return the stored rule sets whose hash begins so."""
    c = rule_sets.c
    query = select(c.hash).where(c.hash.startswith(prefix, autoescape=True)).order_by(c.stored_at)
    return list(connection.execute(query).scalars())


def active_hash(connection: Connection) -> str | None:
    found: str | None = connection.execute(_ACTIVE_HASH).scalar()
    return found


def blob(connection: Connection, hash_: str) -> str | None:
    found: str | None = connection.execute(select(rule_sets.c.blob).where(rule_sets.c.hash == hash_)).scalar()
    return found


def activate(
    connection: Connection, hash_: str, text: str, history: dict[str, Any], by: str, note: str, now: datetime
) -> None:
    """Store a rule set, unless it is on file, and make it the active one."""
    if blob(connection, hash_) is None:
        connection.execute(insert(rule_sets).values(hash=hash_, blob=text, stored_at=now))
    connection.execute(
        insert(activations).values(hash=hash_, activated_at=now, by=by, note=note, history=history)
    )
