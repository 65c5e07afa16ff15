"""The migrations and the tables say the same, on both databases, and keep what is on file."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, inspect, select

from daemon.store import migrations
from daemon.store.engine import open_engine, reading, writing
from daemon.store.tables import metadata, units


def test_migrating_gives_exactly_the_tables(empty_url: str) -> None:
    engine = open_engine(empty_url)
    migrations.migrate(engine)
    with reading(engine) as connection:
        # On SQLite a default reads back in other words than it was given.
        compared = {"compare_server_default": engine.dialect.name == "postgresql"}
        context = MigrationContext.configure(connection, opts=compared)
        assert compare_metadata(context, metadata) == []
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}
    engine.dispose()


def test_the_version_is_the_newest_one_afterwards(empty_url: str) -> None:
    engine = open_engine(empty_url)
    assert migrations.version(engine) is None
    migrations.migrate(engine)
    assert migrations.version(engine) == migrations.newest()
    engine.dispose()


def test_migrating_twice_changes_nothing(empty_url: str) -> None:
    engine = open_engine(empty_url)
    migrations.migrate(engine)
    with writing(engine) as connection:
        connection.execute(insert(units).values(name="明城镇", kind="乡镇街"))
    migrations.migrate(engine)
    with reading(engine) as connection:
        assert connection.execute(select(units.c.name)).scalars().all() == ["明城镇"]
    assert migrations.version(engine) == migrations.newest()
    engine.dispose()


def test_every_partial_and_unique_index_is_there(empty_url: str) -> None:
    """``compare_metadata`` does not see the WHERE of an index, and the guards hang on it."""
    engine = open_engine(empty_url)
    migrations.migrate(engine)
    named = {index.name for table in metadata.tables.values() for index in table.indexes}
    with reading(engine) as connection:
        inspector = inspect(connection)
        found = {
            index["name"]: index.get("dialect_options", {}).get(f"{engine.dialect.name}_where")
            for name in metadata.tables
            for index in inspector.get_indexes(name)
        }
    engine.dispose()
    assert named <= set(found)
    for name in ("ix_agenda_due", "uq_subjects_for_all", "uq_notices_note", "ix_deliveries_ready"):
        assert found[name] is not None, f"{name} covers every row"
