"""What can be judged without knowing what was owed: what was handed over, repeated, counted, left behind."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from sqlalchemy import Connection, func, select

from daemon.store.tables import agenda, batches, cases, deliveries, tally
from tests.chaos.journal import Arrival, Attempt, Decided, Ended, Item, Journal, Notice

_KEY = re.compile(r"n(\d+)d(\d+)a\d+")
"""The idempotency key at the wire: notice, delivery, the try that first had these bytes."""


def of_notices(arrivals: Iterable[Arrival]) -> list[Arrival]:
    """Return arrivals with the notice that their key names."""
    return [
        replace(arrival, notice=int(found[1])) if (found := _KEY.fullmatch(arrival.key)) else arrival
        for arrival in arrivals
    ]


def violations(journal: Journal) -> list[str]:
    """Return what is wrong in a journal, whatever was owed."""
    return [
        *_strangers(journal),
        *_not_arrived(journal),
        *_repeated(journal),
        *_told_twice(journal),
        *_decided_twice(journal),
        *_left_behind(journal),
    ]


def repeats(journal: Journal) -> tuple[int, int]:
    """Count the messages that had already come to a person over the same channel, and how many say so."""
    again = [arrival for same in _by_delivery(journal).values() for arrival in same[1:]]
    return len(again), sum(arrival.repeat for arrival in again)


def _by_delivery(journal: Journal) -> dict[tuple[int, str], list[Arrival]]:
    found: dict[tuple[int, str], list[Arrival]] = defaultdict(list)
    for arrival in of_notices(journal.of(Arrival)):
        if arrival.taken and arrival.notice is not None:
            found[arrival.notice, arrival.channel].append(arrival)
    return found


def _strangers(journal: Journal) -> Iterator[str]:
    known = {notice.id for notice in journal.of(Notice)}
    for arrival in of_notices(journal.of(Arrival)):
        if arrival.notice not in known:
            yield f"arrived, but nobody decided it: {arrival.channel} {arrival.key!r}"


def _not_arrived(journal: Journal) -> Iterator[str]:
    arrived = set(_by_delivery(journal))
    for attempt in journal.of(Attempt):
        sent = attempt.outcome == "sent" and attempt.channel != "manual"
        if sent and (attempt.notice, attempt.channel) not in arrived:
            yield f"recorded as sent, but not at the wire: notice {attempt.notice}, {attempt.channel}"


def _repeated(journal: Journal) -> Iterator[str]:
    """What comes again to the same person says so; whether a fault explains it, the oracle asks."""
    for (notice, channel), same in _by_delivery(journal).items():
        if any(not arrival.repeat for arrival in same[1:]):
            yield f"repeated without saying so: notice {notice}, {channel}"


def _told_twice(journal: Journal) -> Iterator[str]:
    """An item is told by one notice only, and over one channel once, but for repeats.

    What fell out of a notice whose fate nobody knows may come back in another, and says so there.
    """
    by_item: dict[tuple[int, str], set[int]] = defaultdict(set)
    for (notice, channel), same in _by_delivery(journal).items():
        for item in () if same[0].repeat else same[0].items:
            by_item[item, channel].add(notice)
    for (item, channel), notices in by_item.items():
        if len(notices) > 1:
            yield f"item {item} told by notices {sorted(notices)} over {channel}"


def _decided_twice(journal: Journal) -> Iterator[str]:
    keys = Counter(
        (d.kind, d.subject, d.ladder, d.rung, d.anchor_version, d.occurrence) for d in journal.of(Decided)
    )
    yield from (f"decided {n} times: {key}" for key, n in keys.items() if n > 1)


def _left_behind(journal: Journal) -> Iterator[str]:
    (ended,) = journal.of(Ended)
    for attempt in journal.of(Attempt):
        if not attempt.outcome or attempt.delivery_state == "sending":
            yield f"still under way: attempt {attempt.id} of notice {attempt.notice}, {attempt.channel}"
    for item in journal.of(Item):
        waits = item.held_until is not None and item.held_until > ended.at
        if item.state == "open" and item.notice is None and not waits:
            yield f"bound to no notice: item {item.id}"
    bound = {item.notice for item in journal.of(Item) if item.state in ("open", "said")}
    for notice in journal.of(Notice):
        if notice.kind == "rungs" and notice.state in ("sent", "manual", "ready") and notice.id not in bound:
            yield f"a notice with nothing to say: {notice.id} ({notice.state})"
    for decided in journal.of(Decided):
        late = decided.outcome == "said" and decided.released_at is None and decided.instant < ended.at
        if late and (ended.at - decided.decided_at).days > 8:
            yield f"decided, and never released: {decided}"


def of_database(connection: Connection) -> list[str]:
    """Return what is wrong in the tables that the journal does not have."""
    return [*_tally(connection), *_stuck(connection)]


def _tally(connection: Connection) -> Iterator[str]:
    """The counts per unit are those of the cases as they stand."""
    t, c = tally.c, cases.c
    kept = {
        unit: (int(registered), int(dismissed), int(closed))
        for unit, registered, dismissed, closed in connection.execute(
            select(t.unit_id, func.sum(t.registered), func.sum(t.dismissed), func.sum(t.closed)).group_by(
                t.unit_id
            )
        )
    }
    counted: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for unit, state in connection.execute(select(c.unit_id, c.state)):
        for place, holds in enumerate((state != "reported", state == "dismissed", state == "closed")):
            counted[unit][place] += holds
    for unit in {*kept, *counted}:
        if kept.get(unit, (0, 0, 0)) != tuple(counted[unit]):
            yield f"tally of unit {unit}: {kept.get(unit)} on file, {counted[unit]} counted"


def _stuck(connection: Connection) -> Iterator[str]:
    a, d = agenda.c, deliveries.c
    for row in connection.execute(select(agenda).where(a.set_aside.is_not(None))):
        yield f"set aside: {row.subject_kind} {row.subject_id} {row.ladder}: {row.set_aside}"
    for row in connection.execute(select(d.id).where(d.state == "sending")):
        yield f"still claimed: delivery {row.id}"
    left = connection.execute(select(func.count()).select_from(batches)).scalar()
    if left:
        yield f"{left} notes of batches left behind"
