"""Jobs that are recorded by hand, in the states that the service shows, and a wait for them."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from impasto.jobs.job import Job
from impasto.jobs.listing import Listing
from impasto.schema.driver import Driver
from impasto.schema.job import JobSpec
from impasto.schema.outcome import Done
from impasto.schema.plan import Plan, Shard
from impasto.schema.source import TableFacts
from support.jobs import RESULT

if TYPE_CHECKING:
    from collections.abc import Callable

    from impasto.storage.store import Store

PLAN = Plan(
    output="records",
    items="rows",
    source="table",
    table=TableFacts(format="jsonl", columns=()),
    shards=(Shard(index=0, start=0, stop=3), Shard(index=1, start=3, stop=6)),
)


def job_id(number: int) -> str:
    """The id of the job of a number."""
    return f"{number:012x}"


def record(home: Store, number: int, **fields: Any) -> Job:
    """Record a job that waits to be driven."""
    spec = {"source": f"/in/{number}.csv", "output": f"/out/{number}.csv", "scorer": "python:s.py"}
    job = Job(home, job_id(number))
    job.record(JobSpec.model_validate({**spec, **fields}))
    return job


def finish(job: Job) -> None:
    """Record that a job is done."""
    job.record(RESULT.model_copy(update={"job": job.id}))


def drive(job: Job) -> None:
    """Record that this process drives a planned job."""
    job.record(PLAN)
    driver = Driver(host=os.uname().nodename, pid=os.getpid(), engine="local", began=time.time())
    job.folder.put("drivers/00000000.json", driver.model_dump_json().encode())


def shard_done(job: Job, shard: int) -> None:
    """Record that a shard of a planned job is done."""
    key = f"segments/{shard:05d}-0.jsonl"
    done = Done(shard=shard, segment=key, items=3, bytes=5, seconds=1.0, stages={"score": 0.5})
    job.record(done)


def eventually(check: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until something holds."""
    until = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < until, "it never came to hold"
        time.sleep(0.02)


def listing_of_logs(*times: float) -> Listing:
    """A listing of the objects of a log, written at these times."""
    listing = Listing()
    for number, at in enumerate(times):
        listing.add(f"logs/20260101T000000.000000000-{number:08x}.jsonl", 10, at)
    return listing
