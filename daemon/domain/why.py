"""Says in plain Chinese when a rung speaks, for messages, ``why`` and ``rules show``."""

from __future__ import annotations

from datetime import date

from daemon.domain.ladder import Act, Role, Wording
from daemon.domain.plan import Reason, ReasonCode
from daemon.domain.workdays import Offset, Span

ANCHOR_TITLES = {
    "due": "时限",
    "assigned": "交办",
    "registered": "登记",
    "returned": "退回",
    "reopened": "重新立案",
    "submitted": "报送",
    "identified": "认定",
    "opinion": "提出处理意见",
    "signed": "签收",
    "start": "开始",
    "end": "结束",
}
ROLE_TITLES = {
    Role.UNIT_HEAD: "主要领导",
    Role.UNIT_DEPUTY: "分管领导",
    Role.UNIT_LIAISON: "联络员",
    Role.CASE_HANDLER: "承办人",
    Role.UNIT_CITY_LEADER: "分管市领导",
    Role.OFFICE_DIRECTOR: "办公室主任",
    Role.OFFICE_DUTY: "办公室值班员",
    Role.OFFICE_MEMBER: "办公室成员",
    Role.GROUP_LEADER: "领导小组组长",
    Role.GROUP_DEPUTY: "领导小组副组长",
    Role.GROUP_MEMBER: "领导小组成员",
    Role.OPERATOR: "运维",
    Role.UNITS_HEAD: "各责任单位主要领导",
    Role.UNITS_LIAISON: "各责任单位联络员",
}
ACT_VERBS = {
    Act.SUPERVISION_LETTER: "发函督办",
    Act.TALK: "建议约谈",
    Act.ACCOUNTABILITY: "建议问责",
    Act.ESCALATION: "提级报",
    Act.BRIEF: "专报",
}
"""What an act does to a person, where its name is no verb."""
_SPAN_TITLES = {Span.WORKDAYS: "个工作日", Span.DAYS: "天", Span.WEEKS: "周", Span.MONTHS: "个月"}
_REASON_TITLES = {
    ReasonCode.ANCHOR_MOVED: "依据的日期已经变动",
    ReasonCode.RULE_GONE: "规则已经取消",
    ReasonCode.CONDITION: "条件不再成立",
    ReasonCode.LAPSED: "时限已过，事前提醒不再发送",
    ReasonCode.DEADLINE_PASSED: "时限已过，提醒不再发送",
    ReasonCode.NOT_HOLDER: "已不在该岗位",
    ReasonCode.SIGNED: "本人已签收",
    ReasonCode.OUTRANKED: "已有更进一级的通知",
    ReasonCode.MUTED: "已静默",
    ReasonCode.COPY_OF_NOTHING: "主送不再发送，抄送随之取消",
    ReasonCode.REHEARSED: "演练期间编发，转为正式后不算数",
    ReasonCode.WITHDRAWN: "办公室决定不发",
}


def say_day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def say_offset(at: Offset | None, anchor: str) -> str:
    """Say an offset from an anchor: 时限前3个工作日, 交办后第4个工作日, 交办当日."""
    title = ANCHOR_TITLES.get(anchor, anchor)
    if at is None or at.count == 0:
        return f"{title}当日"
    span = _SPAN_TITLES[at.span]
    if at.count < 0:
        return f"{title}前{-at.count}{span}"
    return f"{title}后第{at.count}{span}" if at.span is Span.WORKDAYS else f"{title}后{at.count}{span}"


def say_wording(wording: Wording) -> str:
    """Say when a rung speaks, with its repetition and conditions."""
    words = say_offset(wording.at, wording.anchor)
    if wording.every:
        words += f"起，每{_say_every(wording)}一次"
    if wording.until:
        words += f"，至{say_offset(wording.until, wording.anchor)}止"
    return words


def _say_every(wording: Wording) -> str:
    assert wording.every
    step = wording.every.step
    if step is None:
        return f"逢“{wording.every.text}”"
    return f"{step.count if step.count > 1 else ''}{_SPAN_TITLES[step.span]}"


def say_reason(reason: Reason) -> str:
    return _REASON_TITLES[reason.code]
