"""One case and every rung that may speak about it: when, to whom, and how that stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection

from daemon.cli.context import Context
from daemon.cli.folding import Group, group_of
from daemon.cli.names import case_named
from daemon.cli.outlook import Coming
from daemon.cli.output import local
from daemon.cli.words import say_item
from daemon.config.compiled import RuleSet
from daemon.domain.case import Case
from daemon.domain.ladder import Ladder, Part, Rung, SubjectKind
from daemon.domain.people import Recipient
from daemon.domain.plan import Facts, Occurrence, Outcome, occurrences
from daemon.domain.prospect import Fate, Prospect, prospects
from daemon.domain.why import (
    ANCHOR_TITLES,
    ROLE_TITLES,
    SUBJECT_TITLES,
    say_addressees,
    say_conditions,
    say_day,
    say_wording,
)
from daemon.domain.windows import release_slot
from daemon.domain.workdays import Offset, Span, local_day
from daemon.store import agenda, cases, decisions, facts, listing, people
from daemon.store.decisions import Decision
from daemon.store.engine import reading
from daemon.store.facts import Known
from daemon.store.listing import Told

SAMPLE_DUE = Offset(60, Span.DAYS)
SLOTS = 3
"""How many slots of a rung that repeats are shown ahead."""
_OUTCOMES = {
    Outcome.WHEN: "当时条件不成立，不发",
    Outcome.UNLESS: "本人已签收，不发",
    Outcome.MUTED: "在静默期内，不发",
    Outcome.LAPSED: "时限已过，事前提醒不再发",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One occurrence of a rung for a case: its day, when it leaves, whom it reaches, how it stands."""

    ladder: Ladder
    rung: Rung
    fate: Fate
    day: date | None
    leaves_at: datetime | None
    whom: tuple[str, ...]
    state: str
    told: tuple[Told, ...] = ()
    occurrence: str = ""
    outcome: Outcome | None = None

    def group(self, moment: datetime) -> Group:
        """Return whether it was told before a moment, comes later, or is silent."""
        outcome = self.outcome.value if self.outcome else None
        states = [told.state for told in self.told]
        return group_of(self.fate.value, outcome, states, self.leaves_at, moment)

    def json(self, moment: datetime) -> dict[str, Any]:
        """Return the line as scripts read it; ``group`` is how it stands at ``moment``."""
        return {
            "ladder": self.ladder.id,
            "rung": self.rung.id,
            "occurrence": self.occurrence,
            "act": self.rung.act.label,
            "when": say_wording(self.rung.wording),
            "day": self.day,
            "weekday": weekday(self.day) if self.day else "",
            "leaves_at": self.leaves_at,
            "whom": "、".join(self.whom),
            "fate": self.fate.value,
            "group": self.group(moment).value,
            "state": self.state,
            "notices": sorted({told.notice for told in self.told if told.notice}),
        }


def weekday(day: date) -> str:
    return f"周{'一二三四五六日'[day.weekday()]}"


