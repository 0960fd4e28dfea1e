"""How the jobs of a home stand, and what this process asked of stores."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from impasto.jobs.state import State
from impasto.schema.live import Workers
from impasto.storage.counts import REQUESTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client.core import Metric

    from impasto.schema.driver import Driver
    from impasto.server.metrics.counters import JobCounters
    from impasto.server.models.jobs import JobRow


class JobMetrics(Collector):
    """Derives metrics from jobs' rows, once all jobs were looked at."""

    def __init__(self, rows: Callable[[], Iterable[JobRow]], counters: JobCounters) -> None:
        """Prepare.

        Args:
            rows: returns what is known of all jobs, without a request to a store.
            counters: what is known beside it.
        """
        self._rows, self._counters = rows, counters

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that nothing is looked at before the first scrape."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now."""
        yield GaugeMetricFamily(
            "impasto_home_up",
            "Whether the home, the store of the jobs, answered when it was asked last.",
            value=float(self._counters.answers),
        )
        if self._counters.began:
            yield from _standing([row for row in self._rows() if row.readable])
            yield from _driven(self._counters.drivers())
        requests = CounterMetricFamily(
            "impasto_store_requests",
            "Requests of this process to object stores and folders, by how they end.",
            labels=("place", "operation", "outcome"),
        )
        for labels, count in REQUESTS.all().items():
            requests.add_metric(labels, count)
        yield requests


def _standing(rows: list[JobRow]) -> Iterator[Metric]:
    states = Counter(row.state for row in rows)
    jobs = GaugeMetricFamily("impasto_jobs", "Jobs by state.", labels=("state",))
    for state in get_args(State):
        jobs.add_metric((state,), states[state])
    yield jobs
    running = [row for row in rows if row.state == "running"]
    # One that a user stopped is no queue.
    waiting = [row.changed for row in rows if row.state == "waiting"]
    yield GaugeMetricFamily(
        "impasto_items_per_second",
        "Speed of the jobs that run, together.",
        value=sum(row.rate for row in running),
    )
    yield GaugeMetricFamily(
        "impasto_longest_time_left_seconds",
        "Time until the last of the jobs that run is done, as far as that is known.",
        value=max((row.seconds_left or 0.0 for row in running), default=0.0),
    )
    yield GaugeMetricFamily(
        "impasto_queue_age_seconds",
        "Time since the last change of the oldest job that was left to a watcher or a cluster.",
        value=max(0.0, time.time() - min(waiting)) if waiting else 0.0,
    )


def _driven(drivers: list[Driver]) -> Iterator[Metric]:
    yield GaugeMetricFamily("impasto_drivers", "Drivers that run.", value=len(drivers))
    workers = GaugeMetricFamily("impasto_workers", "Workers by what they do.", labels=("doing",))
    for doing in Workers.model_fields:
        told = (getattr(each.live.workers, doing) for each in drivers if each.live)
        workers.add_metric((doing,), sum(told))
    yield workers
