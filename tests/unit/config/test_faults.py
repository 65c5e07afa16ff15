"""One fault of each kind: where it is, which key, and what the clerk is told."""

from __future__ import annotations

import pytest

from daemon.config.document import read
from tests.unit.config.folder import Folder

# ``before⟦old→new⟧after`` changes the shipped folder; the fault is expected where ``new`` begins, or at ⌖.
LADDERS = [
    # what is not a word of the rules
    ("case-due.rungs.remind.act", "-3 workdays,  act: ⟦reminder→reminde⟧", "是不是“reminder”？"),
    (
        "case-due.rungs.remind.to.0",
        "act: reminder, to: [⟦unit.liaison→unit.laison⟧, unit",
        "是不是“unit.liaison”？",
    ),
    (
        "case-due.rungs.remind.to.1",
        "[unit.liaison, ⟦unit.deputy→unit.depty⟧ or unit.head",
        "是不是“unit.deputy”？",
    ),
    ("case-due.rungs.remind.at", "at: ⟦-3 workdays→3 workdays⟧", "之前写 -3 workdays"),
    ("case-due.rungs.remind.at", "at: ⟦-3 workdays→前 3 个工作日⟧", "看不懂日期"),
    ("case-due.rungs.remind.at", "at: ⟦-3 workdays→imediately⟧", "是不是“immediately”"),
    ("case-due.rungs.remind.at", "at: ⟦-3 workdays→-3000 workdays⟧", "太远"),
    ("case-due.rungs.remind.att", "remind:     {⟦at: -3→att: -3⟧", "是不是“at”？"),
    ("case-due.rungs.remind.at", "⟦remind:     {at: -3 workdays,→remind:     {⟧", "缺少这一项"),
    ("case-due.rungs.head-again.every", "every: ⟦20 workdays→sometimes⟧", "看不懂间隔"),
    ("case-due.rungs.head-again.every", 'every: ⟦20 workdays→"0 0 30 2 *"⟧', "看不懂间隔"),
    ("case-due.rungs.head-again.every", 'every: ⟦20 workdays→"0 0 0 5 * *"⟧', "五段 cron"),
    ("case-due.rungs.head-again.every", "every: ⟦20 workdays→0 workdays⟧", "从 1 到"),
    ("case-due.rungs.remind.unless", "-3 workdays,  ⟦→unless: ⌖sigend, ⟧", "是不是“signed”？"),
    ("case-due.rungs.remind.times", "-3 workdays,  ⟦→times: ⌖3, ⟧", "没有 every"),
    ("case-due.rungs.remind.to.1", "unit.liaison, ⟦unit.deputy or unit.head→unit.liaison⟧", "写了两次"),
    ("Case_Due", "  ⟦case-due→Case_Due⟧:", "不能用的字符"),
    ("case-due.about", "about: ⟦case→cases⟧ ", "是不是“case”？"),
    # names in conditions
    ("case-returned.when", 'when: ⟦case.state == "r→case.sate == "r⟧eturned"', "是不是“case.state”？"),
    ("case-returned.when", 'when: ⟦case.state == "returned"→case.state == "retruned"⟧', "是不是“returned”？"),
    ("case-assigned.rungs.not-signed.when", "when: ⟦unsigned→unsinged⟧", "是不是“unsigned”？"),
    ("phase-end.when", "when: ⟦phase.days > 31→phase.days >⟧", "写法有误"),
    ("phase-end.when", 'when: ⟦phase.days > 31→phase.days > "31"⟧', "不能相比"),
    ("phase-end.when", 'when: ⟦phase.days > 31→phase.id == "rectifi"⟧', "是不是“rectify”？"),
    ("phase-end.when", "when: ⟦phase.days > 31→range(9)⟧", "不能调用函数"),
    ("phase-end.when", "when: ⟦phase.days > 31→" + "(" * 250 + "open⟧", "写法有误"),
    ("phase-end.when", "when: ⟦phase.days > 31→phase.days > (1e999|int)⟧", "不能相比"),
    ("phase-end.when", "when: ⟦phase.days > 31→phase.days + 1e999⟧", "算不出来"),
    ("phase-end.when", "when: ⟦phase.days > 31→phase.id + 1⟧", "算不出来"),
    ("target.when", "about: target\n    ⟦→when: ⌖unit.kind is none\n    ⟧from", "没有责任单位"),
    ("/defaults.when", "bundle: morning, when: ⟦open→unsigned⟧", "没有“unsigned”这个名称"),
    # what one file says of another
    ("case-due.from", "from: ⟦due→deu⟧      ", "是不是“due”？"),
    ("case-due.from", "from: ⟦due→start⟧      ", "没有“start”这个日期"),
    ("case-due.rungs.group.bundle", "bundle: ⟦brief→breif⟧}", "是不是“brief”？"),
    ("filing-due.per", "about: filing\n    ⟦→per: ⌖unit\n    ⟧from: due", "不能写 per"),
    ("phase-start.rungs.start.to.0", "to: [⟦units.head→unit.head⟧, units", "units.head"),
    ("phase-start.rungs.start.to.0", "to: [⟦units.head→case.handler⟧, units", "承办人"),
    (
        "case-due.rungs.group",
        "group:      ⟦{at: +15 workdays, act: escalation, to: [group.leader, group.deputy], bundle: brief}"
        "→{at: immediately, act: escalation, to: [group.leader]}⟧",
        "不能一事一报",
    ),
    ("/acts.reminder.legs.0", "reminder:           {legs: [⟦wecom→wecon⟧", "是不是“wecom”？"),
    ("/acts.reminder.legs.1", "reminder:           {legs: [wecom, ⟦sms+→sms++⟧email", "一起发"),
    ("/acts.assignment.sign", "sign: ⟦3 workdays→three days⟧", "写成 3 workdays"),
    (
        "/acts.circular.approval",
        "circular:           {legs: [email+wecom], approval: ⟦office→offce⟧",
        "office.director",
    ),
    ("/defaults.bundle", "{bundle: ⟦morning→evening⟧", "没有“evening”这个批次"),
]
CAMPAIGN = [
    ("phases.inspect.from", "from: ⟦2018-08-01→2018-07-31⟧", "阶段顺序不对"),
    ("phases.inspect.to", "to: ⟦2018-08-15→2018-07-15⟧", "早于开始日期"),
    ("phases.inspect.to", "to: ⟦2018-08-15→2018-08-32⟧", "读不出来"),
    ("phases.inspect.to", "to: ⟦2018-08-15→8月15日⟧", "应为日期"),
    ("filings.issue-list.phase", "{phase: ⟦inspect→inspct⟧", "是不是“inspect”？"),
    ("filings.issue-list.due", "due: ⟦2018-08-15→2017-08-15⟧", "早于阶段"),
    ("filings.issue-list.signed_by", "signed_by: ⟦unit.head→unit.haed⟧", "是不是“unit.head”？"),
    ("filings.issue-list.nil", "nil: ⟦allowed→alowed⟧", "是不是“allowed”？"),
    ("targets.2019-12-31", "⟦2019-12-31: 90%→2019-12-31: 50%⟧", "没有逐个升高"),
    ("targets.2018-12-31", "2018-12-31: ⟦60%→60⟧", "写成 60%"),
    ("targets.2018-12-31", "2018-12-31: ⟦60%→120%⟧", "从 1% 到 100%"),
    ("pace.from", "pace: {from: ⟦2018-08-16→2019-08-16⟧", "第一个目标"),
    ("zone", "zone: ⟦Asia/Shanghai→Asia/Jilin⟧", "Asia/Shanghai"),
    ("numbering", "numbering: ⟦PS-2018-{n:04}→PS-2018⟧", "{n:04}"),
    ("verdict_after", "verdict_after: ⟦10 workdays→10⟧", "3 workdays"),
    ("title", "⟦title: 磐石市招商引资违约失信问题专项整治\n→⟧", "缺少这一项"),
]
CHANNELS = [
    ("channels.email.provider", "provider: ⟦smtp→smpt⟧", "是不是“smtp”？"),
    ("channels.email", "⟦provider: smtp→⟧", "缺少 provider"),
    ("channels.email.port", "port: ⟦465→http⟧", "应为整数"),
    ("channels.email.sendr", "    ⟦sender: →sendr: ⟧", "是不是“sender”？"),
    ("channels.email.threads", "threads: ⟦2→0⟧", "至少为 1"),
    ("channels.email.rate", "⟦threads: 2→rate: ⌖20 a minute⟧", "20/minute"),
    ("channels.email.host", "host: ⟦smtp.panshi.example→${DUBAN_HOST}⟧", "引用写法有误"),
    ("channels.email.password", "password: ⟦${env:DUBAN→${evn:DUBAN⟧_SMTP", "${env:变量名}"),
    ("channels.sms.app_id", 'app_id: ⟦"1400000000"→1400000000⟧', "要加英文引号"),
    ("channels.sms.sign", "sign: ⟦磐石市软环境办→磐石市软环境建设领导小组办公室⟧", "最多 12 个字符"),
    ("bundles.morning.at", 'at: ⟦"09:10"→"9:10"⟧', "两位数"),
    ("bundles.brief.on", "on: ⟦monday→mondy⟧", "是不是“monday”？"),
    ("bundles.brief", "⟦, on: monday→⟧", "every 和 on"),
    ("window.to", 'to: ⟦"17:30"→"07:30"⟧', "不晚于开始时间"),
    ("budgets.smss", "budgets:\n  ⟦sms→smss⟧: {day", "是不是“sms”？"),
    ("budgets.manual", "budgets:\n  ⟦sms→manual⟧: {day", "没有额度"),
    ("budgets.sms.day", "sms: {day: ⟦2→0⟧}", "至少为 1"),
    ("budgets.sms.dya", "sms: {⟦day→dya⟧: 2}", "是不是“day”？"),
    ("budgets.sms.week", "sms: {day: 2⟦→, week: ⌖1⟧}", "week 不少于 day"),
]
CALENDAR = [
    ("years.2027.off.0", "years: ⟦{}→{2027: {source: 甲, off: [2026-02-06]}}⟧", "请核对年份"),
    ("years.2027.off.0", "years: ⟦{}→{2027: {source: 甲, off: [2027-02-12..2027-02-06]}}⟧", "颠倒"),
    (
        "years.2027.makeup",
        "years: ⟦{}→{2027: {source: 甲, off: [2027-01-01], makeup: [2027-01-01]}}⟧",
        "又上班",
    ),
    ("years.2027.souce", "years: ⟦{}→{2027: {souce: 甲}}⟧", "是不是“source”？"),
]
DUBAN = [
    ("stat", "⟦state: →stat: ⟧", "是不是“state”？"),
    ("operators.0.nmae", "- {⟦name: 运维→nmae: 运维⟧", "是不是“name”？"),
]
TABLE = [
    *[("ladders.yaml", key if key[0] != "/" else key[1:], *row) for key, *row in LADDERS],
    *[("campaigns/panshi-2018.yaml", *row) for row in CAMPAIGN],
    *[("channels.yaml", *row) for row in CHANNELS],
    *[("calendar.yaml", *row) for row in CALENDAR],
    *[("duban.yaml", *row) for row in DUBAN],
]


