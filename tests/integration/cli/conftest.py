"""An office with a state folder of its own, a clock of its own, and ``duban`` at its fingertips."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from daemon import clock
from daemon.activate import ActiveRules
from daemon.cli import main
from daemon.deliver import Deliverer
from daemon.simulate import Collected, deliver_here
from daemon.store import mode
from daemon.store.engine import open_engine, writing

ROOT = Path(__file__).parents[3]
CONFIG, DEMO = ROOT / "config", ROOT / "config" / "demo"
ZONE = ZoneInfo("Asia/Shanghai")
BEGINNING = "2018-08-16 08:00"


@dataclass(frozen=True)
class Answer:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def faults(self) -> list[str]:
        """What stands on stderr below the line that says what is used."""
        return [line for line in self.err.splitlines() if not line.startswith("配置 ")]


@dataclass(frozen=True)
class Office:
    """Runs ``duban`` in this process, at a virtual time, on a state folder of its own."""

    state: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *args: object) -> Answer:
        self.capsys.readouterr()
        code = main([str(arg) for arg in args])
        said = self.capsys.readouterr()
        return Answer(code, said.out, said.err)

    def at(self, words: str) -> None:
        """Let it be that time; nothing happens by itself."""
        clock.jump(self.state / "clock", datetime.fromisoformat(words).replace(tzinfo=ZONE))

    def go_live(self) -> Office:
        """Be live, without the questions: a copied database wakes in rehearsal."""
        engine = open_engine(f"sqlite:///{self.state / 'duban.db'}")
        with writing(engine) as connection:
            mode.go_live(connection, clock.now())
        engine.dispose()
        return self

    def work(self, words: str) -> None:
        """Let it be that time, and let the service do all that is due."""
        self.at(words)
        engine = open_engine(f"sqlite:///{self.state / 'duban.db'}")
        rules = ActiveRules(engine)
        deliverer = Deliverer(engine, rules, lambda rule_set: dict.fromkeys(rule_set.channels, Collected))
        deliver_here(engine, deliverer, rules)(clock.now())
        engine.dispose()


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Office:
    """An office whose database has not been made yet."""
    state = tmp_path / "state"
    state.mkdir()
    monkeypatch.setenv("DUBAN_STATE", str(state))
    monkeypatch.setenv("DUBAN_CONFIG", str(CONFIG))
    monkeypatch.setenv("DUBAN_CLOCK", str(state / "clock"))
    for name in ("DUBAN_DATABASE_URL", "DUBAN_REDIS_URL", "COLUMNS"):  # xdist sets a width
        monkeypatch.delenv(name, raising=False)
    office = Office(state, capsys)
    office.at(BEGINNING)
    return office


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for state folders that are made once and copied for each test."""
    return tmp_path_factory.mktemp("prepared")


def brought_in(office: Office, prepared: Path, *workbooks: str) -> Office:
    """Give an office a database with these workbooks in it."""
    ready = prepared / "-".join(workbooks)
    if ready.exists():
        shutil.copytree(ready, office.state, dirs_exist_ok=True)
        return office.go_live()
    assert office("migrate").code == 0
    answer = office("import", *(DEMO / workbook for workbook in workbooks), "--yes")
    assert answer.code == 0, answer.err
    shutil.copytree(office.state, ready)
    return office.go_live()


@pytest.fixture
def office(bare: Office, prepared: Path) -> Office:
    """An office with its directory: units, people and posts, and the rules in force since 2018-08-16."""
    return brought_in(bare, prepared, "directory.xlsx")


@pytest.fixture
def busy_office(bare: Office, prepared: Path) -> Office:
    """An office with its directory and the hundred cases of the issue list, before anybody was told."""
    return brought_in(bare, prepared, "directory.xlsx", "issue-list.xlsx")
