"""Deliver: claim, look once more, freeze the bytes, note the try, send, record.

``look`` says what is still to be said, ``attempt`` holds what is sent, ``ledger`` writes down how a try ended
and that the next begins, ``record`` says what follows.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)

from daemon import clock
from daemon.attempt import Letter, Opened, Outcome, call_seconds, lease_of
from daemon.channels import Channel, Receipt
from daemon.config.compiled import RuleSet
from daemon.domain.burden import is_exempt
from daemon.domain.windows import departure
from daemon.errors import DeliveryError, DubanError, FaultyInputError, RefusedError, UnknownOutcomeError
from daemon.ledger import Step, write
from daemon.look import Look, Verdict, renderer_of, store_verdict
from daemon.record import Recorder, resends
from daemon.render import Renderer
from daemon.store import burden, deliveries, mode, notices, settings
from daemon.store.burden import Burden
from daemon.store.deliveries import Claimed
from daemon.store.engine import reading, writing
from daemon.store.group import Group

log = logging.getLogger(__name__)
MOST_GIVEN_BACK = 5
"""A delivery that so many workers died with in a row is to blame: all but the first had it alone in hand."""
KILLS = "处理时发送进程屡次中断"
KEPT_SECONDS = 1.0
"""So long a connection may rest: bytes that meet a hang-up on their way have an unknown fate.

Web servers hang up after two seconds or more, mail servers after minutes.
"""
NO_CHANNEL = "规则里已没有这个渠道"
_OURS = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
"""What trying again does not mend."""
RECORD_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
Looked = tuple[Look, list[Verdict], list[tuple[Claimed, str]]]
"""A look, its verdicts, and what could not be judged, with the reason."""
ChannelFactories = Callable[[RuleSet], Mapping[str, Callable[[], Channel]]]


class _OtherModeError(Exception):
    """The database went live, or was paused, while its deliveries were being claimed."""


@dataclass(slots=True)
class Kept:
    """A thread's own channel; its connection is kept while there is much to send."""

    channel: Channel
    made_for: tuple[str, bool]
    """The rule set, and whether it was made to rehearse."""
    rests_since: float = 0.0

    def awake(self, now: float) -> Channel:
        """Return the channel; after a rest it connects anew, for the other side may be about to hang up."""
        if now - self.rests_since > KEPT_SECONDS:
            self.channel.close()
        return self.channel


