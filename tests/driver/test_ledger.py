"""What a ledger says of a plan's shards, and what it takes over from earlier runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from impasto.driver.blame import ATTEMPTS
from impasto.driver.ledger import Ledger, open_ledger
from impasto.jobs.job import Job
from impasto.schema.job import JobSpec
from impasto.schema.outcome import Done, Failed, ItemError
from impasto.schema.plan import Plan, Shard
from impasto.schema.source import TableFacts
from impasto.storage.stores import Stores

SPEC = JobSpec(source="rows.csv", output="out.jsonl")
PLAN = Plan(
    source="table",
    table=TableFacts(format="jsonl", columns=()),
    output="records",
    items="rows",
    shards=tuple(Shard(index=n, start=10 * n, stop=10 * n + 10) for n in range(3)),
)


def done(shard: int, *bad: int) -> Done:
    failed = tuple(ItemError(item=item, error="no") for item in bad)
    segment = f"segments/{shard:05d}-0.jsonl"
    return Done(shard=shard, segment=segment, items=10, bytes=4, seconds=1.0, failed=failed)


def failed(shard: int, *items: int) -> Failed:
    return Failed(shard=shard, error="it broke", items=items)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    made = Job(Stores({}).open(str(tmp_path)), "0123456789ab")
    made.record(SPEC)
    made.record(PLAN)
    return made


def leave(job: Job, record: Done, *, torn: bool = False) -> None:
    """Leave what a worker leaves of a finished shard."""
    job.folder.put(record.segment, b"12" if torn else b"1234")
    job.record(record)


def test_sums_follow_from_the_done_records() -> None:
    ledger = Ledger(SPEC, PLAN, [done(1)])
    ledger.finish(done(0, 3, 4))
    assert (ledger.done, ledger.total, ledger.resumed) == (2, 30, 10)
    assert (ledger.tally.items, ledger.tally.failed) == (20, 2)
    assert [record.shard for record in ledger.records] == [0, 1]
    assert not ledger.complete
    ledger.finish(done(2))
    assert ledger.complete


def test_a_shard_is_left_until_it_is_done_or_has_failed_too_often() -> None:
    ledger = Ledger(SPEC, PLAN)
    ledger.finish(done(0))
    for _ in range(ATTEMPTS):
        assert [shard.index for shard in ledger.left] == [1, 2]
        ledger.fail(failed(1))
    assert [shard.index for shard in ledger.left] == [2]
    assert ledger.plain_failures == ATTEMPTS
    assert ledger.last_failure == failed(1)


def test_failures_of_earlier_runs_make_suspects_and_are_counted(job: Job) -> None:
    job.record(failed(1, 12), 1)
    ledger = open_ledger(job, SPEC, PLAN, retry=False)
    assert {attempt.shard.index: attempt.suspects for attempt in ledger.attempts()}[1] == (12,)
    assert ledger.fail(failed(1)) == 2
    assert ledger.fail(failed(0)) == 1


def test_records_whose_segments_are_torn_are_dropped(job: Job) -> None:
    leave(job, done(0))
    leave(job, done(1), torn=True)
    ledger = open_ledger(job, SPEC, PLAN, retry=False)
    assert [record.shard for record in ledger.records] == [0]
    assert job.find_done(PLAN.shards[1], PLAN) is None


@pytest.mark.parametrize("retry", [False, True])
def test_items_set_aside_are_tried_again_on_the_base_of_their_record(job: Job, retry: bool) -> None:
    allowed = SPEC.model_copy(update={"max_failed": 5 if retry else 0})
    leave(job, done(0))
    leave(job, done(1, 12))
    ledger = open_ledger(job, allowed, PLAN, retry=retry)
    # A retry leaves what was never tried as it is.
    assert [shard.index for shard in ledger.left] == ([1] if retry else [1, 2])
    assert ledger.attempts()[0].base == done(1, 12)
    assert (ledger.own(1, 10), ledger.own(2, 10)) == (1, 10)
    ledger.finish(done(1))
    assert ledger.scored == 1
    assert [record.shard for record in ledger.scored_whole] == [0]
