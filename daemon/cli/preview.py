"""What an activation would do, without doing it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from daemon.cli.outlook import planned
from daemon.config.compiled import RuleSet, compile_rules
from daemon.config.history import parse_history, rung_history
from daemon.config.source import RuleSource
from daemon.store import listing, rules
from daemon.store.engine import reading


@dataclass(frozen=True, slots=True)
class Preview:
    """The ladders that change, how many subjects are looked at for it, and what would be said at once."""

    same: bool
    changed: tuple[str, ...] = ()
    touched: int = 0
    owed: int = 0


def preview(engine: Engine, source: RuleSource, now: datetime) -> Preview | None:
    """Return what activating ``source`` would do; ``None`` where no rules are active yet."""
    with reading(engine) as connection:
        active = rules.active(connection)
        if active is None:
            return None
        if active.hash == source.hash:
            return Preview(same=True)
        blob = rules.blob(connection, active.hash)
        assert blob is not None
        before, history = RuleSource.from_blob(blob), parse_history(active.history)
        old = compile_rules(before, history)
        new = compile_rules(source, rung_history(before, history, source, now))
        return _compared(connection, old, new, now)


def _compared(connection: Connection, old: RuleSet, new: RuleSet, now: datetime) -> Preview:
    if old.calendar != new.calendar:
        changed = tuple(new.ladders)
    else:
        changed = tuple(name for name, ladder in new.ladders.items() if old.ladders.get(name) != ladder)
    rows = listing.rows_on(connection, changed)
    owed = sum(1 for _ in planned(connection, new, rows, now, now))
    return Preview(False, changed, len(rows), owed)
