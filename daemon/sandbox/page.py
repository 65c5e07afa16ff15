"""The inbox page: one HTML file without anything from outside, served or opened from disk."""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from html import unescape
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from daemon.sandbox.inbox import CHANNELS, Fate, Row

TITLES = {"email": "邮件", "sms": "短信", "wecom": "企业微信"}
FATES = {Fate.DUPLICATE: "重复未投", Fate.DROPPED: "超频丢弃"}

_HERE = Path(__file__).parent
_MOBILE = re.compile(r"(?<!\d)(1\d{2})\d{4}(\d{4})(?!\d)")
_TAG = re.compile(r"<[^>]*>")
_SIGN = re.compile(r"^【[^】]*】")
_CARD_DIV = re.compile(r'<div class="(gray|normal|highlight)">(.*?)</div>', re.DOTALL)


def mask(text: str) -> str:
    """Hide the middle of mobile numbers: a page is passed around."""
    return _MOBILE.sub(r"\1****\2", text)


def card_lines(description: str) -> list[tuple[str, str]]:
    """Return the lines of a text card with their class; only the markup that a card may have is read."""
    plain, *divs = _CARD_DIV.split(description.replace("<br>", "\n"))
    blocks = [("normal", plain)]
    for kind, inside, after in zip(divs[::3], divs[1::3], divs[2::3], strict=True):
        blocks += [(kind, inside), ("normal", after)]
    return [(kind, line.strip()) for kind, text in blocks for line in text.splitlines() if line.strip()]


def preview(row: Row) -> str:
    """Return what a closed row shows of the text: one line, without the signature of an SMS."""
    if row.channel == "wecom":
        text = " ".join(line for _, line in card_lines(row.text))
    else:
        text = row.text or unescape(_TAG.sub(" ", row.html))
    return " ".join(_SIGN.sub("", text).split())[:100]


def render(rows: Sequence[Row], *, live: bool) -> str:
    """Return the page, newest message first; a ``live`` one says when more has come."""
    channels = Counter(row.channel for row in rows)
    people = Counter(mask(row.name) for row in rows)
    return _environment.get_template("inbox.html.j2").render(
        rows=tuple(reversed(rows)),
        live=live,
        counts=[(channel, TITLES[channel], channels[channel]) for channel in CHANNELS],
        people=sorted(people.items(), key=lambda person: (-person[1], person[0])),
        lost=Counter(FATES[row.fate] for row in rows if row.fate in FATES),
        repeats=sum(row.repeat for row in rows),
        style=_STYLE,
        script=_SCRIPT,
        script_hash=b64encode(sha256(_SCRIPT.encode()).digest()).decode(),
    )


_STYLE = (_HERE / "inbox.css").read_text(encoding="utf-8")
_SCRIPT = (_HERE / "inbox.js").read_text(encoding="utf-8")
_environment = Environment(
    loader=FileSystemLoader(_HERE),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(mask=mask, card_lines=card_lines, preview=preview)
_environment.globals.update(titles=TITLES, fates=FATES)
