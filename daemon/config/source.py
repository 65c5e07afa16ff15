"""The rule set as one content-addressed text: what was on disk, checked whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from daemon.config import crosschecks, document, rawtext, sense
from daemon.config.crosschecks import MANUAL, Known
from daemon.config.document import Document
from daemon.config.faults import validated
from daemon.config.models import (
    CalendarFile,
    CampaignFile,
    ChannelsFile,
    DubanFile,
    LaddersFile,
    Shape,
)
from daemon.config.offdays import OfficeDays, office_days
from daemon.config.sense import Setting
from daemon.domain.workdays import WorkdayCalendar
from daemon.errors import Fault, FaultyInputError

DUBAN, LADDERS, CHANNELS, CALENDAR = "duban.yaml", "ladders.yaml", "channels.yaml", "calendar.yaml"
CAMPAIGNS, TEMPLATES = "campaigns", "templates"
_FORMAT = 1
_SAMPLE = "可从程序自带的样本文件夹 config/ 里复制一份再改"

_Shape = TypeVar("_Shape", bound=Shape)


@dataclass(frozen=True, slots=True)
class Office:
    """The office as messages name it."""

    name: str
    phone: str


@dataclass(frozen=True)
class RuleSource:
    """Everything that decides what is said, as it was written: one value, one hash.

    ``files`` are the exact texts of the campaigns, ladders and channels by their place in the config folder
    (secrets stand in them as references only), ``templates`` those of the templates.
    """

    files: Mapping[str, str]
    office: Office
    days: OfficeDays
    templates: Mapping[str, str]

    def to_blob(self) -> str:
        """Return the one canonical text of this rule set."""
        return self._blob

    @cached_property
    def _blob(self) -> str:
        whole = {
            "format": _FORMAT,
            "files": dict(self.files),
            "office": {"name": self.office.name, "phone": self.office.phone},
            "calendar": {
                "off": [day.isoformat() for day in self.days.off],
                "makeup": [day.isoformat() for day in self.days.makeup],
                "known": list(self.days.known),
                "sources": {day.isoformat(): source for day, source in self.days.sources.items()},
            },
            "templates": dict(self.templates),
        }
        return json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_blob(cls, blob: str) -> RuleSource:
        whole = json.loads(blob)
        days = whole["calendar"]
        return cls(
            files=MappingProxyType(whole["files"]),
            office=Office(**whole["office"]),
            days=OfficeDays(
                off=tuple(map(date.fromisoformat, days["off"])),
                makeup=tuple(map(date.fromisoformat, days["makeup"])),
                known=tuple(days["known"]),
                sources={date.fromisoformat(day): source for day, source in days["sources"].items()},
            ),
            templates=MappingProxyType(whole["templates"]),
        )

    @cached_property
    def hash(self) -> str:
        return hashlib.sha256(self._blob.encode()).hexdigest()


@dataclass(frozen=True)
class RuleFiles:
    """The files of a rule set as models."""

    campaigns: tuple[CampaignFile, ...]
    ladders: LaddersFile
    channels: ChannelsFile


@dataclass(frozen=True)
class Inspection:
    """A config folder, looked at whole.

    ``source`` is there where there is no fault. The models are there even then, with stand-ins for what is
    faulty, unless a file cannot be read at all; ``documents`` say where everything stands. ``shipped`` are
    the texts of the program, ``own`` those of the office that lie over them.
    """

    source: RuleSource | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    documents: Mapping[str, Document]
    duban: DubanFile | None
    ladders: LaddersFile | None
    channels: ChannelsFile | None
    campaigns: Mapping[str, CampaignFile]
    calendar: WorkdayCalendar
    shipped: Mapping[str, str]
    own: Mapping[str, str]

    @property
    def templates(self) -> dict[str, str]:
        return {**self.shipped, **self.own}

    def placed(self, fault: Fault) -> Fault:
        """Return a fault of a key with the line and column at which it stands."""
        document = self.documents.get(fault.place)
        if document is None or fault.line:
            return fault
        found = document.fault(fault.key.split("."), fault.message, fault.hint)
        return replace(found, key=fault.key)


def load_rules(directory: Path, shipped_templates: Path) -> RuleSource:
    """Read and check a whole config folder; raise ``FaultyInputError`` with every fault of every file."""
    found = inspect(directory, shipped_templates)
    if found.source is None:
        raise FaultyInputError(found.faults)
    return found.source


def inspect(directory: Path, shipped_templates: Path) -> Inspection:
    """Read and check a whole config folder; raise nothing for what stands in it."""
    texts, faults = _read_texts(directory)
    shipped, _ = _read_templates(shipped_templates)
    own, template_faults = _read_templates(directory / TEMPLATES)
    reading = _Reading(texts, [*faults, *template_faults])
    reading.check_all()
    every_fault = tuple(sorted(set(reading.faults)))
    return Inspection(
        source=None if every_fault else _source(texts, reading, {**shipped, **own}),
        faults=every_fault,
        warnings=tuple(reading.warnings),
        documents=reading.documents,
        duban=reading.duban,
        ladders=reading.ladders,
        channels=reading.channels,
        campaigns=reading.campaigns,
        calendar=reading.days.calendar(),
        shipped=MappingProxyType(shipped),
        own=MappingProxyType(own),
    )


def _source(texts: Mapping[str, str], reading: _Reading, templates: Mapping[str, str]) -> RuleSource:
    assert reading.duban is not None
    return RuleSource(
        files=MappingProxyType({place: text for place, text in texts.items() if _is_rule(place)}),
        office=Office(reading.duban.office.name, reading.duban.office.phone),
        days=reading.days,
        templates=MappingProxyType(dict(templates)),
    )


def read_duban(directory: Path) -> DubanFile:
    """Read ``duban.yaml`` alone; raise ``FaultyInputError`` with its faults."""
    reading = _Reading(*_read_texts(directory, only=DUBAN))
    duban = reading.one(DUBAN, DubanFile)
    if duban is None or reading.faults:
        raise FaultyInputError(reading.faults)
    return duban


def rule_files(source: RuleSource) -> RuleFiles:
    """Return the models of a rule set that has been checked.

    What was checked by an older version is not checked again; raise ``FaultyInputError`` only if this version
    cannot read it at all.
    """
    return _rule_files(tuple(sorted(source.files.items())))


@lru_cache(maxsize=4)
def _rule_files(texts: tuple[tuple[str, str], ...]) -> RuleFiles:
    reading = _Reading(dict(texts), ())
    reading.read_rules()
    if reading.faults:
        raise FaultyInputError(reading.faults)
    assert reading.ladders is not None
    assert reading.channels is not None
    return RuleFiles(tuple(reading.campaigns.values()), reading.ladders, reading.channels)


def _is_rule(place: str) -> bool:
    return place in (LADDERS, CHANNELS) or place.startswith(f"{CAMPAIGNS}/")


def _read_texts(directory: Path, only: str | None = None) -> tuple[dict[str, str], list[Fault]]:
    texts: dict[str, str] = {}
    faults: list[Fault] = []
    campaigns = sorted((directory / CAMPAIGNS).glob("[!.]*.y*ml"))
    for path in [directory / name for name in (DUBAN, LADDERS, CHANNELS, CALENDAR)] + campaigns:
        place = path.relative_to(directory).as_posix()
        if only in (None, place) and path.is_file():
            text, found = rawtext.decode(place, path.read_bytes())
            faults += found
            if text or not found:
                texts[place] = text
    return texts, faults


def _read_templates(*folders: Path) -> tuple[dict[str, str], list[Fault]]:
    """Return the texts of the templates; those of a later folder lie over those of an earlier one."""
    texts: dict[str, str] = {}
    faults: list[Fault] = []
    for folder in folders:
        for path in sorted(folder.rglob("*.j2")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and not any(part.startswith(".") for part in name.split("/")):
                texts[name], found = rawtext.decode(f"{TEMPLATES}/{name}", path.read_bytes())
                faults += found
    return texts, faults


class _Reading:
    """The files of one folder on their way from text to models, and what is wrong with them."""

    def __init__(self, texts: Mapping[str, str], faults: Iterable[Fault]) -> None:
        self._texts = texts
        self.documents: dict[str, Document] = {}
        self.faults = list(faults)
        self.warnings: list[Fault] = []
        self.duban: DubanFile | None = None
        self.calendar: CalendarFile | None = None
        self.ladders: LaddersFile | None = None
        self.channels: ChannelsFile | None = None
        self.campaigns: dict[str, CampaignFile] = {}

    def read_rules(self) -> None:
        for place in self._campaign_places():
            if campaign := self.one(place, CampaignFile):
                self.campaigns[place] = campaign
        self.channels = self.one(CHANNELS, ChannelsFile)
        self.ladders = self.one(LADDERS, LaddersFile)

    def check_all(self) -> None:
        """Read every file, then look for what they get wrong of each other."""
        self.duban = self.one(DUBAN, DubanFile)
        self.calendar = self.one(CALENDAR, CalendarFile) if CALENDAR in self._texts else CalendarFile()
        self.read_rules()
        self._check_campaigns()
        if self.duban:
            self._add(DUBAN, crosschecks.duban_faults(self.documents[DUBAN], self.duban))
        if self.calendar and CALENDAR in self.documents:
            self._add(CALENDAR, crosschecks.calendar_faults(self.documents[CALENDAR], self.calendar))
        if self.channels:
            document = self.documents[CHANNELS]
            self._add(CHANNELS, crosschecks.channel_faults(document, self.channels))
            self._warn(CHANNELS, crosschecks.channel_warnings(document, self.channels))
        if self.ladders:
            self._check_ladders(self.documents[LADDERS], self.ladders)

    def _check_ladders(self, document: Document, ladders: LaddersFile) -> None:
        self._add(LADDERS, crosschecks.ladder_faults(document, ladders, self._known()))
        campaigns = [self.documents.get(place) for place in self._campaign_places()]
        sound = all(each is not None and not each.doubts for each in campaigns)
        setting = Setting(self.days.calendar(), tuple(self.campaigns.values()), whole=sound)
        told = {tuple(fault.key.split(".")) for fault in self.faults if fault.place == LADDERS}
        unclear = replace(document, doubts=document.doubts | told)
        self._add(LADDERS, sense.nonsense(unclear, ladders, setting))
        self._warn(LADDERS, sense.doubtful(unclear, ladders))
        self._warn(LADDERS, crosschecks.ladder_warnings(unclear, ladders, self._known()))

    @property
    def days(self) -> OfficeDays:
        return office_days(self.calendar or CalendarFile())

    def one(self, place: str, shape: type[_Shape]) -> _Shape | None:
        if place not in self._texts:
            if not any(fault.place == place for fault in self.faults):
                self.faults.append(Fault(place, 0, 0, "", "缺少这个文件", _SAMPLE))
            return None
        read, faults = document.read(place, self._texts[place])
        self.faults += faults
        if read is None:
            return None
        self.documents[place], model, faults = validated(read, shape)
        self.faults += faults
        return model

    def _check_campaigns(self) -> None:
        if not self._campaign_places():
            message = "没有专项行动"
            self.faults.append(Fault(f"{CAMPAIGNS}/", 0, 0, "", message, "至少要有一个 campaigns/….yaml"))
        first: dict[str, str] = {}
        for place, campaign in self.campaigns.items():
            self._add(place, crosschecks.campaign_faults(self.documents[place], campaign))
            if (twin := first.setdefault(campaign.id, place)) != place:
                message = f"编号“{campaign.id}”与 {twin} 重复"
                self.faults.append(self.documents[place].fault(("id",), message, "请改名"))

    def _add(self, place: str, faults: Iterator[Fault]) -> None:
        self.faults += self._certain(place, faults)

    def _warn(self, place: str, faults: Iterator[Fault]) -> None:
        self.warnings += self._certain(place, faults)

    def _certain(self, place: str, faults: Iterator[Fault]) -> Iterator[Fault]:
        """Leave out what is said of a place that has a fault of its own."""
        document = self.documents[place]
        doubts = {".".join(doubt) for doubt in document.doubts}
        for fault in faults:
            if fault.line not in document.broken and fault.key not in doubts:
                yield fault

    def _known(self) -> Known:
        """Return what the ladders may name, faulty or not; ``None`` where a file cannot be read at all."""
        campaigns = self._campaign_places()
        channels = self._names(CHANNELS, "channels")
        phases = [self._names(place, "phases") for place in campaigns]
        filings = [self._names(place, "filings", empty=True) for place in campaigns]
        words = {"phase.id": _joined(phases), "filing.kind": _joined(filings)}
        return Known(
            channels=None if channels is None else [*channels, MANUAL],
            neutral=[name for name, c in self.channels.channels.items() if c.neutral]
            if self.channels
            else (),
            bundles=self._names(CHANNELS, "bundles", empty=True),
            briefs=self._briefs(),
            words={name: known for name, known in words.items() if known is not None},
        )

    def _briefs(self) -> list[str] | None:
        certain = self.channels and self.documents[CHANNELS].sure(("flood",))
        return list(self.channels.flood.group) if self.channels and certain else None

    def _names(self, place: str, key: str, *, empty: bool = False) -> list[str] | None:
        """Return the names that a file gives under a key; ``empty``: the key may be left out."""
        document = self.documents.get(place)
        top = document.names() if document else None
        if document is None or top is None:
            return None
        return [] if empty and key not in top else document.names(key)

    def _campaign_places(self) -> list[str]:
        return [place for place in self._texts if place.startswith(f"{CAMPAIGNS}/")]


def _joined(lists: Iterable[list[str] | None]) -> list[str] | None:
    """Return all names of several files, if all are known."""
    known = list(lists)
    return None if None in known else [name for names in known if names for name in names]
