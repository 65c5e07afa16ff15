"""Deliver: claim, look once more, render, note the try, send, record. One transaction a send."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cached_property
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError

from daemon import clock
from daemon.channels import Channel, Message, Receipt
from daemon.channels.marks import mark_rehearsal
from daemon.config.compiled import RuleSet
from daemon.domain.burden import is_exempt
from daemon.domain.campaign import Campaign
from daemon.domain.ladder import Addressee, Audience, Part, Role, Rung, Subject
from daemon.domain.legs import MANUAL, Hours, leg_name, open_leg
from daemon.domain.people import names_every_unit, units_concerned
from daemon.domain.plan import Item, Reason, ReasonCode, nominal_day, still_due
from daemon.domain.why import ROLE_TITLES
from daemon.domain.windows import departure
from daemon.domain.workdays import local_day, midnight
from daemon.errors import DeliveryError, DubanError, FaultyInputError, RefusedError, UnknownOutcomeError
from daemon.render import Renderer
from daemon.store import burden, contexts, decisions, deliveries, events, facts, mode, mutes, notices, people
from daemon.store.burden import Burden
from daemon.store.contexts import Line, Reference
from daemon.store.deliveries import Claimed, Opening, Sent
from daemon.store.engine import reading, writing
from daemon.store.notices import Document, Gap, NewItem, Notice, Rival, StoredItem

log = logging.getLogger(__name__)
CALL_SECONDS = 20.0
CALLS_A_LEASE = 3
"""Every call has a total deadline of at most a third of the lease."""
BACKOFF = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 240))
MOST_GIVEN_BACK = 5
"""A delivery that so many workers died with in a row is to blame: all but the first had it alone in hand."""
KILLS = "处理时发送进程屡次中断"
NO_CHANNEL = "规则里已没有这个渠道"
_OURS = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
"""What trying again does not mend."""
RECORD_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
ChannelFactories = Callable[[RuleSet], Mapping[str, Callable[[], Channel]]]


@dataclass(frozen=True, slots=True)
class Letter:
    """What is about to be sent: frozen bytes, the same at every try whose predecessor's fate is unknown."""

    claimed: Claimed
    frozen: Mapping[str, Any]
    repeat: bool
    leg: str
    person: int
    on: date
    """Whom it burdens, and on which office day."""
    rehearsal: bool = False

    def message(self, timeout: float) -> Message:
        f = self.frozen
        items = tuple(f["items"])
        return Message(
            f["key"], f["address"], f["name"], f["content"], timeout, self.repeat, items, self.rehearsal
        )

    def rehearsed(self) -> Letter:
        """Return the letter with 【演练】 before every text of it, once."""
        frozen = {**self.frozen, "content": mark_rehearsal(self.frozen["content"])}
        return replace(self, frozen=frozen, rehearsal=True)


