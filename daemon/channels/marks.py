"""What a message says about itself to machines; providers ignore it, a sandbox and a mail archive do not."""

from __future__ import annotations

from collections.abc import Sequence

from daemon.channels import Message

_ITEMS_A_ROW = 6


def marks(message: Message) -> dict[str, str]:
    """Return the headers that go with a message, over whatever channel."""
    headers = {"X-Duban-Key": message.key, "X-Duban-Items": _listed(message.items)}
    return headers | {"X-Duban-Repeat": "1"} if message.repeat else headers


def _listed(items: Sequence[int]) -> str:
    """Return ``1,2,…`` with a blank here and there, at which a long header can be folded."""
    rows = [items[n : n + _ITEMS_A_ROW] for n in range(0, len(items), _ITEMS_A_ROW)]
    return ", ".join(",".join(map(str, row)) for row in rows)