class CaseRungs:
    """A case on its ladders, as the rules and the posts are now."""

    def __init__(self, connection: Connection, rules: RuleSet, case: Case, now: datetime) -> None:
        self.connection, self.rules, self.case, self.now = connection, rules, case, now
        self.subject = cases.subject_of(case)
        self.known: Known = facts.load(connection, [self.subject], rules.campaigns)
        self.rows = agenda.of_subject(connection, self.subject)
        self.told = listing.told_about(connection, self.subject)
        self._settled = decisions.settled(connection, self.rows, rules.ladders)
        self._decided = decisions.of_subject(connection, self.subject)
        self._units = facts.load_units(connection)
        self._persons = people.load_all(connection)

    @property
    def facts(self) -> Facts:
        return self.known.facts[self.subject]

    def lines(self, until: datetime, only: str | None = None, ahead: int = SLOTS) -> list[Line]:
        """Return every rung of the case's ladders as it stands at ``until``, in the order of days.

        Of a rung that repeats, so many slots ahead.
        """
        found = list(self._lines(until, only, ahead))
        return sorted(found, key=lambda line: (line.day is None, line.day or date.max, line.ladder.id))

    def _lines(self, until: datetime, only: str | None, ahead: int) -> Iterator[Line]:
        for row in self.rows:
            ladder = self.rules.ladders.get(row.ladder)
            if ladder is None or only not in (None, ladder.id):
                continue
            settled = self._settled[row.key]
            seen = prospects(self.facts, ladder, self.rules.calendar, settled, self.now, until, ahead)
            yield from (self._line(ladder, prospect) for prospect in seen)

    def _line(self, ladder: Ladder, prospect: Prospect) -> Line:
        rung, occurrence = prospect.rung, prospect.occurrence
        if occurrence is None:
            return Line(ladder, rung, prospect.fate, None, None, (), self._say(ladder, prospect, None, ()))
        decision = self._decision(ladder, rung, occurrence)
        told = self._told(ladder, rung, occurrence)
        leaves_at = self._leaves_at(rung, occurrence, decision)
        whom = tuple(_names(told)) or tuple(self.whom(rung, local_day(leaves_at, self.facts.zone)))
        state = self._say(ladder, prospect, decision, told, leaves_at)
        return Line(
            ladder,
            rung,
            prospect.fate,
            occurrence.day,
            leaves_at,
            whom,
            state,
            tuple(told),
            occurrence.key,
            decision.outcome if decision else None,
        )

    def _decision(self, ladder: Ladder, rung: Rung, occurrence: Occurrence) -> Decision | None:
        version = self.facts.standings[ladder.id].anchor_version
        return next(
            (
                d
                for d in self._decided
                if d.ladder in (ladder.id, *ladder.was)
                and rung.goes_by(d.rung)
                and (d.occurrence, d.anchor_version) == (occurrence.key, version)
            ),
            None,
        )

    def _told(self, ladder: Ladder, rung: Rung, occurrence: Occurrence) -> list[Told]:
        names = (ladder.id, *ladder.was)
        decision = self._decision(ladder, rung, occurrence)
        return [
            t
            for t in self.told
            if decision and t.ladder in names and rung.goes_by(t.rung) and t.instant == decision.instant
        ]

    def _leaves_at(self, rung: Rung, occurrence: Occurrence, decision: Decision | None) -> datetime:
        if decision and decision.release_at:
            return decision.release_at
        decided_at = max(occurrence.instant, self.now)
        bundle, zone = self.rules.bundles.get(rung.bundle), occurrence.instant.tzinfo or UTC
        return release_slot(
            bundle, occurrence.instant, decided_at, self.rules.window, self.rules.calendar, zone
        )

    def whom(self, rung: Rung, on: date) -> list[str]:
        """Return who would be told on a day, by name and seat; an empty seat is said to be empty."""
        found: list[str] = []
        for part, lines in ((Part.TO, rung.to), (Part.COPY, rung.copy)):
            for line in lines:
                reached = self.resolve(line, on)
                found += [self.say_recipient(r, part) for r in reached]
                if not reached:
                    found.append(f"{say_addressees([line])}：无人")
        return list(dict.fromkeys(found))

    def resolve(self, line: tuple[Any, ...], on: date) -> tuple[Recipient, ...]:
        directory = people.directory(self.connection, on)
        return directory.resolve(line, self.case.unit, people.unit_ids(self.connection, on))

    def person(self, number: int) -> str:
        return self._persons[number].name

    def say_recipient(self, recipient: Recipient, part: Part) -> str:
        unit = self._units[recipient.unit].name if recipient.unit else ""
        acting = f"，代理{self._persons[recipient.acting_for].name}" if recipient.acting_for else ""
        copied = "，抄送" if part is Part.COPY else ""
        name = self._persons[recipient.person].name
        return f"{name}（{unit}{ROLE_TITLES[recipient.role]}{acting}{copied}）"

    def _say(
        self,
        ladder: Ladder,
        prospect: Prospect,
        decision: Decision | None,
        told: Sequence[Told],
        leaves_at: datetime | None = None,
    ) -> str:
        zone = self.facts.zone
        match prospect.fate:
            case Fate.SETTLED:
                return self._say_settled(decision, told)
            case Fate.NO_ANCHOR:
                return f"还没有{ANCHOR_TITLES.get(ladder.anchor, ladder.anchor)}的日期"
            case Fate.BEFORE_RULE:
                since = say_day(local_day(prospect.rung.since or self.now, zone))
                return f"这样写的规则 {since} 才启用，以前的不补发"
            case Fate.BEFORE_EVENT:
                standing = self.facts.standings.get(ladder.id)
                since = say_day(local_day(standing.since, zone)) if standing and standing.since else ""
                return f"只从 {since} 起提醒，以前的不补发"
            case Fate.WHEN:
                assert prospect.condition is not None
                return f"条件不成立：{say_conditions([prospect.condition])}"
            case Fate.PASSED:
                return "那天已过，不再补发"
            case Fate.MUTED:
                return "在静默期内，不发"
            case Fate.AT_REST:
                return f"问题现为“{self.case.state.label}”，不再发"
            case Fate.LAPSED:
                return "时限已过，事前提醒不再发"
        return f"定于 {local(leaves_at, zone)} 发出"

    def _say_settled(self, decision: Decision | None, told: Sequence[Told]) -> str:
        zone = self.facts.zone
        if decision is None:
            return "已处理"
        if decision.outcome is not Outcome.SAID:
            return _OUTCOMES[decision.outcome]
        if decision.released_at is None:
            return f"已判定，定于 {local(decision.release_at, zone)} 发出"
        if not told:
            return "已判定，岗位上无人可收"
        return "；".join(_say_told(told, zone))


