"""Checks a config folder whole: its files, what they say of each other, its texts, and what bites later."""

from __future__ import annotations

from pathlib import Path

from daemon.config.compiled import RuleSet, compile_rules, resolve_channel
from daemon.config.source import CALENDAR, TEMPLATES, RuleSource, load_rules, read_duban
from daemon.errors import Fault, FaultyInputError
from daemon.render import trial


def checked_source(directory: Path, shipped_templates: Path) -> RuleSource:
    """Return the rules of a folder; raise ``FaultyInputError`` with every fault, those of texts included."""
    try:
        source = load_rules(directory, shipped_templates)
    except FaultyInputError as error:
        texts = _texts(shipped_templates, directory / TEMPLATES)
        raise FaultyInputError({*error.faults, *_text_faults(texts, directory)}) from None
    return checked_again(source)


def checked_again(source: RuleSource) -> RuleSource:
    """Return a stored rule set if this version reads it and its texts render; raise ``FaultyInputError``."""
    rules = compile_rules(source)
    if faults := trial(rules.templates, sms_sign(rules), rules.office.phone):
        raise FaultyInputError(faults)
    return source


def _text_faults(texts: dict[str, str], directory: Path) -> tuple[Fault, ...]:
    """Return the faults of the texts where other files are faulty too, as far as they can be judged alone."""
    try:
        office = read_duban(directory).office
    except FaultyInputError:
        return ()
    return trial(texts, office.name, office.phone)


def _texts(*folders: Path) -> dict[str, str]:
    """Return the templates of the folders, a later one's over an earlier one's."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8", errors="replace")
        for folder in folders
        for path in sorted(folder.rglob("*.j2"))
    }


def sms_sign(rules: RuleSet) -> str:
    """Return the signature under which SMS go out: it takes its part of the one segment."""
    signs = [channel.options.get("sign") for channel in rules.channels.values()]
    return next((str(sign) for sign in signs if sign), rules.office.name)


def warnings(source: RuleSource, directory: Path) -> list[Fault]:
    """Return what does not stop the rules but will bite: secrets not set, years with unknown days off."""
    rules = compile_rules(source)
    return [*missing_secrets(rules, directory), *_unknown_years(rules)]


def missing_secrets(rules: RuleSet, directory: Path) -> list[Fault]:
    """Return the references of channels that cannot be resolved here and now."""
    found: list[Fault] = []
    for settings in rules.channels.values():
        try:
            resolve_channel(settings, directory=directory)
        except FaultyInputError as error:
            found += error.faults
    return found


def _unknown_years(rules: RuleSet) -> list[Fault]:
    years = {
        year
        for campaign in rules.campaigns.values()
        for year in range(campaign.start.year, campaign.end.year + 1)
        if year not in rules.calendar.known
    }
    hint = "放假安排公布后写入 calendar.yaml"
    return [
        Fault(CALENDAR, 0, 0, "", f"{year} 年的放假安排还不知道，暂按周末推算", hint)
        for year in sorted(years)
    ]
