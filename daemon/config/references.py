"""Secrets are named, never written: ``${env:NAME}`` and ``${file:PATH}``.

References stand in everything that is stored, hashed or shown; ``resolve`` reads what they name, when a
service starts. No message of this module contains a value.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from daemon.config.words import WordError
from daemon.errors import Fault, FaultyInputError

REFERENCE = r"\$\{(?:env:[A-Za-z_][A-Za-z0-9_]*|file:[^${}]+)\}"
_REFERENCE = re.compile(r"\$\{(env|file):([^${}]+)\}")
_WHOLE = re.compile(REFERENCE)
_URL_PASSWORD = re.compile(r"://[^/@\s:]*:([^@/\s]+)@")
_HINT = "写成 ${env:变量名} 或 ${file:文件路径}"


def checked(value: str) -> str:
    """Return a text whose references are well-formed, or raise ``WordError``."""
    if value.count("${") != len(_WHOLE.findall(value)):
        raise WordError("引用写法有误", _HINT)
    password = _URL_PASSWORD.search(value)
    if password and not _WHOLE.fullmatch(password[1]):
        raise WordError("地址里的口令不能直接写在配置里", _HINT)
    return value


def secret(value: object) -> str:
    """Return a text that is one reference and nothing else, or raise ``WordError``."""
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        raise WordError("口令、密钥不能直接写在配置里", _HINT)
    return value


def is_reference(value: object) -> bool:
    return isinstance(value, str) and _WHOLE.fullmatch(value) is not None


def resolve(
    values: Mapping[str, object],
    *,
    place: str,
    key: str = "",
    directory: Path = Path(),
    environ: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """Return ``values`` with every reference replaced by what it names.

    Relative files are looked for in ``directory``. Every one that is missing is a fault that names its key,
    and the variable or file.
    """
    resolver = _Resolver(place, directory, os.environ if environ is None else environ)
    resolved = {
        name: resolver.tree(value, f"{key}.{name}" if key else name) for name, value in values.items()
    }
    if resolver.faults:
        raise FaultyInputError(resolver.faults)
    return resolved


class _Resolver:
    def __init__(self, place: str, directory: Path, environ: Mapping[str, str]) -> None:
        self.faults: list[Fault] = []
        self._place, self._directory, self._environ = place, directory, environ

    def tree(self, value: object, key: str) -> object:
        match value:
            case str():
                return _REFERENCE.sub(lambda match: self._named(match[1], match[2], key), value)
            case Mapping():
                return {name: self.tree(inner, f"{key}.{name}") for name, inner in value.items()}
            case list() | tuple():
                return [self.tree(inner, f"{key}.{n}") for n, inner in enumerate(value)]
            case _:
                return value

    def _named(self, source: str, name: str, key: str) -> str:
        if source == "env":
            if name in self._environ:
                return self._environ[name]
            return self._missing(key, f"环境变量 {name} 没有设置", "请在服务的环境里设置它")
        try:
            return (self._directory / Path(name).expanduser()).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return self._missing(key, f"读不到文件 {name}", "请检查路径和权限")

    def _missing(self, key: str, message: str, hint: str) -> str:
        self.faults.append(Fault(self._place, 0, 0, key, message, hint))
        return ""
