from __future__ import annotations

import psycopg
import pytest

from tests.servers import eventually, missing, postgres_url


def plain(url: str) -> str:
    return url.replace("+psycopg", "")


def test_each_database_is_its_own() -> None:
    with postgres_url() as one, postgres_url() as other:
        with psycopg.connect(plain(one), autocommit=True) as connection:
            connection.execute("CREATE TABLE here (n int)")
        with psycopg.connect(plain(other)) as connection:
            found = connection.execute("SELECT count(*) FROM pg_tables WHERE tablename = 'here'").fetchone()
    assert found == (0,)


def test_a_database_goes_although_someone_is_connected() -> None:
    with postgres_url() as url:
        connection = psycopg.connect(plain(url))
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_missing_server_fails_in_ci_only(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome):
        missing("no server")


def test_eventually_gives_up() -> None:
    assert not eventually(lambda: False, seconds=0.02)
