"""A job that nobody drives, finished by a driver process."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from impasto.driver.handover import hand_over
from impasto.driver.open_job import open_job
from impasto.errors import BadInput, ImpastoError, Interrupted, Unavailable
from impasto.jobs import find
from impasto.jobs.state import last_word
from impasto.jobs.waiting import leave
from impasto.schema.events import Detached, Stopped
from impasto.storage.stores import Stores
from impasto.watch.news import words
from impasto.watch.orders import Began, Outcome
from impasto.watch.running import Elsewhere, follow, run_open

if TYPE_CHECKING:
    from impasto.driver.open_job import OpenJob
    from impasto.jobs.job import Job
    from impasto.watch.running import Means


def drive_job(job_id: str, means: Means) -> Outcome:
    """Finish a job that nobody drives; raises only what the control store does.

    Raises:
        Unavailable: the control store does not answer.
    """
    stores = Stores.of(means.settings)
    job = find.find(stores.open_home(means.settings.home), job_id)
    means.tell(Began(job.id))
    last = last_word(job, job.listing())
    retry = isinstance(last, Detached) and last.retry is True
    try:
        if means.hands_over:
            hand_over(job.spec(), means.settings)
            result = follow(job, means)
        else:
            opened = open_job(job.spec(), means.settings, job)
            _refuse_link(opened)
            result = run_open(opened, means, retry=False, asked=retry)
    except Elsewhere:
        return Outcome("waits", job.id, error="another driver is at it")
    except Interrupted:
        if not means.stop.is_set():
            return Outcome("cancelled", job.id, error=f"job {job.id}: was cancelled")
        _keep_waiting(job, retry=retry)
        return Outcome("stopped", job.id)
    except Unavailable as error:
        _keep_waiting(job, retry=retry)
        return Outcome("waits", job.id, error=str(error))
    except Exception as error:  # noqa: BLE001 (the watcher goes on)
        _leave_to_people(job, words(error))
        return Outcome("failed", job.id, error=words(error))
    return Outcome("done", job.id, result.output, items=result.items)


def _leave_to_people(job: Job, error: str) -> None:
    """Let a job's last word be why it ended, else it would be driven again and again."""
    with suppress(ImpastoError):
        if not isinstance(last_word(job, job.listing()), Stopped):
            job.journal.write(Stopped(error=error))


def _refuse_link(opened: OpenJob) -> None:
    """Refuse an output in a folder that has become a link since the job was submitted.

    The output of a job of an outsider is at its real path.
    """
    output = opened.output
    if opened.spec.exact and output.local:
        above = os.path.realpath(output.path.parent)
        if above != str(output.path.parent):
            raise BadInput(f"{output}: is in a folder that is a link", "choose another output")


def _keep_waiting(job: Job, *, retry: bool) -> None:
    """Let a job wait for a watcher, though its last word is that it was stopped."""
    # If the store does not answer, it is left to people.
    with suppress(ImpastoError):
        leave(job, retry=retry)
