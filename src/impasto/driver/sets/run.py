"""The loop over the jobs of a set."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Self

from impasto.driver.sets.process import SetProcess
from impasto.machine import uses_cuda
from impasto.schema.base import change

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from impasto.driver.sets.inside import Ended
    from impasto.driver.sets.members import Member
    from impasto.schema.progress import Progress
    from impasto.settings import Settings

LOOK = 0.2
"""Seconds between two looks whether to stop."""


@dataclass(slots=True)
class SetProgress:
    """How far a set is.

    Attributes:
        of: how many jobs it has.
        ended: how many have ended, however.
        running: the jobs that run, each with how far it is; None while that is not known.
    """

    of: int
    ended: int = 0
    running: list[tuple[Member, Progress | None]] = field(default_factory=list)


class SetRunner:
    """Runs sets of jobs in processes of its own; a context that ends them."""

    def __init__(self, settings: Settings, at_once: int) -> None:
        """Start nothing yet.

        Args:
            settings: where the jobs live and how they run.
            at_once: how many run at once.
        """
        self._settings, self._at_once = _share(settings, at_once), at_once
        self._processes: list[SetProcess] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._processes:
            each.ask_to_end()
        for each in self._processes:
            each.end()

    def run(
        self,
        members: Sequence[Member],
        stop: threading.Event,
        on_progress: Callable[[SetProgress], None],
        on_end: Callable[[Member, Ended, Progress | None], None],
    ) -> None:
        """Run the jobs of a set, or resume each where an earlier run stopped.

        A job that fails does not end the others.

        Args:
            members: the jobs.
            stop: once set, running shards are finished and no job begins.
            on_progress: called in this thread now and then.
            on_end: called in this thread with each job that ended, how, and how far it was.

        Raises:
            KeyboardInterrupt: as it arrives; running shards are then dropped.
        """
        left = deque(members)
        ended, asked = 0, False
        try:
            while True:
                if stop.is_set() and not asked:
                    asked = True
                    for each in self._processes:
                        each.ask_to_stop()
                if not asked:
                    self._feed(left)
                busy = [each for each in self._processes if each.member]
                if not busy:
                    return
                _listen(busy, on_end)
                ended += sum(each.member is None for each in busy)
                running = [(each.member, each.last) for each in busy if each.member]
                on_progress(SetProgress(len(members), ended, running))
        except KeyboardInterrupt:
            for each in self._processes:
                each.ask_to_stop(at_once=True)
            raise

    def _feed(self, left: deque[Member]) -> None:
        """Give jobs to processes that have none; one that has died is replaced."""
        for each in [each for each in self._processes if not each.usable]:
            self._processes.remove(each)
            each.end()
        while left and len(self._processes) < min(self._at_once, len(left) + self._busy):
            self._processes.append(SetProcess())
        for each in self._processes:
            if each.member is None and left:
                each.start(left.popleft(), self._settings)

    @property
    def _busy(self) -> int:
        return sum(each.member is not None for each in self._processes)


def _listen(
    busy: Sequence[SetProcess], on_end: Callable[[Member, Ended, Progress | None], None]
) -> None:
    """Take the messages that have come, or wait a moment for one."""
    by_conn = {each.conn: each for each in busy}
    for conn in wait([*by_conn], timeout=LOOK):
        process = by_conn[conn]  # type: ignore[index]
        ended = process.receive()
        if ended and (member := process.member):
            process.member = None
            on_end(member, ended, process.last)


def _share(settings: Settings, at_once: int) -> Settings:
    """Return the settings of each job: where several run at once, they share the cores."""
    free = settings.workers.most is None and settings.engine == "local"
    if at_once == 1 or not free or uses_cuda(settings.device):
        return settings
    each = max(1, len(os.sched_getaffinity(0)) // at_once)
    return change(settings, {"workers": each}, "set `workers`")
