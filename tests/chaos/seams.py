"""The named places at which a process can be struck, wrapped around the functions from outside.

An *order* for a process is a small file: at the so-manieth pass of a seam, die, stop, or find the disk full.
What struck is noted in ``fired.jsonl`` before it strikes, so that the driver knows where it did.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from functools import wraps
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from daemon import clock, deliver, loop, release, scan
from daemon.store import decisions
from jobs.hints import Hints

SCAN_SEAMS = (
    "rules-read",
    "planned",
    "storing",
    "stored",
    "releasing",
    "addressed",
    "released",
    "hint-marked",
    "hinted",
    "swept",
)

WORK_SEAMS = ("claimed", "judged", "looked", "opened", "sent", "recording", "recorded")
"""In a worker: after the claim, after the look, after what fell out is dropped, after the row of the attempt
(before the bytes), after the bytes (before the record), before and after the commit of the record."""

IN_TRANSACTION = frozenset({"storing", "releasing", "recording"})
BETWEEN_BYTES_AND_RECORD = frozenset({"sent", "recording"})
FULL_SECONDS = 0.1
SLOW_SECONDS = 0.6
"""By the clock of leases; a call may take 0.8 s."""
SMALL = 4096
"""What a file may still hold when the disk is full: every write beyond it fails, as the kernel says it."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to happen to a process. ``do``: kill, stop or full; ``last``: for how long the disk is full."""

    id: int
    seam: str
    nth: int
    do: str
    last: int = 0


def give(folder: Path, process: str, order: Order) -> None:
    """Order something of a process, now or whenever it runs again; an earlier order is forgotten."""
    draft = folder / f"{process}.draft"
    draft.write_text(json.dumps(asdict(order)), encoding="ascii")
    draft.replace(folder / f"{process}.order")


def take_back(folder: Path, process: str) -> bool:
    """Take an order back; return whether it was in time. Else it is carried out, and will be heard of."""
    return _taken(folder / f"{process}.order")


def _taken(order: Path) -> bool:
    """Take an order; of the one who carries it out and the one who takes it back, one alone has it."""
    try:
        order.unlink()
    except FileNotFoundError:
        return False
    return True


class Seams:
    """The seams of this process, and what has been ordered at them."""

    def __init__(self, folder: Path, process: str) -> None:
        self._order_file, self._fired = folder / f"{process}.order", folder / "fired.jsonl"
        self._slow = folder / "slow.jsonl"
        self._process = process
        self.own = threading.local()
        self._lock = threading.Lock()
        self._order: Order | None = None
        self._passes = 0
        self._full = False
        self._traffic, self._closed = threading.Condition(), False
        self._open: set[int] = set()

    def passed(self, seam: str, **details: object) -> None:
        """Say that this process is at a seam; it may not come back from here."""
        with self._lock:
            order = None if self._full else self._read()
            if order is None or order.seam != seam:
                return
            self._passes += 1
            if self._passes < order.nth:
                return
            with self._nobody_in_a_transaction() if order.do == "stop" else nullcontext(True) as alone:
                if not alone:
                    return
                if _taken(self._order_file):
                    self._strike(order, details)

    def _read(self) -> Order | None:
        try:
            found = Order(**json.loads(self._order_file.read_text(encoding="ascii")))
        except FileNotFoundError:
            return None
        if self._order is None or found.id != self._order.id:
            self._order, self._passes = found, 0
        return self._order

    def _strike(self, order: Order, details: Mapping[str, object]) -> None:
        line = {"order": order.id, "process": self._process, "pid": os.getpid(), **details}
        with self._fired.open("a", encoding="utf-8") as fired:
            fired.write(json.dumps(line) + "\n")
        if order.do == "full":
            self._fill(order.last * FULL_SECONDS)
        elif order.do == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            # To this thread: one that is sent to the process may reach it some time later.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)

    def took(self, channel: str) -> None:
        """Note a try that has lasted so long that its call may have been given up, or its lease run out.

        The machine was busy, or time was put forward: no fault was injected, and one happened all the same.
        """
        if clock.monotonic() - self.own.opened_at < SLOW_SECONDS:
            return
        line = {"at": clock.now().isoformat(), "wall": clock.wall().isoformat(), "channel": channel}
        with suppress(OSError), self._lock, self._slow.open("a", encoding="utf-8") as slow:  # a full disk
            slow.write(json.dumps(line | {"kind": "slow"}) + "\n")

    def _fill(self, seconds: float) -> None:
        """Let the disk be full for a while: by the kernel's limit to the size of files."""
        self._full = True
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, most))

        def make_room() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
            self._full = False

        threading.Timer(seconds, make_room).start()

    @contextmanager
    def _nobody_in_a_transaction(self) -> Iterator[bool]:
        """Let no thread of this process begin one; yield whether all have ended theirs.

        Who is stopped for minutes must not hold what all others wait for: PostgreSQL would wait for ever.
        """
        with self._traffic:
            self._closed = True
            self._traffic.wait_for(lambda: not self._open, 1.0)
            alone = not self._open
        try:
            yield alone
        finally:
            with self._traffic:
                self._closed = False
                self._traffic.notify_all()

    def watch_transactions(self) -> None:
        """Count the transactions that are open, and let nobody begin one while the gate is closed."""

        def begun(connection: Connection, *_: object) -> None:
            with self._traffic:
                self._traffic.wait_for(lambda: not self._closed)
                self._open.add(id(connection))

        def ended(connection: Connection, *_: object) -> None:
            with self._traffic:
                self._open.discard(id(connection))
                self._traffic.notify_all()

        # Events would tell of an end before it has come.
        _before(Connection, "_begin_impl", begun)
        _after(Connection, "_commit_impl", ended)
        _after(Connection, "_rollback_impl", ended)


