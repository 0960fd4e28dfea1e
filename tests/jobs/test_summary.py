from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from impasto.errors import BadInput
from impasto.jobs import find
from impasto.jobs.job import Job
from impasto.jobs.summary import (
    JobSummary,
    Unreadable,
    details,
    losses,
    summaries,
    summarize,
)
from impasto.schema.events import Item, Submitted
from impasto.schema.job import JobSpec
from impasto.schema.outcome import Done, Failed, ItemError, Result
from impasto.schema.plan import Plan, Shard
from impasto.schema.source import TableFacts
from impasto.storage.stores import Stores

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.storage.store import Store

SPEC = JobSpec(source="in.csv", output="out.csv")
PLAN = Plan(
    output="records",
    items="rows",
    source="table",
    table=TableFacts(format="jsonl", columns=()),
    shards=(Shard(index=0, start=0, stop=3), Shard(index=1, start=3, stop=6)),
    warnings=("the last row is short",),
    reasons=("two workers",),
)
ASIDE = ItemError(item=1, error="ValueError: not 1")


@pytest.fixture
def home(tmp_path: Path) -> Store:
    return Stores({}).open_home(str(tmp_path))


@pytest.fixture
def job(home: Store) -> Job:
    job = Job(home, "0123456789ab")
    job.record(SPEC)
    return job


def done(shard: int, **fields: object) -> Done:
    whole = {"shard": shard, "segment": f"segments/{shard:05d}-0.jsonl", "items": 3, "bytes": 5}
    return Done.model_validate({**whole, "seconds": 1.0, **fields})


def test_a_job_is_summed_up_before_it_is_planned(job: Job) -> None:
    assert summarize(job) == JobSummary(
        job="0123456789ab",
        state="stopped",
        percent=0,
        items_done=0,
        items=0,
        shards_done=0,
        shards=0,
        bytes=sum(job.listing().sizes.values()),
        started=job.listing().times["spec.json"],
        changed=job.listing().times["spec.json"],
        scorer="style",
        source="in.csv",
        output="out.csv",
    )


def test_a_summary_counts_shards(job: Job) -> None:
    job.record(PLAN)
    job.record(done(1))
    found = summarize(job)
    assert (found.state, found.shards_done, found.shards) == ("stopped", 1, 2)
    assert (found.percent, found.items_done, found.items) == (50, 3, 6)
    job.cancel()
    assert summarize(job).state == "cancelled"


def test_jobs_that_cannot_be_read_are_named_among_the_others(home: Store, job: Job) -> None:
    Job(home, "0badc0ffee00").folder.put("spec.json", b"{}")
    found = {each.job: each for each in summaries(find.jobs(home))}
    assert found["0123456789ab"] == summarize(job)
    broken = found["0badc0ffee00"]
    assert isinstance(broken, Unreadable)
    assert "damaged, or written by another version" in broken.why
    assert "spec.json" in broken.why


def test_details_of_a_new_job_are_few(job: Job) -> None:
    found = details(job)
    assert (found.state, found.items, found.shards, found.result) == ("stopped", None, None, None)
    assert (found.items_done, found.shards_done, found.items_failed) == (0, 0, 0)
    assert found.spec == SPEC


def test_details_add_up_all_shards(job: Job) -> None:
    job.record(PLAN)
    job.record(Failed(shard=0, error="killed"), 1)
    job.record(done(0, stages={"read": 0.5, "score": 1.0}, failed=(ASIDE,), concealed=(2,)))
    job.record(done(1, stages={"read": 0.25}, concealed=(3, 5)))
    found = details(job)
    assert (found.items, found.items_done, found.shards, found.shards_done) == (6, 6, 2, 2)
    assert (found.failed, found.items_failed, found.failed_attempts) == ((ASIDE,), 1, 1)
    assert found.concealed == (2, 3, 5)
    assert found.seconds == {"read": 0.75, "score": 1.0}
    assert (found.warnings, found.reasons) == (PLAN.warnings, PLAN.reasons)


def test_details_hold_the_result(job: Job) -> None:
    result = Result(
        job=job.id,
        output="out.csv",
        items=6,
        failed=0,
        concealed=0,
        seconds=1.0,
        fps=6.0,
        bytes=10,
        sha256="ab",
        noun="frames",
    )
    job.record(result)
    found = details(job)
    assert (found.state, found.result) == ("done", result)
    assert (summarize(job).items, summarize(job).noun) == (6, "frames")


def test_there_are_no_details_of_no_job(home: Store) -> None:
    with pytest.raises(BadInput, match="not found"):
        details(Job(home, "abcdef"))


def test_losses_are_read_by_name_or_index(job: Job) -> None:
    job.journal.write(
        Submitted(),
        Item(1.5, 0, 0, 0.1, {"losses": [3.0, 2.0]}, name="a.png"),
        Item(1.5, 0, 1, 0.1, {"losses": [1.0]}),
        Item(1.5, 0, 2, 0.1, {"steps": 3}),
    )
    assert losses(job) == {"a.png": [3.0, 2.0], "1": [1.0]}
