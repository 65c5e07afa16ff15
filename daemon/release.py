"""Release: decisions become notices. People are resolved now, from who holds the posts today."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cached_property
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from daemon.config.compiled import RuleSet
from daemon.domain.flood import HOUR, Coming
from daemon.domain.flood import holds as flood_holds
from daemon.domain.ladder import Act, ActPolicy, Addressee, Audience, Part, Role, Rung, Subject
from daemon.domain.legs import Hours, open_leg
from daemon.domain.people import UP, Directory, Recipient, names_every_unit, units_concerned
from daemon.domain.plan import Item, Reason, ReasonCode, nominal_day, still_due
from daemon.domain.strength import Strength, strength
from daemon.domain.workdays import local_day, midnight
from daemon.errors import StaleRulesError
from daemon.store import agenda, decisions, facts, holds, morning, mutes, notices, people, rules, settings
from daemon.store.decisions import Decision
from daemon.store.engine import chunks, look_up_by_index, reading, writing
from daemon.store.facts import Known
from daemon.store.morning import Line, Waiting
from daemon.store.notices import Gap, NewItem, NewNotice, StoredItem
from daemon.store.people import Person

log = logging.getLogger(__name__)
AT_ONCE = 1000
"""So many decisions or items go into one transaction: on SQLite the workers wait for it."""
PATIENCE = timedelta(minutes=5)
"""How long the release of a moment waits for what is due at or before it to be planned."""
MORNING = "morning"
MORNINGS_BEFORE_ABOVE = 3
"""On how many mornings an approver is told of what waits before the seat above is (design.md §5)."""
OFFICE: Addressee = (Role.OFFICE_DUTY, Role.OFFICE_DIRECTOR)
FAR = datetime(9999, 1, 1, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


def release(
    engine: Engine, rule_set: RuleSet, now: datetime, alive: Callable[[], object] = lambda: None
) -> int:
    """Release every moment that has come; return how many notices were made.

    ``alive`` is called between transactions: a moment may be long.
    """
    made = 0
    while (moment := _ready_moment(engine, now)) is not None:
        made += _release_moment(engine, rule_set, moment, now, alive)
    return made + _morning_note(engine, rule_set, now)


def _ready_moment(engine: Engine, now: datetime) -> datetime | None:
    with reading(engine) as connection:
        moment = decisions.next_release(connection)
        if moment is None or moment > now:
            return now if notices.has_unbound(connection, now) else None
        unplanned = agenda.earliest(connection)
    waits = unplanned is not None and unplanned <= moment and now < moment + PATIENCE
    return None if waits else moment


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item that may go out now, with what it is judged by."""

    id: int
    decision: Decision
    rung: Rung
    recipient: Recipient
    part: Part
    strength: Strength

    @property
    def rivalry(self) -> tuple[Subject, str, int]:
        return (self.decision.subject, self.decision.ladder, self.recipient.person)


def _release_moment(
    engine: Engine, rule_set: RuleSet, moment: datetime, now: datetime, alive: Callable[[], object]
) -> int:
    """Release one moment, in short transactions under one row lock: nobody waits long, and a hundred thousand
    decisions are as good as ten.

    1. Try the gaps again that reached nobody before.
    2. Resolve the people of each decision: their items wait for a notice.
    3. Bind what waits, some persons at a time, each with all that waits for him: it is looked at, folded and
       bound into notices.

    Who dies in between leaves items that wait; the next release binds them.
    """
    with reading(engine) as connection:
        gaps = notices.open_gaps(connection)
        due = decisions.of_moment(connection, moment)
    for some in chunks(gaps, AT_ONCE):
        _retry(engine, rule_set, some, now)
        alive()
    for numbers in chunks(due, AT_ONCE):
        _address(engine, rule_set, numbers, now)
        alive()
    made = 0
    with reading(engine) as connection:
        waiting = notices.unbound_by_person(connection, now)
    person_of = {item: person for person, item in waiting}
    later = set(person_of.values())
    for items in _together(waiting, AT_ONCE):
        later -= {person_of[item] for item in items}
        made += _bind(engine, rule_set, items, moment, now, len(later))
        alive()
    return made


