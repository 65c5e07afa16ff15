"""What a message says about itself: to machines in headers, to people that it is only a rehearsal."""

from __future__ import annotations

import re
from collections.abc import Sequence

from daemon.channels import Content, Message

_ITEMS_A_ROW = 6
REHEARSAL = "【演练】"
_LONGEST = {"subject": None, "title": 128, "description": 512, "text": None, "html": None}
"""What a person reads of a content, and how many characters of it a WeCom card may have."""
_BODY = re.compile(r"(<body\b[^>]*>)", re.IGNORECASE)


def marks(message: Message) -> dict[str, str]:
    """Return the headers that go with a message, over whatever channel."""
    headers = {"X-Duban-Key": message.key, "X-Duban-Items": _listed(message.items)}
    headers |= {"X-Duban-Repeat": "1"} if message.repeat else {}
    return headers | ({"X-Duban-Rehearsal": "1"} if message.rehearsal else {})


def _listed(items: Sequence[int]) -> str:
    """Return ``1,2,…`` with a blank here and there, at which a long header can be folded."""
    rows = [items[n : n + _ITEMS_A_ROW] for n in range(0, len(items), _ITEMS_A_ROW)]
    return ", ".join(",".join(map(str, row)) for row in rows)


def mark_rehearsal(content: Content) -> dict[str, object]:
    """Return a content whose every text says 【演练】 first; marking it twice changes nothing.

    Parameters of an SMS template stay: what the provider registered cannot be changed. The stand-in for it
    puts the mark before the text, by the header.
    """
    return {
        name: _marked(value, html=name == "html")[: _LONGEST[name]]
        if name in _LONGEST and isinstance(value, str) and value
        else value
        for name, value in content.items()
    }


def _marked(words: str, *, html: bool) -> str:
    if html and _BODY.search(words):
        marked = _BODY.sub(rf"\1<p>{REHEARSAL}</p>", words, count=1)
        return words if f"<p>{REHEARSAL}</p>" in words else marked
    return words if words.startswith(REHEARSAL) else REHEARSAL + words