def sent_notices(rungs: CaseRungs, coming: Coming, person: int) -> list[int]:
    """Return the notices in which a person was told what came."""
    ladder = rungs.rules.ladders[coming.ladder]
    rung = ladder.rung(coming.rung)
    name = rungs.person(person)
    return sorted(
        {
            told.notice
            for told in rungs.told
            if rung and rung.goes_by(told.rung) and told.person == name and told.notice
        }
    )


def _say_told(told: Sequence[Told], zone: Any) -> Iterator[str]:
    """Say how items ended, those that ended alike together: 第6、158号通知 2018-08-16 08:31 已告知."""
    ends: dict[str, list[int]] = {}
    for each in told:
        sent = f" {local(each.sent_at, zone)}" if each.sent_at and each.state == "said" else ""
        numbers = ends.setdefault(f"{sent} {say_item(each.state, each.notice_state)}", [])
        if each.notice and each.notice not in numbers:
            numbers.append(each.notice)
    for end, numbers in ends.items():
        named = "、".join(map(str, sorted(numbers)))
        yield f"第{named}号通知{end}" if named else end.strip()


def _names(told: Iterable[Told]) -> Iterator[str]:
    for each in told:
        yield each.person + ("（抄送）" if each.part is Part.COPY else "")


def case_timeline(context: Context, rules: RuleSet, no: str, only: str | None = None) -> list[dict[str, Any]]:
    """Return the timeline of one case: what was said, and what will be as everything stands."""
    with reading(context.engine) as connection:
        rungs = case_rungs(connection, rules, no, context.now)
        return [line.json(context.now) for line in rungs.lines(context.now, only)]


def case_rungs(connection: Connection, rules: RuleSet, no: str, now: datetime) -> CaseRungs:
    """Return a case on its ladders; raise ``NotFoundError`` with the nearest number."""
    case = cases.by_no(connection, case_named(connection, no))
    assert case is not None
    return CaseRungs(connection, rules, case, now)


# a case that is not on file


