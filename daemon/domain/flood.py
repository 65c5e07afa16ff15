"""The gate on floods: a wrong rule or import must not reach hundreds of people before anybody looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

HOUR = timedelta(hours=1)
USUAL = 100


class Hold(StrEnum):
    """Why a notice is held until the office lets it go."""

    FLOOD = "flood"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class FloodGate:
    """``hour``: so many notices may leave within any hour. ``group``: the bundles of the leading group."""

    hour: int = USUAL
    group: tuple[str, ...] = ("brief",)


@dataclass(frozen=True, slots=True)
class Coming:
    """A notice that is about to be made; ``to_group``: it speaks to a seat of the leading group."""

    bundle: str
    to_group: bool


def holds(gate: FloodGate, lately: int, coming: Sequence[Coming]) -> list[Hold | None]:
    """Return what is held of notices that come at once, ``lately`` having been made within the hour.

    What would lead over the limit is held whole: letting the first hundred of a mistake go helps nobody. What
    goes to the leading group outside its own bundles is held by itself, and does not count.
    """
    found: list[Hold | None] = [
        Hold.GROUP if each.to_group and each.bundle not in gate.group else None for each in coming
    ]
    if lately + found.count(None) > gate.hour:
        return [hold or Hold.FLOOD for hold in found]
    return found
