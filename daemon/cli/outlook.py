"""What is about to be said, asked of the same pure functions as the service, and stored nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property

from sqlalchemy import Connection

from daemon.config.compiled import RuleSet
from daemon.domain.ladder import Act, Part, Role, Rung, Subject
from daemon.domain.people import Directory, Recipient
from daemon.domain.plan import Item, Outcome, nominal_day, plan, still_due
from daemon.domain.strength import Strength, strength
from daemon.domain.windows import release_slot
from daemon.domain.workdays import local_day
from daemon.store import decisions, facts, listing, mutes, people
from daemon.store.agenda import AgendaRow
from daemon.store.decisions import Decision
from daemon.store.engine import chunks
from daemon.store.facts import Known


@dataclass(frozen=True, slots=True)
class Coming:
    """A rung that has fired, or will have, for a subject: released at ``at``."""

    at: datetime
    subject: Subject
    ladder: str
    rung: str
    occurrence: str
    unit: int | None


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that one person will be told."""

    at: datetime
    person: int
    role: Role
    unit: int | None
    part: Part
    act: Act
    coming: Coming
    approval: bool


Strongest = dict[tuple[object, ...], tuple[Strength, Message]]
"""For each rivalry, what goes, and how strong it is."""


def planned(
    connection: Connection, rule_set: RuleSet, rows: Sequence[AgendaRow], now: datetime, until: datetime
) -> Iterator[Coming]:
    """Yield what the plan of these rows says from now up to ``until``, as if everything stayed as it is."""
    for chunk in chunks(rows, listing.AT_ONCE):
        known = facts.load(connection, (row.subject for row in chunk), rule_set.campaigns)
        settled = decisions.settled(connection, chunk, rule_set.ladders)
        for row in chunk:
            ladder, about = rule_set.ladders.get(row.ladder), known.facts.get(row.subject)
            if ladder is None or about is None:
                continue
            about = replace(about, standings={**about.standings, ladder.id: row.standing})
            made = plan(about, ladder, rule_set.calendar, settled[row.key], until, row.rest)
            for said in made.settlements:
                rung = ladder.rung(said.rung)
                if said.outcome is Outcome.SAID and rung:
                    at = _slot(rule_set, rung, said.instant, now)
                    unit = known.unit_of(row.subject)
                    yield Coming(at, row.subject, row.ladder, said.rung, said.occurrence, unit)


def _slot(rule_set: RuleSet, rung: Rung, instant: datetime, now: datetime) -> datetime:
    zone = instant.tzinfo or UTC
    bundle = rule_set.bundles.get(rung.bundle)
    return release_slot(bundle, instant, max(instant, now), rule_set.window, rule_set.calendar, zone)


@dataclass(frozen=True)
class Outlook:
    """What leaves up to an instant, by the rules and the posts as they are now."""

    connection: Connection
    rule_set: RuleSet
    now: datetime
    until: datetime

    def coming(self) -> list[Coming]:
        """Return what is to be planned, and what was decided and is not released yet."""
        rows = listing.due_rows(self.connection, self.until)
        every = planned(self.connection, self.rule_set, rows, self.now, self.until)
        ahead = [coming for coming in every if coming.at <= self.until]
        decided = listing.unreleased(self.connection, self.until)
        return sorted([*ahead, *self._still_due(decided)], key=lambda c: (c.at, c.subject, c.ladder))

    def _still_due(self, decided: Sequence[Decision]) -> Iterator[Coming]:
        known = facts.load(self.connection, (d.subject for d in decided), self.rule_set.campaigns)
        for decision in decided:
            if self._falls_out(decision, known):
                continue
            assert decision.release_at is not None
            yield Coming(
                decision.release_at,
                decision.subject,
                decision.ladder,
                decision.rung,
                decision.occurrence,
                known.unit_of(decision.subject),
            )

    def _falls_out(self, decision: Decision, known: Known) -> bool:
        about = known.facts.get(decision.subject)
        rung = self.rule_set.rung(decision.ladder, decision.rung)
        if about is None or rung is None:
            return True
        item = Item(
            self.rule_set.ladders.get(decision.ladder),
            decision.rung,
            decision.occurrence,
            decision.anchor_version,
            nominal_day(decision.occurrence, decision.instant, about.zone),
            decision.instant,
            needs_approval=self.rule_set.acts[rung.act].approval is not None,
        )
        return still_due(item, about, self.now) is not None

    def messages(self, what: Iterable[Coming] | None = None) -> tuple[list[Message], list[Coming]]:
        """Return what each person will be told, the weaker folded away, and what reaches nobody.

        ``what`` is all that comes, unless it is given.
        """
        strongest: Strongest = {}
        unreached: list[Coming] = []
        for coming in self.coming() if what is None else what:
            rung = self.rule_set.rung(coming.ladder, coming.rung)
            assert rung is not None
            told = list(self._told(coming, rung))
            if not any(message.part is Part.TO for message in told):
                unreached.append(coming)
            for message in told:
                self._fold(strongest, message, rung)
        messages = [message for _, message in strongest.values()]
        return sorted(messages, key=lambda m: (m.at, m.person, -m.act.rank)), unreached

    def _fold(self, strongest: Strongest, m: Message, rung: Rung) -> None:
        """Keep the strongest of each subject, ladder and person; what needs approval stands alone."""
        ladder = self.rule_set.ladders[m.coming.ladder]
        weight = strength(ladder, rung, m.coming.occurrence, m.approval)
        rivalry: tuple[object, ...] = (m.coming.subject, m.coming.ladder, m.person)
        if m.approval:
            rivalry += (rung.id, m.coming.occurrence)
        if rivalry not in strongest or strongest[rivalry][0] < weight:
            strongest[rivalry] = (weight, m)

    def _told(self, coming: Coming, rung: Rung) -> Iterator[Message]:
        approval = self.rule_set.acts[rung.act].approval is not None
        seen: set[int] = set()
        for part, recipient in self._recipients(coming, rung):
            if recipient.person not in seen:
                seen.add(recipient.person)
                r = recipient
                yield Message(coming.at, r.person, r.role, r.unit, part, rung.act, coming, approval)

    def _recipients(self, coming: Coming, rung: Rung) -> Iterable[tuple[Part, Recipient]]:
        lines = [(Part.TO, line) for line in rung.to] + [(Part.COPY, line) for line in rung.copy]
        for part, line in lines:
            for recipient in self._directory.resolve(line, coming.unit, self._units):
                if recipient.person not in self._muted:
                    yield part, recipient

    @cached_property
    def _today(self) -> date:
        zone = next(iter(self.rule_set.campaigns.values())).zone
        return local_day(self.now, zone)

    @cached_property
    def _directory(self) -> Directory:
        return people.directory(self.connection, self._today)

    @cached_property
    def _muted(self) -> Mapping[int, int]:
        return mutes.persons_muted(self.connection, self.now)

    @cached_property
    def _units(self) -> list[int]:
        return people.unit_ids(self.connection, self._today)
