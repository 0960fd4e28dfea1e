"""What holds of every store alike: a folder, Azure Blob Storage and S3, each behind its server."""

from __future__ import annotations

import json
import os
import unicodedata
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import pytest

from impasto.errors import BadInput, Changed, Exists, ImpastoError, Missing
from impasto.schema.url import MAX_KEY
from impasto.storage.clients import AT_ONCE
from impasto.storage.parallel import in_order
from impasto.storage.store import Store
from impasto.storage.upload import PART
from support import cloud
from support import stores as places
from support.cloud import DATA, Azurite, MotoS3, Server
from support.stores import KINDS, REMOTE, Backend, keys

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cloud import Authority

    Env = pytest.MonkeyPatch

PROCESSES = 6
MANY = 20_000

ODD = [
    "a b",
    unicodedata.normalize("NFC", "é"),
    unicodedata.normalize("NFD", "é"),
    "日本/語.png",
    "😀",
    "%20",
    "%",
    "a/%2F/b",
    "&amp;",
    "#",
    "a#1/b",
    "a#1b",
    "+&='\"[]{}|^~?*,;:@!$()`<>",
    "trailing.",
    " around ",
    "~home",
    "-rf",
    "C:drive",
    ".hidden",
    "a" * 250,
    "/".join(["b" * 200] * 5),
]
"""Names that every store holds."""

