"""The jobs of a home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.errors import BadInput
from impasto.jobs.job import Job
from impasto.jobs.keys import JOB
from impasto.schema.events import Finished
from impasto.schema.outcome import Result
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY

if TYPE_CHECKING:
    from impasto.schema.outcome import Delivered
    from impasto.storage.store import Store

NAMED = 4
"""How many of the jobs that an id's beginning matches are named."""


def jobs(home: Store) -> list[Job]:
    """List the jobs of a home, newest spec first."""
    found = [Job(home, job_id) for job_id in ids(home)]
    stats = in_order(lambda job: job.folder.stat("spec.json"), found, MANY)
    known = [(stat.modified, job) for job, stat in zip(found, stats, strict=True) if stat]
    return [job for _, job in sorted(known, key=lambda pair: -pair[0])]


def find(home: Store, job_id: str) -> Job:
    """Find a job by its id or an unambiguous prefix of it.

    Raises:
        BadInput: there is none, or more than one.
    """
    matching = [known for known in ids(home) if known.startswith(job_id)]
    if not matching:
        fact = f"job {job_id}: not found in {home.place}"
        raise BadInput(fact, "see `impasto jobs`, or give its `home`")
    if len(matching) > 1:
        more = ", ..." if len(matching) > NAMED else ""
        fact = f"matches {len(matching)} jobs ({', '.join(sorted(matching)[:NAMED])}{more})"
        raise BadInput(f"job {job_id}: {fact}", "type more of the id")
    return Job(home, matching[0])


def made(home: Store, source: str, output: str) -> Job | None:
    """Find the newest job that made an output of a source, by the results and logs of the jobs.

    A job that was run again for another output has that one only in its log.

    Args:
        home: the store that holds the jobs.
        source: the source's URL in its stored form.
        output: the output's.
    """
    found = jobs(home)
    results = in_order(lambda job: job.folder.load_if_whole("result.json", Result), found, MANY)
    done = [(job, result) for job, result in zip(found, results, strict=True) if result]
    for job, result in done:
        if result.output == output and job.spec().source == source:
            return job
    for job, _ in done:
        if job.spec().source == source and output in _outputs(job):
            return job
    return None


def _outputs(job: Job) -> set[str]:
    """Return every output that a job has made."""
    return {event.record.output for event in job.journal.read() if isinstance(event, Finished)}


def leaving(home: Store, output: str) -> Job | None:
    """Find the job whose incomplete output is at a place, by its URL."""
    found = jobs(home)
    notes = in_order(lambda job: job.notes.delivery(output), found, MANY)
    return next((job for job, noted in zip(found, notes, strict=True) if _partial(noted)), None)


def _partial(noted: Delivered | None) -> bool:
    return noted is not None and noted.partial


def ids(home: Store) -> list[str]:
    """Return the ids of the jobs of a home, from one listing; some may be without a spec."""
    names = (folder.rpartition("/")[2] for folder in home.folders("jobs"))
    return [name for name in names if JOB.fullmatch(name)]
