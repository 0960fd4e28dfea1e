"""A worker's notes on a shard become a record that is believed."""

from __future__ import annotations

import pytest

from impasto.jobs.fits import fits
from impasto.outputs.base import Scored
from impasto.schema.item_names import ItemNames
from impasto.schema.outcome import Attempt, Done, ItemError
from impasto.schema.plan import Shard
from impasto.worker.report import ShardReport

SHARD = Shard(index=0, start=0, stop=3)


def record(report: ShardReport) -> Done:
    return Done(
        shard=0,
        segment="segments/00000-0a.jsonl",
        items=report.items,
        bytes=1,
        seconds=1.0,
        concealed=tuple(report.concealed),
        missing=dict(report.missing),
        failed=tuple(report.failed),
    )


@pytest.mark.parametrize("error", [None, ItemError(item=1, error="no")])
def test_an_item_is_noted_once_however_often_it_is_tried(error: ItemError | None) -> None:
    first = ShardReport(Attempt(shard=SHARD), ItemNames("row"), "vm:7/cpu")
    for item in range(3):
        failed = ItemError(item=1, error="no") if item == 1 else None
        first.add(Scored(item, concealed=item < 2, error=failed))
    base = record(first)
    again = ShardReport(
        Attempt(shard=SHARD, base=base, tried=base.failed), ItemNames("row"), "vm:7/cpu"
    )
    again.add(Scored(1, concealed=True, error=error))
    made = record(again)
    assert fits(base, SHARD, "records")
    assert fits(made, SHARD, "records")
    assert (made.items, sorted(made.concealed)) == (3, [0, 1])
    told = [(it.item, it.key, it.attempts) for it in made.failed]
    assert told == ([(1, "row 2", 2)] if error else [])


@pytest.mark.parametrize("error", [None, ItemError(item=1, error="no")])
def test_values_that_a_row_lacks_are_counted_once_it_is_scored(error: ItemError | None) -> None:
    first = ShardReport(Attempt(shard=SHARD), ItemNames("row"), "vm:7/cpu")
    for item in range(3):
        failed = ItemError(item=1, error="no") if item == 1 else None
        first.add(Scored(item, missing=("age",), error=failed))
    base = record(first)
    assert base.missing == {"age": 2}
    again = ShardReport(
        Attempt(shard=SHARD, base=base, tried=base.failed), ItemNames("row"), "vm:7/cpu"
    )
    again.add(Scored(1, missing=("age", "income"), error=error))
    assert record(again).missing == ({"age": 2} if error else {"age": 3, "income": 1})
    assert fits(record(again), SHARD, "records")
