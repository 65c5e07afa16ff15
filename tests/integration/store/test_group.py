"""Threads that write at the same time share a transaction; what is wrong with one holds up no other."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from daemon.store import group
from daemon.store.group import Group
from tests.servers import PATIENCE, eventually


@dataclass
class Desk:
    """Threads that write numbers; the first transaction is held until it is let go."""

    engine: Engine
    transactions: list[list[int]] = field(default_factory=list)
    entered: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.group = Group(self.write)
        self.pool = ThreadPoolExecutor(8)

    def write(self, connection: Connection, numbers: Sequence[int]) -> list[str]:
        self.transactions.append(sorted(numbers))
        for number in numbers:
            connection.execute(text("INSERT INTO numbers VALUES (:number)"), {"number": number})
        if not self.entered.is_set():
            self.entered.set()
            assert self.let_go.wait(PATIENCE)
        return [f"{number} written" for number in numbers]

    def put(self, number: int) -> str:
        with self.engine.connect() as connection:
            made = self.group.put(connection, number)
        assert number in self.on_file(), "it is committed by then"
        return made

    def meanwhile(self, first: int, *others: int) -> list[Future[str]]:
        """Let one write, and others come while it does."""
        futures = [self.pool.submit(self.put, first)]
        assert self.entered.wait(PATIENCE)
        futures += [self.pool.submit(self.put, number) for number in others]
        assert eventually(lambda: len(self.group._waiting) == len(others))
        self.let_go.set()
        return futures

    def on_file(self) -> list[int]:
        with self.engine.connect().execution_options(read_only=True) as connection:
            return list(connection.execute(text("SELECT number FROM numbers ORDER BY number")).scalars())


@pytest.fixture
def desk(engine: Engine) -> Desk:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE numbers (number INTEGER PRIMARY KEY)"))
    return Desk(engine)


def test_who_works_alone_waits_for_nobody(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "COMPANY_SECONDS", 10 * PATIENCE)
    desk.let_go.set()
    with desk.group.joined():
        assert [desk.pool.submit(desk.put, n).result(PATIENCE) for n in (1, 2)] == ["1 written", "2 written"]
    assert desk.transactions == [[1], [2]]


def test_who_comes_while_another_writes_shares_the_next_transaction(desk: Desk) -> None:
    futures = desk.meanwhile(1, 2, 3, 4)
    assert [future.result(PATIENCE) for future in futures] == [f"{n} written" for n in (1, 2, 3, 4)]
    assert desk.transactions == [[1], [2, 3, 4]]


def test_who_is_at_work_is_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "COMPANY_SECONDS", PATIENCE)
    desk.let_go.set()
    with desk.group.joined(), desk.group.joined():
        first = desk.pool.submit(desk.put, 1)
        assert eventually(lambda: len(desk.group._waiting) == 1)
        assert not first.done()
        assert desk.put(2) == "2 written"
        assert first.result(PATIENCE) == "1 written"
    assert desk.transactions == [[1, 2]]


def test_who_has_left_is_waited_for_no_longer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "COMPANY_SECONDS", 10 * PATIENCE)
    desk.let_go.set()
    with desk.group.joined():
        with desk.group.joined():
            first = desk.pool.submit(desk.put, 1)
            assert eventually(lambda: len(desk.group._waiting) == 1)
        assert first.result(PATIENCE) == "1 written"
    assert desk.transactions == [[1]]


def test_what_the_database_refuses_fails_alone(desk: Desk) -> None:
    """A number that is on file already: those that came with it are written all the same."""
    first, *others, refused = desk.meanwhile(1, 2, 3, 1)
    assert [future.result(PATIENCE) for future in (first, *others)] == [f"{n} written" for n in (1, 2, 3)]
    with pytest.raises(IntegrityError):
        refused.result(PATIENCE)
    assert desk.on_file() == [1, 2, 3]


def test_what_breaks_is_raised_where_it_came_from(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wrote for all: who brought what cannot be written hears of it, and nobody else."""
    write = desk.write

    def breaking(connection: Connection, numbers: Sequence[int]) -> list[str]:
        if 3 in numbers:
            raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
        return write(connection, numbers)

    monkeypatch.setattr(desk.group, "_write", breaking)
    *others, broken = desk.meanwhile(1, 2, 4, 3)
    assert [future.result(PATIENCE) for future in others] == [f"{n} written" for n in (1, 2, 4)]
    with pytest.raises(UnicodeEncodeError):
        broken.result(PATIENCE)
    assert desk.on_file() == [1, 2, 4]
