from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from impasto.jobs.job import Job
from impasto.jobs.timings import ItemTiming, PassTiming, Spread, fields, timings
from impasto.schema.events import Item, Started, Stopped
from impasto.storage.stores import Stores

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(Stores({}).open_home(str(tmp_path)), "0123456789ab")


def test_each_drivers_pass_over_a_job_has_a_row(job: Job) -> None:
    job.journal.write(
        Started(time=10.0, host="vm", pid=7, resumed=0),
        Item(11.0, 0, 0, 5.0, {}),
        Stopped(time=12.5, error="no memory", exit_code=1),
        Started(time=20.0, host="vm", pid=8, resumed=1),
        Started(time=30.0, host="vm", pid=9, resumed=1),
        Item(31.0, 0, 1, 5.0, {}),
        Item(32.0, 0, 2, 5.0, {}),
    )
    assert list(timings(job, "job")) == [
        PassTiming(10.0, 12.5, 2.5, 1, "no memory", "vm", 7),
        PassTiming(20.0, None, None, 0, "", "vm", 8),
        PassTiming(30.0, None, None, 2, "", "vm", 9),
    ]


def test_items_are_read_from_the_log_of_any_version(job: Job) -> None:
    job.journal.write(
        Item(1.0, 0, 3, 5.0, {}), Item(2.0, 1, 4, 6.0, {}, "a", error="no", worker="vm:7/cpu")
    )
    assert list(timings(job, "items")) == [
        ItemTiming(3, "item 3", 0, "", 5.0, 1.0, ""),
        ItemTiming(4, "a", 1, "vm:7/cpu", 6.0, 2.0, "no"),
    ]
    assert list(timings(job, "shards")) == []


def test_fields_have_types() -> None:
    assert fields("job")["seconds"] is float
    assert (fields("items")["item"], fields("items")["name"]) == (int, str)


def test_a_spread_knows_percentiles_without_keeping_the_items() -> None:
    spread = Spread()
    for n in range(1, 10_001):
        spread.add(ItemTiming(n, "", 0, "", n / 10, 0.0, ""))
    assert spread.percentile(50) == pytest.approx(500, rel=0.02)
    assert spread.percentile(99) == pytest.approx(990, rel=0.02)
    assert [each.item for each in spread.slowest] == [10_000, 9_999, 9_998, 9_997, 9_996]
    assert len(spread._bins) < 500
