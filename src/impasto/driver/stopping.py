"""The check whether a run should stop: its caller asked for that, or its job was cancelled."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading

    from impasto.driver.reporter import Reporter
    from impasto.jobs.job import Job

POLL = 2.0
"""Seconds between two checks for a cancellation."""


class StopCheck:
    """Returns whether a run is asked to stop; engines call it often.

    Attributes:
        cancelled: whether the job was cancelled.
    """

    def __init__(self, job: Job, asked: threading.Event, reporter: Reporter) -> None:
        """Watch a job.

        Args:
            job: may be cancelled by anyone.
            asked: set by the run's own caller.
            reporter: is notified of a cancellation.
        """
        self.cancelled = False
        self._job, self._asked, self._reporter = job, asked, reporter
        self._looked = time.perf_counter()

    def __call__(self) -> bool:
        """Return whether no further shard may start."""
        now = time.perf_counter()
        if not self.cancelled and now - self._looked > POLL:
            self._looked = now
            self.cancelled = self._job.notes.cancelled()
            if self.cancelled:
                self._reporter.stopping()
        return self.cancelled or self._asked.is_set()
