"""The shapes of the config files. What a word means is parsed here; what files say of each other is not.

Every model is strict and knows no other keys. Fields hold domain values where a word has one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, time, timedelta
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from daemon.config import references, repeats, words
from daemon.config.words import WordError
from daemon.domain.flood import USUAL
from daemon.domain.ladder import Act, Addressee, Every, Role, SubjectKind
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
    if isinstance(value, str) and re.fullmatch(r"[^{}]*\{n(?::0?\d)?\}[^{}]*", value):
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
_DAY_SPAN = r"[+-]?\d+ (?:workday|day|week|month)s?"

Name = Annotated[str, Field(min_length=1, max_length=200)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
ActWord = Annotated[Act, _parsed(words.act), _words(act.value for act in Act)]
RoleWord = Annotated[Role, _parsed(lambda v: words.one_of(Role, "岗位", v)), _words(r.value for r in Role)]
KindWord = Annotated[
    SubjectKind,
    _parsed(lambda v: words.one_of(SubjectKind, "对象", v)),
    _words(kind.value for kind in SubjectKind),
]
AddresseeWord = Annotated[Addressee, _parsed(words.addressee), _text(rf"(?:{_ROLE})(?: or (?:{_ROLE}))*")]
LegWord = Annotated[tuple[str, ...], _parsed(words.leg), _text(rf"{_CHANNEL}(?:\+{_CHANNEL})*")]
AtWord = Annotated[
    Offset | None, _parsed(words.at), _text(f"immediately|{_DAY_SPAN}", "-3 workdays", "immediately")
]
OffsetWord = Annotated[Offset, _parsed(words.offset), _text(_DAY_SPAN, "+28 months")]
EveryWord = Annotated[Every, _parsed(repeats.every), WithJsonSchema({"type": "string"})]
WorkdaysWord = Annotated[int, _parsed(words.workdays), _text(r"\d+ workdays?", "10 workdays")]
PercentWord = Annotated[int, _parsed(words.percent), _text(r"\d{1,3}%", "60%")]
ClockWord = Annotated[time, _parsed(words.clock_time), _text(r"[0-2]\d:[0-5]\d", "09:10")]
RateWord = Annotated[tuple[int, int], _parsed(words.rate), _text(r"\d+/(?:second|minute|hour|day)")]
ZoneWord = Annotated[ZoneInfo, _parsed(_zone), WithJsonSchema({"type": "string"})]
NumberingWord = Annotated[str, _parsed(_numbering), WithJsonSchema({"type": "string"})]
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


# duban.yaml


class OfficeFile(Shape):
    name: Name
    phone: Name


class OperatorFile(Shape):
    name: Name
    email: Name | None = None
    phone: Name | None = None
    wecom: Name | None = None


class DubanFile(Shape):
    """duban.yaml：本机部署。"""

    office: OfficeFile
    state: Text
    database: Text | None = None
    broker: Text | None = None
    operators: list[OperatorFile] = []


# campaigns/*.yaml


class PhaseFile(Shape):
    title: Name
    since: date = Field(alias="from")
    until: date = Field(alias="to")


class FilingFile(Shape):
    phase: str
    due: date
    title: Name
    owed_by: Annotated[list[Name], Field(min_length=1)]
    parts: list[Name] = []
    signed_by: RoleWord | None = None
    nil: Literal["allowed", "forbidden"] = "forbidden"


class PaceFile(Shape):
    since: date = Field(alias="from")
    min_cases: Annotated[int, Field(ge=1)] = MIN_CASES


class CampaignFile(Shape):
    """campaigns/*.yaml：一个专项行动。"""

    id: Id
    title: Name
    document: Name
    zone: ZoneWord
    numbering: NumberingWord
    phases: Annotated[dict[Id, PhaseFile], Field(min_length=1)]
    filings: dict[Id, FilingFile] = {}
    targets: dict[date, PercentWord] = {}
    pace: PaceFile | None = None
    verdict_after: WorkdaysWord = 10


# ladders.yaml


class ActFile(Shape):
    legs: Annotated[list[LegWord], Field(min_length=1)]
    sign: WorkdaysWord | None = None
    approval: AddresseeWord | None = None


class DefaultsFile(Shape):
    bundle: str | None = None
    when: str | None = None


class RungFile(Shape):
    at: AtWord
    act: ActWord
    to: Annotated[list[AddresseeWord], Field(min_length=1)]
    copied: list[AddresseeWord] = Field(default=[], alias="copy")
    every: EveryWord | None = None
    until: OffsetWord | None = None
    times: Annotated[int, Field(ge=1)] | None = None
    days: Literal["all"] | None = None
    when: str | None = None
    unless: Literal["signed"] | None = None
    bundle: str | None = None
    template: str | None = None
    catch_up: bool = False
    was: str | None = None


class LadderFile(Shape):
    about: KindWord
    anchor: str = Field(alias="from")
    when: str | None = None
    per: Literal["unit"] | None = None
    was: str | None = None
    rungs: Annotated[dict[Id, RungFile], Field(min_length=1)]


class LaddersFile(Shape):
    """ladders.yaml：梯次和措施。"""

    acts: dict[ActWord, ActFile]
    defaults: DefaultsFile = DefaultsFile()
    ladders: Annotated[dict[Id, LadderFile], Field(min_length=1)]


# channels.yaml


class WindowFile(Shape):
    days: Literal["workdays", "all"] = "workdays"
    since: ClockWord = Field(alias="from")
    until: ClockWord = Field(alias="to")


class BundleFile(Shape):
    at: ClockWord
    days: Literal["workdays", "all"] = "workdays"
    every: Literal["week"] | None = None
    on: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] | None = None


class ChannelFile(Shape):
    """What every channel may say; what its provider wants stands beside it."""

    threads: Annotated[int, Field(ge=1, le=64)] = 4
    timeout: Annotated[float, Field(gt=0, le=60)] = 10.0
    on_unknown: Literal["resend", "next", "hold"] = "resend"
    rate: RateWord | None = None
    window: WindowFile | None = None


class SmtpFile(ChannelFile):
    provider: Literal["smtp"]
    host: Text
    port: Number = 587
    security: Literal["starttls", "smtps", "none"] = "starttls"
    username: Text | None = None
    password: Secret | None = None
    sender: Text
    sender_name: Text | None = None
    domain: Text | None = None
    ca_file: Text | None = None


class SmsTemplateFile(Shape):
    id: Text
    params: list[Id] = []
    max_len: Annotated[int, Field(ge=1)] | None = None


class TencentFile(ChannelFile):
    provider: Literal["tencent"]
    secret_id: Text
    secret_key: Secret
    app_id: Text
    sign: Annotated[str, Field(min_length=2, max_length=12, pattern=r"^[^【】\s]+$")]
    region: Text = "ap-guangzhou"
    url: Text = "https://sms.tencentcloudapi.com"
    ca_file: Text | None = None
    templates: dict[str, SmsTemplateFile] = {}


class WecomFile(ChannelFile):
    provider: Literal["wecom"]
    corp_id: Text
    secret: Secret
    agent_id: Number
    base_url: Text = "https://qyapi.weixin.qq.com"
    default_url: Text | None = None
    ca_file: Text | None = None


class SpoolFile(ChannelFile):
    provider: Literal["spool"]


class ManualFile(ChannelFile):
    provider: Literal["manual"]


AnyChannel = SmtpFile | TencentFile | WecomFile | SpoolFile | ManualFile
ChannelWord = Annotated[AnyChannel, Field(discriminator="provider")]


class FloodFile(Shape):
    hour: Annotated[int, Field(ge=1)] = USUAL
    group: list[Id] = ["brief"]


class ChannelsFile(Shape):
    """channels.yaml：渠道、发送时段、批次。"""

    channels: Annotated[dict[Id, ChannelWord], Field(min_length=1)]
    window: WindowFile
    bundles: dict[Id, BundleFile] = {}
    flood: FloodFile = FloodFile()
    budgets: dict[str, dict[Literal["day", "week", "month"], Annotated[int, Field(ge=1)]]] = {}


# calendar.yaml


class YearFile(Shape):
    source: Name
    off: list[DaysWord] = []
    makeup: list[DaysWord] = []

    @property
    def days_off(self) -> set[date]:
        return {day for days in self.off for day in days}

    @property
    def days_worked(self) -> set[date]:
        return {day for days in self.makeup for day in days}


class CalendarFile(Shape):
    """calendar.yaml：放假与调休。"""

    years: dict[Annotated[int, Field(ge=2004, le=2049)], YearFile] = {}