REFUSED = [
    "",
    "a/",
    "..",
    "a/../b",
    ".",
    "a/./b",
    "a//b",
    "/absolute",
    "back\\slash",
    "new\nline",
    "nul\0",
    "escape\x1b[2J",
    "del\x7f",
    "\ufffe",
    "lone\ud800",
    "not utf-8 \udcff",
    "a" * (MAX_KEY + 1),
    "é" * (MAX_KEY // 2 + 1),
]
"""Names that none does."""


@pytest.fixture(params=KINDS)
def backend(request: pytest.FixtureRequest, monkeypatch: Env) -> Backend:
    """A new and empty place."""
    return places.backend_of(request.param, request, monkeypatch)


@pytest.fixture(params=REMOTE)
def beyond(request: pytest.FixtureRequest, monkeypatch: Env) -> Backend:
    """A new and empty place on a server."""
    return places.backend_of(request.param, request, monkeypatch)


@pytest.fixture
def store(backend: Backend) -> Store:
    return backend.open()


# What stores do.


def test_what_is_written_is_read_listed_and_deleted(store: Store) -> None:
    store.put("x/2", b"two")
    store.put("x/1", b"")
    store.put("y", b"y" * 100_000)
    assert [store.read(key) for key in ("x/2", "x/1", "y")] == [b"two", b"", b"y" * 100_000]
    assert [(stat.key, stat.size) for stat in store.list_all()] == [
        ("x/1", 0),
        ("x/2", 3),
        ("y", 100_000),
    ]
    assert keys(store, "x") == keys(store, "x/") == ["x/1", "x/2"]
    assert sorted(stat.key for stat in store.walk()) == ["x/1", "x/2", "y"]
    store.delete("x/1", "y")
    assert keys(store) == ["x/2"]


def test_what_is_missing_is_none_or_an_error_that_names_it(store: Store) -> None:
    assert store.stat("none") is None
    assert store.list_all() == store.list_all("none") == []
    assert store.list_folder("none") == ([], [])
    store.delete("none", "none/either")
    with pytest.raises(Missing, match="/none: "):
        store.read("none")
    with pytest.raises(Missing, match="/none: "):
        store.copy("none", "to")
    with pytest.raises((Missing, Changed), match="/none: "):
        store.read_range("none", 0, 1, "etag")


def test_many_are_deleted_at_once_and_the_rest_stays(store: Store, monkeypatch: Env) -> None:
    monkeypatch.setattr("impasto.storage.store.BULK", 7)
    there = [f"a b/{n:02}%20+é" for n in range(30)]
    for key in there:
        store.put(key, b"")
    missing = [f"none/{n}" for n in range(8)]
    store.delete(*there[5:20], *missing, *there[25:])
    assert keys(store) == [*there[:5], *there[20:25]]
    store.delete()


def test_only_the_first_create_wins(store: Store) -> None:
    assert store.create("a/b.json", b"first")
    assert not store.create("a/b.json", b"second")
    assert store.read("a/b.json") == b"first"
    store.put("a/b.json", b"third")
    assert store.read("a/b.json") == b"third"
    store.delete("a/b.json")
    assert store.create("a/b.json", b"fourth")


def test_whatever_tells_an_etag_tells_the_same_one(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    etag = store.put_file("key", file, kind="text/plain")
    (listed,) = store.list_all()
    (folder,), _ = store.list_folder()
    assert store.stat("key") == listed == folder
    assert etag == listed.etag
    assert etag
    assert '"' not in etag


def test_a_replaced_object_has_another_etag(store: Store) -> None:
    seen = set()
    for content in (b"one", b"two", b"six"):
        store.put("key", content)
        stat = store.stat("key")
        assert stat
        seen.add(stat.etag)
    assert len(seen) == 3


@pytest.mark.parametrize("size", [1000, 2 * PART + 1000], ids=["small", "in_parts"])
def test_a_file_is_stored_once_unless_it_may_replace(
    store: Store, tmp_path: Path, size: int
) -> None:
    file = tmp_path / "file"
    file.write_bytes(os.urandom(size))
    etag = store.put_file("a/key", file, create=True)
    assert store.read("a/key") == file.read_bytes()
    with pytest.raises(Exists, match="a/key: already exists"):
        store.put_file("a/key", file, create=True)
    stat = store.stat("a/key")
    assert stat
    assert (stat.etag, stat.size) == (etag, size)
    file.write_bytes(b"other")
    assert store.put_file("a/key", file) != etag
    assert store.read("a/key") == b"other"


def test_a_file_that_is_not_there_is_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(Missing, match=f"{tmp_path}/none: no such file"):
        store.put_file("key", tmp_path / "none")
    assert keys(store) == []


def test_content_is_stored_as_it_comes(store: Store, monkeypatch: Env) -> None:
    monkeypatch.setattr("impasto.storage.upload.ONE_PUT", PART)
    for count in (1, 3):
        parts = [bytes([n]) * (PART // 2) for n in range(count)]
        size = count * PART // 2
        etag = store.put_parts(f"{count}", partial(iter, parts), size, create=True)
        assert store.read(f"{count}") == b"".join(parts)
        stat = store.stat(f"{count}")
        assert stat
        assert stat.etag == etag
        with pytest.raises(Exists):
            store.put_parts(f"{count}", lambda: [b""], size, create=True)


def test_a_prefix_sees_and_touches_nothing_beside_it(backend: Backend) -> None:
    whole = backend.open()
    beside = {"x": b"0", "xy/1": b"1", "xy": b"2", "w/1": b"3", "x0/x/1": b"4"}
    if backend.kind == "folder":
        del beside["x"], beside["xy"]
    for key, data in beside.items():
        whole.put(key, data)
    part = backend.open("x")
    assert keys(part) == []
    assert part.list_folder() == ([], [])
    part.put("1", b"mine")
    part.put("x/1", b"mine")
    assert keys(part) == ["1", "x/1"]
    assert [stat.key for stat in part.walk("x")] == ["x/1"]
    assert part.folders() == ["x"]
    assert part.stat("y/1") is None
    part.copy("1", "y/1")
    part.delete("0/x/1", "none")
    assert {key: whole.read(key) for key in beside} == beside
    assert keys(whole, "x") == ["x/1", "x/x/1", "x/y/1"]


def test_a_folder_is_listed_without_what_is_below(store: Store) -> None:
    for key in ("b", "a", "f/1", "f/g/2", "e/3", "ff/4"):
        store.put(key, b"")
    found, folders = store.list_folder()
    assert [stat.key for stat in found] == ["a", "b"]
    assert folders == store.folders() == ["e", "f", "ff"]
    found, folders = store.list_folder("f")
    assert [stat.key for stat in found] == ["f/1"]
    assert folders == ["f/g"]


def test_a_copy_is_made_and_replaces_only_when_it_may(store: Store) -> None:
    store.put("a", b"one")
    store.copy("a", "b/c", create=True)
    assert store.read("b/c") == b"one"
    store.put("a", b"two")
    assert store.read("b/c") == b"one"
    with pytest.raises(Exists, match="b/c: already exists"):
        store.copy("a", "b/c", create=True)
    assert store.read("b/c") == b"one"
    store.copy("a", "b/c")
    assert store.read("b/c") == b"two"


def test_a_copy_may_cross_prefixes(beyond: Backend) -> None:
    source, target = beyond.open("from"), beyond.open("to")
    source.put("a", b"one")
    assert source.root == target.root
    target.copy("a", "b", source=source)
    assert keys(beyond.open()) == ["from/a", "to/b"]


def test_a_url_opens_what_it_names(backend: Backend) -> None:
    backend.open("p").put("q/r", b"data")
    url = f"{backend.url}/p/q/r"
    assert backend.stores.read(url) == b"data"
    store, key = backend.stores.open_parent(url)
    assert (key, store.read(key), store.where(key)) == ("r", b"data", url)
    assert keys(backend.stores.open(f"{backend.url}/p/")) == ["q/r"]
    assert (backend.open().local("p/q") is None) == (backend.kind != "folder")


def test_odd_names_are_held_and_given_back_as_they_are(store: Store) -> None:
    for key in ODD:
        assert store.create(key, key.encode())
    assert keys(store) == sorted(ODD)
    for key in ODD:
        assert not store.create(key, b"")
        assert store.read(key) == key.encode()
        stat = store.stat(key)
        assert stat
        assert stat.key == key
        assert store.read_range(key, 0, 1, stat.etag) == key.encode()[:1]
        store.copy(key, f"c/{len(key)}")
    assert set(store.folders()) == {"c", *(k.partition("/")[0] for k in ODD if "/" in k)}
    store.delete(*keys(store))
    assert keys(store) == []


@pytest.mark.parametrize("key", REFUSED, ids=ascii)
def test_names_that_stores_disagree_on_are_refused(store: Store, key: str) -> None:
    before = keys(store)
    for act in (store.read, store.stat, store.delete):
        with pytest.raises(BadInput, match=r"rename it|its full name") as refused:
            act(key)
        assert str(refused.value).isprintable()
    for write in (store.put, store.create):
        with pytest.raises(BadInput):
            write(key, b"")
    with pytest.raises(BadInput):
        store.copy(key, "to")
    with pytest.raises(BadInput):
        store.copy("from", key)
    assert keys(store) == before


def test_a_prefix_counts_towards_the_longest_name(beyond: Backend) -> None:
    store = beyond.open("p" * 500)
    assert store.create("k" * 523, b"")
    with pytest.raises(BadInput, match="over 1024 bytes"):
        store.create("k" * 524, b"")


@pytest.mark.parametrize("key", ["a#1", "f/a#23", "x" * 251, "é" * 126])
def test_names_that_only_folders_cannot_hold_are_refused_there(backend: Backend, key: str) -> None:
    store = backend.open()
    if backend.kind == "folder":
        with pytest.raises(BadInput, match=r"folders cannot hold|over 250 bytes"):
            store.put(key, b"")
    else:
        assert store.create(key, b"data")
        assert store.read(key) == b"data"
        assert keys(store) == [key]


def test_a_folder_says_plainly_when_a_file_is_in_the_way(tmp_path: Path) -> None:
    store = places.folder(tmp_path).open()
    store.put("file", b"1")
    store.put("folder/file", b"1")
    assert store.stat("file/below") is None
    store.delete("file/below")
    for act in (store.put, store.create):
        with pytest.raises(BadInput, match="part of the path is a file"):
            act("file/below", b"2")
    with pytest.raises(BadInput, match="is a folder"):
        store.put("folder", b"2")
    assert keys(store) == ["file", "folder/file"]


def test_links_lead_nowhere_outside_a_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    store = places.folder(tmp_path / "root").open()
    store.put("real/a", b"mine")
    root = tmp_path / "root"
    (root / "folder").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    (root / "new").symlink_to(outside / "new")
    (root / "inside").symlink_to(root / "real")
    (root / "relative").symlink_to("../outside/secret")
    for key in ("folder/secret", "file", "relative", "new"):
        for act in (store.read, store.stat, store.delete):
            with pytest.raises(BadInput, match="link to a place outside"):
                act(key)
        for write in (store.put, store.create):
            with pytest.raises(BadInput, match="link to a place outside"):
                write(key, b"theirs")
        with pytest.raises(BadInput):
            store.copy(key, "copy")
        with pytest.raises(BadInput):
            store.put_file(key, root / "real" / "a")
    with pytest.raises(BadInput):
        store.list_all("folder")
    with pytest.raises(BadInput):
        store.list_folder("folder")
    assert store.read("inside/a") == b"mine"
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_bytes() == b"secret"


# Ranges.


def test_ranges_are_exact(store: Store) -> None:
    data = os.urandom(100_000)
    store.put("a", data)
    stat = store.stat("a")
    assert stat
    for start, stop in ((0, 1), (0, 100_000), (50_000, 50_001), (99_999, 100_000), (12, 70_000)):
        assert store.read_range("a", start, stop, stat.etag) == data[start:stop]


def test_a_range_past_the_end_is_an_error(backend: Backend) -> None:
    store = backend.open(retry=AT_ONCE)
    store.put("a", bytes(1000))
    stat = store.stat("a")
    assert stat
    for start, stop in ((999, 1001), (1000, 1001), (5000, 6000)):
        with pytest.raises(ImpastoError, match="/a: "):
            store.read_range("a", start, stop, stat.etag)


def test_a_range_of_another_version_is_never_given(store: Store) -> None:
    store.put("a", b"one")
    stat = store.stat("a")
    assert stat
    store.put("a", b"two")
    for etag in (stat.etag, "wrong"):
        with pytest.raises(Changed, match="/a: has changed"):
            store.read_range("a", 0, 3, etag)


# Many at once.


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    """Processes that begin together; spawned, for none can be forked once a store was used."""
    context = get_context("spawn")
    gate = context.Barrier(PROCESSES)
    with ProcessPoolExecutor(PROCESSES, context, places.meet, (gate,)) as pool:
        yield pool


def test_of_processes_that_race_to_create_exactly_one_wins(
    backend: Backend, processes: ProcessPoolExecutor
) -> None:
    wanted = [f"claims/{n:03}" for n in range(200)]
    racers = [
        processes.submit(places.race, backend, backend.secrets, wanted, f"{n}".encode())
        for n in range(PROCESSES)
    ]
    won = {str(n).encode(): racer.result() for n, racer in enumerate(racers)}
    assert Counter(key for mine in won.values() for key in mine) == Counter(wanted)
    store = backend.open()
    written = dict(zip(wanted, in_order(store.read, wanted, 8), strict=True))
    assert all(written[key] == mine for mine, theirs in won.items() for key in theirs)


def test_a_folder_lists_twenty_thousand_files(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for n in range(7):
        (tmp_path / "root" / f"d{n}").mkdir(parents=True)
    for key in many():
        # Ten times as fast as a file of its own.
        os.link(tmp_path / "file", tmp_path / "root" / key)
    check_many(places.folder(tmp_path / "root"))


def test_azure_lists_twenty_thousand_blobs(
    tmp_path: Path, authority: Authority, monkeypatch: Env
) -> None:
    (tmp_path / "__azurite_db_blob__.json").write_text(json.dumps(blobs("many", many())))

    def keep(command: list[str], *rest: Any) -> Server:
        at = command.index("--inMemoryPersistence")
        return Server([*command[:at], "--location", str(tmp_path), *command[at + 1 :]], *rest)

    monkeypatch.setattr(cloud, "Server", keep)
    server = Azurite.start(authority)
    try:
        check_many(places.azure(monkeypatch, server, "many"))
    finally:
        server.stop()


def test_s3_lists_twenty_thousand_objects(monkeypatch: Env) -> None:
    fill = f"""
from moto.s3.models import s3_backends
backend = s3_backends["123456789012"]["aws"]
backend.create_bucket("many", "us-east-1")
for n in range({MANY}):
    backend.put_object("many", f"d{{n % 7}}/{{n:05}}", b"")
"""
    monkeypatch.setattr(cloud, "LEASH_MOTO", fill + cloud.LEASH_MOTO)
    server = MotoS3.start()
    try:
        check_many(places.amazon(monkeypatch, server, "many"))
    finally:
        server.stop()


def many() -> list[str]:
    return [f"d{n % 7}/{n:05}" for n in range(MANY)]


def check_many(backend: Backend) -> None:
    store = backend.open()
    assert sorted(stat.key for stat in store.walk()) == sorted(many())
    assert keys(store, "d3") == [key for key in many() if key.startswith("d3/")]


def blobs(container: str, names: list[str]) -> dict[str, Any]:
    """Azurite's own records of empty blobs; it takes half a minute to be given as many."""
    shared = {
        "etag": '"0x1"',
        "lastModified": "2026-01-01T00:00:00.000Z",
        "leaseStatus": "unlocked",
        "leaseState": "available",
    }
    blob = shared | {
        "creationTime": "2026-01-01T00:00:00.000Z",
        "contentLength": 0,
        "contentType": "application/octet-stream",
        "blobType": "BlockBlob",
        "accessTier": "Hot",
    }
    rows = [
        {
            "accountName": DATA,
            "containerName": container,
            "name": name,
            "snapshot": "",
            "isCommitted": True,
            "deleted": False,
            "properties": blob,
            "$loki": number,
        }
        for number, name in enumerate(names, 1)
    ]
    one = {"accountName": DATA, "name": container, "properties": shared, "$loki": 1}
    return {
        "filename": "",
        "databaseVersion": 1.5,
        "collections": [
            _collection("$CONTAINERS_COLLECTION$", [one]),
            _collection("$BLOBS_COLLECTION$", rows),
        ],
    }


def _collection(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    empty: dict[str, Any] = {"uniqueNames": [], "binaryIndices": {}, "transforms": {}}
    return {"name": name, "data": rows, "maxId": len(rows), "DynamicViews": [], **empty}
