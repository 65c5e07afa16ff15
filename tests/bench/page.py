"""Writes the figures of a run into docs/proof.md, so that they are always the harness's own::

    python -m tests.bench --all --json > figures.jsonl
    python -m tests.bench.page figures.jsonl

A file may hold several runs of a bench, and there may be several files: of each bench, and of each database
in it, the last run counts, so one can be taken again (``... deliver --on sqlite --json >> figures.jsonl``).
The tables stand between two marks; all else on the page is left as it is, also the table of a bench that no
file has. ``--check`` only says whether they are those of the files.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.setting import DATABASES

PAGE = Path(__file__).parents[2] / "docs" / "proof.md"
BEGIN, END = "<!-- figures: written by tests.bench.page -->", "<!-- end of figures -->"
BEYOND = "beyond one machine"
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
Figures = Mapping[str, Any]
Rows = Iterator[Sequence[object]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.page", description=__doc__)
    parser.add_argument(
        "figures", type=Path, nargs="+", help="what `python -m tests.bench --all --json` printed"
    )
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where they differ")
    given = parser.parse_args()
    found = read(given.figures)
    before = PAGE.read_text(encoding="utf-8")
    after = written(before, found)
    if given.check:
        return int(before != after)
    PAGE.write_text(after, encoding="utf-8")
    return 0


def read(files: Iterable[Path]) -> dict[str, Figures]:
    """Return the figures by bench; of several runs the last, or of each database the last that has it."""
    lines = (line for file in files for line in file.read_text(encoding="utf-8").splitlines() if line.strip())
    found: dict[str, Figures] = {}
    for each in map(json.loads, lines):
        found[each["bench"]] = {**found.get(each["bench"], {}), **each}
    return found


def written(page: str, found: Mapping[str, Figures]) -> str:
    """Return the page with these figures between its marks; of what was not measured the table stays."""
    head, _, rest = page.partition(BEGIN)
    before, _, tail = rest.partition(END)
    tables = {_name(table): table for table in _cut(before)} | {
        _name(table): table for table in _tables(found)
    }
    ordered = "\n".join(tables[name] for name in (*TABLES, BEYOND) if name in tables)
    return f"{head}{BEGIN}\n\n{ordered}\n{END}{tail}"


def _cut(tables: str) -> list[str]:
    """Return the tables that stand on the page, each with its title."""
    return [f"**{table.strip()}\n" for table in re.split(r"^\*\*", tables, flags=re.MULTILINE)[1:]]


def _name(table: str) -> str:
    return table.removeprefix("**").partition("**")[0].strip("`")


def _tables(found: Mapping[str, Figures]) -> Iterator[str]:
    for name, (title, heading, rows) in TABLES.items():
        if name in found:
            quick = " (quick: small sizes)" if found[name]["quick"] else ""
            yield f"**`{name}`**{quick}: {title}\n\n{_table(heading, rows(found[name]))}"
    if {"flood", "deliver"} <= found.keys():
        heading = (
            "",
            "open cases",
            "database",
            "an ordinary morning",
            "its sends",
            "all due at once",
            "its sends",
        )
        carried = _table(heading, _carried(found["flood"], found["deliver"]))
        yield f"**{BEYOND}**, computed from `flood` and `deliver` above\n\n{carried}"


def _table(heading: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join(f"| {' | '.join(map(_shown, line))} |\n" for line in lines)


PLACES = (
    ("one county", 3_600),
    ("a province: 60 cities", 600_000),
    ("the country: 2,800 counties", 10_000_000),
)
ORDINARY = 0.02
"""The share of the open cases of which anything is said on an ordinary morning."""


def _carried(flood: Figures, deliver: Figures) -> Rows:
    """Say how long one database with one scanner, and two worker processes, take for a morning."""
    for place, cases in PLACES:
        for kind in DATABASES:
            if kind not in flood or kind not in deliver:
                continue
            planned = flood[kind]["subjects_a_second"]
            sent = deliver[kind]["duban"]["whole"] * flood["subjects"] / flood[kind]["notices"]
            spans = [_span(cases * share / rate) for share in (ORDINARY, 1) for rate in (planned, sent)]
            yield place, cases, NAMES[kind], *spans


def _span(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0.1):.1f} s"


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return " / ".join(map(_shown, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _each(figures: Figures) -> Iterator[tuple[str, Figures]]:
    return ((NAMES[kind], figures[kind]) for kind in DATABASES if kind in figures)


def _tick(figures: Figures) -> Rows:
    for name, f in _each(figures):
        yield name, f["ms"], f["floor_ms"], f["ratio"], "≤ 1.3"


def _flood(figures: Figures) -> Rows:
    for name, f in _each(figures):
        parts = [f"{f['ours'][part]:g} / {f['floor'][part]:g}" for part in f["ours"]]
        yield name, f["seconds"], f["floor_seconds"], *parts, f["ratio"], f"≤ {figures['goal']:g}"


def _deliver(figures: Figures) -> Rows:
    for kind, name in (NAMES | {"postgresql_fsync": "PostgreSQL with fsync"}).items():
        if kind in figures:
            yield from _contest(name, figures[kind])


def _contest(name: str, f: Figures) -> Rows:
    yield f"bare dramatiq beside {name}", *_rate(f["dramatiq"]), "1", ""
    least, most = f["ratio_spread"]
    yield f"duban, {name}", *_rate(f["duban"]), f"{f['ratio']} ({least} to {most})", f"≥ {f['goal']}"
    for rival in ("celery", "huey"):
        share = round(f[rival]["whole"] / f["dramatiq"]["whole"], 2)
        yield f"{rival.title()}, {name}", *_rate(f[rival]), share, f"duban is {f[f'over_{rival}']}×"


def _rate(rates: Figures) -> Sequence[object]:
    least, most = rates["spread"]
    return rates["wecom"], rates["email"], rates["whole"], f"{least:,} to {most:,}"


def _scan_all(figures: Figures) -> Rows:
    for name, f in _each(figures):
        for size, ours, theirs, times in zip(
            figures["on_file"], f["ours_ms"], f["scan_all_ms"], f["times"], strict=True
        ):
            yield name, size, ours, theirs, f"{times}×"


def _rates(figures: Figures) -> Rows:
    for name, f in _each(figures):
        yield name, f["ms"], f["group_by_ms"], f["tally_rows"], f["ratio"]


def _simulate(f: Figures) -> Rows:
    yield (
        f["cases"],
        f["months"],
        f["notices"],
        f["seconds"],
        f["cpu_seconds"],
        f["peak_mb"],
        f"≤ {f['goal']} s",
    )


def _import(figures: Figures) -> Rows:
    for name, f in _each(figures):
        yield name, figures["rows"], f["seconds"], f["floor_seconds"], f["rows_a_second"], f["ratio"]


def _start(f: Figures) -> Rows:
    yield "`duban --help`", f["help_seconds"], f["interpreter_seconds"], f"≤ {f['goals']['help']} s"
    yield "`duban run` to ready", f["start_seconds"], f["interpreter_seconds"], f"≤ {f['goals']['start']:g} s"
    yield "the very first `duban run`", f["first_start_seconds"], f["interpreter_seconds"], ""


def _memory(figures: Figures) -> Rows:
    for name, f in _each(figures):
        for program in ("scan", "work"):
            peaks = [peak[program] for peak in f["peak_mb"]]
            load = [held[program] for held in f["load_mb"]]
            yield (
                name,
                f"`duban {program}`",
                peaks,
                round(peaks[1] / peaks[0], 2),
                figures["minutes"],
                load,
                round(load[1] / load[0], 2),
            )


TABLES: Mapping[str, tuple[str, Sequence[str], Callable[[Figures], Rows]]] = {
    "start": ("seconds", ("", "seconds", "bare interpreter", "goal"), _start),
    "tick": (
        "100 due, drawn at random; milliseconds with few / many cases on file; the ratio is of what we add",
        ("database", "a tick, ms", "floor, ms", "ratio", "goal"),
        _tick,
    ),
    "flood": (
        "all due at once; seconds, ours / the bare driver and bare Jinja2",
        ("database", "ours", "floor", "plan, decide", "release", "claim, look, render", "ratio", "goal"),
        _flood,
    ),
    "deliver": (
        "messages a second at the gateway, the median of the rounds; as many processes and threads for each",
        ("contender", "HTTP", "SMTP", "together", "least to most", "of bare dramatiq", "goal"),
        _deliver,
    ),
    "scan-all": (
        "100 due; milliseconds to find what is due",
        ("database", "cases on file", "ours", "load all with the ORM", ""),
        _scan_all,
    ),
    "rates": (
        "a status page's figures; milliseconds",
        ("database", "ours, from the tally", "bare GROUP BY", "rows of the tally", "ratio"),
        _rates,
    ),
    "simulate": (
        "one core",
        ("cases", "months", "notices", "seconds", "of CPU", "peak MB", "goal"),
        _simulate,
    ),
    "import": (
        "a workbook read, checked and stored",
        ("database", "rows", "seconds", "floor", "rows a second", "ratio"),
        _import,
    ),
    "memory": (
        "MB; with few / many cases on file, and after a fifth / at the end of minutes under load",
        ("database", "process", "peak", "ratio", "minutes of load", "under load", "growth"),
        _memory,
    ),
}


if __name__ == "__main__":
    sys.exit(main())
