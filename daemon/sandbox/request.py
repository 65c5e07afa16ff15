"""A request as the stand-ins see it, and the marks that our messages carry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. The names of ``headers`` are in small letters."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Marks:
    """Which notice a message is, as its ``X-Duban-`` headers say; the providers ignore them."""

    key: str = ""
    items: tuple[int, ...] = ()
    repeat: bool = False
    rehearsal: bool = False


def marks(headers: Mapping[str, str], key: str = "") -> Marks:
    """Read the marks; ``key`` stands where no header names one. The names are in small letters."""
    return Marks(
        key=headers.get("x-duban-key", "").strip() or key,
        items=tuple(map(int, re.findall(r"\d+", headers.get("x-duban-items", "")))),
        repeat=_says_yes(headers, "x-duban-repeat"),
        rehearsal=_says_yes(headers, "x-duban-rehearsal"),
    )


def _says_yes(headers: Mapping[str, str], name: str) -> bool:
    return headers.get(name, "").strip().lower() in {"1", "true", "yes"}
