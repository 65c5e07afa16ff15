"""Databases and an office on them, for every test of this ring that wants one."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url

from daemon import clock
from daemon.store.engine import open_engine
from daemon.store.migrations import migrate
from tests.integration.office import Office
from tests.servers import PATIENCE, postgres_url

DATABASES = ("sqlite", "postgresql")
_copies = itertools.count()
_compiled: dict[str, dict[Any, Any]] = {name: {} for name in DATABASES}
"""Statements compiled once for all tests, not once for each test's engine."""


@pytest.fixture(params=DATABASES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'duban.db'}"
        return
    with postgres_url() as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file, to be copied: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("template") / "duban.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[URL]:
    """A migrated database, to be copied."""
    with postgres_url() as url:
        engine = open_engine(url)
        migrate(engine)
        engine.dispose()
        yield make_url(url)


@pytest.fixture
def postgres(postgres_template: URL) -> Iterator[Engine]:
    """A migrated PostgreSQL database."""
    name = f"copy_{os.getpid()}_{next(_copies)}"
    server = create_engine(postgres_template.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{postgres_template.database}"'))
    engine = open_engine(postgres_template.set(database=name).render_as_string(hide_password=False))
    engine.update_execution_options(compiled_cache=_compiled["postgresql"])
    yield engine
    engine.dispose()
    with server.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    server.dispose()


def _for_tests(connection: Any, _record: object) -> None:
    # Tests look at what is committed, never at what survives a power cut.
    connection.execute("PRAGMA synchronous=OFF")
    # SQLite lets those who wait for a lock try at random: eight threads on a busy machine need more time.
    connection.execute(f"PRAGMA busy_timeout={PATIENCE * 1000:.0f}")


@pytest.fixture
def sqlite(sqlite_template: Path, tmp_path: Path) -> Iterator[Engine]:
    """A migrated SQLite file."""
    shutil.copy(sqlite_template, tmp_path / "duban.db")
    engine = open_engine(f"sqlite:///{tmp_path / 'duban.db'}")
    event.listen(engine, "connect", _for_tests)
    engine.update_execution_options(compiled_cache=_compiled["sqlite"])
    yield engine
    engine.dispose()


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """A migrated database, once SQLite and once PostgreSQL."""
    found: Engine = request.getfixturevalue("sqlite" if request.param == "sqlite" else "postgres")
    return found


@pytest.fixture
def virtual_clock(tmp_path: Path) -> Iterator[Path]:
    """Office time stands still until a test says what time it is."""
    path = tmp_path / "clock"
    clock.share(path, Office.BEGINNING)
    yield path
    clock.unshare()


@pytest.fixture
def office(engine: Engine, virtual_clock: Path) -> Office:
    """A small office: two units and their people, one campaign, and no rules yet."""
    return Office(engine, virtual_clock)
