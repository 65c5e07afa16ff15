"""E-mail over SMTP."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Literal

from daemon import clock
from daemon.channels import Message, Receipt, deadline
from daemon.channels.marks import marks
from daemon.channels.redact import presentable
from daemon.errors import DeliveryError, UnknownOutcomeError

Security = Literal["starttls", "smtps", "none"]

_GOODBYE_SECONDS = 2.0
_CLOSING = 421
_POLICY = SMTP.clone(cte_type="7bit")
_LINE_BREAKS = re.compile(r"[\r\n]+\s*")
_LEADING_DOT = re.compile(rb"(?m)^\.")


class _Smtp(smtplib.SMTP):
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:  # noqa: ARG002
        return deadline.dial(host, port)


class _Smtps(smtplib.SMTP_SSL):
    _host: str
    context: ssl.SSLContext

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:  # noqa: ARG002
        return self.context.wrap_socket(deadline.dial(host, port), server_hostname=self._host)


class _RefusedError(Exception):
    """The server's answer to one command was not the one hoped for."""

    def __init__(self, code: int, reply: bytes) -> None:
        super().__init__(code)
        self.code = code
        self.reply = reply


@dataclass(slots=True)
class SmtpChannel:
    """Hands mail to one server; the connection is kept until ``close``.

    Until the message body begins to leave nothing is promised: what fails before that has surely not been
    taken, and a kept connection that has died meanwhile is opened again. A silence after it is an unknown
    outcome.
    """

    host: str
    port: int
    security: Security
    username: str
    password: str = field(repr=False)
    sender: str
    sender_name: str
    ca_file: Path | None = None
    domain: str = ""
    """The right half of Message-IDs; '' is that of the sender."""
    _smtp: smtplib.SMTP | None = field(default=None, init=False, repr=False)

    def send(self, message: Message) -> Receipt:
        sender = Address(self.sender_name, addr_spec=self.sender)
        recipient = _recipient(message)
        mail = compose(message, sender, recipient, self._domain, clock.now())
        with deadline.within(message.timeout):
            reply = self._hand_over(self._up_to_data(recipient.addr_spec), mail.as_bytes(policy=_POLICY))
        return Receipt(str(mail["Message-ID"]), {"reply": reply})

    @property
    def _domain(self) -> str:
        return self.domain or self.sender.rpartition("@")[2]

    def close(self) -> None:
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            with deadline.within(_GOODBYE_SECONDS), suppress(OSError):
                smtp.quit()
            smtp.close()

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None

    def _up_to_data(self, recipient: str) -> smtplib.SMTP:
        """Get as far as the server's 354; raise ``DeliveryError``."""
        try:
            return self._on_kept(recipient) or self._ask(self._connect(), recipient)
        except (_RefusedError, smtplib.SMTPResponseException) as error:
            code, reply = _answer(error)
            self._recover(code)
            raise self._refusal(code, reply) from error
        except smtplib.SMTPServerDisconnected as error:
            self._drop()
            raise DeliveryError("与邮件服务器的连接中断", code="connect") from error
        except smtplib.SMTPException as error:
            self._drop()
            raise DeliveryError(f"邮件服务器不支持：{error}", code="unsupported", permanent=True) from error
        except OSError as error:
            self._drop()
            raise DeliveryError(f"无法连接邮件服务器：{error.strerror or error}", code="connect") from error

    def _on_kept(self, recipient: str) -> smtplib.SMTP | None:
        """Use the kept connection, if there is one and it still lives."""
        if self._smtp is None:
            return None
        try:
            return self._ask(self._smtp, recipient)
        except smtplib.SMTPServerDisconnected:
            pass
        except _RefusedError as error:
            if error.code != _CLOSING:
                raise
        self._drop()
        return None

    def _connect(self) -> smtplib.SMTP:
        smtp: smtplib.SMTP
        if self.security == "smtps":
            tls = deadline.tls_context(self.ca_file)
            smtp = _Smtps(self.host, self.port, self._domain, context=tls)
        else:
            smtp = _Smtp(self.host, self.port, self._domain)
        self._smtp = smtp
        if self.security == "starttls":
            smtp.starttls(context=deadline.tls_context(self.ca_file))
        smtp.ehlo_or_helo_if_needed()
        if self.username:
            smtp.login(self.username, self.password)
        return smtp

    def _ask(self, smtp: smtplib.SMTP, recipient: str) -> smtplib.SMTP:
        _expect(2, *smtp.mail(self.sender))
        _expect(2, *smtp.rcpt(recipient))
        _expect(3, *smtp.docmd("DATA"))
        return smtp

    def _hand_over(self, smtp: smtplib.SMTP, data: bytes) -> str:
        """Send the body and return the server's answer to it."""
        try:
            smtp.send(_LEADING_DOT.sub(b"..", data) + b".\r\n")
            code, reply = smtp.getreply()
            _expect(2, code, reply)
        except _RefusedError as error:
            if error.code == _CLOSING:
                self._drop()
            raise self._refusal(error.code, error.reply) from error
        except OSError as error:
            self._drop()
            raise UnknownOutcomeError("正文已发出，未得到邮件服务器的答复") from error
        return presentable(reply)

    def _recover(self, code: int) -> None:
        """End a transaction that was refused half-way, so that the next message can use the connection."""
        try:
            if self._smtp is not None and code != _CLOSING:
                _expect(2, *self._smtp.rset())
                return
        except (_RefusedError, OSError):
            pass
        self._drop()

    def _refusal(self, code: int, reply: bytes) -> DeliveryError:
        words = presentable(reply, self.password)
        return DeliveryError(f"邮件服务器拒收：{code} {words}", code=str(code), permanent=code >= 500)


def _answer(error: _RefusedError | smtplib.SMTPResponseException) -> tuple[int, bytes]:
    if isinstance(error, _RefusedError):
        return error.code, error.reply
    words: Any = error.smtp_error
    return error.smtp_code, words.encode() if isinstance(words, str) else words


def _expect(hundreds: int, code: int, reply: bytes) -> None:
    if code // 100 == hundreds:
        return
    if code // 100 in (4, 5):
        raise _RefusedError(code, reply)
    raise smtplib.SMTPServerDisconnected("what was answered is not SMTP")


def _recipient(message: Message) -> Address:
    try:
        return Address(" ".join(message.name.split()), addr_spec=_ascii(message.address))
    except (ValueError, MessageError, IndexError) as error:
        raise DeliveryError("邮箱地址不正确", code="address", permanent=True) from error


def _ascii(address: str) -> str:
    local, at, domain = address.strip().rpartition("@")
    if not (local and at and domain and address.isascii()):
        raise ValueError("not an address")
    return f"{local}@{domain}"


def compose(message: Message, sender: Address, recipient: Address, domain: str, at: datetime) -> EmailMessage:
    """Return the mail: text, HTML beside it where there is any; the same message gives the same bytes."""
    mail = EmailMessage(_POLICY)
    mail["From"] = sender
    mail["To"] = recipient
    mail["Subject"] = _LINE_BREAKS.sub(" ", _words(message.content, "subject"))
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{message.key}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    for name, value in marks(message).items():
        mail[name] = value
    mail.set_content(_words(message.content, "text"))
    if html := _words(message.content, "html"):
        mail.add_alternative(html, subtype="html")
        mail.set_boundary(f"=_{message.key}")
    return mail


def _words(content: Mapping[str, object], name: str) -> str:
    return str(content.get(name) or "")
