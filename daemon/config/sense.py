"""Ladders that are well-formed and make no sense: what would never be said, or not as it is meant."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise

from daemon.config.conditions import names_in
from daemon.config.document import Document
from daemon.config.models import CampaignFile, LadderFile, LaddersFile, RungFile
from daemon.config.possible import Given, Moment, can_hold
from daemon.config.repeats import is_once_a_day
from daemon.domain.ladder import SubjectKind
from daemon.domain.workdays import Offset, Span, WorkdayCalendar
from daemon.errors import Fault

KNOWN_AHEAD = frozenset({"due", "start", "end"})
"""The dated facts that are known before they come; the others are events."""
_SAMPLED = timedelta(days=366)
_BEGIN = date(2018, 1, 1)
_COUNTDOWN = frozenset({"overdue", "days_left"})
Path = tuple[str, ...]
Placed = tuple[str, RungFile, Path]
"""A rung with its id and where it stands."""


@dataclass(frozen=True)
class Setting:
    """What ladders are tried against: the working days, and the campaigns as far as they can be read."""

    calendar: WorkdayCalendar
    campaigns: Sequence[CampaignFile] = ()
    whole: bool = True
    _tried: dict[Offset | None, tuple[date, ...]] = field(default_factory=dict)

    @cached_property
    def anchors(self) -> tuple[date, ...]:
        """A year of days on which an anchor may fall."""
        first = min((p.since for c in self.campaigns for p in c.phases.values()), default=_BEGIN)
        if not self.calendar.first.year + 5 < first.year < self.calendar.last.year - 5:
            first = _BEGIN  # a mistyped year is told elsewhere
        return tuple(first + timedelta(days=n) for n in range(_SAMPLED.days))

    def days(self, offset: Offset | None) -> tuple[date, ...]:
        """Return the day that lies ``offset`` from each anchor."""
        if offset not in self._tried:
            shifted = (day if offset is None else self.calendar.apply(offset, day) for day in self.anchors)
            self._tried[offset] = tuple(shifted)
        return self._tried[offset]

    @cached_property
    def given(self) -> Mapping[SubjectKind, tuple[Given, ...]]:
        """What is certain of the phases, filings and targets there are."""
        if not self.whole:
            return {}
        return {kind: facts for kind, facts in _given(self.campaigns).items() if facts}


def _given(campaigns: Iterable[CampaignFile]) -> dict[SubjectKind, tuple[Given, ...]]:
    phases: list[Given] = []
    filings: list[Given] = []
    targets: list[Given] = []
    for campaign in campaigns:
        for name, phase in campaign.phases.items():
            days = (phase.until - phase.since).days + 1
            ends = (("phase.from", phase.since), ("phase.to", phase.until), ("phase.days", days))
            phases.append((("phase.id", name), *ends))
        for name, filing in campaign.filings.items():
            filings.append((("filing.kind", name), ("filing.due_on", filing.due)))
        targets += [(("target.due_on", d), ("target.percent", p)) for d, p in campaign.targets.items()]
    return {
        SubjectKind.PHASE: tuple(phases),
        SubjectKind.FILING: tuple(filings),
        SubjectKind.TARGET: tuple(targets),
    }


def nonsense(document: Document, file: LaddersFile, setting: Setting) -> Iterator[Fault]:
    """Find what is well-formed and would never be said, or not in the order in which it is written."""
    for ladder_id, ladder in file.ladders.items():
        path = ("ladders", ladder_id)
        rungs = [(name, rung, (*path, "rungs", name)) for name, rung in ladder.rungs.items()]
        if document.sure((*path, "from"), (*path, "about")):
            for _, rung, where in rungs:
                yield from _before_the_event(document, ladder, rung, where)
            yield from _impossible(document, file, ladder, path, rungs, setting)
        for _, rung, where in rungs:
            yield from _repeats(document, rung, where, setting)
        yield from _order(document, rungs, setting)


def doubtful(document: Document, file: LaddersFile) -> Iterator[Fault]:
    """Find what is likely not meant: a ladder about what was handed in that waits until it comes back."""
    for ladder_id, ladder in file.ladders.items():
        path = ("ladders", ladder_id)
        if ladder.anchor != "submitted" or not document.sure(path):
            continue
        for name, rung in ladder.rungs.items():
            texts = _conditions(file, ladder, rung)
            handed_in = Moment(ladder.about, states=frozenset({"submitted", "accepted", "closed"}))
            if can_hold(texts, Moment(ladder.about)) and not can_hold(texts, handed_in):
                hint = f'要在报结期间发，请写 when: {ladder.about.value}.state == "submitted"'
                message = "报结以后就不算未办结（open），这一级要到退回后才会发"
                yield document.fault((*path, "rungs", name), message, hint, at_key=True)


def _before_the_event(document: Document, ladder: LadderFile, rung: RungFile, path: Path) -> Iterator[Fault]:
    """What happens is not known before it has, so a rung cannot speak before it."""
    at = rung.at
    if ladder.anchor in KNOWN_AHEAD or at is None or not document.sure((*path, "at")):
        return
    if at.count < 0:
        message = f"{ladder.anchor} 是事后才知道的日期，“{at}”早已过去，永远不会发"
        yield document.fault((*path, "at"), message, "写 immediately，或从 +1 workday 起")
    elif at == Offset(0, Span.WORKDAYS):
        message = f"{ladder.anchor} 落在休息日时，“{at}”在它之前，不会发"
        yield document.fault((*path, "at"), message, "当天发写 immediately 或 0 days")


def _impossible(
    document: Document,
    file: LaddersFile,
    ladder: LadderFile,
    path: Path,
    rungs: Sequence[Placed],
    setting: Setting,
) -> Iterator[Fault]:
    """Find conditions that nothing can ever meet: of the whole ladder, or of a rung."""
    if not document.sure(("defaults", "when"), (*path, "when")):
        return
    moment = Moment(ladder.about, setting.given.get(ladder.about, ((),)), has_deadline=ladder.anchor == "due")
    whole = _conditions(file, ladder)
    if not _hold(whole, moment):
        yield document.fault((*path, "when"), f"这个梯次永远不会发：{_never(whole)}", "请改条件")
        return
    for _, rung, where in rungs:
        texts = _conditions(file, ladder, rung)
        there = _at_rung(moment, ladder, rung, texts, setting)
        if document.sure(where) and not _hold(texts, there):
            yield document.fault((*where, "when"), f"这一级永远不会发：{_never(texts)}", "请改条件或日期")


def _hold(texts: Sequence[str], moment: Moment) -> bool:
    try:
        return can_hold(tuple(texts), moment)
    except (KeyError, ValueError):  # a name or a way of writing that has a fault of its own
        return True


def _conditions(file: LaddersFile, ladder: LadderFile, rung: RungFile | None = None) -> tuple[str, ...]:
    first = ladder.when if ladder.when is not None else file.defaults.when
    return tuple(text for text in (first, rung.when if rung else None) if text is not None)


def _at_rung(
    moment: Moment, ladder: LadderFile, rung: RungFile, texts: Sequence[str], setting: Setting
) -> Moment:
    """Say how far the deadline is when a rung speaks, where its date settles that."""
    settled = ladder.anchor == "due" and rung.every is None
    if not settled or not _names(texts) & _COUNTDOWN:
        return moment
    left = {(due - day).days for due, day in zip(setting.anchors, setting.days(rung.at), strict=True)}
    return Moment(moment.kind, moment.given, has_deadline=True, days_left=frozenset(left))


def _names(texts: Iterable[str]) -> frozenset[str]:
    try:
        return frozenset().union(*map(names_in, texts))
    except ValueError:
        return frozenset()


def _never(texts: Collection[str]) -> str:
    said = " 且 ".join(f"“{text}”" for text in texts)
    return f"没有什么能满足 {said}"


def _repeats(document: Document, rung: RungFile, path: Path, setting: Setting) -> Iterator[Fault]:
    if rung.every is None or not document.sure((*path, "every")):
        return
    if not is_once_a_day(rung.every):
        message = f"“{rung.every.text}”一天不止一次，而一天最多发一次"
        yield document.fault((*path, "every"), message, '分、时各写一个数字，如 "0 9 5 * *"（每月 5 日）')
    if rung.until is None or not document.sure((*path, "at"), (*path, "until")):
        return
    slots = list(zip(_first_slots(rung, setting), setting.days(rung.until), strict=True))
    if all(until < first for first, until in slots):
        at = f"at（{rung.at or 'immediately'}）"
        message = f"until 早于 {at}" if rung.every.cron is None else f"{at}到 until 之间一次也轮不到"
        yield document.fault((*path, "until"), message, "until 是最后一次的期限，请改晚")


def _first_slots(rung: RungFile, setting: Setting) -> Iterator[date]:
    assert rung.every
    for day in setting.days(rung.at):
        yield rung.every.cron(day) if rung.every.cron else day


def _order(document: Document, rungs: Sequence[Placed], setting: Setting) -> Iterator[Fault]:
    """Rungs grow stronger in the order in which they stand, so they stand in the order of their days."""
    single = [rung for rung in rungs if rung[1].every is None and document.sure((*rung[2], "at"))]
    for (before_id, before, _), (_, rung, path) in pairwise(single):
        apart = before.when is not None and rung.when is not None and before.when != rung.when
        days = zip(setting.days(before.at), setting.days(rung.at), strict=True)
        if not apart and all(later < earlier for earlier, later in days):
            message = f"顺序不对：比上一级“{before_id}”（{before.at or 'immediately'}）早"
            yield document.fault((*path, "at"), message, "各级按先后写，越往后越强")
