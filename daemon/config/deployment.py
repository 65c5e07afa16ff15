"""Where this installation keeps things, and who looks after it: ``duban.yaml`` and the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from daemon.config import references
from daemon.config.source import DUBAN, Office, read_duban

ENV_STATE, ENV_DATABASE, ENV_BROKER = "DUBAN_STATE", "DUBAN_DATABASE_URL", "DUBAN_REDIS_URL"


@dataclass(frozen=True, slots=True)
class Operator:
    """Who gets everything technical."""

    name: str
    email: str | None = None
    phone: str | None = field(default=None, repr=False)
    wecom: str | None = None


@dataclass(frozen=True)
class Deployment:
    """One installation. ``broker`` is '' where a private Valkey is started in the state folder."""

    directory: Path
    state: Path
    database: str = field(repr=False)
    broker: str = field(repr=False)
    office: Office
    operators: tuple[Operator, ...] = ()


def load_deployment(directory: Path, environ: Mapping[str, str] | None = None) -> Deployment:
    """Read ``duban.yaml``; ``DUBAN_STATE``, ``DUBAN_DATABASE_URL``, ``DUBAN_REDIS_URL`` go before it.

    References are read here. A relative state folder lies beside the config folder's files.
    """
    environ = os.environ if environ is None else environ
    file = read_duban(directory)
    said = {
        "state": environ.get(ENV_STATE) or file.state,
        "database": environ.get(ENV_DATABASE) or file.database or "",
        "broker": environ.get(ENV_BROKER) or file.broker or "",
    }
    found = references.resolve(said, place=DUBAN, directory=directory, environ=environ)
    state = _state_folder(directory, str(found["state"]), from_environment=bool(environ.get(ENV_STATE)))
    return Deployment(
        directory=directory,
        state=state,
        database=str(found["database"]) or f"sqlite:///{state / 'duban.db'}",
        broker=str(found["broker"]),
        office=Office(file.office.name, file.office.phone),
        operators=tuple(Operator(o.name, o.email, o.phone, o.wecom) for o in file.operators),
    )


def _state_folder(directory: Path, said: str, *, from_environment: bool) -> Path:
    beside = Path() if from_environment else directory
    return (beside / Path(said).expanduser()).resolve()
