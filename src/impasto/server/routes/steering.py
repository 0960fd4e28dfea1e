"""Jobs cancelled, continued and tried again; a watcher of the home drives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from impasto.jobs.state import last_word, standing
from impasto.jobs.waiting import leave
from impasto.schema.events import Detached
from impasto.server.access.guard import Submitter
from impasto.server.context import Here
from impasto.server.models.jobs import JobRow
from impasto.server.problems import Refused, unknown

if TYPE_CHECKING:
    from impasto.jobs.job import Job
    from impasto.server.context import Context

router = APIRouter(prefix="/jobs/{job_id}", tags=["jobs"])


@router.post("/cancel")
def cancel(job_id: str, caller: Submitter, context: Here) -> JobRow:
    """Ask a job's drivers to stop; what is done is kept."""
    job, _ = context.job(caller, job_id)
    if standing(job, job.listing()).state == "done":
        raise Refused(409, f"job {job_id}: is done already", "there is nothing to cancel")
    job.cancel()
    return _row(context, job)


@router.post("/resume")
def resume(job_id: str, caller: Submitter, context: Here) -> JobRow:
    """Leave a job that has stopped to a watcher, which continues it."""
    job, _ = context.job(caller, job_id)
    _leave(job, retry=False)
    context.call()
    return _row(context, job)


@router.post("/retry")
def retry(job_id: str, caller: Submitter, context: Here) -> JobRow:
    """Leave a job of which items failed to a watcher, which scores these again."""
    job, _ = context.job(caller, job_id)
    _leave(job, retry=True)
    context.call()
    return _row(context, job)


def _leave(job: Job, *, retry: bool) -> None:
    """Leave a job to a watcher, unless it is running or waits for one already."""
    listing = job.listing()
    stands = standing(job, listing)
    if stands.state == "done" and not (retry and _set_aside(job)):
        raise Refused(409, f"job {job.id}: is done already", "there is nothing to continue")
    if stands.state == "running":
        if "cancel" in listing.sizes:
            raise Refused(409, f"job {job.id}: is about to stop", "try again when it has")
        return
    last = last_word(job, listing)
    if isinstance(last, Detached) and bool(last.retry) == retry and "cancel" not in listing.sizes:
        return
    if retry and stands.state not in {"incomplete", "done"}:
        raise Refused(409, f"job {job.id}: has no failed items to try again", "resume it")
    job.notes.uncancel()
    leave(job, retry=retry)


def _set_aside(job: Job) -> bool:
    result = job.result()
    return result is not None and result.failed > 0


def _row(context: Context, job: Job) -> JobRow:
    row = context.board.look(job.id)
    if row is None:
        raise unknown(f"job {job.id}")
    return row
