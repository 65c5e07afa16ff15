"""Whether there is a text for whatever the rules may say, and whether the office's own texts are used."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from hashlib import sha256

from daemon.config.models import RungFile, TencentFile
from daemon.config.source import CHANNELS, LADDERS, TEMPLATES, Inspection
from daemon.config.words import closest, nearest
from daemon.domain.ladder import Act, Audience
from daemon.errors import Fault, FaultyInputError
from daemon.render import Renderer, trial

FOLDERS = ("email", "wecom", "sms")
"""The channels that have texts of their own; the others take the e-mail's."""
_OTHERS = ("digest", "note")
_FRAMES = ("email/footer.j2", "email/layout.html.j2")
_BASE = re.compile(r"\{#-?\s*底本\s+([0-9a-f]+)")


def text_faults(found: Inspection, sign: str, phone: str) -> Iterator[Fault]:
    yield from trial(found.templates, sign, phone)
    yield from _without_text(found)
    yield from _misregistered(found, phone)


def text_warnings(found: Inspection) -> Iterator[Fault]:
    yield from _unregistered(found)
    for name, text in found.own.items():
        if not _is_used(found, name):
            yield Fault(f"{TEMPLATES}/{name}", 0, 0, "", "这个文件不会用到", _meant(found, name))
        elif name in found.shipped and text != found.shipped[name]:
            yield from _base_faults(name, text, found.shipped[name])


def sms_sign(found: Inspection) -> str:
    """Return the signature under which SMS go out: it takes its part of the one segment."""
    channels = found.channels.channels.values() if found.channels else ()
    signs = [channel.sign for channel in channels if isinstance(channel, TencentFile)]
    return next(iter(signs), found.duban.office.name if found.duban else "")


def _without_text(found: Inspection) -> Iterator[Fault]:
    """Find rungs for whose act and audience a channel of theirs has no words."""
    if found.ladders is None:
        return
    document = found.documents[LADDERS]
    for ladder_id, ladder in found.ladders.ladders.items():
        for rung_id, rung in ladder.rungs.items():
            path = ("ladders", ladder_id, "rungs", rung_id)
            legs = found.ladders.acts[rung.act].legs if rung.act in found.ladders.acts else []
            folders = {channel if channel in FOLDERS else "email" for leg in legs for channel in leg}
            if folders and document.sure(path):
                for key, message, hint in _missing_texts(rung, sorted(folders), found.templates):
                    yield document.fault((*path, key), message, hint)


def _missing_texts(
    rung: RungFile, folders: Collection[str], texts: Collection[str]
) -> Iterator[tuple[str, str, str]]:
    audiences = {role.audience for line in (*rung.to, *rung.copied) for role in line}
    for audience in sorted(audiences):
        if rung.template and not any(f"{f}/{rung.template}.{audience}.j2" in texts for f in folders):
            hint = nearest(
                rung.template, {name.split("/")[-1].split(".")[0] for name in texts if "/" in name}
            )
            yield "template", f"没有模板 {rung.template}.{audience}.j2", hint
        for folder in folders:
            wanted = [f"{folder}/{name}.{audience}.j2" for name in (rung.act, "digest")]
            if not any(name in texts for name in wanted):
                yield "act", f"{folder} 渠道没有可用的文字", f"请在 templates/ 里写 {wanted[0]}"


def _registrations(found: Inspection) -> Iterator[tuple[str, TencentFile]]:
    for name, channel in found.channels.channels.items() if found.channels else ():
        if isinstance(channel, TencentFile) and found.documents[CHANNELS].sure(("channels", name)):
            yield name, channel


def _misregistered(found: Inspection, phone: str) -> Iterator[Fault]:
    """Find texts that were registered with other places than they have: the provider would refuse them."""
    renderer = Renderer(found.templates)
    for name, channel in _registrations(found):
        for template, registered in channel.templates.items():
            try:
                places = list(renderer.sms_form(template, phone).names) if _is_text(found, template) else None
            except FaultyInputError:
                continue  # told as a fault of the text
            path = ("channels", name, "templates", template)
            if places is None:
                hint = nearest(template, renderer.names("sms"))
                yield found.documents[CHANNELS].fault(path, f"没有模板 sms/{template}.j2", hint, at_key=True)
            elif places != registered.params:
                hint = f"模板里依次是 [{', '.join(places)}]；文字改过的要重新报备"
                message = "params 与模板里的名称不一致"
                yield found.documents[CHANNELS].fault((*path, "params"), message, hint)


def _unregistered(found: Inspection) -> Iterator[Fault]:
    names = Renderer(found.templates).names("sms")
    for name, channel in _registrations(found):
        for template in sorted(set(names) - set(channel.templates)):
            path = ("channels", name, "templates")
            message = f"短信模板 {template} 没有登记报备编号，发不出去"
            yield found.documents[CHANNELS].fault(path, message, "报备后在这里加一行", at_key=True)


def _is_text(found: Inspection, template: str) -> bool:
    return f"sms/{template}.j2" in found.templates


def _is_used(found: Inspection, name: str) -> bool:
    """Whether anything looks for a template of this name."""
    if name in _FRAMES or any(
        f'"{name}"' in text or f"'{name}'" in text for text in found.templates.values()
    ):
        return True
    folder, _, file = name.partition("/")
    stem, _, variant = file.removesuffix(".j2").partition(".")
    audience, _, more = variant.partition(".")
    return (
        folder in FOLDERS
        and stem in _stems(found)
        and audience in set(Audience)
        and (not more or folder == "sms")
    )


def _stems(found: Inspection) -> set[str]:
    rungs = (
        [r for ladder in found.ladders.ladders.values() for r in ladder.rungs.values()]
        if found.ladders
        else []
    )
    return {*Act, *_OTHERS, *(rung.template for rung in rungs if rung.template)}


def _meant(found: Inspection, name: str) -> str:
    meant = closest(name, found.shipped)
    return f"是不是“{meant}”？" if meant else "文件名应为 渠道/措施.对象.j2，如 email/urge.unit.j2"


def _base_faults(name: str, text: str, shipped: str) -> Iterator[Fault]:
    """Compare the version that an office's text says it was made from with the one that is shipped now.

    The first line of an own text names its base, ``{#- 底本 1a2b3c4d5e6f -#}``: the first twelve digits of
    the SHA-256 of the shipped text.
    """
    place, now = f"{TEMPLATES}/{name}", base(shipped)
    line = base_line(shipped)
    said = _BASE.match(text.split("\n", 1)[0])
    if said is None:
        message = "没有写明改自哪一版，程序升级后自带的文字有变时无法提醒"
        yield Fault(place, 1, 1, "", message, f"请在第一行加上 {line}")
    elif said[1] != now:
        message = f"程序自带的这份文字已经变了（底本 {said[1]}，现在 {now}）"
        yield Fault(place, 1, 1, "", message, f"请对照新的文字，核对后把第一行改为 {line}")


def base_line(shipped: str) -> str:
    """Return the first line of an office's own text: the version that it is made from."""
    return f"{{#- 底本 {base(shipped)} -#}}"


def base(shipped: str) -> str:
    """Return the name of a version of a shipped text."""
    return sha256(shipped.encode()).hexdigest()[:12]
