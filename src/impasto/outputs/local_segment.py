"""A segment that is written to a local file before it is stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import ExitStack
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from impasto.storage.scratch import scratch

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class LocalSegment(ABC):
    """A context manager that holds the local file of one attempt, and leaves nothing behind.

    Attributes:
        segment: key of the segment, within the job.
    """

    segment: str
    _path: Path

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._path = stack.enter_context(scratch()) / PurePath(self.segment).name
            self._open(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, tb)

    @abstractmethod
    def _open(self, stack: ExitStack) -> None:
        """Start writing to ``self._path``; ``stack`` closes the contexts that are entered on it."""
