"""The command line. It answers in Chinese, and exits 0 (done), 1 (input or state at fault), 2 (wrong usage).

Only typer is imported here; what a command needs comes in when it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. A fault of input or state never shows a traceback."""
    from daemon.cli.answers import run

    return run(list(sys.argv[1:] if args is None else args))
