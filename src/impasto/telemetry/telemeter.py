"""What sends traces and metrics. Unless it is set up, it does nothing and imports nothing."""

from __future__ import annotations

import logging

PATIENCE = 1.2
"""Seconds that the end of a job may take longer for a collector that does not answer."""
WORKERS_PATIENCE = 0.6
"""The same for the end of its workers, which comes before."""
LOGGER = logging.getLogger("impasto.telemetry")


class Span:
    """A piece of work in a trace; this one goes nowhere.

    Attributes:
        context: it as a parent of others, a W3C ``traceparent``; "" if it goes nowhere.
    """

    context = ""

    def note(self, **facts: str | int | float) -> None:
        """Add facts; their names get the prefix ``impasto.``."""

    def link(self, context: str) -> None:
        """Say that another trace is related, by a span in it; "" is none."""

    def fail(self, error: str) -> None:
        """Say that it failed, and why."""

    def end(self, at: float | None = None) -> None:
        """End it, now or at a time in seconds since 1970."""


class Telemeter:
    """Sends spans, counts and durations; this one does nothing.

    Attributes:
        on: whether anything is sent.
    """

    on = False

    def span(
        self, name: str, parent: str = "", *, begun: float | None = None, **facts: str | int | float
    ) -> Span:
        """Begin a span.

        Args:
            name: what is done, without its prefix ``impasto.``.
            parent: the context of the span that it is a part of; "" begins a trace.
            begun: when it began, in seconds since 1970; None is now.
            facts: see `Span.note`.
        """
        return Span()

    def count(self, name: str, amount: float, unit: str = "", **facts: str) -> None:
        """Add to a counter, whose name gets the prefix ``impasto.``."""

    def took(self, name: str, seconds: float, **facts: str) -> None:
        """Add a duration to a histogram, whose name gets the prefix ``impasto.``."""

    def flush(self, patience: float = PATIENCE) -> None:
        """Send what waits to be sent, or give up after so many seconds."""
