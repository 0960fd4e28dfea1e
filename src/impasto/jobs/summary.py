"""Summaries of jobs, as values for a face to render."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeGuard

from pydantic import Field

from impasto.errors import BadInput
from impasto.jobs.presence import newest
from impasto.jobs.state import State, standing
from impasto.schema.base import Frozen
from impasto.schema.driver import Driver
from impasto.schema.events import Item
from impasto.schema.job import JobSpec, Labels
from impasto.schema.live import Live
from impasto.schema.outcome import Failed, ItemError, Result
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from impasto.jobs.job import Job
    from impasto.jobs.listing import Listing


class JobSummary(Frozen):
    """One job in a list of jobs.

    Attributes:
        job: its id.
        state: its state.
        percent: how much of it is written, running shards included; 100 only once it is finished.
        items_done: items of the shards that are done; of an incomplete job, without those that
            failed.
        items: its items; 0 while it is not planned.
        items_failed: items that were set aside, as its last driver says.
        noun: what its items are called; "items" while that is not known.
        shards_done: shards that have a done record.
        shards: how many shards it has; 0 while it is not planned.
        bytes: size of all its objects.
        started: when it was submitted, seconds since 1970.
        changed: when anything of it last changed, seconds since 1970.
        scorer: what scores its items.
        source: what it reads.
        output: what it makes.
        tenant: whose it is; "" for nobody's.
        rule: the watch rule that made it, or "".
        labels: what its submitter called it, by name.
        live: how far its driver says that it is; None if nobody drives it.
        drivers: who runs it now; no part of what is printed.
    """

    job: str
    state: State
    percent: int
    items_done: int
    items: int
    items_failed: int = 0
    noun: str = "items"
    shards_done: int
    shards: int
    bytes: int
    started: float
    changed: float
    scorer: str
    source: str
    output: str
    tenant: str = ""
    rule: str = ""
    labels: Labels = Field(default_factory=dict)
    live: Live | None = None
    drivers: tuple[Driver, ...] = Field(default=(), exclude=True)

    @property
    def items_written(self) -> int:
        """Items that are scored and written, those of running shards included."""
        return _written(self.items_done, self.items, self.live)


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
        home: URL or path of the home that holds it.
        state: its state.
        error: why its last driver ended; "" if there is nothing to say.
        drivers: who runs it now.
        started: when it was submitted, seconds since 1970.
        changed: when anything of it last changed, seconds since 1970.
        percent: how much of it is written, running shards included; 100 only once it is finished.
        bytes: size of all its objects.
        noun: what its items are called.
        items: items of the source; None while it is not planned.
        items_done: items of the shards that are done; of an incomplete job, without those that
            failed.
        shards: shards of the plan; None while there is none.
        shards_done: shards that are done.
        failed_attempts: attempts at shards that failed.
        last_failure: the last of these at a shard that is not done; None if there is none.
        items_failed: how many items were set aside.
        failed: these items, and why.
        concealed: frames that could not be decoded.
        repeated: frames that equal the one before and were not scored.
        seconds: busy seconds by stage, of all workers together.
        spec: what it does.
        warnings: what the user should know about the source.
        reasons: why the plan is as it is.
        result: its result; None until it is finished.
        changes: files that were replaced by other versions, and when, one line each.
        live: how far its driver says that it is; None if nobody drives it.
    """

    job: str
    home: str
    state: State
    error: str
    drivers: tuple[Driver, ...]
    started: float
    changed: float
    percent: int
    bytes: int
    noun: str
    items: int | None
    items_done: int
    shards: int | None
    shards_done: int
    failed_attempts: int
    last_failure: Failed | None
    items_failed: int
    failed: tuple[ItemError, ...]
    concealed: tuple[int, ...]
    repeated: int
    seconds: dict[str, float]
    spec: JobSpec
    warnings: tuple[str, ...]
    reasons: tuple[str, ...]
    result: Result | None
    changes: tuple[str, ...] = ()
    live: Live | None = None

    @property
    def items_written(self) -> int:
        """Items that are scored and written, those of running shards included."""
        return _written(self.items_done, self.items or 0, self.live)


