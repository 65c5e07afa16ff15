"""Writes the figures of long runs into docs/proof.md, so that they are always the harness's own::

    python -m tests.chaos --seed 2018 --faults 1000 --database sqlite > sqlite.json
    python -m tests.chaos.page sqlite.json postgresql.json

Each file has the last line that a run printed. The tables stand between two marks; all else on the page is
left as it is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "proof.md"
BEGIN, END = "<!-- runs: written by tests.chaos.page -->", "<!-- end of runs -->"
Figures = Mapping[str, Any]
COLUMNS = (
    ("faults", "faults"),
    ("acts", "acts"),
    ("process starts", "process_starts"),
    ("instants", "instants"),
    ("days", "days"),
    ("decisions", "decisions"),
    ("items told", "items"),
    ("messages at the wire", "arrivals"),
)


def main() -> int:
    runs = [json.loads(line) for path in sys.argv[1:] for line in Path(path).read_text("utf-8").splitlines()]
    if not runs:
        print(__doc__, file=sys.stderr)
        return 2
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\n\n{written(runs)}\n{END}{tail}", encoding="utf-8")
    return 0


def written(runs: Sequence[Figures]) -> str:
    """Return the commands, what came of them, and how often each kind of fault struck."""
    commands = "\n".join(run["command"] for run in runs)
    return f"```sh\n{commands}\n```\n\n{_table(_outcomes(runs))}\n{_table(_counts(runs))}"


def _outcomes(runs: Iterable[Figures]) -> Iterator[Sequence[object]]:
    yield (
        *("database", "seed"),
        *(title for title, _ in COLUMNS),
        *("repeats, of them marked", "faults between bytes and record; perhaps there; of those slow tries"),
        *("violations", "minutes"),
    )
    for run in runs:
        counted = [run[name] for _, name in COLUMNS]
        repeats = f"{run['repeats']}, {run['marked']}", _between(run)
        minutes = round(run["seconds"] / 60)
        yield run["database"], str(run["seed"]), *counted, *repeats, f"**{run['violations']}**", minutes


def _between(run: Figures) -> str:
    return "; ".join(str(run[name]) for name in ("between", "maybe_between", "slow_tries"))


def _counts(runs: Sequence[Figures]) -> Iterator[Sequence[object]]:
    """Yield one row a kind of fault, seam and act, one column a run."""
    yield "", "", *(f"{run['database']}, seed {run['seed']}" for run in runs)
    for what, field in (("fault", "by_kind"), ("at a seam", "seams"), ("act", "by_act")):
        for name in sorted({name for run in runs for name in run[field]}):
            yield what, f"`{name}`", *(run[field].get(name, 0) for run in runs)
            what = ""


def _table(rows: Iterable[Sequence[object]]) -> str:
    heading, *others = rows
    lines = [heading, ["---"] * len(heading), *others]
    return "".join(f"| {' | '.join(map(_shown, line))} |\n" for line in lines)


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    sys.exit(main())
