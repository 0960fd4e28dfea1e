"""How the watch rules of a home stand."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client.core import Metric

    from impasto.server.looks import Standings

STATES = ("waiting", "running", "failed", "poison")
RULES = 200
"""Rules that have metrics, at most."""


class RuleMetrics(Collector):
    """Derives metrics from how rules stand; there are none while that is not known."""

    def __init__(self, standings: Callable[[], Standings | None]) -> None:
        """Prepare.

        Args:
            standings: returns how rules stand, as far as it is known, without waiting.
        """
        self._standings = standings

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that nothing is looked at before the first scrape."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now."""
        known = self._standings()
        if known is None:
            return
        yield GaugeMetricFamily(
            "impasto_watchers", "Watchers that live.", value=len(known.watchers)
        )
        tickets = GaugeMetricFamily(
            "impasto_tickets", "Tickets of watch rules by state.", labels=("rule", "state")
        )
        age = GaugeMetricFamily(
            "impasto_oldest_ticket_seconds",
            "Time since the oldest ticket that waits was admitted.",
            labels=("rule",),
        )
        for rule in known.rules[:RULES]:
            for state in STATES:
                tickets.add_metric((rule.rule, state), getattr(rule, state))
            since = rule.waits_since
            age.add_metric((rule.rule,), 0.0 if since is None else max(0.0, time.time() - since))
        yield tickets
        yield age
