"""The ledger: how tries ended, and that the next begin, written down before any more bytes leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from daemon import clock
from daemon.attempt import Letter, Opened, Outcome, opening_of
from daemon.config.compiled import RuleSet
from daemon.record import Recorder, sent_of
from daemon.store import deliveries
from daemon.store.deliveries import Claim, Claimed, Opening


@dataclass(frozen=True, slots=True)
class Step:
    """What a thread has to write between two calls: how the last one ended, and which try comes next."""

    outcome: Outcome | None
    letter: Letter | None
    rule_set: RuleSet
    now: datetime

    @property
    def is_plain(self) -> bool:
        """Whether nothing follows from it but that somebody was told: no later try, no next leg."""
        return self.outcome is None or self.outcome.kind == "sent"

    @property
    def claims(self) -> list[Claimed]:
        """What it writes about."""
        letters = (self.outcome and self.outcome.letter, self.letter)
        return [letter.claimed for letter in letters if letter]


def write(connection: Connection, steps: Sequence[Step]) -> list[Opened | None]:
    """Write the steps of several threads; return the try that each has opened.

    None is opened if the delivery is no longer mine, nor when its lease has run out and nobody has taken it
    back yet: who slept since he looked must not say what he saw then.
    """
    at, wall = clock.monotonic(), clock.wall()
    mine = deliveries.still_mine(connection, [claimed for step in steps for claimed in step.claims])
    _record(connection, steps, mine)
    openings = [_opening(step, mine, wall) for step in steps]
    deliveries.open_attempts(connection, [opening for opening in openings if opening], wall)
    return [Opened(opening.number, at) if opening else None for opening in openings]


def _record(connection: Connection, steps: Sequence[Step], mine: Mapping[Claim, datetime]) -> None:
    """Record what ended: what arrived and is still mine in a few statements, the rest one by one."""
    together = []
    for step in steps:
        if step.outcome is None:
            continue
        if step.outcome.kind == "sent" and step.outcome.letter.claimed.key in mine:
            together.append(sent_of(step.outcome, step.now))
        else:
            Recorder(connection, step.rule_set, step.now).record(step.outcome)
    deliveries.record_sent(connection, together)


def _opening(step: Step, mine: Mapping[Claim, datetime], wall: datetime) -> Opening | None:
    if step.letter is None:
        return None
    lease_until = mine.get(step.letter.claimed.key)
    if lease_until is None or lease_until <= wall:
        return None
    return opening_of(step.letter, step.rule_set, step.now, wall)
