"""How much callers may do; every instance counts for itself."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from impasto.server.access.recent import Buckets

if TYPE_CHECKING:
    from impasto.server.config import ServeSettings

BURST = 4.0
"""Seconds' worth of requests that a caller may make at once: a page loads many pictures."""
FAILURES, FAILURES_AT_ONCE = 0.5, 20.0
"""Wrong tokens that may come from an address, per second in the long run, and at once."""
FILES = 64
"""Files that may be on their way to a caller at once: a client that stops reading holds its own."""


class Room:
    """How many of something each caller may have at once.

    Args:
        most: how many.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, name: str) -> bool:
        """Take one for a caller, who must `give` it back; returns whether there was one left."""
        with self._lock:
            if self._held[name] >= self._most:
                return False
            self._held[name] += 1
            return True

    def give(self, name: str) -> None:
        """Give one back."""
        with self._lock:
            self._held[name] -= 1
            if not self._held[name]:
                del self._held[name]


class Limits:
    """How much callers may do.

    Attributes:
        requests: of callers, by their ids.
        failures: wrong tokens, by the addresses that they come from.
        files: files on their way to callers.
    """

    def __init__(self, serve: ServeSettings) -> None:
        self.requests = Buckets(serve.requests, BURST * serve.requests)
        self.failures = Buckets(FAILURES, FAILURES_AT_ONCE)
        self.files = Room(FILES)
