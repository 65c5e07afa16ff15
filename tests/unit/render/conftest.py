from __future__ import annotations

from pathlib import Path

import pytest

from daemon.render import Renderer

_ROOT = Path(__file__).parents[3] / "templates"


@pytest.fixture(scope="session")
def shipped() -> dict[str, str]:
    return {path.relative_to(_ROOT).as_posix(): path.read_text("utf-8") for path in _ROOT.rglob("*.j2")}


@pytest.fixture(scope="session")
def renderer(shipped: dict[str, str]) -> Renderer:
    return Renderer(shipped)
