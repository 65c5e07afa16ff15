"""What the office's morning note has to say of a trouble: its kind, and which it is or how many."""

from __future__ import annotations

import re

KINDS = {
    "unaddressed": "应发通知无人可收",
    "manual": "无电子渠道",
    "waiting": "待审签",
    "held": "已扣下",
    "failed": "各渠道均未送达",
    "lapsed": "未及发送即已过期",
    "muted": "在静默期内",
}
"""The words by which a person knows each kind."""
SHOWN = 5
"""So many are named; of more the number speaks."""
_COUNT = re.compile(r"[（｜](\d+)件")
_MORE = re.compile(r"等(\d+)项，其余|晨报有(\d+)项")


def names(text: str, kind: str, name: str) -> bool:
    """Whether a note tells of a trouble: in the line of its kind stands its name, or that there are many.

    A short message has no room for lines, a chat for five only: then that there are more.
    """
    lines = [line for line in text.splitlines() if KINDS[kind] in line and _COUNT.search(line)]
    return any(_tells(line, name) for line in lines) or (not lines and bool(_MORE.search(text)))


def _tells(line: str, name: str) -> bool:
    found = _COUNT.search(line)
    count = int(found[1]) if found else 0
    return name in line or "…" in line or count > SHOWN
