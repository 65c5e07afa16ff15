from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemon.service.processes import Backoff, Child, Children, spawn
from tests.integration.service.test_valkey import bury, gone
from tests.servers import eventually

SLEEPS = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
DIES = [sys.executable, "-c", "raise SystemExit(3)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('up', flush=True); time.sleep(600)",
]
PARENT = """
import sys, time
from daemon.service.processes import Child
child = Child("child", [sys.executable, "-c", "import time; time.sleep(600)"])
child.start()
print(child.pid, flush=True)
time.sleep(600)
"""


@contextmanager
def running(*children: Child) -> Iterator[Children]:
    family = Children(children)
    try:
        family.start()
        yield family
    finally:
        family.stop()


def up(child: Child) -> bool:
    """Wait until it has said that it is up."""
    assert child.output
    output = child.output
    return eventually(lambda: "up" in output.read_text())


def slain(child: Child) -> None:
    assert child.pid
    os.kill(child.pid, signal.SIGKILL)
    assert eventually(lambda: not child.alive)


def test_a_killed_child_is_back_within_a_second(caplog: pytest.LogCaptureFixture) -> None:
    work, scan = Child("work", SLEEPS, backoff=Backoff(good_life=3600)), Child("scan", SLEEPS)
    with running(work, scan) as family:
        assert family.ensure() == []
        for _ in range(2):
            slain(work)
            assert eventually(family.ensure)
            assert work.alive
        assert family.restarts == {"work": 2, "scan": 0}
    pauses = [record.__dict__["restart_in"] for record in caplog.records if record.msg == "child ended"]
    assert pauses == [0.0, 0.25], "what is left of the second is the machine's"


def test_a_child_that_keeps_dying_is_started_ever_more_seldom() -> None:
    with running(Child("work", DIES, backoff=Backoff(first=600))) as family:
        child = family.all[0]
        assert eventually(lambda: not child.alive)
        assert family.ensure() == ["work"], "the first time at once"
        assert eventually(lambda: not child.alive)
        assert [family.ensure() for _ in range(50)] == [[]] * 50


def test_a_program_that_is_gone_does_not_break_the_loop() -> None:
    with running(Child("work", SLEEPS, backoff=Backoff(first=600))) as family:
        slain(family.all[0])
        family.all[0].argv = ["/nowhere/duban"]
        assert [family.ensure() for _ in range(50)] == [[]] * 50


def test_stop_asks_all_at_once_and_insists(tmp_path: Path) -> None:
    mild, stubborn = (
        Child("mild", SLEEPS, output=tmp_path / "mild"),
        Child("stubborn", STUBBORN, output=tmp_path / "stubborn"),
    )
    with running(mild, stubborn) as family:
        assert up(mild)
        assert up(stubborn)
        assert family.stop(timeout=2) == ["stubborn"]
        assert not mild.alive
        assert not stubborn.alive


def test_a_stop_before_a_start_is_no_fault() -> None:
    assert Children([Child("work", SLEEPS)]).stop() == []


def test_children_end_with_a_parent_that_was_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = int(parent.stdout.readline())
    bury(parent)
    assert eventually(lambda: gone(child))


def test_a_child_does_not_speak_to_systemd_in_our_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    monkeypatch.setenv("KEPT", "yes")
    printed = tmp_path / "printed"
    words = "import os; print(os.environ.get('NOTIFY_SOCKET'), os.environ.get('KEPT'))"
    assert spawn([sys.executable, "-c", words], output=printed).wait() == 0
    assert printed.read_text() == "None yes\n"


@pytest.mark.parametrize("given", [{"ONLY": "this"}])
def test_a_child_gets_the_environment_it_is_given(tmp_path: Path, given: dict[str, str]) -> None:
    printed = tmp_path / "printed"
    words = "import os; print(os.environ.get('ONLY'), 'HOME' in os.environ)"
    assert spawn([sys.executable, "-c", words], env=given, output=printed).wait() == 0
    assert printed.read_text() == "this False\n"
