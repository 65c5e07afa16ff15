"""Rehearsal and live, with the real processes: who is told, what is marked, and what a copy does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.office import Office, opened
from tests.acceptance.program import ROOT, duban
from tests.acceptance.told import Line
from tests.servers import eventually

MARK = "【演练】"
SECRETS = {
    "DUBAN_SMTP_PASSWORD": "unused",
    "DUBAN_TENCENT_SECRET_ID": "unused",
    "DUBAN_TENCENT_SECRET_KEY": "unused",
    "DUBAN_WECOM_CORP_ID": "unused",
    "DUBAN_WECOM_SECRET": "unused",
    "DUBAN_WECOM_AGENT_ID": "1000002",
}


@pytest.fixture
def rehearsing() -> Iterator[Office]:
    """An office in rehearsal; nothing runs yet."""
    with opened(live=False) as made:
        yield made


def marked(row: Line) -> bool:
    return str(row["text"]).startswith(MARK) and str(row["subject"] or MARK).startswith(MARK)


def test_a_rehearsal_is_marked_and_going_live_tells_it_for_good(rehearsing: Office) -> None:
    rehearsing.start()
    assert rehearsing.supervisor.hears("READY=1"), rehearsing.log
    no = rehearsing.assign()
    assert rehearsing.told_of(no), rehearsing.log
    rehearsed = rehearsing.hears_of(no)
    assert all(marked(row) for row in rehearsed)

    live = rehearsing.duban("go-live", "--yes")
    assert live.code == 0, live.err
    assert "· 演练" in live.err

    def told_for_good() -> set[str]:
        """Who was told without the mark."""
        heard = rehearsing.hears_of(no)
        return {row["name"] for row in heard if MARK not in row["text"] + (row["subject"] or "")}

    in_rehearsal = {row["name"] for row in rehearsed}
    assert len(in_rehearsal) >= 2
    assert eventually(lambda: told_for_good() >= in_rehearsal), rehearsing.log
    other = rehearsing.assign()
    assert rehearsing.told_of(other), rehearsing.log
    assert not any(MARK in row["text"] for row in rehearsing.hears_of(other))


def test_where_channels_lead_to_people_a_rehearsal_goes_to_the_spool(rehearsing: Office) -> None:
    shutil.copy(ROOT / "config" / "channels.yaml", rehearsing.config / "channels.yaml")
    rehearsing.env |= SECRETS
    rehearsing.start()
    assert rehearsing.supervisor.hears("READY=1"), rehearsing.log
    rehearsing.assign()
    spool = rehearsing.state / "spool"
    assert eventually(lambda: len(list(spool.rglob("*.json"))) >= 2), rehearsing.log
    for path in spool.rglob("*.json"):
        said = json.loads(path.read_text(encoding="utf-8"))["content"]
        assert str(said.get("title") or said.get("subject") or said["text"]).startswith(MARK)
    refused = rehearsing.duban("go-live", "--yes")
    assert refused.code == 1, "the time is virtual, and the channels lead to people"
    assert "时间是虚拟的" in refused.err


def test_a_copied_installation_wakes_in_rehearsal(tmp_path: Path) -> None:
    with opened() as office:
        assert office.duban("status", "--json").json["mode"]["mode"] == "live"
        shutil.copytree(office.state, tmp_path / "state")
        moved = duban("status", "--json", env={**office.env, "DUBAN_STATE": str(tmp_path / "state")})
        assert moved.json["mode"]["mode"] == "rehearsal"
        assert "· 演练" in moved.err
