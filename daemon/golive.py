"""Go live: from now on messages reach people. What was rehearsed does not count as said.

A rehearsal settles occurrences like any run, or it would rehearse nothing. Going live is therefore an event
of its own beside those of design.md §2.2, for the ladders of which rehearsal has handed anything over (to the
spool, the sandbox, or as a task by hand):

=====================  ==============  ============================================================
going live             anchor_version  since
=====================  ==============  ============================================================
from today on          new             today, or the earliest instant that was decided and not yet
                                       handed over (a letter that waits for approval, what waits
                                       for its bundle), if that is earlier
``catch_up``           new             as before: what rehearsal said is owed as if it had never run
=====================  ==============  ============================================================

So nothing that is owed from today on is swallowed by what rehearsal said this morning; and going live floods
nobody with what fell due during the rehearsal, any more than an import does. Ladders that rehearsal said
nothing of keep their version; from today on also means for them that what nobody has looked at yet is owed
from today only. What was on its way in rehearsal is dropped and decided anew.

The first time, from today on is what the office expects. A database that was live before (a server that was
moved, a backup that was restored) catches up by default: nothing that was owed meanwhile may get lost.
Signatures, cases and all else that people entered in rehearsal is real and stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from daemon.config.compiled import RuleSet
from daemon.domain.workdays import local_day, midnight
from daemon.store import mode, rehearsal, settings


@dataclass(frozen=True, slots=True)
class WentLive:
    """What going live did: how much was rehearsed, what is owed anew, what was dropped on its way."""

    rehearsed: int
    ladders: int
    dropped: int
    catch_up: bool


def go_live(
    connection: Connection, rule_set: RuleSet, now: datetime, *, by: str = "", catch_up: bool | None = None
) -> WentLive:
    """Let messages go to people from now on, in the caller's transaction (rolled back, it is a preview).

    ``catch_up``: by default, only a database that was live before does.
    """
    settings.take_turn(connection)
    rehearsal.hold_deliveries(connection)
    if catch_up is None:
        catch_up = mode.read(connection).was_live
    zone = next(iter(rule_set.campaigns.values())).zone
    since = None if catch_up else midnight(local_day(now, zone), zone)
    rehearsed = rehearsal.handed_over(connection)
    if since is not None:
        rehearsal.limit_unseen(connection, since, now)
    ladders = rehearsal.unsay(connection, since, now)
    dropped = rehearsal.drop_pending(connection, now)
    rehearsal.uncount(connection)
    mode.go_live(connection, now, by)
    return WentLive(rehearsed, ladders, dropped, catch_up)
