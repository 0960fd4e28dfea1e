"""A range of a file's bytes, as a file of its own."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from impasto.storage.local import mapped

if TYPE_CHECKING:
    from impasto.storage.named_file import File

BUFFER = 1 << 20


class Span(io.RawIOBase):
    """Reads a range of a file's bytes, or all of them, in order; its errors are Impasto's."""

    def __init__(self, file: File, span: tuple[int, int] | None = None) -> None:
        """Open a file; raises BadInput or Unavailable."""
        super().__init__()
        self._where = file.url
        opened = file.open(span)
        with mapped(self._where):
            # Neither has a buffer of its own: not a store's reader, and not the local file.
            self._raw: Any = io.FileIO(opened) if isinstance(opened, str) else opened
            self._raw.seek(span[0] if span else 0)
        self._left = span[1] - span[0] if span else None

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer as far as the span reaches; raises BadInput or Unavailable."""
        if self._left is not None:
            buffer = buffer[: self._left]
        with mapped(self._where):
            count: int = self._raw.readinto(buffer)
        if self._left is not None:
            self._left -= count
        return count

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._raw.close()
        super().close()


def open_span(file: File, span: tuple[int, int] | None = None) -> io.BufferedReader:
    """Open a range of a file's bytes, or all of them, to be read line by line."""
    return io.BufferedReader(Span(file, span), BUFFER)
