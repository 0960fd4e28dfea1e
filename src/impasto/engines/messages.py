"""Messages between a driver, its nursery and its workers."""

from __future__ import annotations

from impasto.errors import NotLoaded, Unavailable
from impasto.schema.base import Frozen
from impasto.schema.bounds import Count, Told, Trace

LONGEST_ORDER = 64
"""Most bytes of a message between a nursery and its driver."""


class StartFailed(Frozen):
    """A worker could not load its scorer.

    Attributes:
        error: what was wrong, one line.
        bad_input: whether the user must act.
        traceback: the worker's own.
        remedy: what to do, or "".
        died: whether its process ended before it said why.
    """

    error: Told
    bad_input: bool
    traceback: Trace
    remedy: Told = ""
    died: bool = False

    def as_error(self) -> NotLoaded | Unavailable:
        """Return the error to raise, with the worker's traceback as a note."""
        line = f"workers cannot start: {self.error}" if self.died else self.error
        error = (NotLoaded if self.bad_input else Unavailable)(line, self.remedy)
        error.add_note(self.traceback)
        return error


class BatchMark(Frozen):
    """The start or end of a mini-batch's scoring.

    Attributes:
        items: its items.
        begun: whether this is the start.
    """

    items: tuple[Count, ...]
    begun: bool


class Rest(Frozen):
    """The order to let a job go, keep its scorer, and wait for another job."""


class Resting(Frozen):
    """The worker has no job, and would load the same scorer for another one."""


class Alive(Frozen):
    """The worker is working on a mini-batch that takes long."""
