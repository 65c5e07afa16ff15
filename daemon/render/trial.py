"""Every fault of a set of templates at once, found by rendering all of them on made-up data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from daemon.errors import Fault, FaultyInputError
from daemon.render import samples
from daemon.render.renderer import Renderer
from daemon.render.sms import forbidden_words, segments


def trial(templates: Mapping[str, str], sign: str, phone: str) -> tuple[Fault, ...]:
    """Return what is wrong with these templates.

    SMS go out under ``sign`` (without brackets) and name the office's ``phone``.
    """
    renderer = Renderer(templates)
    found = [*_messages(renderer), *_texts(renderer, sign, phone)]
    return tuple(dict.fromkeys(found))


def _messages(renderer: Renderer) -> Iterator[Fault]:
    for channel in ("email", "wecom"):
        for template in renderer.names(channel):
            yield from _rendered(renderer, channel, template)


def _rendered(renderer: Renderer, channel: str, template: str) -> Iterator[Fault]:
    for context in samples.contexts(template):
        try:
            renderer.render(channel, template, context)
        except FaultyInputError as error:
            yield from error.faults


def _texts(renderer: Renderer, sign: str, phone: str) -> Iterator[Fault]:
    for template in renderer.names("sms"):
        place = f"templates/sms/{template}.j2"
        try:
            form = renderer.sms_form(template, phone)
        except FaultyInputError as error:
            yield from error.faults
            continue
        if segments(form.longest(), sign) > 1:
            yield Fault(place, 1, 0, "", "连同签名超过一条短信（70字）", "请缩短")
        for word in forbidden_words(form.text):
            yield Fault(place, 1, 0, "", f"短信中不能有“{word}”", "运营商会拒绝，请换一种说法")
