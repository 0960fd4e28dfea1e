"""The run of a job by a driver process, here or on a cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING

from impasto.driver.api import finish_open
from impasto.errors import Incomplete, Interrupted
from impasto.jobs.state import standing
from impasto.watch.orders import Alive

if TYPE_CHECKING:
    from impasto.driver.open_job import OpenJob
    from impasto.engines.warm import WarmWorkers
    from impasto.jobs.job import Job
    from impasto.schema.outcome import Result
    from impasto.schema.progress import Progress
    from impasto.settings import Settings

POLL = 5.0
"""Seconds between two looks at a job that a cluster drives."""


@dataclass(frozen=True, slots=True)
class Means:
    """What an order is driven with.

    Attributes:
        settings: how jobs run.
        warm: workers of earlier jobs.
        stop: once set, running shards are finished, and the order ends as ``stopped``.
        tell: called with `orders.Began` and `orders.Alive`.
    """

    settings: Settings
    warm: WarmWorkers | None
    stop: Event
    tell: Callable[[object], None]

    @property
    def hands_over(self) -> bool:
        """Whether jobs are handed to a cluster, which drives them itself."""
        address = self.settings.address or ""
        return self.settings.engine == "ray" and address.startswith("http")

    def on_progress(self, progress: Progress) -> None:
        """Tell how far the job is."""
        self.tell(Alive(progress.done, progress.total, progress.rate))


class Elsewhere(Exception):
    """Another driver is at the job."""


def run_open(opened: OpenJob, means: Means, *, retry: bool, asked: bool = False) -> Result:
    """Finish an open job, unless another driver is at it.

    Args:
        opened: the job.
        means: what it is run with.
        retry: whether to try again what failed, if it is incomplete.
        asked: whether somebody has asked for that since it ended.
    """
    state = standing(opened.job, opened.job.listing())
    if not all(driver.claimed for driver in state.drivers):
        raise Elsewhere
    opened.claimed = True
    return finish_open(
        opened,
        on_progress=means.on_progress,
        stop=means.stop,
        # A retry does nothing else.
        retry=asked or (retry and state.state == "incomplete" and state.failed > 0),
        as_submitted=True,
        warm=means.warm,
    )


def follow(job: Job, means: Means) -> Result:
    """Wait for a job that a cluster drives; raises how it ended."""
    while not (result := job.result()):
        if means.stop.wait(POLL):
            raise Interrupted(f"job {job.id}: goes on on the cluster", job=job.id)
        means.tell(Alive())
        state = standing(job, job.listing())
        if state.state == "incomplete":
            raise Incomplete(state.error, job=job.id)
        if state.state == "cancelled":
            raise Interrupted(f"job {job.id}: was cancelled", job=job.id)
        if state.state == "failed":
            raise Incomplete(f"job {job.id}: {state.error or 'failed'}", job=job.id)
    return result
