"""What a wake-up says, kept for a test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from impasto.watch.wakeups.base import Woken

DEADLINE = 30.0
"""Seconds within which everything must have happened."""


class Heard:
    """Takes the hints of a wake-up.

    Attributes:
        keys: all that were named.
        lists: how often it was said to list everything.
        told: the lines for people.
        refused: the messages that meant nothing, with the reason.
        broken: set to let the next messages that mean nothing meet a store that is away.
    """

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.lists = 0
        self.told: list[str] = []
        self.refused: list[tuple[bytes, str]] = []
        self.broken = 0
        self._changed = threading.Condition()

    def ring(self, woken: Woken) -> None:
        with self._changed:
            self.keys += woken.keys or ()
            self.lists += woken.keys is None
            self._changed.notify_all()

    def tell(self, line: str) -> None:
        with self._changed:
            self.told.append(line)
            self._changed.notify_all()

    def reject(self, body: bytes, reason: str) -> None:
        with self._changed:
            if self.broken:
                self.broken -= 1
                raise OSError("the store is away")
            self.refused.append((body, reason))
            self._changed.notify_all()

    def wait(self, happened: Callable[[], bool]) -> None:
        """Wait until something is true of what was heard."""
        ends = time.monotonic() + DEADLINE
        with self._changed:
            while not happened():
                left = ends - time.monotonic()
                assert left > 0, (self.keys[:20], self.lists, self.told, self.refused[:20])
                self._changed.wait(min(left, 0.05))