@contextmanager
def _releasing(engine: Engine, rule_set: RuleSet) -> Iterator[Connection]:
    """Open a transaction in which nobody else releases, and the rules are those that we know."""
    with writing(engine) as connection:
        look_up_by_index(connection)
        settings.take_turn(connection)
        if rules.active_hash(connection) != rule_set.hash:
            raise StaleRulesError
        yield connection


def _retry(engine: Engine, rule_set: RuleSet, gaps: Sequence[Gap], now: datetime) -> None:
    with _releasing(engine, rule_set) as connection:
        still = set(notices.open_gaps(connection))
        mine = [gap for gap in gaps if gap in still]
        earlier = decisions.load(connection, [decision for decision, _, _ in mine])
        heirs, closed = _Office(connection, rule_set, earlier.values(), now).retry(mine, earlier)
        notices.put_heirs(connection, heirs, now)
        notices.revive_copies(connection, {gap[0] for gap in mine if closed.get(gap) == notices.REACHED})
        notices.close_gaps(connection, closed, now)
        notices.mark_tried(connection, mine)


def _address(engine: Engine, rule_set: RuleSet, numbers: Sequence[int], now: datetime) -> None:
    with _releasing(engine, rule_set) as connection:
        due = decisions.unreleased(connection, numbers)
        made, unreached, not_due = _Office(connection, rule_set, due, now).address(due)
        notices.put_items(connection, made, now)
        notices.put_unaddressed(connection, [*unreached, *not_due], now)
        notices.close_gaps(connection, not_due, now)
        decisions.mark_released(connection, [decision.id for decision in due], now)


def _together(waiting: Sequence[tuple[int, int]], size: int) -> Iterator[list[int]]:
    """Cut (person, item) pairs into parts of at least ``size`` items; none of them splits a person."""
    part: list[int] = []
    for _, of_person in groupby(waiting, key=itemgetter(0)):
        part += [item for _, item in of_person]
        if len(part) >= size:
            yield part
            part = []
    if part:
        yield part


def _bind(
    engine: Engine, rule_set: RuleSet, items: Sequence[int], moment: datetime, now: datetime, later: int
) -> int:
    """Bind these items; ``later`` persons of the same moment come after, and count for the gate on floods."""
    with _releasing(engine, rule_set) as connection:
        waiting = [item for some in chunks(items) for item in notices.unbound(connection, some)]
        of_them = decisions.load(connection, (item.decision for item in waiting))
        office = _Office(connection, rule_set, of_them.values(), now)
        strongest, weaker = fold(office.candidates(waiting, of_them))
        notices.supersede(connection, weaker, now)
        bound = _gated(connection, rule_set, office.bind(connection, strongest, moment), now, later)
        made = notices.put_notices(connection, bound, now)
        _ask(connection, office, list(zip(made, bound, strict=True)))
        return len(made)


def _gated(
    connection: Connection, rule_set: RuleSet, bound: Sequence[NewNotice], now: datetime, later: int
) -> list[NewNotice]:
    """Hold what the gate on floods does not let through; what waits for approval is looked at anyway."""
    free = [notice for notice in bound if not notice.approval]
    lately = holds.made_since(connection, now - HOUR) + later if free else 0
    found = iter(flood_holds(rule_set.flood, lately, [Coming(n.bundle, n.to_group) for n in free]))
    return [notice if notice.approval else replace(notice, hold=next(found)) for notice in bound]


def _ask(connection: Connection, office: _Office, made: Sequence[tuple[int, NewNotice]]) -> None:
    """Ask the office at once about what is held, at most once an hour; the morning note asks again."""
    held = [(number, notice) for number, notice in made if notice.hold]
    if not held or holds.asked_since(connection, office.now - HOUR):
        return
    campaign = held[0][1].campaign
    persons = people.load(connection, (notice.person for _, notice in held[: morning.EXAMPLES]))
    examples = [f"{number}号{persons[n.person].name}" for number, n in held[: morning.EXAMPLES]]
    line = morning.Line(morning.LineKind.HELD, len(held), office.now, tuple(examples))
    reached = {r.person: (Audience.OFFICE, [line]) for r in office.directory(campaign).resolve(OFFICE, None)}
    notices.put_notices(connection, office.tell(holds.ASK, campaign, office.now, reached), office.now)