@dataclass
class Deliverer:
    """Delivers notices over channels. Safe to call from several threads and processes.

    ``together`` records all that is sent at once in one transaction: only where a crash takes the database
    with it, as in a simulation.

    ``channels`` gives, for a rule set, how to make each of its channels; ``rehearsing`` the same while the
    database is in rehearsal (by default the same ones), when every text is marked 【演练】.
    """

    engine: Engine
    rules: Callable[[], RuleSet]
    channels: ChannelFactories
    pause: Callable[[float], object] = field(default=threading.Event().wait)
    rehearsing: ChannelFactories | None = None
    together: bool = False
    _own: threading.local = field(default_factory=threading.local)
    _ledgers: dict[str, Group[Step, Opened | None]] = field(default_factory=dict)
    """One for each channel: who sends fast does not wait for who sends slowly."""

    def deliver(self, channel: str, ids: Sequence[int], now: datetime) -> int:
        """Send those of ``ids`` that are ready, one after the other; return how many were handed over.

        What a dead worker had in hand comes last, each by itself: it may kill this one too.
        """
        rule_set, state = self.rules(), self._state()
        claimed = self._claim(channel, ids, rule_set, state, now)
        handed_over = self._send_all(claimed, rule_set, state, now)
        for number in self._suspects(ids, claimed):
            alone = self._claim(channel, [number], rule_set, state, now, suspect=True)
            handed_over += self._send_all(self._fit(alone, rule_set, now), rule_set, state, now)
        return handed_over

    def _send_all(
        self, claimed: Sequence[Claimed], rule_set: RuleSet, state: mode.State, now: datetime
    ) -> int:
        if not claimed:
            return 0
        try:
            letters = self._prepare(claimed, rule_set, state, now)
            each_way = self._send_together if self.together else self._send_one_by_one
            return each_way(letters, rule_set, now)
        except (OperationalError, InterfaceError):
            self._hand_back(claimed)
            raise

    def _hand_back(self, claimed: Sequence[Claimed]) -> None:
        """Give up what was not tried: the database was full or away, and no message is to blame for it.

        What a message itself brings about (a row that makes no sense, a value that is refused) is left to
        the sweep, which finds out the one to blame.
        """
        try:
            with writing(self.engine) as connection:
                deliveries.hand_back(connection, claimed)
        except DBAPIError:
            log.warning("cannot hand back; the sweep will", extra={"deliveries": [one.id for one in claimed]})

    def _send_one_by_one(self, letters: Sequence[Letter], rule_set: RuleSet, now: datetime) -> int:
        """Send on one connection; nothing leaves before its try, and how the last one ended, are on file."""
        if not letters:
            return 0
        handed_over = 0
        outcome: Outcome | None = None
        with self.engine.connect() as connection, self._ledger(letters[0].claimed.channel).joined():
            for letter in letters:
                opened = self._record_and_open(connection, outcome, letter, rule_set, now)
                outcome = self._send(letter, opened, rule_set) if opened else None
                handed_over += bool(outcome and outcome.kind == "sent")
            self._record_and_open(connection, outcome, None, rule_set, now)
        return handed_over

    def _send_together(self, letters: Sequence[Letter], rule_set: RuleSet, now: datetime) -> int:
        """Send all in one transaction: their tries are noted together, and recorded together."""
        if not letters:
            return 0
        with writing(self.engine) as connection:
            opened = write(connection, [Step(None, letter, rule_set, now) for letter in letters])
            outcomes = [
                self._send(letter, each, rule_set)
                for letter, each in zip(letters, opened, strict=True)
                if each
            ]
            write(connection, [Step(outcome, None, rule_set, now) for outcome in outcomes])
        return sum(outcome.kind == "sent" for outcome in outcomes)

    def letters(self, channel: str, ids: Sequence[int], rule_set: RuleSet, now: datetime) -> list[Letter]:
        """Claim those of ``ids`` that are ready, look once more, and render what is still to be said."""
        state = self._state()
        claimed = self._claim(channel, ids, rule_set, state, now)
        return self._prepare(claimed, rule_set, state, now) if claimed else []

    def _state(self) -> mode.State:
        with reading(self.engine) as connection:
            return mode.read(connection)

    def _claim(
        self,
        channel: str,
        ids: Sequence[int],
        rule_set: RuleSet,
        state: mode.State,
        now: datetime,
        *,
        suspect: bool = False,
    ) -> list[Claimed]:
        """Claim those of ``ids`` that are ready and that no worker died with; or those suspected of it.

        Whether we are live is looked at again after the claim, so that ``go-live`` sees it. What is taken
        up in rehearsal is marked as such: it will not count as said.
        """
        if state.paused or self._closed(rule_set, channel, ids, now):
            return []
        if not self._can_open(channel, rule_set, state.rehearsal):
            return []
        lease = clock.wall() + lease_of(rule_set, channel)
        try:
            with writing(self.engine) as connection:
                claimed = deliveries.claim(connection, channel, ids, now, lease, suspect=suspect)
                if claimed and mode.read(connection) != state:
                    raise _OtherModeError
                if claimed and state.rehearsal:
                    notices.mark_rehearsed(connection, {one.notice for one in claimed})
        except _OtherModeError:
            return []
        return claimed

    def _suspects(self, ids: Sequence[int], claimed: Sequence[Claimed]) -> list[int]:
        left = list(set(ids) - {one.id for one in claimed})
        if not left:
            return []
        with reading(self.engine) as connection:
            return deliveries.suspects(connection, left)

    def _fit(self, claimed: Sequence[Claimed], rule_set: RuleSet, now: datetime) -> list[Claimed]:
        """Return what may be taken in hand; set aside, unread, what too many workers died of."""
        for killer in (one for one in claimed if one.given_back >= MOST_GIVEN_BACK):
            log.error("delivery set aside", extra={"delivery": killer.id, "given_back": killer.given_back})
            with writing(self.engine) as connection:
                if deliveries.set_aside(connection, killer, now):
                    Recorder(connection, rule_set, now).next_leg_if_failed(killer, KILLS)
        return [one for one in claimed if one.given_back < MOST_GIVEN_BACK]

    def _closed(self, rule_set: RuleSet, channel: str, ids: Sequence[int], now: datetime) -> bool:
        """Whether the channel's window is closed; what was due meanwhile leaves in its next first minutes.

        After an outage messages must not wake people at night.
        """
        window = rule_set.channel_windows.get(channel, rule_set.window)
        zone = next(iter(rule_set.campaigns.values())).zone
        if not ids or window.open_from(now, rule_set.calendar, zone) <= now:
            return False
        until = {
            number: departure(channel, now, window, rule_set.calendar, zone, key=str(number))
            for number in ids
        }
        with writing(self.engine) as connection:
            deliveries.postpone(connection, until, now)
        return True

    def _prepare(
        self, claimed: Sequence[Claimed], rule_set: RuleSet, state: mode.State, now: datetime
    ) -> list[Letter]:
        """Look once more at what is claimed, store what fell out, and render the rest."""
        look, verdicts, broken = self._look(claimed, rule_set, now)
        if any(verdict.changes for verdict in verdicts):
            look, verdicts, broken = self._drop(claimed, rule_set, now)
        for one, why in broken:
            self._cannot_say(one, rule_set, now, why)
        if claimed[0].channel in rule_set.budgets:
            with writing(self.engine) as connection:
                burden.hold(connection, (verdict.notice.person for verdict in verdicts))
                verdicts = [v for v in verdicts if _has_room(connection, v, rule_set, now)]
        renderer = renderer_of(rule_set)
        letters: list[Letter] = []
        for verdict in verdicts:
            if letter := self._letter(verdict, look, renderer, rule_set, now):
                letters.append(letter.rehearsed() if state.rehearsal else letter)
        return letters

    def _look(self, claimed: Sequence[Claimed], rule_set: RuleSet, now: datetime) -> Looked:
        with reading(self.engine) as connection:
            look = Look(connection, rule_set, claimed, now)
            return look, *_judged(look, claimed)

    def _drop(self, claimed: Sequence[Claimed], rule_set: RuleSet, now: datetime) -> Looked:
        """Look again, now that nobody can take a fact back, and store what falls out."""
        with writing(self.engine) as connection:
            settings.take_turn(connection)
            look = Look(connection, rule_set, claimed, now)
            verdicts, broken = _judged(look, claimed)
            for verdict in verdicts:
                store_verdict(connection, verdict, now)
        return look, verdicts, broken

    def _letter(
        self, verdict: Verdict, look: Look, renderer: Renderer, rule_set: RuleSet, now: datetime
    ) -> Letter | None:
        claimed, person = verdict.claimed, verdict.notice.person
        if claimed.unknowns > resends(rule_set, claimed.channel):
            with writing(self.engine) as connection:
                Recorder(connection, rule_set, now).give_up(claimed)
            return None
        repeat = claimed.unknowns > 0 or look.may_repeat(verdict)
        if claimed.frozen is not None:
            return Letter(claimed, claimed.frozen, repeat, verdict.leg, person, verdict.on)
        if not verdict.lines and not verdict.notice.tells_lines:
            return None
        try:
            content = _approved(verdict) or look.render(verdict, renderer)
        except DubanError as fault:
            self._cannot_say(claimed, rule_set, now, str(fault))
            return None
        addressee = look.persons[person]
        address = addressee.address(claimed.channel)
        if address is None:
            self._cannot_say(claimed, rule_set, now, "此人在这个渠道上没有地址")
            return None
        key = f"n{claimed.notice}d{claimed.id}a{claimed.attempts + 1}"
        items = [item.id for item, _ in verdict.lines]
        frozen = {"key": key, "address": address, "name": addressee.name, "content": content, "items": items}
        return Letter(claimed, frozen, repeat, verdict.leg, person, verdict.on)

    def _cannot_say(self, claimed: Claimed, rule_set: RuleSet, now: datetime, why: str) -> None:
        """Go on to the next leg: this one cannot be rendered or addressed."""
        log.error("cannot render", extra={"delivery": claimed.id, "why": why})
        with writing(self.engine) as connection:
            if deliveries.settle(connection, claimed, "failed"):
                Recorder(connection, rule_set, now).next_leg_if_failed(claimed, why)

    def _send(self, letter: Letter, opened: Opened, rule_set: RuleSet) -> Outcome:
        """Call the provider once, unless I slept since the try was opened: the lease may be another's."""
        name, number = letter.claimed.channel, opened.number
        timeout = call_seconds(rule_set, name)
        try:
            kept = self._kept(name, rule_set, letter.rehearsal)
            channel = kept.awake(clock.monotonic())
            if clock.monotonic() - opened.at > timeout:
                return Outcome(letter, number, "failed", message="进程停顿过久，本次没有发出")
            try:
                receipt: Receipt = channel.send(letter.message(timeout))
            finally:
                kept.rests_since = clock.monotonic()
        except UnknownOutcomeError as fault:
            return Outcome(letter, number, "unknown", message=str(fault))
        except DeliveryError as fault:
            kind = "refused" if fault.permanent else "later" if fault.later else "failed"
            return Outcome(letter, number, kind, code=fault.code, message=str(fault))
        except Exception as fault:
            log.exception("channel broke", extra={"delivery": letter.claimed.id, "channel": name})
            return Outcome(letter, number, "unknown", message=type(fault).__name__)
        return Outcome(letter, number, "sent", provider_id=receipt.provider_id)

    def _record_and_open(
        self,
        connection: Connection,
        outcome: Outcome | None,
        letter: Letter | None,
        rule_set: RuleSet,
        now: datetime,
    ) -> Opened | None:
        """Record how the last try ended and open the next, in one transaction (perhaps with other threads').

        While the database is away the outcome is kept and tried again: it must not get lost.
        """
        step, tries = Step(outcome, letter, rule_set, now), 0
        while outcome is not None or letter is not None:
            try:
                return self._write(connection, step)
            except Exception as fault:
                if outcome is None:
                    raise
                if not isinstance(fault, DBAPIError) or isinstance(fault, _OURS):
                    if letter is not None:  # how the last try ended is not to blame for the next
                        self._write(connection, replace(step, letter=None))
                    raise
                log.exception("cannot record; will try again", extra={"delivery": outcome.letter.claimed.id})
                self.pause(RECORD_SECONDS[min(tries, len(RECORD_SECONDS) - 1)])
                tries += 1
        return None

    def _write(self, connection: Connection, step: Step) -> Opened | None:
        """Write a step; one that has consequences (a later try, another leg) is written alone.

        Those lock rows in an order of their own, and whoever shared the transaction would wait with them.
        """
        if step.is_plain:
            return self._ledger(step.claims[0].channel).put(connection, step)
        with connection.begin():
            [opened] = write(connection, [step])
        return opened

    def _ledger(self, channel: str) -> Group[Step, Opened | None]:
        return self._ledgers.get(channel) or self._ledgers.setdefault(channel, Group(write))

    def _kept(self, name: str, rule_set: RuleSet, rehearsal: bool) -> Kept:
        """Return this thread's own channel, made for these rules: connections are not shared."""
        mine: dict[str, Kept] = self._own.__dict__
        made_for = (rule_set.hash, rehearsal)
        if name not in mine or mine[name].made_for != made_for:
            factories = (self.rehearsing if rehearsal and self.rehearsing else self.channels)(rule_set)
            if name in mine:
                mine.pop(name).channel.close()
            if name not in factories:
                raise DeliveryError(NO_CHANNEL, permanent=True)
            mine[name] = Kept(factories[name](), made_for)
        return mine[name]

    def _can_open(self, name: str, rule_set: RuleSet, rehearsal: bool) -> bool:
        """Whether a channel can be set up here; if a secret is missing, its messages wait where they are."""
        try:
            self._kept(name, rule_set, rehearsal)
        except (FaultyInputError, RefusedError):
            log.exception("channel cannot be set up", extra={"channel": name})
            return False
        except DeliveryError:
            return True  # each of its messages goes on to the next leg
        return True


