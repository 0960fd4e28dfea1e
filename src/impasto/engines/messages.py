"""What a worker process tells the one that looks after it."""

from __future__ import annotations

from impasto.errors import BadInput, Unavailable
from impasto.schema.base import Frozen


class StartFailed(Frozen):
    """A worker could not load its scorer.

    Attributes:
        error: one line.
        bad_input: whether the user must act.
        traceback: the worker's own.
    """

    error: str
    bad_input: bool
    traceback: str

    def as_error(self) -> BadInput | Unavailable:
        """Return the error to raise, with the worker's traceback as a note."""
        error = (BadInput if self.bad_input else Unavailable)(self.error)
        error.add_note(self.traceback)
        return error


class BatchMark(Frozen):
    """A mini-batch is being scored from now on, or no longer.

    Attributes:
        items: its items.
        begun: whether it begins.
    """

    items: tuple[int, ...]
    begun: bool


class Alive(Frozen):
    """The worker works on a mini-batch that takes long."""
