"""A stand-in for WeCom (企业微信): ``gettoken`` and ``message/send``."""

from __future__ import annotations

import json
import secrets
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from daemon.sandbox.inbox import Fate, Inbox, Row, local
from daemon.sandbox.options import Contacts, Options, plain
from daemon.sandbox.request import Marks, Request, marks

TOKEN_SECONDS = 7200
PER_MINUTE = 30
PER_HOUR = 1000
MAX_MEMBERS = 1000
MAX_INTERVAL = 4 * 3600
DEFAULT_INTERVAL = 1800

Json = dict[str, object]

MESSAGES: Mapping[int, str] = {
    0: "ok",
    40001: "invalid credential",
    40008: "invalid message type",
    40013: "invalid corpid",
    40014: "invalid access_token",
    40031: "invalid userid list",
    40056: "invalid agentid",
    40058: "invalid parameter",
    41001: "access_token missing",
    41002: "corpid missing",
    41004: "corpsecret missing",
    42001: "access_token expired",
    45002: "content size out of limit",
    45009: "api freq out of limit",
    47001: "data format error",
    81013: "user & party & tag all invalid",
}


class WeCom:
    """The API; one object serves all connections."""

    channel = "wecom"

    def __init__(self, options: Options, contacts: Contacts, inbox: Inbox) -> None:
        self._options, self._contacts, self._inbox = options, contacts, inbox
        self._lock = Lock()
        self._token = ""  # nosec B105 # none given out yet
        self._tokens: dict[str, datetime] = {}
        self._seen: dict[str, datetime] = {}
        self._had: dict[str, deque[datetime]] = {}
        for row in inbox.rows():
            if row.channel == self.channel and row.fate is Fate.DELIVERED:
                self._times(row.address).append(row.instant)

    def token(self, request: Request, wall: datetime) -> Json:
        """Issue a token; the same one again as long as it lives."""
        asked = parse_qs(request.query)
        corp_id, secret = asked.get("corpid", [""])[0], asked.get("corpsecret", [""])[0]
        if code := self._stranger(corp_id, secret):
            return _answer(code)
        with self._lock:
            if self._tokens.get(self._token, wall) <= wall:
                self._token = secrets.token_urlsafe(64)
                self._tokens[self._token] = wall + timedelta(seconds=TOKEN_SECONDS)
            left = self._tokens[self._token] - wall
            return _answer(0, access_token=self._token, expires_in=round(left.total_seconds()))

    def expire_tokens(self) -> None:
        """Let every token die before its time, as the vendor may."""
        with self._lock:
            self._tokens = dict.fromkeys(self._tokens, datetime.min.replace(tzinfo=UTC))

    def answer(self, request: Request, now: datetime, wall: datetime) -> Json:
        """Send, or say why not. ``now`` is office time, which frequency is counted in."""
        if code := self._locked_out(request, wall):
            return _answer(code)
        try:
            asked = json.loads(request.body)
        except ValueError:
            return _answer(47001)
        if not isinstance(asked, dict):
            return _answer(47001)
        if code := self._unfit(asked):
            return _answer(code)
        with self._lock:
            return self._send(asked, marks(request.headers), now)

    def throttled(self) -> Json:
        return _answer(45009)

    def _stranger(self, corp_id: str, secret: str) -> int:
        if not corp_id:
            return 41002
        if not secret:
            return 41004
        if corp_id != self._options.wecom_corp_id:
            return 40013
        return 0 if secrets.compare_digest(secret, self._options.wecom_secret) else 40001

    def _locked_out(self, request: Request, wall: datetime) -> int:
        token = parse_qs(request.query).get("access_token", [""])[0]
        if not token:
            return 41001
        with self._lock:
            until = self._tokens.get(token)
        if until is None:
            return 40014
        return 0 if wall < until else 42001

    def _unfit(self, asked: dict[str, Any]) -> int:
        """Return the code of what is wrong with a message, whoever is to get it."""
        if str(asked.get("agentid")) != str(self._options.wecom_agent_id):
            return 40056
        if not isinstance(asked.get("touser"), str) or len(_members(asked)) > MAX_MEMBERS:
            return 40031
        interval = asked.get("duplicate_check_interval", DEFAULT_INTERVAL)
        if not isinstance(interval, int) or not 0 < interval <= MAX_INTERVAL:
            return 40058
        kind = asked.get("msgtype")
        body = asked.get(kind) if kind in ("textcard", "text", "markdown") else None
        if not isinstance(body, dict):
            return 40008
        return _unfit_card(body) if kind == "textcard" else _unfit_text(body)

    def _send(self, asked: dict[str, Any], mine: Marks, now: datetime) -> Json:
        members = _members(asked)
        known = [member for member in members if self._contacts.knows(member)]
        strangers = [member for member in members if not self._contacts.knows(member)]
        if not known:
            return _answer(81013, invaliduser="|".join(strangers).lower())
        again = self._again(asked, now)
        for member in known:
            fate = Fate.DUPLICATE if again else self._admit(member, now)
            self._inbox.keep(self._row(asked, member, fate, mine, now))
        return _answer(0, invaliduser="|".join(strangers).lower(), msgid=uuid4().hex)

    def _again(self, asked: dict[str, Any], now: datetime) -> bool:
        """Say whether the vendor has delivered this very JSON within the interval, and note it."""
        if not asked.get("enable_duplicate_check"):
            return False
        whole = json.dumps(asked, sort_keys=True)
        last = self._seen.get(whole)
        interval = timedelta(seconds=asked.get("duplicate_check_interval", DEFAULT_INTERVAL))
        if last is not None and timedelta() <= now - last < interval:
            return True
        self._seen[whole] = now
        return False

    def _admit(self, member: str, now: datetime) -> Fate:
        times = self._times(member)
        if _within(times, now, timedelta(minutes=1)) >= PER_MINUTE:
            return Fate.DROPPED
        if _within(times, now, timedelta(hours=1)) >= PER_HOUR:
            return Fate.DROPPED
        times.append(now)
        return Fate.DELIVERED

    def _times(self, member: str) -> deque[datetime]:
        """Return when the last messages of a member were delivered."""
        return self._had.setdefault(plain(member), deque(maxlen=PER_HOUR))

    def _row(self, asked: dict[str, Any], member: str, fate: Fate, mine: Marks, now: datetime) -> Row:
        body = asked[asked["msgtype"]]
        return Row(
            channel=self.channel,
            address=member,
            name=self._contacts.name(member),
            at=local(now),
            key=mine.key,
            items=mine.items,
            repeat=mine.repeat,
            subject=body.get("title", ""),
            text=body.get("description", body.get("content", "")),
            fate=fate,
            details={name: str(body[name]) for name in ("url", "btntxt") if body.get(name)},
        )


def _members(asked: dict[str, Any]) -> list[str]:
    return [member for member in asked["touser"].split("|") if member]


def _unfit_card(card: dict[str, Any]) -> int:
    title, description, url = (card.get(name) for name in ("title", "description", "url"))
    if not (isinstance(title, str) and isinstance(description, str) and isinstance(url, str)):
        return 40058
    fits = 0 < len(title) <= 128 and 0 < len(description) <= 512 and len(str(card.get("btntxt", ""))) <= 4
    return 0 if fits and _is_link(url) else 40058


def _is_link(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.netloc) and len(url.encode()) <= 2048


def _unfit_text(body: dict[str, Any]) -> int:
    content = body.get("content")
    if not isinstance(content, str) or not content:
        return 40058
    return 0 if len(content.encode()) <= 2048 else 45002


def _within(times: deque[datetime], now: datetime, term: timedelta) -> int:
    return sum(now - term < time <= now for time in times)


def _answer(code: int, **more: object) -> Json:
    return {"errcode": code, "errmsg": MESSAGES[code], **more}
