"""From a template and what is known to the content of a channel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from jinja2 import Template
from jinja2.exceptions import TemplateError, TemplateSyntaxError

from daemon.errors import Fault, FaultyInputError, NotFoundError
from daemon.render import complaints, sms
from daemon.render.environment import CELL, Sandbox, budget, write

WECOM_TITLE, WECOM_DESCRIPTION = 128, 512
"""The most characters that WeCom shows of a card."""

REPEATED = "【可能重复】"

_LAYOUT, _FOOTER = "email/layout.html.j2", "email/footer.j2"
_FAULTS = (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError)
_DEFAULTS: Mapping[str, object] = {
    "unit": None,
    "items": (),
    "lines": (),
    "overdue": (),
    "own_unit": False,
    "acting_for": None,
    "repeat": False,
    "why": (),
    "url": "",
}
# A card reads <div> and <br>; an enterprise's name must not.
_NO_TAGS = str.maketrans("<>", "＜＞")


class Renderer:
    """Renders the templates of one rule set; names are like ``email/reminder.unit.j2``.

    Nothing is read from disk. A template that cannot be compiled or rendered, goes beyond its bounds or
    reaches for what it may not, raises ``FaultyInputError`` with the template's name and line. May be shared
    between threads.
    """

    def __init__(self, templates: Mapping[str, str]) -> None:
        self._sources = dict(templates)
        self._sandbox = Sandbox(self._sources)
        self._texts = self.names("sms")

    def render(self, channel: str, template: str, context: Mapping[str, object]) -> dict[str, object]:
        """Return the content of one message (daemon/channels/__init__.py says its fields).

        ``template`` is ``act.audience``; where the channel has no such file, ``digest.audience`` speaks,
        which lists items of any act; where that is missing too, ``NotFoundError``. An SMS takes the variant
        that says most (daemon/render/sms.py); being registered word for word, it bears no mark of a repeat.
        ``manual`` and ``spool`` take the text of the e-mail. templates/README.md lists the context.
        """
        known = _known(context)
        if channel == "sms":
            return self._sms(template, known)
        with budget(), _faults_of(channel, template):
            if channel == "wecom":
                return self._wecom(template, known)
            mail = self._email(template, known)
        return mail if channel == "email" else {"subject": mail["subject"], "text": mail["text"]}

    def names(self, channel: str) -> list[str]:
        """Return the templates of a channel that speak for themselves, like ``reminder.unit``."""
        mine = (name.removeprefix(f"{channel}/") for name in self._sources if name.startswith(f"{channel}/"))
        stems = (name.removesuffix(".j2") for name in mine)
        return sorted(stem for stem in stems if "." in stem and not stem.endswith(".html"))

    def sms_form(self, template: str, phone: str) -> sms.Form:
        """Return the text of an SMS as it is to be registered with the provider, {1}, {2}… for its values."""
        source = self._sources.get(_file("sms", template))
        if source is None:
            raise NotFoundError(f"没有短信模板 {template}")
        with _faults_of("sms", template):
            return sms.form(source, phone)

    def _email(self, template: str, known: Mapping[str, Any]) -> dict[str, object]:
        heading, text = self._blocks("email", template, known, "subject", "text")
        subject = _marked("".join(_lines(heading)), known)
        lines, footer = _lines(text), _lines(self._whole(_FOOTER, known))
        html = self._whole(_LAYOUT, {"subject": subject, "blocks": _tables(lines), "footer": footer})
        return {"subject": subject, "text": "\n".join([*lines, "", *footer, ""]), "html": html}

    def _wecom(self, template: str, known: Mapping[str, Any]) -> dict[str, object]:
        title, description = self._blocks("wecom", template, known, "title", "description")
        card = "\n".join(_lines(description))
        return {
            "title": _fit(_marked("".join(_lines(title)), known), WECOM_TITLE),
            "description": _fit(card, WECOM_DESCRIPTION),
            "url": known["url"],
            "button": "详情",
        }

    def _sms(self, template: str, known: Mapping[str, Any]) -> dict[str, object]:
        values = known["points"]
        for name in self._variants(self._found("sms", template)):
            form = self.sms_form(name, known["office"]["phone"])
            if form.fits(values):
                text, params = form.fill(values)
                return {"text": text, "template": name, "params": params}
        raise NotFoundError(f"短信模板 {template} 没有可用的文本")

    def _variants(self, template: str) -> list[str]:
        """Return the variants of a text, those that say most first, the plain one last."""
        mine = [name for name in self._texts if name.startswith(f"{template}.")]
        return [
            *sorted(mine, key=lambda name: (-self._sources[_file("sms", name)].count("{{"), name)),
            template,
        ]

    def _blocks(self, channel: str, template: str, known: Mapping[str, Any], *names: str) -> Iterator[str]:
        name = _file(channel, self._found(channel, template))
        source = self._sandbox.get_template(name)
        context = source.new_context(dict(known))
        for block in names:
            if block not in source.blocks:
                raise TemplateSyntaxError(f"缺少 block {block}", 1, name)
            yield write(source.blocks[block](context))

    def _whole(self, name: str, known: Mapping[str, Any]) -> str:
        template = self._sandbox.get_template(name)
        return write(template.root_render_func(template.new_context(dict(known))))

    def _found(self, channel: str, template: str) -> str:
        audience = template.partition(".")[2]
        for name in (template, f"digest.{audience}"):
            if _file(channel, name) in self._sources:
                return name
        raise NotFoundError(f"{channel} 渠道没有模板 {template}，也没有 digest.{audience}")


def _known(context: Mapping[str, object]) -> dict[str, Any]:
    known: dict[str, Any] = {**_DEFAULTS, **context}
    why = known["why"]
    known["why"] = [reason.rstrip("。；") for reason in ([why] if isinstance(why, str) else why)]
    known["points"] = sms.values(known["items"], known["lines"], known["today"])
    return known


def _lines(text: str) -> list[str]:
    """Return the lines that say something; what indents a paragraph (U+3000) stays."""
    return [line for line in (line.strip(" \t\r") for line in text.split("\n")) if line]


def _tables(lines: Sequence[str]) -> list[dict[str, object]]:
    """Part lines into paragraphs and tables; a row is a line with cells."""
    blocks: list[dict[str, object]] = []
    for is_row, group in groupby(lines, key=lambda line: CELL in line):
        if is_row:
            blocks.append({"rows": [line.split(CELL) for line in group]})
        else:
            blocks += [{"line": line, "rows": ()} for line in group]
    return blocks


def _marked(title: str, known: Mapping[str, object]) -> str:
    return (REPEATED if known["repeat"] else "") + title


def _fit(text: str, limit: int) -> str:
    plain = text.translate(_NO_TAGS)
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


def _file(channel: str, template: str) -> str:
    return f"{channel}/{template}.j2"


@contextmanager
def _faults_of(channel: str, template: str) -> Iterator[None]:
    """Turn whatever goes wrong in a template into a fault that names the template and the line."""
    try:
        yield
    except _FAULTS as error:
        name, line = _place(error)
        place = f"templates/{name or _file(channel, template)}"
        fault = Fault(place, line, complaints.column(error), "", complaints.say(error))
        raise FaultyInputError([fault]) from error


def _place(error: BaseException) -> tuple[str | None, int]:
    """Return the template and the line that the innermost frame of a template stood at."""
    if isinstance(error, TemplateSyntaxError):
        return error.name, error.lineno
    place: tuple[str | None, int] = None, 0
    trace = error.__traceback__
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if isinstance(template, Template):
            place = template.name, template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return place
