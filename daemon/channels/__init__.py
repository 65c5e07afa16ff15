"""Bytes out. A channel knows an address and a content; it knows nothing of cases, rules or SQL.

A channel is one object with ``send``; it never retries by itself (the database knows when to try again),
and each call ends within ``Message.timeout``. It fails in two ways: ``DeliveryError`` when the provider
surely did not take the message, ``UnknownOutcomeError`` when the bytes may have left and no answer came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

Content = Mapping[str, object]
"""What was rendered for a channel; plain JSON values.

``email``: subject, text, html. ``wecom``: title, description, url, button. ``sms``: text (whole, without the
signature), template (its name), params (list of str). ``manual``, ``spool``: subject, text.
"""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one address.

    ``key`` (at most 32 ASCII letters and digits) is the idempotency key: the same for every try of the same
    bytes. ``repeat`` marks a try that may be a second one, after an unknown outcome. ``timeout`` is the total
    of the whole call, in seconds. ``items`` are the ids of what it says. ``rehearsal``: nobody is meant; what
    it says is marked 【演练】.
    """

    key: str
    address: str
    name: str
    content: Content
    timeout: float = 10.0
    repeat: bool = False
    items: tuple[int, ...] = ()
    rehearsal: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider took the message; ``provider_id`` is its name for it."""

    provider_id: str
    detail: Mapping[str, str] = field(default_factory=dict)


class Channel(Protocol):
    """A way to reach a person. Not shared between threads."""

    def send(self, message: Message) -> Receipt:
        """Hand one message over. Raise ``DeliveryError`` or ``UnknownOutcomeError``."""

    def close(self) -> None:
        """End what is kept open; the next ``send`` opens it again."""
