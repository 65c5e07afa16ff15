"""A rule set is swapped in whole; it touches what it changes, and owes nothing of the time before it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from daemon.activate import ActiveRules, activate, touch_on
from daemon.domain.ladder import SubjectKind
from daemon.errors import NotFoundError
from daemon.store import agenda, tables
from tests.integration.office import DUE, TOWN, ZONE, Office, at, rules
from tests.servers import PATIENCE

ASSIGNED = """
  case-assigned:
    about: case
    from: assigned
    rungs:
      early: {at: +1 workday, act: notice, to: [unit.liaison]}
      late:  {at: +11 workdays, act: notice, to: [unit.liaison]}
"""
"""For a case assigned on 2018-08-16: 08-17, and 08-31."""
PER_UNIT = """
  pace:
    about: campaign
    per: unit
    from: start
    when: behind
    rungs:
      behind: {at: +1 month, every: month, until: +28 months, act: early_warning, to: [unit.head]}
"""
FILED = """
  filing-due:
    about: filing
    from: due
    rungs:
      remind: {at: -2 workdays, act: reminder, to: [unit.liaison]}
"""


@pytest.fixture
def running(office: Office) -> Office:
    """Two cases due on 2018-08-31, looked at and waiting for their day."""
    office.obey()
    for no in ("A-1", "A-2"):
        office.case(no, due="2018-08-31")
    office.scan()
    return office.at("2018-08-20 10:00")


def test_without_rules_nothing_runs(office: Office) -> None:
    with pytest.raises(NotFoundError, match="还没有启用规则"):
        office.rules()


def test_the_same_rules_again_change_nothing(running: Office) -> None:
    before = running.rows(tables.agenda)
    again = running.obey()
    assert (again.changed, again.touched, again.new_subjects) == ((), 0, 0)
    assert running.rows(tables.agenda) == before
    assert len(running.rows(tables.activations)) == 1


def test_a_changed_ladder_touches_its_own_subjects_alone(office: Office) -> None:
    office.obey(DUE + ASSIGNED)
    office.case("A-1", due="2018-08-31")
    office.scan()
    office.at("2018-08-20 10:00")
    before = office.agenda("A-1")
    done = office.obey(DUE.replace("-3 workdays", "-4 workdays") + ASSIGNED)
    after = office.agenda("A-1")
    assert (done.changed, done.touched) == (("case-due",), 1)
    assert after["case-due"].due_at == office.now
    assert after["case-due"].standing == before["case-due"].standing, "an edit moves nobody's standing"
    assert after["case-assigned"] == before["case-assigned"]


def test_the_calendar_touches_all(office: Office) -> None:
    office.obey(DUE + ASSIGNED)
    office.case("A-1", due="2018-08-31")
    office.scan()
    off = "years: {2018: {source: 样例, off: [2018-08-28]}}"
    done = office.obey(DUE + ASSIGNED, ("calendar.yaml", "years: {}", off))
    assert set(done.changed) == {"case-due", "case-assigned"}
    assert done.touched == 2
    office.scan("2018-08-27 08:00")
    assert office.decided("A-1")[-1] == "A-1 remind said", "a day off the earlier"


def test_a_new_ladder_speaks_from_now_on(running: Office) -> None:
    done = running.obey(DUE + ASSIGNED)
    assert done.changed == ("case-assigned",)
    assert set(running.agenda("A-1")) == {"case-due", "case-assigned"}
    running.run("2018-08-31 18:00")
    said = [words for words in running.decided("A-1") if "remind" not in words]
    assert said == ["A-1 late said"], "what it would have said before it came is not owed"


def test_not_even_to_a_case_that_comes_later(running: Office) -> None:
    running.obey(DUE + ASSIGNED)
    running.case("A-3", due="2018-09-28", assigned="2018-08-16")
    running.scan()
    assert running.decided("A-3") == []


def test_a_rung_knows_since_when_it_speaks_as_it_does(running: Office) -> None:
    """+3 workdays becomes +2: still ahead under the old wording, behind under the new, it is owed at once."""
    running.run("2018-09-04 18:00")
    running.news()
    running.obey(DUE.replace("+3 workdays", "+2 workdays"))
    rung = running.rules().ladders["case-due"].rung("head")
    assert rung
    assert rung.since == running.now
    assert str(rung.former.at if rung.former else "") == "+3 workdays"
    running.run("2018-09-05 18:00")
    assert running.news() == ["赵书记 wecom: A-1 head, A-2 head"]


def test_a_rung_already_said_is_not_said_again_under_new_words(running: Office) -> None:
    running.run("2018-09-05 18:00")
    running.news()
    running.obey(DUE.replace("+3 workdays", "+5 workdays"))
    running.run("2018-09-14 18:00")
    assert running.news() == []


def test_rules_changed_and_changed_back(running: Office) -> None:
    running.run("2018-08-28 18:00")
    running.news()
    running.obey(DUE.replace("-3 workdays", "-2 workdays"))
    running.obey(DUE)
    running.run("2018-08-31 18:00")
    assert running.news() == []
    assert [row.hash for row in running.rows(tables.activations)][::2] == [running.rules().hash] * 2


RENAMED = {
    "rung": DUE.replace("remind:  {at", "warn: {was: remind, at"),
    "ladder": DUE.replace("case-due:\n", "case-limit:\n    was: case-due\n"),
}


@pytest.mark.parametrize("what", RENAMED)
@pytest.mark.parametrize("moment", ["2018-08-20 10:00", "2018-08-28 08:00", "2018-08-29 10:00"])
def test_a_new_name_changes_nothing(running: Office, what: str, moment: str) -> None:
    """Renamed before a reminder is decided, when it is decided and not yet sent, and when it was sent."""
    running.run(moment)
    running.obey(RENAMED[what])
    running.run("2018-09-05 18:00")
    running.obey(DUE)
    running.run("2018-09-28 18:00")
    said = [words.split(": ")[1].split(", ")[0].split()[1] for words in running.sent()]
    assert len(said) == 3
    assert said[0] in ("remind", "warn")
    assert said[1:] == ["overdue", "head"]
    assert running.rows(tables.agenda)[0].ladder == "case-due", "rolled back, it has its old name again"


def test_an_interrupted_activation_is_finished_by_the_next_tick(
    running: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("daemon.activate.touch_on", lambda _engine: 0)
        running.obey(DUE.replace("-3 workdays", "-9 workdays"))
    assert running.agenda("A-1")["case-due"].due_at != running.now, "nobody has looked yet"
    running.tick()
    assert running.decided("A-1") == ["A-1 remind said"]


def test_a_large_activation_goes_in_chunks(running: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agenda.touch_some, "__defaults__", (None, 1))
    pauses: list[float] = []
    monkeypatch.setattr(touch_on, "__defaults__", (pauses.append,))
    assert running.obey(DUE.replace("-3 workdays", "-4 workdays")).touched == 2
    assert [bool(pause) for pause in pauses] == [True, True, False]
    assert {row.due_at for row in running.rows(tables.agenda)} == {running.now}


def test_who_else_reads_the_rules_sees_the_new_ones(running: Office) -> None:
    elsewhere = ActiveRules(running.engine)
    old = elsewhere()
    assert elsewhere() is old
    running.obey(DUE + ASSIGNED)
    assert set(elsewhere().ladders) == {"case-due", "case-assigned"}


def test_activated_while_workers_send_nothing_goes_that_the_new_rules_do_not_say(office: Office) -> None:
    office.obey()
    for number in range(16):
        office.hire(TOWN, "联络员", f"联络{number}")
    office.case("A-1", due="2018-08-31")
    office.prepare("2018-08-28 09:12")
    waiting, begun, active = office.ready("wecom"), Event(), Event()

    def deliver(number: int) -> tuple[bool, int]:
        after = active.is_set()
        sent = office.deliver_on("wecom", [number])
        begun.set()
        return after, sent

    def strike_out() -> None:
        assert begun.wait(PATIENCE)
        office.obey(DUE.replace("remind:", "early:").replace("-3 workdays", "-2 workdays"))
        active.set()

    with ThreadPoolExecutor(3) as pool:
        edited = pool.submit(strike_out)
        done = list(pool.map(deliver, waiting[:8]))
        edited.result()
        done += pool.map(deliver, waiting[8:])
    assert {sent for after, sent in done if after} == {0}
    assert sum(sent for _, sent in done) == len(office.sent()) > 0
    assert {words.split(" ", 3)[3] for words in office.items()} == {"said", "dropped rule_gone"}


def test_of_two_hosts_that_start_at_once_one_activates(office: Office) -> None:
    source = rules(DUE + PER_UNIT + FILED)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: activate(office.engine, source, office.now), range(4)))
    assert len({each.hash for each in done}) == 1
    assert len(office.rows(tables.activations)) == 1
    assert len(office.rows(tables.campaigns)) == 1


class TestSubjects:
    """Filings, phases, targets and campaigns come from the rules, for the units that stand."""

    def test_they_are_made_for_each_unit(self, office: Office) -> None:
        office.obey(DUE + PER_UNIT + FILED)
        counts: dict[tuple[str, bool], int] = {}
        for row in office.rows(tables.subjects):
            key = (row.kind, row.unit_id is not None)
            counts[key] = counts.get(key, 0) + 1
        assert counts == {
            ("phase", False): 3,
            ("target", False): 3,
            ("campaign", False): 1,
            ("campaign", True): 2,
            ("filing", True): 8,
        }

    def test_a_deadline_in_the_file_that_moves_moves_its_filings(self, office: Office) -> None:
        office.at("2018-07-25 09:00").obey(FILED)
        later = ("campaigns/panshi-2018.yaml", "due: 2018-08-15", "due: 2018-08-31")
        office.run("2018-08-13 18:00")
        office.at("2018-08-14 09:00").obey(FILED, later)
        assert {str(row.due_on) for row in office.rows(tables.subjects) if row.key == "issue-list"} == {
            "2018-08-31"
        }
        office.run("2018-08-30 18:00")
        said = [words for words in office.sent() if "issue-list" in words]
        assert len(said) == 4, "the old date's reminder on 08-13, and the new one's on 08-29"

    def test_a_filing_struck_out_is_no_longer_asked_for(self, office: Office) -> None:
        office.at("2018-07-25 09:00").obey(FILED)
        with_roster = "  roster:     {phase"
        gone = ("campaigns/panshi-2018.yaml", with_roster, "  other:      {phase")
        office.obey(FILED, gone)
        office.run("2018-07-31 18:00")
        assert not any("roster" in words for words in office.sent())
        assert any("other" in words for words in office.sent())

    def test_a_filing_that_comes_back_is_asked_for_again(self, office: Office) -> None:
        office.at("2018-07-25 09:00").obey(FILED)
        office.obey(FILED, ("campaigns/panshi-2018.yaml", "  roster:     {phase", "  other:      {phase"))
        office.run("2018-07-26 09:00")
        office.obey(FILED)
        office.run("2018-07-31 18:00")
        assert any("roster" in words for words in office.sent())

    def test_what_was_due_before_the_rules_came_is_not_owed(self, office: Office) -> None:
        office.obey(FILED)
        office.run("2018-08-31 18:00")
        assert office.sent() == []

    def test_a_unit_that_comes_later_has_its_own(self, office: Office) -> None:
        office.obey(PER_UNIT)
        office.change("INSERT INTO units (name, kind) VALUES ('新设局', '市直部门')")
        office.bring()
        kinds = [row.kind for row in office.rows(tables.subjects) if row.unit_id == office.units["新设局"]]
        assert sorted(kinds) == ["campaign", *["filing"] * 4]
        assert {row.unit_id for row in office.rows(tables.subjects) if row.kind == "campaign"} >= {
            office.units[TOWN],
            office.units[ZONE],
        }

    def test_every_subject_is_on_the_ladders_about_it(self, office: Office) -> None:
        office.obey(DUE + PER_UNIT + FILED)
        on_ladders = {(row.subject_kind, row.ladder) for row in office.rows(tables.agenda)}
        assert on_ladders == {("campaign", "pace"), ("filing", "filing-due")}
        behind = [row for row in office.rows(tables.agenda) if row.ladder == "pace"]
        assert len(behind) == 2, "one for each unit, none for the campaign as a whole"
        assert {row.since for row in behind} == {at("2018-08-16")}
        assert SubjectKind(behind[0].subject_kind) is SubjectKind.CAMPAIGN


def test_what_the_new_rules_do_not_say_is_not_sent_even_if_it_was_decided(running: Office) -> None:
    running.run("2018-08-28 08:00")
    assert running.decided("A-1") == ["A-1 remind said"]
    running.obey(DUE.replace("remind:  {at: -3 workdays, act: reminder, to: [unit.liaison]}", ""))
    running.run("2018-08-31 18:00")
    assert running.sent() == []


def test_what_was_bundled_and_not_yet_sent_is_dropped_too(running: Office) -> None:
    running.at("2018-08-28 09:10").scan()
    running.release()
    running.obey(DUE.replace("remind:  {at: -3 workdays, act: reminder, to: [unit.liaison]}", ""))
    running.run("2018-08-31 18:00")
    assert running.sent() == []
