"""Files of any kind, given as they are or as copies, whatever is in them."""

from __future__ import annotations

import gc
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from impasto.errors import BadInput
from impasto.schema.job import JobSpec
from impasto.schema.outcome import ItemError
from impasto.sources.files import AHEAD
from impasto.sources.item import Blob
from impasto.sources.open import open_planned, open_source
from support import stores as places
from support.planned import planned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from impasto.schema.plan import Plan
    from impasto.sources.base import Source
    from support.stores import Backend

NAMES = ["2.txt", "10.bin", "a/2.txt"]


@pytest.fixture(params=places.KINDS)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Backend:
    backend = places.backend_of(request.param, request, monkeypatch)
    for name in NAMES:
        backend.open().put(f"in/{name}", name.encode() * 1000)
    return backend


def plan_of(place: Backend, source: str, **fields: Any) -> Plan:
    url = f"{place.url}/{source}"
    spec = JobSpec.model_validate(
        {"source": url, "output": "made.jsonl", "scorer": "script", **fields}
    )
    return planned(open_source(place.stores, url, "files"), spec)


def opened(place: Backend, source: str, plan: Plan) -> Source:
    """The source as a worker holds it: for as long as its copies are wanted."""
    return open_planned(place.stores, f"{place.url}/{source}", plan)


def blobs(opened: Source, plan: Plan) -> Iterator[Blob | ItemError]:
    for shard in plan.shards:
        for item in opened.read(plan, shard, 1):
            assert isinstance(item, Blob | ItemError)
            yield item


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("in/", ["2.txt", "10.bin"]),
        ("in", ["2.txt", "10.bin"]),
        ("in/**/*.txt", ["2.txt", "a/2.txt"]),
        ("in/10.bin", ["10.bin"]),
    ],
)
def test_files_come_in_order_under_their_own_names(
    place: Backend, source: str, expected: list[str]
) -> None:
    plan = plan_of(place, source, shard_frames=1)
    assert (plan.source, plan.items, plan.output) == ("files", "files", "records")
    assert [shard.names for shard in plan.shards] == [(name,) for name in expected]
    held = opened(place, source, plan)
    found = list(blobs(held, plan))
    for n, (item, name) in enumerate(zip(found, expected, strict=True)):
        assert isinstance(item, Blob)
        assert (item.index, item.key, item.path.name) == (n, name, name.rpartition("/")[2])
        assert item.path.read_bytes() == name.encode() * 1000
        assert item.fetched == (place.kind != "folder")


def test_a_manifest_may_name_what_is_not_there(place: Backend) -> None:
    place.open().put("list.txt", b"in/10.bin\nin/none.bin\nin/2.txt\n")
    plan = plan_of(place, "list.txt")
    held = opened(place, "list.txt", plan)
    first, second, third = blobs(held, plan)
    assert isinstance(first, Blob)
    assert isinstance(third, Blob)
    assert isinstance(second, ItemError)
    assert (second.item, second.key) == (1, "none.bin")
    assert second.error.startswith(f"{place.url}/in/none.bin: no such ")


def test_copies_are_few_and_go_with_their_source(place: Backend) -> None:
    if place.kind == "folder":
        place.open().put("in/x/1.txt", b"")
        plan = plan_of(place, "in/x/")
        (item,) = blobs(opened(place, "in/x/", plan), plan)
        assert isinstance(item, Blob)
        assert not item.fetched
        return
    for n in range(40):
        place.open().put(f"many/{n}.bin", b"1")
    plan = plan_of(place, "many/")
    source = opened(place, "many/", plan)
    root: Path | None = None
    most = 0
    for item in blobs(source, plan):
        assert isinstance(item, Blob)
        root = item.path.parent.parent
        most = max(most, sum(1 for _ in root.iterdir()))
        item.path.unlink()
    assert root
    assert most <= AHEAD + 2
    assert not list(root.rglob("*.bin"))
    kept = list(islice(blobs(source, plan), 3))
    assert all(isinstance(item, Blob) and item.path.exists() for item in kept)
    del source
    gc.collect()
    assert not root.exists()


def test_names_that_differ_by_folder_alone_do_not_clash(place: Backend) -> None:
    plan = plan_of(place, "in/**/2.txt")
    held = opened(place, "in/**/2.txt", plan)
    first, second = blobs(held, plan)
    assert isinstance(first, Blob)
    assert isinstance(second, Blob)
    assert first.path.name == second.path.name == "2.txt"
    assert first.path.read_bytes() != second.path.read_bytes()


def test_files_become_records_or_a_folder(place: Backend) -> None:
    assert plan_of(place, "in/", output="made/").output == "files"
    with pytest.raises(BadInput, match=r"made\.mp4: files cannot become pictures"):
        plan_of(place, "in/", output="made.mp4")
    with pytest.raises(BadInput, match="`start` and `end` need a video"):
        plan_of(place, "in/", start=1)


def test_facts_count_the_files(place: Backend) -> None:
    facts = open_source(place.stores, f"{place.url}/in/**", "files").facts()
    assert (facts["files"], facts["first"], facts["last"]) == (3, "2.txt", "a/2.txt")


def test_nothing_there_is_refused(place: Backend) -> None:
    with pytest.raises(BadInput) as caught:
        plan_of(place, "none")
    assert str(caught.value).startswith(f"{place.url}/none: ")
