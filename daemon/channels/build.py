"""From the options of channels.yaml to channels: one factory a name, one object a worker thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

from daemon.channels import Channel, tencent, wecom
from daemon.channels.mail import SmtpChannel
from daemon.channels.manual import ManualChannel
from daemon.channels.spool import SpoolChannel
from daemon.channels.tencent import TencentSms, TencentTemplate
from daemon.channels.tokens import TokenStore
from daemon.channels.wecom import WeComChannel
from daemon.errors import Fault, FaultyInputError

Settings = Mapping[str, Mapping[str, object]]
"""``{name: {provider: …, option: …}}``, secrets resolved."""

Text = Annotated[str, Field(min_length=1)]
Url = Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")]


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class SmtpOptions(_Options):
    provider: Literal["smtp"]
    host: Text
    port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "smtps", "none"] = "starttls"
    username: str = ""
    password: SecretStr = SecretStr("")
    sender: str = Field(pattern=r"^[^\s@]+@[^\s@]+$")
    sender_name: str = ""
    ca_file: Path | None = None
    domain: str = ""


class TemplateOptions(_Options):
    id: Text
    params: tuple[str, ...] = ()
    max_len: int = Field(6, ge=1)


class TencentOptions(_Options):
    provider: Literal["tencent"]
    secret_id: Text
    secret_key: SecretStr = Field(min_length=1)
    app_id: Text
    sign: Text
    region: str = "ap-guangzhou"
    templates: dict[str, TemplateOptions] = {}
    url: Url = tencent.URL
    ca_file: Path | None = None


class WeComOptions(_Options):
    provider: Literal["wecom"]
    corp_id: Text
    secret: SecretStr = Field(min_length=1)
    agent_id: int
    base_url: Url = wecom.URL
    default_url: str = ""
    ca_file: Path | None = None


class SpoolOptions(_Options):
    provider: Literal["spool"]


class ManualOptions(_Options):
    provider: Literal["manual"]


Options = Annotated[
    SmtpOptions | TencentOptions | WeComOptions | SpoolOptions | ManualOptions,
    Field(discriminator="provider"),
]
_OPTIONS: TypeAdapter[Any] = TypeAdapter(Options)
_ALWAYS: Settings = {"spool": {"provider": "spool"}, "manual": {"provider": "manual"}}


def build_channels(settings: Settings, spool: Path, tokens: TokenStore) -> dict[str, Callable[[], Channel]]:
    """Return how to make each channel; ``spool`` and ``manual`` are always among them.

    Raise ``FaultyInputError`` that names every option that is missing, unknown or wrong, and no value.
    """
    whole = {**_ALWAYS, **settings}
    faults = [fault for name, options in whole.items() for fault in _faults(name, options)]
    if faults:
        raise FaultyInputError(faults)
    return {
        name: _factory(_OPTIONS.validate_python(options), spool / name, tokens)
        for name, options in whole.items()
    }


def _faults(name: str, options: Mapping[str, object]) -> Iterator[Fault]:
    try:
        _OPTIONS.validate_python(options)
    except ValidationError as error:
        for found in error.errors(include_input=False, include_url=False, include_context=False):
            # The discriminator stands first in the place; a reader of the file does not know it.
            key = ".".join(map(str, ("providers", name, *found["loc"][1:])))
            yield Fault("channels.yaml", 0, 0, key, f"通道选项不可用（{found['type']}）")


def _factory(options: object, folder: Path, tokens: TokenStore) -> Callable[[], Channel]:
    match options:
        case SmtpOptions():
            return partial(SmtpChannel, **_given(options, password=options.password))
        case TencentOptions():
            templates = {
                name: TencentTemplate(template.id, template.params, template.max_len)
                for name, template in options.templates.items()
            }
            given = _given(options, secret_key=options.secret_key)
            return partial(TencentSms, **{**given, "templates": templates})
        case WeComOptions():
            return partial(WeComChannel, **_given(options, secret=options.secret), tokens=tokens)
        case SpoolOptions():
            return partial(SpoolChannel, folder)
        case _:
            return ManualChannel


def _given(options: _Options, **secrets: SecretStr) -> dict[str, Any]:
    fields = {name: value for name, value in options if name != "provider"}
    return fields | {name: secret.get_secret_value() for name, secret in secrets.items()}
