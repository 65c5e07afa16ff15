"""One HTTP exchange with a provider: bounded in time and size, verified, never redirected, never repeated."""

from __future__ import annotations

import json
import logging
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from daemon.channels import deadline
from daemon.errors import DeliveryError, UnknownOutcomeError

_LARGEST = 256 * 1024
_PIECE = 8192
_GATEWAY_TIMEOUT = 504
_PASSING = frozenset({408, 425, 429})
_SECRET_IN_URL = re.compile(r"(?i)\b(access_token|corpsecret)=[^&\s\"']+")


class _NoSecrets(logging.Filter):
    """urllib3 logs whole URLs, and the providers want their tokens in there."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _SECRET_IN_URL.sub(r"\1=***", record.getMessage())
        record.args = ()
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_NoSecrets())


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


class _PlainConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return deadline.dial(self.host, self.port)


class _TlsConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return deadline.dial(self.host, self.port)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    def __init__(self, ca_file: Path | None) -> None:
        self._ca_file = ca_file
        super().__init__(pool_connections=2, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=deadline.tls_context(self._ca_file), **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        """Follow nothing: what is signed for one host is not for another."""
        return None


class Exchange:
    """A kept connection to a provider. Proxies and other settings of the environment are not looked at."""

    def __init__(self, ca_file: Path | None = None) -> None:
        self._verify = str(ca_file) if ca_file else True
        self._session = _Session()
        self._session.trust_env = False
        self._session.headers.update({"User-Agent": "duban", "Accept-Encoding": "identity"})
        adapter = _Adapter(ca_file)
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, adapter)

    def make(self, request: requests.Request) -> Answer:
        """Send ``request`` and return the answer, whatever its status.

        ``DeliveryError`` when nothing began to leave, ``UnknownOutcomeError`` when something did.
        """
        call = deadline.current()
        call.sent = False
        try:
            return self._make(request, call.left())
        except (OSError, HTTPError) as error:
            reason = _innermost(error)
        # Not raised in the handler: the errors of requests hold the URL, and the URL may hold the token.
        if call.sent:
            raise UnknownOutcomeError(f"请求已发出，未得到答复：{reason}")
        raise DeliveryError(f"无法连接服务商：{reason}", code="connect")

    def _make(self, request: requests.Request, seconds: float) -> Answer:
        prepared = self._session.prepare_request(request)
        with self._session.send(
            prepared, stream=True, allow_redirects=False, timeout=seconds, verify=self._verify
        ) as response:
            return Answer(response.status_code, _body(response))

    def close(self) -> None:
        self._session.close()


def _body(response: requests.Response) -> bytes:
    body = b""
    for piece in response.iter_content(_PIECE):
        body += piece
        if len(body) > _LARGEST:
            raise OSError("the answer has no end")
    return body


def _innermost(error: BaseException) -> str:
    """Name what really failed; the words of the outer errors hold the URL."""
    while isinstance(error, (requests.RequestException, HTTPError)) and error.__context__ is not None:
        error = error.__context__
    words = error.strerror if isinstance(error, OSError) else None
    return f"{type(error).__name__} {words}" if words else type(error).__name__


def read_object(answer: Answer) -> Mapping[str, object]:
    """Return the JSON object of a successful answer.

    An answer that cannot be read, or a gateway that gave up waiting, leaves the outcome unknown.
    """
    if answer.status == requests.codes.ok:
        return _parsed(answer.body)
    if answer.status == _GATEWAY_TIMEOUT:
        raise UnknownOutcomeError("网关等候服务商超时（HTTP 504）")
    refused = requests.codes.bad_request <= answer.status < requests.codes.server_error
    raise DeliveryError(
        f"服务商答复 HTTP {answer.status}",
        code=f"http-{answer.status}",
        permanent=refused and answer.status not in _PASSING,
    )


def _parsed(body: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise UnknownOutcomeError("服务商的答复无法识别")
    return value
