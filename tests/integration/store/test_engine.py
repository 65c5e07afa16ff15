"""A transaction that cannot begin says so as any other fault of the database does."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DatabaseError, OperationalError

from daemon.store.engine import open_engine, writing


def test_who_writes_waits_for_another_only_so_long(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'duban.db'}")
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=20"))
    with writing(engine), pytest.raises(OperationalError, match="locked"), writing(engine):
        pass
    with writing(engine) as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    engine.dispose()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "duban.db").write_bytes(b"x" * 4096)
    engine = open_engine(f"sqlite:///{tmp_path / 'duban.db'}")
    with pytest.raises(DatabaseError, match="not a database"), writing(engine):
        pass
    engine.dispose()
