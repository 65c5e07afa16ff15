"""The last look, just before sending: what is still to be said, what has fallen out and why, who takes over.

It goes by the facts of now, not by those of the decision; only bytes that are frozen are not looked at again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection

from daemon.config.compiled import RuleSet
from daemon.domain.campaign import zone_of
from daemon.domain.ladder import Audience, Part, Role, Rung, Subject
from daemon.domain.legs import leg_name
from daemon.domain.people import Recipient, names_every_unit, units_concerned
from daemon.domain.plan import Item, Reason, ReasonCode, nominal_day, still_due
from daemon.domain.why import ROLE_TITLES
from daemon.domain.workdays import local_day
from daemon.render import Renderer
from daemon.store import contexts, decisions, deliveries, events, facts, mutes, notices, people
from daemon.store.contexts import Line, Reference
from daemon.store.deliveries import Claimed
from daemon.store.notices import Gap, NewItem, Notice, Rival, StoredItem


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


class Look:
    """Everything needed to look at a batch of claimed deliveries, loaded at once; looking changes nothing."""

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
            self.contexts[claimed.id] = contexts.build(notice, lines, self._reference)
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

    @cached_property
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
            holds_post=any(recipient.person == item.person for recipient in self._reached(item)),
            signed=(decision.subject, item.person) in self.signed,
            outranked_by=self._outranked_by(item, decision),
            to_alive=self._to_alive(item, decision),
            needs_approval=self.rule_set.acts[rung.act].approval is not None,
            muted_by=self.muted.get(item.person),
        )
        return still_due(looked, about, self.now)

    def _reached(self, item: StoredItem) -> tuple[Recipient, ...]:
        """Return whom the item's line reaches today."""
        decision = self.decisions[item.decision]
        rung = self._rung(decision)
        line = rung.line(item.part, item.line) if rung else ()
        units = self.units if names_every_unit(line) else ()
        return self.directory.resolve(line, self.known.unit_of(decision.subject), units)

    def _heirs(self, item: StoredItem) -> list[NewItem]:
        """Return items for those who hold the seat now and have not been told, nor will be.

        All lines of the part are tried: who left one seat may hold another that is addressed too.
        """
        told = {
            sibling.person
            for sibling in self.siblings.get(item.decision, ())
            if sibling.tells(item.part) and sibling.id != item.id
        }
        rung = self._rung(self.decisions[item.decision])
        heirs = {
            recipient.person: NewItem(item.decision, recipient, item.part, number)
            for part, number, _ in (rung.lines if rung else ())
            if part is item.part
            for recipient in self._reached(replace(item, line=number))
            if recipient.person not in told
        }
        return list(heirs.values())

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
        """Render what a verdict leaves to be said, by the facts of this look."""
        name = contexts.template_name(verdict.notice, verdict.lines, self.rule_set.ladders)
        return dict(renderer.render(verdict.claimed.channel, name, self.contexts[verdict.claimed.id]))


def store_verdict(connection: Connection, verdict: Verdict, now: datetime) -> None:
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


_RENDERERS: dict[str, Renderer] = {}
"""The last rule set's, by its hash: its templates are compiled once in a process."""


def renderer_of(rule_set: RuleSet) -> Renderer:
    """Return what renders the templates of a rule set."""
    if (found := _RENDERERS.get(rule_set.hash)) is None:
        _RENDERERS.clear()
        found = _RENDERERS[rule_set.hash] = Renderer(rule_set.templates)
    return found
