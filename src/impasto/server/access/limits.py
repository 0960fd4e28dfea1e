"""How much callers may do; every instance counts for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.server.access.recent import Buckets

if TYPE_CHECKING:
    from impasto.server.config import ServeSettings

BURST = 4.0
"""Seconds' worth of requests that a caller may make at once: a page loads many pictures."""
FAILURES, FAILURES_AT_ONCE = 0.5, 20.0
"""Wrong tokens that may come from an address, per second in the long run, and at once."""


class Limits:
    """How much callers may do.

    Attributes:
        requests: of callers, by their ids.
        failures: wrong tokens, by the addresses that they come from.
    """

    def __init__(self, serve: ServeSettings) -> None:
        self.requests = Buckets(serve.requests, BURST * serve.requests)
        self.failures = Buckets(FAILURES, FAILURES_AT_ONCE)
