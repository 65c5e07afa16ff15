"""Record how a try ended, and what follows: said, the same bytes again, a later try, or the next leg.

A notice has failed only after its last leg, or when a person must decide; then the office is told.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from sqlalchemy import Connection

from daemon.attempt import Letter, Outcome
from daemon.config.compiled import RuleSet
from daemon.domain.campaign import zone_of
from daemon.domain.legs import MANUAL, Hours, open_leg
from daemon.domain.windows import departure
from daemon.domain.workdays import local_day, midnight
from daemon.store import burden, deliveries, facts, notices, people
from daemon.store.deliveries import Claimed, Sent
from daemon.store.notices import Notice

BACKOFF = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 240))
"""How long to wait before each next try; after the last, the next leg."""


class Recorder:
    """Records how tries ended, inside one transaction."""

    def __init__(self, connection: Connection, rule_set: RuleSet, now: datetime) -> None:
        self.connection, self.rule_set, self.now = connection, rule_set, now

    def record(self, outcome: Outcome) -> None:
        """Record one try, and do what follows from how it ended."""
        claimed = outcome.letter.claimed
        word = "failed" if outcome.kind == "later" else outcome.kind
        deliveries.close_attempt(
            self.connection,
            claimed.id,
            outcome.number,
            word,
            self.now,
            provider_id=outcome.provider_id,
            code=outcome.code,
            message=outcome.message,
        )
        match outcome.kind:
            case "sent":
                self._sent(outcome.letter, outcome.number)
            case _ if outcome.number > 1 and deliveries.was_sent(self.connection, claimed.id):
                # The first try arrived after all, and was recorded late: the second may well be refused.
                self._sent(outcome.letter, outcome.number)
            case "unknown":
                self._unknown(claimed)
            case "refused":
                deliveries.undoubt(self.connection, claimed.id, outcome.number)
                self._failed(claimed, outcome.message)
            case _:
                deliveries.undoubt(self.connection, claimed.id, outcome.number)
                self._try_again(claimed, outcome)

    def _sent(self, letter: Letter, number: int) -> None:
        """Let a person have been told by a try that was recorded late, or before the one that just failed.

        What arrives in time is recorded with others (``deliveries.record_sent``).
        """
        claimed = letter.claimed
        mine = deliveries.settle(self.connection, claimed, "sent")
        if mine or deliveries.settle_late(self.connection, claimed.id, number):
            items = tuple(letter.frozen["items"])
            deliveries.mark_sent(
                self.connection, claimed.notice, _state_of(claimed), letter.leg, items, self.now
            )

    def _unknown(self, claimed: Claimed) -> None:
        """Keep the bytes: they are sent again once, marked; then the next leg (or as ``on_unknown`` says)."""
        if claimed.unknowns < resends(self.rule_set, claimed.channel):
            deliveries.put_back(self.connection, claimed, self.now + BACKOFF[0], thaw=False, unknown=True)
        else:
            self.give_up(claimed)

    def give_up(self, claimed: Claimed) -> None:
        """Nobody knows, and it is not sent again: the next leg, or a person decides."""
        hold = _on_unknown(self.rule_set, claimed.channel) == "hold"
        self._failed(claimed, "是否送达不明", hold=hold)

    def _try_again(self, claimed: Claimed, outcome: Outcome) -> None:
        tries = claimed.attempts
        if tries >= len(BACKOFF):
            self._failed(claimed, outcome.message)
            return
        at = self.now + BACKOFF[tries]
        if outcome.kind == "later":
            at = self._tomorrow(claimed)
        # A definite failure thaws the text, but not while an earlier try of the same bytes is unknown.
        deliveries.put_back(self.connection, claimed, at, thaw=claimed.unknowns == 0)

    def _tomorrow(self, claimed: Claimed) -> datetime:
        notice = notices.load(self.connection, [claimed.notice])[claimed.notice]
        zone = self._zone(notice)
        tomorrow = self._next_workday(zone)
        window = self.rule_set.channel_windows.get(claimed.channel, self.rule_set.window)
        calendar, key = self.rule_set.calendar, str(claimed.id)
        return departure(claimed.channel, tomorrow, window, calendar, zone, key=key)

    def _next_workday(self, zone: tzinfo) -> datetime:
        """Return the midnight that begins the next working day."""
        return midnight(self.rule_set.calendar.shift(local_day(self.now, zone), 1), zone)

    def _zone(self, notice: Notice) -> tzinfo:
        return zone_of(facts.load_campaigns(self.connection, self.rule_set.campaigns), notice.campaign)

    def _failed(self, claimed: Claimed, why: str, *, hold: bool = False) -> None:
        if deliveries.settle(self.connection, claimed, "failed"):
            self.next_leg_if_failed(claimed, why, hold=hold)

    def next_leg_if_failed(self, claimed: Claimed, why: str, *, hold: bool = False) -> None:
        """Open the next leg that reaches the person, once every channel of this one has failed.

        After the last, or with ``hold``, the notice has failed, and the office is told.
        """
        states = deliveries.leg_states(self.connection, claimed.notice, claimed.leg)
        notice = notices.load(self.connection, [claimed.notice])[claimed.notice]
        if notice.state != "ready" or not deliveries.OVER.issuperset(states):
            return
        if hold or claimed.channel == MANUAL:
            reason = {"code": "unknown" if hold else "failed", "why": why}
            notices.end(self.connection, notice.id, "failed", reason, self.now)
            return
        person = people.load(self.connection, [notice.person])[notice.person]
        hours = Hours(self.rule_set.channel_windows, self.rule_set.calendar, self._zone(notice))
        opening = open_leg(
            notice.legs,
            lambda channel: person.address(channel) is not None,
            self.now,
            hours,
            key=str(person.id),
            start=claimed.leg + 1,
        )
        if opening.leg == len(notice.legs) and burden.was_turned_away(self.connection, notice.id):
            notices.hold_until(self.connection, notice.id, self._next_bundle(notice), self.now)
            return
        notices.move_to_leg(self.connection, notice.id, opening.leg)
        notices.open_legs(self.connection, [(notice.id, opening.leg, opening.times)])

    def _next_bundle(self, notice: Notice) -> datetime:
        """Return the next slot of a notice's bundle; what leaves at once waits for the next working day."""
        rules, zone = self.rule_set, self._zone(notice)
        bundle = rules.bundles.get(notice.bundle)
        if bundle is None:
            return rules.window.open_from(self._next_workday(zone), rules.calendar, zone)
        slot = bundle.slot_from(self.now + timedelta(microseconds=1), rules.calendar, zone)
        return rules.window.open_from(slot, rules.calendar, zone)


def _state_of(sent: Claimed) -> str:
    """Return what a notice is whose delivery was sent: by hand, the office has only been given a task."""
    return "manual" if sent.channel == MANUAL else "sent"


def sent_of(outcome: Outcome, now: datetime) -> Sent:
    """Return what is stored of a try that arrived."""
    letter, items = outcome.letter, outcome.letter.frozen["items"]
    state = _state_of(letter.claimed)
    return Sent(letter.claimed, outcome.number, outcome.provider_id, state, letter.leg, items, now)


def resends(rule_set: RuleSet, channel: str) -> int:
    """Return how often bytes whose fate is unknown are sent again.

    A task for the office does not leave the house: noting it twice is noting it once.
    """
    return len(BACKOFF) if channel == MANUAL else int(_on_unknown(rule_set, channel) == "resend")


def _on_unknown(rule_set: RuleSet, channel: str) -> str:
    settings = rule_set.channels.get(channel)
    return settings.on_unknown if settings else "resend"
