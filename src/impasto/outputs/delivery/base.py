"""The Delivery protocol."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from impasto.media.formats import WRITABLE
from impasto.tables.formats import ARRAYS

if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from contextlib import AbstractContextManager

    from impasto.outputs.delivery.digest import Digest
    from impasto.schema.outcome import Done, Result
    from impasto.schema.plan import OutputKind


class _AnySuffix:
    """Contains every suffix."""

    def __contains__(self, _: object) -> bool:
        return True


ANY_SUFFIX: Container[str] = _AnySuffix()
"""What may be replaced if everything at the output is the job's own."""


def replaceable(made: OutputKind, *, overwrite: bool) -> Container[str] | None:
    """Return the suffixes of files that may be lost when an output is replaced.

    Args:
        made: what the job makes.
        overwrite: whether it may replace what is there; otherwise the answer is None.
    """
    if not overwrite:
        return None
    return {*WRITABLE, *ARRAYS.values()} if made == "arrays" else WRITABLE


class Delivery(Protocol):
    """One job's way to one output."""

    def check(self, replaceable: Container[str] | None, *, folder: bool) -> None:
        """Refuse, before hours are spent, an output that cannot be delivered.

        Args:
            replaceable: None if nothing may be replaced; otherwise the suffixes of files that may
                be lost when a folder is replaced.
            folder: whether the output is a folder.

        Raises:
            BadInput: something is there that must stay, or the place cannot be written.
            Unavailable: the place does not answer.
        """
        ...

    def stands(self, result: Result) -> bool:
        """Return whether the output of an earlier run is still there, complete."""
        ...

    def file(self, *, overwrite: bool, partial: bool = False) -> AbstractContextManager[Path]:
        """Yield a local path whose content becomes the output, a file, on exit.

        Args:
            overwrite: whether what is there may be replaced. The job's own partial output always
                is, unless someone has changed it.
            partial: whether the job is incomplete, so that a later run may replace this.

        Raises:
            BadInput: something is there that must stay.
            Unavailable: the place does not answer, or is full.
        """
        ...

    def folder(
        self, records: Sequence[Done], *, overwrite: bool, partial: bool = False
    ) -> AbstractContextManager[Digest]:
        """Deliver a job's images or files to the output, a folder; on exit they are in place.

        Args:
            records: name the files.
            overwrite: as for `file`.
            partial: as for `file`.

        Raises:
            BadInput, Unavailable: as `file`.
        """
        ...

    def visible(self) -> bool:
        """Return whether what is there can be looked at, and so be told from another's."""
        ...

    def withdraw(self) -> None:
        """Remove the job's own partial output, unless someone has changed it."""
        ...
