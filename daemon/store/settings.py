"""Single values: the release lock, the last tick."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from daemon.store.tables import settings


def get(connection: Connection, name: str) -> Any:
    return connection.execute(select(settings.c.value).where(settings.c.name == name)).scalar()


def put(connection: Connection, name: str, value: Any) -> None:
    changed = connection.execute(update(settings).where(settings.c.name == name).values(value=value))
    if not changed.rowcount:
        try:
            with connection.begin_nested():
                connection.execute(insert(settings).values(name=name, value=value))
        except IntegrityError:
            connection.execute(update(settings).where(settings.c.name == name).values(value=value))


def lock(connection: Connection, name: str) -> None:
    """Hold a row until this transaction ends: one release at a time, on PostgreSQL too."""
    put(connection, f"lock:{name}", True)
