"""The whole campaign, simulated: from the first notice to the last verdict."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date

import pytest

from daemon import sheets
from tests.acceptance.program import LEDGER, SAMPLES, duban
from tests.acceptance.told import Line, simulated

KEYS = {"at", "to", "channel", "act", "ladder", "rung", "template", "items", "text"}
ITEM_KEYS = {"ladder", "rung", "occurrence", "subject", "part"}
TRUTH = json.loads((SAMPLES / "ledger-2018-2020.truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def said() -> list[Line]:
    return simulated(duban("simulate", "--demo", "--from", "2018-07-25", "--to", "2021-01-31", "--json"))


def test_the_verdicts_tell_the_rates_of_the_ledger(said: list[Line]) -> None:
    for milestone in TRUTH["milestones"]:
        final = [line for line in said if ("target", "final", milestone["date"]) in subjects_of(line)]
        assert final, f"no verdict of {milestone['date']}"
        for line in final:
            assert re.search(rf"{milestone['total']}\D+{milestone['closed']}\D", line["text"])


def test_nobody_hears_of_a_case_on_the_day_it_is_closed_or_later(said: list[Line]) -> None:
    closed = {row.no: row.closed_on for row in sheets.read(LEDGER).cases if row.closed_on}
    about = [
        (date.fromisoformat(line["at"][:10]), item["subject"]["id"])
        for line in said
        for item in line["items"]
        if item["subject"]["kind"] == "case" and item["subject"]["id"] in closed
    ]
    assert len(about) > 500
    assert [(day, no) for day, no in about if day >= closed[no]] == []


def test_nobody_is_flooded(said: list[Line]) -> None:
    a_day = Counter((line["to"]["person"], line["at"][:10]) for line in said if line["act"])
    assert max(a_day.values()) <= 3


def test_each_line_has_the_keys_of_the_contract(said: list[Line]) -> None:
    for line in said:
        assert line.keys() == KEYS
        assert line["to"].keys() == {"person", "post", "unit"}
        assert line["at"].endswith("+08:00")
        assert line["text"] or line["channel"] == "manual"
        for item in line["items"]:
            assert item.keys() == ITEM_KEYS
            assert item["subject"].keys() == {"kind", "id"}
            assert item["part"] in ("to", "copy")


def subjects_of(line: Line) -> set[tuple[str, str, str]]:
    return {(item["ladder"], item["rung"], item["subject"]["id"]) for item in line["items"]}
