"""Text cards over WeCom (企业微信), or a private one of the same API."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import requests

from daemon.channels import Content, Message, Receipt, deadline
from daemon.channels.exchange import Exchange, read_object
from daemon.channels.marks import marks
from daemon.channels.redact import presentable
from daemon.channels.tokens import TokenStore
from daemon.errors import DeliveryError, UnknownOutcomeError

URL = "https://qyapi.weixin.qq.com"
REPEATS_DROPPED_SECONDS = 4 * 3600
"""For how long WeCom drops a second message of identical JSON; it offers no more."""
_OK = 0
_STALE_TOKEN = frozenset({40001, 40014, 42001})
_PASSING = frozenset({-1, 45009, 45033})
_USER_ID = re.compile(r"[^\s|@][^\s|]{0,63}")
_TITLE_CHARACTERS, _DESCRIPTION_CHARACTERS, _BUTTON_CHARACTERS, _URL_BYTES = 128, 512, 4, 2048


@dataclass(slots=True)
class WeComChannel:
    """Sends text cards to one user of one application; ``tokens`` is shared by all workers.

    The bytes of a message depend on the message alone, so that WeCom itself drops a repeat within four hours.
    """

    corp_id: str
    secret: str = field(repr=False)
    agent_id: int
    base_url: str
    tokens: TokenStore = field(repr=False)
    default_url: str = ""
    ca_file: Path | None = None
    _exchange: Exchange = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._exchange = Exchange(self.ca_file)

    def send(self, message: Message) -> Receipt:
        body = card(message, self.agent_id, self.default_url)
        with deadline.within(message.timeout):
            return self._receipt(self._posted(body, marks(message)))

    def close(self) -> None:
        self._exchange.close()

    def _posted(self, body: bytes, marking: Mapping[str, str]) -> Mapping[str, object]:
        """Post the card; a token that WeCom calls stale is renewed once, and the card posted once more."""
        try:
            token = self.tokens.get(self._token_name, self._fetch_token)
            answer = self._post(token, body, marking)
            if answer["errcode"] in _STALE_TOKEN:
                token = self.tokens.renew(self._token_name, token, self._fetch_token)
                answer = self._post(token, body, marking)
        except TimeoutError as error:
            raise DeliveryError("等候企业微信令牌超时", code="token") from error
        self._refuse(answer, token)
        return answer

    def _post(self, token: str, body: bytes, marking: Mapping[str, str]) -> Mapping[str, object]:
        request = requests.Request(
            "POST",
            f"{self.base_url}/cgi-bin/message/send?access_token={quote(token, safe='')}",
            headers={"Content-Type": "application/json; charset=utf-8", **marking},
            data=body,
        )
        return self._call(request)

    def _call(self, request: requests.Request) -> Mapping[str, object]:
        answer = read_object(self._exchange.make(request))
        if not isinstance(answer.get("errcode"), int):
            raise UnknownOutcomeError("企业微信的答复无法识别")
        return answer

    @property
    def _token_name(self) -> str:
        return f"wecom:{self.base_url}:{self.corp_id}:{self.agent_id}"

    def _fetch_token(self) -> tuple[str, float]:
        """Ask for a token. Whatever goes wrong here, no message has left."""
        query = f"corpid={quote(self.corp_id, safe='')}&corpsecret={quote(self.secret, safe='')}"
        request = requests.Request("GET", f"{self.base_url}/cgi-bin/gettoken?{query}")
        try:
            answer = self._call(request)
        except UnknownOutcomeError as error:
            raise DeliveryError(f"未取得企业微信令牌：{error}", code="token") from error
        self._refuse(answer)
        token, seconds = answer.get("access_token"), answer.get("expires_in")
        if not (isinstance(token, str) and token and isinstance(seconds, int)):
            raise DeliveryError("企业微信没有给出令牌", code="token")
        return token, seconds

    def _refuse(self, answer: Mapping[str, object], token: str = "") -> None:  # nosec B107 # no token was used
        code = answer["errcode"]
        if code == _OK:
            return
        words = presentable(str(answer.get("errmsg") or ""), self.secret, token)
        # A token that is stale even after its renewal is a passing trouble of theirs; a bad secret is not.
        passing = code in _PASSING or (bool(token) and code in _STALE_TOKEN)
        raise DeliveryError(f"企业微信拒收：{code} {words}", code=str(code), permanent=not passing)

    def _receipt(self, answer: Mapping[str, object]) -> Receipt:
        """Read who was left out: WeCom says 0 as long as anybody got it."""
        for trouble in ("invaliduser", "unlicenseduser"):
            if answer.get(trouble):
                raise DeliveryError("企业微信账号无效，或不在应用可见范围", code=trouble, permanent=True)
        return Receipt(str(answer.get("msgid") or ""))


def card(message: Message, agent_id: int, default_url: str) -> bytes:
    """Return the JSON of a text card; raise a permanent ``DeliveryError`` for what WeCom would not take."""
    if not _USER_ID.fullmatch(message.address):
        # "a|b" and "@all" would reach others.
        raise DeliveryError("企业微信账号不正确", code="address", permanent=True)
    fields = {
        "touser": message.address,
        "msgtype": "textcard",
        "agentid": agent_id,
        "textcard": _textcard(message.content, default_url, message.key),
        "enable_duplicate_check": 1,
        "duplicate_check_interval": REPEATS_DROPPED_SECONDS,
    }
    return json.dumps(fields, ensure_ascii=False).encode()


def _textcard(content: Content, default_url: str, key: str) -> dict[str, str]:
    url = _keyed(_words(content, "url") or default_url, key)
    fields = {"title": _words(content, "title"), "description": _words(content, "description"), "url": url}
    if button := _words(content, "button"):
        fields["btntxt"] = button
    _check(bool(fields["title"] and fields["description"] and url), "缺少标题、内容或链接")
    _check(len(fields["title"]) <= _TITLE_CHARACTERS, f"标题超过 {_TITLE_CHARACTERS} 个字")
    _check(len(fields["description"]) <= _DESCRIPTION_CHARACTERS, f"内容超过 {_DESCRIPTION_CHARACTERS} 个字")
    _check(len(button) <= _BUTTON_CHARACTERS, f"按钮超过 {_BUTTON_CHARACTERS} 个字")
    _check(len(url.encode()) <= _URL_BYTES, f"链接超过 {_URL_BYTES} 字节")
    return fields


def _keyed(url: str, key: str) -> str:
    """Make the card differ from others of the same words: WeCom would silently drop those as repeats."""
    return f"{url}#{key}" if url and "#" not in url else url


def _check(holds: bool, fault: str) -> None:
    if not holds:
        raise DeliveryError(f"企业微信卡片{fault}", code="content", permanent=True)


def _words(content: Content, name: str) -> str:
    return str(content.get(name) or "")
