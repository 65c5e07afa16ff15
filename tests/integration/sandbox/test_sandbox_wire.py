"""Real clients against the stand-ins: smtplib over STARTTLS, requests over a kept connection."""

from __future__ import annotations

import json
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import requests

from daemon import clock
from daemon.sandbox import FaultKind, Options, Sandbox, serve
from tests.servers import PATIENCE, eventually

SHORT = 3.0
"""Seconds after which a client gives up on what never ends: time enough for its message to arrive."""


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(
        state=tmp_path / "state",
        smtp_user="duban",
        smtp_password="mail-password",
        tencent_secret_id="AKIDtest",
        tencent_secret_key="tencent-key",
        tencent_app_id="1400000000",
        tencent_sign="磐石市软环境建设办公室",
        wecom_corp_id="ww0000000000000001",
        wecom_secret="wecom-secret",
        wecom_agent_id=1000002,
        contacts={"zhaoyi@example.cn": "赵一", "zhaoyi": "赵一"},
    )


@pytest.fixture
def sandbox(options: Options) -> Iterator[Sandbox]:
    with Sandbox(options) as sandbox:
        yield sandbox


@pytest.fixture
def mail(sandbox: Sandbox) -> Iterator[smtplib.SMTP]:
    client = connected(sandbox)
    client.login("duban", "mail-password")
    yield client
    client.close()


def connected(sandbox: Sandbox) -> smtplib.SMTP:
    client = smtplib.SMTP("127.0.0.1", sandbox.smtp_port, local_hostname="test", timeout=PATIENCE)
    client.starttls(context=ssl.create_default_context(cafile=str(sandbox.ca_file)))
    return client