class _OtherModeError(Exception):
    """The database went live, or was paused, while its deliveries were being claimed."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A try that was noted; ``at``, by my own monotonic clock, is before its lease began."""

    number: int
    at: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a try ended."""

    letter: Letter
    number: int
    kind: str
    provider_id: str | None = None
    code: str = ""
    message: str = ""


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
        channel = claimed[0].channel
        letters = self._prepare(claimed, rule_set, state, now)
        each_way = self._send_together if self.together else self._send_one_by_one
        handed_over = each_way(letters, rule_set, now)
        if letters and (mine := self._made().get((rule_set.hash, channel, state.rehearsal))):
            mine.close()
        return handed_over

    def _send_one_by_one(self, letters: Sequence[Letter], rule_set: RuleSet, now: datetime) -> int:
        """Send on one connection; each send has a transaction of its own."""
        handed_over = 0
        outcome: Outcome | None = None
        with self.engine.connect() as connection:
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
            at, wall = clock.monotonic(), clock.wall()
            openings = [_opening(letter, wall, rule_set) for letter in letters]
            mine = deliveries.open_attempts(connection, openings, now, wall)
            outcomes = [
                self._send(letter, Opened(opening.number, at), rule_set)
                for letter, opening in zip(letters, openings, strict=True)
                if letter.claimed.id in mine
            ]
            _Recorder(connection, rule_set, now).record_all(outcomes)
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
                    _Recorder(connection, rule_set, now).next_leg_if_failed(killer, KILLS)
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

    def _channel(self, name: str, rule_set: RuleSet, rehearsal: bool) -> Channel:
        """Return this thread's own channel: connections are not shared."""
        mine, key = self._made(), (rule_set.hash, name, rehearsal)
        if key not in mine:
            factories = (self.rehearsing if rehearsal and self.rehearsing else self.channels)(rule_set)
            if name not in factories:
                raise DeliveryError(NO_CHANNEL, permanent=True)
            mine[key] = factories[name]()
        return mine[key]

    def _can_open(self, name: str, rule_set: RuleSet, rehearsal: bool) -> bool:
        """Whether a channel can be set up here; if a secret is missing, its messages wait where they are."""
        try:
            self._channel(name, rule_set, rehearsal)
        except (FaultyInputError, RefusedError):
            log.exception("channel cannot be set up", extra={"channel": name})
            return False
        except DeliveryError:
            return True  # each of its messages goes on to the next leg
        return True

    def _made(self) -> dict[tuple[str, str, bool], Channel]:
        found: dict[tuple[str, str, bool], Channel] = self._own.__dict__.setdefault("channels", {})
        return found

    def _send(self, letter: Letter, opened: Opened, rule_set: RuleSet) -> Outcome:
        """Call the provider once, unless I slept since the try was opened: the lease may be another's."""
        name, number = letter.claimed.channel, opened.number
        timeout = call_seconds(rule_set, name)
        if clock.monotonic() - opened.at > timeout:
            return Outcome(letter, number, "failed", message="进程停顿过久，本次没有发出")
        try:
            channel = self._channel(name, rule_set, letter.rehearsal)
            receipt: Receipt = channel.send(letter.message(timeout))
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
        """Record how the last try ended and open the next, in one transaction.

        While the database is away the outcome is kept and tried again: it must not get lost.
        """
        tries = 0
        while outcome is not None or letter is not None:
            at = clock.monotonic()
            try:
                with connection.begin():
                    if outcome is not None:
                        _Recorder(connection, rule_set, now).record(outcome)
                    number = None
                    if letter is not None:
                        wall = clock.wall()
                        opening = _opening(letter, wall, rule_set)
                        number = deliveries.open_attempt(connection, opening, now, wall)
                return Opened(number, at) if number is not None else None
            except DBAPIError as fault:
                if outcome is None or isinstance(fault, _OURS):
                    raise
                log.exception("cannot record; will try again", extra={"delivery": outcome.letter.claimed.id})
                self.pause(RECORD_SECONDS[min(tries, len(RECORD_SECONDS) - 1)])
                tries += 1
        return None

    def _prepare(
        self, claimed: Sequence[Claimed], rule_set: RuleSet, state: mode.State, now: datetime
    ) -> list[Letter]:
        """Look once more at what is claimed, store what fell out, and render the rest."""
        verdicts: list[Verdict] = []
        broken: list[tuple[Claimed, str]] = []
        with reading(self.engine) as connection:
            look = _Look(connection, rule_set, claimed, now)
            for one in claimed:
                try:
                    verdicts.append(look.judge(one))
                except DBAPIError:
                    raise
                except Exception as fault:
                    log.exception("cannot look", extra={"delivery": one.id})
                    broken.append((one, f"{type(fault).__name__}: {fault}"))
        for one, why in broken:
            self._cannot_say(one, rule_set, now, why)
        budgeted = claimed[0].channel in rule_set.budgets
        if budgeted or any(verdict.changes for verdict in verdicts):
            with writing(self.engine) as connection:
                if budgeted:
                    burden.hold(connection, (verdict.notice.person for verdict in verdicts))
                for verdict in verdicts:
                    _apply(connection, verdict, now)
                if budgeted:
                    verdicts = [v for v in verdicts if _has_room(connection, v, rule_set, now)]
        renderer = renderer_of(rule_set)
        letters: list[Letter] = []
        for verdict in verdicts:
            if letter := self._letter(verdict, look, renderer, rule_set, now):
                letters.append(letter.rehearsed() if state.rehearsal else letter)
        return letters

    def _letter(
        self, verdict: Verdict, look: _Look, renderer: Renderer, rule_set: RuleSet, now: datetime
    ) -> Letter | None:
        claimed, person = verdict.claimed, verdict.notice.person
        if claimed.unknowns > resends(rule_set, claimed.channel):
            with writing(self.engine) as connection:
                _Recorder(connection, rule_set, now).give_up(claimed)
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
                _Recorder(connection, rule_set, now).next_leg_if_failed(claimed, why)