def summarize(job: Job) -> JobSummary:
    """Summarize a job; raises BadInput when it cannot be read."""
    spec, listing = job.spec(), job.listing()
    # The plan of a long video is large, and a result says all that is needed of it.
    result = job.result() if listing.finished else None
    plan = job.plan() if not result and "plan.json" in listing.sizes else None
    done = [n for n in listing.done if plan and n < len(plan.shards)]
    stands = standing(job, listing)
    items_done = max(0, sum(len(plan.shards[n]) for n in done) - stands.failed) if plan else 0
    items, noun = (plan.count, plan.noun) if plan else (0, "items")
    if result:
        items = items_done = result.items
        noun = result.noun or noun
    live = newest(stands.drivers)
    return JobSummary(
        job=job.id,
        state=stands.state,
        percent=100 if result else _percent(_written(items_done, items, live), items),
        items_done=items_done,
        items=items,
        items_failed=result.failed if result else stands.failed,
        noun=noun,
        shards_done=len(listing.done),
        shards=len(listing.done) if result else len(plan.shards) if plan else 0,
        bytes=sum(listing.sizes.values()),
        started=_started(listing),
        changed=max(listing.times.values(), default=0.0),
        scorer=spec.scorer,
        source=spec.source,
        output=result.output if result else spec.output,
        tenant=spec.tenant,
        rule=spec.rule,
        labels=spec.labels,
        live=live,
        drivers=stands.drivers,
    )


def summaries(jobs: Sequence[Job]) -> Iterator[JobSummary | Unreadable]:
    """Summarize jobs of a home, in their order; where each takes requests, many at once."""
    if jobs and jobs[0].home.place.local:
        return map(_summarize, jobs)
    return in_order(_summarize, jobs, MANY)


def _summarize(job: Job) -> JobSummary | Unreadable:
    try:
        return summarize(job)
    except BadInput as error:
        return Unreadable(job=job.id, why=str(error))


def details(job: Job) -> JobDetails:
    """Read everything that is known about a job; raises BadInput when it cannot be read."""
    spec, plan, listing = job.spec(), job.plan(), job.listing()
    records, result = job.done(listing, plan), job.result()
    stands = standing(job, listing)
    failed = [error for record in records.values() for error in record.failed]
    seconds: dict[str, float] = {}
    for record in records.values():
        for stage, busy in record.stages.items():
            seconds[stage] = seconds.get(stage, 0.0) + busy
    items_done = max(0, sum(record.items for record in records.values()) - stands.failed)
    attempts = job.failed(listing, plan) if plan and not result else []
    live, items = newest(stands.drivers), plan.count if plan else 0
    open_attempts = [each for each in attempts if each.shard not in records]
    return JobDetails(
        job=job.id,
        home=str(job.home.place),
        state=stands.state,
        error=stands.error,
        drivers=stands.drivers,
        started=_started(listing),
        changed=max(listing.times.values(), default=0.0),
        percent=100 if result else _percent(_written(items_done, items, live), items),
        bytes=sum(listing.sizes.values()),
        noun=plan.noun if plan else "items",
        items=plan.count if plan else None,
        items_done=items_done,
        shards=len(plan.shards) if plan else None,
        shards_done=len(records),
        failed_attempts=sum(listing.attempts.values()),
        last_failure=open_attempts[-1] if open_attempts else None,
        items_failed=len(failed),
        failed=tuple(failed),
        concealed=tuple(frame for record in records.values() for frame in record.concealed),
        repeated=sum(record.repeated for record in records.values()),
        seconds={stage: round(busy, 3) for stage, busy in seconds.items()},
        spec=spec,
        warnings=plan.warnings if plan else (),
        reasons=plan.reasons if plan else (),
        result=result,
        changes=tuple(line for change in job.notes.changes() for line in change.lines()),
        live=live,
    )


def _started(listing: Listing) -> float:
    return listing.times.get("spec.json", 0.0)


def _written(done: int, items: int, live: Live | None) -> int:
    """Return how many items are written; what a driver says is believed within bounds."""
    return min(items, max(done, live.items)) if live else done


def _percent(done: int, items: int) -> int:
    """Return how much of a job without a result is done; at most 99, as there is no output."""
    return min(99, 100 * done // items) if items else 0


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
