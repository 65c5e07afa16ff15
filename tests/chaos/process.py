"""Starts the real processes, wrapped: a template that has imported everything forks them on demand.

``python -m tests.chaos.process FD`` reads requests on a socket, one JSON object a line, and answers with what
became of its children: ``{"started": name, "pid": n}``, ``{"ended": pid, "status": n}``. A child is
``duban scan``, ``work`` or ``sandbox`` as the command line starts it; only its seams, its wall clock and the
bugs that a test plants differ.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from daemon import sandbox
from daemon.activate import ActiveRules
from daemon.channels import build, mail, tencent, wecom
from daemon.cli import commands, context, main, run, wiring, world
from daemon.config import deployment
from daemon.service import notify, signals
from daemon.store import migrations
from daemon.store.engine import open_engine
from tests.chaos import brim, bugs, seams, wire
from tests.chaos.skew import Skew

WARM = (build, mail, tencent, wecom, commands, context, deployment, notify, signals, migrations, run, wiring)
"""What a command imports when it is called is here already; ``sandbox`` and ``world`` too."""
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def template(requests: socket.socket) -> None:
    """Fork children as asked, and tell how they end; until the other side hangs up."""
    assert sandbox
    assert world
    woken, waker = socket.socketpair()
    for end in (woken, waker):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    lines = b""
    while True:
        ready, _, _ = select.select([requests, woken], [], [])
        if woken in ready:
            with suppress(BlockingIOError):
                woken.recv(4096)
            _tell_ended(requests)
        if requests in ready:
            came = requests.recv(65536)
            if not came:
                return
            *whole, lines = (lines + came).split(b"\n")
            for line in whole:
                _obey(json.loads(line), requests, (woken, waker))


def _tell_ended(requests: socket.socket) -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            _say(requests, {"ended": ended[0], "status": os.waitstatus_to_exitcode(ended[1])})


def _say(requests: socket.socket, what: Mapping[str, object]) -> None:
    requests.sendall(json.dumps(what).encode() + b"\n")


def _obey(asked: Mapping[str, Any], requests: socket.socket, mine: tuple[socket.socket, ...]) -> None:
    if database := asked.get("warm"):
        _warm(database)
        _say(requests, {"warm": True})
        return
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _be(asked, parent, (requests, *mine))
    _say(requests, {"started": asked["name"], "pid": pid})


def _warm(database: str) -> None:
    """Compile the rules in force once, so that children find them compiled."""
    engine = open_engine(database)
    ActiveRules(engine)()
    migrations.newest()
    engine.dispose()
    gc.collect()
    gc.freeze()


def _be(asked: Mapping[str, Any], parent: int, inherited: tuple[socket.socket, ...]) -> NoReturn:
    """Become what was asked for, and end with it."""
    code = 70
    try:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for each in inherited:
            each.close()
        _redirect(Path(asked["log"]))
        os.environ.clear()
        os.environ.update(asked["env"])
        folder = Path(asked["folder"])
        Skew(folder / "skew").wrap()
        if asked["name"] == "sandbox":
            wire.wrap(folder)
        else:
            seams.wrap(folder, asked["name"])
            brim.wrap(folder, asked["name"])
        for name in asked.get("bugs", ()):
            bugs.PLANTED[name]()
        code = main(asked["argv"])
    except BaseException:  # noqa: BLE001 - it must never return into the template
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _redirect(log: Path) -> None:
    sink = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for stream in (1, 2):
        os.dup2(sink, stream)


if __name__ == "__main__":
    template(socket.socket(fileno=int(sys.argv[1])))
