"""Texts: Jinja2 in a sandbox, from the templates of the active rule set to the content of a channel."""

from daemon.render.renderer import Renderer
from daemon.render.sms import Form, forbidden_words, segments
from daemon.render.trial import trial

__all__ = ["Form", "Renderer", "forbidden_words", "segments", "trial"]
