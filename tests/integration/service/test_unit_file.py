from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import missing

UNIT = Path(__file__).parents[3] / "config" / "systemd" / "duban.service"
PROGRAM = "/opt/duban/.venv/bin/duban"


def verify(text: str, folder: Path) -> tuple[int, str]:
    """Return what systemd says about a unit, with a program that exists on this machine."""
    tool = shutil.which("systemd-analyze")
    if tool is None:
        missing("systemd-analyze is not installed")
    copy = folder / "duban.service"
    copy.write_text(text.replace(PROGRAM, sys.executable), encoding="utf-8")
    done = subprocess.run([tool, "verify", str(copy)], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def settings(text: str) -> dict[str, str]:
    lines = (line for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def test_systemd_has_nothing_to_say_against_it(tmp_path: Path) -> None:
    assert verify(UNIT.read_text(encoding="utf-8"), tmp_path) == (0, "")


def test_systemd_would_say_something_about_a_wrong_word(tmp_path: Path) -> None:
    _, said = verify(UNIT.read_text(encoding="utf-8").replace("WatchdogSec", "WatchdogSecs"), tmp_path)
    assert "WatchdogSecs" in said


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ExecStart", f"{PROGRAM} run --config /etc/duban"),
        ("Type", "notify"),
        ("WatchdogSec", "60"),
        ("ExecReload", "/bin/kill -HUP $MAINPID"),
        ("KillMode", "mixed"),
        ("Restart", "on-failure"),
        ("StateDirectory", "duban"),
        ("Environment", "DUBAN_STATE=/var/lib/duban"),
        ("User", "duban"),
    ],
)
def test_it_says_what_the_service_counts_on(key: str, value: str) -> None:
    assert settings(UNIT.read_text(encoding="utf-8"))[key] == value
