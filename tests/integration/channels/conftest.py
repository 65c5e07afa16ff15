from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.channels.certificate import write_certificate
from tests.integration.channels.provider import Provider, provider


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def gateway() -> Iterator[Provider]:
    with provider() as told:
        yield told
