"""``run``, ``scan``, ``work`` and ``sandbox``: the services."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from threading import Event
from typing import Annotated, Any

import typer

from daemon.cli.context import Context, find_config, shipped
from daemon.errors import FaultyInputError, RefusedError

log = logging.getLogger(__name__)
ConfigOption = Annotated[Path | None, typer.Option("--config", help="配置文件夹")]
AcceptClock = Annotated[bool, typer.Option("--accept-clock", help="系统时间跳变后，确认现在的时间无误")]
WORKER_PROCESSES = 1
DRAIN_SECONDS = 90.0


def run(
    config: ConfigOption = None,
    accept_clock: AcceptClock = False,
    workers: Annotated[int, typer.Option(help="发送进程数")] = WORKER_PROCESSES,
) -> None:
    """启动整个服务：扫描、发送和自带的消息队列（单机）。"""
    from contextlib import ExitStack

    from daemon import clock
    from daemon.cli import wiring
    from daemon.config.compiled import compile_rules
    from daemon.loop import accept_clock as accept
    from daemon.service.notify import Notifier
    from daemon.service.processes import Children
    from daemon.service.signals import Signals
    from daemon.service.valkey import Valkey
    from daemon.store.migrations import migrate

    wiring.configure_logs(verbose=True)
    context = Context.open(config, migrated=False)
    with ExitStack() as stack:
        signals = stack.enter_context(Signals())
        source = _sound(context)  # what is faulty stops the start before anything is stored
        valkey = None if context.deployment.broker else stack.enter_context(Valkey(context.deployment.state))
        broker = valkey.url if valkey else context.deployment.broker
        engine = context.engine
        migrate(engine)
        if accept_clock:
            accept(engine, clock.now())
        wiring.refuse_virtual_time(engine, compile_rules(source), context.directory)
        wiring.put_in_force(engine, source, by="duban run")

        def reload() -> None:
            wiring.put_in_force(engine, _sound(context), by="duban run")

        children = Children(_worker(context, broker, number) for number in range(workers))
        children.start()
        stack.callback(children.stop, DRAIN_SECONDS)

        def each_round() -> None:
            if valkey:
                valkey.ensure()
            children.ensure()

        notifier = Notifier.from_environment()
        wiring.Scanner(engine, broker, signals, notifier, each_round=each_round, reload=reload).run()


def _sound(context: Context) -> Any:
    """Return the rules on disk, checked whole, the secrets of their channels included."""
    from daemon.cli.checking import missing_secrets
    from daemon.config.compiled import compile_rules

    source = context.source()
    if faults := missing_secrets(compile_rules(source), context.directory):
        raise FaultyInputError(faults)
    return source


def _worker(context: Context, broker: str, number: int) -> Any:
    import os

    from daemon.service.processes import Child

    environment = {
        **os.environ,
        "DUBAN_CONFIG": str(context.directory),
        "DUBAN_STATE": str(context.deployment.state),
        "DUBAN_DATABASE_URL": context.deployment.database,
        "DUBAN_REDIS_URL": broker,
    }
    return Child(f"work-{number}", [sys.executable, "-m", "daemon.cli", "work"], environment)


def scan(config: ConfigOption = None, accept_clock: AcceptClock = False) -> None:
    """只启动扫描（多机部署，须有外部 Redis）。"""
    from daemon import clock
    from daemon.cli import wiring
    from daemon.loop import accept_clock as accept
    from daemon.service.notify import Notifier
    from daemon.service.signals import Signals

    wiring.configure_logs(verbose=True)
    context = Context.open(config)
    if accept_clock:
        accept(context.engine, clock.now())
    with Signals() as signals:

        def reload() -> None:
            wiring.put_in_force(context.engine, context.source(), by="duban scan")

        notifier = Notifier.from_environment()
        wiring.Scanner(context.engine, _broker(context), signals, notifier, reload=reload).run()


def work(
    config: ConfigOption = None,
    idle_ms: Annotated[int, typer.Option(help="空闲时多少毫秒看一次队列")] = 200,
) -> None:
    """只启动发送（可在任意多台机器上）。"""
    from daemon.cli import wiring
    from daemon.service.signals import Signals

    wiring.configure_logs(verbose=True)
    context = Context.open(config)
    with Signals() as signals:
        finished = wiring.work(
            context.engine, context.directory, context.deployment.state, _broker(context), signals, idle_ms
        )
    if not finished:
        log.warning("some messages were still in hand; their leases will run out")


def _broker(context: Context) -> str:
    if not context.deployment.broker:
        raise RefusedError("没有配置消息队列：请在 duban.yaml 写明 broker，或用 duban run 启动自带的")
    return context.deployment.broker


def sandbox(
    state: Annotated[Path, typer.Option(help="收件箱存放的文件夹")] = Path(".duban/sandbox"),
    options: Annotated[Path | None, typer.Option(help="账号、短信模板和通讯录（JSON）")] = None,
    smtp_port: Annotated[int, typer.Option(help="SMTP 端口，0 为自动选择")] = 0,
    http_port: Annotated[int, typer.Option(help="HTTP 端口，0 为自动选择")] = 0,
    config: ConfigOption = None,
) -> None:
    """启动服务商的替身：本机 SMTP 和 HTTP，收到的消息在收件箱网页里看。"""
    from daemon.cli import wiring, world
    from daemon.sandbox import Sandbox, serve
    from daemon.service.signals import Signals

    wiring.configure_logs()
    state.mkdir(parents=True, exist_ok=True)
    told = (
        json.loads(options.read_text(encoding="utf-8"))
        if options
        else world.standalone(find_config(config), shipped("templates"))
    )

    boxes: list[Sandbox] = []

    def ready(box: Sandbox) -> None:
        boxes.append(box)
        page = f"http://127.0.0.1:{box.http_port}/"
        typer.echo(f"沙箱已启动，收件箱：{page}", err=True)
        if options is None:
            typer.echo("在另一个终端里设置下列环境变量，再启动 duban run：", err=True)
            for line in world.exports(told["accounts"], box.smtp_port, box.http_port, box.ca_file):
                typer.echo(line)

    stop = Event()
    with Signals() as signals:
        _stop_with(signals, stop)
        serve(world.options(told, state, smtp_port, http_port), ready, stop)
    for box in boxes:
        box.write_static(state / "inbox.html")


def _stop_with(signals: Any, stop: Event) -> None:
    """Let the event follow the signals, from a thread of its own."""
    from threading import Thread

    def follow() -> None:
        while not signals.stopping:
            signals.wait(60.0)
        stop.set()

    Thread(target=follow, daemon=True).start()
