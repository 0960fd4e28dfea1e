"""A job's log as it grows, until the job ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from impasto.errors import Incomplete, Interrupted, Unavailable
from impasto.jobs.presence import drivers
from impasto.schema.events import Detached, Finished, Stopped, Submitted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from impasto.jobs.job import Job
    from impasto.schema.events import Event

LAST_LOOKS = 15
"""Looks without a new event after which a done job's output is no longer expected to be logged, and
a driver is looked for."""


State = Literal["done", "cancelled", "stopped"]

_RESUMABLE = {kind.exit_code for kind in (Incomplete, Interrupted, Unavailable)}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended.

    Attributes:
        state: its last state; ``stopped`` if its driver ended without a result.
        error: why it stopped, one line, or "".
        resumable: whether the job can go on as it is.
    """

    state: State
    error: str = ""
    resumable: bool = False


def follow(job: Job, wait: Callable[[], object]) -> Iterator[Event | Ended]:
    """Read a job's log, and what is added until the job is done, cancelled or given up.

    Args:
        job: the job.
        wait: called between two looks.

    Yields:
        Every event; last, once, how the job ended.
    """
    seen: set[str] = set()
    last: Event | None = None
    quiet = 0
    while True:
        # The state is read first, so that events written before it changed are never missed.
        state = _state(job, last)
        for event in job.journal.read(seen):
            last, quiet = event, 0
            yield event
        if state and not _late(state, last, quiet):
            if state == "stopped" and isinstance(last, Stopped):
                yield Ended(state, last.error, last.exit_code in _RESUMABLE)
            else:
                yield Ended(state)
            return
        if quiet >= LAST_LOOKS and _abandoned(job, last):
            yield Ended("stopped", "its driver was killed", resumable=True)
            return
        quiet += 1
        wait()


def _state(job: Job, last: Event | None) -> State | None:
    if job.result():
        return "done"
    if job.notes.cancelled():
        return "cancelled"
    return "stopped" if isinstance(last, Stopped) else None


def _abandoned(job: Job, last: Event | None) -> bool:
    """Return whether a driver had begun, and none is there any more."""
    waits = isinstance(last, Submitted | Detached | None)
    return not waits and not drivers(job.folder, job.listing())


def _late(state: State, last: Event | None, quiet: int) -> bool:
    """Return whether events are still to come although the job has ended."""
    if state == "done":
        # The last one comes after the result, once the output is in place.
        return not isinstance(last, Finished) and quiet < LAST_LOOKS
    # Another driver may have begun.
    return state == "stopped" and not isinstance(last, Stopped)
