"""The rules in the words of the office: when, whom, how and what each rung says, and what an edit changes."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from daemon.cli.words import say_channels
from daemon.config.compiled import RuleSet
from daemon.config.source import RuleSource
from daemon.domain.ladder import Ladder, Rung
from daemon.domain.legs import leg_name
from daemon.domain.why import (
    ANCHOR_TITLES,
    SUBJECT_TITLES,
    say_addressees,
    say_conditions,
    say_day,
    say_wording,
)
from daemon.domain.windows import Bundle
from daemon.domain.workdays import Rest

_WEEKDAYS = "一二三四五六日"


@dataclass(frozen=True, slots=True)
class RungWords:
    """One rung in words, as the table of ``rules show`` has it."""

    ladder: str
    rung: str
    when: str
    whom: str
    how: str
    what: str

    @property
    def line(self) -> str:
        return f"{self.when}，{self.what}，送{self.whom}（{self.how}）"

    @property
    def parts(self) -> tuple[str, ...]:
        return (self.when, self.what, f"送{self.whom}", self.how)


def rung_words(ladder: Ladder, rung: Rung, rules: RuleSet) -> RungWords:
    return RungWords(ladder.id, rung.id, _when(ladder, rung), _whom(rung), _how(rung, rules), _what(rung))


def _when(ladder: Ladder, rung: Rung) -> str:
    common = shared_conditions(ladder)
    more = [condition for condition in rung.wording.when if condition.text not in common]
    words = say_wording(rung.wording)
    if rung.wording.times:
        words += f"，共{rung.wording.times}次"
    if rung.unless:
        words += "，本人已签收的不发"
    return f"{words}，{say_conditions(more)}的" if more else words


def shared_conditions(ladder: Ladder) -> list[str]:
    """Return the conditions that every rung of a ladder has."""
    first, *others = (tuple(condition.text for condition in rung.wording.when) for rung in ladder.rungs)
    return [text for text in first if all(text in other for other in others)]


def _whom(rung: Rung) -> str:
    copies = f"；抄送{say_addressees(rung.copy)}" if rung.copy else ""
    return say_addressees(rung.to) + copies


def _how(rung: Rung, rules: RuleSet) -> str:
    policy = rules.acts[rung.act]
    legs = [say_channels(leg_name(policy.legs, number)) for number in range(len(policy.legs))]
    words = [_say_bundle(rules.bundles.get(rung.bundle)), "，不通再".join(legs)]
    if policy.approval:
        words.append(f"{say_addressees([policy.approval])}审签后发")
    if policy.sign_workdays:
        words.append(f"{policy.sign_workdays}个工作日内签收")
    return "；".join(words)


def _say_bundle(bundle: Bundle | None) -> str:
    if bundle is None:
        return "随即发出"
    if bundle.weekday is not None:
        return f"每周{_WEEKDAYS[bundle.weekday]} {bundle.at:%H:%M}"
    return f"{'工作日' if bundle.workdays else '每天'} {bundle.at:%H:%M}"


def _what(rung: Rung) -> str:
    return rung.act.label + (f"（{rung.template}）" if rung.template else "")


def ladder_title(ladder: Ladder) -> str:
    """Say what a ladder is about: 问题，从时限算起，未办结的才发."""
    anchor = ANCHOR_TITLES.get(ladder.anchor, ladder.anchor)
    words = f"{SUBJECT_TITLES[ladder.about]}，从{anchor}算起{'，每个单位各算各的' if ladder.per_unit else ''}"
    shared = [c for c in ladder.rungs[0].wording.when if c.text in shared_conditions(ladder)]
    return f"{words}，{say_conditions(shared)}的才发" if shared else words


# what an edit changes


@dataclass(frozen=True, slots=True)
class RungChange:
    """A rung before and after an edit, in words; ``None`` where there is none.

    ``old`` is its former name; ``parts`` are those of its words that differ, before and after.
    """

    ladder: str
    rung: str
    before: str | None
    after: str | None
    old: str | None = None
    parts: tuple[tuple[str, str], ...] = ()

    def say(self) -> str:
        name = f"{self.ladder}/{self.rung}"
        if self.after is None:
            return f"{name}：取消（原为 {self.before}）"
        if self.before is None:
            return f"{name}：新增 {self.after}"
        renamed = f"（由 {self.old} 改名）" if self.old else ""
        if self.before == self.after:
            return f"{name}{renamed}：内容不变"
        return f"{name}{renamed}：{'；'.join(f'{before} → {after}' for before, after in self.parts)}"


def rung_changes(old: RuleSet, new: RuleSet) -> list[RungChange]:
    """Return the rungs that an edit adds, strikes out, renames or rewords, in the order of the new file."""
    found: list[RungChange] = []
    for ladder in new.ladders.values():
        past = _past(old, ladder)
        for rung in ladder.rungs:
            former = _former(past, rung)
            before = rung_words(past, former, old) if past and former else None
            after = rung_words(ladder, rung, new)
            name = former.id if former and former.id != rung.id else None
            if before is None or before.parts != after.parts or name:
                found.append(_change(before, after, name))
    return [*found, *_struck_out(old, new)]


def _change(before: RungWords | None, after: RungWords, name: str | None) -> RungChange:
    if before is None:
        return RungChange(after.ladder, after.rung, None, after.line)
    parts = tuple((one, other) for one, other in zip(before.parts, after.parts, strict=True) if one != other)
    return RungChange(after.ladder, after.rung, before.line, after.line, name, parts)


def _past(old: RuleSet, ladder: Ladder) -> Ladder | None:
    return next((found for name in (ladder.id, *ladder.was) if (found := old.ladders.get(name))), None)


def _former(past: Ladder | None, rung: Rung) -> Rung | None:
    return next((found for name in (rung.id, *rung.was) if past and (found := past.rung(name))), None)


def _struck_out(old: RuleSet, new: RuleSet) -> Iterator[RungChange]:
    for ladder in old.ladders.values():
        heir = new.ladders.get(ladder.id)
        for rung in ladder.rungs:
            if heir is None or heir.rung(rung.id) is None:
                yield RungChange(ladder.id, rung.id, rung_words(ladder, rung, old).line, None)


def day_changes(old: RuleSet, new: RuleSet) -> list[str]:
    """Say which days an edit of the calendar changes, and by which notice."""
    before, after = old.calendar, new.calendar
    days = (before.off ^ after.off) | (before.makeup ^ after.makeup)
    said = [_say_day_change(day, before.rest(day), after.rest(day), after.sources) for day in sorted(days)]
    years = sorted(after.known - before.known)
    return [*said, *(f"{year}年放假安排已知，不再按周末推算" for year in years)]


def _say_day_change(day: date, before: Rest, after: Rest, sources: Mapping[date, str]) -> str:
    source = f"（{sources[day]}）" if day in sources else ""
    return f"{say_day(day)}（周{_WEEKDAYS[day.weekday()]}）：{_rest(before)} → {_rest(after)}{source}"


def _rest(rest: Rest) -> str:
    return {Rest.OFF: "放假", Rest.WEEKEND: "周末", Rest.MAKEUP: "补班", Rest.NONE: "上班"}[rest]


def text_changes(old: RuleSource, new: RuleSource) -> dict[str, str]:
    """Return a unified diff for each file that differs; the calendar and the office as lines of JSON."""
    before, after = _texts(old), _texts(new)
    found: dict[str, str] = {}
    for place in sorted(before.keys() | after.keys()):
        one, other = before.get(place, ""), after.get(place, "")
        lines = difflib.unified_diff(
            one.splitlines(), other.splitlines(), f"{place}（前）", f"{place}（后）", lineterm=""
        )
        if one != other:
            found[place] = "\n".join(lines)
    return found


def _texts(source: RuleSource) -> dict[str, str]:
    whole: dict[str, Any] = json.loads(source.to_blob())
    others = {"calendar.yaml": whole["calendar"], "duban.yaml": whole["office"]}
    return {
        **source.files,
        **{f"templates/{name}": text for name, text in source.templates.items()},
        **{place: "\n".join(_lines(value)) for place, value in others.items()},
    }


def _lines(value: Mapping[str, Any]) -> Iterator[str]:
    for name, each in value.items():
        if isinstance(each, list):
            yield from (f"{name} {one}" for one in each)
        elif isinstance(each, dict):
            yield from (f"{name} {key} {one}" for key, one in each.items())
        else:
            yield f"{name} {each}"
