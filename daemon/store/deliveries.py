"""Deliveries and attempts: claimed before they are made, and noted before the bytes leave.

A claim is a conditional update with a lease; ``claim`` numbers it, so that who lost the lease can change
nothing any more. Leases and hints are in wall time, ``next_attempt_at`` in office time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Integer, and_, bindparam, func, insert, null, or_, select, update

from daemon.store.numbers import among
from daemon.store.tables import Instant, attempts, deliveries, items, notices

_d, _a, _n = deliveries.c, attempts.c, notices.c
OVER = frozenset({"failed", "dropped", "passed_over"})
"""The states of a delivery that reaches nobody; ``passed_over``: its channel had no room left."""


Claim = tuple[int, int]
"""A delivery, and the number under which it was claimed: both change hands together."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is mine until the lease ends. ``frozen``: the bytes of a try of unknown outcome.

    ``given_back``: how often in a row its worker died with it in hand, before a try was noted.
    """

    id: int
    notice: int
    leg: int
    channel: str
    claim: int
    attempts: int
    unknowns: int
    frozen: Mapping[str, Any] | None
    given_back: int = 0

    @property
    def key(self) -> Claim:
        return self.id, self.claim


_CLAIMED = (
    _d.id,
    _d.notice_id,
    _d.leg,
    _d.channel,
    _d.claim,
    _d.attempts,
    _d.unknowns,
    _d.frozen,
    _d.given_back,
)


def claim(
    connection: Connection,
    channel: str,
    ids: Sequence[int],
    now: datetime,
    lease_until: datetime,
    *,
    suspect: bool | None = None,
) -> list[Claimed]:
    """Claim those of ``ids`` that are ready and due; the others belong to somebody else, or are done.

    ``suspect`` asks for those only that were given back, or never were.
    """
    values = {"ids": ids, "over": channel, "now": now, "until": lease_until}
    rows = connection.execute(CLAIM[suspect], values)
    return sorted((Claimed(*row) for row in rows), key=lambda c: c.id)


_STILL_READY = func.coalesce(_d.state, "") == "ready"
"""Whether deliveries given by their numbers are ready. So written no index but that of the numbers will do.

