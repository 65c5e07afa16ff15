"""The journal: what a run did and what came of it, as values. All that the driver tells the oracle.

A journal is a list of records in **the order of the database's records** (the order in which the transactions
of the acts were committed). On disk it is JSON lines, one record a line, each with its class's name under
``record``; a last line that was cut off is left out when read.

What the driver fills in:

1. first one :class:`Began`; then, with the instants at which they were told, the cases that were on file;
2. while it runs, each act after its transaction was committed (:class:`CaseEvent`, :class:`FilingEvent`,
   :class:`DirectoryChanged`, :class:`RulesActivated`, :class:`Approved`, :class:`DoneByHand`, :class:`Muted`,
   :class:`Unmuted`, :class:`LetGo`, :class:`Withdrawn`, :class:`WentLive`; :class:`Paused` when it is
   over), never one that was refused; an act whose fate is unknown to the caller (killed, connection cut) is
   looked up in the table ``events`` before it is written, or left out;
3. each :class:`Fault` when it is over (it has an end), and each :class:`Arrival` as the stand-in counted it
   at the wire, before any duplicate check of its own. Their place in the list does not matter, nor does that
   of :class:`PutForward`;
4. in the end, when all processes have come to rest and every fault is over, one :class:`Ended` and what the
   database says then: every :class:`Decided`, :class:`Item`, :class:`Notice`, :class:`Attempt`,
   :class:`Gap` and :class:`Tallied` row.

Persons, units, items and notices are their ids in the database. A subject is named as people name it (and
as ``simulate --json`` does): a case by its 编号, a filing by ``key/unit name``, a phase by its key, a target
by its day, the campaign by its id; what is kept per unit has ``/unit name`` behind it.

Instants are aware. *Office* instants are ``clock.now()`` (virtual, standing still between jumps); *wall*
instants are the machine's, and tell what came first within one office instant.
"""

from __future__ import annotations

import json
import types
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

# 1. The world


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit, from a day to a day, both included (``None``: always)."""

    id: int
    name: str
    kind: str = ""
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """One human. ``email``, ``sms`` and ``wecom`` are the addresses at the wire; '' where there is none."""

    id: int
    name: str
    sms: str = ""
    email: str = ""
    wecom: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """A seat: ``role`` is ``unit.head``, ``office.duty`` …; ``unit`` is ``None`` for office and group."""

    person: int
    role: str
    unit: int | None = None
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Acting:
    """Who stands in for a person, from a day to a day, both included."""

    person: int
    stand_in: int
    since: date
    until: date


@dataclass(frozen=True, slots=True)
class Directory:
    """All units, people and posts on file, past and future ones too."""

    units: tuple[Unit, ...]
    people: tuple[Person, ...]
    posts: tuple[Post, ...]
    acting: tuple[Acting, ...] = ()


@dataclass(frozen=True, slots=True)
class Began:
    """The start. ``files``: the config folder in force, by relative path (``campaigns/x.yaml``), as text.

    What the rules name (filings, targets, phases) is taken to have been put on file at ``at``. ``enters``:
    the day from which anything is owed, where that is earlier or later than ``at``'s own day. ``rehearsal``:
    it is one until :class:`WentLive`.
    """

    at: datetime
    files: Mapping[str, str]
    directory: Directory
    enters: date | None = None
    wall: datetime | None = None
    rehearsal: bool = False


# 2. Acts


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """A transition of a case that passed the gate, as the table ``events`` has it.

    ``kind`` is the word of that table: registered, assigned, signed, progress, submitted, closed, returned,
    reopened, declined, moved, dismissed, suspended, resumed, due_set, extended, identified, opinion,
    corrected (``due_on``, where that is what was corrected), undone (takes back the last event that stands).
    Steps that an import filled in (台账补记) are events too.

    ``at`` is the office instant of the record (``recorded_at``), ``on`` the day it took effect. ``unit``: of
    registered and moved. ``signer``: the person who signed, if it is one on file. ``imported``: '' for an act
    of the office, ``today`` or ``catch_up`` for what an import let happen with a move of its own (the steps
    with which a case first becomes registered and assigned). ``wall`` is when its transaction was known to be
    committed; ``wall_before``, when it was begun; ``by``, who did it. ``together``: one transaction with the
    record before it.
    """

    at: datetime
    case: str
    kind: str
    on: date
    unit: int | None = None
    due_on: date | None = None
    signer: int | None = None
    imported: str = ""
    together: bool = False
    wall_before: datetime | None = None
    wall: datetime | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class FilingEvent:
    """A filing was ``submitted``, ``returned`` or ``accepted``; ``filing`` is ``key/unit name``."""

    at: datetime
    filing: str
    kind: str
    on: date
    wall_before: datetime | None = None
    wall: datetime | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class DirectoryChanged:
    """People, posts, units or stand-ins changed; ``directory`` is the whole as it is from now on."""

    at: datetime
    directory: Directory
    wall_before: datetime | None = None
    wall: datetime | None = None


@dataclass(frozen=True, slots=True)
class RulesActivated:
    """A rule set was activated (a calendar edit is one too); ``files`` is the whole config folder as text.

    What was due by the rules before is taken to have been planned before, as ``duban reload`` does.
    """

    at: datetime
    files: Mapping[str, str]
    hash: str = ""
    wall_before: datetime | None = None
    wall: datetime | None = None


@dataclass(frozen=True, slots=True)
class Approved:
    """A document was approved: all notices that carry the decision."""

    at: datetime
    notices: tuple[int, ...]
    wall_before: datetime | None = None
    wall: datetime | None = None


@dataclass(frozen=True, slots=True)
class DoneByHand:
    """The office has told a person by telephone or paper (``duban notice done``)."""

    at: datetime
    notice: int
    wall: datetime | None = None


@dataclass(frozen=True, slots=True)
class Muted:
    """One ladder, unit, case (its 编号) or person was silenced, from ``since`` on and before ``until``."""

    at: datetime
    mute: int
    since: datetime
    until: datetime
    ladder: str = ""
    unit: int | None = None
    case: str = ""
    person: int | None = None
    wall_before: datetime | None = None
    wall: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unmuted:
    """A mute was ended before its time."""

    at: datetime
    mute: int
    wall_before: datetime | None = None
    wall: datetime | None = None


@dataclass(frozen=True, slots=True)
class Paused:
    """Delivery was held (``duban pause``) from ``at`` to ``until``; planning and release went on.

    ``wall`` is when that was known to be committed, ``wall_until`` when ``duban resume`` was begun.
    """

    at: datetime
    until: datetime
    wall: datetime | None = None
    wall_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Anew:
    """A ladder of a subject of which rehearsal had taken anything up: it begins anew.

    ``pending``: the earliest instant that was decided and had not been handed over.
    """

    kind: str
    subject: str
    ladder: str
    pending: datetime | None = None


@dataclass(frozen=True, slots=True)
class WentLive:
    """The office went live after a rehearsal; ``anew`` are the ladders of which anything had been rehearsed.

    All that was due had been done. ``catch_up``: what rehearsal said is owed; else from that day on.
    """

    at: datetime
    catch_up: bool
    anew: tuple[Anew, ...]
    wall_before: datetime | None = None
    wall: datetime | None = None


@dataclass(frozen=True, slots=True)
class LetGo:
    """The office let notices go that the gate on floods had held (``duban notice release-held``).

    ``items``: what they had to say then; an item may be another notice's later.
    """

    at: datetime
    notices: tuple[int, ...]
    items: tuple[int, ...]
    wall_before: datetime | None = None
    wall: datetime | None = None


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The office dropped what the gate on floods had held (``release-held --drop``), notices and items."""

    at: datetime
    notices: tuple[int, ...]
    items: tuple[int, ...]
    wall_before: datetime | None = None
    wall: datetime | None = None


