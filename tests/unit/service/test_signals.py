from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from daemon import clock
from daemon.service.signals import Signals


@pytest.fixture
def signals() -> Iterator[Signals]:
    with Signals() as heard:
        yield heard


def raised(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_term_and_int_ask_to_stop(signals: Signals, number: signal.Signals) -> None:
    raised(number)
    assert signals.stopping
    assert not signals.take_reload()


def test_hup_asks_to_reload_once(signals: Signals) -> None:
    raised(signal.SIGHUP)
    assert not signals.stopping
    assert [signals.take_reload(), signals.take_reload()] == [True, False]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD])
def test_a_signal_before_a_wait_ends_it(signals: Signals, number: signal.Signals) -> None:
    raised(number)
    assert signals.wait(60)
    assert not signals.wait(0), "and only that one"


def test_a_signal_during_a_wait_ends_it(signals: Signals) -> None:
    threading.Timer(0.02, raised, [signal.SIGTERM]).start()
    assert signals.wait(60)
    assert signals.stopping


def test_the_end_of_a_child_ends_a_wait(signals: Signals) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    assert signals.wait(60)
    assert child.wait() == 0
    assert not signals.stopping


def test_another_thread_can_ask_to_stop(signals: Signals) -> None:
    threading.Timer(0.02, signals.stop).start()
    assert signals.wait(60)
    assert signals.stopping


def test_a_storm_of_signals_does_not_block(signals: Signals) -> None:
    for _ in range(70_000):  # more than a pipe holds
        signals.wake()
    assert signals.wait(60)


def test_a_quiet_wait_takes_its_time_without_work(signals: Signals) -> None:
    before, work = clock.monotonic(), time.thread_time()
    assert not signals.wait(0.3)
    assert clock.monotonic() - before >= 0.3
    assert time.thread_time() - work < 0.1, "of this thread; others of the process may be busy"


def test_a_second_interrupt_interrupts(signals: Signals) -> None:
    raised(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        raised(signal.SIGINT)


def test_the_handlers_of_before_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Signals():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