Where PostgreSQL last counted when nothing was ready, it walked through all that is ready for each claim.
"""
_READY = (
    update(deliveries)
    .where(
        among(_d.id, "ids"),
        _d.channel == bindparam("over"),
        _STILL_READY,
        _d.next_attempt_at <= bindparam("now", type_=Instant()),
    )
    .values(state="sending", claim=_d.claim + 1, lease_until=bindparam("until"))
    .returning(*_CLAIMED)
)
CLAIM = {None: _READY, True: _READY.where(_d.given_back > 0), False: _READY.where(_d.given_back == 0)}
"""By whether suspects alone are claimed, or none of them."""


def suspects(connection: Connection, ids: Sequence[int]) -> list[int]:
    """Return those of ``ids`` that are ready and were given back, the least often first.

    Each is to be claimed alone.
    """
    return list(connection.execute(_SUSPECTS, {"ids": ids}).scalars())


_SUSPECTS = (
    select(_d.id).where(among(_d.id, "ids"), _STILL_READY, _d.given_back > 0).order_by(_d.given_back, _d.id)
)


POSTPONE = (
    update(deliveries)
    .where(
        _d.id == bindparam("number"),
        _STILL_READY,
        _d.next_attempt_at <= bindparam("now", type_=Instant()),
    )
    .values(next_attempt_at=bindparam("until"), hinted_at=None)
)


def postpone(connection: Connection, until: Mapping[int, datetime], now: datetime) -> None:
    """Let deliveries that are due wait longer."""
    if until:
        connection.execute(POSTPONE, [{"number": n, "until": at, "now": now} for n, at in until.items()])


_IS_MINE = and_(_d.id == bindparam("mine"), _d.state == "sending", _d.claim == bindparam("claimed"))
_OPEN = (
    update(deliveries)
    .where(_IS_MINE, _d.lease_until > bindparam("wall", type_=Instant()))
    .values(
        attempts=bindparam("number"),
        frozen=bindparam("bytes"),
        lease_until=bindparam("until"),
        person_id=bindparam("borne_by"),
        counted_on=bindparam("on"),
        given_back=0,
    )
)
_SETTLE = update(deliveries).where(_IS_MINE).values(state=bindparam("ended"), lease_until=None, frozen=None)
_CLOSE = (
    update(attempts)
    .where(
        _a.delivery_id == bindparam("delivery"),
        _a.number == bindparam("try"),
        or_(_a.outcome.is_(None), _a.outcome == "unknown"),
    )
    .values(
        outcome=bindparam("word"),
        closed_at=bindparam("at"),
        provider_id=bindparam("provider"),
        code=bindparam("of_provider"),
        message=bindparam("words"),
    )
)


def _mine(claimed: Claimed) -> dict[str, Any]:
    return {"mine": claimed.id, "claimed": claimed.claim}


@dataclass(frozen=True, slots=True)
class Opening:
    """A try that is about to be noted, at an office time.

    From then on it counts for ``person``, on the office day ``on`` (store/burden.py).
    """

    claimed: Claimed
    frozen: Mapping[str, Any]
    at: datetime
    lease_until: datetime
    repeat: bool
    person: int
    on: date

    @property
    def number(self) -> int:
        return self.claimed.attempts + 1

    def values(self, wall: datetime) -> dict[str, Any]:
        values = _mine(self.claimed) | {"number": self.number, "bytes": dict(self.frozen), "wall": wall}
        return values | {"until": self.lease_until, "borne_by": self.person, "on": self.on}

    @property
    def note(self) -> dict[str, Any]:
        values = {"delivery_id": self.claimed.id, "number": self.number, "opened_at": self.at}
        return values | {"repeat": self.repeat, "said": _words(self.frozen["content"])}


def still_mine(connection: Connection, claimed: Sequence[Claimed]) -> dict[Claim, datetime]:
    """Return when the lease ends of those deliveries that are still in the hands of who claimed them.

    Their rows are held until this transaction ends, and taken in one order.
    """
    found = connection.execute(_STILL_SENDING, {"ids": [each.id for each in claimed]})
    leases = {(number, claim): until for number, claim, until in found}
    return {each.key: leases[each.key] for each in claimed if each.key in leases}


_STILL_SENDING = (
    select(_d.id, _d.claim, _d.lease_until)
    .where(among(_d.id, "ids"), _d.state == "sending")
    .order_by(_d.id)
    .with_for_update()
)


def open_attempts(connection: Connection, openings: Sequence[Opening], wall: datetime) -> None:
    """Note tries before their bytes leave, and freeze these; the deliveries were just found to be mine."""
    if openings:
        noted = connection.execute(_OPEN, [opening.values(wall) for opening in openings]).rowcount
        assert noted == len(openings), "a delivery changed hands while its row was held"
        connection.execute(_NOTE, [opening.note for opening in openings])


_NOTE = insert(attempts)


def _words(content: Mapping[str, Any]) -> str:
    """Return what a person reads of a content, whatever its channel."""
    parts = (content.get("title"), content.get("description"))
    return str(content.get("text") or "\n".join(part for part in parts if part))


def close_attempt(
    connection: Connection,
    delivery: int,
    number: int,
    outcome: str,
    now: datetime,
    *,
    provider_id: str | None = None,
    code: str | None = None,
    message: str | None = None,
) -> None:
    """Note how a try ended, however late; the first word stands unless it was that nobody knows."""
    connection.execute(_CLOSE, _closed(delivery, number, outcome, now, provider_id, code, message))


def _closed(
    delivery: int,
    number: int,
    outcome: str,
    now: datetime,
    provider_id: str | None = None,
    code: str | None = None,
    message: str | None = None,
) -> dict[str, Any]:
    values = {"delivery": delivery, "try": number, "word": outcome, "at": now}
    return values | {
        "provider": _storable(provider_id),
        "of_provider": _storable(code),
        "words": _storable(message),
    }


def _storable(words: str | None) -> str | None:
    """Return a provider's words without what no database takes: NUL, and halves of characters."""
    return words and words.replace("\0", "").encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True)
