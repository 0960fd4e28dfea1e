"""Metrics of all jobs of a home, from what the service knows of them anyway."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, get_args

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from impasto.jobs.state import State
from impasto.storage.counts import REQUESTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client.core import Metric

    from impasto.server.models.jobs import JobRow

DURATIONS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)
"""Bounds of the histogram of jobs' durations, in seconds."""


class JobMetrics(Collector):
    """Derives metrics from jobs' rows; counters only grow, also when jobs are removed."""

    def __init__(self, rows: Callable[[], Iterable[JobRow]]) -> None:
        """Prepare.

        Args:
            rows: returns what is known of all jobs, without a request to a store.
        """
        self._rows = rows
        self._lock = threading.Lock()
        self._most: dict[str, tuple[int, int]] = {}
        self._ended: set[str] = set()
        self._buckets: Counter[float] = Counter()
        self._seconds = 0.0
        self._shards = self._items = 0

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that nothing is looked at before the first scrape."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now."""
        rows = [row for row in self._rows() if row.readable]
        with self._lock:
            for row in rows:
                self._note(row)
            yield CounterMetricFamily(
                "impasto_shards_done", "Shards that were scored.", value=self._shards
            )
            yield CounterMetricFamily(
                "impasto_items_done", "Items that were scored and written.", value=self._items
            )
            yield self._durations()
        yield from _now(rows)
        requests = CounterMetricFamily(
            "impasto_store_requests",
            "Requests of this process to object stores and folders, by how they end.",
            labels=("place", "operation", "outcome"),
        )
        for labels, count in REQUESTS.all().items():
            requests.add_metric(labels, count)
        yield requests

    def _note(self, row: JobRow) -> None:
        shards, items = self._most.get(row.job, (0, 0))
        self._shards += max(0, row.shards_done - shards)
        self._items += max(0, row.items_done - items)
        self._most[row.job] = max(shards, row.shards_done), max(items, row.items_done)
        if row.state == "done" and row.job not in self._ended:
            self._ended.add(row.job)
            took = max(0.0, row.changed - row.started)
            self._seconds += took
            self._buckets[next((most for most in DURATIONS if took <= most), float("inf"))] += 1

    def _durations(self) -> Metric:
        below, buckets = 0, []
        for most in (*DURATIONS, float("inf")):
            below += self._buckets[most]
            buckets.append(("+Inf" if most == float("inf") else str(float(most)), below))
        return HistogramMetricFamily(
            "impasto_job_duration_seconds",
            "Time from a job's submission to its result.",
            buckets=buckets,
            sum_value=self._seconds,
        )


def _now(rows: list[JobRow]) -> Iterator[Metric]:
    states = Counter(row.state for row in rows)
    jobs = GaugeMetricFamily("impasto_jobs", "Jobs by state.", labels=("state",))
    for state in get_args(State):
        jobs.add_metric((state,), states[state])
    yield jobs
    running = [row for row in rows if row.state == "running"]
    yield GaugeMetricFamily(
        "impasto_workers",
        "Workers of the jobs that run.",
        value=sum(row.workers for row in running),
    )
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
    waiting = [row.changed for row in rows if row.state == "waiting"]
    yield GaugeMetricFamily(
        "impasto_queue_age_seconds",
        "Time since the last change of the oldest job that nobody drives and that has not ended.",
        value=max(0.0, time.time() - min(waiting)) if waiting else 0.0,
    )
