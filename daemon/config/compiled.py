"""A rule set as the domain's values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from daemon.config import references
from daemon.config.crosschecks import MANUAL, bundle_of
from daemon.config.history import History, RungHistory
from daemon.config.models import (
    MIN_CASES,
    ActFile,
    BundleFile,
    CampaignFile,
    ChannelFile,
    ChannelsFile,
    DefaultsFile,
    LadderFile,
    LaddersFile,
    ManualFile,
    RungFile,
    WindowFile,
)
from daemon.config.source import CHANNELS, Office, RuleSource, rule_files
from daemon.config.wording import from_words, wording
from daemon.domain.burden import DEFAULTS, Budget
from daemon.domain.campaign import Campaign, FilingRule, Phase
from daemon.domain.flood import FloodGate
from daemon.domain.ladder import Act, ActPolicy, Ladder, Ladders, Rung
from daemon.domain.pace import Milestone
from daemon.domain.readiness import Demands
from daemon.domain.windows import Bundle, Window
from daemon.domain.workdays import WorkdayCalendar
from daemon.errors import Fault, FaultyInputError

_NO_HISTORY: History = MappingProxyType({})
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_COMMON = frozenset({"provider", *ChannelFile.model_fields})
_NUMBERS = frozenset({"port", "agent_id"})


@dataclass(frozen=True)
class ChannelSettings:
    """How a channel is worked, and what its provider wants.

    ``options`` hold references (``${env:…}``) until ``resolve_channel`` has read them; they are never shown.
    ``rate`` is so many messages in so many seconds. ``on_unknown``: resend, next or hold.
    """

    name: str
    provider: str
    options: Mapping[str, object] = field(repr=False)
    threads: int
    timeout: float
    on_unknown: str
    rate: tuple[int, int] | None = None


@dataclass(frozen=True)
class RuleSet:
    """The rules in force, compiled. ``hash`` names the source they were made from."""

    hash: str
    office: Office
    campaigns: Mapping[str, Campaign]
    ladders: Mapping[str, Ladder]
    acts: Mapping[Act, ActPolicy]
    bundles: Mapping[str, Bundle]
    window: Window
    channel_windows: Mapping[str, Window]
    """One for every channel: its own, or the general one."""
    channels: Mapping[str, ChannelSettings]
    calendar: WorkdayCalendar
    templates: Mapping[str, str]
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    """By channel; one that is missing has no limit."""
    flood: FloodGate = field(default_factory=FloodGate)

    def rung(self, ladder: str, rung: str) -> Rung | None:
        """Return a rung by its names; ``None`` where the rules have it no more."""
        found = self.ladders.get(ladder)
        return found.rung(rung) if found else None

    def ladder_now(self, ladder: str) -> str:
        """Return the name that a ladder goes by now; its own where the rules have it no more."""
        found = self.ladders.get(ladder)
        return found.id if found else ladder

    @cached_property
    def asks_signatures(self) -> bool:
        """Whether any rung is not said to who has signed."""
        return any(rung.unless for ladder in self.ladders.values() for rung in ladder.rungs)

    @cached_property
    def demands(self) -> Demands:
        """What the rules want of the directory."""
        channels = {name for policy in self.acts.values() for leg in policy.legs for name in leg}
        filings = [rule for campaign in self.campaigns.values() for rule in campaign.filings.values()]
        owed_by = {kind for rule in filings for kind in rule.owed_by}
        return Demands(tuple(self.ladders.values()), channels, owed_by)


def compile_rules(source: RuleSource, history: History = _NO_HISTORY) -> RuleSet:
    """Return the rules of a source that has been checked; ``history`` says since when its rungs speak."""
    files = rule_files(source)
    every_channel = _with_manual(files.channels)
    window = _window(files.channels.window)
    return RuleSet(
        hash=source.hash,
        office=source.office,
        campaigns={campaign.id: _campaign(campaign) for campaign in files.campaigns},
        ladders=_ladders(files.ladders, history),
        acts={act: _policy(act, policy) for act, policy in files.ladders.acts.items()},
        bundles={name: _bundle(name, bundle) for name, bundle in files.channels.bundles.items()},
        window=window,
        channel_windows={
            name: _window(channel.window) if channel.window else window
            for name, channel in every_channel.items()
        },
        channels=channel_settings(files.channels),
        calendar=source.days.calendar(),
        templates=source.templates,
        flood=FloodGate(files.channels.flood.hour, tuple(files.channels.flood.group)),
        budgets=_budgets(files.channels),
    )


def _campaign(file: CampaignFile) -> Campaign:
    phases = {name: Phase(name, p.title, p.since, p.until) for name, p in file.phases.items()}
    filings = {
        name: FilingRule(
            id=name,
            title=f.title,
            phase=f.phase,
            due=f.due,
            owed_by=tuple(f.owed_by),
            parts=tuple(f.parts),
            signed_by=f.signed_by,
            nil_allowed=f.nil == "allowed",
        )
        for name, f in file.filings.items()
    }
    return Campaign(
        id=file.id,
        title=file.title,
        document=file.document,
        zone=file.zone,
        numbering=file.numbering,
        phases=phases,
        filings=filings,
        milestones=tuple(Milestone(day, percent) for day, percent in file.targets.items()),
        pace_from=file.pace.since if file.pace else min(p.since for p in phases.values()),
        min_cases=file.pace.min_cases if file.pace else MIN_CASES,
        verdict_workdays=file.verdict_after,
    )


def _ladders(file: LaddersFile, history: History) -> Ladders:
    return Ladders(
        Ladder(
            id=ladder_id,
            about=ladder.about,
            anchor=ladder.anchor,
            rungs=tuple(
                _rung(rung_id, rung, ladder, file.defaults, history.get((ladder_id, rung_id), RungHistory()))
                for rung_id, rung in ladder.rungs.items()
            ),
            per_unit=ladder.per == "unit",
            was=_former_ids(ladder_id, history),
        )
        for ladder_id, ladder in file.ladders.items()
    )


def _former_ids(ladder_id: str, history: History) -> tuple[str, ...]:
    names = [name for key, past in history.items() if key[0] == ladder_id for name, _ in past.names]
    return tuple(dict.fromkeys(name for name in names if name != ladder_id))


def _rung(
    rung_id: str, rung: RungFile, ladder: LadderFile, defaults: DefaultsFile, history: RungHistory
) -> Rung:
    return Rung(
        id=rung_id,
        wording=wording(ladder, rung, defaults),
        act=rung.act,
        to=tuple(rung.to),
        copy=tuple(rung.copied),
        bundle=bundle_of(rung, defaults),
        unless=rung.unless,
        template=rung.template,
        since=history.since,
        former=from_words(history.former) if history.former else None,
        was=tuple(dict.fromkeys(name for _, name in history.names if name != rung_id)),
    )


def _policy(act: Act, file: ActFile) -> ActPolicy:
    return ActPolicy(act, tuple(file.legs), file.sign, file.approval)


def _bundle(name: str, file: BundleFile) -> Bundle:
    weekday = _WEEKDAYS.index(file.on) if file.on else None
    return Bundle(name, file.at, weekday, workdays=file.days == "workdays")


def _window(file: WindowFile) -> Window:
    return Window(file.since, file.until, workdays=file.days == "workdays")


def _budgets(file: ChannelsFile) -> dict[str, Budget]:
    written = {name: Budget(budget.day, budget.week) for name, budget in file.budgets.items()}
    known = {name: budget for name, budget in (DEFAULTS | written).items() if name in file.channels}
    return {name: budget for name, budget in known.items() if budget != Budget()}


def _with_manual(file: ChannelsFile) -> dict[str, ChannelFile]:
    return {MANUAL: ManualFile(provider="manual"), **file.channels}


def channel_settings(file: ChannelsFile) -> dict[str, ChannelSettings]:
    """Return how each channel is worked, the one by hand included."""
    return {name: _settings(name, channel) for name, channel in _with_manual(file).items()}


def _settings(name: str, file: ChannelFile) -> ChannelSettings:
    return ChannelSettings(
        name=name,
        provider=str(file.model_dump(include={"provider"})["provider"]),
        options=MappingProxyType(file.model_dump(exclude=set(_COMMON), exclude_none=True)),
        threads=file.threads,
        timeout=file.timeout,
        on_unknown=file.on_unknown,
        rate=file.rate,
    )


def resolve_channel(
    settings: ChannelSettings, *, directory: Path = Path(), environ: Mapping[str, str] | None = None
) -> ChannelSettings:
    """Return settings whose references have been read, for the one who opens the channel.

    Raise ``FaultyInputError`` that names the key and the variable or file of each that is missing.
    """
    key = f"channels.{settings.name}"
    resolved = references.resolve(
        settings.options, place=CHANNELS, key=key, directory=directory, environ=environ
    )
    for name in _NUMBERS & resolved.keys():
        if not str(resolved[name]).isdecimal():
            message = f"{settings.options[name]} 的值不是整数"
            raise FaultyInputError([Fault(CHANNELS, 0, 0, f"{key}.{name}", message)])
        resolved[name] = int(str(resolved[name]))
    return replace(settings, options=MappingProxyType(resolved))