def _judged(look: Look, claimed: Sequence[Claimed]) -> tuple[list[Verdict], list[tuple[Claimed, str]]]:
    """Judge each delivery; return the verdicts, and those that cannot be judged, with the reason."""
    verdicts: list[Verdict] = []
    broken: list[tuple[Claimed, str]] = []
    for one in claimed:
        try:
            verdicts.append(look.judge(one))
        except DBAPIError:
            raise
        except Exception as fault:
            log.exception("cannot look", extra={"delivery": one.id})
            broken.append((one, f"{type(fault).__name__}: {fault}"))
    return verdicts, broken


def _has_room(connection: Connection, verdict: Verdict, rule_set: RuleSet, now: datetime) -> bool:
    """Count what is about to leave against the person's budget; without room, go on to the next leg.

    Frozen bytes have been counted, and one thing of a notice that is exempt exempts the whole.
    """
    claimed, notice = verdict.claimed, verdict.notice
    if claimed.frozen is not None or not (verdict.lines or notice.tells_lines):
        return True
    load = Burden(notice.person, verdict.on, notice.act.rank if notice.act else -1, now)
    budget = None if _is_exempt(verdict, rule_set) else rule_set.budgets[claimed.channel]
    if burden.take(connection, claimed, load, budget):
        return True
    if burden.turn_away(connection, claimed, load):
        Recorder(connection, rule_set, now).next_leg_if_failed(claimed, "已到额度")
    return False


def _is_exempt(verdict: Verdict, rule_set: RuleSet) -> bool:
    """Whether no budget holds it: it tells the office of trouble, or one of its acts is exempt."""
    acts = {
        rung.act for _, decision in verdict.lines if (rung := rule_set.rung(decision.ladder, decision.rung))
    }
    return verdict.notice.tells_lines or any(is_exempt(rule_set.acts[act]) for act in acts)


def _approved(verdict: Verdict) -> Mapping[str, object] | None:
    """Return the words that a person approved for this channel: they leave unchanged."""
    document = verdict.notice.document
    return document.contents.get(verdict.claimed.channel) if document else None


def pass_over(engine: Engine, rule_set: RuleSet, channel: str, ids: Sequence[int], now: datetime) -> None:
    """Open the next leg of deliveries whose channel the rules no longer have."""
    log.warning("channel has gone from the rules", extra={"channel": channel, "deliveries": len(ids)})
    with writing(engine) as connection:
        recorder = Recorder(connection, rule_set, now)
        for claimed in deliveries.claim(connection, channel, ids, now, clock.wall()):
            if deliveries.settle(connection, claimed, "failed"):
                recorder.next_leg_if_failed(claimed, NO_CHANNEL)