class Sent:
    """A try that arrived: when, over which leg, and the items that were in its bytes.

    ``state`` is what its notice becomes.
    """

    claimed: Claimed
    number: int
    provider_id: str | None
    state: str
    leg: str
    items: Sequence[int]
    at: datetime


def record_sent(connection: Connection, sent: Sequence[Sent]) -> None:
    """Record tries that arrived, of deliveries that this very transaction has found to be mine."""
    if not sent:
        return
    closed = [_closed(s.claimed.id, s.number, "sent", s.at, s.provider_id, "", "") for s in sent]
    connection.execute(_CLOSE, closed)
    connection.execute(_ALL_SETTLED, {"ids": [s.claimed.id for s in sent]})
    # Of joined legs the second finds its notice sent, and its items said.
    going = set(connection.execute(_GOING, {"ids": [s.claimed.notice for s in sent]}).scalars())
    by_way: dict[tuple[str, str], list[Sent]] = {}
    for each in sent:
        if each.claimed.notice in going:
            by_way.setdefault((each.state, each.leg), []).append(each)
    for (state, leg), some in by_way.items():
        _tell(connection, state, leg, some)


def _tell(connection: Connection, state: str, leg: str, sent: Sequence[Sent]) -> None:
    """Let notices have been sent over a leg, as ``mark_sent`` does for one."""
    ids, at = [s.claimed.notice for s in sent], max(s.at for s in sent)
    connection.execute(_ALL_SENT, {"ids": ids, "to": state, "at": at, "by": leg})
    if state == "sent":
        _mark_said(connection, ids, at, [item for s in sent for item in s.items])


def settle(connection: Connection, claimed: Claimed, state: str) -> bool:
    """End a delivery that is mine; the bytes are no longer kept."""
    return bool(connection.execute(_SETTLE, _mine(claimed) | {"ended": state}).rowcount)


def set_aside(connection: Connection, claimed: Claimed, now: datetime) -> bool:
    """End a delivery that is mine and that no worker survives; the office is told."""
    query = (
        update(deliveries)
        .where(_IS_MINE)
        .values(state="failed", lease_until=None, frozen=None, set_aside_at=now)
    )
    return bool(connection.execute(query, _mine(claimed)).rowcount)


def settle_late(connection: Connection, delivery: int, number: int) -> bool:
    """Mark as sent a delivery whose lease was lost meanwhile, unless it is being sent again or done."""
    return bool(
        connection.execute(
            update(deliveries)
            .where(_d.id == delivery, _d.state == "ready", _d.attempts == number)
            .values(state="sent", lease_until=None, frozen=None)
        ).rowcount
    )


def was_sent(connection: Connection, delivery: int) -> bool:
    """Whether any try of a delivery arrived."""
    query = select(_a.id).where(_a.delivery_id == delivery, _a.outcome == "sent").limit(1)
    return connection.execute(query).first() is not None


def doubtful(connection: Connection, notice_ids: Collection[int]) -> set[tuple[int, str]]:
    """Return the (notice, channel) pairs of which a try, on whatever leg, has an outcome nobody knows."""
    if not notice_ids:
        return set()
    query = (
        select(_d.notice_id, _d.channel)
        .join_from(deliveries, attempts, _a.delivery_id == _d.id)
        .where(_d.notice_id.in_(notice_ids), _a.outcome == "unknown")
    )
    return {(notice, channel) for notice, channel in connection.execute(query)}


