"""What may be logged or shown: phones masked, secrets cut out."""

from __future__ import annotations

import re

_PHONE = re.compile(r"(?<!\d)((?:(?:\+|00)?86[- ]?)?1[3-9]\d)[- ]?\d{4}[- ]?(\d{4})(?!\d)")
_LONGEST = 300


def mask_phones(text: str) -> str:
    """Return ``text`` with every mobile number as 138****1234."""
    return _PHONE.sub(r"\1****\2", text)


def presentable(words: str | bytes, *secrets: str) -> str:
    """Return a provider's words fit for a record: one short line, without secrets or whole phone numbers."""
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return mask_phones(" ".join(text.split()))[:_LONGEST]
