"""What a command works with: the config folder, the database, and the rules in force."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import daemon
from daemon import clock
from daemon.cli.output import say
from daemon.errors import NotFoundError, RefusedError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from daemon.config.compiled import RuleSet
    from daemon.config.deployment import Deployment
    from daemon.config.source import RuleSource

ENV_CONFIG = "DUBAN_CONFIG"
PLACES = (Path("config"), Path("/etc/duban"))
REHEARSAL, LIVE, PAUSED, UNKNOWN = "演练", "正式", "已暂停发送", "方式不明"


def find_config(config: Path | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """Return the config folder: ``--config``, ``DUBAN_CONFIG``, ./config, /etc/duban, the first there is."""
    environ = os.environ if environ is None else environ
    named = config or (Path(environ[ENV_CONFIG]) if environ.get(ENV_CONFIG) else None)
    if named is None:
        named = next((place for place in PLACES if place.is_dir()), None)
    if named is None:
        raise NotFoundError(
            "没有找到配置文件夹：当前文件夹下没有 config，也没有 /etc/duban；"
            f"请用 --config 或环境变量 {ENV_CONFIG} 指定"
        )
    if not named.is_dir():
        raise NotFoundError(f"没有配置文件夹 {named}；请核对 --config 或环境变量 {ENV_CONFIG}")
    return named


def shipped(name: str) -> Path:
    """Return a folder (``templates``, ``config``) of the program itself: the wheel's or the checkout's."""
    package = Path(daemon.__file__).parent
    packed = package / "shipped" / name
    return packed if packed.is_dir() else package.parent / name


class Context:
    """One command's surroundings. Opens the database when it is first asked for; close it with ``with``."""

    def __init__(self, directory: Path, deployment: Deployment, *, migrated: bool) -> None:
        self.directory, self.deployment = directory, deployment
        self._migrated = migrated

    @classmethod
    def open(cls, config: Path | None = None, *, migrated: bool = True) -> Context:
        """Find the config, say on stderr what is used, and refuse a database of another version.

        ``migrated=False`` is for the commands that bring the database to this version themselves.
        """
        from daemon.config.deployment import load_deployment

        directory = find_config(config)
        context = cls(directory, load_deployment(directory), migrated=migrated)
        say(f"配置 {directory} · 数据库 {context.database} · {context.mode}")
        if migrated:
            context.check_version()
        return context

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if "engine" in self.__dict__:
            self.engine.dispose()

    @cached_property
    def _url(self) -> object:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            url = make_url(self.deployment.database)
            url.get_dialect()
        except (ArgumentError, ImportError, ValueError):
            raise RefusedError(
                "数据库地址看不懂：应如 postgresql://用户:口令@主机:5432/库名 或 sqlite:////文件夹/duban.db"
            ) from None
        return url

    @property
    def database(self) -> str:
        """Where the database is, without its password."""
        from sqlalchemy import URL

        assert isinstance(self._url, URL)
        return self._url.set(query={}).render_as_string(hide_password=True)

    @cached_property
    def engine(self) -> Engine:
        from daemon.store.engine import open_engine

        assert self._url
        return open_engine(self.deployment.database)

    @property
    def mode(self) -> str:
        """Say whether messages go to people; a database that is not there yet begins in rehearsal."""
        from sqlalchemy.exc import DBAPIError

        from daemon.store import mode
        from daemon.store.engine import reading

        if not self._exists():
            return REHEARSAL
        try:
            with reading(self.engine) as connection:
                state = mode.read(connection)
        except DBAPIError:
            return UNKNOWN
        words = REHEARSAL if state.rehearsal else LIVE
        return f"{words}（{PAUSED}）" if state.paused else words

    def check_version(self) -> None:
        """Refuse a database that ``duban migrate`` has not made, or whose tables are of another version."""
        from daemon.store.migrations import newest, version

        found = version(self.engine) if self._exists() else None
        if found is None:
            raise RefusedError("数据库还没有建立：请先运行 duban migrate")
        if found != newest():
            raise RefusedError(
                f"数据库的版本是 {found}，本程序需要 {newest()}：请备份后运行 duban migrate；"
                "若数据库是更新的程序建立的，请升级本程序"
            )

    def _exists(self) -> bool:
        """Whether there is anything to connect to; a look must not make an empty SQLite file."""
        from sqlalchemy import URL

        assert isinstance(self._url, URL)
        name = self._url.database
        return self._url.get_backend_name() != "sqlite" or not name or Path(name).is_file()

    def source(self) -> RuleSource:
        """Return the rules on disk, checked whole; raise ``FaultyInputError`` with every fault."""
        from daemon.cli.checking import checked_source

        return checked_source(self.directory, shipped("templates"))

    @cached_property
    def _active(self) -> RuleSet | None:
        from daemon.activate import ActiveRules

        try:
            return ActiveRules(self.engine)()
        except NotFoundError:
            return None

    @cached_property
    def _rules(self) -> RuleSet:
        from daemon.config.compiled import compile_rules

        if self._active is not None:
            return self._active
        say("还没有启用规则，按配置文件夹里的规则回答")
        return compile_rules(self.source())

    def rules(self) -> RuleSet:
        """Return the active rule set; before the first activation, the one on disk, and say so."""
        return self._rules

    def rules_in_force(self, by: str) -> RuleSet:
        """Return the active rule set; the very first act on a new database activates the one on disk."""
        from daemon.activate import ActiveRules, activate

        if self._active is not None:
            return self._active
        done = activate(self.engine, self.source(), self.now, by=by, note="首次启用")
        say(f"已启用规则 {done.hash[:12]}（首次）")
        return ActiveRules(self.engine)()

    @cached_property
    def now(self) -> datetime:
        """Office time, read once for the whole command."""
        return clock.now()

    @property
    def zone(self) -> tzinfo:
        return next(iter(self.rules().campaigns.values())).zone

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    def happened(self, on: date | None) -> date:
        """Return the day on which something happened, today unless said; nothing happens tomorrow."""
        if on and on > self.today:
            raise RefusedError(f"--on {on} 晚于今天（{self.today}）；只能登记已经发生的事")
        return on or self.today

    def who(self, by: str | None) -> str:
        """Return who acts, and say so where ``--by`` names nobody; it is recorded all the same."""
        name = login(by)
        if by and by.strip() and not self._is_known(name):
            say(f"名录里找不到唯一的“{name}”，也不是运维人员或当前登录的用户；按所写记录，请核对 --by")
        return name

    def _is_known(self, name: str) -> bool:
        from daemon.store import people
        from daemon.store.engine import reading

        if name == login(None) or name in (operator.name for operator in self.deployment.operators):
            return True
        with reading(self.engine) as connection:
            return people.person_named(connection, name) is not None


def login(by: str | None) -> str:
    """Return who acts: ``--by``, or who is logged in."""
    if by and by.strip():
        return by.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