_RENDERERS: dict[str, Renderer] = {}
"""The last rule set's, by its hash: its templates are compiled once in a process."""


def renderer_of(rule_set: RuleSet) -> Renderer:
    if (found := _RENDERERS.get(rule_set.hash)) is None:
        _RENDERERS.clear()
        found = _RENDERERS[rule_set.hash] = Renderer(rule_set.templates)
    return found


def pass_over(engine: Engine, rule_set: RuleSet, channel: str, ids: Sequence[int], now: datetime) -> None:
    """Open the next leg of deliveries whose channel the rules no longer have."""
    log.warning("channel has gone from the rules", extra={"channel": channel, "deliveries": len(ids)})
    with writing(engine) as connection:
        recorder = _Recorder(connection, rule_set, now)
        for claimed in deliveries.claim(connection, channel, ids, now, clock.wall()):
            if deliveries.settle(connection, claimed, "failed"):
                recorder.next_leg_if_failed(claimed, NO_CHANNEL)


def documents(engine: Engine, rule_set: RuleSet, notice: int, now: datetime) -> dict[int, Document]:
    """Return what a waiting notice, and those that carry the same decision, would say if they left now.

    This is what an approver reads, by notice. A notice that has nothing to say any more has no words.
    """
    with reading(engine) as connection:
        loaded = notices.load(connection, [notice])
        same = _carried_along(connection, loaded[notice]) if notice in loaded else []
        if not same:
            return {}
        pages = [(n.id, channel) for n in notices.load(connection, same).values() for channel in _channels(n)]
        drafts = [Claimed(i, number, 0, channel, 0, 0, 0, None) for i, (number, channel) in enumerate(pages)]
        look = _Look(connection, rule_set, drafts, now)
        verdicts = [look.judge(draft) for draft in drafts]
    renderer = renderer_of(rule_set)
    written: dict[int, dict[str, dict[str, object]]] = {number: {} for number in same}
    for verdict in verdicts:
        if content := _drafted(look, verdict, renderer):
            written[verdict.notice.id][verdict.claimed.channel] = content
    return {number: Document(contents) for number, contents in written.items()}


def _carried_along(connection: Connection, notice: Notice) -> list[int]:
    """Return the notices that leave when this one may; one that the gate on floods holds leaves alone."""
    return [notice.id] if notice.state == "held" else notices.same_document(connection, notice)


def _drafted(look: _Look, verdict: Verdict, renderer: Renderer) -> dict[str, object] | None:
    try:
        return look.render(verdict, renderer) if verdict.lines else None
    except DubanError:
        log.exception("cannot draft", extra={"notice": verdict.notice.id})
        return None  # delivery finds the same, and takes the next leg


def _channels(notice: Notice) -> tuple[str, ...]:
    """Return every channel that a notice may take."""
    return tuple(dict.fromkeys((*(channel for leg in notice.legs for channel in leg), MANUAL)))


def _approved(verdict: Verdict) -> Mapping[str, object] | None:
    """Return the words that a person approved for this channel: they leave unchanged."""
    document = verdict.notice.document
    return document.contents.get(verdict.claimed.channel) if document else None


