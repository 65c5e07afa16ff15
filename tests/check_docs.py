"""Checks what people read: links lead somewhere, commands exist, nothing of a machine is written down.

Run by ``make check``: ``python -m tests.check_docs``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from daemon.cli.commands import TABLE

ROOT = Path(__file__).parent.parent
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
_COMMAND = re.compile(r"`duban ([a-z][a-z-]*)")
_MACHINE = re.compile(r"(?<![\w.])/(?:work|farm|root|home)/|py" + r"pi\.org|npm" + r"js\.(?:org|com)")


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", *patterns], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def faults() -> Iterator[str]:
    for page in tracked("*.md"):
        text = page.read_text(encoding="utf-8")
        name = page.relative_to(ROOT)
        for target in _LINK.findall(text):
            if not (page.parent / target).exists():
                yield f"{name}: the link {target} leads nowhere"
        for command in sorted(set(_COMMAND.findall(text)) - set(TABLE)):
            yield f"{name}: there is no command `duban {command}`"
    for file in tracked():
        if file.suffix in {".xlsx", ".csv"} or not file.is_file():
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if _MACHINE.search(line):
                yield f"{file.relative_to(ROOT)}:{number}: a path of a machine or a registry's host"


def main() -> int:
    found = list(faults())
    print("\n".join(found), file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
