"""A ledger of 50,000 rows, read from a workbook and stored, all of it or nothing.

The floor reads the same workbook with bare calamine and inserts the same cases, events, agenda and tally with
the bare driver. ``ratio`` is ours over it, the worse of the two databases.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import python_calamine
import xlsxwriter

from daemon import sheets
from daemon.intake import import_sheets
from tests.bench.county import TODAY, County, found
from tests.bench.setting import Bare, Setting, Watch, opened
from tests.bench.simulate import UNITS, ledger

HEADINGS = {
    "编号": "no",
    "企业名称（投资主体）": "enterprise",
    "法人": "legal_person",
    "联系电话": "phone",
    "责任单位": "unit",
    "问题来源": "source",
    "问题类别": "category",
    "问题描述": "description",
    "发现日期": "found_on",
    "交办日期": "assigned_on",
    "整改时限": "due_on",
    "签收日期": "signed_on",
    "销号日期": "closed_on",
}
COPIED = ("cases", "events", "agenda", "tally")


def measure(setting: Setting) -> dict[str, Any]:
    count = setting.size(50_000, 1_000)
    with TemporaryDirectory(prefix="duban-bench-") as folder:
        workbook = Path(folder) / "ledger.xlsx"
        _write(workbook, count)
        each = {kind: _on(kind, workbook, count, setting) for kind in setting.databases}
    return {"ratio": max(figures["ratio"] for figures in each.values()), "rows": count, **each}


def _on(kind: str, workbook: Path, count: int, setting: Setting) -> dict[str, Any]:
    setting.progress(f"import: {kind}, {count:,} rows")
    ours = Watch()
    with opened(kind) as engine, opened(kind) as other:
        rule_set = found(engine, County(0, UNITS))
        found(other, County(0, UNITS))
        with ours.on("read, check"):
            sheet = sheets.read(workbook, "ledger")
        with ours.on("store"):
            imported = import_sheets(engine, rule_set, [sheet], TODAY)
        assert imported.counts["cases"] == count, imported.counts
        with Bare(engine) as bare:
            made = {table: bare.rows(f"SELECT * FROM {table}") for table in COPIED}
        floor = _floor(other, workbook, made)
    return {
        "ratio": round(ours.total / floor, 2),
        "seconds": round(ours.total, 1),
        "floor_seconds": round(floor, 1),
        "rows_a_second": round(count / ours.total),
        "ours": ours.rounded(),
    }


def _floor(engine: Any, workbook: Path, made: dict[str, list[Any]]) -> float:
    with Bare(engine) as bare:
        bare.run("DELETE FROM agenda")
        began = perf_counter()
        book = python_calamine.CalamineWorkbook.from_path(str(workbook))
        assert book.get_sheet_by_index(0).to_python()
        with bare.transaction():
            for table, rows in made.items():
                bare.insert_whole(table, rows)
        return perf_counter() - began


def _write(path: Path, count: int) -> None:
    with xlsxwriter.Workbook(
        str(path), {"constant_memory": True, "default_date_format": "yyyy-mm-dd"}
    ) as book:
        sheet = book.add_worksheet("台账")
        sheet.write_row(0, 0, list(HEADINGS))
        for number, row in enumerate(ledger(count), start=1):
            sheet.write_row(number, 0, [getattr(row, name) for name in HEADINGS.values()])
