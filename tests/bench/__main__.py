"""Runs the measurements named, or all of them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping

from tests.bench import start, tick

BENCHES: Mapping[str, Callable[[], dict[str, object]]] = {"tick": tick.measure, "start": start.measure}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", help="which; all where none is named")
    parser.add_argument("--json", action="store_true", help="print one object a measurement")
    given = parser.parse_args()
    for name in given.names or BENCHES:
        figures = BENCHES[name]()
        print(json.dumps({"bench": name, **figures}) if given.json else f"{name}: {_words(figures)}")


def _words(figures: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in figures.items())


if __name__ == "__main__":
    main()
