"""Many workers, on databases that come and go: one attempt at a time, and no outcome is lost."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError

from daemon import clock, ledger
from daemon.attempt import Letter, Opened, Outcome
from daemon.channels import Receipt
from daemon.deliver import KEPT_SECONDS, Deliverer, Kept
from daemon.errors import DeliveryError, UnknownOutcomeError
from daemon.ledger import Step
from daemon.store import deliveries, tables
from daemon.store.engine import reading, writing
from daemon.sweep import sweep
from tests.integration.office import DUE, TOWN, ZONE, Office
from tests.servers import PATIENCE

GONE = DeliveryError("这个号码不存在", permanent=True)
JOINED = (
    "ladders.yaml",
    "reminder:           {legs: [wecom, sms+email]}",
    "reminder: {legs: [sms+email, wecom]}",
)


def released(office: Office, *changes: tuple[str, str, str], cases: int = 1) -> Office:
    """Reminders, ready to be sent at 2018-08-28 09:10."""
    office.obey(DUE, *changes)
    for n in range(cases):
        office.case(f"A-{n}", due="2018-08-31")
    office.scan()
    return office.prepare("2018-08-28 09:10")


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Do things in threads of their own, begun together."""
    together = threading.Barrier(len(acts))

    def one(act: Callable[[], object]) -> object:
        together.wait(PATIENCE)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [each.result(PATIENCE) for each in [pool.submit(one, act) for act in acts]]


def open_try(office: Office, letter: Letter) -> int | None:
    """Note a try, as a worker does before the bytes leave; return its number."""
    with writing(office.engine) as connection:
        (opened,) = ledger.write(connection, [Step(None, letter, office.rules(), office.now)])
    return opened.number if opened else None


class TestClaims:
    def test_of_many_workers_one_makes_the_attempt(self, office: Office) -> None:
        released(office)
        ids = office.ready("wecom")
        handed = at_once(*[lambda: office.deliver_on("wecom", ids)] * 8)
        assert sorted(handed) == [0] * 7 + [1]  # type: ignore[type-var]
        assert office.attempts() == ["wecom 1 sent"]
        assert len(office.wire.tried) == 1

    def test_a_second_hint_finds_nothing_to_do(self, office: Office) -> None:
        released(office)
        ids = office.ready("wecom")
        assert [office.deliver_on("wecom", ids) for _ in range(3)] == [1, 0, 0]

    def test_a_hint_that_comes_too_early_does_nothing(self, office: Office) -> None:
        released(office)
        ids = office.ready("wecom")
        office.change("UPDATE deliveries SET next_attempt_at = next_attempt_at + 60000000")
        assert office.deliver_on("wecom", ids) == 0
        assert office.deliveries() == ["wecom ready"]

    def test_a_hint_for_another_channel_does_nothing(self, office: Office) -> None:
        released(office)
        assert office.deliver_on("sms", office.ready("wecom")) == 0
        assert office.deliveries() == ["wecom ready"]

    def test_both_channels_of_a_leg_fail_at_once_and_the_next_is_opened_once(self, office: Office) -> None:
        released(office, JOINED)
        both = threading.Barrier(2)

        def fails(_message: object) -> None:
            both.wait(PATIENCE)
            raise GONE

        office.wire.answers("sms", fails)
        office.wire.answers("email", fails)
        at_once(lambda: office.deliver_on("sms"), lambda: office.deliver_on("email"))
        assert sorted(office.deliveries()) == ["email failed", "sms failed", "wecom ready"]
        office.tick()
        assert office.sent() == ["孙联络 wecom: A-0 remind"]

    def test_both_channels_find_the_holder_changed_and_the_heir_is_told_once(self, office: Office) -> None:
        released(office, JOINED)
        office.leave("孙联络", "2018-08-27")
        office.hire("明城镇", "联络员", "何联络")
        at_once(lambda: office.deliver_on("sms"), lambda: office.deliver_on("email"))
        office.tick()
        assert office.news() == ["何联络 email: A-0 remind", "何联络 sms: A-0 remind"]


