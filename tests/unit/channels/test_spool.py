from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.channels import Message
from daemon.channels.manual import ManualChannel
from daemon.channels.spool import SpoolChannel
from daemon.errors import DeliveryError

MESSAGE = Message("k1", "13800138000", "某人", {"subject": "提醒", "text": "有2项"}, items=(1, 2))


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_one_file_a_message(tmp_path: Path) -> None:
    assert SpoolChannel(tmp_path / "spool").send(MESSAGE).provider_id == "spool:k1"
    assert names(tmp_path / "spool") == ["k1.json"]
    written = json.loads((tmp_path / "spool/k1.json").read_text(encoding="utf-8"))
    assert written == {
        "key": "k1",
        "address": "13800138000",
        "name": "某人",
        "items": [1, 2],
        "content": {"subject": "提醒", "text": "有2项"},
    }


def test_a_repeat_lands_on_the_same_file(tmp_path: Path) -> None:
    spool = SpoolChannel(tmp_path)
    spool.send(MESSAGE)
    before = (tmp_path / "k1.json").read_bytes()
    spool.send(replace(MESSAGE, repeat=True))
    assert names(tmp_path) == ["k1.json"]
    assert (tmp_path / "k1.json").read_bytes() == before


def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    SpoolChannel(tmp_path / "spool").send(MESSAGE)
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0
    assert (tmp_path / "spool/k1.json").stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_written_is_tried_again_later(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("in the way")
    with pytest.raises(DeliveryError) as caught:
        SpoolChannel(tmp_path / "spool").send(MESSAGE)
    assert not caught.value.permanent


@pytest.mark.parametrize("key", ["../k1", "", "a/b", "k" * 33])
def test_a_key_stays_in_its_folder(tmp_path: Path, key: str) -> None:
    with pytest.raises(DeliveryError):
        SpoolChannel(tmp_path / "spool").send(replace(MESSAGE, key=key))
    assert names(tmp_path) == []


def test_manual_hands_over_a_task_and_sends_nothing() -> None:
    assert ManualChannel().send(MESSAGE).provider_id == "manual:k1"
