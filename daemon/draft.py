"""Draft: what a waiting notice would say if it left now, for who is to approve it. Nothing is changed."""

from __future__ import annotations

import logging
from datetime import datetime

from sqlalchemy import Connection, Engine

from daemon.config.compiled import RuleSet
from daemon.domain.legs import MANUAL
from daemon.errors import DubanError
from daemon.look import Look, Verdict, renderer_of
from daemon.render import Renderer
from daemon.store import notices
from daemon.store.deliveries import Claimed
from daemon.store.engine import reading
from daemon.store.notices import Document, Notice

log = logging.getLogger(__name__)


def documents(engine: Engine, rule_set: RuleSet, notice: int, now: datetime) -> dict[int, Document]:
    """Return what a waiting notice, and those that carry the same decision, would say if they left now.

    This is what an approver reads, by notice. A notice that has nothing to say any more has no words.
    """
    with reading(engine) as connection:
        loaded = notices.load(connection, [notice])
        same = _carried_along(connection, loaded[notice]) if notice in loaded else []
        if not same:
            return {}
        pages = [(n.id, channel) for n in notices.load(connection, same).values() for channel in _channels(n)]
        drafts = [Claimed(i, number, 0, channel, 0, 0, 0, None) for i, (number, channel) in enumerate(pages)]
        look = Look(connection, rule_set, drafts, now)
        verdicts = [look.judge(draft) for draft in drafts]
    renderer = renderer_of(rule_set)
    written: dict[int, dict[str, dict[str, object]]] = {number: {} for number in same}
    for verdict in verdicts:
        if content := _drafted(look, verdict, renderer):
            written[verdict.notice.id][verdict.claimed.channel] = content
    return {number: Document(contents) for number, contents in written.items()}


def _carried_along(connection: Connection, notice: Notice) -> list[int]:
    """Return the notices that leave when this one may; one that the gate on floods holds leaves alone."""
    return [notice.id] if notice.state == "held" else notices.same_document(connection, notice)


def _drafted(look: Look, verdict: Verdict, renderer: Renderer) -> dict[str, object] | None:
    try:
        return look.render(verdict, renderer) if verdict.lines else None
    except DubanError:
        log.exception("cannot draft", extra={"notice": verdict.notice.id})
        return None  # delivery finds the same, and takes the next leg


def _channels(notice: Notice) -> tuple[str, ...]:
    """Return every channel that a notice may take."""
    return tuple(dict.fromkeys((*(channel for leg in notice.legs for channel in leg), MANUAL)))
