"""Records are believed only within bounds, under their own key, and where they fit their plan."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from impasto.errors import BadInput
from impasto.jobs.fits import failed_fits, fits
from impasto.jobs.job import Job
from impasto.schema.base import read
from impasto.schema.outcome import Done, Failed, ItemError
from impasto.schema.plan import Plan, Shard
from impasto.schema.source import TableFacts
from impasto.storage.stores import Stores

if TYPE_CHECKING:
    from pathlib import Path

SHARD = Shard(index=7, start=20, stop=23, names=("a", "b", "c"), outputs=("a.png", "d/b.png", "c"))
RECORD: dict[str, Any] = {
    "shard": 7,
    "segment": "segments/00007-0a/",
    "items": 3,
    "bytes": 5,
    "seconds": 1.5,
    "names": ["a.png", "d/b.png"],
    "failed": [{"item": 22, "error": "no"}],
    "failed_batches": 1,
    "concealed": [20],
}


def believed(**changes: object) -> bool:
    record = read(Done, json.dumps(RECORD | changes).encode())
    return record is not None and fits(record, SHARD, "folder")


def test_a_record_of_the_shard_is_believed() -> None:
    assert believed()


@pytest.mark.parametrize(
    "changes",
    [
        {"shard": 8},
        {"shard": -1},
        {"segment": "segments/00008-0a/"},
        {"segment": "segments/00007-0a/../../"},
        {"segment": "segments/00007-0a.mp4"},
        {"segment": "spec.json"},
        {"segment": "/etc/"},
        {"segment": "segments/00007-0a/\n"},
        {"items": 4},
        {"items": 2},
        {"items": 0},
        {"bytes": -5},
        {"bytes": 10**40},
        {"seconds": float("nan")},
        {"seconds": 1e308},
        {"stages": {"read": float("inf")}},
        {"names": ["/etc/passwd"]},
        {"names": ["../a.png"]},
        {"names": ["a.png", "a.png"]},
        {"names": ["e.png"]},
        {"names": ["a.png"]},
        {"names": ["a.png", "c"]},
        {"names": []},
        {"names": ["d\\b.png"]},
        {"failed": [{"item": 23, "error": "no"}]},
        {"failed": [{"item": 22, "error": "no"}] * 2},
        {"failed_batches": 2},
        {"concealed": [19]},
        {"concealed": [20, 20]},
        {"missing": {"age": 1000}},
        {"missing": {"age": -1}},
        {"unknown": 1},
    ],
    ids=str,
)
def test_a_record_that_cannot_be_the_shards_is_not(changes: dict[str, object]) -> None:
    assert not believed(**changes)


@pytest.mark.parametrize(("shard", "items"), [(8, [20]), (7, [23]), (7, [19, 20])])
def test_nor_is_one_of_a_failed_attempt(shard: int, items: list[int]) -> None:
    assert failed_fits(Failed(shard=7, error="it died", items=(20, 20)), SHARD)
    assert not failed_fits(Failed(shard=shard, error="it died", items=tuple(items)), SHARD)


def test_a_record_under_the_key_of_another_shard_counts_as_absent(tmp_path: Path) -> None:
    job = Job(Stores({}).open_home(str(tmp_path)), "0123456789ab")
    shards = tuple(Shard(index=n, start=n, stop=n + 1) for n in range(2))
    table = TableFacts(format="jsonl", columns=())
    plan = Plan(source="table", table=table, output="records", items="rows", shards=shards)
    done = Done(shard=0, segment="segments/00000-0a.jsonl", items=1, bytes=1, seconds=1.0)
    job.record(done)
    job.folder.put("done/00001.json", done.model_dump_json().encode())
    assert job.done(job.listing(), plan) == {0: done}
    assert job.find_done(shards[1], plan) is None


def test_a_folder_that_holds_no_job_cannot_be_cancelled(tmp_path: Path) -> None:
    place = tmp_path / "jobs" / "cccccccccccc"
    (place / "spec.json").mkdir(parents=True)
    with pytest.raises(BadInput, match="job cccccccccccc: not found"):
        Job(Stores({}).open_home(str(tmp_path)), "cccccccccccc").cancel()
    assert [path.name for path in place.iterdir()] == ["spec.json"]


def test_the_name_of_a_failed_item_is_bounded_and_without_secrets() -> None:
    assert len(ItemError(item=1, error="no", key="x" * 100_000).key) < 5000
    assert "s3cr3ts3cr3t" not in ItemError(item=1, error="no", key="a?sig=s3cr3ts3cr3t").key


@pytest.mark.parametrize(
    "changes",
    [
        {"shards": [{"index": 1, "start": 0, "stop": 1}]},
        {"shards": [{"index": 0, "start": 1, "stop": 0}]},
        {"shards": [{"index": 0, "start": 0, "stop": 1, "names": ["a", "b"]}]},
        {"shards": [{"index": 0, "start": 0, "stop": 1, "outputs": ["../a"]}]},
        {"shards": [{"index": 0, "start": 0, "stop": 1}, {"index": 1, "start": 2, "stop": 3}]},
        {"source": "video"},
        {"items": "pictures"},
        {"output": "video"},
        {"source": "files"},
        {"output": "folder"},
        {"shards": [{"index": 0, "start": 0, "stop": 2, "outputs": ["a", "a"]}]},
        {"shards": [{"index": n, "start": n, "stop": n + 1, "outputs": ["a"]} for n in range(2)]},
        {"base": "a\0b"},
        {"base": "/in", "shards": [{"index": 0, "start": 0, "stop": 1, "names": ["../b"]}]},
        {"base": "/in", "shards": [{"index": 0, "start": 0, "stop": 1, "names": ["/b"]}]},
        {"width": -1},
        {"table": None},
        {"table": {"format": "csv", "columns": []}},
        {"table": {"format": "csv", "columns": [["x", "no such"]]}},
        {"table": {"format": "csv", "columns": [["x", "str"]] * 2}},
        {"table": {"format": "csv", "columns": [["x", "str"]], "delimiter": "\n"}},
        {"clip": [0, 10**30]},
        {"clip": [-(1 << 63), (1 << 63) - 1]},
        {"clip": [5, 5]},
        {"encoding": {"threads": 10**9}},
    ],
    ids=str,
)
def test_a_plan_that_contradicts_itself_is_torn(changes: dict[str, object]) -> None:
    shards = [{"index": 0, "start": 0, "stop": 1}]
    table = {"format": "csv", "columns": [["x", "int64"]]}
    whole: dict[str, Any] = {
        "source": "table",
        "table": table,
        "output": "records",
        "items": "rows",
    }
    whole |= {"shards": shards}
    assert read(Plan, json.dumps(whole).encode())
    assert read(Plan, json.dumps(whole | changes).encode()) is None


FACTS = {"container": "c", "stream": 0, "codec": "c", "pixel_format": "rgb24"}
FACTS |= {"width": 8, "height": 8, "time_base": "1/25", "rate": "25"}
FILM: dict[str, Any] = {
    "source": "video",
    "output": "video",
    "facts": FACTS,
    "width": 8,
    "height": 8,
    "shards": [
        {"index": n, "start": n, "stop": n + 1, "cut": {"pts": [n], "stop": 2}} for n in range(2)
    ],
}


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 0},
        {"facts": FACTS | {"time_base": "4294967296"}},
        {"facts": FACTS | {"rate": "1/1000000000000000000000"}},
        {"facts": FACTS | {"sample_aspect": "4000000001/4000000000"}},
        {"shards": [{"index": 0, "start": 0, "stop": 2, "cut": {"pts": [1, 1], "stop": 2}}]},
        {"shards": [{"index": 0, "start": 0, "stop": 0, "cut": {"pts": [], "stop": 2}}]},
        {"shards": [*FILM["shards"][:1], FILM["shards"][1] | {"cut": {"pts": [0], "stop": 2}}]},
    ],
    ids=str,
)
def test_so_is_one_of_a_film_that_could_not_be_made(changes: dict[str, object]) -> None:
    assert read(Plan, json.dumps(FILM).encode())
    assert read(Plan, json.dumps(FILM | changes).encode()) is None
