"""Plays the administrators' handbook: every command is run, every edit is made, and what is printed stands.

``python -m tests.handbook`` tells where the page differs from what the program prints; ``--write`` mends it.

In the page, a block ``console`` holds commands (lines that begin with ``$ ``) and what they print; a block
``diff`` whose first line is ``--- FILE`` is an edit of that file; a comment ``<!-- at 2018-12-06 09:00 -->``
lets it be that time. All is played in one folder, from top to bottom, on the campaign as of 2018-11-20.

What would differ from one program to the next stands masked on the page, and says so there: rule sets and
fingerprints are a1a1a1a1a1a1, b2b2b2b2b2b2 and so on, in the order in which they appear.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from daemon import clock
from daemon.activate import ActiveRules
from daemon.cli.output import columns
from daemon.deliver import Deliverer
from daemon.simulate import Collected, deliver_here
from daemon.store.engine import open_engine

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "handbook.zh-CN.md"
BEGINS, STANDS = "2018-08-16", "2018-11-20"
ZONE = ZoneInfo("Asia/Shanghai")
WIDTH = "100"
_BLOCK = re.compile(r"^```(console|diff)\n(.*?)^```$|^<!-- at (\S+ \S+) -->$", re.M | re.S)
_PROMPT = "$ "
_FINGERPRINT = re.compile(r"\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{12}\b")
_STAND_INS = [f"{'abcdef'[n % 6]}{n % 9 + 1}" * 6 for n in range(18)]
_SECRETS = {
    "DUBAN_SANDBOX_HTTP": "http://127.0.0.1:8080",
    "DUBAN_SANDBOX_SMTP_PORT": "2525",
    "DUBAN_SANDBOX_WECOM_AGENT_ID": "1000002",
    **dict.fromkeys(
        (
            *("DUBAN_SANDBOX_SMTP_USER", "DUBAN_SANDBOX_SMTP_PASSWORD", "DUBAN_SANDBOX_CA"),
            *("DUBAN_SANDBOX_TENCENT_SECRET_ID", "DUBAN_SANDBOX_TENCENT_SECRET_KEY"),
            *("DUBAN_SANDBOX_TENCENT_APP_ID", "DUBAN_SANDBOX_WECOM_CORP_ID", "DUBAN_SANDBOX_WECOM_SECRET"),
        ),
        "made-up",
    ),
}
"""What the channels of the demo name; nothing is sent, so that anything will do."""


class UnplayableError(Exception):
    """The page shows an edit or a time that cannot be."""


@dataclass(frozen=True)
class Desk:
    """A clerk's folder: the config as it is edited, and the campaign's database."""

    folder: Path
    fingerprints: dict[str, str] = field(default_factory=dict)
    """What stands on the page for each fingerprint."""

    def let_it_be(self, words: str) -> None:
        """Let it be that time, after the service has done what each day until then brought."""
        until = datetime.fromisoformat(words).replace(tzinfo=ZONE)
        command = [sys.executable, "-m", "tests.handbook", "--work", until.isoformat()]
        done = subprocess.run(
            command, cwd=ROOT, env=self._environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise UnplayableError(done.stderr)

    def run(self, command: str) -> str:
        """Return what a command prints, as a terminal shows it."""
        done = subprocess.run(
            ["bash", "-c", self._meant(command)],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        said = _FINGERPRINT.sub(self._masked, done.stdout.replace(str(self.folder), "~"))
        lines = [line for line in said.splitlines() if not line.startswith("配置 ")]
        return "".join(f"{shown.rstrip()}\n" for line in lines for shown in _wrapped(line))

    def _masked(self, found: re.Match[str]) -> str:
        taken = len(self.fingerprints)
        return self.fingerprints.setdefault(found[0], (_STAND_INS[taken:] or ["?" * 12])[0])

    def _meant(self, text: str) -> str:
        for fingerprint, shown in self.fingerprints.items():
            text = text.replace(shown, fingerprint)
        return text

    def edit(self, file: str, change: str) -> None:
        """Replace the lines that begin with - by those that begin with +, where they stand."""
        path, change = self.folder / file, self._meant(change)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        old = "".join(f"{line[1:]}\n" for line in change.splitlines() if line[:1] in ("-", " "))
        new = "".join(f"{line[1:]}\n" for line in change.splitlines() if line[:1] in ("+", " "))
        if text.count(old) != 1 and old:
            raise UnplayableError(f"{file}: these lines stand there {text.count(old)} times:\n{old}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(old, new) if old else text + new, encoding="utf-8")

    def _environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("DUBAN_")},
            **_SECRETS,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.folder),
            "USER": "王科员",
            "LOGNAME": "王科员",
            "COLUMNS": WIDTH,
            "DUBAN_CONFIG": "config",
            "DUBAN_STATE": "state",
            "DUBAN_DESK": str(self.folder),
            "DUBAN_CLOCK": str(self.folder / "clock"),
        }


def set_up(folder: Path) -> Desk:
    """Let the campaign run to the day on which the handbook begins; return the clerk's desk on that day."""
    desk = Desk(folder)
    argv = [sys.executable, "-m", "daemon.cli", "demo", "--from", BEGINS, "--to", STANDS]
    ended = subprocess.run(
        [*argv, "--state", str(folder / "state")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise UnplayableError(ended.stderr)
    shutil.move(folder / "state" / "config", folder / "config")
    clock.jump(folder / "clock", datetime.fromisoformat(f"{STANDS} 09:30").replace(tzinfo=ZONE))
    return desk


def work(until: datetime) -> None:
    """Do on the desk what each morning brings; what is sent is collected here."""
    database = Path(os.environ["DUBAN_DESK"]) / "state" / "duban.db"
    engine = open_engine(f"sqlite:///{database}")
    rules = ActiveRules(engine)
    deliverer = Deliverer(engine, rules, lambda rule_set: dict.fromkeys(rule_set.channels, Collected))
    tick = deliver_here(engine, deliverer, rules)
    for instant in [*_mornings(clock.now().astimezone(ZONE), until), until]:
        clock.jump(Path(os.environ["DUBAN_CLOCK"]), instant)
        tick(clock.now())
    engine.dispose()


def _mornings(now: datetime, until: datetime) -> Iterator[datetime]:
    for day in range((until.date() - now.date()).days + 1):
        instant = datetime.combine(now.date() + timedelta(days=day), time(9, 10), ZONE)
        if now < instant < until:
            yield instant


def play(page: str, desk: Desk) -> str:
    """Return the page as it must read."""

    def once(found: re.Match[str]) -> str:
        kind, body, at = found.groups()
        if at:
            desk.let_it_be(at)
            return found[0]
        if kind == "diff":
            head, _, change = body.partition("\n")
            desk.edit(head.removeprefix("--- ").strip(), change)
            return found[0]
        said = "".join(f"{_PROMPT}{command}\n{desk.run(command)}" for command in _commands(body))
        return f"```console\n{said}```"

    return _BLOCK.sub(once, page)


def _wrapped(line: str) -> list[str]:
    """Break a line where a terminal does."""
    found, room = [""], int(WIDTH)
    for char in line:
        if columns(found[-1] + char) > room:
            found.append("")
        found[-1] += char
    return found


def _commands(body: str) -> Iterator[str]:
    for line in body.splitlines():
        if line.startswith(_PROMPT):
            yield line.removeprefix(_PROMPT)


def differences(page: Path = PAGE) -> Mapping[str, str]:
    """Return the page as it is and as it must be."""
    with tempfile.TemporaryDirectory() as folder:
        text = page.read_text(encoding="utf-8")
        return {"is": text, "must be": play(text, set_up(Path(folder)))}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.handbook", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the page right")
    parser.add_argument("--work", type=datetime.fromisoformat, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work)
        return 0
    found = differences()
    if given.write:
        PAGE.write_text(found["must be"], encoding="utf-8")
        return 0
    return int(found["is"] != found["must be"])


if __name__ == "__main__":
    sys.exit(main())
