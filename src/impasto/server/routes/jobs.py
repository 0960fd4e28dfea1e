"""Jobs: which there are, how they stand, their shards and their logs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from impasto.errors import BadInput
from impasto.jobs.log_filter import LogFilter, shard_range
from impasto.jobs.log_words import Level
from impasto.jobs.presence import drivers
from impasto.jobs.state import State
from impasto.server.access.guard import Viewer
from impasto.server.board.rows import Shards, job_detail, job_row, running
from impasto.server.context import Here
from impasto.server.job_query import JobQuery
from impasto.server.logs.places import Place
from impasto.server.logs.reader import LogReader
from impasto.server.models.jobs import JobDetail, JobList, LogPage, ShardList
from impasto.server.problems import unknown

router = APIRouter(tags=["jobs"])

Word = Annotated[str, Query(max_length=200)]
Cursor = Annotated[str, Query(max_length=1 << 16)]
Moment = Annotated[float | None, Query(ge=0, le=1e11, description="Seconds since 1970.")]


@router.get("/jobs")
def list_jobs(
    caller: Viewer,
    context: Here,
    state: Annotated[list[State] | None, Query()] = None,
    label: Annotated[list[Word] | None, Query(description="KEY:VALUE, or KEY.")] = None,
    rule: Word = "",
    since: Moment = None,
    until: Moment = None,
    q: Word = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Cursor = "",
) -> JobList:
    """List jobs, the newest first."""
    query = JobQuery(frozenset(state or ()), tuple(label or ()), rule, since, until, q)
    return query.page(caller, context.board.now().rows, limit, cursor)


@router.get("/jobs/{job_id}")
def show_job(caller: Viewer, context: Here, job_id: str) -> JobDetail:
    """Show everything that is known about a job."""
    context.job(caller, job_id)
    job = context.board.kept(job_id)
    with job.lock:
        job.look()
        row = job_row(job)
        if row is None:
            raise unknown(f"job {job_id}")
        return job_detail(job, row)


@router.get("/jobs/{job_id}/shards")
def show_shards(caller: Viewer, context: Here, job_id: str) -> ShardList:
    """Show the shards of a job."""
    context.job(caller, job_id)
    job = context.board.kept(job_id)
    with job.lock:
        known = drivers(job.folder, job.look())
        return ShardList(shards=Shards.of(job, running(known)).rows())


@router.get("/jobs/{job_id}/logs")
def read_log(
    caller: Viewer,
    context: Here,
    job_id: str,
    level: Level = "debug",
    shard: Annotated[str, Query(max_length=20, description="A shard, or a range: 7-9.")] = "",
    item: Annotated[str, Query(max_length=4000)] = "",
    text: Word = "",
    worker: Word = "",
    limit: Annotated[int, Query(ge=1, le=5000)] = 500,
    cursor: Cursor = "",
) -> LogPage:
    """Read a part of a job's log, oldest event first; a page ends with a whole write to the log."""
    context.job(caller, job_id)
    place = Place.parse(cursor) if cursor else Place()
    if place is None:
        raise BadInput("`cursor`: is not one that a page named", "begin without one")
    shards = shard_range(shard) if shard else None
    wanted = LogFilter(level, shards, item, text, worker)
    return LogReader(context.board.kept(job_id)).page(place, wanted, limit)
