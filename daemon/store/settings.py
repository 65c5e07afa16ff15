"""Single values: the release lock, the last tick."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from daemon.store.tables import settings


def get(connection: Connection, name: str) -> Any:
    return connection.execute(_GET, {"names": [name]}).scalar()


def get_all(connection: Connection, *names: str) -> list[Any]:
    """Return several values at once; ``None`` where there is none."""
    found = {row.name: row.value for row in connection.execute(_GET, {"names": names})}
    return [found.get(name) for name in names]


_GET = select(settings.c.value, settings.c.name).where(
    settings.c.name.in_(bindparam("names", expanding=True))
)


def put(connection: Connection, name: str, value: Any) -> None:
    changed = connection.execute(_PUT, {"of": name, "to": value})
    if not changed.rowcount:
        try:
            with connection.begin_nested():
                connection.execute(insert(settings).values(name=name, value=value))
        except IntegrityError:
            connection.execute(update(settings).where(settings.c.name == name).values(value=value))


_PUT = update(settings).where(settings.c.name == bindparam("of")).values(value=bindparam("to"))


def lock(connection: Connection, name: str) -> None:
    """Hold a row until this transaction ends: one at a time, on PostgreSQL too."""
    put(connection, f"lock:{name}", True)


def take_turn(connection: Connection) -> None:
    """Hold the one lock of those who drop items for a fact, and those who take a fact back.

    Without it a worker could drop, by a fact already taken back, what the undo has just looked for and not
    found. Before it nobody holds more than the row of his own case or filing: else two wait for each other.
    """
    lock(connection, "release")