def call_seconds(rule_set: RuleSet, channel: str) -> float:
    """Return the total deadline of one call on a channel."""
    settings = rule_set.channels.get(channel)
    return settings.timeout if settings else CALL_SECONDS


def resends(rule_set: RuleSet, channel: str) -> int:
    """Return how often bytes whose fate is unknown are sent again.

    A task for the office does not leave the house: noting it twice is noting it once.
    """
    return len(BACKOFF) if channel == MANUAL else int(_on_unknown(rule_set, channel) == "resend")


def _on_unknown(rule_set: RuleSet, channel: str) -> str:
    settings = rule_set.channels.get(channel)
    return settings.on_unknown if settings else "resend"


def zone_of(campaigns: Mapping[int, Campaign], number: int) -> tzinfo:
    """Return a campaign's zone; what is left of one that the rules no longer have goes by UTC."""
    return campaigns[number].zone if number in campaigns else UTC


def lease_of(rule_set: RuleSet, channel: str) -> timedelta:
    return timedelta(seconds=CALLS_A_LEASE * call_seconds(rule_set, channel))


def _opening(letter: Letter, wall: datetime, rule_set: RuleSet) -> Opening:
    lease_until = wall + lease_of(rule_set, letter.claimed.channel)
    return Opening(letter.claimed, letter.frozen, lease_until, letter.repeat, letter.person, letter.on)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look found: what is still to be said, what fell out and why, and who takes over."""

    claimed: Claimed
    notice: Notice
    on: date
    """The office day on which it is looked at: if it leaves now, it burdens the person on this day."""
    lines: tuple[Line, ...]
    dropped: tuple[tuple[int, Reason], ...] = ()
    heirs: tuple[tuple[int, NewItem], ...] = ()
    """Who takes over, each with the item he takes over."""
    vacant: tuple[tuple[int, Gap], ...] = ()
    """The lines that reach nobody any more, each with the item that was its last."""

    @property
    def leg(self) -> str:
        return leg_name(self.notice.legs, self.claimed.leg)

    @property
    def says_something(self) -> bool:
        """Whether there is anything to send: a line, the morning note, or bytes that are frozen."""
        return bool(self.lines) or self.notice.tells_lines or self.claimed.frozen is not None

    @property
    def changes(self) -> bool:
        """Whether the look found anything that is to be stored."""
        return bool(self.dropped or self.heirs or self.vacant) or not self.says_something


Anchored = tuple[Subject, str, int, int]
"""What an item speaks of, and to whom: subject, ladder, anchor version, person."""


class _Look:
    """Everything needed to look at a batch of claimed deliveries, loaded at once."""

    def __init__(
        self, connection: Connection, rule_set: RuleSet, claimed: Sequence[Claimed], now: datetime
    ) -> None:
        self.rule_set, self.now = rule_set, now
        ids = {c.notice for c in claimed}
        self.notices = notices.load(connection, ids)
        self.items = notices.items_of(connection, ids)
        stored = [item for items in self.items.values() for item in items]
        self.decisions = decisions.load(connection, (item.decision for item in stored))
        subjects = [self.decisions[item.decision].subject for item in stored]
        ladders = {rule_set.ladder_now(decision.ladder) for decision in self.decisions.values()}
        self.known = facts.load(connection, subjects, rule_set.campaigns, ladders)
        zones = [zone_of(self.known.campaigns, notice.campaign) for notice in self.notices.values()]
        self.today = local_day(now, zones[0])
        self.connection = connection
        self.directory = people.directory(connection, self.today, self._concerned(subjects))
        self.signed = notices.signed(connection, subjects) if rule_set.asks_signatures else set()
        self.muted = mutes.persons_muted(connection, now)
        self.rivals = self._rivals(subjects, {item.person for item in stored})
        self.doubtful = deliveries.doubtful(connection, {c.notice for c in claimed if c.leg})
        self.persons = people.asked(connection, self._named())
        self.titles = people.titles(connection, {n.person for n in self.notices.values()})
        told_group = any(notice.audience is Audience.GROUP for notice in self.notices.values())
        self.unreached = self._unreached(connection) if told_group else ()
        self.reasons = self._reasons(connection)
        self.contexts: dict[int, dict[str, Any]] = {}

    def _concerned(self, subjects: Iterable[Subject]) -> set[int] | None:
        """Return the units whose seats matter here; ``None`` where any may."""
        known = (subject for subject in subjects if subject in self.known.facts)
        return units_concerned(map(self.known.unit_of, known), map(self._rung, self.decisions.values()))

    def _named(self) -> set[int]:
        """Return the persons that messages surely name: who is told, and the heads of the units concerned."""
        told = {notice.person for notice in self.notices.values()}
        units = {case.unit for case in self.known.cases.values()}
        heads = (self.directory.resolve((Role.UNIT_HEAD,), unit) for unit in units)
        return told | {head.person for found in heads for head in found}

    def _rung(self, decision: decisions.Decision) -> Rung | None:
        return self.rule_set.rung(decision.ladder, decision.rung)

    @cached_property
    def units(self) -> list[int]:
        """The units that stand today."""
        return people.unit_ids(self.connection, self.today)

    @cached_property
    def siblings(self) -> Mapping[int, list[StoredItem]]:
        """All items of the decisions, whatever became of them."""
        return notices.siblings(self.connection, self.decisions)

    def _rivals(self, subjects: Sequence[Subject], persons: Iterable[int]) -> dict[Anchored, list[Rival]]:
        """Return what else has come for these persons, by what it speaks of."""
        found: dict[Anchored, list[Rival]] = {}
        if not self.decisions:
            return found
        earliest = min(decision.instant for decision in self.decisions.values())
        for rival in notices.rivals(self.connection, subjects, persons, earliest):
            speaks_of = (rival.subject, rival.ladder, rival.anchor_version, rival.person)
            found.setdefault(speaks_of, []).append(rival)
        return found

    def _reasons(self, connection: Connection) -> Mapping[tuple[Subject, str], events.Reason]:
        asked = contexts.with_reasons(self.known)
        kinds = (*contexts.REASONED, contexts.EXTENDED)
        return events.reasons(connection, asked, kinds) if asked else {}

    def _unreached(self, connection: Connection) -> tuple[str, ...]:
        """Say which rungs reached nobody; a brief tells the group of them."""
        gaps = notices.open_gaps(connection)
        by_id = decisions.load(connection, (decision for decision, _, _ in gaps))
        said: list[str] = []
        for number, _, line in gaps:
            rung = self._rung(by_id[number])
            if rung and line < len(rung.to):
                seats = "、".join(ROLE_TITLES[role] for role in rung.to[line])
                said.append(f"{seats}空缺，{rung.act.label}")
        return tuple(said)

    def judge(self, claimed: Claimed) -> Verdict:
        """Judge each item of a notice; frozen bytes are not looked at again."""
        notice = self.notices[claimed.notice]
        kept: list[Line] = []
        dropped: list[tuple[int, Reason]] = []
        heirs: list[tuple[int, NewItem]] = []
        vacant: list[tuple[int, Gap]] = []
        for item in self.items.get(notice.id, ()):
            reason = self._judge_item(item) if claimed.frozen is None else None
            if reason is None:
                kept.append((item, self.decisions[item.decision]))
            elif item.state == "open":
                dropped.append((item.id, reason))
                if reason.code is ReasonCode.NOT_HOLDER:
                    heirs += [(item.id, heir) for heir in self._heirs(item)]
                    vacant += self._vacant(item)
        lines = tuple(sorted(kept, key=self._order))
        on = local_day(self.now, zone_of(self.known.campaigns, notice.campaign))
        verdict = Verdict(claimed, notice, on, lines, tuple(dropped), tuple(heirs), tuple(vacant))
        if claimed.frozen is None and (lines or notice.tells_lines):
            self.contexts[claimed.id] = contexts.build(notice, lines, self._reference())
        return verdict

    def may_repeat(self, verdict: Verdict) -> bool:
        """Whether an earlier leg or notice may have said any of it over this very channel: nobody knows."""
        claimed = verdict.claimed
        by_leg = (claimed.notice, claimed.channel) in self.doubtful
        return by_leg or any(claimed.channel in item.doubt for item, _ in verdict.lines)

    def _order(self, line: Line) -> tuple[object, ...]:
        """Put the strongest first, then the nearest deadline."""
        item, decision = line
        about = self.known.facts.get(decision.subject)
        due = about.anchors.get("due") if about else None
        return (contexts.weight(decision, self.rule_set.ladders).reversed, due or date.max, item.id)

    def _reference(self) -> Reference:
        return Reference(
            self.known,
            self.rule_set.ladders,
            self.rule_set.calendar,
            self.directory,
            self.persons,
            self.titles,
            (self.rule_set.office.name, self.rule_set.office.phone),
            self.now,
            self.unreached,
            self.reasons,
        )

    def _judge_item(self, item: StoredItem) -> Reason | None:
        decision = self.decisions[item.decision]
        about = self.known.facts.get(decision.subject)
        rung = self._rung(decision)
        if about is None or rung is None:
            return Reason(ReasonCode.RULE_GONE)
        looked = Item(
            self.rule_set.ladders[decision.ladder],
            decision.rung,
            decision.occurrence,
            decision.anchor_version,
            nominal_day(decision.occurrence, decision.instant, about.zone),
            decision.instant,
            item.part,
            holds_post=item.person in {r.person for r in self._reached(item)},
            signed=(decision.subject, item.person) in self.signed,
            outranked_by=self._outranked_by(item, decision),
            to_alive=self._to_alive(item, decision),
            needs_approval=self.rule_set.acts[rung.act].approval is not None,
            muted_by=self.muted.get(item.person),
        )
        return still_due(looked, about, self.now)

    def _reached(self, item: StoredItem) -> tuple[Any, ...]:
        """Return whom the item's line reaches today."""
        decision, lines = self.decisions[item.decision], self._lines(item)
        if item.line >= len(lines):
            return ()
        line, unit = lines[item.line], self.known.unit_of(decision.subject)
        return self.directory.resolve(line, unit, self.units if names_every_unit(line) else ())

    def _heirs(self, item: StoredItem) -> list[NewItem]:
        """Return items for those who hold the seat now and have not been told, nor will be.

        All lines of the part are tried: who left one seat may hold another that is addressed too.
        """
        told = {
            sibling.person
            for sibling in self.siblings.get(item.decision, ())
            if sibling.state != "dropped" and sibling.id != item.id
        }
        heirs = {
            recipient.person: NewItem(item.decision, recipient, item.part, number)
            for number in range(len(self._lines(item)))
            for recipient in self._reached(replace(item, line=number))
            if recipient.person not in told
        }
        return list(heirs.values())

    def _lines(self, item: StoredItem) -> tuple[Addressee, ...]:
        rung = self._rung(self.decisions[item.decision])
        if rung is None:
            return ()
        return rung.to if item.part is Part.TO else rung.copy

    def _vacant(self, item: StoredItem) -> list[tuple[int, Gap]]:
        """Return an item's line where nobody holds its seat any more; a copy does not count."""
        if item.part is Part.COPY or self._reached(item):
            return []
        return [(item.id, (item.decision, item.part, item.line))]

    def _outranked_by(self, item: StoredItem, decision: decisions.Decision) -> str | None:
        """Return a later rung of the ladder, not weaker, that has come for this person."""
        # Of the same anchor: a rung of a deadline that was moved outranks nothing.
        same = (decision.subject, decision.ladder, decision.anchor_version, item.person)
        later = [r for r in self.rivals.get(same, ()) if r.instant > decision.instant and r.item != item.id]
        if not later:
            return None
        mine = contexts.weight(decision, self.rule_set.ladders)
        ladder = self.rule_set.ladders[decision.ladder]
        for rival in later:
            rung = ladder.rung(rival.rung)
            if rung and rung.act.rank >= mine.rank and not self.rule_set.acts[rung.act].approval:
                return rival.rung
        return None

    def _to_alive(self, item: StoredItem, decision: decisions.Decision) -> bool:
        """Whether anything that a copy copies is still to be said, or was."""
        if item.part is Part.TO:
            return True
        originals = [s for s in self.siblings.get(decision.id, ()) if s.part is Part.TO]
        return any(self._alive(original) for original in originals)

    def _alive(self, original: StoredItem) -> bool:
        """Whether an original was said or will be; one in this very batch may be about to drop."""
        if original.state != "open":
            return original.state in ("said", "superseded")
        reason = self._judge_item(original)
        return reason is None or reason.code is ReasonCode.NOT_HOLDER

    def render(self, verdict: Verdict, renderer: Renderer) -> dict[str, object]:
        name = contexts.template_name(verdict.notice, verdict.lines, self.rule_set.ladders)
        return dict(renderer.render(verdict.claimed.channel, name, self.contexts[verdict.claimed.id]))