class TestLeases:
    def test_who_lost_the_lease_before_sending_sends_nothing(self, office: Office) -> None:
        """The first letter of a batch takes so long that the second is another worker's by then."""
        office.obey()
        for no, unit in (("A-1", "明城镇"), ("B-1", "经济开发区")):
            office.case(no, unit, due="2018-08-31")
        office.prepare("2018-08-28 09:10")
        mine = office.ready("wecom")
        other = Deliverer(office.engine, office.rules, office.wire.channels)

        def sleeps(_message: object) -> None:
            office.wall_time_passes()
            sweep(office.engine, office.now)
            other.deliver("wecom", [mine[1]], office.now)

        office.wire.answers("wecom", sleeps)
        office.deliver_on("wecom", mine)
        assert office.news() == ["周联络 wecom: B-1 remind", "孙联络 wecom: A-1 remind"]
        assert office.attempts().count("wecom 1 sent") == 2

    def test_who_sleeps_between_noting_and_sending_sends_nothing(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        released(office)
        readings = itertools.count(100.0, 11.0)  # a call may take 10 seconds
        monkeypatch.setattr(clock, "monotonic", lambda: next(readings))
        office.deliver_on("wecom")
        assert office.tried() == []
        assert office.attempts() == ["wecom 1 failed"]
        monkeypatch.undo()
        office.later(minutes=1).deliver()
        assert office.sent() == ["孙联络 wecom: A-0 remind"]

    def test_a_record_that_comes_late_counts_all_the_same(self, office: Office) -> None:
        released(office)

        def sleeps(_message: object) -> None:
            office.wall_time_passes()
            sweep(office.engine, office.now)

        office.wire.answers("wecom", sleeps)
        office.deliver_on("wecom")
        assert office.attempts() == ["wecom 1 sent"], "first unknown, then known after all"
        assert office.notices() == ["孙联络 wecom sent"]
        office.later(minutes=5).tick()
        assert len(office.wire.tried) == 1, "and it is not sent again"

    def test_a_failure_that_is_told_late_thaws_the_text(self, office: Office) -> None:
        """The sweep had to take the try for unknown; it surely did not arrive after all."""
        released(office)

        def sleeps(_message: object) -> None:
            office.wall_time_passes()
            sweep(office.engine, office.now)
            raise DeliveryError("系统忙")

        office.wire.answers("wecom", sleeps)
        office.deliver_on("wecom")
        assert office.attempts() == ["wecom 1 failed"]
        office.close("A-0")
        office.later(minutes=1).tick()
        assert office.sent() == [], "it is looked at once more"

    @pytest.mark.parametrize(
        "second", [DeliveryError("重复的消息", permanent=True), UnknownOutcomeError("?")]
    )
    def test_it_was_sent_whatever_becomes_of_a_second_try_under_way(
        self, office: Office, second: Exception
    ) -> None:
        """The provider knows the key, and refuses the repeat: the next leg would be a second message."""
        released(office)
        first = Deliverer(office.engine, office.rules, office.wire.channels)
        arrived, recorded = threading.Event(), threading.Event()

        def slow(_message: object) -> None:
            arrived.set()
            assert recorded.wait(PATIENCE)

        def repeat(_message: object) -> None:
            recorded.set()
            worker.join(PATIENCE)
            raise second

        ids = office.ready("wecom")
        office.wire.answers("wecom", slow, repeat)
        worker = threading.Thread(target=first.deliver, args=("wecom", ids, office.now))
        worker.start()
        assert arrived.wait(PATIENCE)
        office.wall_time_passes()
        sweep(office.engine, office.now)
        office.later(minutes=1).deliver_on("wecom")
        assert office.notices() == ["孙联络 wecom sent"]
        assert office.items() == ["孙联络 A-0 remind said"]
        office.tick()
        assert [handed.channel for handed in office.wire.taken] == ["wecom"]


class TestCompany:
    """Threads that send at the same time write in one transaction; each try ends as it did."""

    def test_who_lost_his_claim_does_not_share_what_others_have(self, office: Office) -> None:
        mine, lost = letters_of_two(office)
        write(
            office, Step(None, mine, office.rules(), office.now), Step(None, lost, office.rules(), office.now)
        )
        office.change("UPDATE deliveries SET claim = claim + 1 WHERE id = :id", id=lost.claimed.id)
        write(office, *(arrived(office, letter) for letter in (mine, lost)))
        assert office.attempts() == ["wecom 1 sent", "wecom 1 sent"], "both arrived, however late"
        assert office.deliveries() == ["wecom sent", "wecom sending"], "the second is in other hands"
        assert [row.state for row in office.notice_rows()] == ["sent", "ready"]

    def test_none_opens_what_is_no_longer_his(self, office: Office) -> None:
        mine, lost = letters_of_two(office)
        office.change("UPDATE deliveries SET claim = claim + 1 WHERE id = :id", id=lost.claimed.id)
        opened = write(office, *(Step(None, letter, office.rules(), office.now) for letter in (mine, lost)))
        assert [bool(each) for each in opened] == [True, False]
        assert office.attempts() == ["wecom 1 None"]

    def test_the_late_word_of_one_and_the_next_try_of_another(self, office: Office) -> None:
        """Of one delivery, under two claims, in one transaction."""
        released(office)
        (late,) = office.deliverer.letters("wecom", office.ready("wecom"), office.rules(), office.now)
        assert open_try(office, late) == 1
        office.wall_time_passes()
        sweep(office.engine, office.now)
        office.later(minutes=1)
        (again,) = office.deliverer.letters("wecom", office.ready("wecom"), office.rules(), office.now)
        opened = write(office, arrived(office, late), Step(None, again, office.rules(), office.now))
        assert [each and each.number for each in opened] == [None, 2]
        assert office.attempts() == ["wecom 1 sent", "wecom 2 None"]
        assert again.repeat

    def test_what_fell_out_on_its_way_was_said_all_the_same(self, office: Office) -> None:
        letters = letters_of_two(office)
        write(office, *(Step(None, letter, office.rules(), office.now) for letter in letters))
        office.change(
            "UPDATE items SET state = 'dropped' WHERE notice_id = :id", id=letters[1].claimed.notice
        )
        write(office, *(arrived(office, letter) for letter in letters))
        assert [row.state for row in office.rows(tables.items)] == ["said", "said"]

    def test_many_threads_on_joined_channels(self, office: Office) -> None:
        """Of each notice two channels, recorded in different company."""
        office.obey(DUE, JOINED)
        for n in range(8):
            office.case(f"A-{n}", TOWN if n % 2 else ZONE, due="2018-08-31")
        office.scan()
        office.prepare("2018-08-28 09:10")
        deliver = office.deliverer.deliver
        ways = [(channel, number) for channel in ("sms", "email") for number in office.ready(channel)]
        at_once(*(partial(deliver, channel, [number], office.now) for channel, number in ways))
        assert len(ways) == 4
        assert sorted(office.attempts()) == ["email 1 sent"] * 2 + ["sms 1 sent"] * 2
        assert {row.state for row in office.notice_rows()} == {"sent"}
        assert {row.state for row in office.rows(tables.items)} == {"said"}


def letters_of_two(office: Office) -> list[Letter]:
    """Claim the reminders of two persons."""
    office.obey(DUE)
    office.case("A-1", TOWN, due="2018-08-31")
    office.case("B-1", ZONE, due="2018-08-31")
    office.scan()
    office.prepare("2018-08-28 09:10")
    found = office.deliverer.letters("wecom", office.ready("wecom"), office.rules(), office.now)
    assert len(found) == 2
    return found


def arrived(office: Office, letter: Letter) -> Step:
    return Step(Outcome(letter, 1, "sent", "m"), None, office.rules(), office.now)


def write(office: Office, *steps: Step) -> list[Opened | None]:
    with writing(office.engine) as connection:
        return ledger.write(connection, steps)


class TestConnections:
    """A channel's connection is kept while there is much to send."""

    def test_it_is_kept_from_one_message_to_the_next(self) -> None:
        plug = CountedPlug()
        kept = Kept(plug, ("rules", False), rests_since=100.0)
        kept.awake(100.0 + KEPT_SECONDS)
        assert plug.closed == 0

    def test_after_a_rest_it_is_made_anew(self) -> None:
        plug = CountedPlug()
        Kept(plug, ("rules", False), rests_since=100.0).awake(100.1 + KEPT_SECONDS)
        assert plug.closed == 1

    def test_it_rests_from_the_end_of_a_call(self, office: Office) -> None:
        """Not from when it was asked for: a slow provider's connection is no old one."""
        plug = CountedPlug()
        (first, second) = letters_of_two(office)
        deliverer = Deliverer(
            office.engine, office.rules, lambda rules: dict.fromkeys(rules.channels, lambda: plug)
        )
        for letter in (first, second):
            deliverer._send(letter, Opened(1, clock.monotonic()), office.rules())
        (kept,) = (each for each in deliverer._own.__dict__.values())
        assert kept.rests_since >= plug.sent_at > 0
        assert plug.closed == 1, "it was never used before the first"

    def test_those_of_rules_that_are_gone_are_ended(self, office: Office) -> None:
        plugs: list[CountedPlug] = []

        def another() -> CountedPlug:
            plugs.append(CountedPlug())
            return plugs[-1]

        letters = letters_of_two(office)
        deliverer = Deliverer(
            office.engine, office.rules, lambda rules: dict.fromkeys(rules.channels, another)
        )
        deliverer._send(letters[0], Opened(1, clock.monotonic()), office.rules())
        deliverer._send(letters[1], Opened(1, clock.monotonic()), replace(office.rules(), hash="another"))
        assert len(plugs) == 2
        assert (plugs[0].closed, plugs[1].closed) == (2, 1), "each before its first use, the first at its end"


@dataclass
class CountedPlug:
    closed: int = 0
    sent_at: float = 0.0

    def send(self, _message: object) -> Receipt:
        self.sent_at = clock.monotonic()
        return Receipt("m")

    def close(self) -> None:
        self.closed += 1


class TestSweep:
    def test_what_a_worker_claimed_and_never_tried_is_given_back_at_once(self, office: Office) -> None:
        released(office)
        office.change("UPDATE deliveries SET state = 'sending', claim = 1, lease_until = 1")
        assert sweep(office.engine, office.now) == 1
        assert office.deliveries() == ["wecom ready"]
        office.close("A-0")
        office.tick()
        assert office.sent() == [], "nothing had left: it is looked at afresh"

    def test_a_try_noted_since_the_sweep_looked_is_its_workers_own(self, office: Office) -> None:
        """Its lease was about to run out; PostgreSQL lets the worker note it while the sweep is at it."""
        released(office)
        wall = clock.wall()
        with writing(office.engine) as connection:
            (mine,) = deliveries.claim(
                connection, "wecom", office.ready("wecom"), office.now, wall + timedelta(seconds=1)
            )
        later = wall + timedelta(seconds=2)
        with reading(office.engine) as connection:
            ((found, number),) = deliveries.expired(connection, later)
        assert number is None
        frozen = {"key": "k", "address": "a", "name": "n", "content": {"text": "t"}, "items": []}
        assert open_try(office, Letter(mine, frozen, False, "wecom", 1, office.today)) == 1
        with writing(office.engine) as connection:
            assert not deliveries.give_back(connection, found, office.now, later, unknown=False)
        assert office.deliveries() == ["wecom sending"]

    def test_who_slept_since_he_looked_sends_nothing(self, office: Office) -> None:
        """The lease has run out, and no sweep has come by: what he saw is as old."""
        released(office)
        letters = office.deliverer.letters("wecom", office.ready("wecom"), office.rules(), office.now)
        office.wall_time_passes()
        office.close("A-0")
        assert open_try(office, letters[0]) is None
        assert office.attempts() == []
        sweep(office.engine, office.now)
        office.tick()
        assert office.sent() == []

    def test_a_lease_that_runs_is_left_alone(self, office: Office) -> None:
        released(office)
        swept: list[int] = []
        office.wire.answers("wecom", lambda _message: swept.append(sweep(office.engine, office.now)))
        office.deliver()
        assert swept == [0]
        assert office.attempts() == ["wecom 1 sent"]

    def test_two_sweeps_give_back_once(self, office: Office) -> None:
        released(office, cases=1)
        office.change("UPDATE deliveries SET state = 'sending', claim = 1, attempts = 1, lease_until = 1")
        office.change("INSERT INTO attempts (delivery_id, number, opened_at) SELECT id, 1, 0 FROM deliveries")
        at_once(*[lambda: sweep(office.engine, office.now)] * 4)
        assert [row.unknowns for row in office.rows(tables.deliveries)] == [1]


class TestDatabaseAway:
    def test_a_worker_that_cannot_record_keeps_the_outcome_until_it_can(self, office: Office) -> None:
        released(office)
        cut = Cut(office.engine)
        office.wire.answers("wecom", lambda _message: cut.begin())

        def pause(seconds: float) -> None:
            office.pauses.append(seconds)
            cut.end_after(3)

        office.deliverer.pause = pause
        with cut.mended():
            assert office.deliver_on("wecom") == 1
        assert office.pauses == [0.2, 0.5, 1.0]
        assert office.attempts() == ["wecom 1 sent"]
        assert office.notices() == ["孙联络 wecom sent"]
        assert len(office.wire.tried) == 1

    def test_nothing_is_sent_while_it_cannot_be_noted(self, office: Office) -> None:
        released(office)
        cut = Cut(office.engine)
        with cut.mended():
            cut.begin()
            with pytest.raises(OperationalError):
                office.deliverer.deliver("wecom", [1], office.now)
        assert office.tried() == []
        assert office.deliver_on("wecom") == 1


class Cut:
    """Makes a database unusable for a while: PostgreSQL takes no connections, SQLite is locked."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sqlite = engine.dialect.name == "sqlite"
        self._asked = 0
        if self._sqlite:
            event.listen(engine, "connect", lambda c, _: c.execute("PRAGMA busy_timeout=20"))
            engine.dispose()
            self._other = create_engine(engine.url, isolation_level="AUTOCOMMIT")
        else:
            self._other = create_engine(engine.url.set(database="postgres"), isolation_level="AUTOCOMMIT")
        self._connection = self._other.connect()
        self._cut = False

    def begin(self) -> None:
        self._cut = True
        if self._sqlite:
            self._connection.exec_driver_sql("BEGIN EXCLUSIVE")
            return
        name = self._engine.url.database
        self._connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
        kill = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
        self._connection.execute(kill, {"name": name})

    def end_after(self, times: int) -> None:
        """End the cut the last of so many times that somebody asks."""
        self._asked += 1
        if self._asked == times:
            self.end()

    def end(self) -> None:
        if not self._cut:
            return
        self._cut = False
        if self._sqlite:
            self._connection.exec_driver_sql("ROLLBACK")
        else:
            name = self._engine.url.database
            self._connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))

    @contextmanager
    def mended(self) -> Iterator[None]:
        """See to it that the database is whole again afterwards, whatever happens."""
        try:
            yield
        finally:
            self.end()
            self._connection.close()
            self._other.dispose()


def test_the_lease_is_longer_than_the_calls_it_covers(office: Office) -> None:
    released(office)
    leases: list[tuple[datetime, datetime]] = []

    def looks(_message: object) -> None:
        leases.append((office.rows(tables.deliveries)[0].lease_until, clock.wall()))

    office.wire.answers("wecom", looks)
    before = clock.wall()
    office.deliver()
    timeout = office.rules().channels["wecom"].timeout
    ((until, called),) = leases
    assert before <= until - timedelta(seconds=3 * timeout) <= called
    assert office.wire.taken[0].message.timeout == timeout
