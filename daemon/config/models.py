"""The shapes of the config files. What a word means is parsed here; what files say of each other is not.

Every model is strict and knows no other keys. Fields hold domain values where a word has one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time, timedelta
from typing import Annotated, Any, ClassVar, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from daemon.config import references, repeats, words
from daemon.config.words import WordError
from daemon.domain.flood import USUAL
from daemon.domain.ladder import ANCHORS, Act, Addressee, Every, Role, SubjectKind
from daemon.domain.workdays import Offset

_Value = TypeVar("_Value")
FAULT = "duban"
"""The type of pydantic's errors that carry our own message and hint."""
MIN_CASES = 5
LONGEST_RANGE = timedelta(days=31)


def _parsed(parse: Callable[[Any], object]) -> PlainValidator:
    return PlainValidator(_reworded(parse))


def _reworded(parse: Callable[[Any], _Value]) -> Callable[[Any], _Value]:
    """Let a ``WordError`` reach the reader with its own words."""

    def parsed(value: Any) -> _Value:
        try:
            return parse(value)
        except WordError as error:
            raise PydanticCustomError(
                FAULT, "{message}", {"message": error.message, "hint": error.hint}
            ) from None

    return parsed


def _text(pattern: str, *examples: str) -> WithJsonSchema:
    schema: dict[str, Any] = {"type": "string", "pattern": f"^(?:{pattern})$"}
    return WithJsonSchema(schema | ({"examples": list(examples)} if examples else {}))


def _words(values: Iterable[str]) -> WithJsonSchema:
    return WithJsonSchema({"enum": list(values)})


def _zone(value: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(value))
    except (KeyError, ValueError, OSError):
        raise WordError(f"没有时区{words.shown(value)}", "中国用 Asia/Shanghai") from None