# 3. The wire


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message whose bytes came whole to a provider. One record a person addressed.

    ``taken``: the provider accepted it, whether or not its answer came back (a timeout after accepting is
    taken; a 5xx, a throttle, a refused number is not). ``repeat``: the message says of itself that it may be
    one. ``key`` is the idempotency key at the wire. ``items`` are the ids that the protocol carried; where it
    has no room for them, those that the database binds to the notice of the key. ``at`` and ``wall`` are when
    the last byte had come.
    """

    at: datetime
    channel: str
    address: str
    items: tuple[int, ...]
    taken: bool = True
    repeat: bool = False
    key: str = ""
    notice: int | None = None
    text: str = ""
    wall: datetime | None = None

    @property
    def order(self) -> tuple[datetime, float]:
        """What came first: by office time, within one instant by the wall clock."""
        return self.at, self.wall.timestamp() if self.wall else 0.0


# 4. Faults


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that was injected.

    ``kind``: kill, pause, valkey_flushed, valkey_stopped, database_cut, database_restarted, disk_full,
    power_loss, provider_timeout, provider_5xx, provider_throttle, provider_drip, two_rule_sets …
    ``target``: the process (``work-0``; two of a kind stand in for each other) or provider. ``seam``:
    after_plan, after_commit, after_hint, after_claim, after_attempt, after_bytes, before_record, or ''.

    ``at`` to ``until`` (office) is how long it kept anything from happening: until the killed process was
    up again, the provider answered again. A fault within one office instant has both the same.

    ``doubt``: it may have fallen between the provider's acceptance and our record, so that a repeat (marked)
    may follow it: a kill, pause or cut of a worker or the database at any moment at which a send may have
    been under way; a provider that times out or breaks after accepting. ``sends``: how many may have been.
    """

    at: datetime
    until: datetime
    kind: str
    target: str = ""
    seam: str = ""
    doubt: bool = False
    sends: int = 1
    wall: datetime | None = None
    wall_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class PutForward:
    """All wall clocks were put forward by ``seconds`` when it was ``wall``, for nothing moved any more."""

    wall: datetime
    seconds: float

    @property
    def landed(self) -> datetime:
        """What the clocks showed afterwards."""
        return self.wall + timedelta(seconds=self.seconds)


