"""Group commit: what several threads have to write at the same time goes into one transaction.

A transaction costs SQLite a wait for the disk and for whoever writes just then, PostgreSQL a round trip for
each of its statements. So who is about to write waits a moment for the others that are at work, as PostgreSQL
itself does with ``commit_delay`` and ``commit_siblings``. Who works alone waits for nobody.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sqlalchemy import Connection

log = logging.getLogger(__name__)
COMPANY_SECONDS = 0.002
"""So long is waited for company: about as long as a commit takes, and nothing beside a provider's answer."""
_Work = TypeVar("_Work")
_Made = TypeVar("_Made")


@dataclass(slots=True, eq=False)
class _Piece(Generic[_Work, _Made]):
    """What one thread wants written; ``made``, empty until then, is what came of it."""

    work: _Work
    taken: bool = False
    made: list[_Made] = field(default_factory=list)


class Group(Generic[_Work, _Made]):
    """Writes what its threads bring; ``write`` is given a transaction and returns a result for each piece."""

    def __init__(self, write: Callable[[Connection, Sequence[_Work]], Sequence[_Made]]) -> None:
        self._write = write
        self._turn, self._news = threading.Lock(), threading.Condition()
        self._at_work = 0
        self._waiting: list[_Piece[_Work, _Made]] = []

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Be one of those who are waited for, as long as there is more to write."""
        self._join(1)
        try:
            yield
        finally:
            self._join(-1)

    def put(self, connection: Connection, work: _Work) -> _Made:
        """Write a piece of work, with all that came meanwhile; return what came of it, once it is committed.

        What cannot be written together is written by each thread alone, over its own ``connection``: what is
        wrong with one piece holds up no other, and is raised in the thread that brought it.
        """
        mine = _Piece[_Work, _Made](work)
        with self._news:
            self._waiting.append(mine)
            self._news.notify_all()
        with self._turn:
            if not mine.taken:
                self._write_waiting(connection)
        if not mine.made:
            self._commit(connection, [mine])
        return mine.made[0]

    def _join(self, one: int) -> None:
        with self._news:
            self._at_work += one
            self._news.notify_all()

    def _write_waiting(self, connection: Connection) -> None:
        pieces = self._take()
        try:
            self._commit(connection, pieces)
        except Exception as fault:
            if len(pieces) == 1:
                raise
            log.warning(
                "not together; each alone", extra={"pieces": len(pieces), "error": type(fault).__name__}
            )

    def _take(self) -> list[_Piece[_Work, _Made]]:
        """Wait for those who are at work, and take what all have brought."""
        with self._news:
            self._news.wait_for(lambda: len(self._waiting) >= self._at_work, COMPANY_SECONDS)
            pieces, self._waiting = self._waiting, []
        for piece in pieces:
            piece.taken = True
        return pieces

    def _commit(self, connection: Connection, pieces: Sequence[_Piece[_Work, _Made]]) -> None:
        with connection.begin():
            made = self._write(connection, [piece.work for piece in pieces])
        for piece, result in zip(pieces, made, strict=True):
            piece.made.append(result)
