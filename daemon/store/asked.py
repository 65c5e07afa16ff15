"""Rows that are read when they are asked for: who needs three of five thousand units reads three."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")
Read = Callable[[Connection, Iterable[int] | None], dict[int, T]]
"""Reads the rows of some numbers, or all of them (``None``)."""


class Asked(Mapping[int, T], Generic[T]):
    """Rows by their number. Those named at first are read at once, others one by one, and all are kept.

    Reads within the connection that it was given; walking over it reads all there are.
    """

    def __init__(self, connection: Connection, read: Read[T], first: Iterable[int] = ()) -> None:
        self._connection, self._read = connection, read
        self._found: dict[int, T] = {}
        self._missing: set[int] = set()
        self.fetch(first)

    def fetch(self, numbers: Iterable[int]) -> None:
        """Read at once what will be asked for."""
        if wanted := set(numbers) - self._found.keys() - self._missing:
            self._found |= self._read(self._connection, wanted)
            self._missing |= wanted - self._found.keys()

    def __getitem__(self, number: int) -> T:
        if number not in self._found:
            self.fetch((number,))
        return self._found[number]

    def __iter__(self) -> Iterator[int]:
        self._found |= self._read(self._connection, None)
        return iter(self._found)

    def __len__(self) -> int:
        return sum(1 for _ in self)