def undoubt(connection: Connection, delivery: int, number: int) -> None:
    """Take back the doubt about the last try of a delivery whose lease was lost: it surely did not arrive.

    If that was the only doubt, the text is thawed. Who tries it again meanwhile sends what was frozen.
    """
    mine = (_d.id == delivery, _d.state == "ready", _d.attempts == number)
    thawed = update(deliveries).where(*mine, _d.unknowns == 1).values(unknowns=0, frozen=None)
    if not connection.execute(thawed).rowcount:
        fewer = update(deliveries).where(*mine, _d.unknowns > 1)
        connection.execute(fewer.values(unknowns=_d.unknowns - 1))


def put_back(
    connection: Connection, claimed: Claimed, at: datetime, *, thaw: bool, unknown: bool = False
) -> bool:
    """Make a delivery ready again at ``at``; a definite failure thaws its text."""
    values: dict[str, Any] = {"state": "ready", "lease_until": None, "next_attempt_at": at, "hinted_at": None}
    if thaw:
        values["frozen"] = None
    if unknown:
        values["unknowns"] = _d.unknowns + 1
    query = update(deliveries).where(_IS_MINE).values(**values)
    return bool(connection.execute(query, _mine(claimed)).rowcount)


def give_back(connection: Connection, lost: Claimed, at: datetime, wall: datetime, *, unknown: bool) -> bool:
    """Make a delivery ready whose lease has run out, if it is as it was when it was found.

    On PostgreSQL its worker may have noted a try since then: that one has its lease anew, and is his.
    One whose worker died before a try was noted is claimed alone from now on.
    """
    values: dict[str, Any] = {"state": "ready", "lease_until": None, "next_attempt_at": at, "hinted_at": None}
    values["unknowns"] = _d.unknowns + int(unknown)
    values["given_back"] = _d.given_back + int(not unknown)
    still = update(deliveries).where(_IS_MINE, _d.attempts == lost.attempts, _d.lease_until < wall)
    return bool(connection.execute(still.values(**values), _mine(lost)).rowcount)


_HAND_BACK = update(deliveries).where(_IS_MINE, _d.attempts == bindparam("tries"))


def hand_back(connection: Connection, claimed: Sequence[Claimed]) -> None:
    """Make deliveries ready again of which no try was noted since they were claimed.

    They wait for the term of their hint, so that a database that is full is not asked without a pause.
    """
    rows = [{**_mine(one), "tries": one.attempts} for one in claimed]
    connection.execute(_HAND_BACK.values(state="ready", lease_until=None), rows)


def drop_others(connection: Connection, notice: int) -> None:
    """Drop what is not yet being sent of a notice that has nothing left to say."""
    connection.execute(
        update(deliveries)
        .where(_d.notice_id == notice, _d.state == "ready", _d.frozen.is_(None))
        .values(state="dropped", frozen=None)
    )


def leg_states(connection: Connection, notice: int, leg: int) -> list[str]:
    """Return the states of a leg's deliveries, with the notice's row held until the transaction ends."""
    connection.execute(update(notices).where(_n.id == notice).values(leg=_n.leg))
    query = select(_d.state).where(_d.notice_id == notice, _d.leg == leg)
    return list(connection.execute(query).scalars())


_IS_GOING = (among(_n.id, "ids"), _n.state.in_(("ready", "failed")))
_GOING = select(_n.id).where(*_IS_GOING).order_by(_n.id).with_for_update(key_share=True)
"""Takes the notices in one order, whatever their ways: another channel of theirs may be recorded just now."""
_ALL_SENT = (
    update(notices)
    .where(*_IS_GOING)
    .values(state=bindparam("to"), sent_at=bindparam("at"), sent_leg=bindparam("by"))
)
_ALL_SETTLED = (
    update(deliveries).where(among(_d.id, "ids")).values(state="sent", lease_until=None, frozen=None)
)
_THEIR_ITEMS = update(items).where(among(items.c.notice_id, "ids"))
_NOW_SAID = {"state": "said", "closed_at": bindparam("at"), "reason": null()}
_SAID = _THEIR_ITEMS.where(items.c.state == "open").values(_NOW_SAID)
_SAID_ALL_THE_SAME = _THEIR_ITEMS.where(items.c.state == "dropped", among(items.c.id, "said")).values(
    _NOW_SAID
)


