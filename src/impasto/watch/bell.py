"""A bell that threads ring to wake another one, which waits for it and for sockets at once."""

from __future__ import annotations

import os
from contextlib import suppress


class Bell:
    """Something to wait for by `multiprocessing.connection.wait`; closed when it is left."""

    def __init__(self) -> None:
        """Make it, silent."""
        self._heard, self._rung = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        """Return what becomes readable when it rings."""
        return self._heard

    def ring(self) -> None:
        """Wake whoever waits; may be called by any thread and in a signal handler."""
        # A full pipe wakes as well as one byte does; a closed bell has nobody to wake.
        with suppress(OSError):
            os.write(self._rung, b"!")

    def clear(self) -> None:
        """Make it silent again."""
        with suppress(BlockingIOError):
            os.read(self._heard, 1 << 16)

    def close(self) -> None:
        """Close it."""
        heard, rung, self._heard, self._rung = self._heard, self._rung, -1, -1
        os.close(heard)
        os.close(rung)
