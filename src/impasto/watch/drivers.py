"""The driver processes of one watcher."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from impasto.watch.driver_process import DriverProcess

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from impasto.watch.dispatch import Waiting
    from impasto.watch.orders import Order

IDLE_FACTOR = 10
"""How much longer a process is kept than the workers that it has."""
REST = 10.0
"""Seconds until a new process is started after one that could not start."""


class Drivers:
    """Driver processes: at most as many as jobs may run at once, and one that is always ready."""

    def __init__(self, most: int, idle: float) -> None:
        """Start one.

        Args:
            most: how many there may be.
            idle: seconds after which what has nothing to do is ended.
        """
        self.most, self.idle = most, idle
        self._all = [DriverProcess()]
        self._rested = 0.0

    @property
    def running(self) -> list[Waiting]:
        """What is being driven."""
        return [each.waiting for each in self._all if each.waiting]

    @property
    def conns(self) -> list[Connection]:
        """What to wait for."""
        return [each.conn for each in self._all]

    def start(self, waiting: Waiting, order: Order) -> None:
        """Drive something, by a process that has workers for it if there is one."""
        idle = [each for each in self._all if not each.waiting]
        wanted = f"{waiting.rule}/{waiting.recipe}"
        idle.sort(key=lambda each: (each.recipe != wanted, bool(each.recipe), -each.since))
        if idle and idle[0].recipe not in {"", wanted} and len(self._all) < self.most:
            idle = []
        chosen = idle[0] if idle else self._new()
        if chosen.worn:
            self._end(chosen)
            chosen = self._new()
        chosen.start(waiting, order)

    def received(self, ready: Collection[object]) -> Iterator[tuple[DriverProcess, object]]:
        """Yield what processes say, each with the process; EOFError for one that has ended.

        Args:
            ready: the connections that may be read.
        """
        for each in [*self._all]:
            if each.conn in ready:
                try:
                    message = each.receive()
                except EOFError as error:
                    if not each.ready:
                        # What keeps one from starting would keep the next one, too.
                        self._rested = time.monotonic() + REST
                    yield each, error
                    self._end(each)
                    continue
                yield each, message
            elif each.hung:
                yield each, TimeoutError("it gave no sign of life")
                self._end(each)

    def tend(self) -> None:
        """End processes that have had nothing to do for long; keep one."""
        late = time.monotonic() - IDLE_FACTOR * self.idle
        for each in [*self._all]:
            if each.waiting is None and each.since < late and len(self._all) > 1:
                self._end(each)
        if not self._all and time.monotonic() >= self._rested:
            self._new()

    def abandon(self, subjects: Collection[str]) -> list[Waiting]:
        """End at once what drives subjects; returns what was driven."""
        left = [each for each in self._all if each.waiting and each.waiting.subject in subjects]
        dropped = [each.waiting for each in left if each.waiting]
        for each in left:
            self._end(each)
        return dropped

    def ask_to_stop(self) -> None:
        """Ask all to finish their running shards and no more."""
        for each in self._all:
            each.ask_to_stop()

    def stop(self) -> None:
        """End all at once."""
        for each in [*self._all]:
            self._end(each)

    def _new(self) -> DriverProcess:
        made = DriverProcess()
        self._all.append(made)
        return made

    def _end(self, process: DriverProcess) -> None:
        self._all.remove(process)
        process.stop()
