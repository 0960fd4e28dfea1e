"""Summaries of jobs, as values for a face to render."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeGuard

from impasto.errors import BadInput
from impasto.jobs import find
from impasto.jobs.listing import Status
from impasto.schema.base import Frozen
from impasto.schema.events import Item
from impasto.schema.job import JobSpec
from impasto.schema.outcome import ItemError, Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.jobs.job import Job
    from impasto.storage.store import Store


class JobSummary(Frozen):
    """One job in a list of jobs.

    Attributes:
        job: its id.
        status: its status.
        shards_done: shards that have a done record.
        shards: how many shards it has; 0 while it is not planned.
        bytes: size of all its objects.
        source: what it reads.
        output: what it makes.
    """

    job: str
    status: Status
    shards_done: int
    shards: int
    bytes: int
    source: str
    output: str


class Unreadable(Frozen):
    """A job that cannot be read.

    Attributes:
        job: its id.
        why: one line.
    """

    job: str
    why: str


class JobDetails(Frozen):
    """Everything that is known about one job.

    Attributes:
        job: its id.
        status: its status.
        items: items of the source; None while it is not planned.
        items_done: items of the shards that are done.
        shards: shards of the plan; None while there is none.
        shards_done: shards that are done.
        failed_attempts: attempts at shards that failed.
        items_failed: how many items were set aside.
        failed: these items, and why.
        concealed: frames that could not be decoded.
        seconds: busy seconds by stage, of all workers together.
        spec: what it does.
        warnings: what the user should know about the source.
        reasons: why the plan is as it is.
        result: its result; None until it is finished.
    """

    job: str
    status: Status
    items: int | None
    items_done: int
    shards: int | None
    shards_done: int
    failed_attempts: int
    items_failed: int
    failed: tuple[ItemError, ...]
    concealed: tuple[int, ...]
    seconds: dict[str, float]
    spec: JobSpec
    warnings: tuple[str, ...]
    reasons: tuple[str, ...]
    result: Result | None


def summarize(job: Job) -> JobSummary:
    """Summarize a job; raises BadInput when it cannot be read."""
    listing, plan, spec = job.listing(), job.plan(), job.spec()
    return JobSummary(
        job=job.id,
        status=listing.status,
        shards_done=len(listing.done),
        shards=len(plan.shards) if plan else 0,
        bytes=sum(listing.sizes.values()),
        source=spec.source,
        output=spec.output,
    )


def summaries(home: Store) -> Iterator[JobSummary | Unreadable]:
    """Summarize the jobs of a home, newest first."""
    for job in find.jobs(home):
        try:
            yield summarize(job)
        except BadInput as error:
            yield Unreadable(job=job.id, why=str(error))


def details(job: Job) -> JobDetails:
    """Read everything that is known about a job; raises BadInput when it cannot be read."""
    spec, plan, listing = job.spec(), job.plan(), job.listing()
    records, result = job.done(listing, plan), job.result()
    failed = [error for record in records.values() for error in record.failed]
    seconds: dict[str, float] = {}
    for record in records.values():
        for stage, busy in record.stages.items():
            seconds[stage] = seconds.get(stage, 0.0) + busy
    return JobDetails(
        job=job.id,
        status=listing.status,
        items=plan.count if plan else None,
        items_done=sum(record.items for record in records.values()),
        shards=len(plan.shards) if plan else None,
        shards_done=len(records),
        failed_attempts=sum(listing.attempts.values()),
        items_failed=len(failed),
        failed=tuple(failed),
        concealed=tuple(frame for record in records.values() for frame in record.concealed),
        seconds={stage: round(busy, 3) for stage, busy in seconds.items()},
        spec=spec,
        warnings=plan.warnings if plan else (),
        reasons=plan.reasons if plan else (),
        result=result,
    )


def losses(job: Job) -> dict[str, list[float]]:
    """Read the losses that a job's log holds, by the item's name or index.

    Returns:
        For each item, the smallest loss so far after each evaluation; empty for a scorer that
        reports none.
    """
    items = (event for event in job.journal.read() if isinstance(event, Item))
    told = {str(it.name or it.item): it.facts.get("losses") for it in items}
    return {name: curve for name, curve in told.items() if _is_curve(curve)}


def _is_curve(value: Any) -> TypeGuard[list[float]]:
    return isinstance(value, list) and all(
        isinstance(loss, int | float) and abs(loss) < math.inf for loss in value
    )
