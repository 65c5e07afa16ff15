"""Runs the measurements named, or all of them: one object a line with ``--json``, words without.

What goes on is told on stderr. Of several, each runs in a process of its own, so that none inherits the
memory and the caches of another; where one fails the others go on, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import subprocess
import sys
from collections.abc import Mapping
from time import perf_counter
from typing import Any

from daemon.service.memory import collect_seldom
from tests.bench.setting import DATABASES, Setting

BENCHES: Mapping[str, str] = {
    "start": "start",
    "tick": "tick",
    "flood": "flood",
    "deliver": "deliver",
    "scan-all": "scan_all",
    "rates": "rates",
    "simulate": "simulate",
    "import": "intake",
    "memory": "memory",
}
"""By name, the module that measures it."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ({', '.join(BENCHES)}); all if none")
    parser.add_argument("--all", action="store_true", help="every one of them")
    parser.add_argument("--json", action="store_true", help="print one object a measurement, on one line")
    parser.add_argument("--quick", action="store_true", help="small sizes, for CI")
    parser.add_argument("--on", choices=DATABASES, help="one database only")
    parser.add_argument("--minutes", type=float, help="how long the load of `memory` lasts; 2, quick 0.1")
    given = parser.parse_args()
    if unknown := [name for name in given.names if name not in BENCHES]:
        parser.error(f"no bench {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    names = list(BENCHES) if given.all or not given.names else given.names
    minutes = given.minutes or (0.1 if given.quick else 2.0)
    setting = Setting(given.quick, (given.on,) if given.on else DATABASES, minutes)
    failed = False
    for name in names:
        figures = run(name, setting) if len(names) == 1 else run_apart(name, setting)
        failed |= not figures
        if figures:
            print(json.dumps(figures, ensure_ascii=False) if given.json else _words(figures), flush=True)
    sys.exit(failed)


def run(name: str, setting: Setting) -> dict[str, Any]:
    """Take one measurement, in a process that searches for garbage as seldom as the services do."""
    collect_seldom()
    print(f"{name} …", file=sys.stderr, flush=True)
    began = perf_counter()
    figures = importlib.import_module(f"tests.bench.{BENCHES[name]}").measure(setting)
    print(f"{name}: {perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return {"bench": name, "quick": setting.quick, **figures}


def run_apart(name: str, setting: Setting) -> dict[str, Any]:
    """Take one measurement in a process of its own; nothing where that fails (it says why on stderr)."""
    argv = [sys.executable, "-m", "tests.bench", name, "--json", "--minutes", str(setting.minutes)]
    argv += ["--quick"] if setting.quick else []
    argv += ["--on", *setting.databases] if len(setting.databases) == 1 else []
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
    figures: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    return figures


def _words(figures: Mapping[str, Any], indent: str = "") -> str:
    lines = []
    for name, value in figures.items():
        if isinstance(value, dict):
            lines.append(f"{indent}{name}:\n{_words(value, indent + '  ')}")
        else:
            lines.append(f"{indent}{name}: {value}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
