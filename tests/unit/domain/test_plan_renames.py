"""A rung that is given another name goes on as if it had kept the old one."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.ladder import Ladder, Rung, Wording
from daemon.domain.plan import Item, ReasonCode, still_due
from daemon.domain.standing import Move
from tests.unit.domain.office import Key, Office, at, ladder, on, rung, thorough, wording
from tests.unit.domain.worlds import (
    DUE,
    ENTERS,
    FIRST,
    LAST,
    MOMENTS,
    activate,
    calendars,
    publish,
    set_due,
    take_back,
    wordings,
)

DUE_ON = on("2018-12-31")


def warn(words: str, **more: object) -> Ladder:
    return ladder(rung("warn", wording(words, **more), was=("remind",)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "more"),
    [("-3 workdays", {}), ("-10 workdays", {}), ("0 days", {"repeat": "1 week"}), ("+1 workday", {})],
)
@pytest.mark.parametrize("moment", ["2018-12-20 10:00", "2018-12-28 10:00", "2019-01-09 10:00"])
def test_a_new_name_changes_nothing(words: str, more: dict[str, object], moment: str) -> None:
    def case() -> Office:
        rules = ladder(rung("remind", wording(words, **more)))  # type: ignore[arg-type]
        return Office(rules, start=at("2018-11-01"), due=DUE_ON)

    renamed = case().play([(at(moment), partial(activate, warn(words, **more)))], LAST)
    assert [day for day, _ in renamed.told()] == [day for day, _ in case().run(LAST).told()]


def test_what_was_decided_under_the_old_name_is_still_due() -> None:
    office = Office(warn("-3 workdays"), start=at("2018-11-01"), due=DUE_ON)
    rules = office.ladders["case-due"]
    decided = Item(rules, "remind", "", 1, on("2018-12-27"), at("2018-12-27"))
    assert still_due(decided, office.facts(), at("2018-12-27 09:10")) is None
    gone = still_due(
        Item(rules, "other", "", 1, on("2018-12-27"), at("2018-12-27")), office.facts(), at("2018-12-27")
    )
    assert gone
    assert gone.code is ReasonCode.RULE_GONE


NAMES = ("plain", "other", "third")
Edit = tuple[list[Wording], list[str]]
EDITS = st.tuples(
    st.lists(wordings(), min_size=2, max_size=2), st.lists(st.sampled_from(NAMES), min_size=2, max_size=2)
)
CHANGES = st.one_of(
    st.builds(partial, st.just(set_due), DUE, st.just(Move.LOOKED)),
    st.just(take_back),
    calendars().map(lambda calendar: partial(publish, calendar)),
)


def named(words: list[Wording], names: list[str]) -> Ladder:
    """Return a ladder of two rungs under these names; each knows the others it may have had."""
    return ladder(*(_named(n, one, name) for n, (one, name) in enumerate(zip(words, names, strict=True))))


def _named(n: int, words: Wording, name: str) -> Rung:
    return rung(f"{name}-{n}", words, was=tuple(f"{other}-{n}" for other in NAMES if other != name))


def unnamed(office: Office) -> dict[Key, object]:
    """Return what was settled, whatever the rungs were called then."""
    return {
        Key(key.ladder, key.rung[-1], key.version, key.occurrence): done
        for key, done in office.settled.items()
    }


@thorough
@given(
    st.lists(wordings(), min_size=2, max_size=2),
    ENTERS,
    DUE,
    st.lists(st.tuples(MOMENTS, EDITS), max_size=5),
    st.lists(st.tuples(MOMENTS, CHANGES), max_size=3),
)
def test_whatever_happens_names_do_not_matter(
    first: list[Wording],
    enters: Move,
    due: date,
    edits: list[tuple[datetime, Edit]],
    changes: list[tuple[datetime, partial[None]]],
) -> None:
    def lived(*, renaming: bool) -> Office:
        office = Office(named(first, ["plain", "plain"]), start=FIRST)
        office.happen(enters, due=due)
        script = [
            (moment, partial(activate, named(words, names if renaming else ["plain", "plain"])))
            for moment, (words, names) in edits
        ]
        return office.play([*script, *changes], LAST)

    assert unnamed(lived(renaming=True)) == unnamed(lived(renaming=False))
