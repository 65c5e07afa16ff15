"""The independent oracle: what had to arrive, by when at the latest, and what must not have.

It imports nothing of the service. It reads the config folder itself, counts working days by another package,
and replays the acts of a journal by design.md §2 to §5 in the slowest and plainest way. :func:`judge` holds
what arrived at the wire, and what the database says in the end, against it; begin to read in judge.py, which
names who judges what.

Three answers for each person, subject, ladder, rung, occurrence and anchor version:

- **must** arrive by an instant: it was owed whatever the looks, and from its slot to that instant nothing
  took it away. The instant is 25 minutes of office time after the slot (patience, spread, half hours), and
  after the next slot or window that follows a fault which fell between its decision and its arrival;
- **must not**: it was not owed, not yet released, or at the last look before its bytes left it was closed,
  extended, lapsed, outranked, unapproved, or the person did not hold the post;
- **may**, the grey zone:
  - an act at the very office instant at which a rung falls due or a slot is released: the looks may have come
    before or after. Records decide where the wall clock tells them apart;
  - an act while a send is in flight: what a worker saw within the last 60 seconds (wall) counts as seen;
  - what an outage pushed past its slot, if something took it away before it could be made good;
  - what was dropped since a fact did not hold, and came back by a return (by ``undo`` it must come back);
  - what a person's mute met on its way: muted at any time from its slot to its latest arrival, it may come or
    not, and so may a copy of it; at a time at which he surely was muted it must not;
  - what was set aside, and told of, since five workers in a row were lost with it in hand: chance does that;
  - a reminder of something else than the deadline (not yet signed), when the deadline has passed.

A mute of a ladder, unit or case takes away what has its instant in it, and nothing else, however late it is
looked at; one that was ended early takes what had come by then. A pause is an outage: what it held back comes
after it, if it is still to be said; nothing leaves in it but what was in flight.

What the gate on floods holds comes after a person has let it go, as late as if its slot were then, or never,
if it was dropped, or if something took it away meanwhile; the office is asked at once (or was within the
hour), and told each morning. No more may pass by themselves than an hour allows; which of those that come
together are held is not judged.

What each person gets over a channel is counted from the wire, by the office day of its first bytes; what is
exempt (it wants a signature or an approval, is formal, or tells the office of trouble) counts, and leaves all
the same. A channel that other messages have used up does not reach him that day: the next leg must, by the
same deadline; where all ways are used up, the deadline is that of the next bundle, day after day, until there
is room. Two things are grey: a try counts though it failed, as long as another may follow; and what stood in
line on that day and fell away may have kept something out that came behind it.

In a rehearsal everything bears the mark of one, and is judged like any run; when it is over nothing bears it,
and the ladders of which anything was rehearsed begin anew: from that day, or from what had been decided and
not been handed over, or as if there had been no rehearsal. Which ladders those are the driver reads from the
tables when all that is due has been done; that none is missing among them shows at the wire.

Not judged: conditions on ``key``, amounts and words of a case; cron; renamed rungs (``was``); what
the texts say, but for the office's notes. The oracle raises ``UnsupportedError`` where a rule needs what it
does not know.
"""

from tests.chaos.oracle.days import UnsupportedError
from tests.chaos.oracle.evidence import Violation
from tests.chaos.oracle.judge import judge

__all__ = ["UnsupportedError", "Violation", "judge"]
