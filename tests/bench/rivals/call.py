"""The call that every contender makes, by the very same client; and the outbox of those that keep records.

A record is as a user of Celery or Huey writes it: the row is claimed, the call is made, the row is marked.
The text lies ready in the row: nothing is looked at or rendered.
"""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    insert,
    update,
)

from daemon.channels import Channel, Message
from daemon.channels.mail import SmtpChannel
from daemon.channels.tokens import MemoryTokens
from daemon.channels.wecom import WeComChannel
from daemon.service.memory import collect_seldom
from daemon.store.engine import open_engine

collect_seldom()  # as our own workers do
metadata = MetaData()
outbox = Table(
    "bench_outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("channel", String, nullable=False),
    Column("address", String, nullable=False),
    Column("name", String, nullable=False),
    Column("content", JSON, nullable=False),
    Column("state", String, nullable=False),
    Column("claimed_at", DateTime),
    Column("sent_at", DateTime),
    Column("provider_id", String),
)
_own = threading.local()
_tokens = MemoryTokens()


def channel(name: str) -> Channel:
    """Return this thread's own channel, its connection kept."""
    made: dict[str, Channel] = _own.__dict__.setdefault("made", {})
    if name not in made:
        made[name] = _wecom() if name == "wecom" else _email()
    return made[name]


def _wecom() -> Channel:
    url = os.environ["DUBAN_SANDBOX_HTTP"]
    return WeComChannel("bench", "secret", 1000002, url, _tokens, "https://www.panshi.example/")


def _email() -> Channel:
    port = int(os.environ["DUBAN_SANDBOX_SMTP_PORT"])
    return SmtpChannel("127.0.0.1", port, "none", "", "", "duban@panshi.example", "磐石市软环境办")


@cache
def content(name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(os.environ["DUBAN_BENCH_CONTENT"])[name]
    return found


def send(name: str, number: int) -> None:
    """Make the call, and remember nothing."""
    address = f"u{number}" if name == "wecom" else f"u{number}@panshi.example"
    channel(name).send(Message(f"n{number}", address, f"人员{number}", content(name)))


@cache
def engine() -> Engine:
    """Open PostgreSQL as SQLAlchemy does by itself; SQLite as we do, or it would be locked out."""
    url = os.environ["DUBAN_DATABASE_URL"]
    return open_engine(url) if url.startswith("sqlite") else create_engine(url)


def fill(into: Engine, name: str, texts: dict[str, object], count: int) -> None:
    metadata.create_all(into)
    at = "u{}" if name == "wecom" else "u{}@panshi.example"
    rows = [
        {
            "id": n,
            "channel": name,
            "address": at.format(n),
            "name": f"人员{n}",
            "content": texts,
            "state": "ready",
        }
        for n in range(1, count + 1)
    ]
    with into.begin() as connection:
        connection.execute(outbox.delete())
        connection.execute(insert(outbox), rows)


_CLAIM = (
    update(outbox)
    .where(outbox.c.state == "ready")
    .values(state="sending")
    .returning(outbox.c.channel, outbox.c.address, outbox.c.name, outbox.c.content)
)


def deliver(number: int) -> None:
    """Claim the row, call, mark the row."""
    with engine().begin() as connection:
        claim = _CLAIM.where(outbox.c.id == number).values(claimed_at=datetime.now(UTC).replace(tzinfo=None))
        row: Any = connection.execute(claim).first()
    if row is None:
        return
    receipt = channel(row.channel).send(Message(f"n{number}", row.address, row.name, row.content))
    with engine().begin() as connection:
        connection.execute(
            update(outbox)
            .where(outbox.c.id == number)
            .values(
                state="sent",
                sent_at=datetime.now(UTC).replace(tzinfo=None),
                provider_id=receipt.provider_id,
            )
        )