def ago(wall: datetime, passed: timedelta, skips: Sequence[PutForward]) -> datetime:
    """Return what the wall clocks showed when so much time had yet to pass until ``wall``.

    ``skips`` in their order: what they skipped did not pass.
    """
    for skip in reversed(skips[: bisect_right(skips, wall, key=lambda each: each.landed)]):
        if wall - skip.landed > passed:
            break
        passed, wall = passed - (wall - skip.landed), skip.wall
    return wall - passed


# 5. The end


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over; all that was due by ``at`` had the time to be done."""

    at: datetime
    wall: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """A row of ``decisions``. ``kind``, ``subject``: case and its 编号 …; ``outcome``: said, lapsed …"""

    id: int
    kind: str
    subject: str
    ladder: str
    rung: str
    occurrence: str
    anchor_version: int
    outcome: str
    instant: datetime
    decided_at: datetime
    released_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A row of ``items``. ``reason`` is the code of its reason ('' where there is none).

    ``held_until``: when it is bound anew, since no channel had room for it.
    """

    id: int
    decision: int
    person: int
    role: str
    part: str
    state: str
    reason: str = ""
    unit: int | None = None
    line: int = 0
    notice: int | None = None
    superseded_by: int | None = None
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    held_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A row of ``notices``. ``kind``: rungs, note, ask …; ``text``: what a note said, '' for others.

    ``approval``: it needs one, and so passes by the gate on floods.
    """

    id: int
    person: int
    state: str
    kind: str = "rungs"
    act: str = ""
    bundle: str = ""
    moment: datetime | None = None
    created_at: datetime | None = None
    sent_at: datetime | None = None
    sent_leg: str = ""
    ended_at: datetime | None = None
    reason: str = ""
    text: str = ""
    approval: bool = False
    rehearsal: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """A row of ``attempts`` with the channel and notice of its delivery. No ``outcome``: never closed."""

    id: int
    notice: int
    channel: str
    number: int
    opened_at: datetime
    closed_at: datetime | None = None
    outcome: str = ""
    repeat: bool = False
    delivery_state: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """A row of ``unaddressed``: a line of a decision's ``to`` that reached nobody."""

    decision: int
    part: str
    line: int
    since: datetime
    resolved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tallied:
    """A row of ``tally``; it is known from the first midnight after we were told, or at which we were."""

    unit: int
    effective_on: date
    known_from: date
    registered: int
    dismissed: int
    closed: int


Record: TypeAlias = (
    Began
    | CaseEvent
    | FilingEvent
    | DirectoryChanged
    | RulesActivated
    | Approved
    | DoneByHand
    | Muted
    | Unmuted
    | Paused
    | WentLive
    | LetGo
    | Withdrawn
    | Arrival
    | PutForward
    | Fault
    | Ended
    | Decided
    | Item
    | Notice
    | Attempt
    | Gap
    | Tallied
)
ACTED = (
    CaseEvent,
    FilingEvent,
    DirectoryChanged,
    RulesActivated,
    Approved,
    DoneByHand,
    Muted,
    Unmuted,
    Paused,
    WentLive,
    LetGo,
    Withdrawn,
)
"""What somebody of the office did, at an instant."""
_KINDS: Mapping[str, type[Any]] = {kind.__name__: kind for kind in get_args(Record)}
R = TypeVar("R")


@dataclass(frozen=True)
class Journal:
    """The records of one run, in order."""

    records: tuple[Record, ...] = field(default_factory=tuple)

    def of(self, kind: type[R]) -> list[R]:
        """Return the records of one kind, in order."""
        return [record for record in self.records if isinstance(record, kind)]

    def write(self, path: Path) -> None:
        path.write_text("".join(map(to_line, self.records)), encoding="utf-8")


def read(path: Path) -> Journal:
    """Read a journal; a last line that was cut off by a crash is left out."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return Journal(tuple(from_line(line) for line in lines if line.endswith("\n")))


def journal(records: Iterable[Record]) -> Journal:
    return Journal(tuple(records))


class Writer:
    """Appends records to a file as they happen; each is on the file system when ``add`` returns."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def add(self, *records: Record) -> None:
        for record in records:
            self._file.write(to_line(record))
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def to_line(record: Record) -> str:
    return json.dumps({"record": type(record).__name__} | _plain(record), ensure_ascii=False) + "\n"


def from_line(line: str) -> Record:
    """Parse one line; raise ``ValueError`` where it is not a record."""
    loaded = json.loads(line)
    kind = _KINDS.get(loaded.pop("record", ""))
    if kind is None:
        raise ValueError(f"not a record of a journal: {line[:80]!r}")
    found: Record = _parsed(loaded, kind)
    return found


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


@lru_cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _parsed(value: Any, kind: Any) -> Any:
    """Return a loaded value as its annotation says it is."""
    if value is None:
        return None
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(one for one in get_args(kind) if one is not type(None))
    if is_dataclass(kind):
        hints = _hints(kind)  # type: ignore[arg-type]
        return kind(**{name: _parsed(one, hints[name]) for name, one in value.items()})  # type: ignore[operator]
    if get_origin(kind) is tuple:
        return tuple(_parsed(one, get_args(kind)[0]) for one in value)
    return kind.fromisoformat(value) if kind in (date, datetime) else value
