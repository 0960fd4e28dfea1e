"""How many requests this process has sent to stores, by what they do and how they end."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Literal

from impasto.errors import Changed, Denied, Exists, Missing, Unavailable

Operation = Literal["read", "stat", "list", "write", "copy", "delete"]
Place = Literal["folder", "store"]
Outcome = Literal["ok", "missing", "conflict", "denied", "unavailable", "error"]
TROUBLE: frozenset[Outcome] = frozenset({"denied", "unavailable", "error"})
"""Outcomes that nobody expects; the others are answers."""


class RequestCounts:
    """Counts requests; any number of threads may share it.

    What the client repeats by itself counts once, and so does a page of a listing.
    """

    def __init__(self) -> None:
        self._counts: Counter[tuple[Place, Operation, Outcome]] = Counter()
        self._lock = threading.Lock()

    def add(
        self, operation: Operation, error: BaseException | None = None, *, folder: bool = False
    ) -> None:
        """Count a request that has ended, by its error if it has one."""
        ended = _OUTCOMES.get(type(error), "error") if error else "ok"
        with self._lock:
            self._counts["folder" if folder else "store", operation, ended] += 1

    def all(self) -> dict[tuple[Place, Operation, Outcome], int]:
        """Return how many there were, by where they went, operation and outcome."""
        with self._lock:
            return dict(self._counts)

    def totals(self) -> tuple[int, int]:
        """Return how many went to object stores, and how many of them were in trouble."""
        counts = [(end, n) for (place, _, end), n in self.all().items() if place == "store"]
        return sum(n for _, n in counts), sum(n for end, n in counts if end in TROUBLE)


REQUESTS = RequestCounts()
"""Those of this process."""

_OUTCOMES: dict[type[BaseException], Outcome] = {
    Missing: "missing",
    Exists: "conflict",
    Changed: "conflict",
    Denied: "denied",
    Unavailable: "unavailable",
}