def fold(candidates: Sequence[Candidate]) -> tuple[list[Candidate], list[tuple[int, int]]]:
    """Keep the strongest of each subject, ladder and person; return it, and (weaker, stronger) pairs.

    What needs approval neither supersedes nor is superseded.
    """
    kept = [c for c in candidates if c.strength.needs_approval]
    pairs: list[tuple[int, int]] = []
    contests: dict[tuple[Subject, str, int], list[Candidate]] = {}
    for candidate in candidates:
        if not candidate.strength.needs_approval:
            contests.setdefault(candidate.rivalry, []).append(candidate)
    for rivals in contests.values():
        *weaker, strongest = sorted(rivals, key=attrgetter("strength"))
        kept.append(strongest)
        pairs += [(w.id, strongest.id) for w in weaker]
    return sorted(kept, key=attrgetter("id")), pairs


class _Office:
    """Everything that a release looks things up in, as of its moment."""

    def __init__(
        self, connection: Connection, rule_set: RuleSet, about: Collection[Decision], now: datetime
    ) -> None:
        self.connection, self.rule_set, self.now = connection, rule_set, now
        subjects = dict.fromkeys(decision.subject for decision in about)
        ladders = {rule_set.ladder_now(decision.ladder) for decision in about}
        self.known = facts.load(connection, subjects, rule_set.campaigns, ladders)
        self.signed = notices.signed(connection, self.known.facts) if rule_set.asks_signatures else set()
        self._directories: dict[date, Directory] = {}
        self.muted = mutes.persons_muted(connection, now)
        self._about = about

    @cached_property
    def units(self) -> list[int]:
        """The units that stand today."""
        zones = [campaign.zone for campaign in self.known.campaigns.values()]
        return people.unit_ids(self.connection, local_day(self.now, zones[0])) if zones else []

    def directory(self, campaign: int) -> Directory:
        on = local_day(self.now, self.known.campaigns[campaign].zone)
        if on not in self._directories:
            self._directories[on] = people.directory(self.connection, on, self._concerned)
        return self._directories[on]

    @cached_property
    def _concerned(self) -> set[int] | None:
        """The units whose seats matter here; ``None`` where any may."""
        return units_concerned(map(self.known.unit_of, self.known.facts), map(self.rung, self._about))

    def address(self, due: Sequence[Decision]) -> tuple[list[NewItem], list[Gap], dict[Gap, str]]:
        """Resolve the people of decisions; return items, and the lines of ``to`` that reached nobody.

        Those of them that are not to be said now, with the reason, are apart: an undo may take it back.
        """
        made: list[NewItem] = []
        gaps: list[Gap] = []
        not_due: dict[Gap, str] = {}
        for decision in due:
            rung = self.rung(decision)
            seen: set[int] = set()
            for part, number, line in rung.lines if rung else ():
                reached = self.resolve(decision, line)
                if not reached and part is Part.TO:
                    gap = (decision.id, part, number)
                    if reason := self._not_due(decision):
                        not_due[gap] = reason
                    else:
                        gaps.append(gap)
                for recipient in reached:
                    if recipient.person not in seen:
                        seen.add(recipient.person)
                        made.append(NewItem(decision.id, recipient, part, number))
        return made, gaps, not_due

    def retry(
        self, gaps: Sequence[Gap], by_id: Mapping[int, Decision]
    ) -> tuple[list[NewItem], dict[Gap, str]]:
        """Try the lines that reached nobody once more; return who is told now, and why each gap is closed.

        Whose item fell out because he had left is told, if he is back.
        """
        have = notices.siblings(self.connection, [decision for decision, _, _ in gaps])
        told = {(i.decision, i.person) for items in have.values() for i in items if i.tells(Part.TO)}
        heirs: list[NewItem] = []
        closed: dict[Gap, str] = {}
        for gap in gaps:
            decision, (_, part, number) = by_id[gap[0]], gap
            if reason := self._not_due(decision):
                closed[gap] = reason
            elif reached := self.reached(decision, part, number):
                closed[gap] = notices.REACHED
                fresh = [r for r in reached if (decision.id, r.person) not in told]
                told |= {(decision.id, r.person) for r in fresh}
                heirs += [NewItem(decision.id, r, part, number) for r in fresh]
        return heirs, closed

    def _not_due(self, decision: Decision) -> str | None:
        """Return why a decision is no longer to be said to whoever holds the post; ``None`` if it is."""
        reason = self._judge(decision, Part.TO, holds_post=True, signed=False)
        return reason.code.value if reason else None

    def rung(self, decision: Decision) -> Rung | None:
        return self.rule_set.rung(decision.ladder, decision.rung)

    def resolve(self, decision: Decision, line: Addressee) -> tuple[Recipient, ...]:
        if decision.subject not in self.known.facts:
            return ()
        unit, units = self.known.unit_of(decision.subject), self.units if names_every_unit(line) else ()
        return self.directory(decision.campaign).resolve(line, unit, units)

    def _judge(
        self,
        decision: Decision,
        part: Part,
        *,
        holds_post: bool,
        signed: bool,
        muted_by: int | None = None,
    ) -> Reason | None:
        about = self.known.facts.get(decision.subject)
        rung = self.rung(decision)
        if about is None or rung is None:
            return Reason(ReasonCode.RULE_GONE)
        item = Item(
            self.rule_set.ladders.get(decision.ladder),
            decision.rung,
            decision.occurrence,
            decision.anchor_version,
            nominal_day(decision.occurrence, decision.instant, about.zone),
            decision.instant,
            part,
            holds_post,
            signed,
            needs_approval=self.policy(rung).approval is not None,
            muted_by=muted_by,
        )
        return still_due(item, about, self.now)

    def policy(self, rung: Rung) -> ActPolicy:
        return self.rule_set.acts[rung.act]

    def _candidate(self, number: int, decision: Decision, recipient: Recipient, part: Part) -> Candidate:
        rung = self.rung(decision)
        assert rung is not None
        ladder = self.rule_set.ladders[decision.ladder]
        weight = strength(ladder, rung, decision.occurrence, self.policy(rung).approval is not None)
        return Candidate(number, decision, rung, recipient, part, weight)

    def candidates(self, waiting: Sequence[StoredItem], by_id: Mapping[int, Decision]) -> list[Candidate]:
        """Look at unbound items before they go: what is no longer due is dropped with its reason."""
        found: list[Candidate] = []
        for item in waiting:
            decision = by_id[item.decision]
            holds = self.holds(item, decision)
            signed = (decision.subject, item.person) in self.signed
            muted = self.muted.get(item.person)
            reason = self._judge(decision, item.part, holds_post=holds, signed=signed, muted_by=muted)
            if reason is None:
                found.append(self._candidate(item.id, decision, item.recipient, item.part))
                continue
            notices.drop_items(self.connection, [(item.id, reason)], self.now)
            if reason.code is ReasonCode.NOT_HOLDER:
                self._pass_on(item, decision)
        return found

    def _pass_on(self, item: StoredItem, decision: Decision) -> None:
        """Open an item for each who holds the seat now; where nobody does, the line reaches nobody.

        All lines of the part are tried: who left one seat may hold another that is addressed too.
        """
        rung = self.rung(decision)
        heirs = {
            recipient.person: NewItem(decision.id, recipient, part, number)
            for part, number, line in (rung.lines if rung else ())
            if part is item.part
            for recipient in self.resolve(decision, line)
        }
        notices.put_heirs(self.connection, list(heirs.values()), self.now)
        if item.part is Part.TO and not self.reached(decision, item.part, item.line):
            notices.put_unaddressed(self.connection, [(decision.id, item.part, item.line)], self.now)

    def reached(self, decision: Decision, part: Part, number: int) -> tuple[Recipient, ...]:
        """Return whom a line reaches today: nobody where the rules no longer have it."""
        rung = self.rung(decision)
        return self.resolve(decision, rung.line(part, number)) if rung else ()

    def holds(self, item: StoredItem, decision: Decision) -> bool:
        reached = self.reached(decision, item.part, item.line)
        return any(recipient.person == item.person for recipient in reached)

    def bind(self, connection: Connection, ready: Sequence[Candidate], moment: datetime) -> list[NewNotice]:
        """Bind items into notices: those of one person, bundle, legs and register are one.

        A rung with approval is never bundled: one decision, one document.
        """
        persons = people.load(connection, {c.recipient.person for c in ready})
        bound: dict[tuple[Any, ...], list[Candidate]] = {}
        for candidate in ready:
            bound.setdefault(self._binding(candidate), []).append(candidate)
        for group in bound.values():
            group.sort(key=lambda c: (c.strength.reversed, c.id))
        return [self._notice(group, persons, moment) for _, group in sorted(bound.items(), key=itemgetter(0))]

    def _binding(self, c: Candidate) -> tuple[Any, ...]:
        policy = self.policy(c.rung)
        document = c.decision.id if policy.approval else 0
        audience = c.recipient.role.audience
        return (c.recipient.person, c.decision.campaign, c.rung.bundle, policy.legs, audience, document)

    def _notice(
        self, group: Sequence[Candidate], persons: Mapping[int, Person], moment: datetime
    ) -> NewNotice:
        strongest = group[0]
        policy = self.policy(strongest.rung)
        notice = NewNotice(
            strongest.recipient.person,
            strongest.decision.campaign,
            strongest.rung.bundle,
            moment,
            policy.legs,
            strongest.rung.act,
            strongest.recipient.role.audience,
            tuple(c.id for c in group),
            " or ".join(policy.approval) if policy.approval else None,
            to_group=any(c.recipient.role.of_group for c in group),
        )
        held = not strongest.rung.bundle and min(c.decision.decided_at for c in group) < moment
        return notice if policy.approval else self.with_leg(notice, persons[notice.person], held=held)

    def with_leg(self, notice: NewNotice, person: Person, *, held: bool = False) -> NewNotice:
        """Open the first leg that reaches the person; each channel leaves when its window is open."""
        zone = self.known.campaigns[notice.campaign].zone
        hours = Hours(self.rule_set.channel_windows, self.rule_set.calendar, zone)
        opening = open_leg(
            notice.legs,
            lambda channel: person.address(channel) is not None,
            notice.moment,
            hours,
            key=f"{person.id}",
            held=held,
        )
        return replace(notice, leg=opening.leg, channels=opening.times)

    def tell(
        self, kind: str, campaign: int, moment: datetime, told: Mapping[int, tuple[Audience, Sequence[Line]]]
    ) -> list[NewNotice]:
        """Return a notice to each of these persons that tells him his own lines."""
        persons, legs = people.load(self.connection, told), self.rule_set.acts[Act.NOTICE].legs
        return [
            self.with_leg(
                NewNotice(
                    person,
                    campaign,
                    MORNING,
                    moment,
                    legs,
                    None,
                    audience,
                    kind=kind,
                    lines=tuple(line.json for line in lines),
                ),
                persons[person],
            )
            for person, (audience, lines) in sorted(told.items())
        ]