@pytest.mark.parametrize(("place", "key", "change", "word"), TABLE)
def test_a_fault_names_its_place_its_key_and_what_would_be_right(
    folder: Folder, place: str, key: str, change: str, word: str
) -> None:
    where = folder.change(place, change)
    key = f"ladders.{key}" if place == "ladders.yaml" and not key.startswith(("acts", "defaults")) else key
    faults = folder.faults()
    assert {fault.place for fault in faults} == {place}
    found = [fault for fault in faults if fault.key == key and word in str(fault)]
    assert found, [str(fault) for fault in faults]
    if "years" not in change and "→⟧" not in change:
        assert (found[0].line, found[0].column) == where


YAML_FAULTS = [
    ("a: 1\nb: 2\na: 3\n", "3:1: a: “a”重复；第 1 行"),
    ("a: {b: 1, c: 2, b: 3}\n", "1:17: a.b: “b”重复；第 1 行"),
    ("a: &x 1\nb: *x\n", "2:1: b: 不支持 YAML 的引用"),
    ("a:\n  b: 1\n c: 2\n", "3:2: 缩进不一致"),
    ('a: "open\nb: 1\n', "引号没有合上"),
    ("a: [1, 2\nb: 3\n", "括号没有合上"),
    ("a: b: c\n", "1:5: 这里不该有冒号"),
    ("a: @b\n", "1:4: 这个符号不能放在开头"),
    ("a: {b: ${env:X}}\n", "“${…}”没有加引号"),
    ("a: 2018-02-30\n", "1:4: a: 这个值读不出来"),
    ("a: !x 1\n", "1:4: a: 这个值读不出来"),
    ("a: 1\n---\nb: 2\n", "一个文件里只能有一份内容"),
    ("# 空\n", "文件是空的"),
    ("a: 1\nb: \x07\n", "2:4: 有看不见的控制字符"),
    ("a: " + "[" * 3000, "括号套得太深"),
]