def _apply(connection: Connection, verdict: Verdict, now: datetime) -> None:
    """Store what a look found: dropped items and why, heirs, and a notice with nothing left to say."""
    mine = notices.drop_items(connection, verdict.dropped, now)
    notices.put_heirs(connection, [heir for item, heir in verdict.heirs if item in mine], now)
    notices.put_unaddressed(connection, [gap for item, gap in verdict.vacant if item in mine], now)
    if verdict.says_something:
        return
    notice = verdict.notice.id
    if deliveries.settle(connection, verdict.claimed, "dropped"):
        deliveries.drop_others(connection, notice)
        # Where another channel is at it, how that ends decides.
        if deliveries.OVER.issuperset(deliveries.leg_states(connection, notice, verdict.claimed.leg)):
            reason = notices.reason_json(verdict.dropped[0][1]) if verdict.dropped else {}
            notices.end(connection, notice, "dropped", reason, now)


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
        _Recorder(connection, rule_set, now).next_leg_if_failed(claimed, "已到额度")
    return False


def _is_exempt(verdict: Verdict, rule_set: RuleSet) -> bool:
    """Whether it is the office's note, or has anything in it that no budget holds."""
    acts = {
        rung.act for _, decision in verdict.lines if (rung := rule_set.rung(decision.ladder, decision.rung))
    }
    return verdict.notice.kind == "note" or any(is_exempt(rule_set.acts[act]) for act in acts)


def _state_of(sent: Claimed) -> str:
    """Return what a notice is whose delivery was sent: by hand, the office has only been given a task."""
    return "manual" if sent.channel == MANUAL else "sent"


def _sent(outcome: Outcome) -> Sent:
    letter = outcome.letter
    items = letter.frozen["items"]
    return Sent(letter.claimed, outcome.number, outcome.provider_id, letter.leg, items)


class _Recorder:
    """Records how tries ended, inside one transaction."""

    def __init__(self, connection: Connection, rule_set: RuleSet, now: datetime) -> None:
        self.connection, self.rule_set, self.now = connection, rule_set, now

    def record_all(self, outcomes: Sequence[Outcome]) -> None:
        """Record many tries of one channel; those that arrived in a few statements."""
        sent = [outcome for outcome in outcomes if outcome.kind == "sent"]
        for state, of_channel in groupby(sent, key=lambda o: _state_of(o.letter.claimed)):
            deliveries.record_sent(self.connection, [_sent(o) for o in of_channel], state, self.now)
        for outcome in outcomes:
            if outcome.kind != "sent":
                self.record(outcome)

    def record(self, outcome: Outcome) -> None:
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
