"""Every error that this project raises on purpose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class DubanError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault of an input: where it is, what is wrong, and what would be right.

    ``place`` is the file; ``line`` and ``column`` count from 1 (0: the file as a whole); ``key`` is the
    dotted key of a config file, or the column's heading in a workbook.
    """

    place: str
    line: int
    column: int
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.place, self.line, self.column) if part)
        words = [where, self.key, self.message + (f"；{self.hint}" if self.hint else "")]
        return ": ".join(word for word in words if word)


class FaultyInputError(DubanError):
    """输入有误。"""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults))
        super().__init__("\n".join(map(str, self.faults)))


class RefusedError(DubanError):
    """The state of things does not allow this act."""


class NotFoundError(DubanError):
    """没有找到。"""


class StaleRulesError(DubanError):
    """The rule set changed while a plan was being made; nothing was stored."""


class DeliveryError(DubanError):
    """A provider did not take the message.

    ``permanent`` says that trying again on this channel is of no use; ``later`` that the provider would take
    it on another day. ``code`` is the provider's own.
    """

    def __init__(self, message: str, *, code: str = "", permanent: bool = False, later: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.permanent = permanent
        self.later = later


class UnknownOutcomeError(DubanError):
    """The bytes may have left, and no answer came: nobody knows whether the message was taken."""
