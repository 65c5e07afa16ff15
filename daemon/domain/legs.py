"""Legs: the ways to reach a person, in order. The office, by hand, is the implied last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from daemon.domain.windows import Window, departure
from daemon.domain.workdays import WorkdayCalendar

MANUAL = "manual"
Legs = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Hours:
    """When each channel may leave: ``windows`` has one for every channel."""

    windows: Mapping[str, Window]
    calendar: WorkdayCalendar
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class Opening:
    """A leg about to be tried: its number, and when each of its channels may leave."""

    leg: int
    times: Mapping[str, datetime]


def open_leg(
    legs: Legs,
    reaches: Callable[[str], bool],
    moment: datetime,
    hours: Hours,
    *,
    key: str,
    start: int = 0,
    held: bool = False,
) -> Opening:
    """Return the first leg from ``start`` on that reaches the person, with those of its channels that do.

    Where none does, the leg after the last: a task for the office (telephone, paper).
    """
    number, channels = first_leg(legs, reaches, start)
    times = {
        channel: departure(
            channel, moment, hours.windows[channel], hours.calendar, hours.zone, key=key, held=held
        )
        for channel in channels
    }
    return Opening(number, times)


def first_leg(legs: Legs, reaches: Callable[[str], bool], start: int = 0) -> tuple[int, tuple[str, ...]]:
    for number in range(start, len(legs)):
        channels = tuple(channel for channel in legs[number] if reaches(channel))
        if channels:
            return number, channels
    return len(legs), (MANUAL,)


def leg_name(legs: Legs, number: int) -> str:
    return "+".join(legs[number]) if number < len(legs) else MANUAL
