"""``why``: why a notice was sent, to this person, now, by this way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daemon.cli.context import Context
from daemon.cli.options import Config, Json, Number
from daemon.cli.output import emit

if TYPE_CHECKING:
    from daemon.cli.notice_views import NoticeSheet
    from daemon.store.listing import ItemLine


def why(number: Number, config: Config = None, as_json: Json = False) -> None:
    """一条通知为什么发给这个人：哪件事、哪条规则、哪一天、当时的数字、为何是他、经哪些渠道。"""
    from daemon.cli.notice_views import NoticeSheet
    from daemon.store.engine import reading

    with Context.open(config) as context, reading(context.engine) as connection:
        sheet = NoticeSheet.load(connection, number, context.rules(), context.now)
        said = {
            "id": sheet.notice.id,
            "person": sheet.person(),
            "items": [sheet.reasons(line) for line in sheet.items],
            "decisions": [_decision(sheet, line) for line in sheet.items],
            "note": sheet.note_lines(),
            "channels": list(sheet.ways()),
        }
    if as_json:
        emit(said)
    else:
        sheet.print_why()


def _decision(sheet: NoticeSheet, line: ItemLine) -> dict[str, Any]:
    """Return what a decision saw, with the days that were counted, as scripts read it."""
    decision = sheet.decisions[line.item.decision]
    return {
        "ladder": decision.ladder,
        "rung": decision.rung,
        "occurrence": decision.occurrence,
        "instant": decision.instant.astimezone(sheet.zone),
        "rules": decision.rules,
        "inputs": decision.inputs,
        "counted": [
            {"day": d.day, "number": d.number, "rest": d.rest.value, "source": d.source}
            for d in sheet.counted_days(decision)
        ],
    }
