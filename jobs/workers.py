"""Threads that take hints: each channel has its own, so that none holds up another."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import dramatiq

from jobs.broker import HintBroker


class Workers:
    """One ``dramatiq.Worker`` per channel, with so many threads.

    An idle worker looks for a hint every ``idle_ms`` at the latest.
    """

    def __init__(self, broker: HintBroker, channels: Mapping[str, int], idle_ms: int = 200) -> None:
        self._broker = broker
        self._workers = tuple(
            dramatiq.Worker(broker, queues={channel}, worker_threads=threads, worker_timeout=idle_ms)
            for channel, threads in channels.items()
        )
        self._channels = tuple(channels)

    def start(self) -> None:
        for channel in self._channels:
            self._broker.declare_queue(channel)
        for worker in self._workers:
            worker.start()

    def stop(self, timeout: float = 30.0) -> bool:
        """Take no more, finish what is in hand, give back the rest; return whether all was finished."""
        # All at once: one that drains slowly must not leave the others taking new messages meanwhile.
        with ThreadPoolExecutor(max(len(self._workers), 1)) as stops:
            list(stops.map(lambda worker: worker.stop(timeout=int(timeout * 1000)), self._workers))
        return not any(thread.is_alive() for worker in self._workers for thread in worker.workers)