def sample_timeline(rules: RuleSet, today: date, only: str | None = None) -> list[dict[str, Any]]:
    """Return the days of an invented case, handed over today, due in sixty days and never taken up.

    One ladder alone: about a case it is counted from today, whatever its anchor; else from the dates of the
    campaigns. Conditions are named and not judged.
    """
    case = {"assigned": today, "registered": today, "due": rules.calendar.apply(SAMPLE_DUE, today)}
    found: list[tuple[date, dict[str, Any]]] = []
    for ladder in rules.ladders.values():
        if only == ladder.id or (only is None and _fits_sample(ladder, case)):
            for name, anchors in _samples(rules, ladder, case):
                anchor = anchors.get(ladder.anchor, today)
                for rung in ladder.rungs:
                    found += _sample_lines(rules, ladder, rung, anchor, name)
    return [line for _, line in sorted(found, key=lambda entry: entry[0])]


def _samples(
    rules: RuleSet, ladder: Ladder, case: Mapping[str, date]
) -> Iterator[tuple[str, Mapping[str, date]]]:
    """Yield the subjects that a ladder speaks about, by name, with their dates."""
    if ladder.about is SubjectKind.CASE:
        yield "", case
    for campaign in rules.campaigns.values():
        match ladder.about:
            case SubjectKind.FILING:
                yield from ((rule.title, {"due": rule.due}) for rule in campaign.filings.values())
            case SubjectKind.PHASE:
                for phase in campaign.phases.values():
                    yield phase.title, {"start": phase.since, "end": phase.until}
            case SubjectKind.TARGET:
                for milestone in campaign.milestones:
                    start = campaign.before(milestone)
                    yield f"目标 {milestone.percent}%", {"start": start, "due": milestone.on}
            case SubjectKind.CAMPAIGN:
                yield campaign.title, {"start": campaign.pace_from, "end": campaign.end}


def _fits_sample(ladder: Ladder, anchors: Mapping[str, date]) -> bool:
    texts = {condition.text for rung in ladder.rungs for condition in rung.wording.when}
    plain = texts <= {"open", "unsigned", "overdue"}
    return ladder.about is SubjectKind.CASE and ladder.anchor in anchors and plain


def _sample_lines(
    rules: RuleSet, ladder: Ladder, rung: Rung, anchor: date, name: str
) -> Iterator[tuple[date, dict[str, Any]]]:
    zone = next(iter(rules.campaigns.values())).zone
    seen = occurrences(rung.wording, anchor, rules.calendar, zone)
    for number, occurrence in enumerate(islice(seen, SLOTS)):
        leaves = release_slot(
            rules.bundles.get(rung.bundle),
            occurrence.instant,
            occurrence.instant,
            rules.window,
            rules.calendar,
            zone,
        )
        when = f"{say_conditions(rung.wording.when)}的才发" if rung.wording.when else ""
        more = "，以后照此重复" if rung.wording.every and number == SLOTS - 1 else ""
        assumed = "暂按周末推算" if rules.calendar.assumed(anchor, occurrence.day) else ""
        yield (
            occurrence.day,
            {
                "ladder": ladder.id,
                "rung": rung.id,
                "occurrence": occurrence.key,
                "act": rung.act.label,
                "when": say_wording(rung.wording),
                "day": occurrence.day,
                "weekday": weekday(occurrence.day),
                "leaves_at": leaves,
                "whom": say_addressees(rung.to),
                "subject": name,
                "state": "；".join(filter(None, (name, f"{local(leaves, zone)} 发出{more}", when, assumed))),
            },
        )


def day_bounds(day: date, zone: Any) -> tuple[datetime, datetime]:
    """Return the first and the last moment of a local day."""
    begins = datetime(day.year, day.month, day.day, tzinfo=zone)
    return begins, begins + timedelta(days=1) - timedelta(microseconds=1)


def sample_title(ladder: Ladder | None) -> str:
    if ladder is None or ladder.about is SubjectKind.CASE:
        return "样例问题的时间表：今天交办，六十天后到期，没有签收，也没有办结"
    return f"{SUBJECT_TITLES[ladder.about]}的时间表：按专项行动的日期"