def _numbering(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(_NUMBERING, value):
        return value
    raise WordError(f"看不懂编号 {words.shown(value)}", "写成 PS-2018-{n:04}，{n:04} 处是四位流水号")


def _days(value: object) -> tuple[date, ...]:
    """One day, or ``first..last``."""
    if isinstance(value, date):
        return (value,)
    ends = value.split("..") if isinstance(value, str) else []
    try:
        first, last = (date.fromisoformat(end.strip()) for end in ends)
    except ValueError:
        hint = "写成 2027-01-01，或 2027-02-06..2027-02-12（含首尾）"
        raise WordError(f"看不懂日期 {words.shown(value)}", hint) from None
    if not first <= last <= first + LONGEST_RANGE:
        raise WordError(f"日期 {words.shown(value)}首尾颠倒或太长", "先写第一天，再写最后一天")
    return tuple(first + timedelta(days=n) for n in range((last - first).days + 1))


def _number(value: object) -> int | str:
    if (isinstance(value, int) and not isinstance(value, bool)) or references.is_reference(value):
        return value  # type: ignore[return-value]
    raise WordError("应为整数", "或 ${env:变量名}")


_ROLE = "|".join(re.escape(role.value) for role in Role)
_CHANNEL = "[a-z][a-z0-9_-]*"
_SPAN = "(?:workday|day|week|month)s?"
_DAY_SPAN = rf"(?:[+-]\d{{1,4}}|0) {_SPAN}"
_NUMBERING = r"[^{}]*\{n(?::0?\d)?\}[^{}]*"

Name = Annotated[str, Field(min_length=1, max_length=200)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
ActWord = Annotated[Act, _parsed(words.act), _words(act.value for act in Act)]
RoleWord = Annotated[Role, _parsed(lambda v: words.one_of(Role, "岗位", v)), _words(r.value for r in Role)]
KindWord = Annotated[
    SubjectKind,
    _parsed(lambda v: words.one_of(SubjectKind, "对象", v)),
    _words(kind.value for kind in SubjectKind),
]
AnchorWord = Annotated[str, _words(sorted(set().union(*ANCHORS.values())))]
"""Which of them a subject has is judged when the ladder is known whole (crosschecks.py)."""
AddresseeWord = Annotated[Addressee, _parsed(words.addressee), _text(rf"(?:{_ROLE})(?: or (?:{_ROLE}))*")]
LegWord = Annotated[tuple[str, ...], _parsed(words.leg), _text(rf"{_CHANNEL}(?:\+{_CHANNEL})*")]
AtWord = Annotated[
    Offset | None, _parsed(words.at), _text(f"immediately|{_DAY_SPAN}", "-3 workdays", "immediately")
]
OffsetWord = Annotated[Offset, _parsed(words.offset), _text(_DAY_SPAN, "+28 months")]
EveryWord = Annotated[Every, _parsed(repeats.every), _text(rf"(?:\d{{1,4}} )?{_SPAN}|(?:\S+ ){{4}}\S+")]
WorkdaysWord = Annotated[int, _parsed(words.workdays), _text(r"\d+ workdays?", "10 workdays")]
PercentWord = Annotated[int, _parsed(words.percent), _text(r"(?:[1-9]\d?|100)%", "60%")]
ClockWord = Annotated[time, _parsed(words.clock_time), _text(r"[0-2]\d:[0-5]\d", "09:10")]
RateWord = Annotated[tuple[int, int], _parsed(words.rate), _text(r"\d+/(?:second|minute|hour|day)")]
ZoneWord = Annotated[ZoneInfo, _parsed(_zone), WithJsonSchema({"type": "string"})]
NumberingWord = Annotated[str, _parsed(_numbering), _text(_NUMBERING)]
DaysWord = Annotated[
    tuple[date, ...], _parsed(_days), _text(r"\d{4}-\d\d-\d\d(?:\.\.\d{4}-\d\d-\d\d)?", "2027-01-01")
]
Text = Annotated[str, Field(min_length=1), AfterValidator(_reworded(references.checked))]
"""A text that may hold references."""
Secret = Annotated[str, _parsed(references.secret), _text(references.REFERENCE, "${env:NAME}")]
Number = Annotated[
    int | str,
    _parsed(_number),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string", "pattern": references.REFERENCE}]}),
]


class Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def key(
    about: str, *examples: Any, unit: str = "", names: Mapping[str, Any] | None = None, **more: Any
) -> Any:
    """Declare a key of a file: what it says and what may stand there, as the reference page has it.

    ``examples`` are values as YAML writes them; the first also stands in for one that is faulty, so that the
    rest of its file can still be checked (faults.py). ``unit`` is what a number counts, ``names`` the JSON
    Schema of the keys of a mapping.
    """
    extra: dict[str, Any] = {"x-unit": unit} if unit else {}
    extra |= {"propertyNames": names} if names else {}
    return Field(description=about, examples=list(examples), json_schema_extra=extra, **more)


# duban.yaml


class OfficeFile(Shape):
    name: Name = key("办公室的名称，印在每条消息里；没有短信签名时也作签名", "磐石市软环境办")
    phone: Name = key("办公室的固定电话，印在每条消息里；短信里不能出现手机号", "0432-00000000")


class OperatorFile(Shape):
    name: Name = key("姓名，或岗位名称", "运维值守")
    email: Name | None = key("收技术问题的邮箱", "ops@panshi.example", default=None)
    phone: Name | None = key("手机", "13800000000", default=None)
    wecom: Name | None = key("企业微信账号", "ops", default=None)


class DubanFile(Shape):
    """duban.yaml：本机部署。"""

    office: OfficeFile = key("领导小组办公室", {"name": "磐石市软环境办", "phone": "0432-00000000"})
    state: Text = key("数据存放的文件夹，相对本文件所在文件夹；环境变量 DUBAN_STATE 优先", "../.duban")
    database: Text | None = key(
        "数据库地址，不写用自带的 SQLite；环境变量 DUBAN_DATABASE_URL 优先",
        "postgresql://duban:${file:/etc/duban/db-password}@db.example/duban",
        default=None,
    )
    broker: Text | None = key(
        "消息队列（Redis 或 Valkey）地址，不写用自带的；环境变量 DUBAN_REDIS_URL 优先",
        "redis://:${env:DUBAN_REDIS_PASSWORD}@redis.example:6379/0",
        default=None,
    )
    operators: list[OperatorFile] = key(
        "运维人员，接收一切技术问题", [{"name": "运维值守", "email": "ops@panshi.example"}], default=[]
    )


# campaigns/*.yaml


class PhaseFile(Shape):
    title: Name = key("阶段的名称", "查摆问题")
    since: date = key("第一天", "2018-08-01", alias="from")
    until: date = key("最后一天，当天算在内", "2018-08-15", alias="to")


class FilingFile(Shape):
    phase: str = key("属于哪个阶段，写 phases 里的名字", "inspect")
    due: date = key("最后一天，当天交不算逾期", "2018-08-15")
    title: Name = key("报送材料的名称", "违约失信问题清单")
    owed_by: Annotated[list[Name], Field(min_length=1)] = key(
        "哪几类单位要报，写名录里的单位类别", ["乡镇街", "开发区", "市直部门"]
    )
    parts: list[Name] = key("由哪几份材料组成", ["企业名录", "优惠政策"], default=[])
    signed_by: RoleWord | None = key("由哪个岗位签批", "unit.head", default=None)
    nil: Literal["allowed", "forbidden"] = key(
        "没有内容时能不能报“无”（零报告）：allowed 能，forbidden 不能", "allowed", default="forbidden"
    )


class PaceFile(Shape):
    since: date = key("序时进度的起点，从这一天起按直线推进到各目标", "2018-08-16", alias="from")
    min_cases: Annotated[int, Field(ge=1)] = key(
        "问题少于这个数的单位不作进度预警（条件里的 min_cases）", 5, unit="件", default=MIN_CASES
    )


class CampaignFile(Shape):
    """campaigns/*.yaml：一个专项行动。"""

    id: Id = key("专项行动的编号，定了就不要改", "panshi-2018")
    title: Name = key("名称，印在每条消息里", "磐石市招商引资违约失信问题专项整治")
    document: Name = key("依据的文号", "磐软环境组〔2018〕1号")
    zone: ZoneWord = key("时区", "Asia/Shanghai")
    numbering: NumberingWord = key("问题编号的样子，{n:04} 处是四位流水号", "PS-2018-{n:04}")
    phases: Annotated[dict[Id, PhaseFile], Field(min_length=1)] = key(
        "阶段，按先后写，互不重叠",
        {"inspect": {"title": "查摆问题", "from": "2018-08-01", "to": "2018-08-15"}},
    )
    filings: dict[Id, FilingFile] = key(
        "报送：每个单位在期限前要交的材料",
        {"work-plan": {"phase": "plan", "due": "2018-07-31", "title": "工作计划", "owed_by": ["市直部门"]}},
        default={},
    )
    targets: dict[date, PercentWord] = key(
        "目标整改率：到这一天（含）应达到多少，日期从早到晚，逐个升高", {"2018-12-31": "60%"}, default={}
    )
    pace: PaceFile | None = key(
        "序时进度，不写从第一个阶段开始", {"from": "2018-08-16", "min_cases": 5}, default=None
    )
    verdict_after: WorkdaysWord = key(
        "目标到期后留多久补报，再作最终认定",
        "10 workdays",
        unit="工作日",
        default="10 workdays",
        validate_default=True,
    )


# ladders.yaml


class ActFile(Shape):
    legs: Annotated[list[LegWord], Field(min_length=1)] = key(
        "发送渠道，按先后试；“+”连起来的一起发", ["wecom", "sms+email"]
    )
    sign: WorkdaysWord | None = key("几个工作日内要签收", "3 workdays", unit="工作日", default=None)
    approval: AddresseeWord | None = key("由谁审签后才发出", "office.director", default=None)


class DefaultsFile(Shape):
    bundle: str | None = key("没有另外写明的，随哪个批次发出", "morning", default=None)
    when: str | None = key("梯次没有另外写明的，满足什么条件才发", "open", default=None)


class RungFile(Shape):
    at: AtWord = key(
        "距基准日多少天：- 是之前，+ 是之后，0 是当天；工作日 workdays，日历日、周、月 days、weeks、months；"
        "immediately 是立即",
        "-3 workdays",
        "immediately",
    )
    act: ActWord = key("措施", "reminder")
    to: Annotated[list[AddresseeWord], Field(min_length=1)] = key(
        "送给谁；“A or B”是没有 A 就送 B", ["unit.liaison", "unit.deputy or unit.head"]
    )
    copied: list[AddresseeWord] = key("抄送谁", ["office.duty or office.director"], default=[], alias="copy")
    every: EveryWord | None = key(
        "之后多久重复一次：20 workdays、week、month，或五段 cron（分、时各写一个数字，只看日子）",
        "20 workdays",
        default=None,
    )
    until: OffsetWord | None = key("重复到什么时候为止，当天算在内", "+28 months", default=None)
    times: Annotated[int, Field(ge=1)] | None = key("最多重复几次", 3, unit="次", default=None)
    days: Literal["all"] | None = key("写 all 时休息日不顺延到工作日", "all", default=None)
    when: str | None = key("还要满足什么条件（加在梯次的条件上）", "unsigned", default=None)
    unless: Literal["signed"] | None = key("写 signed 时，已签收的人不再发", "signed", default=None)
    bundle: str | None = key("随哪个批次发出，写 channels.yaml 里 bundles 的名字", "brief", default=None)
    template: str | None = key("另用哪个模板，不写用措施的模板", "final_reminder", default=None)
    catch_up: bool = key("启用前就该发的也补发", True, default=False)
    was: str | None = key("改名前叫什么，写了就不会重新发一遍", "remind", default=None)


class LadderFile(Shape):
    about: KindWord = key(
        "说的是什么：case 问题，filing 报送，target 目标，phase 阶段，campaign 行动", "case"
    )
    anchor: AnchorWord = key(
        "基准日，从哪个日期算起；只有写 due 的梯次，提醒过了时限还没发出的作废", "due", alias="from"
    )
    when: str | None = key("满足什么条件才发，不写用 defaults.when", 'case.state == "returned"', default=None)
    per: Literal["unit"] | None = key("写 unit 时每个单位各看各的", "unit", default=None)
    was: str | None = key("改名前叫什么，写了就不会重新发一遍", "case-due", default=None)
    rungs: Annotated[dict[Id, RungFile], Field(min_length=1)] = key(
        "各级，按先后写", {"remind": {"at": "-3 workdays", "act": "reminder", "to": ["unit.liaison"]}}
    )


class LaddersFile(Shape):
    """ladders.yaml：梯次和措施。"""

    acts: dict[ActWord, ActFile] = key(
        "一种措施怎么发、要不要审签，只写在这里",
        {"reminder": {"legs": ["wecom", "sms+email"]}},
        names={"enum": [act.value for act in Act]},
    )
    defaults: DefaultsFile = key(
        "没有另外写明的怎么办", {"bundle": "morning", "when": "open"}, default=DefaultsFile()
    )
    ladders: Annotated[dict[Id, LadderFile], Field(min_length=1)] = key(
        "梯次",
        {
            "case-due": {
                "about": "case",
                "from": "due",
                "rungs": {"head": {"at": "+3 workdays", "act": "urge", "to": ["unit.head"]}},
            }
        },
    )


# channels.yaml


class WindowFile(Shape):
    days: Literal["workdays", "all"] = key("workdays 只在工作日，all 每天", "workdays", default="workdays")
    since: ClockWord = key("从几点起", "08:30", alias="from")
    until: ClockWord = key("到几点为止，不能跨过零点", "17:30", alias="to")


class BundleFile(Shape):
    at: ClockWord = key("几点发出，应在发送时段内", "09:10")
    days: Literal["workdays", "all"] = key(
        "workdays 遇休息日顺延到工作日，all 不顺延", "workdays", default="workdays"
    )
    every: Literal["week"] | None = key("写 week 时每周一次，与 on 一起写", "week", default=None)
    on: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] | None = key(
        "星期几", "monday", default=None
    )


class BudgetFile(Shape):
    """How many messages one person gets on a channel at most; what is not named has no limit."""

    day: Annotated[int, Field(ge=1)] | None = key(
        "每天最多几条，按发出的那一天算", 2, unit="条", default=None
    )
    week: Annotated[int, Field(ge=1)] | None = key("每周（周一至周日）最多几条", 8, unit="条", default=None)


class ChannelFile(Shape):
    """What every channel may say; what its provider wants stands beside it."""

    neutral: ClassVar[bool] = False
    """Whether its texts may name no matter (facts/channels.md §1.2): alone they tell nobody anything."""

    threads: Annotated[int, Field(ge=1, le=64)] = key("同时发几条", 4, unit="条", default=4)
    timeout: Annotated[float, Field(gt=0, le=60)] = key("一次发送最多等多久", 10.0, unit="秒", default=10.0)
    on_unknown: Literal["resend", "next", "hold"] = key(
        "不知道对方收没收到时：resend 再发一次并注明，next 换下一个渠道，hold 留待人工",
        "resend",
        default="resend",
    )
    rate: RateWord | None = key(
        "最快多少条，单位 second、minute、hour、day", "20/minute", unit="条", default=None
    )
    window: WindowFile | None = key(
        "本渠道自己的发送时段", {"days": "all", "from": "08:00", "to": "20:00"}, default=None
    )


class SmtpFile(ChannelFile):
    provider: Literal["smtp"] = key("服务商：电子邮件", "smtp")
    host: Text = key("邮件服务器", "smtp.panshi.example")
    port: Number = key("端口", 465, default=587)
    security: Literal["starttls", "smtps", "none"] = key(
        "加密方式：smtps（465 端口）、starttls（587 端口）、none（不加密）", "smtps", default="starttls"
    )
    username: Text | None = key("登录名", "duban@panshi.example", default=None)
    password: Secret | None = key("口令，只写引用", "${env:DUBAN_SMTP_PASSWORD}", default=None)
    sender: Text = key("发件地址", "duban@panshi.example")
    sender_name: Text | None = key("发件人的名称", "磐石市软环境办", default=None)
    domain: Text | None = key("邮件编号里用的域名，不写取发件地址的", "panshi.example", default=None)
    ca_file: Text | None = key("服务器证书由自己的机构签发时，其证书文件", "/etc/duban/ca.pem", default=None)


class SmsTemplateFile(Shape):
    id: Text = key("服务商给的模板编号", "1000001")
    params: list[Id] = key("依次填入 {1}、{2} 的名称，与 templates/sms/ 里的文字一致", ["count"], default=[])
    max_len: Annotated[int, Field(ge=1)] | None = key("每个值最长多少", 6, unit="字", default=None)


class TencentFile(ChannelFile):
    neutral: ClassVar[bool] = True

    provider: Literal["tencent"] = key("服务商：腾讯云短信", "tencent")
    secret_id: Text = key("密钥编号", "${env:DUBAN_TENCENT_SECRET_ID}")
    secret_key: Secret = key("密钥，只写引用", "${env:DUBAN_TENCENT_SECRET_KEY}")
    app_id: Text = key("应用编号（SdkAppId），要加英文引号", "1400000000")
    sign: Annotated[str, Field(min_length=2, max_length=12, pattern=r"^[^【】\s]+$")] = key(
        "短信签名，不写【】，2 到 12 个字，须先报备", "磐石市软环境办", unit="字"
    )
    region: Text = key("服务所在地域", "ap-guangzhou", default="ap-guangzhou")
    url: Text = key("服务地址", "https://sms.tencentcloudapi.com", default="https://sms.tencentcloudapi.com")
    ca_file: Text | None = key("服务器证书由自己的机构签发时，其证书文件", "/etc/duban/ca.pem", default=None)
    templates: dict[str, SmsTemplateFile] = key(
        "报备通过的模板，左边是 templates/sms/ 里的文件名（不带 .j2）",
        {"urge.unit": {"id": "1000018", "params": ["count"]}},
        default={},
    )


class WecomFile(ChannelFile):
    provider: Literal["wecom"] = key("服务商：企业微信", "wecom")
    corp_id: Text = key("企业编号", "${env:DUBAN_WECOM_CORP_ID}")
    secret: Secret = key("应用密钥，只写引用", "${env:DUBAN_WECOM_SECRET}")
    agent_id: Number = key("应用编号（AgentId）", "${env:DUBAN_WECOM_AGENT_ID}")
    base_url: Text = key(
        "服务地址，私有部署的政务微信改写这里",
        "https://qyapi.weixin.qq.com",
        default="https://qyapi.weixin.qq.com",
    )
    default_url: Text | None = key("卡片点开的网页", "https://www.panshi.example/", default=None)
    ca_file: Text | None = key("服务器证书由自己的机构签发时，其证书文件", "/etc/duban/ca.pem", default=None)


class SpoolFile(ChannelFile):
    provider: Literal["spool"] = key("服务商：只存成文件，不真发（推演、演练用）", "spool")


class ManualFile(ChannelFile):
    provider: Literal["manual"] = key("服务商：人工，由办公室电话或书面送达", "manual")


AnyChannel = SmtpFile | TencentFile | WecomFile | SpoolFile | ManualFile
ChannelWord = Annotated[AnyChannel, Field(discriminator="provider")]


class FloodFile(Shape):
    """The gate on floods: what is over is held until the office lets it go."""

    hour: Annotated[int, Field(ge=1)] = key(
        "一小时最多发多少条通知，超过的扣下", 300, unit="条", default=USUAL
    )
    group: list[Id] = key("领导小组只随这些批次收件，不随这些批次的扣下", ["brief"], default=["brief"])


class ChannelsFile(Shape):
    """channels.yaml：渠道、发送时段、批次、每人额度。"""

    channels: Annotated[dict[Id, ChannelWord], Field(min_length=1)] = key(
        "渠道，各有一个服务商", {"paper": {"provider": "manual"}}
    )
    window: WindowFile = key(
        "发送时段，时段外的等到下一个时段", {"days": "workdays", "from": "08:30", "to": "17:30"}
    )
    bundles: dict[Id, BundleFile] = key(
        "批次：同一个人的消息合在一起，在这些时候发出", {"morning": {"at": "09:10"}}, default={}
    )
    flood: FloodFile = key(
        "防止一下子发出太多：超过的先扣下，提请办公室放行或作废（duban notice release-held）",
        {"hour": 300, "group": ["brief"]},
        default=FloodFile(),
    )
    budgets: dict[Id, BudgetFile] = key(
        "额度：一个人在一个渠道上最多收几条，不写的渠道不限，短信不写也是每天 2 条；确实不限写 sms: {}",
        {"sms": {"day": 2, "week": 8}},
        default={},
    )


# calendar.yaml


class YearFile(Shape):
    source: Name = key("依据的通知，写文号", "国办发明电〔2026〕×号")
    off: list[DaysWord] = key(
        "放假的日子，连续几天写 首日..末日（含首尾）", ["2027-02-06..2027-02-12"], default=[]
    )
    makeup: list[DaysWord] = key("周末补班的日子", ["2027-02-14"], default=[])

    @property
    def days_off(self) -> set[date]:
        return {day for days in self.off for day in days}

    @property
    def days_worked(self) -> set[date]:
        return {day for days in self.makeup for day in days}


class CalendarFile(Shape):
    """calendar.yaml：放假与调休。"""

    years: dict[Annotated[int, Field(ge=2004, le=2049)], YearFile] = key(
        "各年的安排，年份后面写放假和补班",
        {"2027": {"source": "国办发明电〔2026〕×号", "off": ["2027-01-01..2027-01-03"]}},
        names={"pattern": "^20(?:0[4-9]|[1-4][0-9])$"},
        default={},
    )