def mark_sent(
    connection: Connection, notice: int, state: str, leg: str, said: Sequence[int], now: datetime
) -> None:
    """A person was reached, or the office was given the task: the items are said.

    ``said`` were in the bytes: one that fell out while they were on their way was said all the same.
    """
    reached = {"ids": [notice], "to": state, "at": now, "by": leg}
    if connection.execute(_ALL_SENT, reached).rowcount and state == "sent":
        mark_said(connection, notice, now, said)


def mark_said(connection: Connection, notice: int, now: datetime, said: Sequence[int] = ()) -> None:
    _mark_said(connection, [notice], now, said)


def _mark_said(connection: Connection, ids: Sequence[int], at: datetime, in_bytes: Sequence[int]) -> None:
    marked = connection.execute(_SAID, {"ids": ids, "at": at}).rowcount
    if marked < len(in_bytes):
        connection.execute(_SAID_ALL_THE_SAME, {"ids": ids, "at": at, "said": in_bytes})


def to_hint(connection: Connection, now: datetime, stale: datetime, limit: int) -> dict[str, list[int]]:
    """Return what is ready and was not hinted at, or so long ago that the hint must be lost, by channel."""
    found: dict[str, list[int]] = {}
    for channel, delivery in connection.execute(_TO_HINT, {"now": now, "stale": stale, "limit": limit}):
        found.setdefault(channel, []).append(delivery)
    return found


_NOW = bindparam("now", type_=Instant())
_TO_HINT = (
    select(_d.channel, _d.id)
    .where(
        _d.state == "ready",
        _d.next_attempt_at <= _NOW,
        or_(_d.hinted_at.is_(None), _d.hinted_at < bindparam("stale", type_=Instant())),
    )
    .order_by(_d.next_attempt_at, _d.id)
    .limit(bindparam("limit", type_=Integer()))
)


def mark_hinted(connection: Connection, ids: Sequence[int], wall: datetime) -> None:
    connection.execute(_HINTED, {"ids": ids, "wall": wall})


_HINTED = update(deliveries).where(among(_d.id, "ids")).values(hinted_at=bindparam("wall"))


def expired(connection: Connection, wall: datetime) -> list[tuple[Claimed, int | None]]:
    """Return deliveries whose lease has run out, each with the try that was under way, if any.

    In the order of their numbers: two sweeps that lock the same rows in two orders wait for each other.
    SQLite, told to sort them, would walk over all deliveries instead of the index.
    """
    found = [(Claimed(*row[:-1]), row[-1]) for row in connection.execute(_EXPIRED, {"wall": wall})]
    return sorted(found, key=lambda each: each[0].id)


_EXPIRED = (
    select(*_CLAIMED, _a.number)
    .join_from(
        deliveries,
        attempts,
        and_(_a.delivery_id == _d.id, _a.number == _d.attempts, _a.outcome.is_(None)),
        isouter=True,
    )
    .where(_d.state == "sending", _d.lease_until < bindparam("wall", type_=Instant()))
)


def next_at(connection: Connection) -> datetime | None:
    """Return when the next try is due."""
    found: datetime | None = connection.execute(_NEXT).scalar()
    return found


_NEXT = select(_d.next_attempt_at).where(_d.state == "ready").order_by(_d.next_attempt_at).limit(1)


_IN_FLIGHT = select(
    select(_d.id).where(_d.state == "sending").exists()
    | select(_d.id)
    .where(_d.state == "ready", _d.next_attempt_at <= bindparam("now", type_=Instant()))
    .exists()
)


def in_flight(connection: Connection, now: datetime) -> bool:
    """Whether anything is due or being sent."""
    return bool(connection.execute(_IN_FLIGHT, {"now": now}).scalar())
