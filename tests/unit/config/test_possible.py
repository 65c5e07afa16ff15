"""Contradictions are found, and nothing else is taken for one."""

from __future__ import annotations

import pytest

from daemon.config.possible import Moment, can_hold
from daemon.domain.ladder import SubjectKind

CASE, FILING, TARGET, PHASE = SubjectKind.CASE, SubjectKind.FILING, SubjectKind.TARGET, SubjectKind.PHASE
PHASES = ((("phase.id", "plan"), ("phase.days", 7)), (("phase.id", "rectify"), ("phase.days", 869)))

NEVER = [
    (Moment(CASE), "open", 'case.state == "closed"'),
    (Moment(CASE), "open", "not open"),
    (Moment(CASE), 'case.state == "signed" and unsigned'),
    (Moment(CASE), "days_left > 5", "days_left < 3"),
    (Moment(CASE), "overdue and days_left > 0"),
    (Moment(CASE), "overdue", 'case.state == "submitted"'),
    (Moment(CASE, has_deadline=True), "case.due_on is none"),
    (Moment(CASE, days_left=frozenset({3, 4, 5}), has_deadline=True), "overdue"),
    (Moment(CASE, days_left=frozenset({3, 4, 5}), has_deadline=True), "days_left < 3"),
    (Moment(FILING), "unsigned", 'filing.state == "submitted"'),
    (Moment(TARGET), "not open"),
    (Moment(PHASE, PHASES), "phase.days > 1000"),
    (Moment(PHASE, PHASES), 'phase.id == "plan" and phase.days > 31'),
]


@pytest.mark.parametrize(("moment", "texts"), [(row[0], row[1:]) for row in NEVER])
def test_what_nothing_can_meet(moment: Moment, texts: tuple[str, ...]) -> None:
    assert not can_hold(texts, moment)


SOMETIMES = [
    (Moment(CASE), "open", "unsigned"),
    (Moment(CASE), "open", "overdue", "key"),
    (Moment(CASE), "open and case.due_on is none"),
    (Moment(CASE), "days_left > 5", "days_left < 7"),
    (Moment(CASE), "days_left is none"),
    (Moment(CASE), "case.amount > 1000 and case.amount <= 5000"),
    (Moment(CASE), "unit.total - unit.closed > 40"),
    (Moment(CASE), 'unit.kind in ["乡镇街", "开发区"]', 'unit.name != "明城镇"'),
    (Moment(CASE), 'case.category == "甲" or case.category == "乙"'),
    (Moment(TARGET), 'verdict == "missed"', "rate < 0.6 and rate > 0.55"),
    (Moment(SubjectKind.CAMPAIGN), "behind and total >= min_cases"),
    (Moment(PHASE, PHASES), "phase.days > 31"),
    (Moment(CASE, states=frozenset({"submitted"})), 'case.state == "submitted"'),
]


@pytest.mark.parametrize(("moment", "texts"), [(row[0], row[1:]) for row in SOMETIMES])
def test_what_something_can_meet(moment: Moment, texts: tuple[str, ...]) -> None:
    assert can_hold(texts, moment)
