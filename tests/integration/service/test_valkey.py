from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from daemon.errors import DubanError, RefusedError
from daemon.service.valkey import Valkey, answers, socket_path
from tests.servers import eventually, valkey_server

OWNER = """
import pathlib, sys, time
from daemon.service.valkey import Valkey
server = Valkey(pathlib.Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    with valkey_server(tmp_path) as running:
        yield running


def client(server: Valkey) -> redis.Redis:
    return redis.Redis.from_url(server.url)


def setting(server: Valkey, name: str) -> object:
    with client(server) as connection:
        return connection.config_get(name)[name]


def put(server: Valkey, value: str) -> None:
    with client(server) as connection:
        connection.set("key", value)


def got(server: Valkey) -> object:
    with client(server) as connection:
        return connection.get("key")


def gone(pid: int) -> bool:
    """Whether a process is dead, buried by its parent or not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def owner_of(state: Path) -> tuple[subprocess.Popen[str], int]:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(state)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert owner.stdout
    return owner, int(owner.stdout.readline())


def bury(owner: subprocess.Popen[str]) -> None:
    owner.kill()
    owner.wait()
    assert owner.stdout
    owner.stdout.close()


def test_it_listens_on_a_socket_of_its_owner_alone(server: Valkey, tmp_path: Path) -> None:
    assert setting(server, "port") == "0"
    assert socket_path(tmp_path / "valkey").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "valkey").stat().st_mode & 0o777 == 0o700


def test_it_writes_what_it_is_told(server: Valkey) -> None:
    assert [setting(server, name) for name in ("appendonly", "appendfsync", "save")] == [
        "yes",
        "everysec",
        "",
    ]


def test_what_it_held_is_there_after_a_stop_and_a_start(tmp_path: Path) -> None:
    with valkey_server(tmp_path) as server:
        put(server, "kept")
    with valkey_server(tmp_path) as server:
        assert got(server) == b"kept"


@pytest.mark.parametrize("folder", ["督办 数据", "x" * 90, "长" * 40])
def test_any_state_folder_will_do(tmp_path: Path, folder: str) -> None:
    with valkey_server(tmp_path / folder) as server:
        put(server, "kept")
        assert got(server) == b"kept"
        socket = socket_path(tmp_path / folder / "valkey")
        assert socket.exists()
    assert not socket.exists()


def test_ensure_starts_a_killed_server_again(server: Valkey) -> None:
    assert server.ensure(), "nothing to do"
    assert server.restarts == 0
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    assert eventually(lambda: not server.alive)
    assert server.ensure()
    assert server.restarts == 1
    put(server, "again")


def test_ensure_does_not_raise_nor_storm_when_it_cannot_start(server: Valkey, tmp_path: Path) -> None:
    server._binary = tmp_path / "nothing"
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    assert eventually(lambda: not server.alive)
    assert [server.ensure() for _ in range(100)] == [False] * 100
    assert server.restarts == 0


def test_a_file_that_cannot_be_read_is_set_aside(tmp_path: Path) -> None:
    with valkey_server(tmp_path) as server:
        put(server, "lost")
    for part in (tmp_path / "valkey" / "appendonlydir").glob("*.aof"):
        part.write_bytes(b"this is no append-only file\n" * 100)
    with valkey_server(tmp_path) as server:
        assert got(server) is None
    assert list((tmp_path / "valkey").glob("appendonlydir.unreadable/*.aof"))


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho the disk is full >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(DubanError, match="the disk is full"):
        Valkey(tmp_path, binary=broken).start()
    with valkey_server(tmp_path) as server:
        assert server.alive, "the folder was given up"


def test_a_second_owner_is_refused(server: Valkey, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="已有一个 duban"):
        Valkey(tmp_path).start()
    put(server, "unharmed")


def test_it_ends_with_an_owner_that_was_killed(tmp_path: Path) -> None:
    owner, pid = owner_of(tmp_path)
    bury(owner)
    assert eventually(lambda: gone(pid))


def test_the_next_start_works_right_after_an_owner_was_killed(tmp_path: Path) -> None:
    owner, pid = owner_of(tmp_path)
    assert answers(socket_path(tmp_path / "valkey"))
    bury(owner)
    with valkey_server(tmp_path) as server:
        assert gone(pid)
        put(server, "taken over")


def test_an_orphan_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.service.valkey._ORPHAN_ENDS_WITHIN", 0.2)
    owner, pid = owner_of(tmp_path)
    os.kill(pid, signal.SIGSTOP)
    bury(owner)
    with valkey_server(tmp_path) as server:
        assert gone(pid)
        assert server.pid != pid


def test_a_stop_leaves_nothing_running(tmp_path: Path) -> None:
    with valkey_server(tmp_path) as server:
        pid = server.pid
    assert pid
    assert gone(pid)
    assert not answers(socket_path(tmp_path / "valkey"))
