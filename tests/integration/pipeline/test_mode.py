"""Rehearsal and live: nobody is told before go-live, nothing owed is swallowed, and nobody is flooded.

The ladder of 2018-08: a case due on Friday 08-31 is reminded of on Tuesday 08-28, urged on Monday 09-03 and,
the head, on Wednesday 09-05; each at 09:10.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from daemon import acts, golive
from daemon.channels.marks import REHEARSAL
from daemon.domain.case import EventKind
from daemon.draft import documents
from daemon.errors import UnknownOutcomeError
from daemon.store import holds, mode
from daemon.store.engine import open_engine, reading, writing
from daemon.store.tables import attempts, deliveries
from tests.integration.office import DUE, Office, at

LETTER = """
  case-due:
    about: case
    from: due
    rungs:
      letter: {at: +1 workday, act: supervision_letter, to: [unit.head]}
      head:   {at: +3 workdays, act: urge, to: [unit.head]}
"""
HAND_OVER = """
  case-assigned:
    about: case
    from: assigned
    rungs:
      hand-over: {at: immediately, act: notice, to: [unit.head]}
      again:     {at: +2 workdays, every: 2 workdays, act: urge, to: [unit.head]}
"""


@pytest.fixture
def rehearsing(office: Office) -> Office:
    """An office whose database has never been live, with one case due on 2018-08-31."""
    office.change("DELETE FROM settings WHERE name = 'live'")
    office.obey()
    office.case("A-1", due="2018-08-31")
    return office


def go_live(office: Office, words: str, **how: bool) -> golive.WentLive:
    office.at(words)
    with writing(office.engine) as connection:
        return golive.go_live(connection, office.rules(), office.now, by="王主任", **how)


def state(engine: Engine) -> mode.State:
    with reading(engine) as connection:
        return mode.read(connection)


# what a rehearsal says


def test_a_rehearsal_is_marked_and_kept_apart(rehearsing: Office) -> None:
    rehearsing.run("2018-08-28 12:00")
    (handed,) = rehearsing.wire.taken
    assert str(handed.message.content["title"]).startswith(REHEARSAL)
    assert str(handed.message.content["description"]).startswith(REHEARSAL)
    assert handed.message.rehearsal
    assert [row.rehearsal for row in rehearsing.notice_rows()] == [True]
    assert REHEARSAL in rehearsing.rows(attempts)[0].said


def test_a_live_office_marks_nothing(rehearsing: Office) -> None:
    go_live(rehearsing, "2018-08-17 09:00")
    rehearsing.run("2018-08-28 12:00")
    (handed,) = rehearsing.wire.taken
    assert REHEARSAL not in str(handed.message.content)
    assert not handed.message.rehearsal
    assert [row.rehearsal for row in rehearsing.notice_rows()] == [False]


def test_a_rehearsal_asks_for_its_own_channels(rehearsing: Office) -> None:
    spool: list[str] = []

    def own(rule_set: object) -> dict[str, object]:
        spool.append("asked")
        return dict(rehearsing.wire.channels(rehearsing.rules()))

    rehearsing.deliverer.rehearsing = own  # type: ignore[assignment]
    rehearsing.run("2018-08-28 12:00")
    assert spool
    go_live(rehearsing, "2018-08-28 12:01")
    spool.clear()
    rehearsing.run("2018-09-03 12:00")
    assert spool == []


# going live


def test_what_was_rehearsed_in_the_morning_is_said_on_the_day_of_going_live(rehearsing: Office) -> None:
    rehearsing.run("2018-08-28 12:00")
    assert rehearsing.news() == ["孙联络 wecom: A-1 remind"]
    done = go_live(rehearsing, "2018-08-28 14:00")
    assert (done.rehearsed, done.ladders, done.catch_up) == (1, 1, False)
    rehearsing.run("2018-08-29 12:00")
    assert rehearsing.news() == ["孙联络 wecom: A-1 remind"]
    rehearsing.run("2018-09-05 12:00")
    assert rehearsing.news() == ["孙联络 wecom: A-1 overdue", "赵书记 wecom: A-1 head"]


def test_what_was_rehearsed_before_that_day_floods_nobody(rehearsing: Office) -> None:
    rehearsing.run("2018-08-30 12:00")
    rehearsing.news()
    go_live(rehearsing, "2018-08-30 14:00")
    rehearsing.run("2018-08-31 23:00")
    assert rehearsing.news() == []
    rehearsing.run("2018-09-03 12:00")
    assert rehearsing.news() == ["孙联络 wecom: A-1 overdue"]


def test_on_demand_it_is_owed_as_if_there_had_been_no_rehearsal(rehearsing: Office) -> None:
    rehearsing.run("2018-09-04 12:00")
    rehearsing.news()
    go_live(rehearsing, "2018-09-04 14:00", catch_up=True)
    rehearsing.run("2018-09-05 12:00")
    assert rehearsing.news() == [
        "冯值班 wecom: note",  # the reminder before the deadline has lapsed
        "孙联络 wecom: A-1 overdue",
        "赵书记 wecom: A-1 head",
    ]


def test_undoing_after_going_live_what_happened_before_swallows_nothing(rehearsing: Office) -> None:
    """A signature taken back brings nothing back that was said in rehearsal only, to nobody."""
    rehearsing.run("2018-08-28 12:00")
    assert rehearsing.news() == ["孙联络 wecom: A-1 remind"]
    rehearsing.sign("A-1", "孙联络")
    go_live(rehearsing, "2018-08-28 14:00")
    rehearsing.at("2018-08-28 15:00")
    rehearsing.undo("A-1")
    rehearsing.run("2018-08-29 12:00")
    assert rehearsing.news() == ["孙联络 wecom: A-1 remind"]


def test_an_extension_of_the_rehearsal_can_be_taken_back(rehearsing: Office) -> None:
    """The day is the old one, and what is due by it from the day of going live on is said."""
    rehearsing.run("2018-08-28 12:00")
    rehearsing.news()
    rehearsing.extend("A-1", "2018-09-28")
    go_live(rehearsing, "2018-08-28 14:00")
    rehearsing.run("2018-08-29 12:00")
    assert rehearsing.news() == []
    rehearsing.undo("A-1")
    rehearsing.run("2018-09-03 12:00")
    assert rehearsing.news() == ["孙联络 wecom: A-1 overdue", "孙联络 wecom: A-1 remind"]


def test_what_waits_for_its_bundle_is_said_live(rehearsing: Office) -> None:
    """Decided at midnight, live five minutes before the slot: nothing of it was rehearsed."""
    rehearsing.run("2018-08-28 09:00")
    assert rehearsing.decided() == ["A-1 remind said"]
    go_live(rehearsing, "2018-08-28 09:05")
    rehearsing.run("2018-08-28 12:00")
    assert rehearsing.news() == ["孙联络 wecom: A-1 remind"]


def test_a_letter_that_waits_for_approval_is_drawn_up_anew(rehearsing: Office) -> None:
    rehearsing.obey(LETTER)
    rehearsing.case("A-2", due="2018-08-31")
    rehearsing.run("2018-09-05 12:00")
    rehearsing.news()
    go_live(rehearsing, "2018-09-06 08:00")
    rehearsing.run("2018-09-07 12:00")
    waiting = [row for row in rehearsing.notice_rows() if row.state == "waiting"]
    assert len(waiting) == 2, "one for each case"
    assert "dropped" in [row.state for row in rehearsing.notice_rows()]
    for row in waiting:
        words = documents(rehearsing.engine, rehearsing.rules(), row.id, rehearsing.now)
        acts.approve(rehearsing.engine, rehearsing.rules(), row.id, "王主任", rehearsing.now, words)
    rehearsing.run("2018-09-07 17:00")
    assert "赵书记 email: A-2 letter" in rehearsing.news()


def test_repeats_go_on_from_the_day_of_going_live(rehearsing: Office) -> None:
    rehearsing.obey(HAND_OVER)
    rehearsing.run("2018-08-21 12:00")
    assert "赵书记 wecom: A-1 again@2018-08-20" in rehearsing.news()
    go_live(rehearsing, "2018-08-21 14:00")
    rehearsing.run("2018-08-22 12:00")
    assert rehearsing.news() == ["赵书记 wecom: A-1 again@2018-08-22"]


def test_a_task_by_hand_of_a_rehearsal_is_nobodys_task(rehearsing: Office) -> None:
    rehearsing.change("UPDATE persons SET phone = NULL, email = NULL, wecom = NULL WHERE name = '孙联络'")
    rehearsing.run("2018-08-28 12:00")
    assert rehearsing.notices()[0] == "孙联络 manual manual"
    go_live(rehearsing, "2018-08-30 08:00")
    assert rehearsing.notices()[0] == "孙联络 manual dropped"


def test_bytes_frozen_in_rehearsal_never_reach_anybody(rehearsing: Office) -> None:
    rehearsing.wire.answers("wecom", UnknownOutcomeError("没有回音"))
    rehearsing.at("2018-08-28 09:10").tick()
    go_live(rehearsing, "2018-08-28 09:10")
    rehearsing.wire.taken.clear()
    rehearsing.run("2018-08-29 12:00")
    assert [REHEARSAL in str(h.message.content) for h in rehearsing.wire.taken] == [False]
    assert rehearsing.news() == ["孙联络 wecom: A-1 remind"]


def test_what_was_rehearsed_by_sms_is_not_mailed_once_we_are_live(rehearsing: Office) -> None:
    """Nobody knows whether the mail of a joined leg arrived: in rehearsal it would be sent again."""
    rehearsing.obey(DUE, ("ladders.yaml", "legs: [wecom, sms+email]", "legs: [sms+email]"))
    rehearsing.wire.answers("email", UnknownOutcomeError("超时"))
    rehearsing.run("2018-08-28 09:10")
    assert sorted(rehearsing.deliveries()) == ["email ready", "sms sent"]
    go_live(rehearsing, "2018-08-28 09:10")
    rehearsing.wire.taken.clear()
    rehearsing.run("2018-08-28 12:00")
    assert [REHEARSAL in str(h.message.content) for h in rehearsing.wire.taken] == [False, False]


def test_what_was_rehearsed_of_a_deadline_taken_back_since_comes_to_an_end(rehearsing: Office) -> None:
    rehearsing.at("2018-08-27 09:00").extend("A-1", "2018-09-03")
    rehearsing.wire.answers("wecom", UnknownOutcomeError("超时"))
    rehearsing.run("2018-08-29 09:10")
    rehearsing.undo("A-1")
    assert rehearsing.deliveries() == ["wecom ready"]
    go_live(rehearsing, "2018-08-29 09:10")
    assert rehearsing.deliveries() == ["wecom dropped"]
    assert rehearsing.items() == ["孙联络 A-1 remind dropped rehearsed"]
    assert rehearsing.notices() == ["孙联络 wecom dropped"]


def test_a_worker_that_has_rehearsed_letters_in_hand_sends_them_no_more(rehearsing: Office) -> None:
    rehearsing.at("2018-08-28 09:10")
    rehearsing.prepare()
    rehearsing.case("A-2", due="2018-08-31")
    rehearsing.prepare()
    rehearsing.wire.answers("wecom", lambda _: go_live(rehearsing, "2018-08-28 09:10"))
    rehearsing.deliver_on("wecom")
    assert len(rehearsing.wire.taken) <= 1, "the second was in hand, and lost its claim"


def test_a_rehearsal_uses_up_nobodys_budget(rehearsing: Office) -> None:
    rehearsing.change("UPDATE persons SET wecom = NULL WHERE name = '孙联络'")
    rehearsing.run("2018-08-28 12:00")
    assert {d.counted_on for d in rehearsing.rows(deliveries)} == {rehearsing.today}
    go_live(rehearsing, "2018-08-28 14:00")
    assert {d.counted_on for d in rehearsing.rows(deliveries)} == {None}


def test_going_live_twice_repeats_nothing(rehearsing: Office) -> None:
    rehearsing.run("2018-08-28 08:00")
    go_live(rehearsing, "2018-08-28 08:30")
    rehearsing.run("2018-08-28 12:00")
    assert rehearsing.news() == ["孙联络 wecom: A-1 remind"]
    go_live(rehearsing, "2018-08-28 14:00", catch_up=False)
    rehearsing.run("2018-08-30 12:00")
    assert rehearsing.news() == []


# a copy


def test_a_copy_wakes_in_rehearsal(office: Office, tmp_path: Path) -> None:
    assert state(office.engine).live
    with copied(office.engine, tmp_path) as copy:
        assert state(copy) == mode.State(mode.Mode.REHEARSAL, was_live=True)
    assert not state(office.engine).rehearsal


def copied(engine: Engine, folder: Path) -> _Copy:
    return _Copy(engine, folder)


class _Copy:
    """A database copied as operators do it: the file, or by template."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._url, self._folder, self._original = engine.url, folder, engine

    def __enter__(self) -> Engine:
        if self._url.get_backend_name() == "sqlite":
            assert self._url.database
            with self._original.connect() as connection:
                connection.exec_driver_sql("COMMIT")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.exec_driver_sql("BEGIN")
            shutil.copy(self._url.database, self._folder / "copy.db")
            self._engine = open_engine(f"sqlite:///{self._folder / 'copy.db'}")
            return self._engine
        self._original.dispose()
        self._name = f"{self._url.database}_copy"
        self._administer(f'CREATE DATABASE "{self._name}" TEMPLATE "{self._url.database}"')
        url = self._url.set(database=self._name).render_as_string(hide_password=False)
        self._engine = open_engine(url)
        return self._engine

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()
        if self._url.get_backend_name() != "sqlite":
            self._administer(f'DROP DATABASE "{self._name}" WITH (FORCE)')

    def _administer(self, statement: str) -> None:
        server = create_engine(make_url(self._url).set(database="postgres"), isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(text(statement))
        server.dispose()


def test_a_database_that_was_live_before_catches_up(rehearsing: Office) -> None:
    """A server that was moved: what fell due meanwhile, and was rehearsed on the new one, is said."""
    go_live(rehearsing, "2018-08-20 08:00")
    rehearsing.run("2018-08-27 12:00")
    with writing(rehearsing.engine) as connection:
        mode.rehearse(connection)
    rehearsing.run("2018-08-28 12:00")
    rehearsing.news()
    assert go_live(rehearsing, "2018-08-29 08:00").catch_up
    rehearsing.run("2018-08-29 12:00")
    assert rehearsing.news() == ["孙联络 wecom: A-1 remind"]


def test_what_was_said_live_is_not_said_again_after_a_restore(rehearsing: Office) -> None:
    go_live(rehearsing, "2018-08-20 08:00")
    rehearsing.run("2018-08-28 12:00")
    rehearsing.news()
    with writing(rehearsing.engine) as connection:
        mode.rehearse(connection)
    rehearsing.run("2018-08-28 14:00")
    go_live(rehearsing, "2018-08-28 15:00")
    rehearsing.run("2018-08-30 12:00")
    assert rehearsing.news() == []


# a pause


def test_a_pause_holds_delivery_not_planning(office: Office) -> None:
    office.obey()
    office.case("A-1", due="2018-08-31")
    office.case("A-2", due="2018-09-03")
    with writing(office.engine) as connection:
        mode.pause(connection, office.now, "王主任")
    office.prepare("2018-08-28 00:01").tick("2018-08-28 12:00")
    assert office.news() == []
    assert office.decided() == ["A-1 remind said"]
    assert office.notices() == ["孙联络 wecom ready"]
    office.happen("A-1", EventKind.SUBMITTED)
    office.prepare("2018-08-29 00:01").tick("2018-08-29 12:00")
    with reading(office.engine) as connection:
        assert holds.backlog(connection, office.now) == {"reminder": 2}
        assert len(holds.backlog_before(connection, at("2018-08-29"), office.now)) == 1
    with writing(office.engine) as connection:
        mode.resume(connection)
    office.run("2018-08-29 13:00")
    assert office.news() == ["孙联络 wecom: A-2 remind"], "A-1 has been handed in meanwhile"


def test_what_is_stale_can_be_dropped(office: Office) -> None:
    office.obey()
    office.case("A-1", due="2018-08-31")
    with writing(office.engine) as connection:
        mode.pause(connection, office.now, "王主任")
    office.prepare("2018-08-28 00:01").tick("2018-08-28 12:00")
    office.tick("2018-08-29 12:00")
    with reading(office.engine) as connection:
        stale = holds.backlog_before(connection, at("2018-08-29"), office.now)
    assert acts.withdraw(office.engine, stale, "王主任", office.now) == 1
    with writing(office.engine) as connection:
        mode.resume(connection)
    office.run("2018-08-31 12:00")
    assert office.news() == []
    assert office.items() == ["孙联络 A-1 remind dropped withdrawn"]
