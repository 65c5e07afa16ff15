"""A rung that is new or changed speaks from its activation on (the last rows of design.md §2.2's table)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daemon.config.compiled import compile_rules
from daemon.config.history import RungHistory, dump_history, parse_history, rung_history, wording_dict
from daemon.config.source import RuleSource
from daemon.domain.workdays import Offset, Span
from tests.unit.config.folder import Folder

T1, T2 = datetime(2018, 9, 1, 2, tzinfo=UTC), datetime(2018, 10, 1, 2, tzinfo=UTC)
REMIND = ("case-due", "remind")
Edit = Callable[..., RuleSource]


@pytest.fixture
def edit(tmp_path: Path) -> Edit:
    """Return a function that gives the shipped rules with some changes of ladders.yaml."""
    names = iter(range(99))

    def edited(*changes: str) -> RuleSource:
        folder = Folder(tmp_path / str(next(names)))
        for change in changes:
            folder.change("ladders.yaml", change)
        return folder.load()

    return edited


def test_the_words_of_a_rung_are_json(edit: Edit) -> None:
    words = wording_dict(edit())
    assert words["case-due", "head-again"] == {
        "from": "due",
        "at": "+30 workdays",
        "every": "20 workdays",
        "until": None,
        "times": None,
        "when": ["open"],
        "days": "workdays",
    }
    assert words["case-without-deadline", "again"]["when"] == ["open and case.due_on is none"]
    assert words["case-assigned", "not-signed"]["when"] == ["open", "unsigned"]
    assert json.loads(json.dumps(words["pace", "behind"])) == words["pace", "behind"]


SPEAKS_OTHERWISE = [
    "remind:     {at: ⟦-3 workdays→-5 workdays⟧",
    "-3 workdays,  ⟦→when: key, ⟧act: reminder",
    "-3 workdays,  ⟦→every: week, ⟧act: reminder",
    "{bundle: morning, when: ⟦open→open or open⟧}",
]


@pytest.mark.parametrize("change", SPEAKS_OTHERWISE)
def test_a_changed_rung_speaks_from_its_activation_and_keeps_its_former_words(
    edit: Edit, change: str
) -> None:
    old = edit()
    history = rung_history(old, {}, edit(change), T1)
    assert history[REMIND] == RungHistory(T1, wording_dict(old)[REMIND])


def test_a_rung_that_counts_from_another_day_speaks_otherwise(edit: Edit) -> None:
    old, key = edit(), ("case-assigned", "head")
    new = edit("    from: ⟦assigned→registered⟧\n    rungs:\n      hand-over")
    assert rung_history(old, {}, new, T1)[key] == RungHistory(T1, wording_dict(old)[key])


SPEAKS_ALIKE = [
    "-3 workdays,  act: ⟦reminder→urge⟧",
    "remind:     {at: -3 workdays,  act: reminder, to: [⟦unit.liaison→unit.head⟧, unit",
    "-3 workdays,  ⟦→bundle: brief, ⟧act: reminder",
    "-3 workdays,  ⟦→unless: signed, ⟧act: reminder",
    "remind:     {at: -3 ⟦workdays→workday⟧",
    "⟦# 梯次→# 说明⟧",
]


@pytest.mark.parametrize("change", SPEAKS_ALIKE)
def test_who_is_told_and_how_is_not_when(edit: Edit, change: str) -> None:
    history = rung_history(edit(), {}, edit(change), T1)
    assert set(history.values()) == {RungHistory()}


def test_a_new_rung_speaks_from_its_activation(edit: Edit) -> None:
    new = edit(
        "    rungs:\n⟦→      early: {at: -20 workdays, act: reminder, to: [unit.liaison]}\n⟧      preview"
    )
    assert rung_history(edit(), {}, new, T1)["case-due", "early"] == RungHistory(T1)


def test_catch_up_says_the_past_too(edit: Edit) -> None:
    new = edit("remind:     {at: ⟦-3 workdays→-5 workdays, catch_up: true⟧")
    assert rung_history(edit(), {}, new, T1)[REMIND] == RungHistory()


def test_an_unchanged_rung_keeps_its_history(edit: Edit) -> None:
    first = edit("remind:     {at: ⟦-3 workdays→-5 workdays⟧")
    history = rung_history(edit(), {}, first, T1)
    second = edit("remind:     {at: ⟦-3 workdays→-5 workdays⟧", "preview:    {at: ⟦-10→-12⟧")
    after = rung_history(first, history, second, T2)
    assert after[REMIND] == history[REMIND]
    assert after["case-due", "preview"].since == T2


def test_a_rollback_is_a_change_like_any_other(edit: Edit) -> None:
    old, new = edit(), edit("remind:     {at: ⟦-3 workdays→-5 workdays⟧")
    back = rung_history(new, rung_history(old, {}, new, T1), old, T2)
    assert back[REMIND] == RungHistory(T2, wording_dict(new)[REMIND])


RENAMES = [
    ("      ⟦remind→warn⟧:     {at", "-3 workdays,  ⟦→was: remind, ⟧act: reminder", ("case-due", "warn")),
    ("  ⟦case-due→case-limit⟧:", "    about: case  ⟦→\n    was: case-due ⟧", ("case-limit", "remind")),
]


@pytest.mark.parametrize(("rename", "was", "key"), RENAMES)
def test_what_was_renamed_carries_its_former_words(
    edit: Edit, rename: str, was: str, key: tuple[str, str]
) -> None:
    old, new = edit(), edit(rename, was)
    history = rung_history(old, {}, new, T1)
    assert history[key] == RungHistory(T1, wording_dict(old)[REMIND])
    assert rung_history(new, history, new, T2) == history


def test_history_is_kept_as_json(edit: Edit) -> None:
    history = rung_history(edit(), {}, edit("remind:     {at: ⟦-3 workdays→-5 workdays⟧"), T1)
    stored = json.loads(json.dumps(dump_history(history)))
    assert parse_history(stored) == {REMIND: history[REMIND]}


def test_the_compiled_rung_knows_since_when_and_what_before(edit: Edit) -> None:
    old, new = edit(), edit("remind:     {at: ⟦-3 workdays→-5 workdays⟧")
    rules = compile_rules(new, rung_history(old, {}, new, T1))
    rung = rules.ladders["case-due"].rung("remind")
    assert rung is not None
    assert (rung.since, rung.wording.at) == (T1, Offset(-5, Span.WORKDAYS))
    assert rung.former == compile_rules(old).ladders["case-due"].rungs[1].wording
