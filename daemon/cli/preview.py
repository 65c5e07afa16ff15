"""What an activation would do, without doing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import Connection, Engine

from daemon.activate import Change, change_of, source_of
from daemon.cli.outlook import planned
from daemon.cli.rule_words import day_changes, rung_changes, text_changes
from daemon.config import document
from daemon.config.compiled import RuleSet, compile_rules
from daemon.config.history import Rename, Renamed, likely_renames, parse_history, unknown_pasts
from daemon.config.source import LADDERS, RuleSource, rule_files
from daemon.domain.ladder import Ladder, Subject
from daemon.domain.prospect import Moved, moved_instants
from daemon.domain.why import say_day, say_offset
from daemon.domain.workdays import local_day
from daemon.errors import Fault
from daemon.store import decisions, facts, listing, rules
from daemon.store.agenda import AgendaRow
from daemon.store.engine import chunks, reading
from daemon.store.facts import Known

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class MovedInstant:
    """A day that an activation moves, for one subject."""

    subject: str
    rung: str
    before: str
    after: str
    past: bool
    """Whether the new day lies behind, so that it is owed at once."""

    on: date
    """The earlier of the two days: what moves soonest is shown first."""

    def soonest(self) -> tuple[date, str, str]:
        return self.on, self.subject, self.rung

    def say(self) -> str:
        owed = "（已过，立即应说）" if self.past else ""
        return f"{self.subject} {self.rung}：{self.before} → {self.after}{owed}"


@dataclass(frozen=True, slots=True)
class Preview:
    """What changes in words; how many subjects are looked at, what would be said at once, what moves.

    ``first``: no rules are in force yet, so that all ladders are new.
    """

    same: bool
    first: bool = False
    changed: tuple[str, ...] = ()
    touched: int = 0
    owed: int = 0
    rungs: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    moved: int = 0
    examples: tuple[MovedInstant, ...] = ()


def renames(engine: Engine, source: RuleSource) -> list[Rename]:
    """Return the rungs of ``source`` that look like others of the active rules, and do not say so."""
    with reading(engine) as connection:
        active = rules.active(connection)
        if active is None or active.hash == source.hash:
            return []
        return likely_renames(source_of(connection, active.hash), parse_history(active.history), source)


def lost_names(engine: Engine, source: RuleSource) -> list[Fault]:
    """Return each ``was:`` of ``source`` that names what the rules in force never had."""
    with reading(engine) as connection:
        active = rules.active(connection)
        if active is None or active.hash == source.hash:
            return []
        written, _ = document.read(LADDERS, source.files[LADDERS])
        assert written is not None
        old, past = source_of(connection, active.hash), parse_history(active.history)
        return list(unknown_pasts(written, rule_files(source).ladders, old, past))


def preview(engine: Engine, source: RuleSource, now: datetime, renamed: Renamed | None = None) -> Preview:
    """Return what activating ``source`` would do."""
    with reading(engine) as connection:
        active = rules.active(connection)
        if active is None:
            return Preview(same=False, first=True, changed=tuple(compile_rules(source).ladders))
        if active.hash == source.hash:
            return Preview(same=True)
        change = change_of(connection, active, source, now, renamed or {})
        texts = tuple(text_changes(source_of(connection, active.hash), source))
        return _compared(connection, change, texts, now)


def _compared(connection: Connection, change: Change, files: tuple[str, ...], now: datetime) -> Preview:
    assert change.before is not None
    rows = list(_rows(connection, change))
    moved = sorted(_Moves(connection, change.before, change.after, now).of(rows), key=MovedInstant.soonest)
    return Preview(
        same=False,
        changed=change.changed,
        touched=len(rows),
        owed=sum(1 for _ in planned(connection, change.after, rows, now, now)),
        rungs=tuple(each.say() for each in rung_changes(change.before, change.after)),
        days=tuple(day_changes(change.before, change.after)),
        files=files,
        moved=len(moved),
        examples=tuple(moved[:EXAMPLES]),
    )


def _rows(connection: Connection, change: Change) -> Iterator[AgendaRow]:
    """Yield the rows that will be touched, under the names that their ladders will have."""
    ladders = change.after.ladders
    names = {name for changed in change.changed for name in (changed, *ladders[changed].was)}
    for row in listing.rows_on(connection, sorted(names)):
        yield replace(row, ladder=ladders[row.ladder].id)


class _Moves:
    """Looks for the instants that an activation moves."""

    def __init__(self, connection: Connection, old: RuleSet, new: RuleSet, now: datetime) -> None:
        self.connection, self.old, self.new, self.now = connection, old, new, now

    def of(self, rows: Sequence[AgendaRow]) -> list[MovedInstant]:
        return [moved for chunk in chunks(rows, listing.AT_ONCE) for moved in self._of_chunk(chunk)]

    def _of_chunk(self, rows: Sequence[AgendaRow]) -> Iterator[MovedInstant]:
        known = facts.load(self.connection, (row.subject for row in rows), self.new.campaigns)
        settled = decisions.settled(self.connection, rows, self.new.ladders)
        for row in rows:
            about, ladder = known.facts.get(row.subject), self.new.ladders[row.ladder]
            old = next((o for n in (ladder.id, *ladder.was) if (o := self.old.ladders.get(n))), None)
            if about is None or old is None:
                continue
            was, is_ = (old, self.old.calendar), (ladder, self.new.calendar)
            for moved in moved_instants(about, was, is_, settled[row.key], self.now):
                yield self._said(moved, row.subject, ladder, known)

    def _said(self, moved: Moved, subject: Subject, ladder: Ladder, known: Known) -> MovedInstant:
        zone = known.facts[subject].zone
        before, after = (local_day(o.instant, zone) for o in (moved.before, moved.after))
        words = f"{say_offset(moved.rung.wording.at, ladder.anchor)}{moved.rung.act.label}"
        past = moved.after.instant < self.now
        name, first = known.name_of(subject), min(before, after)
        return MovedInstant(name, words, say_day(before), say_day(after), past, first)
