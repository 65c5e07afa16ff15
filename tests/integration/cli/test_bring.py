"""``import``: all or nothing, in counts, with every fault at its place."""

from __future__ import annotations

import io
import json

import pytest

from tests.integration.cli.conftest import DEMO, Office

FAULTY = DEMO / "issue-list-faulty.xlsx"


def units(office: Office) -> int:
    return len(office("person", "list", "--json").json)


def cases(office: Office) -> int:
    return len(office("case", "list", "--json").json)


def test_workbooks_come_in_together(bare: Office) -> None:
    bare("migrate")
    answer = bare("import", DEMO / "issue-list.xlsx", DEMO / "directory.xlsx", "--yes", "--json")
    assert answer.code == 0
    assert answer.json == {
        "imported": {"units": 36, "persons": 122, "posts": 158, "cases": 100},
        "faults": [],
    }


def test_a_faulty_workbook_prints_one_line_a_fault_and_stores_nothing(office: Office) -> None:
    answer = office("import", FAULTY, "--yes")
    assert answer.code == 1
    assert answer.out == ""
    expected = json.loads((DEMO / "issue-list-faulty.expected.json").read_text(encoding="utf-8"))
    assert len(answer.faults) == len(expected) == 8
    for line, fault in zip(answer.faults, expected, strict=True):
        assert line.startswith(f"{FAULTY.name}:{fault['row']}:")
        assert fault["column"] in line
    assert cases(office) == 0


def test_faults_as_json_have_their_place(office: Office) -> None:
    answer = office("import", FAULTY, "--yes", "--json")
    assert answer.code == 1
    assert answer.json["imported"] == {}
    assert {*answer.json["faults"][0]} == {"place", "line", "column", "key", "message", "hint"}
    assert [fault["line"] for fault in answer.json["faults"]] == [3, 4, 5, 6, 7, 8, 9, 10]


def test_one_faulty_workbook_keeps_out_the_others(bare: Office) -> None:
    bare("migrate")
    answer = bare("import", DEMO / "directory.xlsx", FAULTY, "--yes")
    assert answer.code == 1
    assert units(bare) == 0


def test_a_missing_file_is_a_fault_like_any_other(office: Office) -> None:
    answer = office("import", "nowhere.xlsx", "--yes")
    assert answer.code == 1
    assert answer.faults == ["nowhere.xlsx: 没有这个文件；请核对文件名"]


def test_a_dry_run_counts_and_stores_nothing(office: Office) -> None:
    answer = office("import", DEMO / "issue-list.xlsx", "--dry-run", "--json")
    assert answer.json["imported"] == {"cases": 100}
    assert cases(office) == 0


def test_without_a_terminal_and_without_yes_nothing_is_done(office: Office) -> None:
    answer = office("import", DEMO / "issue-list.xlsx")
    assert answer.code == 1
    assert "问题 100" in answer.err
    assert "--yes" in answer.err
    assert cases(office) == 0


class Terminal(io.StringIO):
    """A person at the keyboard."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "code", "stored"), [("y\n", 0, 100), ("\n", 1, 0), ("n\n", 1, 0), ("", 1, 0)]
)
def test_a_person_is_asked(
    office: Office, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, stored: int
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    answer = office("import", DEMO / "issue-list.xlsx")
    assert answer.code == code
    assert "继续吗？" in answer.err
    assert cases(office) == stored


def test_bringing_the_same_list_again_changes_nothing(busy_office: Office) -> None:
    answer = busy_office("import", DEMO / "issue-list.xlsx", "--yes", "--json")
    assert answer.json == {"imported": {}, "faults": []}


def test_only_catch_up_says_what_was_due_before(office: Office) -> None:
    office.at("2018-12-03 08:00")
    office("import", DEMO / "issue-list.xlsx", "--yes")
    office.work("2018-12-03 08:40")
    assert not [n for n in office("notice", "list", "--json").json if n["act"] == "assignment"]


def test_with_catch_up_the_past_is_said(office: Office) -> None:
    office.at("2018-12-03 08:00")
    office("import", DEMO / "issue-list.xlsx", "--yes", "--catch-up")
    office.work("2018-12-03 08:40")
    assert [n for n in office("notice", "list", "--json").json if n["act"] == "assignment"]
