"""Faulty config and faulty workbooks: nothing starts, nothing is stored, and one line says each fault."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from tests.acceptance.program import DIRECTORY, ROOT, SAMPLES, Answer, duban

FAULTS = json.loads((SAMPLES / "issue-list-faulty.expected.json").read_text(encoding="utf-8"))
SECRETS = [
    "DUBAN_SMTP_PASSWORD",
    "DUBAN_TENCENT_SECRET_ID",
    "DUBAN_TENCENT_SECRET_KEY",
    "DUBAN_WECOM_AGENT_ID",
    "DUBAN_WECOM_CORP_ID",
    "DUBAN_WECOM_SECRET",
]
COMMANDS = [("check",), ("reload", "--yes"), ("run",)]
PLACE = re.compile(r"^\S+\.(?:yaml|j2):\d+:\d+: ")


@dataclass(frozen=True)
class Desk:
    """A folder with a config of one's own; no service runs."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "config"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def env(self) -> Mapping[str, str]:
        return {"DUBAN_STATE": str(self.state), "DUBAN_CONFIG": str(self.config)}

    def duban(self, *args: object) -> Answer:
        return duban(*args, env=self.env, cwd=self.folder)

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.config / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def stored(self) -> bytes:
        return (self.state / "duban.db").read_bytes()


def laid_out(folder: Path) -> Desk:
    copytree(ROOT / "config", folder / "config", ignore=ignore_patterns("demo", "schema", "systemd"))
    return Desk(folder)


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """An installation that knows who is who; tests take a copy."""
    made = laid_out(tmp_path_factory.mktemp("master"))
    for args in (("migrate",), ("import", DIRECTORY, "--yes")):
        answer = made.duban(*args)
        assert answer.code == 0, answer.err
    return made


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return laid_out(tmp_path)


@pytest.fixture
def installed(master: Desk, tmp_path: Path) -> Desk:
    return Desk(copytree(master.folder, tmp_path / "installed"))


def spoil(desk: Desk) -> None:
    """Three faults, in three files."""
    desk.edit("ladders.yaml", "to: [unit.liaison]", "to: [unit.laison]")
    desk.edit("channels.yaml", "provider: smtp", "provider: smpt")
    desk.edit("campaigns/panshi-2018.yaml", "2018-12-31: 60%", "2018-12-31: 160%")


def break_template(desk: Desk) -> None:
    name = Path("templates") / "wecom" / "reminder.unit.j2"
    (desk.config / name).parent.mkdir(parents=True)
    shipped = (ROOT / name).read_text(encoding="utf-8")
    (desk.config / name).write_text(re.sub(r"(block \w+ -?%})", r"\1{{ no_such_name }}", shipped))


def test_run_does_not_start_with_a_faulty_config_and_leaves_nothing(desk: Desk) -> None:
    spoil(desk)
    answer = desk.duban("run")
    assert answer.code == 1
    assert len(answer.complaints) == 3, answer.err
    assert all(PLACE.match(line) for line in answer.complaints), answer.err
    assert not desk.state.exists()


def test_run_does_not_start_without_its_secrets_and_leaves_nothing(desk: Desk) -> None:
    answer = desk.duban("run")
    assert answer.code == 1
    assert [re.findall("DUBAN_[A-Z_]+", line) for line in answer.complaints] == [[name] for name in SECRETS]
    assert not desk.state.exists()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_command_names_the_same_faults_and_stores_nothing(
    installed: Desk, command: tuple[str, ...]
) -> None:
    before = installed.stored()
    spoil(installed)
    answer = installed.duban(*command)
    assert answer.code == 1
    assert [line.split(":")[0] for line in answer.complaints] == [
        "campaigns/panshi-2018.yaml",
        "channels.yaml",
        "ladders.yaml",
    ]
    assert "unit.liaison" in answer.err, "it says what would be right"
    assert installed.stored() == before


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_text_that_cannot_be_rendered_is_a_fault_too(installed: Desk, command: tuple[str, ...]) -> None:
    before = installed.stored()
    break_template(installed)
    answer = installed.duban(*command)
    assert answer.code == 1
    assert "no_such_name" in answer.err
    assert "Traceback" not in answer.err
    assert installed.stored() == before


def test_a_faulty_workbook_is_told_line_by_line_and_nothing_of_it_is_stored(installed: Desk) -> None:
    before = installed.stored()
    answer = installed.duban("import", SAMPLES / "issue-list-faulty.xlsx", "--yes")
    assert answer.code == 1
    found = [re.match(r"\S*issue-list-faulty\.xlsx:(\d+):\d+: (.+?): .", line) for line in answer.complaints]
    assert [(int(m[1]), m[2]) for m in found if m] == [(fault["row"], fault["column"]) for fault in FAULTS]
    assert len(answer.complaints) == len(FAULTS)
    assert installed.stored() == before


def test_a_faulty_workbook_takes_the_good_ones_beside_it_down(installed: Desk) -> None:
    before = installed.stored()
    good, bad = SAMPLES / "issue-list.xlsx", SAMPLES / "issue-list-faulty.xlsx"
    answer = installed.duban("import", good, bad, "--yes", "--json")
    assert answer.code == 1
    assert answer.json["imported"] == {}
    assert len(answer.json["faults"]) >= len(FAULTS)
    assert installed.stored() == before


def nonsense(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 64)


def empty(path: Path) -> None:
    path.touch()


def half(path: Path) -> None:
    path.write_bytes(DIRECTORY.read_bytes()[:4000])


def folder(path: Path) -> None:
    path.mkdir()


def nothing(path: Path) -> None:
    """Leave it out."""


@pytest.mark.parametrize("make", [nonsense, empty, half, folder, nothing], ids=lambda make: make.__name__)
@pytest.mark.parametrize("name", ["问题.xlsx", "问题.csv"])
def test_what_is_no_workbook_is_refused_in_one_line(
    installed: Desk, make: Callable[[Path], None], name: str
) -> None:
    path = installed.folder / name
    make(path)
    answer = installed.duban("import", path, "--yes")
    assert answer.code == 1, answer.out
    assert len(answer.complaints) == 1, answer.err
    assert name in answer.complaints[0]
    assert re.search(r"[\u4e00-\u9fff]{3}", answer.complaints[0].replace(name, ""))


def test_an_import_that_nobody_confirmed_stores_nothing(installed: Desk) -> None:
    before = installed.stored()
    assert installed.duban("import", SAMPLES / "issue-list.xlsx").code == 1
    assert installed.stored() == before


def test_a_database_that_was_not_made_is_refused_and_not_made_by_looking(desk: Desk) -> None:
    for args in (("status",), ("import", DIRECTORY, "--yes"), ("work",)):
        answer = desk.duban(*args)
        assert answer.code == 1
        assert "duban migrate" in answer.err
    assert not desk.state.exists()


@pytest.mark.parametrize(
    "args", [("nonsense",), ("import",), ("simulate", "--from", "yesterday"), ("run", "--x")]
)
def test_wrong_usage_is_two(desk: Desk, args: tuple[str, ...]) -> None:
    assert desk.duban(*args).code == 2
