"""The jobs of a home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.errors import BadInput
from impasto.jobs.job import Job
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY

if TYPE_CHECKING:
    from impasto.storage.store import Store


def jobs(home: Store) -> list[Job]:
    """List the jobs of a home, newest spec first."""
    prefixes = home.folders("jobs")
    found = [Job(home, prefix.rsplit("/", 1)[-1]) for prefix in prefixes]
    stats = in_order(lambda job: job.folder.stat("spec.json"), found, MANY)
    known = [(stat.modified, job) for job, stat in zip(found, stats, strict=True) if stat]
    return [job for _, job in sorted(known, key=lambda pair: -pair[0])]


def find(home: Store, job_id: str) -> Job:
    """Find a job by its id or an unambiguous prefix of it.

    Raises:
        BadInput: there is none, or more than one.
    """
    prefixes = home.folders("jobs")
    ids = [prefix.rsplit("/", 1)[-1] for prefix in prefixes]
    matching = [known for known in ids if known.startswith(job_id)]
    if job_id in matching:
        matching = [job_id]
    if len(matching) != 1:
        fact = f"matches {len(matching)} jobs" if matching else f"not found in {home.place}"
        raise BadInput(f"job {job_id}: {fact}", "see `impasto jobs`, or give its `home`")
    return Job(home, matching[0])