@pytest.mark.parametrize(("text", "said"), YAML_FAULTS)
def test_what_yaml_cannot_read_is_said_in_chinese(text: str, said: str) -> None:
    _, (fault, *_) = read("x.yaml", text)
    assert said in str(fault)


def test_all_faults_of_all_files_come_at_once(folder: Folder) -> None:
    folder.change("ladders.yaml", "-3 workdays,  act: ⟦reminder→reminde⟧")
    folder.change("ladders.yaml", "bundle: ⟦brief→breif⟧}")
    folder.change("channels.yaml", "port: ⟦465→http⟧")
    folder.change("campaigns/panshi-2018.yaml", "zone: ⟦Asia/Shanghai→Asia/Jilin⟧")
    assert [fault.place for fault in folder.faults()] == [
        "campaigns/panshi-2018.yaml",
        "channels.yaml",
        "ladders.yaml",
        "ladders.yaml",
    ]


def test_missing_files_and_campaigns_are_faults(folder: Folder) -> None:
    (folder.path / "ladders.yaml").unlink()
    (folder.path / "campaigns" / "panshi-2018.yaml").unlink()
    assert [(f.place, f.message) for f in folder.faults()] == [
        ("campaigns/", "没有专项行动"),
        ("ladders.yaml", "缺少这个文件"),
    ]


def test_two_campaigns_cannot_share_an_id(folder: Folder) -> None:
    folder.write("campaigns/second.yaml", folder.text("campaigns/panshi-2018.yaml"))
    (fault,) = folder.faults()
    assert (fault.place, fault.key) == ("campaigns/second.yaml", "id")


def test_the_calendar_is_optional(folder: Folder) -> None:
    (folder.path / "calendar.yaml").unlink()
    assert folder.load().days.known[-1] >= 2026
