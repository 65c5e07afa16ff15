"""What scanners have in hand, noted before they look: a row that kills its process leaves its note."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select

from daemon.store.tables import Instant, batches

Key = tuple[str, int, str]
DEATHS = 3
"""A row that was alone in hand at this many deaths is to blame; fewer may be chance (a power cut, a kill)."""


def note(connection: Connection, keys: Sequence[Key], wall: datetime, deaths: int = 0) -> int:
    result = connection.execute(
        insert(batches), {"noted_at": wall, "rows": [list(key) for key in keys], "deaths": deaths}
    )
    assert result.inserted_primary_key
    return int(result.inserted_primary_key[0])


def forget(connection: Connection, note_id: int) -> None:
    connection.execute(_FORGET, {"note": note_id})


def any_abandoned(connection: Connection, before: datetime) -> bool:
    return connection.execute(_ANY, {"before": before}).first() is not None


_FORGET = delete(batches).where(batches.c.id == bindparam("note"))
_ANY = select(batches.c.id).where(batches.c.noted_at < bindparam("before", type_=Instant())).limit(1)


def take_abandoned(connection: Connection, before: datetime) -> tuple[list[tuple[Key, int]], list[Key]]:
    """Take up the batches noted before ``before``.

    Return the rows to look at one by one, each with the deaths it was alone at, and the rows to blame.
    """
    again: list[tuple[Key, int]] = []
    killers: list[Key] = []
    left = connection.execute(select(batches).where(batches.c.noted_at < before)).all()
    for row in left:
        keys = [(kind, subject, ladder) for kind, subject, ladder in row.rows]
        deaths = row.deaths + 1 if len(keys) == 1 else 0
        if deaths >= DEATHS:
            killers.extend(keys)
        else:
            again.extend((key, deaths) for key in keys)
    connection.execute(delete(batches).where(batches.c.id.in_([row.id for row in left])))
    return again, killers
