"""What a measurement runs on: a database of either kind, how large, and how its figures are taken."""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import psycopg
from sqlalchemy import Engine, Table

from daemon.store.engine import open_engine
from tests.servers import eventually, postgres_url

DATABASES = ("sqlite", "postgresql")
_PAGE = 50_000


@dataclass(frozen=True)
class Setting:
    """``quick`` is for CI: small sizes. ``minutes`` is how long a load lasts where a measurement has one."""

    quick: bool = False
    databases: tuple[str, ...] = DATABASES
    minutes: float = 2.0

    def size(self, whole: int, quick: int) -> int:
        return quick if self.quick else whole

    def progress(self, words: str) -> None:
        print(f"  {words}", file=sys.stderr, flush=True)


@contextmanager
def database(kind: str) -> Iterator[str]:
    """Make an empty database that is thrown away; yields its URL."""
    if kind == "postgresql":
        with postgres_url() as url:
            yield url
        return
    with tempfile.TemporaryDirectory(prefix="duban-bench-") as folder:
        yield f"sqlite:///{Path(folder) / 'bench.db'}"


@contextmanager
def opened(kind: str) -> Iterator[Engine]:
    """Make an empty database and open it as the program does."""
    with database(kind) as url:
        engine = open_engine(url)
        try:
            yield engine
        finally:
            engine.dispose()


@contextmanager
def synced() -> Iterator[None]:
    """Let PostgreSQL wait for the disk at each commit, as in production; the tests' server does not."""
    with opened("postgresql") as engine, Bare(engine) as bare:
        _set_fsync(bare, "on")
        try:
            yield
        finally:
            _set_fsync(bare, "off")


def _set_fsync(bare: Bare, value: str) -> None:
    bare.run(f"ALTER SYSTEM SET fsync = {value}")
    bare.run("SELECT pg_reload_conf()")
    assert eventually(lambda: bare.rows("SHOW fsync") == [(value,)])


class Bare:
    """The driver and nothing above it, with one open connection: the floor under our own figures."""

    def __init__(self, engine: Engine) -> None:
        self.is_sqlite = engine.dialect.name == "sqlite"
        if self.is_sqlite:
            self._connection: Any = sqlite3.connect(str(engine.url.database), isolation_level=None)
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
                self._connection.execute(f"PRAGMA {pragma}")
        else:
            url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
            self._connection = psycopg.connect(url, autocommit=True)

    def __enter__(self) -> Bare:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.run("BEGIN IMMEDIATE" if self.is_sqlite else "BEGIN")
        yield
        self.run("COMMIT")

    def run(self, sql: str, values: Sequence[Any] = ()) -> Any:
        # psycopg reads a % as a mark of its own wherever values are given
        spelt = self._spelt(sql) if values or self.is_sqlite else sql
        return self._connection.execute(spelt, self._stored(values) if values or self.is_sqlite else None)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        return list(self.run(sql, values).fetchall())

    def among(self, sql: str, ids: Sequence[int], page: int = 5000) -> list[Any]:
        """Read the rows of ``ids``; ``sql`` has ``{}`` where their marks go."""
        found: list[Any] = []
        for start in range(0, len(ids), page):
            some = ids[start : start + page]
            found += self.rows(sql.format(",".join("?" * len(some))), some)
        return found

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._connection.cursor().executemany(self._spelt(sql), rows)

    def insert_whole(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows as they were read from such a table."""
        marks = ",".join("?" * len(rows[0]))
        self.many(f"INSERT INTO {table} VALUES ({marks})", map(_written, rows))

    def load(self, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Fill a table as fast as the database can, and let its numbers go on after those given."""
        names = ", ".join(f'"{name}"' for name in columns)
        if self.is_sqlite:
            marks = ",".join("?" * len(columns))
            whole = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"
            with self.transaction():
                remaining = iter(rows)
                while page := list(islice(remaining, _PAGE)):
                    self.many(whole, map(self._stored, page))
            return
        with (
            self._connection.cursor() as cursor,
            cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row(row)
        if "id" in columns:
            self.go_on(table.name)

    def go_on(self, table: str) -> None:
        """Let the numbers of a table go on after those given; SQLite's do."""
        if not self.is_sqlite:
            last = f"(SELECT max(id) FROM {table})"
            self.run(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {last})")

    def settle(self) -> None:
        """Bring a filled database to rest: what PostgreSQL does by itself within the hour, at once."""
        if not self.is_sqlite:
            self.run("VACUUM ANALYZE")

    def _spelt(self, sql: str) -> str:
        return sql if self.is_sqlite else sql.replace("%", "%%").replace("?", "%s")

    def _stored(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """SQLite has no days."""
        if self.is_sqlite:
            return tuple(value.isoformat() if isinstance(value, date) else value for value in row)
        return tuple(row)


def _written(row: Sequence[Any]) -> tuple[Any, ...]:
    """Write JSON that the driver has parsed as the text it was."""
    return tuple(
        json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value for value in row
    )


class Watch:
    """Measures the seconds of named stretches."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def on(self, name: str) -> Iterator[None]:
        began = perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - began

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    def rounded(self) -> Mapping[str, float]:
        return {name: round(seconds, 2) for name, seconds in self.seconds.items()}


def forget_peak() -> None:
    """Let ``peak_mb`` count from here on."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_mb() -> int:
    """Return the most memory that this process has held."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) // 1024
