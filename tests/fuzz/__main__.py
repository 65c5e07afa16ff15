"""``python -m tests.fuzz``: try new inputs for some minutes, or one again."""

from __future__ import annotations

import argparse
import sys
import time

from tests.fuzz.child import TARGETS
from tests.fuzz.running import Finding, findings

AT_ONCE = 500


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long to look for faults")
    parser.add_argument("--target", choices=TARGETS, help="one of them (default: all in turn)")
    parser.add_argument("--seed", type=int, help="try this one input again")
    parser.add_argument(
        "--first", type=int, default=100_000, help="the first seed; the tests try those before"
    )
    asked = parser.parse_args()
    targets = [asked.target] if asked.target else [name for name in TARGETS if name != "planted"]
    if asked.seed is not None:
        return _told([found for name in targets for found in findings(name, asked.seed, 1)], 1)
    until, first, found = time.monotonic() + asked.minutes * 60, asked.first, list[Finding]()
    while time.monotonic() < until:
        for name in targets:
            found += findings(name, first, AT_ONCE)
        first += AT_ONCE
    return _told(found, (first - asked.first) * len(targets))


def _told(found: list[Finding], tried: int) -> int:
    for each in found:
        print(each)
    print(f"{tried} inputs tried, {len(found)} findings", file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
