"""Bugs that a test plants, from outside, in the processes and in the driver's own acts.

Each returns what puts it back, so that the driver can plant it in itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.exc import IntegrityError

from daemon import deliver, look, record, release
from daemon.domain.legs import MANUAL
from daemon.store import agenda, burden, decisions, deliveries, morning
from daemon.store.tables import agenda as agenda_table


def lost_touch() -> Callable[[], None]:
    """Let an event move a subject's standing, and forget that somebody must look at it now."""
    put = agenda.put

    def untouched(connection: Any, rows: Any, now: Any) -> None:
        put(connection, rows, now)
        for row, _ in rows:
            a = agenda_table.c
            mine = (
                a.subject_kind == row.subject.kind,
                a.subject_id == row.subject.id,
                a.ladder == row.ladder,
            )
            connection.execute(update(agenda_table).where(*mine).values(due_at=row.due_at))

    return _replaced(agenda, "put", untouched)


def swallowed_conflict() -> Callable[[], None]:
    """Ignore the guard that somebody was faster, and lose what was settled where both had settled it."""
    put, a = decisions.put, agenda_table.c

    def careless(connection: Any, new: Any, rules: str, now: Any) -> None:
        try:
            with connection.begin_nested():
                put(connection, new, rules, now)
        except IntegrityError:
            return

    mine = (a.subject_kind == bindparam("kind"), a.subject_id == bindparam("id"), a.ladder == bindparam("on"))
    unguarded = update(agenda_table).where(*mine, bindparam("seen") >= 0)
    first = _replaced(agenda, "_SETTLE", unguarded.values(due_at=bindparam("next_at"), version=a.version + 1))
    second = _replaced(decisions, "put", careless)

    def undo() -> None:
        first()
        second()

    return undo


def reminder_after_closure() -> Callable[[], None]:
    """Never look once more: what was decided is said, whatever has happened since."""
    first = _replaced(look, "still_due", lambda *_: None)
    second = _replaced(release, "still_due", lambda *_: None)

    def undo() -> None:
        first()
        second()

    return undo


def always_again() -> Callable[[], None]:
    """Send everything once more, marked, though the provider has said that it took it."""
    write = deliver.write

    def doubting(connection: Any, steps: Any) -> Any:
        return write(connection, [_doubted(connection, step) for step in steps])

    return _replaced(deliver, "write", doubting)


def _doubted(connection: Any, step: Any) -> Any:
    """Record a first try that arrived as one of which nobody knows; leave what else there is to write."""
    outcome = step.outcome
    if not outcome or outcome.kind != "sent":
        return step
    claimed = outcome.letter.claimed
    if outcome.letter.repeat or claimed.channel == MANUAL:
        return step
    deliveries.close_attempt(connection, claimed.id, outcome.number, "sent", step.now)
    record.Recorder(connection, step.rule_set, step.now)._unknown(claimed)
    return replace(step, outcome=None)


def lost_company() -> Callable[[], None]:
    """Of threads that share a transaction, record how the try of the first ended, and forget the others."""
    write = deliver.write

    def forgetting(connection: Any, steps: Any) -> Any:
        first, *others = steps
        return write(connection, [first, *(replace(step, outcome=None) for step in others)])

    return _replaced(deliver, "write", forgetting)


def silent_note() -> Callable[[], None]:
    """Let the morning note leave out what nobody could be told of by machine."""
    lines = morning.lines

    def fewer(*args: Any) -> Any:
        return [line for line in lines(*args) if line.kind not in ("manual", "failed")]

    return _replaced(morning, "lines", fewer)


def no_budget() -> Callable[[], None]:
    """Let everything leave, however much a person has been sent."""
    take = burden.take

    def without(connection: Any, mine: Any, load: Any, _budget: Any) -> bool:
        return take(connection, mine, load, None)

    return _replaced(burden, "take", without)


def _replaced(owner: Any, name: str, other: Any) -> Callable[[], None]:
    before = getattr(owner, name)
    setattr(owner, name, other)
    return lambda: setattr(owner, name, before)


PLANTED: dict[str, Callable[[], Callable[[], None]]] = {
    "lost-touch": lost_touch,
    "swallowed-conflict": swallowed_conflict,
    "reminder-after-closure": reminder_after_closure,
    "always-again": always_again,
    "lost-company": lost_company,
    "silent-note": silent_note,
    "no-budget": no_budget,
}
