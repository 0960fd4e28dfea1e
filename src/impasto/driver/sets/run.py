"""The loop over the jobs of a set."""

from __future__ import annotations

import os
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

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


def run_set(
    members: Sequence[Member],
    settings: Settings,
    at_once: int,
    stop: threading.Event,
    on_progress: Callable[[SetProgress], None],
    on_end: Callable[[Member, Ended, Progress | None], None],
) -> None:
    """Run the jobs of a set, or resume each where an earlier run stopped.

    A job that fails does not end the others.

    Args:
        members: the jobs.
        settings: where they live and how they run.
        at_once: how many run at once.
        stop: once set, running shards are finished and no job begins.
        on_progress: called in this thread now and then.
        on_end: called in this thread with each job that ended, how, and how far it was.

    Raises:
        KeyboardInterrupt: as it arrives; running shards are then dropped.
    """
    left = deque(members)
    at_once = min(at_once, len(left))
    own = _share(settings, at_once)
    ended = 0
    asked = False
    with ExitStack() as stack:
        processes = [_started(stack) for _ in range(at_once)]
        try:
            while True:
                if stop.is_set() and not asked:
                    asked = True
                    for each in processes:
                        each.ask_to_stop()
                processes = [each if each.usable else _started(stack) for each in processes]
                for each in processes:
                    if each.member is None and left and not asked:
                        each.start(left.popleft(), own)
                busy = [each for each in processes if each.member]
                if not busy:
                    return
                _listen(busy, on_end)
                ended += sum(each.member is None for each in busy)
                running = [(each.member, each.last) for each in busy if each.member]
                on_progress(SetProgress(len(members), ended, running))
        except KeyboardInterrupt:
            for each in processes:
                each.ask_to_stop(at_once=True)
            raise


def _started(stack: ExitStack) -> SetProcess:
    process = SetProcess()
    stack.callback(process.end)
    return process


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
