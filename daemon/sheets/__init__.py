"""The offices' workbooks: directory, issue list, ledger. Reads them; knows nothing of the database."""

from daemon.sheets.checking import check, check_units
from daemon.sheets.reading import read
from daemon.sheets.rows import BODIES, CATEGORIES, CaseRow, Kind, PersonRow, Sheet, UnitRow

__all__ = [
    "BODIES",
    "CATEGORIES",
    "CaseRow",
    "Kind",
    "PersonRow",
    "Sheet",
    "UnitRow",
    "check",
    "check_units",
    "read",
]
