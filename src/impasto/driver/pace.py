"""How fast something goes, and for how long there is more to do."""

from __future__ import annotations

import time

FEW = 8
"""Units after which their rate tells the time left."""
PATIENCE = 20.0
"""Seconds after which fewer do."""


class Pace:
    """Units per second of this run, from its first one on: what the time left follows from."""

    def __init__(self) -> None:
        """Start with nothing done."""
        self._since = 0.0
        self._from = -1

    def __call__(self, own: int) -> float:
        """Return units per second so far, 0 while they are too few to tell.

        Args:
            own: how many this run has done by now.
        """
        if own <= 0:
            return 0.0
        if self._from < 0:
            self._from, self._since = own, time.perf_counter()
        units, seconds = own - self._from, time.perf_counter() - self._since
        # The first ones come from several workers at once.
        if units <= 0 or (units < FEW and seconds < PATIENCE):
            return 0.0
        return units / max(seconds, 1e-9)

    def left(self, own: int, rest: int) -> float | None:
        """Return for how many seconds there is more to do, or None if that is not known.

        Args:
            own: how many this run has done by now.
            rest: how many are left.
        """
        rate = self(own)
        return rest / rate if rate and rest > 0 else None
