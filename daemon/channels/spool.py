"""Messages as files: for rehearsals, simulations, and hosts without a way out."""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from daemon.channels import Message, Receipt
from daemon.errors import DeliveryError

_KEY = re.compile(r"[0-9A-Za-z]{1,32}")


@dataclass(slots=True)
class SpoolChannel:
    """One JSON file a message, named by its key: a repeat lands on the same file.

    The file is whole and on the disk when ``send`` returns. It holds addresses: only its owner may read it.
    """

    folder: Path

    def send(self, message: Message) -> Receipt:
        if not _KEY.fullmatch(message.key):
            raise DeliveryError("消息编号不能用作文件名", code="key", permanent=True)
        path = self.folder / f"{message.key}.json"
        try:
            _write(path, spooled(message))
        except OSError as error:
            raise DeliveryError(f"无法写入 spool：{error.strerror}", code="disk") from error
        return Receipt(f"spool:{message.key}")

    def close(self) -> None:
        """Nothing is kept open."""


def spooled(message: Message) -> bytes:
    """Return the file of a message; the same message gives the same bytes."""
    fields = {
        "key": message.key,
        "address": message.address,
        "name": message.name,
        "items": list(message.items),
        "content": dict(message.content),
    }
    return (json.dumps(fields, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()


def _write(path: Path, data: bytes) -> None:
    """Put ``data`` under its name at once or not at all, safe from a power cut."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    number, draft = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
