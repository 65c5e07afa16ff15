"""Opens the database: SQLite or PostgreSQL, with the same transactions on both."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

BUSY_MS = 10_000
STATEMENTS = 300
"""So many prepared statements a connection of SQLite keeps: a tick's, with lists of several lengths."""
_T = TypeVar("_T")


def open_engine(url: str, *, durable: bool = True) -> Engine:
    """Return an engine whose write transactions are serial on SQLite and read-committed on PostgreSQL.

    ``durable=False`` is for a database that is thrown away: SQLite does not wait for the disk.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(
            parsed, pool_pre_ping=True, pool_size=10, max_overflow=20, json_serializer=to_json
        )
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = create_engine(parsed, json_serializer=to_json, connect_args={"cached_statements": STATEMENTS})
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    if not durable:
        event.listen(engine, "connect", _set_careless_pragmas)
    return engine


def _set_pragmas(connection: Any, _record: object) -> None:
    """Take transactions out of sqlite3's hands: its own start at the first write and lose updates.

    ``synchronous=FULL``: in WAL mode NORMAL may drop the last commits at power loss, and a message already
    sent would be sent again.
    """
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", f"busy_timeout={BUSY_MS}", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _set_careless_pragmas(connection: Any, _record: object) -> None:
    """Wait for no disk, and use 32 MB of memory to seldom ask it."""
    for pragma in ("synchronous=OFF", "cache_size=-32768", "wal_autocheckpoint=8000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """Begin by the driver itself: a tick has some twenty transactions, and most of them read one value."""
    statement = "BEGIN" if connection.get_execution_options().get("read_only") else "BEGIN IMMEDIATE"
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    try:
        driver.execute(statement)
    except sqlite3.Error as fault:
        raise DBAPIError.instance(statement, None, fault, sqlite3.Error) from fault


to_json = json.JSONEncoder(ensure_ascii=False, default=str).encode
"""Writes inputs and reasons: days and amounts as text, Chinese as it is."""


def chunks(ids: Sequence[_T], size: int = 5000) -> Iterator[Sequence[_T]]:
    """Cut a list into parts that one statement, or one transaction, can carry."""
    return (ids[start : start + size] for start in range(0, len(ids), size))


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open one snapshot to read from; it never waits for a writer on SQLite."""
    with engine.connect().execution_options(read_only=True) as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open one write transaction; keep it short, and keep providers out of it."""
    with engine.begin() as connection:
        yield connection


def look_up_by_index(connection: Connection) -> None:
    """Let PostgreSQL plan this transaction's look-ups for tables that grow.

    It keeps for as long as the connection lives how it looks up what a foreign key points to. If the table
    had few rows at the first time it would walk through it ever after, for each row of a flood.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_BY_INDEX)


_BY_INDEX = text("SET LOCAL enable_seqscan = off")
