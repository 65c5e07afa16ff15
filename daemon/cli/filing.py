"""``filing``: what the units must hand in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.commands import App
from daemon.cli.context import Context
from daemon.cli.options import By, Config, Json, Note, On, OneUnit, Unit, UnitNote
from daemon.cli.output import answer, emit, table
from daemon.cli.words import FILING_STATES

if TYPE_CHECKING:
    from daemon.domain.campaign import Campaign
    from daemon.store.facts import Matter

app = App("报送：工作计划、名单、问题清单等，谁交了，谁没交。")

Kind = Annotated[str, typer.Option("--kind", metavar="报送", help="报送的名称或 id，如 工作计划、work-plan")]
TITLES = {"submitted": "报送", "returned": "退回", "accepted": "备案"}


@dataclass(frozen=True)
class Asked:
    """What is to happen to one unit's filing, as it was typed."""

    action: str
    kind: str
    unit: str
    on: date | None
    note: str
    by: str | None
    config: Path | None
    as_json: bool
    nil: bool = False


@dataclass(frozen=True)
class _Shown:
    """What filings are shown with."""

    units: Mapping[int, str]
    campaigns: Mapping[int, Campaign]
    today: date

    def title(self, matter: Matter) -> str:
        campaign = self.campaigns.get(matter.campaign)
        rule = campaign.filings.get(matter.key) if campaign else None
        return rule.title if rule else matter.key

    def overdue(self, matter: Matter) -> bool:
        waits = matter.state in ("open", "returned")
        return waits and matter.due_on is not None and matter.due_on < self.today

    def json(self, matter: Matter) -> dict[str, Any]:
        campaign = self.campaigns.get(matter.campaign)
        return {
            "campaign": campaign.id if campaign else None,
            "kind": matter.key,
            "title": self.title(matter),
            "unit": self.units.get(matter.unit or 0),
            "due_on": matter.due_on,
            "state": matter.state,
            "state_title": FILING_STATES.get(matter.state, matter.state),
            "overdue": self.overdue(matter),
            "submitted_on": matter.submitted_on,
            "returned_on": matter.returned_on,
            "nil": matter.nil,
        }

    def print(self, found: Sequence[Matter]) -> None:
        rows = [
            (
                self.title(m),
                self.units.get(m.unit or 0),
                m.due_on,
                FILING_STATES.get(m.state, m.state) + ("（逾期）" if self.overdue(m) else ""),
                m.submitted_on,
                "零报告" if m.nil else "",
            )
            for m in found
        ]
        table(("报送", "责任单位", "时限", "状态", "报送日期", ""), rows, empty="没有符合条件的报送")
        if found:
            waiting = sum(m.state in ("open", "returned") for m in found)
            answer(f"共 {len(found)} 项，未报送 {waiting} 项")


@app.command("list")
def list_filings(
    unit: Unit = None,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="报送", help="报送的名称或 id，如 工作计划、work-plan")
    ] = None,
    open_only: Annotated[bool, typer.Option("--open", help="只看还没交的")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """列出各单位的报送。"""
    from daemon.cli import names
    from daemon.store import listing
    from daemon.store.engine import reading

    with Context.open(config) as context, reading(context.engine) as connection:
        found = listing.filings(
            connection,
            unit=names.unit_named(connection, unit) if unit else None,
            key=names.filing_named(context.rules().campaigns, kind)[1] if kind else None,
            open_only=open_only,
        )
        shown = _shown(context, connection)
    if as_json:
        emit([shown.json(matter) for matter in found])
    else:
        shown.print(found)


def _shown(context: Context, connection: Any) -> _Shown:
    from daemon.cli.case_views import unit_names
    from daemon.store.facts import load_campaigns

    campaigns = load_campaigns(connection, context.rules().campaigns)
    return _Shown(unit_names(connection), campaigns, context.today)


@app.command()
def submit(
    unit: OneUnit,
    kind: Kind,
    nil: Annotated[bool, typer.Option("--nil", help="零报告：没有问题可报")] = False,
    on: On = None,
    note: Note = "",
    by: By = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """登记一个单位已经报送。"""
    _happen(Asked("submitted", kind, unit, on, note, by, config, as_json, nil))


@app.command("return")
def send_back(
    unit: OneUnit,
    kind: Kind,
    on: On = None,
    note: UnitNote = "",
    by: By = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """退回：报送不合格，退回重报。"""
    _happen(Asked("returned", kind, unit, on, note, by, config, as_json))


@app.command()
def accept(
    unit: OneUnit,
    kind: Kind,
    on: On = None,
    note: Note = "",
    by: By = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """备案：报送合格。"""
    _happen(Asked("accepted", kind, unit, on, note, by, config, as_json))


def _happen(asked: Asked) -> None:
    from daemon import acts
    from daemon.cli import names
    from daemon.store.engine import reading

    with Context.open(asked.config) as context:
        by = context.who(asked.by)
        rules = context.rules_in_force(by)
        on = context.happened(asked.on)
        campaign, key = names.filing_named(rules.campaigns, asked.kind)
        with reading(context.engine) as connection:
            unit = names.unit_named(connection, asked.unit)
        after = acts.on_filing(
            context.engine,
            rules,
            campaign,
            key,
            unit,
            asked.action,
            context.now,
            on=on,
            nil=asked.nil,
            by=by,
            note=asked.note,
        )
        with reading(context.engine) as connection:
            shown = _shown(context, connection)
    if asked.as_json:
        emit(shown.json(after))
    else:
        nil = "（零报告）" if after.nil and asked.action == "submitted" else ""
        unit_name = shown.units.get(after.unit or 0, "")
        answer(f"{unit_name}“{shown.title(after)}”已{TITLES[asked.action]}{nil}（{on}）")
