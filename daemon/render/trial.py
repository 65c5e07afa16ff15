"""Every fault of a set of templates at once, found by rendering all of them on made-up data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from daemon.errors import Fault, FaultyInputError
from daemon.render import samples
from daemon.render.names import unknown_names
from daemon.render.outside import outside_blocks
from daemon.render.renderer import WECOM_DESCRIPTION, WECOM_TITLE, Renderer
from daemon.render.sms import forbidden_words, length, segments

UNIT_WORDS = ("您单位", "贵单位", "你单位", "你们单位", "您们", "你们")
"""How a unit is addressed, or would be by mistake; a leader or the office never is."""
_MOBILE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
_ORDINARY = 3
_LIMITS = {"title": ("标题", WECOM_TITLE), "description": ("正文", WECOM_DESCRIPTION)}


def trial(templates: Mapping[str, str], sign: str, phone: str) -> tuple[Fault, ...]:
    """Return what is wrong with these templates.

    SMS go out under ``sign`` (without brackets) and name the office's ``phone``.
    """
    return _trial(tuple(sorted(templates.items())), sign, phone)


@lru_cache(maxsize=8)
def _trial(sources: tuple[tuple[str, str], ...], sign: str, phone: str) -> tuple[Fault, ...]:
    templates = dict(sources)
    renderer = Renderer(templates)
    named = list(unknown_names({n: text for n, text in templates.items() if _is_looked_for(n, templates)}))
    told = {(fault.place, fault.line) for fault in named}
    rendered = [fault for fault in _messages(renderer, templates) if (fault.place, fault.line) not in told]
    return tuple(dict.fromkeys([*named, *rendered, *_texts(renderer, templates, sign, phone)]))


def _is_looked_for(name: str, templates: Mapping[str, str]) -> bool:
    """Whether a text is rendered with the names of a message: no SMS, and no file that nothing asks for."""
    if name.startswith(("email/", "wecom/")):
        return True
    return not name.startswith("sms/") and any(
        f'"{name}"' in text or f"'{name}'" in text for text in templates.values()
    )


def _messages(renderer: Renderer, templates: Mapping[str, str]) -> Iterator[Fault]:
    for channel in ("email", "wecom"):
        for template in renderer.names(channel):
            place, said = f"{channel}/{template}.j2", ""
            yield from outside_blocks(templates, channel, template)
            for context in samples.contexts(template):
                try:
                    content = renderer.render(channel, template, context)
                except FaultyInputError as error:
                    yield from error.faults
                    said += templates[place]
                    continue
                said += "".join(value for value in content.values() if isinstance(value, str))
                if channel == "wecom" and _is_ordinary(context):
                    yield from _cut(place, content)
            yield from _register(place, templates[place], template, said)


def _register(place: str, source: str, template: str, said: str) -> Iterator[Fault]:
    """A unit is asked, a leader is told."""
    audience = template.split(".")[1]
    if audience == "unit":
        return
    for word in UNIT_WORDS:
        if word in said:
            said = said.replace(word, "")  # 你们单位 is one fault, not two
            whom = "领导" if audience == "group" else "办公室"
            hint = "对领导只报告情况，写单位的名称" if audience == "group" else "写单位的名称，如“明城镇”"
            yield _at(place, source, word, f"给{whom}的文字里不能说“{word}”", hint)


def _is_ordinary(context: Mapping[str, Any]) -> bool:
    """Whether a message is one as they come every day: a card is cut where there is very much to say."""
    return len(context["items"]) <= _ORDINARY and len(context.get("lines", ())) <= 1


def _cut(place: str, content: Mapping[str, object]) -> Iterator[Fault]:
    for part, (title, limit) in _LIMITS.items():
        text = str(content[part])
        if len(text) == limit and text.endswith("…"):
            yield Fault(
                f"templates/{place}", 1, 0, part, f"企业微信{title}超过 {limit} 字，会被截断", "请缩短"
            )


def _texts(renderer: Renderer, templates: Mapping[str, str], sign: str, phone: str) -> Iterator[Fault]:
    for template in renderer.names("sms"):
        place = f"sms/{template}.j2"
        source = templates[place]
        try:
            form = renderer.sms_form(template, phone)
        except FaultyInputError as error:
            yield from error.faults
            continue
        if (count := segments(form.longest(), sign)) > 1:
            message = f"连同签名最长 {length(form.longest(), sign)} 字，要拆成 {count} 条短信"
            yield Fault(f"templates/{place}", 1, 0, "", message, "请缩短到 70 字以内（超过后每 67 字一条）")
        for word in forbidden_words(form.text):
            yield _at(place, source, word, f"短信中不能有“{word}”", "运营商会拒绝，请换一种说法")
        for mobile in _MOBILE.findall(source):
            yield _at(place, source, mobile, "短信中不能有手机号", "运营商会拒绝，请写固定电话")
        if re.search(r"\}\s*\{\d", form.text):
            yield _at(place, source, "}}", "两处变量连在一起，运营商会拒绝", "中间加上文字")
        audience = template.split(".")[1]
        if audience != "unit":
            yield from _register(place, source, template, form.text)


def _at(place: str, source: str, word: str, message: str, hint: str) -> Fault:
    """Return a fault where a word first stands; at the beginning where another template brought it."""
    lines = source.lower().split("\n")
    line = next((n for n, text in enumerate(lines, 1) if word in text), 0)
    column = lines[line - 1].find(word) + 1 if line else 0
    return Fault(f"templates/{place}", line or 1, column, "", message, hint)
