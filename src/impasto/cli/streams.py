"""The standard streams of this process, which may be closed, full, or read by nobody."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TextIO

from impasto.errors import Unavailable
from impasto.machine import open_standard_streams

BY_SIGPIPE = 141
"""Exit code of a command that nobody reads any more; shells say so of one that SIGPIPE ends."""
_GONE = {errno.EPIPE, errno.EIO}
"""Errors of a stream whose reader, such as `head` or a terminal, has gone."""


class ReaderLeft(Exception):
    """Nobody reads any more what the command is run for; no OSError, which Typer would handle."""


class Notes(io.TextIOWrapper):
    """What nobody has to read, such as progress: it is dropped where it cannot be written."""

    def write(self, text: str) -> int:
        """Write text, or drop it."""
        try:
            return super().write(text)
        except OSError as error:
            self._lose(error)
            return len(text)

    def flush(self) -> None:
        """Write out what is kept back, or drop it."""
        try:
            super().flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        """Write to nowhere from now on, so that what is kept back troubles nobody later."""
        del error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


class Results(Notes):
    """What a command prints on stdout.

    Attributes:
        wanted: whether the command is run for what it prints; it ends once nobody reads that.
    """

    wanted = True

    def _lose(self, error: OSError) -> None:
        """Write to nowhere from now on.

        Raises:
            ReaderLeft: nobody reads what the command is run for.
            Unavailable: it cannot be written, such as to a full disk.
        """
        super()._lose(error)
        if error.errno not in _GONE:
            fact = f"standard output: {error.strerror or error}"
            raise Unavailable(fact, "check the disk and try again") from None
        if self.wanted:
            raise ReaderLeft from None


def prepare() -> None:
    """Open the standard streams that are closed, and make the others outlive their readers."""
    open_standard_streams()
    # A caller in this process may have put other objects there.
    if sys.stdout is sys.__stdout__:
        sys.stdout = Results(*_kind(1, sys.stdout))
    if sys.stderr is sys.__stderr__:
        sys.stderr = Notes(*_kind(2, sys.stderr), line_buffering=True)


def act() -> None:
    """Declare that this command is run for what it does, and only reports it on stdout."""
    if isinstance(sys.stdout, Results):
        sys.stdout.wanted = False


def _kind(number: int, known: TextIO | None) -> tuple[io.BufferedWriter, str, str]:
    """Return a binary stream, and the encoding and error handler of text on it.

    Args:
        number: the stream's file descriptor.
        known: Python's own text stream; None when it was closed at the start.
    """
    errors = (known and known.errors) or "strict"
    binary = open(number, "wb", closefd=False)  # noqa: SIM115 (kept open)
    encoding = (known and known.encoding) or "utf-8"
    return binary, encoding, "backslashreplace" if errors == "strict" else errors