def wrap(folder: Path, process: str) -> None:
    """Wrap the seams of this process; call it before the service begins."""
    seams = Seams(folder, process)
    seams.watch_transactions()
    _wrap_scanner(seams)
    _wrap_worker(seams)


def _wrap_scanner(seams: Seams) -> None:
    _before(loop, "scan", lambda *_: seams.passed("rules-read"))
    _after(scan, "plan_rows", lambda _engine, _rules, rows, *_: seams.passed("planned", cases=_cases(rows)))
    _after(scan, "_store", lambda *_: seams.passed("storing"))
    _after(scan, "look", lambda *_: seams.passed("stored"))
    _after(decisions, "mark_released", lambda *_: seams.passed("releasing"))
    _after(release, "_address", lambda *_: seams.passed("addressed"))
    _after(release, "_release_moment", lambda *_: seams.passed("released"))
    _after(loop, "sweep", lambda *_: seams.passed("swept"))
    _before(Hints, "__call__", lambda _self, _channel, ids: seams.passed("hint-marked", ids=list(ids)))
    _after(Hints, "__call__", lambda _self, _channel, ids: seams.passed("hinted", ids=list(ids)))


def _cases(rows: Any) -> list[int]:
    return sorted({row.subject.id for row in rows if row.subject.kind == "case"})


def _wrap_worker(seams: Seams) -> None:
    one = deliver.Deliverer

    def ids_of(claimed: Any) -> list[int]:
        return [each.id for each in claimed]

    _before(one, "_prepare", lambda _self, claimed, *_: seams.passed("claimed", ids=ids_of(claimed)))
    _after(one, "_look", lambda _self, claimed, *_: seams.passed("judged", ids=ids_of(claimed)))
    _after(one, "_prepare", lambda _self, claimed, *_: seams.passed("looked", ids=ids_of(claimed)))
    _before(one, "_send", lambda _self, letter, *_: seams.passed("opened", ids=[letter.claimed.id]))
    _after(one, "_send", lambda _self, letter, *_: seams.passed("sent", ids=[letter.claimed.id]))

    def written(_connection: Any, steps: Any) -> None:
        if ended := [step.outcome.letter.claimed.id for step in steps if step.outcome]:
            seams.passed("recording", ids=ended)

    _after(deliver, "write", written)
    send, record_and_open = one._send, one._record_and_open

    def sent(self: Any, letter: Any, opened: Any, *rest: Any) -> Any:
        outcome = send(self, letter, opened, *rest)
        seams.own.opened_at = opened.at
        seams.took(letter.claimed.channel)
        return outcome

    def recorded(self: Any, connection: Any, outcome: Any, *rest: Any) -> Any:
        opened = record_and_open(self, connection, outcome, *rest)
        if outcome is not None:
            seams.took(outcome.letter.claimed.channel)
            seams.passed("recorded", ids=[outcome.letter.claimed.id])
        return opened

    setattr(one, "_send", sent)  # noqa: B010 - mypy knows its type
    setattr(one, "_record_and_open", recorded)  # noqa: B010 - mypy knows its type


def _before(owner: Any, name: str, note: Callable[..., None]) -> None:
    inner = getattr(owner, name)

    @wraps(inner)
    def outer(*args: Any, **kwargs: Any) -> Any:
        note(*args)
        return inner(*args, **kwargs)

    setattr(owner, name, outer)


def _after(owner: Any, name: str, note: Callable[..., None]) -> None:
    inner = getattr(owner, name)

    @wraps(inner)
    def outer(*args: Any, **kwargs: Any) -> Any:
        try:
            return inner(*args, **kwargs)
        finally:
            note(*args)

    setattr(owner, name, outer)
