from __future__ import annotations

import json
from pathlib import Path

from daemon.sandbox.faults import FaultKind, Faults
from daemon.sandbox.inbox import Fate, Inbox, Row


def row(**other: object) -> Row:
    fields = {"channel": "sms", "address": "13800000001", "name": "赵一", "at": "2018-12-27T09:10:00+08:00"}
    return Row(**{**fields, **other})


def test_rows_survive_a_restart(tmp_path: Path) -> None:
    first = Inbox(tmp_path / "inbox.jsonl")
    kept = [first.keep(row(items=(1, 2), details={"serial": "s"})), first.keep(row(fate=Fate.DROPPED))]
    first.close()
    again = Inbox(tmp_path / "inbox.jsonl")
    third = again.keep(row(channel="email"))
    again.close()
    assert again.rows() == (*kept, third)
    assert [one.n for one in again.rows()] == [1, 2, 3]
    assert again.counts() == {"email": 1, "sms": 2, "wecom": 0}


def test_a_line_cut_off_by_a_crash_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "inbox.jsonl"
    first = Inbox(path)
    first.keep(row(text="甲"))
    first.keep(row(text="乙"))
    first.close()
    path.write_bytes(path.read_bytes()[:-9])
    again = Inbox(path)
    again.keep(row(text="丙"))
    again.close()
    assert [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()] == [
        "甲",
        "丙",
    ]


def test_text_that_looks_like_a_line_end_stays_in_its_row(tmp_path: Path) -> None:
    path = tmp_path / "inbox.jsonl"
    first = Inbox(path)
    first.keep(row(text="甲\u2028乙\n丙\x85丁"))
    first.close()
    again = Inbox(path)
    again.close()
    assert again.rows() == first.rows()


def test_faults_are_used_up_first_in_first_out() -> None:
    faults = Faults()
    faults.switch_on("sms", FaultKind.BROKEN, 2)
    faults.switch_on("sms", FaultKind.DRIP)
    faults.switch_on("email", FaultKind.RESET)
    taken = [faults.take("sms") for _ in range(4)]
    assert taken == [FaultKind.BROKEN, FaultKind.BROKEN, FaultKind.DRIP, None]
    assert faults.pending() == {"email": ["reset"], "sms": [], "wecom": []}
