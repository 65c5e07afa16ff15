"""In rehearsal every text says so, once, and still fits."""

from __future__ import annotations

import pytest

from daemon.channels.marks import REHEARSAL, mark_rehearsal

CONTENTS = {
    "email": {"subject": "催办", "text": "正文", "html": "<html><body style='x'><p>正文</p></body></html>"},
    "wecom": {"title": "催办", "description": "正文", "url": "https://x", "button": "查看"},
    "sms": {"text": "督办：1件", "template": "urge.unit", "params": ["1"]},
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_every_text_is_marked_once(content: dict[str, object]) -> None:
    marked = mark_rehearsal(content)
    changed = {name for name in content if marked[name] != content[name]}
    assert changed == set(content) & {"subject", "title", "description", "text", "html"}
    assert all(str(marked[name]).count(REHEARSAL) == 1 for name in changed)
    assert mark_rehearsal(marked) == marked


def test_a_card_still_fits() -> None:
    marked = mark_rehearsal({"title": "题" * 128, "description": "文" * 512})
    assert (len(str(marked["title"])), len(str(marked["description"]))) == (128, 512)


def test_what_says_nothing_stays_empty() -> None:
    assert mark_rehearsal({"text": ""}) == {"text": ""}
