"""The shards that idle workers try a second time; pure but for the clock."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from impasto.engines.ray.remote_worker import RemoteWorker
    from impasto.schema.outcome import Attempt

SLOW = 2.0
"""Multiple of the median time after which a shard is a straggler."""
FEWEST = 3
"""Shards that must be done before the median is meaningful."""


class Stragglers:
    """Knows how long shards take, and which have a second copy."""

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._copied: set[int] = set()

    def note(self, seconds: float) -> None:
        """Note how long a shard took."""
        self._seconds.append(seconds)

    def forget(self, shard: int) -> None:
        """Forget that a shard has a second copy: one of the two has ended."""
        self._copied.discard(shard)

    def alone(self, busy: Iterable[RemoteWorker]) -> list[RemoteWorker]:
        """Return the workers at shards that have no second copy."""
        return [worker for worker in busy if worker.shard not in self._copied]

    def next(self, busy: Iterable[RemoteWorker]) -> Attempt | None:
        """Return the attempt of the shard that should have a second copy now, or None."""
        if len(self._seconds) < FEWEST:
            return None
        late = time.monotonic() - SLOW * median(self._seconds)
        slow = [worker for worker in self.alone(busy) if worker.since < late]
        if not slow:
            return None
        slowest = min(slow, key=lambda worker: worker.since)
        self._copied.add(slowest.shard)
        return slowest.attempt
