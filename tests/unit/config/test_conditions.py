from __future__ import annotations

from collections.abc import Mapping

import pytest

from daemon.config.conditions import MAX_LENGTH, SAMPLE, check_condition, compile_condition
from daemon.config.words import WordError
from daemon.domain.ladder import PUBLISHED, SubjectKind

CASE, CAMPAIGN, PHASE = SubjectKind.CASE, SubjectKind.CAMPAIGN, SubjectKind.PHASE
SIGNED = {**SAMPLE, "case": {"state": "signed", "due_on": None}, "days_left": None}

TABLE = [
    ("open", CASE, True, False),
    ("not key", CASE, True, False),
    ("open and case.due_on is none", CASE, True, False),
    ('case.state == "returned"', CASE, False, False),
    ('case.state in ["signed", "rectifying"]', CASE, True, False),
    ("overdue or key", CASE, False, True),
    ("days_left < 5", CASE, False, True),
    ("unit.total - unit.closed >= 4", CASE, True, True),
    ("behind and total >= min_cases", CAMPAIGN, True, True),
    ("phase.days > 31", PHASE, True, False),
]


@pytest.mark.parametrize(("text", "kind", "holds", "moved"), TABLE)
def test_a_condition_holds_and_says_whether_time_moves_it(
    text: str, kind: SubjectKind, holds: bool, moved: bool
) -> None:
    check_condition(text, kind)
    condition = compile_condition(text)
    assert (condition.holds(SIGNED), condition.moved, condition.text) == (holds, moved, text)


REFUSED = [
    "case", "overdu", "unit", "nothing.at_all", "case.__class__", "open and", "open }} {{ open", '"', "",
    "range(9)", "case.no.upper()", 'case["state"]', "9 ** 9 ** 9", 'case.no * 99', '"a" ~ "b"',
    "case.no | upper", "case.no | length(1)", "(case.no | lower).upper", "case.no is defined",
    "open if key else key", 'case.found_on > "2018-08-01"', 'case.state == "retruned"', "[x for x in y]",
    "open or days_left < '3'", "open" + " or open" * MAX_LENGTH,
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_nothing_calls_indexes_or_names_what_is_not_published(text: str) -> None:
    with pytest.raises(WordError):
        check_condition(text, CASE)


def test_what_is_known_only_as_things_stand_now_is_no_name() -> None:
    """A ``when`` is judged as of an instant; what can still be closed in time is not."""
    with pytest.raises(WordError, match="没有“reachable”这个名称") as refused:
        check_condition("reachable < 0.6", SubjectKind.TARGET)
    assert "missing" in refused.value.hint


def test_values_of_the_campaign_are_known() -> None:
    check_condition('phase.id == "rectify"', PHASE, {"phase.id": ["plan", "rectify"]})
    with pytest.raises(WordError, match="rectifi"):
        check_condition('phase.id == "rectifi"', PHASE, {"phase.id": ["plan", "rectify"]})


def test_every_published_name_has_a_sample() -> None:
    def dotted(names: Mapping[str, object], before: str = "") -> set[str]:
        return {
            name
            for key, value in names.items()
            for name in (dotted(value, f"{key}.") if isinstance(value, Mapping) else {before + key})
        }

    assert dotted(SAMPLE) == {name for names in PUBLISHED.values() for name in names}
