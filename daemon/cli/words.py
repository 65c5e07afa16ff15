"""The Chinese words for what the database and the system hold as codes."""

from __future__ import annotations

import errno

from daemon.domain.case import EventKind

EVENT_TITLES: dict[str, str] = {
    EventKind.REPORTED: "收集",
    EventKind.REGISTERED: "登记",
    EventKind.ASSIGNED: "交办",
    EventKind.SIGNED: "签收",
    EventKind.PROGRESS: "报告进展",
    EventKind.SUBMITTED: "报结",
    EventKind.CLOSED: "销号",
    EventKind.RETURNED: "退回",
    EventKind.REOPENED: "重新立案",
    EventKind.DECLINED: "不予认领",
    EventKind.MOVED: "转办",
    EventKind.DISMISSED: "撤销",
    EventKind.SUSPENDED: "挂账",
    EventKind.RESUMED: "恢复办理",
    EventKind.DUE_SET: "确定时限",
    EventKind.EXTENDED: "延期",
    EventKind.IDENTIFIED: "认定",
    EventKind.OPINION: "提出处理意见",
    EventKind.CORRECTED: "更正",
    EventKind.UNDONE: "撤回操作",
}
FILING_STATES = {"open": "未报送", "submitted": "已报送", "returned": "已退回", "accepted": "已备案"}
NOTICE_STATES = {
    "waiting": "待审签",
    "held": "已扣下",
    "ready": "待发送",
    "sent": "已发出",
    "manual": "待人工办理",
    "done": "已人工办结",
    "failed": "未送达",
    "dropped": "已取消",
}
ITEM_STATES = {"open": "待发", "said": "已告知", "superseded": "并入更强的措施", "dropped": "不再发送"}
NOT_TRIED = {"dropped": "没有再发", "passed_over": "此人当时已到额度，没有发"}
OUTCOMES = {
    "sent": "对方已接收",
    "failed": "未成功",
    "refused": "对方拒收",
    "later": "对方要求改日再发",
    "unknown": "结果不明",
    None: "正在发送",
}
CHANNELS = {"email": "电子邮件", "sms": "短信", "wecom": "企业微信", "manual": "人工（电话、书面）"}
NOTE_LINES = {
    "unaddressed": "无人可收的通知",
    "manual": "需电话或书面送达的通知",
    "waiting": "待审签的文件",
    "failed": "各渠道均未送达的通知",
    "lapsed": "未及发送即已过期的通知",
    "held": "扣下待放行的通知",
    "empty_group": "无人的领导小组岗位",
    "no_head": "没有主要领导的单位",
    "empty_rung": "无人可收的岗位",
    "unreached": "没有联系方式的人",
    "ending": "任期将满、没有接任的岗位",
    "same_person": "一人兼上下两个岗位",
    "muted": "在静默期内没有发送的通知",
    "mute": "新设的静默",
    "set_aside": "处理时程序屡次中断而搁置的通知",
}
VERDICTS = {"reached": "达标", "missed": "未达标", "no_cases": "没有问题", "pending": "未到期"}
IMPORTED = {
    "units": "单位",
    "units_updated": "单位（更新）",
    "persons": "人员",
    "persons_updated": "人员（更新）",
    "posts": "岗位",
    "posts_updated": "岗位（更新）",
    "cases": "问题",
    "updated": "问题（更新）",
}


def say_channels(leg: str | None) -> str:
    """Say a leg: 企业微信＋电子邮件."""
    return "＋".join(CHANNELS.get(name, name) for name in leg.split("+")) if leg else ""


def say_item(state: str, notice_state: str | None) -> str:
    """Say how an item stands; one that is open stands as the notice that would tell it."""
    if state == "open" and notice_state in ("waiting", "held", "manual", "failed"):
        return NOTICE_STATES[notice_state]
    return ITEM_STATES.get(state, state)


_OS = {
    errno.ENOENT: "不存在",
    errno.EACCES: "没有权限",
    errno.EPERM: "没有权限",
    errno.EROFS: "所在磁盘只读",
    errno.ENOSPC: "磁盘已满",
    errno.EISDIR: "是文件夹，不是文件",
    errno.ENOTDIR: "上级不是文件夹",
    errno.EEXIST: "已经存在",
}


def say_os_error(error: OSError) -> str:
    """Say what the system refuses, and of which file or folder."""
    why = _OS.get(error.errno or 0, error.strerror or type(error).__name__)
    return f"{error.filename} {why}" if error.filename else why
