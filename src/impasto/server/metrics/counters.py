"""Counters of what jobs do while this process lives, from the board's looks at them."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prometheus_client import Counter, Histogram

from impasto.errors import BadInput, Unavailable
from impasto.jobs.job import Job
from impasto.jobs.keys import done_key
from impasto.jobs.listing import Listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prometheus_client import CollectorRegistry

    from impasto.schema.driver import Driver
    from impasto.server.board.kept import KeptJob
    from impasto.server.models.jobs import JobRow
    from impasto.storage.store import Store

DURATIONS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)
"""Bounds of the histograms of durations, in seconds."""
STAGES = ("read", "score", "write")
RECORDS = 1000
"""Records of shards that are read after a round, and of one job at most."""
QUEUED = 10_000
"""Jobs that have ended, and whose records are not read yet, at most."""
SILENT = 300.0
"""Seconds without a round after which the home counts as one that does not answer."""


@dataclass(slots=True)
class _Seen:
    """What is counted of a job already; ``until`` is the time of its last record that is."""

    shards: int = 0
    items: int = 0
    attempts: int = 0
    until: float = 0.0
    done: bool = False
    told: dict[tuple[str, int, float], tuple[int, int]] = field(default_factory=dict)
    drivers: tuple[Driver, ...] = ()


class JobCounters:
    """Observes a board; what was there before its first round is the beginning, and not counted."""

    def __init__(self, home: Store, registry: CollectorRegistry) -> None:
        """Prepare.

        Args:
            home: the store of the jobs, whose records are read once a job has ended.
            registry: takes the counters.
        """
        self._home, self._lock = home, threading.Lock()
        self._seen: dict[str, _Seen] = {}
        self._ended: deque[tuple[str, list[int]]] = deque(maxlen=QUEUED)
        self._began = self._well = self._wanted = False
        self._at = 0.0

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"impasto_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str) -> Histogram:
            return Histogram(f"impasto_{name}", text, buckets=DURATIONS, registry=registry)

        self._shards = counter("shards_done", "Shards that were scored.")
        self._attempts = counter("shard_attempts_failed", "Attempts at shards that failed.")
        self._items = counter("items_done", "Items that were scored and written.")
        self._failed = counter("items_failed", "Items that were set aside, once their job ended.")
        self._stages = counter("stage_seconds", "Busy seconds, once a job ended.", "stage")
        self._requests = counter("driver_store_requests", "Store requests that drivers told of.")
        self._errors = counter("driver_store_errors", "Those of them that failed.")
        self._jobs_took = histogram(
            "job_duration_seconds", "Time from a job's submission to its result."
        )
        self._shards_took = histogram(
            "shard_duration_seconds", "Time of shards, once their job ended."
        )
        for stage in STAGES:
            self._stages.labels(stage)

    @property
    def began(self) -> bool:
        """Whether all jobs were looked at once."""
        return self._began

    @property
    def answers(self) -> bool:
        """Whether the home answered when it was asked last, which was not long ago."""
        return self._well and time.monotonic() - self._at < SILENT

    def want(self) -> None:
        """Have the records of jobs read that end from now on."""
        self._wanted = True

    def drivers(self) -> list[Driver]:
        """Return the drivers that run now."""
        with self._lock:
            return [driver for seen in self._seen.values() for driver in seen.drivers]

    def looked(self, job: KeptJob, row: JobRow) -> None:
        """Count what is new of a job."""
        if not row.readable:
            return
        listing = job.listing()
        with self._lock:
            seen = self._seen.setdefault(job.id, _Seen())
            attempts = sum(listing.attempts.values())
            if self._began:
                self._shards.inc(max(0, row.shards_done - seen.shards))
                self._items.inc(max(0, row.items_done - seen.items))
                self._attempts.inc(max(0, attempts - seen.attempts))
            seen.shards = max(seen.shards, row.shards_done)
            seen.items = max(seen.items, row.items_done)
            seen.attempts = max(seen.attempts, attempts)
            self._take_drivers(seen, job.drivers)
            if row.state == "done" and not seen.done:
                seen.done = True
                if self._began:
                    self._jobs_took.observe(max(0.0, row.changed - row.started))
            if not self._began or row.state not in {"running", "waiting"}:
                self._take_end(job.id, seen, listing)

    def gone(self, job_id: str) -> None:
        """Forget a job; what was counted of it stays."""
        with self._lock:
            self._seen.pop(job_id, None)

    def round_ended(self, *, well: bool) -> None:
        """Read the records of some jobs that have ended."""
        self._well = well
        if not well:
            return
        self._began, self._at = True, time.monotonic()
        left = RECORDS
        while self._ended and left > 0:
            job_id, shards = self._ended.popleft()
            try:
                self._read(job_id, shards)
            except Unavailable:
                self._ended.appendleft((job_id, shards))
                return
            left -= len(shards)

    def _take_drivers(self, seen: _Seen, drivers: Sequence[Driver]) -> None:
        """Count what drivers have told since the look before, each by itself."""
        seen.drivers = tuple(drivers)
        if not drivers:
            seen.told = {}
        for each in drivers:
            if each.live is None:
                continue
            key = (each.host, each.pid, each.began)
            requests, errors = seen.told.get(key, (0, 0))
            if self._began:
                self._requests.inc(max(0, each.live.requests - requests))
                self._errors.inc(max(0, each.live.errors - errors))
            seen.told[key] = max(requests, each.live.requests), max(errors, each.live.errors)

    def _take_end(self, job_id: str, seen: _Seen, listing: Listing) -> None:
        """Note which records of a job to read: those that came since they were read last."""
        new = [shard for shard in listing.done if listing.times[done_key(shard)] > seen.until]
        if not new:
            return
        seen.until = max(listing.times[done_key(shard)] for shard in new)
        if self._began and self._wanted:
            self._ended.append((job_id, new[:: -(-len(new) // RECORDS)]))

    def _read(self, job_id: str, shards: list[int]) -> None:
        job = Job(self._home, job_id)
        with suppress(BadInput):
            for done in job.done(Listing(done=shards), job.plan()).values():
                self._shards_took.observe(done.seconds)
                self._failed.inc(len(done.failed))
                for stage in STAGES:
                    self._stages.labels(stage).inc(done.stages.get(stage, 0.0))
