"""The wheel carries everything: in an empty environment, `duban demo` runs from an empty folder."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from email import message_from_bytes
from importlib.metadata import requires
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.acceptance.program import ROOT, Answer, answered, mentioning
from tests.servers import missing


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    built = answered([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT)
    assert built.code == 0, built.err
    (made,) = folder.glob("duban-*.whl")
    return made


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty environment, with the wheel, what the wheel says it needs as locked, and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    locked = folder / "requirements.txt"
    locked.write_text("".join(blocks(needed(declared(wheel)))), encoding="utf-8")
    assert answered([sys.executable, "-m", "venv", str(folder)]).code == 0
    fetched = pip(folder, "install", "-q", "--require-hashes", "-r", locked)
    if fetched.code:
        missing(f"the locked packages cannot be had: {fetched.err.splitlines()[-1]}")
    installed = pip(folder, "install", "-q", "--no-deps", "--no-index", wheel)
    assert installed.code == 0, installed.err
    return folder


def pip(environment: Path, *args: object) -> Answer:
    python = str(environment / "bin" / "python")
    return answered([python, "-m", "pip", "--disable-pip-version-check", *map(str, args)])


def declared(wheel: Path) -> list[str]:
    """Return what a wheel says it needs."""
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name)).get_all("Requires-Dist") or []


def needed(requirements: list[str]) -> set[str]:
    """Return the names of the packages that are needed, directly or not, extras left out unless asked for."""
    found: set[tuple[str, str]] = set()

    def follow(requirement: Requirement, extra: str) -> None:
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            return
        for wanted in ("", *requirement.extras):
            key = (canonicalize_name(requirement.name), wanted)
            if key not in found:
                found.add(key)
                for text in requires(requirement.name) or []:
                    follow(Requirement(text), wanted)

    for text in requirements:
        follow(Requirement(text), "")
    return {name for name, _ in found}


def blocks(names: set[str]) -> Iterator[str]:
    """Yield the lines of the lock about these packages, with their hashes."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for block in re.split(r"^(?=\S)", lock, flags=re.MULTILINE):
        if canonicalize_name(re.match(r"[\w.-]*", block)[0]) in names:  # type: ignore[index]
            yield block


def contents(wheel: Path) -> Mapping[str, int]:
    with ZipFile(wheel) as archive:
        return {member.filename: member.file_size for member in archive.infolist()}


@pytest.mark.parametrize("folder", ["templates", "config"])
def test_it_carries_texts_and_config(wheel: Path, folder: str) -> None:
    shipped = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*") if path.is_file()}
    assert {f"daemon/shipped/{name}" for name in shipped} <= contents(wheel).keys()


def test_it_carries_what_the_packages_read(wheel: Path) -> None:
    sources = {
        path.relative_to(ROOT).as_posix()
        for package in ("daemon", "jobs")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert sources <= contents(wheel).keys()
    assert {Path(name).suffix for name in sources} >= {".py", ".j2", ".css", ".js", ".mako"}


def test_it_carries_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in contents(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"daemon", "jobs"}
    assert not [name for name in contents(wheel) if "test" in Path(name).name or "__pycache__" in name]


def test_what_it_needs_is_what_it_says(environment: Path) -> None:
    checked = pip(environment, "check")
    assert checked.code == 0, checked.out


def test_the_demonstration_runs_from_an_empty_folder(environment: Path, tmp_path: Path) -> None:
    duban = str(environment / "bin" / "duban")
    shown = answered([duban, "demo", "--to", "2018-08-05", "--json"], cwd=tmp_path)
    assert shown.code == 0, shown.err
    assert shown.last["by_channel"] == shown.last["inbox"]
    assert min(shown.last["inbox"].values()) > 0
    assert [path.name for path in tmp_path.iterdir()] == [".duban"]
    assert mentioning(tmp_path) == []


@pytest.mark.parametrize("package", ["daemon", "jobs"])
def test_it_is_the_wheel_that_runs(environment: Path, tmp_path: Path, package: str) -> None:
    python = str(environment / "bin" / "python")
    where = answered([python, "-c", f"import {package}; print({package}.__file__)"], cwd=tmp_path)
    assert Path(where.out.strip()).is_relative_to(environment)


def test_its_version_is_said(environment: Path, tmp_path: Path) -> None:
    said = answered([str(environment / "bin" / "duban"), "--version"], cwd=tmp_path)
    assert re.fullmatch(r"duban \d+\.\d+\.\d+\n", said.out)
