from __future__ import annotations

from collections.abc import Iterator

import pytest

from daemon.service.valkey import Valkey
from jobs.broker import HintBroker, connect
from tests.servers import valkey_server


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with valkey_server() as server:
        yield server


@pytest.fixture
def broker(valkey: Valkey) -> Iterator[HintBroker]:
    made = connect(valkey.url)
    yield made
    made.client.close()
