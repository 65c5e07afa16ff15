"""Judges the promise that nothing fails or is given up lightly.

No try fails unless a fault befell its channel, or those who carried it, while it was under way (or the
provider's own limit on short messages to one number). A message may be left to a person's hands only if each
channel has no address, refused for good, failed at every pause there is, or broke off twice with nobody
knowing how; or if five workers in a row may have been lost with it in hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from tests.chaos.journal import Attempt, Fault, Notice
from tests.chaos.oracle.evidence import Evidence, Violation, has_failed
from tests.chaos.oracle.repeats import CARRIERS

BACKOFF = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 240))
"""The longest pauses between tries after definite failures."""
SMS_APART, SMS_A_DAY = timedelta(seconds=30), 10
"""What a provider of short messages takes to one number: the same words no sooner, and no more a day."""
RESENT = 1
"""How often bytes of unknown fate are sent again."""
TICK = timedelta(minutes=1)
"""A worker's instant is that at which it read the clock, which may have moved on so far before it sends."""
WORKERS_LOST = 5
"""So many in a row that were lost with one message in hand are taken to have been lost of it."""


class Tries:
    """How sending ended, and whether faults explain it."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence

    def violations(self) -> Iterator[Violation]:
        """No try fails without a fault."""
        for attempt in self.evidence.attempts:
            if has_failed(attempt) and not self._is_explained(attempt):
                words = f"notice {attempt.notice} by {attempt.channel}, try {attempt.number}"
                when = f"{attempt.outcome} {self.evidence.clock(attempt.opened_at)}"
                yield Violation("failed", f"{words}, {when}, though no fault befell it", attempt.opened_at)

    def were_exhausted(self, notice: Notice, channels: Iterable[str]) -> bool:
        """Whether every way to a person was tried to its end, and faults explain that none led there."""
        return all(self._was_exhausted(notice, channel) for channel in channels)

    def _was_exhausted(self, notice: Notice, channel: str) -> bool:
        """Whether a channel has no address, or refused for good, or failed at every pause that there is."""
        mine = self.evidence.tries.get((notice.id, channel))
        if not mine:
            return self.evidence.lacks(notice.person, channel)
        if not all(self._is_explained(attempt) for attempt in mine):
            return False
        unknown = sum(self._was_unknown(attempt) for attempt in mine)
        return mine[-1].outcome == "refused" or unknown > RESENT or len(mine) > len(BACKOFF)

    def _was_unknown(self, attempt: Attempt) -> bool:
        """Whether nobody knew for a while how a try had ended; who slept may tell later that it failed."""
        return attempt.outcome == "unknown" or any(fault.doubt for fault in self._befell(attempt))

    def _is_explained(self, attempt: Attempt) -> bool:
        """Whether a fault befell a try's channel, or those who carried it, while it was under way."""
        return (
            self._is_throttled(attempt)
            or self._has_stale_tokens(attempt)
            or any(True for _ in self._befell(attempt))
        )

    def _befell(self, attempt: Attempt) -> Iterator[Fault]:
        for fault in self.evidence.faults:
            on_its_way = fault.target in (attempt.channel, "provider") or fault.target.startswith(CARRIERS)
            if on_its_way and fault.at <= self._ended(attempt) and attempt.opened_at <= fault.until:
                yield fault

    def _ended(self, attempt: Attempt) -> datetime:
        """Return when a try had ended at the latest, by all clocks; in a pause, after it.

        A scanner that slept gives it back by the time at which it fell asleep: not before it began.
        """
        closed = max(attempt.opened_at, attempt.closed_at or self.evidence.end)
        ends = [pause.until for pause in self.evidence.pauses if pause.at <= closed <= pause.until]
        return max(ends, default=closed) + TICK

    def _is_throttled(self, attempt: Attempt) -> bool:
        """Whether a provider of short messages had just taken one to that number, or enough for that day."""
        if attempt.channel != "sms":
            return False
        notices, day = self.evidence.notices, self.evidence.world.day
        person, at = notices[attempt.notice].person, attempt.opened_at
        mine = [
            taken.at
            for taken in self.evidence.arrivals
            if taken.channel == "sms" and notices[taken.notice or attempt.notice].person == person
        ]
        today = [one for one in mine if day(one) == day(at)]
        return any(at - SMS_APART <= one <= at for one in mine) or len(today) >= SMS_A_DAY

    def _has_stale_tokens(self, attempt: Attempt) -> bool:
        """Whether WeCom let its tokens die, and has taken nothing since: two that are known may be stale.

        One in a worker's memory, another that the workers share; only then is a new one asked for.
        """
        if attempt.channel != "wecom":
            return False
        died = [f for f in self.evidence.faults if f.target == "sandbox" or f.kind == "provider_token"]
        ended = [fault.until for fault in died if fault.until <= attempt.opened_at]
        if not ended:
            return False
        since = max(ended)
        came = (a.at for a in self.evidence.arrivals if a.channel == "wecom")
        return not any(since <= at < attempt.opened_at for at in came)

    def killed_its_workers(self, notice: Notice) -> bool:
        """Whether it was set aside, without a try, since so many in a row were lost with it in hand."""
        if notice.created_at is None or notice.ended_at is None:
            return False
        tried = any(attempt.notice == notice.id for attempt in self.evidence.attempts)
        return not tried and self.may_have_cost_workers(notice.created_at, notice.ended_at)

    def may_have_cost_workers(self, start: datetime, end: datetime) -> bool:
        """Whether so many workers may have been lost with one message in hand that it was given up.

        Who works on while all clocks are put forward loses his lease, as if he had been lost.
        """
        targets = ("work", "machine", "database")
        lost = [f for f in self.evidence.faults if f.target.startswith(targets)]
        found = sum(start <= f.until and f.at <= end for f in lost)
        return found + self._skips(start, end) >= WORKERS_LOST

    def _skips(self, start: datetime, end: datetime) -> int:
        """Count how often the clocks were put forward, which the wall clock alone shows."""
        known = [(f.at, f.wall) for f in self.evidence.faults] + [
            (a.at, a.wall) for a in self.evidence.arrivals
        ]
        walls = [wall for at, wall in known if wall and start <= at <= end]
        return sum(min(walls) <= skip.wall <= max(walls) for skip in self.evidence.skips) if walls else 0