def _morning_note(engine: Engine, rule_set: RuleSet, now: datetime) -> int:
    """Write the office's one note of the morning, where there is anything new to tell.

    It tells of trouble, so it must not become one: if it cannot be stored, the rest goes on.
    """
    with reading(engine) as connection:
        note = upcoming_note(connection, rule_set, now)
    if note is None or note.at > now:
        return 0
    try:
        with writing(engine) as connection:
            settings.take_turn(connection)
            note = upcoming_note(connection, rule_set, now)
            return _write_note(connection, rule_set, note, now) if note and note.at <= now else 0
    except IntegrityError:
        log.exception("cannot write the morning note")
        return 0


@dataclass(frozen=True, slots=True)
class UpcomingNote:
    """When the office is told next, and since when. ``campaign`` gives the zone and the heading."""

    campaign: int
    at: datetime
    since: datetime | None


def upcoming_note(connection: Connection, rule_set: RuleSet, now: datetime) -> UpcomingNote | None:
    """Return when the office is told next: the first morning slot after something came up.

    What comes up at a slot itself is told at the next: at 09:10 much is still under way. Where nobody of the
    office could be told then, it waits for the first morning slot of who takes a post.
    """
    bundle = rule_set.bundles.get(MORNING)
    if bundle is None or not people.ever_held(connection, OFFICE):
        return None
    since = morning.last_note(connection)
    first = morning.first_at(connection, since, FAR)
    campaigns = facts.load_campaigns(connection, rule_set.campaigns) if first else {}
    if first is None or not campaigns:
        return None
    campaign, about = next(iter(campaigns.items()))
    first = max(first, since or morning.EARLY)
    slot = bundle.slot_from(first + INSTANT, rule_set.calendar, about.zone)
    day = local_day(max(slot, now), about.zone)
    if people.directory(connection, day, ()).resolve(OFFICE, None):
        taken = people.held_since(connection, OFFICE, day)
    elif (taken := people.next_taken(connection, OFFICE, day)) is None:
        return None
    if taken:
        slot = max(slot, bundle.slot_from(midnight(taken, about.zone), rule_set.calendar, about.zone))
    return UpcomingNote(campaign, slot, since)


