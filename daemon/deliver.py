"""Deliver: claim, look once more, render, note the try, send, record. One transaction a send."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError

from daemon import clock
from daemon.channels import Channel, Message, Receipt
from daemon.channels.marks import mark_rehearsal
from daemon.config.compiled import RuleSet
from daemon.domain.campaign import Campaign
from daemon.domain.ladder import Addressee, Audience, Part
from daemon.domain.legs import MANUAL, Hours, leg_name, open_leg
from daemon.domain.plan import Item, Reason, ReasonCode, nominal_day, still_due
from daemon.domain.why import ROLE_TITLES
from daemon.domain.windows import departure
from daemon.domain.workdays import local_day, midnight
from daemon.errors import DeliveryError, DubanError, FaultyInputError, RefusedError, UnknownOutcomeError
from daemon.render import Renderer
from daemon.store import contexts, decisions, deliveries, facts, mode, notices, people
from daemon.store.contexts import Line, Reference
from daemon.store.deliveries import Claimed
from daemon.store.engine import reading, writing
from daemon.store.notices import Gap, NewItem, Notice, Rival, StoredItem

log = logging.getLogger(__name__)
CALL_SECONDS = 20.0
CALLS_A_LEASE = 3
"""Every call has a total deadline of at most a third of the lease."""
BACKOFF = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 240))
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

    def message(self, timeout: float, rehearsal: bool) -> Message:
        f = self.frozen
        items = tuple(f["items"])
        return Message(
            f["key"], f["address"], f["name"], f["content"], timeout, self.repeat, items, rehearsal
        )

    def rehearsed(self) -> Letter:
        """Return the letter with 【演练】 before every text of it, once."""
        return replace(self, frozen={**self.frozen, "content": mark_rehearsal(self.frozen["content"])})


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

    ``channels`` gives, for a rule set, how to make each of its channels; ``rehearsing`` the same while the
    database is in rehearsal (by default the same ones), when every text is marked 【演练】.
    """

    engine: Engine
    rules: Callable[[], RuleSet]
    channels: ChannelFactories
    pause: Callable[[float], object] = field(default=threading.Event().wait)
    rehearsing: ChannelFactories | None = None
    _own: threading.local = field(default_factory=threading.local)
    _renderers: dict[str, Renderer] = field(default_factory=dict)

    def deliver(self, channel: str, ids: Sequence[int], now: datetime) -> int:
        """Send those of ``ids`` that are ready, one after the other; return how many were handed over."""
        rule_set = self.rules()
        with reading(self.engine) as connection:
            state = mode.read(connection)
        if state.paused or self._closed(rule_set, channel, ids, now):
            return 0
        rehearsal = state.rehearsal
        if not self._can_open(channel, rule_set, rehearsal):
            return 0
        claimed = self._claim(channel, ids, rule_set, state, now)
        if not claimed:
            return 0
        letters = self._prepare(claimed, rule_set, now, rehearsal)
        handed_over = 0
        outcome: Outcome | None = None
        for letter in letters:
            opened = self._record_and_open(outcome, letter, rule_set, now)
            outcome = self._send(letter, opened, rule_set, rehearsal) if opened else None
            handed_over += bool(outcome and outcome.kind == "sent")
        self._record_and_open(outcome, None, rule_set, now)
        if letters and (mine := self._made().get((rule_set.hash, channel, rehearsal))):
            mine.close()
        return handed_over

    def _claim(
        self, channel: str, ids: Sequence[int], rule_set: RuleSet, state: mode.State, now: datetime
    ) -> list[Claimed]:
        """Claim, and look once more whether we are live: after the claim, so that ``go-live`` sees it.

        What is taken up in rehearsal is marked as such: it will not count as said.
        """
        lease = clock.wall() + lease_of(rule_set, channel)
        try:
            with writing(self.engine) as connection:
                claimed = deliveries.claim(connection, channel, ids, now, lease)
                if claimed and mode.read(connection) != state:
                    raise _OtherModeError
                if claimed and state.rehearsal:
                    notices.mark_rehearsed(connection, {one.notice for one in claimed})
        except _OtherModeError:
            return []
        return claimed

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
                raise DeliveryError("规则里已没有这个渠道", permanent=True)
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

    def _send(self, letter: Letter, opened: Opened, rule_set: RuleSet, rehearsal: bool) -> Outcome:
        """Call the provider once, unless I slept since the try was opened: the lease may be another's."""
        name, number = letter.claimed.channel, opened.number
        timeout = call_seconds(rule_set, name)
        if clock.monotonic() - opened.at > timeout:
            return Outcome(letter, number, "failed", message="进程停顿过久，本次没有发出")
        try:
            channel = self._channel(name, rule_set, rehearsal)
            receipt: Receipt = channel.send(letter.message(timeout, rehearsal))
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
        self, outcome: Outcome | None, letter: Letter | None, rule_set: RuleSet, now: datetime
    ) -> Opened | None:
        """Record how the last try ended and open the next, in one transaction.

        While the database is away the outcome is kept and tried again: it must not get lost.
        """
        tries = 0
        while outcome is not None or letter is not None:
            at = clock.monotonic()
            try:
                with writing(self.engine) as connection:
                    if outcome is not None:
                        _Recorder(connection, rule_set, now).record(outcome)
                    number = _open(connection, letter, rule_set, now) if letter else None
                return Opened(number, at) if number is not None else None
            except DBAPIError as fault:
                if outcome is None or isinstance(fault, _OURS):
                    raise
                log.exception("cannot record; will try again", extra={"delivery": outcome.letter.claimed.id})
                self.pause(RECORD_SECONDS[min(tries, len(RECORD_SECONDS) - 1)])
                tries += 1
        return None

    def _prepare(
        self, claimed: Sequence[Claimed], rule_set: RuleSet, now: datetime, rehearsal: bool
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
        with writing(self.engine) as connection:
            for verdict in verdicts:
                _apply(connection, verdict, now)
        renderer = self._renderer(rule_set)
        letters: list[Letter] = []
        for verdict in verdicts:
            if letter := self._letter(verdict, look, renderer, rule_set, now):
                letters.append(letter.rehearsed() if rehearsal else letter)
        return letters

    def _renderer(self, rule_set: RuleSet) -> Renderer:
        if rule_set.hash not in self._renderers:
            self._renderers.clear()
            self._renderers[rule_set.hash] = Renderer(rule_set.templates)
        return self._renderers[rule_set.hash]

    def _letter(
        self, verdict: Verdict, look: _Look, renderer: Renderer, rule_set: RuleSet, now: datetime
    ) -> Letter | None:
        claimed = verdict.claimed
        if claimed.unknowns > resends(rule_set, claimed.channel):
            with writing(self.engine) as connection:
                _Recorder(connection, rule_set, now).give_up(claimed)
            return None
        if claimed.frozen is not None:
            return Letter(claimed, claimed.frozen, claimed.unknowns > 0, verdict.leg)
        if not verdict.lines and not verdict.notice.tells_lines:
            return None
        try:
            content = look.render(verdict, renderer)
        except DubanError as fault:
            self._cannot_say(claimed, rule_set, now, str(fault))
            return None
        person = look.persons[verdict.notice.person]
        address = person.address(claimed.channel)
        if address is None:
            self._cannot_say(claimed, rule_set, now, "此人在这个渠道上没有地址")
            return None
        key = f"n{claimed.notice}d{claimed.id}a{claimed.attempts + 1}"
        items = [item.id for item, _ in verdict.lines]
        frozen = {"key": key, "address": address, "name": person.name, "content": content, "items": items}
        return Letter(claimed, frozen, repeat=False, leg=verdict.leg)

    def _cannot_say(self, claimed: Claimed, rule_set: RuleSet, now: datetime, why: str) -> None:
        """Go on to the next leg: this one cannot be rendered or addressed."""
        log.error("cannot render", extra={"delivery": claimed.id, "why": why})
        with writing(self.engine) as connection:
            if deliveries.settle(connection, claimed, "failed"):
                _Recorder(connection, rule_set, now).next_leg_if_failed(claimed, why)


def draft(engine: Engine, rule_set: RuleSet, notice: int, now: datetime) -> str:
    """Return what a notice would say by e-mail if it left now: what an approver reads before he signs."""
    unsent = Claimed(0, notice, 0, "email", 0, 0, 0, None)
    with reading(engine) as connection:
        look = _Look(connection, rule_set, [unsent], now)
        verdict = look.judge(unsent)
    if not verdict.lines:
        return ""
    content = look.render(verdict, Renderer(rule_set.templates))
    return f"{content['subject']}\n\n{content['text']}"


def call_seconds(rule_set: RuleSet, channel: str) -> float:
    """Return the total deadline of one call on a channel."""
    settings = rule_set.channels.get(channel)
    return settings.timeout if settings else CALL_SECONDS


def resends(rule_set: RuleSet, channel: str) -> int:
    """Return how often bytes whose fate is unknown are sent again."""
    return int(_on_unknown(rule_set, channel) == "resend")


def _on_unknown(rule_set: RuleSet, channel: str) -> str:
    settings = rule_set.channels.get(channel)
    return settings.on_unknown if settings else "resend"


def zone_of(campaigns: Mapping[int, Campaign], number: int) -> tzinfo:
    """Return a campaign's zone; what is left of one that the rules no longer have goes by UTC."""
    return campaigns[number].zone if number in campaigns else UTC


def lease_of(rule_set: RuleSet, channel: str) -> timedelta:
    return timedelta(seconds=CALLS_A_LEASE * call_seconds(rule_set, channel))


def _open(connection: Connection, letter: Letter, rule_set: RuleSet, now: datetime) -> int | None:
    until = clock.wall() + lease_of(rule_set, letter.claimed.channel)
    return deliveries.open_attempt(
        connection, letter.claimed, letter.frozen, now, until, repeat=letter.repeat
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look found: what is still to be said, what fell out and why, and who takes over."""

    claimed: Claimed
    notice: Notice
    lines: tuple[Line, ...]
    dropped: tuple[tuple[int, Reason], ...] = ()
    heirs: tuple[tuple[int, NewItem], ...] = ()
    """Who takes over, each with the item he takes over."""
    vacant: tuple[tuple[int, Gap], ...] = ()
    """The lines that reach nobody any more, each with the item that was its last."""

    @property
    def leg(self) -> str:
        return leg_name(self.notice.legs, self.claimed.leg)


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
        self.known = facts.load(connection, subjects, rule_set.campaigns)
        zones = [zone_of(self.known.campaigns, notice.campaign) for notice in self.notices.values()]
        today = local_day(now, zones[0])
        self.directory = people.directory(connection, today)
        self.units = people.unit_ids(connection, today)
        self.signed = notices.signed(connection, subjects) if rule_set.asks_signatures else set()
        self.rivals = notices.rivals(connection, subjects, {item.person for item in stored})
        self.siblings = notices.siblings(connection, self.decisions)
        self.persons = people.load_all(connection)
        self.titles = people.titles(connection, {n.person for n in self.notices.values()})
        told_group = any(notice.audience is Audience.GROUP for notice in self.notices.values())
        self.unreached = self._unreached(connection) if told_group else ()
        self.contexts: dict[int, dict[str, Any]] = {}

    def _unreached(self, connection: Connection) -> tuple[str, ...]:
        """Say which rungs reached nobody; a brief tells the group of them."""
        gaps = notices.open_gaps(connection)
        by_id = decisions.load(connection, (decision for decision, _, _ in gaps))
        said: list[str] = []
        for number, _, line in gaps:
            ladder = self.rule_set.ladders.get(by_id[number].ladder)
            rung = ladder.rung(by_id[number].rung) if ladder else None
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
        verdict = Verdict(claimed, notice, lines, tuple(dropped), tuple(heirs), tuple(vacant))
        if claimed.frozen is None and (lines or notice.tells_lines):
            self.contexts[claimed.id] = contexts.build(notice, lines, self._reference())
        return verdict

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
        )

    def _judge_item(self, item: StoredItem) -> Reason | None:
        decision = self.decisions[item.decision]
        about = self.known.facts.get(decision.subject)
        ladder = self.rule_set.ladders.get(decision.ladder)
        if about is None or ladder is None or (rung := ladder.rung(decision.rung)) is None:
            return Reason(ReasonCode.RULE_GONE)
        looked = Item(
            ladder,
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
        )
        return still_due(looked, about, self.now)

    def _reached(self, item: StoredItem) -> tuple[Any, ...]:
        """Return whom the item's line reaches today."""
        decision, lines = self.decisions[item.decision], self._lines(item)
        if item.line >= len(lines):
            return ()
        return self.directory.resolve(lines[item.line], self.known.unit_of(decision.subject), self.units)

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
        decision = self.decisions[item.decision]
        ladder = self.rule_set.ladders.get(decision.ladder)
        rung = ladder.rung(decision.rung) if ladder else None
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
        mine = contexts.weight(decision, self.rule_set.ladders)
        for rival in self.rivals:
            if self._same(rival, item, decision) and rival.instant > decision.instant:
                ladder = self.rule_set.ladders[decision.ladder]
                rung = ladder.rung(rival.rung)
                if rung and rung.act.rank >= mine.rank and not self.rule_set.acts[rung.act].approval:
                    return rival.rung
        return None

    def _same(self, rival: Rival, item: StoredItem, decision: decisions.Decision) -> bool:
        """Whether a rival speaks of the same anchor: a rung of a deadline that was moved outranks nothing."""
        theirs = (rival.subject, rival.ladder, rival.anchor_version, rival.person)
        mine = (decision.subject, decision.ladder, decision.anchor_version, item.person)
        return rival.item != item.id and theirs == mine

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
    if verdict.lines or verdict.notice.tells_lines or verdict.claimed.frozen is not None:
        return
    notice = verdict.notice.id
    if deliveries.settle(connection, verdict.claimed, "dropped"):
        deliveries.drop_others(connection, notice)
        # Where another channel is at it, how that ends decides.
        if set(deliveries.leg_states(connection, notice, verdict.claimed.leg)) <= {"failed", "dropped"}:
            reason = notices.reason_json(verdict.dropped[0][1]) if verdict.dropped else {}
            notices.end(connection, notice, "dropped", reason, now)


class _Recorder:
    """Records how tries ended, inside one transaction."""

    def __init__(self, connection: Connection, rule_set: RuleSet, now: datetime) -> None:
        self.connection, self.rule_set, self.now = connection, rule_set, now

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
                self._failed(claimed, outcome.message)
            case _:
                self._try_again(claimed, outcome)

    def _sent(self, letter: Letter, number: int) -> None:
        claimed = letter.claimed
        mine = deliveries.settle(self.connection, claimed, "sent")
        if mine or deliveries.settle_late(self.connection, claimed.id, number):
            state = "manual" if claimed.channel == MANUAL else "sent"
            items = tuple(letter.frozen["items"])
            deliveries.mark_sent(self.connection, claimed.notice, state, letter.leg, items, self.now)

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
        tomorrow = midnight(self.rule_set.calendar.shift(local_day(self.now, zone), 1), zone)
        window = self.rule_set.channel_windows.get(claimed.channel, self.rule_set.window)
        calendar, key = self.rule_set.calendar, str(claimed.id)
        return departure(claimed.channel, tomorrow, window, calendar, zone, key=key)

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
        if notice.state != "ready" or any(state not in ("failed", "dropped") for state in states):
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
        notices.move_to_leg(self.connection, notice.id, opening.leg)
        notices.open_legs(self.connection, [(notice.id, opening.leg, opening.times)])
