"""One run of the chaos harness: ``python -m tests.chaos --seed 7 --faults 200 --database sqlite``.

Prints its progress on stderr and, last, one JSON object on stdout. Exit 1 on a violation.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos import bugs, driver, verdict
from tests.chaos.journal import read

SHOWN = 20


def main() -> int:
    """Run, judge, and say how to replay what failed."""
    told = _arguments().parse_args()
    if told.judge:
        return _judge(told.judge, told.figures)
    with _folder(told.folder) as kept:
        folder = kept.path
        wish = driver.Wish(
            told.seed,
            told.faults,
            told.database,
            folder / "run",
            told.minutes,
            tuple(told.bug),
            tuple(told.kind),
            (lambda _line: None) if told.json else _say,
        )
        outcome = driver.run(wish)
        if told.journal:
            outcome.journal.write(told.journal)
        wrong = verdict.of(outcome)
        if wrong:
            kept.for_good = True
            _say_wrong(wrong, wish.replay(sum(outcome.faults.values())), folder / "run")
    print(json.dumps(verdict.figures(wish, outcome, wrong), ensure_ascii=False))
    return bool(wrong)


def _say_wrong(wrong: list[str], replay: str, folder: Path) -> None:
    """Say what is wrong, and where the evidence is: what the run did stays, with its journal."""
    for line in wrong[:SHOWN]:
        _say(f"VIOLATION {line}")
    _say(f"{len(wrong)} violations. All that the run left is in {folder}. Judge again, or replay:")
    _say(f"  python -m tests.chaos --judge {folder / 'journal.jsonl'}\n  {replay}")


def _judge(path: Path, figures: Path | None) -> int:
    """Judge a journal again: what was seen once is judged the same each time, unless the oracle has learnt.

    Of the run's ``figures`` those stay that no journal tells: what was wrong in the tables and processes.
    """
    journal = read(path)
    wrong = verdict.of_journal(journal)
    for line in wrong:
        _say(f"VIOLATION {line}")
    before: dict[str, Any] = (
        json.loads(figures.read_text(encoding="utf-8")) if figures else {"journal": str(path)}
    )
    count = len(wrong) + before.get("violations_beside_the_journal", 0)
    print(json.dumps(before | verdict.between(journal) | {"violations": count}, ensure_ascii=False))
    return bool(count)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@dataclass
class _Kept:
    """Where a run keeps its things, and whether they stay."""

    path: Path
    for_good: bool


@contextmanager
def _folder(asked: Path | None) -> Iterator[_Kept]:
    """Yield a folder that stays if it was named, if something was wrong, or if the harness itself breaks."""
    if asked is not None:
        asked.mkdir(parents=True, exist_ok=True)
    kept = _Kept((asked or Path(tempfile.mkdtemp(prefix="duban-chaos-"))).absolute(), asked is not None)
    yield kept
    if not kept.for_good:
        shutil.rmtree(kept.path, ignore_errors=True)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="default: a new one")
    parser.add_argument("--faults", type=int, default=200, help="end after so many")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="end after so many, whatever was injected"
    )
    parser.add_argument("--journal", type=Path, help="where to write the journal, as JSON lines")
    parser.add_argument("--judge", type=Path, metavar="FILE", help="run nothing; judge a journal again")
    parser.add_argument("--figures", type=Path, metavar="FILE", help="with --judge: what the run had printed")
    parser.add_argument("--folder", type=Path, help="where the run keeps its things, and leaves them")
    parser.add_argument("--bug", action="append", default=[], choices=bugs.PLANTED, help="plant a bug")
    parser.add_argument("--kind", action="append", default=[], help="inject this kind of faults only")
    parser.add_argument("--json", action="store_true", help="no progress, only the last line")
    return parser


if __name__ == "__main__":
    sys.exit(main())
