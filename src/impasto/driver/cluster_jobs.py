"""The jobs of a cluster, and how far those that run are."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from impasto.errors import ImpastoError
from impasto.jobs.job import Job
from impasto.jobs.summary import summarize
from impasto.storage.stores import Stores

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from impasto.engines.ray.status import Submission
    from impasto.settings import Settings

SHOWN = 20
"""Submissions that are listed besides those that run."""


@dataclass(frozen=True, slots=True)
class ClusterJob:
    """One submission of a job, and how far the job is.

    Attributes:
        submission: what the cluster knows.
        shards_done: shards that have a done record; None while that is not known.
        shards: how many shards the job has; None while that is not known.
    """

    submission: Submission
    shards_done: int | None = None
    shards: int | None = None


def cluster_jobs(submissions: Iterable[Submission], settings: Settings) -> Iterator[ClusterJob]:
    """Describe the submissions that run and the last others.

    Args:
        submissions: the newest first.
        settings: their home is the one whose jobs are looked at.
    """
    ended = 0
    for each in submissions:
        ended += not each.open
        if each.open and each.home == settings.home:
            yield _with_progress(each, settings)
        elif each.open or ended <= SHOWN:
            yield ClusterJob(each)


def _with_progress(submission: Submission, settings: Settings) -> ClusterJob:
    """Describe a job by the records in its home, if they can be read."""
    with suppress(ImpastoError):
        home = Stores.of(settings).open_home(submission.home)
        found = summarize(Job(home, submission.job))
        if found.shards:
            return ClusterJob(submission, found.shards_done, found.shards)
    return ClusterJob(submission)
