"""What the files say of each other, and what a word of the right shape may still get wrong."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from daemon.config.conditions import check_condition, names_in
from daemon.config.document import Document
from daemon.config.models import (
    CalendarFile,
    CampaignFile,
    ChannelsFile,
    DefaultsFile,
    DubanFile,
    LadderFile,
    LaddersFile,
    RungFile,
    WindowFile,
)
from daemon.config.words import WordError, closest, nearest
from daemon.domain.ladder import ANCHORS, Act, Addressee, Role, SubjectKind
from daemon.errors import Fault

MANUAL = "manual"
"""The channel that is always there: telephone, paper, a task for the office."""
_OF_UNIT = frozenset({Role.UNIT_HEAD, Role.UNIT_DEPUTY, Role.UNIT_LIAISON, Role.UNIT_CITY_LEADER})
_OF_GROUP = frozenset({Role.GROUP_LEADER, Role.GROUP_DEPUTY, Role.GROUP_MEMBER})
_HAS_UNIT = (SubjectKind.CASE, SubjectKind.FILING)
_MOBILE = re.compile(r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d(?:[- ]?\d{4}){2}(?!\d)")
_WEEKEND = ("saturday", "sunday")
_CAN_BE_PER_UNIT = (SubjectKind.TARGET, SubjectKind.CAMPAIGN)


@dataclass(frozen=True)
class Known:
    """What other files offer to the ladders; ``None`` where that file cannot be read.

    ``neutral`` are channels whose texts may name no matter; ``briefs`` the bundles of the leading group.
    """

    channels: Collection[str] | None = None
    neutral: Collection[str] = ()
    bundles: Collection[str] | None = None
    briefs: Collection[str] | None = None
    words: Mapping[str, Collection[str]] | None = None


def campaign_faults(document: Document, campaign: CampaignFile) -> Iterator[Fault]:
    yield from _phase_faults(document, campaign)
    yield from _filing_faults(document, campaign)
    yield from _target_faults(document, campaign)


def _phase_faults(document: Document, campaign: CampaignFile) -> Iterator[Fault]:
    for phase_id, phase in campaign.phases.items():
        path = ("phases", phase_id, "to")
        if phase.until < phase.since and document.sure(("phases", phase_id)):
            yield document.fault(path, f"结束日期早于开始日期 {phase.since}", "to 是阶段的最后一天")
    for (before_id, before), (phase_id, phase) in pairwise(campaign.phases.items()):
        if phase.since <= before.until and document.sure(("phases", before_id), ("phases", phase_id)):
            message = f"阶段顺序不对：“{before_id}”到 {before.until} 才结束"
            yield document.fault(("phases", phase_id, "from"), message, "各阶段按先后写，互不重叠")


def _filing_faults(document: Document, campaign: CampaignFile) -> Iterator[Fault]:
    phases = document.names("phases")
    for filing_id, filing in campaign.filings.items():
        path = ("filings", filing_id)
        if phases is not None and filing.phase not in phases:
            hint = nearest(filing.phase, phases)
            yield document.fault((*path, "phase"), f"没有“{filing.phase}”这个阶段", hint)
        elif document.sure(("phases", filing.phase)) and filing.due < campaign.phases[filing.phase].since:
            message = f"报送日期早于阶段“{filing.phase}”的开始日期"
            yield document.fault((*path, "due"), message, "请核对日期和阶段")


def _target_faults(document: Document, campaign: CampaignFile) -> Iterator[Fault]:
    if not document.sure(("targets",)):
        return
    for (day, percent), (later, higher) in pairwise(campaign.targets.items()):
        if later <= day or higher <= percent:
            hint = "日期从早到晚，目标整改率逐个升高"
            yield document.fault(
                ("targets", later), f"目标没有逐个升高：{day} 已是 {percent}%", hint, at_key=True
            )
    first = min(campaign.targets, default=None)
    if campaign.pace and first and campaign.pace.since >= first:
        yield document.fault(("pace", "from"), f"序时进度的起点不早于第一个目标 {first}", "请改早")


def duban_faults(document: Document, duban: DubanFile) -> Iterator[Fault]:
    if _MOBILE.search(duban.office.phone):
        message = "这是手机号，印在短信里运营商会拒绝"
        yield document.fault(("office", "phone"), message, "请写固定电话，如 0432-00000000")


def channel_warnings(document: Document, channels: ChannelsFile) -> Iterator[Fault]:
    """Find bundles whose moment is another than what is written."""
    window = channels.window
    for name, bundle in channels.bundles.items():
        path = ("bundles", name)
        if not document.sure(path, ("window",)) or window.until <= window.since:
            continue
        if not window.since <= bundle.at < window.until:
            hours = f"{window.since:%H:%M} 到 {window.until:%H:%M}"
            message = f"不在发送时段（{hours}）内，要等到时段开始才发出"
            yield document.fault((*path, "at"), message, "请改到时段内")
        if bundle.on in _WEEKEND and bundle.days == "workdays":
            message = "是休息日，每次都要顺延到下一个工作日"
            yield document.fault((*path, "on"), message, "请改为 monday 到 friday，或写 days: all")

    yield from _late_windows(document, channels)


def _late_windows(document: Document, channels: ChannelsFile) -> Iterator[Fault]:
    """Find channels whose own window no bundle falls into: whatever leaves by them waits for it."""
    if not document.sure(("bundles",), ("window",)):
        return
    window = channels.window
    times = [b.at if window.since <= b.at < window.until else window.since for b in channels.bundles.values()]
    for name, channel in channels.channels.items():
        own = channel.window
        if own is None or own.until <= own.since or not document.sure(("channels", name, "window")):
            continue
        if times and not any(own.since <= at < own.until for at in times):
            hours = f"{own.since:%H:%M} 到 {own.until:%H:%M}"
            hint = f"请改时段，要含有批次的时刻（{'、'.join(f'{at:%H:%M}' for at in sorted(set(times)))}）"
            message = f"时段（{hours}）里没有一个批次，每一批都要等到这个时段才发出"
            yield document.fault(("channels", name, "window"), message, hint)


def channel_faults(document: Document, channels: ChannelsFile) -> Iterator[Fault]:
    yield from _window_faults(document, ("window",), channels.window)
    for name, channel in channels.channels.items():
        if channel.window:
            yield from _window_faults(document, ("channels", name, "window"), channel.window)
        if name == MANUAL and channel.provider != MANUAL:
            yield document.fault(
                ("channels", name, "provider"), "“manual”是人工渠道，不能另作他用", "请换个名称"
            )
    for name, bundle in channels.bundles.items():
        if (bundle.every is None) != (bundle.on is None) and document.sure(("bundles", name)):
            yield document.fault(("bundles", name), "every 和 on 要一起写", "如 every: week, on: monday")
    yield from _flood_faults(document, channels)
    yield from _budget_faults(document, channels)


def _flood_faults(document: Document, channels: ChannelsFile) -> Iterator[Fault]:
    if "group" not in channels.flood.model_fields_set:
        return
    written = document.names("bundles") or list(channels.bundles)
    for n, name in enumerate(channels.flood.group):
        if name not in written:
            yield document.fault(("flood", "group", n), f"没有“{name}”这个批次", nearest(name, written))


def _budget_faults(document: Document, channels: ChannelsFile) -> Iterator[Fault]:
    written = document.names("channels") or list(channels.channels)
    for name, budget in channels.budgets.items():
        if name == MANUAL or (name in channels.channels and channels.channels[name].provider == MANUAL):
            hint = "电话、书面送达由办公室掌握，请删去这一行"
            yield document.fault(("budgets", name), "人工渠道没有额度", hint, at_key=True)
        elif name not in written:
            hint = nearest(name, written)
            yield document.fault(("budgets", name), f"没有“{name}”这个渠道", hint, at_key=True)
        if budget.day and budget.week and budget.week < budget.day:
            message = f"每周 {budget.week} 条少于每天 {budget.day} 条"
            yield document.fault(("budgets", name, "week"), message, "week 不少于 day，或只写一项")


def _window_faults(document: Document, path: tuple[str, ...], window: WindowFile) -> Iterator[Fault]:
    if window.until <= window.since and document.sure(path):
        yield document.fault((*path, "to"), "结束时间不晚于开始时间", "时段不能跨过零点")


def calendar_faults(document: Document, calendar: CalendarFile) -> Iterator[Fault]:
    for year, entry in calendar.years.items():
        path = ("years", year)
        if both := entry.days_off & entry.days_worked:
            days = "、".join(map(str, sorted(both)))
            yield document.fault((*path, "makeup"), f"{days} 又放假又上班", "请删去一处")
        for name, listed in (("off", entry.off), ("makeup", entry.makeup)):
            for n, days_ in enumerate(listed):
                if not all(_belongs(day, year) for day in days_):
                    yield document.fault((*path, name, n), f"日期不在 {year} 年前后", "请核对年份")


def _belongs(day: date, year: int) -> bool:
    """A notice of a year sets days from the December before it to the January after it."""
    return date(year - 1, 12, 1) <= day <= date(year + 1, 1, 31)


def ladder_faults(document: Document, file: LaddersFile, known: Known) -> Iterator[Fault]:
    yield from _act_faults(document, file, known)
    yield from _bundle_fault(document, ("defaults", "bundle"), file.defaults.bundle, known)
    every_act = [act.value for act in Act]
    acts = {closest(name, every_act) for name in document.names("acts") or every_act}
    yield from _rename_faults(document, ("ladders",), file.ladders)
    for ladder_id, ladder in file.ladders.items():
        path = ("ladders", ladder_id)
        yield from _rename_faults(document, (*path, "rungs"), ladder.rungs)
        clear = document.sure((*path, "about"), (*path, "per"))
        if clear:
            yield from _about_faults(document, path, ladder, file, known)
        for rung_id, rung in ladder.rungs.items():
            rung_path = (*path, "rungs", rung_id)
            if clear:
                yield from _when_faults(document, rung_path, ladder, rung.when, known)
                yield from _reach_faults(document, rung_path, ladder, rung)
            if clear and document.sure(rung_path, ("defaults",)):
                yield from _brief_fault(document, rung_path, ladder, rung, file.defaults)
            yield from _repeat_faults(document, rung_path, rung)
            yield from _bundle_fault(document, (*rung_path, "bundle"), rung.bundle, known)
            if rung.act.value not in acts:
                hint = f"请在 acts 里加一行 {rung.act.value}（{rung.act.label}）"
                yield document.fault((*rung_path, "act"), f"措施“{rung.act.value}”没有写明怎么发", hint)


def ladder_warnings(document: Document, file: LaddersFile, known: Known) -> Iterator[Fault]:
    """Find rungs to the leading group that the gate on floods would hold, each time, until the office acts.

    What waits for approval does not pass that gate: who approves it looks at it.
    """
    for ladder_id, ladder in file.ladders.items():
        for rung_id, rung in ladder.rungs.items():
            path, policy = ("ladders", ladder_id, "rungs", rung_id), file.acts.get(rung.act)
            if known.briefs is None or policy is None or policy.approval is not None:
                continue
            if document.sure(path, ("defaults",), ("acts", rung.act.value)) and _told(rung) & _OF_GROUP:
                yield from _outside_briefs(document, path, bundle_of(rung, file.defaults), known.briefs)


def _outside_briefs(
    document: Document, path: tuple[str, ...], bundle: str, briefs: Collection[str]
) -> Iterator[Fault]:
    if bundle in briefs:
        return
    outside = f"不随 {'、'.join(briefs)} 批次的" if briefs else ""
    message = f"{outside}报领导小组一律先扣下，等办公室放行"
    allow = f"在 channels.yaml 的 flood.group 里加上 {bundle or 'brief'}"
    hint = f"请写 bundle: {next(iter(briefs))}" if briefs else f"请{allow}"
    yield document.fault((*path, "bundle"), message, f"{hint}，或{allow}" if briefs and bundle else hint)


def _told(rung: RungFile) -> set[Role]:
    return {role for line in (*rung.to, *rung.copied) for role in line}


def bundle_of(rung: RungFile, defaults: DefaultsFile) -> str:
    """Return the bundle a rung leaves with, '' for none: ``immediately`` takes none unless it names one."""
    if rung.bundle is not None or rung.at is None:
        return rung.bundle or ""
    return defaults.bundle or ""


def _rename_faults(
    document: Document, path: tuple[str, ...], named: Mapping[str, LadderFile] | Mapping[str, RungFile]
) -> Iterator[Fault]:
    """A past goes to one heir: what is still there has not been renamed, and two were not the same."""
    heirs: dict[str, str] = {}
    for name, each in named.items():
        if each.was is None:
            continue
        if each.was in named:
            yield document.fault(
                (*path, name, "was"), f"“{each.was}”还在，不能又是“{name}”的旧名", "请删去一处"
            )
        elif (twin := heirs.setdefault(each.was, name)) != name:
            yield document.fault((*path, name, "was"), f"“{twin}”也写了 was: {each.was}", "请删去一处")


def _about_faults(
    document: Document, path: tuple[str, ...], ladder: LadderFile, file: LaddersFile, known: Known
) -> Iterator[Fault]:
    """Find what a ladder says that its kind of subject does not have."""
    yield from _anchor_faults(document, path, ladder)
    yield from _when_faults(document, path, ladder, ladder.when, known)
    if ladder.when is None and file.defaults.when is not None and document.sure((*path, "when")):
        yield from _when_faults(document, ("defaults",), ladder, file.defaults.when, known)


def _act_faults(document: Document, file: LaddersFile, known: Known) -> Iterator[Fault]:
    if known.channels is None:
        return
    for act, policy in file.acts.items():
        for n, leg in enumerate(policy.legs):
            path = ("acts", act.value, "legs", n)
            for channel in leg:
                if channel not in known.channels and channel != MANUAL:
                    yield document.fault(path, f"没有“{channel}”这个渠道", nearest(channel, known.channels))
            if all(channel in known.neutral for channel in leg):
                hint = f"请与能写明事项的渠道连用，如 {'+'.join(leg)}+email"
                yield document.fault(path, "短信只能提示有几项，单独发收件人看不到内容", hint)


def _bundle_fault(
    document: Document, path: tuple[str, ...], bundle: str | None, known: Known
) -> Iterator[Fault]:
    if bundle is not None and known.bundles is not None and bundle not in known.bundles:
        yield document.fault(path, f"没有“{bundle}”这个批次", nearest(bundle, known.bundles))


def _anchor_faults(document: Document, path: tuple[str, ...], ladder: LadderFile) -> Iterator[Fault]:
    anchors = sorted(ANCHORS[ladder.about])
    if ladder.anchor not in anchors:
        message = f"{ladder.about.value} 没有“{ladder.anchor}”这个日期"
        yield document.fault((*path, "from"), message, nearest(ladder.anchor, anchors))
    if ladder.per and ladder.about not in _CAN_BE_PER_UNIT:
        hint = "只有 target 和 campaign 可以按单位（per: unit）"
        yield document.fault((*path, "per"), f"{ladder.about.value} 不能写 per", hint)


def _when_faults(
    document: Document, path: tuple[str, ...], ladder: LadderFile, when: str | None, known: Known
) -> Iterator[Fault]:
    if when is None:
        return
    try:
        check_condition(when, ladder.about, known.words)
    except WordError as error:
        yield document.fault((*path, "when"), error.message, error.hint)
        return
    if not _has_unit(ladder) and any(name.startswith("unit.") for name in names_in(when)):
        yield document.fault((*path, "when"), "这里没有责任单位，不能用 unit.…", "梯次写 per: unit 才有")


def _has_unit(ladder: LadderFile) -> bool:
    return ladder.about in _HAS_UNIT or ladder.per == "unit"


def _reach_faults(
    document: Document, path: tuple[str, ...], ladder: LadderFile, rung: RungFile
) -> Iterator[Fault]:
    for name, lines in (("to", rung.to), ("copy", rung.copied)):
        for n, line in enumerate(lines):
            if wrong := _unreachable(line, ladder):
                message = f"{ladder.about.value} 的梯次到不了“{wrong.value}”"
                yield document.fault((*path, name, n), message, _reach_hint(wrong))
            if line in lines[:n]:
                yield document.fault((*path, name, n), "同一岗位写了两次", "请删去一处")


def _brief_fault(
    document: Document, path: tuple[str, ...], ladder: LadderFile, rung: RungFile, defaults: DefaultsFile
) -> Iterator[Fault]:
    """A member of the group never gets one message for each case: what leaves at once is told one by one."""
    at_once = not bundle_of(rung, defaults)
    if at_once and _told(rung) & _OF_GROUP and ladder.about in _HAS_UNIT:
        message = "报领导小组的要合并成批，不能一事一报"
        yield document.fault(path, message, "请写明 bundle，如 bundle: brief")


def _unreachable(line: Addressee, ladder: LadderFile) -> Role | None:
    for role in line:
        if role in _OF_UNIT and not _has_unit(ladder):
            return role
        if role is Role.CASE_HANDLER and ladder.about is not SubjectKind.CASE:
            return role
    return None


def _reach_hint(role: Role) -> str:
    if role is Role.CASE_HANDLER:
        return "承办人只在 about: case 里有"
    return "这里没有责任单位：全部单位用 units.head、units.liaison，或写 per: unit"


def _repeat_faults(document: Document, path: tuple[str, ...], rung: RungFile) -> Iterator[Fault]:
    """Find what only a repetition could have."""
    if rung.every is not None or not document.sure((*path, "every")):
        return
    for name in ("until", "times", "days"):
        if getattr(rung, name) is not None:
            hint = "请加 every，或删去这一项"
            yield document.fault((*path, name), f"没有 every，{name} 不起作用", hint)
