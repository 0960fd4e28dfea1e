"""The Delivery protocol."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from contextlib import AbstractContextManager

    from impasto.outputs.delivery.digest import Digest
    from impasto.schema.outcome import Done, Result


class _AnySuffix:
    """Contains every suffix."""

    def __contains__(self, _: object) -> bool:
        return True


ANY_SUFFIX: Container[str] = _AnySuffix()
"""What may be replaced where all that stands is the job's own."""


class Delivery(Protocol):
    """One job's way to one output."""

    def check(self, replaceable: Container[str] | None) -> None:
        """Refuse, before hours are spent, an output that cannot appear.

        Args:
            replaceable: None when nothing may be replaced; else the suffixes of the files that a
                folder may lose when it is.

        Raises:
            BadInput: something is there that must stay, or the place cannot be written.
            Unavailable: the place does not answer.
        """
        ...

    def stands(self, result: Result) -> bool:
        """Tell whether the output of an earlier run still stands, whole."""
        ...

    def file(self, *, overwrite: bool) -> AbstractContextManager[Path]:
        """Give a local path whose content becomes the output, a file, on leaving."""
        ...

    def folder(self, records: Sequence[Done], *, overwrite: bool) -> AbstractContextManager[Digest]:
        """Bring a job's images or files to the output, a folder; they stand there after leaving."""
        ...
