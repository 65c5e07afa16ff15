"""Simulate says what a real run sends: item for item, minute for minute, word for word."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.program import DIRECTORY, LEDGER, SAMPLES, Answer, duban
from tests.acceptance.told import Line, Told, demonstrated, said_items, simulated
from tests.servers import postgres_url

TRUTH = json.loads((SAMPLES / "ledger-2018-2020.truth.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Desk:
    """An installation that knows who is who, and nothing else."""

    folder: Path

    @property
    def env(self) -> Mapping[str, str]:
        return {"DUBAN_STATE": str(self.folder / "state"), "DUBAN_CONFIG": str(SAMPLES.parent)}

    @property
    def database(self) -> Path:
        return self.folder / "state" / "duban.db"

    def install(self) -> None:
        for args in (("migrate",), ("reload", "--yes"), ("import", DIRECTORY, "--yes")):
            answer = duban(*args, env=self.env, cwd=self.folder)
            assert answer.code == 0, answer.err

    def simulate(self, since: str, until: str, seed: int = 0) -> Answer:
        """Simulate from an empty folder of its own, with this seed for Python's hashes."""
        env = {**self.env, "PYTHONHASHSEED": str(seed)}
        args = ("--from", since, "--to", until, "--history", LEDGER, "--json")
        return duban("simulate", *args, env=env, cwd=self.folder)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    made = Desk(tmp_path_factory.mktemp("desk"))
    made.install()
    return made


def whole(lines: list[Line], *, in_order: bool) -> Counter[str]:
    """Count lines by all that they say; else without their words, whatever the order of their items."""
    if not in_order:
        lines = [{**line, "text": "", "items": sorted(line["items"], key=json.dumps)} for line in lines]
    return Counter(json.dumps(line, ensure_ascii=False, sort_keys=True) for line in lines)


@dataclass(frozen=True)
class Pair:
    """The same stretch of time, played and simulated."""

    told: Told
    said: list[Line]


@pytest.fixture(scope="class", params=["2018-08-16 2018-09-14 sqlite", "2018-12-03 2019-01-20 postgresql"])
def pair(
    request: pytest.FixtureRequest, desk: Desk, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    since, until, database = request.param.split()
    with ExitStack() as stack:
        url = stack.enter_context(postgres_url()) if database == "postgresql" else ""
        told = demonstrated(tmp_path_factory.mktemp("demo") / "state", since, until, url)
        assert told.answer.code == 0, told.answer.err[-2000:]
        yield Pair(told, simulated(desk.simulate(since, until)))


class TestSimulationAndDemonstration:
    def test_they_say_the_same_items_to_the_same_people(self, pair: Pair) -> None:
        assert said_items(pair.said) == said_items(pair.told.lines())

    def test_they_say_it_at_the_same_minute_in_the_same_words(self, pair: Pair) -> None:
        # Items of one weight follow the order in which the database gave them.
        alike = not pair.told.database
        assert whole(pair.said, in_order=alike) == whole(pair.told.lines(), in_order=alike)

    def test_it_arrived_when_it_was_said(self, pair: Pair) -> None:
        arrived = Counter((row["name"], row["at"][:16]) for row in pair.told.inbox)
        said = Counter(
            (line["to"]["person"], line["at"][:16]) for line in pair.said if line["channel"] != "manual"
        )
        assert all(arrived[each] >= said[each] for each in said), "a joined leg arrives once by each channel"

    def test_each_counts_as_many_notices(self, pair: Pair) -> None:
        assert pair.told.figures["notices"] == len(pair.said)

    def test_the_rates_are_those_of_the_milestones_passed(self, pair: Pair) -> None:
        until = max(line["at"][:10] for line in pair.said)
        expected = [(m["date"], m["total"], m["closed"]) for m in TRUTH["milestones"] if m["date"] <= until]
        assert [(r["on"], r["total"], r["closed"]) for r in pair.told.figures["rates"]] == expected
        assert all(r["verdict"] == "missed" for r in pair.told.figures["rates"]), (
            "33 of 108 is less than 60 %"
        )


def test_two_simulations_are_the_same_to_the_byte_and_change_nothing(desk: Desk) -> None:
    before = hashlib.sha256(desk.database.read_bytes()).hexdigest()
    files = sorted(desk.folder.rglob("*"))
    one, two = (desk.simulate("2018-08-16", "2018-08-24", seed) for seed in (1, 2))
    assert one.code == two.code == 0
    assert one.out == two.out
    assert len(one.lines) > 100
    assert hashlib.sha256(desk.database.read_bytes()).hexdigest() == before
    assert sorted(desk.folder.rglob("*")) == files