def _write_note(connection: Connection, rule_set: RuleSet, note: UpcomingNote, now: datetime) -> int:
    """Write one note to each who is to know; mornings missed meanwhile are told in one."""
    office = _Office(connection, rule_set, (), now)
    slot = _latest_slot(rule_set, note, office.known, now)
    directory, zone = office.directory(note.campaign), office.known.campaigns[note.campaign].zone
    everything = morning.lines(connection, note.since, slot)
    everything += morning.readiness_lines(connection, rule_set.demands, local_day(slot, zone))
    told = {r.person: (Audience.OFFICE, everything) for r in directory.resolve(OFFICE, None)}
    waiting = [
        (each, _mornings(rule_set, each.since, slot, zone)) for each in morning.waiting(connection, slot)
    ]
    for person, (audience, documents) in _approvers(waiting, directory).items():
        told.setdefault(person, (audience, [morning.waiting_line(documents)]))
    return len(notices.put_notices(connection, office.tell("note", note.campaign, slot, told), now))


def _approvers(
    waiting: Sequence[tuple[Waiting, int]], directory: Directory
) -> dict[int, tuple[Audience, list[Waiting]]]:
    """Return who is told of which waiting documents: its approvers; after three mornings the seat above.

    The numbers are the mornings on which a document was told already.
    """
    told: dict[int, tuple[Audience, list[Waiting]]] = {}
    for document, mornings in waiting:
        seats = tuple(Role(word) for word in document.approval.split(" or "))
        above = tuple(UP[seat] for seat in seats if seat in UP) if mornings >= MORNINGS_BEFORE_ABOVE else ()
        for recipient in (*directory.resolve(seats, None), *directory.resolve(above, None)):
            _, documents = told.setdefault(recipient.person, (recipient.role.audience, []))
            documents.append(document)
    return told


def _mornings(rule_set: RuleSet, since: datetime, until: datetime, zone: tzinfo) -> int:
    """Count the mornings after ``since`` and before ``until``, no further than it matters."""
    bundle, count, slot = rule_set.bundles[MORNING], 0, since
    while count < MORNINGS_BEFORE_ABOVE:
        slot = bundle.slot_from(slot + INSTANT, rule_set.calendar, zone)
        if slot >= until:
            break
        count += 1
    return count


def _latest_slot(rule_set: RuleSet, note: UpcomingNote, known: Known, now: datetime) -> datetime:
    bundle, zone = rule_set.bundles[MORNING], known.campaigns[note.campaign].zone
    slot = note.at
    while (following := bundle.slot_from(slot + INSTANT, rule_set.calendar, zone)) <= now:
        slot = following
    return slot
