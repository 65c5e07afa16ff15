"""Fields of a case as they are typed on the command line: the same forms as in a workbook."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import TypeVar

from sqlalchemy import Connection

from daemon.errors import RefusedError
from daemon.sheets import cells
from daemon.sheets.cells import Wrong
from daemon.store import cases

_Value = TypeVar("_Value")


def _right(value: _Value | Wrong) -> _Value:
    if isinstance(value, Wrong):
        raise RefusedError(f"{value.message}；{value.hint}" if value.hint else value.message)
    return value


def required(text: str, what: str) -> str:
    if not text.strip():
        raise RefusedError(f"{what}不能为空")
    return text.strip()


def amount(text: str) -> Decimal | None:
    """Return a sum in yuan; without a unit it is yuan."""
    return _right(cells.amount(text, Decimal(1)))


def phone(text: str) -> str:
    return _right(cells.phone(text))


def category(text: str) -> str:
    return _right(cells.category(text))


def check_correction(connection: Connection, no: str, changes: Mapping[str, object]) -> None:
    """Refuse a correction that contradicts what is on file."""
    case = cases.by_no(connection, no)
    assert case is not None
    wanted = changes.get("no")
    if isinstance(wanted, str) and wanted != no and cases.on_file(connection, case.campaign, wanted):
        raise RefusedError(f"编号 {wanted} 已经存在")
    due = changes.get("due_on")
    if isinstance(due, date) and case.assigned_on and due < case.assigned_on:
        raise RefusedError(f"整改时限 {due} 早于交办日期 {case.assigned_on}")
