"""What was said is told, whatever has become of the rows that it was said about."""

from __future__ import annotations

from daemon.store import report
from daemon.store.engine import reading
from tests.integration.office import DUE, Office


def said(office: Office) -> list[str]:
    rules = office.rules()
    with reading(office.engine) as connection:
        lines = list(report.said(connection, rules.campaigns, rules.ladders))
    return [f"{line['to']['person']} {item['subject']['id']}" for line in lines for item in line["items"]]


def test_a_case_that_cannot_be_read_is_told_by_its_number(office: Office) -> None:
    office.obey(DUE)
    for no in ("A-1", "A-2"):
        office.case(no, due="2018-08-31")
    office.tick("2018-08-28 09:10")
    office.change("UPDATE cases SET state = 'nonsense' WHERE no = 'A-1'")
    assert said(office) == ["孙联络 A-1", "孙联络 A-2"]
