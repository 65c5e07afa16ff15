"""``python -m tests.chaos --seed N --faults 200 --database sqlite``: one run; the last line is one JSON object."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

from tests.chaos import driver


def main() -> int:
    """Run and judge; return 1 on a violation."""
    told = _arguments().parse_args()
    with (
        nullcontext(str(told.folder)) if told.folder else tempfile.TemporaryDirectory(prefix="duban-chaos-")
    ) as name:
        wish = driver.Wish(
            told.seed,
            told.faults,
            told.database,
            Path(name) / "run",
            told.minutes,
            tuple(told.bug),
            (lambda _line: None) if told.quiet else lambda line: print(line, file=sys.stderr),
        )
        outcome = driver.run(wish)
        print(
            outcome.faults,
            outcome.acts,
            outcome.instants,
            outcome.skips,
            outcome.starts,
            outcome.seconds,
            outcome.stuck,
            outcome.deaths[:5],
            len(outcome.deaths),
        )
        if told.journal:
            outcome.journal.write(told.journal)
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=200, help="end after so many")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="end after so many, whatever was injected"
    )
    parser.add_argument("--journal", type=Path, help="where to write the journal")
    parser.add_argument("--folder", type=Path, help="where the run keeps its things")
    parser.add_argument("--bug", action="append", default=[], help="plant a bug (tests/chaos/bugs.py)")
    parser.add_argument("--json", action="store_true", dest="quiet", help="print the last line only")
    return parser


if __name__ == "__main__":
    sys.exit(main())
