"""Checks a config folder whole: its files, what they say of each other, its texts, and what bites later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from daemon.cli.checking_texts import sms_sign, text_faults, text_warnings
from daemon.config import references
from daemon.config.compiled import ChannelSettings, RuleSet, channel_settings, compile_rules, resolve_channel
from daemon.config.source import CALENDAR, CHANNELS, DUBAN, Inspection, RuleSource, inspect
from daemon.errors import Fault, FaultyInputError
from daemon.render import trial

_PHONE = "0000-00000000"
"""Stands in for the office's phone where its file cannot be read."""


@dataclass(frozen=True)
class Findings:
    """What is wrong with a folder (``faults``), and what is not wrong but will bite (``warnings``)."""

    inspection: Inspection
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]

    @property
    def source(self) -> RuleSource | None:
        return None if self.faults else self.inspection.source


def findings(directory: Path, shipped_templates: Path) -> Findings:
    """Look at a config folder with all that can be known without a database."""
    found = inspect(directory, shipped_templates)
    warned = [
        *found.warnings,
        *text_warnings(found),
        *_missing_secrets(found, directory),
        *_unknown_years(found),
    ]
    return Findings(found, _faults(found), tuple(sorted(set(map(found.placed, warned)))))


def checked_source(directory: Path, shipped_templates: Path) -> RuleSource:
    """Return the rules of a folder; raise ``FaultyInputError`` with every fault, those of texts included."""
    return checked(directory, shipped_templates)[0]


def checked(directory: Path, shipped_templates: Path) -> tuple[RuleSource, tuple[Fault, ...]]:
    """Return the rules of a folder, and what in them is not wrong but will bite; else as before."""
    found = inspect(directory, shipped_templates)
    if faults := _faults(found):
        raise FaultyInputError(faults)
    assert found.source is not None
    return found.source, tuple(sorted(set(found.warnings)))


def checked_again(source: RuleSource) -> RuleSource:
    """Return a stored rule set if this version reads it and its texts render; raise ``FaultyInputError``."""
    rules = compile_rules(source)
    signs = [settings.options.get("sign") for settings in rules.channels.values()]
    sign = next((str(sign) for sign in signs if sign), rules.office.name)
    if faults := trial(rules.templates, sign, rules.office.phone):
        raise FaultyInputError(faults)
    return source


def _faults(found: Inspection) -> tuple[Fault, ...]:
    phone = found.duban.office.phone if found.duban else _PHONE
    return tuple(sorted({*found.faults, *text_faults(found, sms_sign(found), phone)}))


def missing_secrets(rules: RuleSet, directory: Path) -> list[Fault]:
    """Return the references of channels that cannot be resolved here and now."""
    return [fault for settings in rules.channels.values() for fault in _unresolved(settings, directory)]


def _missing_secrets(found: Inspection, directory: Path) -> Iterator[Fault]:
    if found.channels:
        document = found.documents[CHANNELS]
        for settings in channel_settings(found.channels).values():
            if document.sure(("channels", settings.name)):
                yield from _unresolved(settings, directory)
    if found.duban and not found.documents[DUBAN].doubts:
        said = {"database": found.duban.database or "", "broker": found.duban.broker or ""}
        try:
            references.resolve(said, place=DUBAN, directory=directory)
        except FaultyInputError as error:
            yield from error.faults


def _unresolved(settings: ChannelSettings, directory: Path) -> tuple[Fault, ...]:
    try:
        resolve_channel(settings, directory=directory)
    except FaultyInputError as error:
        return error.faults
    return ()


def _unknown_years(found: Inspection) -> Iterator[Fault]:
    years = {
        year
        for campaign in found.campaigns.values()
        for phase in campaign.phases.values()
        for year in range(phase.since.year, min(phase.until.year, found.calendar.last.year) + 1)
        if year not in found.calendar.known
    }
    for year in sorted(years):
        message = f"{year} 年的放假安排还不知道，暂按周末推算"
        yield Fault(CALENDAR, 0, 0, "years", message, "公布后写入 calendar.yaml")