def letter(**headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "督办 <duban@example.cn>"
    message["To"] = "赵一 <zhaoyi@example.cn>"
    message["Subject"] = "【催办】贵单位有2项问题逾期未结，请于3个工作日内报送整改进展"
    message["Message-ID"] = "<n7a1@example.cn>"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("请于12月31日前办结。\n")
    message.add_alternative("<p>请于12月31日前办结。</p>\n", subtype="html")
    return message


class Http:
    """A client with one kept connection."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.root = f"http://127.0.0.1:{sandbox.http_port}"
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.root + path, timeout=PATIENCE)

    def send(self, timeout: float = PATIENCE) -> requests.Response:
        """Send a WeCom card with a fresh token."""
        token = self.get("/cgi-bin/gettoken?corpid=ww0000000000000001&corpsecret=wecom-secret").json()
        card = {"title": "督办提醒", "description": "请办理。", "url": "https://duban.example.cn/n/1"}
        return self.session.post(
            f"{self.root}/cgi-bin/message/send?access_token={token['access_token']}",
            json={"touser": "zhaoyi", "msgtype": "textcard", "agentid": 1000002, "textcard": card},
            timeout=timeout,
        )

    def fault(self, channel: str, kind: str, count: int = 1) -> requests.Response:
        asked = {"channel": channel, "kind": kind, "count": count}
        return self.session.post(f"{self.root}/sandbox/faults", json=asked, timeout=PATIENCE)


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[Http]:
    client = Http(sandbox)
    yield client
    client.session.close()


def test_mail_is_taken_whole(sandbox: Sandbox, mail: smtplib.SMTP, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("DUBAN_CLOCK", "")  # so that it is taken away again
    clock.share(tmp_path / "clock", datetime(2018, 12, 27, 1, 10, tzinfo=UTC))
    mail.send_message(letter(X_Duban_Items="7,8", X_Duban_Repeat="1"))
    [row] = sandbox.rows()
    assert (row["channel"], row["name"], row["address"]) == ("email", "赵一", "zhaoyi@example.cn")
    assert row["subject"] == "【催办】贵单位有2项问题逾期未结，请于3个工作日内报送整改进展"
    assert (row["text"], row["html"]) == ("请于12月31日前办结。\n", "<p>请于12月31日前办结。</p>\n")
    assert (row["key"], row["items"], row["repeat"]) == ("n7a1", [7, 8], True)
    assert row["at"] == "2018-12-27T09:10:00+08:00"


def test_many_mails_over_one_connection(sandbox: Sandbox, mail: smtplib.SMTP) -> None:
    for _ in range(50):
        mail.send_message(letter())
    assert sandbox.counts() == {"email": 50, "sms": 0, "wecom": 0}


def test_no_mail_without_tls(sandbox: Sandbox) -> None:
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, local_hostname="test", timeout=PATIENCE) as client:
        assert client.ehlo()[0] == 250
        assert client.docmd("MAIL FROM:<duban@example.cn>")[0] == 530


@pytest.mark.parametrize("mechanism", ["auth_login", "auth_plain"])
def test_a_wrong_password_is_refused(sandbox: Sandbox, mechanism: str) -> None:
    with connected(sandbox) as client:
        client.ehlo()
        client.user, client.password = "duban", "guess"
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            client.auth(mechanism.removeprefix("auth_").upper(), getattr(client, mechanism))
        assert refused.value.smtp_code == 535
        assert client.docmd("MAIL FROM:<duban@example.cn>")[0] == 530


def test_mail_has_a_size_limit(sandbox: Sandbox, mail: smtplib.SMTP) -> None:
    mail.ehlo_or_helo_if_needed()
    limit = int(mail.esmtp_features["size"])
    assert mail.docmd(f"MAIL FROM:<duban@example.cn> SIZE={limit + 1}")[0] == 552


def test_a_client_that_does_not_pin_the_ca_turns_away(sandbox: Sandbox) -> None:
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, local_hostname="test", timeout=PATIENCE) as client:
        with pytest.raises(ssl.SSLCertVerificationError):
            client.starttls(context=ssl.create_default_context())
        client.close()


@pytest.mark.parametrize(
    ("kind", "error", "kept"),
    [
        ("5xx", smtplib.SMTPDataError, 0),
        ("throttle", smtplib.SMTPDataError, 0),
        ("refuse", smtplib.SMTPServerDisconnected, 0),
        ("reset", smtplib.SMTPServerDisconnected, 1),
        ("timeout_after_accept", smtplib.SMTPServerDisconnected, 1),
    ],
)
def test_faults_of_mail(
    sandbox: Sandbox, mail: smtplib.SMTP, http: Http, kind: str, error: type[Exception], kept: int
) -> None:
    http.fault("email", kind)
    if kind == "timeout_after_accept":  # nobody else ends it
        mail.sock.settimeout(SHORT)
    with pytest.raises(error):
        mail.send_message(letter())
    assert eventually(lambda: len(sandbox.rows()) == kept)
    with connected(sandbox) as again:
        again.login("duban", "mail-password")
        again.send_message(letter())
    assert len(sandbox.rows()) == kept + 1


def test_wecom_over_http(sandbox: Sandbox, http: Http) -> None:
    assert http.send().json()["errcode"] == 0
    assert http.get("/counts.json").json() == {"email": 0, "sms": 0, "wecom": 1}
    assert http.get("/inbox.json").json() == sandbox.rows()


def test_sms_over_http_wants_a_signature(sandbox: Sandbox, http: Http) -> None:
    answer = http.session.post(http.root + "/", json={}, timeout=PATIENCE).json()["Response"]
    assert answer["Error"]["Code"] == "AuthFailure.InvalidAuthorization"


@pytest.mark.parametrize(
    ("kind", "status", "errcode"),
    [("throttle", 200, 45009), ("5xx", 502, None), ("expired_token", 200, 42001)],
)
def test_faults_that_answer(
    sandbox: Sandbox, http: Http, kind: str, status: int, errcode: int | None
) -> None:
    http.fault("wecom", kind)
    answer = http.send()
    assert answer.status_code == status
    assert errcode is None or answer.json()["errcode"] == errcode
    assert sandbox.rows() == []
    assert http.send().json()["errcode"] == 0


@pytest.mark.parametrize(
    ("kind", "error", "kept"),
    [
        ("refuse", requests.ConnectionError, 0),
        ("reset", requests.ConnectionError, 1),
        ("timeout_after_accept", requests.Timeout, 1),
        ("drip", requests.Timeout, 1),
    ],
)
def test_faults_that_do_not_answer(
    sandbox: Sandbox, http: Http, kind: str, error: type[Exception], kept: int
) -> None:
    http.fault("wecom", kind)
    with pytest.raises((error, requests.ConnectionError)):
        # a drip a second is in good time for a client that waits longer for each
        http.send(timeout=0.5 if error is requests.Timeout else PATIENCE)
    assert eventually(lambda: len(sandbox.rows()) == kept)
    assert http.send().json()["errcode"] == 0


def test_throttled_sms(sandbox: Sandbox, http: Http) -> None:
    sandbox.faults.switch_on("sms", FaultKind.THROTTLE)
    answer = http.session.post(http.root + "/", json={}, timeout=PATIENCE).json()["Response"]
    assert answer["Error"]["Code"] == "RequestLimitExceeded"


@pytest.mark.parametrize(
    "asked",
    [
        b"{",
        b"[]",
        b'{"channel": "fax", "kind": "5xx"}',
        b'{"channel": "sms", "kind": "flood"}',
        b'{"channel": "sms", "kind": "expired_token"}',
        b'{"channel": "sms", "kind": "5xx", "count": 10001}',
    ],
)
def test_a_fault_that_does_not_exist(http: Http, asked: bytes) -> None:
    assert http.session.post(f"{http.root}/sandbox/faults", data=asked, timeout=PATIENCE).status_code == 400


def test_pages(http: Http) -> None:
    page = http.get("/")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "督办收件箱" in page.text
    assert http.get("/nowhere").status_code == 404


def test_a_body_without_a_modest_length_is_not_read(http: Http) -> None:
    huge, endless = b"x" * (1024 * 1024 + 1), iter([b"x"])
    for body in (huge, endless):  # over one session: a connection that ends says so, and is not used again
        answer = http.session.post(http.root + "/", data=body, timeout=PATIENCE)
        assert (answer.status_code, answer.headers["Connection"]) == (400, "close")


def test_started_again_it_has_what_it_had(options: Options) -> None:
    pages: list[bytes] = []
    for times in (1, 2):
        with Sandbox(options) as sandbox:
            client = Http(sandbox)
            client.send()
            client.session.close()
            pages.append(sandbox.ca_file.read_bytes())
            assert sandbox.counts()["wecom"] == times
    assert pages[0] == pages[1]  # clients that pinned the certificate go on
    assert [row["n"] for row in sandbox.rows()] == [1, 2]


def test_the_static_page_is_the_inbox(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    http.send()
    sandbox.write_static(tmp_path / "inbox.html")
    page = (tmp_path / "inbox.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "督办提醒" in page
    assert "data-live>" not in page


def test_the_port_in_use_is_said_and_nothing_stays_open(sandbox: Sandbox, options: Options, tmp_path) -> None:
    for taken in ({"http_port": sandbox.http_port}, {"smtp_port": sandbox.smtp_port}):
        with pytest.raises(OSError, match="in use"):
            Sandbox(replace(options, state=tmp_path / "other", **taken)).start()


def test_serve_says_where_it_is(options: Options) -> None:
    ready, stop, where = Event(), Event(), []

    def note(sandbox: Sandbox) -> None:
        where.append((sandbox.smtp_port, sandbox.http_port))
        ready.set()

    thread = Thread(target=serve, args=(options, note, stop))
    thread.start()
    assert ready.wait(PATIENCE)
    said: Any = json.loads((options.state / "sandbox.json").read_text(encoding="utf-8"))
    stop.set()
    thread.join(PATIENCE)
    assert [(said["smtp_port"], said["http_port"])] == where
    assert Path(said["ca_file"]).is_file()
    assert not (options.state / "sandbox.json").exists()


def test_secrets_are_not_printed(options: Options) -> None:
    for secret in ("mail-password", "tencent-key", "wecom-secret"):
        assert secret not in repr(options)
