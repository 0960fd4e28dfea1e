"""Copies between folders, Azure and S3, deletions and listings, as a user meets them."""

from __future__ import annotations

import json
import os
import signal
import threading
import urllib.request
from itertools import count
from typing import TYPE_CHECKING

import obstore
import pytest

from impasto.errors import BadInput, Changed, Exists, ImpastoError, Incomplete, Interrupted, Missing
from impasto.schema.url import parse
from impasto.storage.store import Store
from impasto.storage.stores import Stores
from impasto.storage.transfer.copying import copy
from impasto.storage.transfer.listing import Entry, Folder, entries
from impasto.storage.transfer.removal import remove
from impasto.storage.transfer.tasks import GIVE_UP, Observer, Tally
from support.cloud import CONTROL
from support.command import call, start, wait_for
from support.faults import Delay, Proxy, Record, Refuse
from support.stores import Backend, amazon, azure, folder, write_config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.cloud import Authority, Azurite, MotoS3

KINDS = ["folder", "azurite", "s3"]
ODD = [
    "a b.png",
    "a%20b.png",
    "frame #1",
    "x#1",
    "100%",
    "ü.jpg",
    "u\u0308.jpg",
    "\N{GRINNING FACE}",
    "*?[]",
    "'\"&+;=@,|<>^`{}",
    ".hidden/.x",
    " lead",
    "~tilde",
    f"{'long' * 50}/{'ä' * 100}/{'n' * 200}/{'m' * 250}.jpg",
]


@pytest.fixture
def make(
    azurite: Azurite, s3: MotoS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Backend]:
    """``make(kind)``: a new, empty place of a kind."""
    numbers = count()
    ways: dict[str, Callable[[], Backend]] = {
        "folder": lambda: folder(tmp_path / f"folder{next(numbers)}"),
        "azurite": lambda: azure(monkeypatch, azurite),
        "other account": lambda: azure(monkeypatch, azurite, account=CONTROL),
        "s3": lambda: amazon(monkeypatch, s3),
    }
    return lambda kind: ways[kind]()


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """A folder with two files, one of them nested."""
    made = tmp_path / "media"
    write(made, {"a.jpg": b"one", "sub/b.jpg": b"two"})
    return made


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def fill(backend: Backend, files: dict[str, bytes]) -> Store:
    store = backend.open()
    for name, data in files.items():
        store.put(name, data)
    return store


def together(*backends: Backend) -> Stores:
    profiles = {str(n): each.profile for n, each in enumerate(backends) if each.profile}
    return Stores(profiles)


def held(backend: Backend, prefix: str = "") -> dict[str, bytes]:
    """All that is in a place, by key."""
    place = parse(f"{backend.url}/{prefix}")
    if place.local:
        files = (path for path in place.path.rglob("*") if path.is_file())
        return {str(path.relative_to(place.path)): path.read_bytes() for path in files}
    store = Store(place, backend.profile)
    return {stat.key: store.read(stat.key) for stat in store.walk()}


def listing(stores: Stores, url: str, *, recursive: bool = False) -> list[Entry]:
    return list(entries(stores, url, recursive=recursive, note=lambda _: None))


def age(path: Path, seconds: int = 100) -> None:
    """Make a file older than anything that is written now."""
    stat = path.stat()
    os.utime(path, (stat.st_mtime - seconds, stat.st_mtime - seconds))


@pytest.mark.parametrize("target", [*KINDS, "other account"])
@pytest.mark.parametrize("source", KINDS)
def test_all_names_arrive_from_everywhere_to_everywhere(
    source: str, target: str, make: Callable[[str], Backend], tmp_path: Path
) -> None:
    files = {name: name.encode() for name in ODD} | {"empty": b""}
    there, here = make(source), make(target)
    if source == "folder":
        write(parse(there.url).path, files)
    else:
        fill(there, files)
    tally = copy(together(there, here), [f"{there.url}/"], f"{here.url}/in")
    assert held(here, "in") == files
    assert (tally.changed, tally.done, tally.total) == (len(files), tally.total, tally.done)
    again = copy(together(there, here), [f"{there.url}/"], f"{here.url}/in")
    assert (again.changed, again.skipped, again.resumed) == (0, len(files), again.total)


@pytest.mark.parametrize(
    ("source", "target"),
    [("folder", "azurite"), ("azurite", "s3"), ("s3", "azurite"), ("s3", "folder")],
)
def test_large_objects_arrive_whole(
    source: str, target: str, make: Callable[[str], Backend], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.storage.upload.ONE_PUT", 10 << 20)
    files = {"large.mp4": os.urandom((20 << 20) + 17), "middle.mp4": os.urandom((9 << 20) + 1)}
    there, here = make(source), make(target)
    write(parse(there.url).path, files) if source == "folder" else fill(there, files)
    tally = copy(together(there, here), [f"{there.url}/"], f"{here.url}/in/")
    assert held(here, "in") == files
    assert tally.done == tally.total == sum(map(len, files.values()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("sources", "target", "expected"),
    [
        (["media"], "in", {"in/media/a.jpg", "in/media/sub/b.jpg"}),
        (["media/"], "in", {"in/a.jpg", "in/sub/b.jpg"}),
        (["media/."], "in/", {"in/a.jpg", "in/sub/b.jpg"}),
        (["media/a.jpg"], "in", {"in"}),
        (["media/a.jpg"], "in/", {"in/a.jpg"}),
        (["media/a.jpg"], "there", {"there/a.jpg", "there/x"}),
        (["media/a.jpg", "media/sub"], "in", {"in/a.jpg", "in/sub/b.jpg"}),
        (["media/a.jpg"], "", {"a.jpg"}),
    ],
)
def test_where_things_go(
    kind: str,
    sources: list[str],
    target: str,
    expected: set[str],
    media: Path,
    make: Callable[[str], Backend],
) -> None:
    here = make(kind)
    if target == "there":
        stores = together(here)
        copy(stores, [str(media / "a.jpg")], f"{here.url}/there/x")
    texts = [f"{media.parent}/{source}" for source in sources]
    for _ in range(2):
        # The second time as the first: what is there by then does not change where things go.
        copy(together(here), texts, f"{here.url}/{target}")
        assert set(held(here)) == expected


@pytest.mark.parametrize("kind", ["azurite", "s3"])
def test_a_folder_comes_from_a_store_whole_or_as_its_content(
    kind: str, make: Callable[[str], Backend], tmp_path: Path
) -> None:
    there = make(kind)
    fill(there, {"in/photos/a": b"1", "in/photos/b/c": b"2", "in/photos-2": b"3"})
    out = folder(tmp_path / "out")
    copy(there.stores, [f"{there.url}/in/photos"], f"{out.url}/whole")
    copy(there.stores, [f"{there.url}/in/photos/"], f"{out.url}/content")
    copy(there.stores, [f"{there.url}/in/photos/b/c"], f"{out.url}/one")
    assert set(held(out)) == {"whole/photos/a", "whole/photos/b/c", "content/a", "content/b/c"} | {
        "one"
    }
    path = tmp_path / "out" / "one"
    stat = there.open("in").stat("photos/b/c")
    assert stat
    assert path.stat().st_mtime == pytest.approx(stat.modified)


@pytest.mark.parametrize("kind", ["folder", "azurite"])
def test_the_same_command_goes_on_where_it_stopped(
    kind: str, make: Callable[[str], Backend], tmp_path: Path
) -> None:
    source = write(tmp_path / "source", {f"{n:03}": b"x" * n for n in range(300)})
    here = make(kind)
    stop = threading.Event()

    def stop_early(tally: Tally) -> None:
        if tally.objects >= 20:
            stop.set()

    with pytest.raises(Interrupted, match="run the same command to continue"):
        copy(together(here), [f"{source}/"], here.url, watch=Observer(stop_early, stop=stop))
    done = len(held(here))
    assert 20 <= done < 300
    tally = copy(together(here), [f"{source}/"], here.url)
    assert (tally.skipped, tally.changed) == (done, 300 - done)
    assert len(held(here)) == 300


@pytest.mark.parametrize("kind", KINDS)
def test_what_differs_stays_unless_told_otherwise_and_the_rest_is_copied(
    kind: str, media: Path, make: Callable[[str], Backend], tmp_path: Path
) -> None:
    here = make(kind)
    here_stores = together(here)
    copy(here_stores, [f"{media}/"], here.url)
    (media / "a.jpg").write_bytes(b"longer than before")
    (media / "c.jpg").write_bytes(b"new")
    told: list[ImpastoError] = []
    with pytest.raises(Incomplete, match=r"1 of 3 objects .*a\.jpg.*`overwrite`"):
        copy(here_stores, [f"{media}/"], here.url, watch=Observer(failed=told.append))
    assert len(told) == 1
    assert held(here) == {"a.jpg": b"one", "c.jpg": b"new", "sub/b.jpg": b"two"}
    with pytest.raises(Exists, match="`overwrite`"):
        copy(here_stores, [str(media / "a.jpg")], f"{here.url}/a.jpg")
    tally = copy(here_stores, [f"{media}/"], here.url, overwrite=True)
    assert tally.changed == 3
    assert held(here)["a.jpg"] == b"longer than before"


def test_a_newer_source_of_the_same_size_is_no_copy(
    make: Callable[[str], Backend], tmp_path: Path
) -> None:
    here = make("azurite")
    source = write(tmp_path / "source", {"a": b"one"})
    copy(here.stores, [f"{source}/"], here.url)
    age(source / "a", -100)
    with pytest.raises(Exists, match="differs"):
        copy(here.stores, [f"{source}/"], here.url)
    back = write(tmp_path / "back", {"a": b"own"})
    with pytest.raises(Exists, match="differs"):
        copy(here.stores, [f"{here.url}/a"], f"{back}/")
    assert (back / "a").read_bytes() == b"own"


@pytest.mark.parametrize("kind", ["azurite", "s3"])
def test_within_a_container_the_service_copies(
    kind: str,
    azurite: Azurite,
    s3: MotoS3,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = azurite.endpoint() if kind == "azurite" else s3.endpoint
    with Proxy(server, authority) as proxy:
        there = (
            azure(monkeypatch, azurite, proxy=proxy)
            if kind == "azurite"
            else amazon(monkeypatch, s3, proxy=proxy, ca=authority.ca_pem)
        )
        fill(there, {"in/a": b"x" * 100_000, "in/b": b"y" * 100_000})
        proxy.clear()
        tally = copy(there.stores, [f"{there.url}/in"], f"{there.url}/out/")
        assert tally.done == 200_000
        assert sum(record.up for record in proxy.records) < 10_000
        assert proxy.count("PUT") == 2
        assert held(there, "out/in") == held(there, "in")


@pytest.mark.parametrize("kind", ["azurite", "s3"])
def test_uploads_have_a_type(
    kind: str, media: Path, make: Callable[[str], Backend], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.storage.upload.ONE_PUT", 1 << 20)
    here = make(kind)
    write(media, {"d.mp4": bytes(2 << 20), "e.tar.gz": b"", "f": b""})
    copy(here.stores, [f"{media}/"], here.url)
    client = here.open()._requests.client
    kinds = {
        key: obstore.get(client, key).attributes["Content-Type"]
        for key in ("a.jpg", "d.mp4", "e.tar.gz", "f")
    }
    plain = "application/octet-stream"
    assert kinds == {"a.jpg": "image/jpeg", "d.mp4": "video/mp4", "e.tar.gz": plain, "f": plain}


@pytest.mark.parametrize("size", [1000, 12 << 20])
def test_an_object_that_changes_meanwhile_is_an_error(
    size: int,
    azurite: Azurite,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("impasto.storage.transfer.listing.PART", 1 << 20)
    direct = azure(monkeypatch, azurite)
    store = fill(direct, {"in/a": bytes(size), "in/b": b"b"})
    changed = threading.Event()

    def change(record: Record) -> None:
        wanted = 9 if size > 1000 else 1
        ranges = [r for r in proxy.records if r.method == "GET" and r.path.endswith("/a")]
        if len(ranges) == wanted and not changed.is_set():
            changed.set()
            store.put("in/a", b"x" * size)

    with Proxy(azurite.endpoint(), authority, change) as proxy:
        container = parse(direct.url).container
        there = azure(monkeypatch, azurite, container, proxy=proxy)
        told: list[ImpastoError] = []
        with pytest.raises(Incomplete, match="changed in the meantime"):
            copy(
                there.stores,
                [f"{there.url}/in/"],
                str(tmp_path / "out"),
                watch=Observer(failed=told.append),
            )
    assert [type(error) for error in told] == [Changed]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b"]


def test_a_file_that_changes_while_it_is_sent_is_an_error(
    make: Callable[[str], Backend], tmp_path: Path
) -> None:
    here = make("azurite")
    source = write(tmp_path / "source", {"a": b"one", "b": b"two"})

    def change(tally: Tally) -> None:
        if tally.stage == "copying" and not tally.objects:
            (source / "a").write_bytes(b"other")

    with pytest.raises(Incomplete, match="changed in the meantime"):
        copy(here.stores, [f"{source}/"], here.url, watch=Observer(change))
    assert held(here) == {"b": b"two"}


@pytest.mark.parametrize(
    "key",
    ["../x", "a/../../x", "/x", "a//b", ".", "a/./b", "a\\b", "C:/x", "c:x", "a\nb", "ä" * 128],
)
def test_no_key_leaves_its_folder(key: str, tmp_path: Path) -> None:
    target = Folder(parse(str(tmp_path)), lambda _: None)
    with pytest.raises(BadInput):
        target.path(key)


def test_what_cannot_be_a_file_is_told_and_the_rest_comes(
    make: Callable[[str], Backend], tmp_path: Path
) -> None:
    there = make("azurite")
    long = "n" * 300
    fill(
        there, {"a": b"1", "a/x": b"2", "b": b"", "b/y": b"3", "C:z": b"4", long: b"5", "ok": b"6"}
    )
    told: list[ImpastoError] = []
    with pytest.raises(Incomplete, match="3 of 7"):
        copy(there.stores, [f"{there.url}/"], f"{tmp_path}/out", watch=Observer(failed=told.append))
    facts = sorted(str(error).partition(": ")[2] for error in told)
    assert len(facts) == 3
    assert "both" in "".join(facts)
    assert "drive" in "".join(facts)
    assert "255" in "".join(facts)
    assert held(folder(tmp_path / "out")) == {"a/x": b"2", "b/y": b"3", "ok": b"6"}


def test_nothing_is_written_through_a_link_out_of_the_target(
    make: Callable[[str], Backend], tmp_path: Path
) -> None:
    there = make("azurite")
    fill(there, {"sub/a": b"1"})
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").symlink_to(outside)
    with pytest.raises(BadInput, match="link"):
        copy(there.stores, [f"{there.url}/"], f"{tmp_path}/out")
    assert not list(outside.iterdir())


def test_a_folder_is_never_replaced_by_a_file(tmp_path: Path, media: Path) -> None:
    write(tmp_path / "out" / "a.jpg", {"precious": b"x"})
    with pytest.raises(BadInput, match="folder"):
        copy(Stores({}), [str(media / "a.jpg")], f"{tmp_path}/out/", overwrite=True)
    assert (tmp_path / "out" / "a.jpg" / "precious").exists()


def test_links_are_followed_within_their_folder_alone(tmp_path: Path, media: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (media / "inside").symlink_to("sub/b.jpg")
    (media / "outside").symlink_to(tmp_path / "secret")
    (media / "dangling").symlink_to("nowhere")
    (media / "loop").symlink_to(".")
    os.mkfifo(media / "pipe")
    tally = copy(Stores({}), [f"{media}/"], f"{tmp_path}/out")
    out = held(folder(tmp_path / "out"))
    assert out == {"a.jpg": b"one", "sub/b.jpg": b"two", "inside": b"two"}
    assert not (tmp_path / "out" / "inside").is_symlink()
    assert len(tally.warnings) == 4


def test_what_killed_runs_left_is_swept(tmp_path: Path, media: Path) -> None:
    stem = f".impasto-cp-{'0a' * 16}"
    write(tmp_path / "out", {f"{stem}-new.jpg": b"half", f"{stem}.lock": b""})
    copy(Stores({}), [f"{media}/"], f"{tmp_path}/out")
    assert not list((tmp_path / "out").glob(".impasto-*"))


def test_a_file_that_is_called_a_lock_is_copied_as_any_other(tmp_path: Path) -> None:
    write(tmp_path / "in", {"uv.lock": b"pins"})
    copy(Stores({}), [f"{tmp_path}/in/"], f"{tmp_path}/out")
    assert held(folder(tmp_path / "out")) == {"uv.lock": b"pins"}


@pytest.mark.parametrize(
    ("source", "target"),
    [("in", ""), ("in/", "in/"), ("in/", "in/sub"), ("in/a", "in/a"), ("in/a", "in/"), ("", "x")],
)
@pytest.mark.parametrize("kind", ["folder", "azurite"])
def test_nothing_is_copied_into_itself(
    source: str, target: str, kind: str, make: Callable[[str], Backend]
) -> None:
    there = make(kind)
    fill(there, {"in/a": b"1"})
    with pytest.raises(BadInput, match="is copied"):
        copy(there.stores, [f"{there.url}/{source}"], f"{there.url}/{target}")
    assert held(there) == {"in/a": b"1"}


def test_two_sources_never_land_on_one_target(tmp_path: Path) -> None:
    write(tmp_path, {"a/x": b"1", "b/x": b"2"})
    with pytest.raises(BadInput, match="both"):
        copy(Stores({}), [f"{tmp_path}/a/x", f"{tmp_path}/b/"], f"{tmp_path}/out")
    assert not (tmp_path / "out").exists()


def test_after_failures_in_a_row_the_rest_is_left(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = write(tmp_path / "source", {f"{n:03}": b"x" for n in range(200)})
    here = azure(monkeypatch, azurite, auth="sas", permission="rl")
    told: list[ImpastoError] = []
    with pytest.raises(Incomplete, match="200 of 200"):
        copy(here.stores, [f"{source}/"], here.url, watch=Observer(failed=told.append))
    assert GIVE_UP <= len(told) < 100


def test_who_may_only_write_replaces_nothing(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch, media: Path
) -> None:
    here = azure(monkeypatch, azurite, auth="sas", permission="cw")
    tally = copy(here.stores, [str(media / "a.jpg")], f"{here.url}/in/")
    assert tally.changed == 1
    with pytest.raises(Exists):
        copy(here.stores, [str(media / "a.jpg")], f"{here.url}/in/")


def test_a_signed_url_opens_the_source(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there = azure(monkeypatch, azurite)
    fill(there, {"in/a": b"1"})
    name = parse(there.url).container
    sas = azurite.container_sas("dataacct", name, "rl")
    stores = together(azure(monkeypatch, azurite, name, auth="key", secret="bm8="))
    url = f"{azurite.endpoint()}/{name}"
    copy(stores, [f"{url}/in/a?{sas}"], f"{tmp_path}/a")
    copy(stores, [f"{url}/in/?{sas}"], f"{tmp_path}/out")
    assert held(folder(tmp_path / "out")) == {"a": b"1"}
    assert (tmp_path / "a").read_bytes() == b"1"


@pytest.mark.parametrize("kind", KINDS)
def test_a_listing_shows_what_is_there(kind: str, make: Callable[[str], Backend]) -> None:
    there = make(kind)
    fill(there, {"in/a": b"1", "in/b/c": b"22", "in/b/d/e": b"333", "in/.h": b""})
    flat = listing(there.stores, f"{there.url}/in")
    assert sorted(entry.name for entry in flat) == [".h", "a", "b/"]
    assert {entry.name for entry in flat if entry.stat is None} == {"b/"}
    deep = listing(there.stores, f"{there.url}/in/", recursive=True)
    assert {e.name: e.stat.size for e in deep if e.stat} == {".h": 0, "a": 1, "b/c": 2, "b/d/e": 3}
    (one,) = listing(there.stores, f"{there.url}/in/a")
    assert one.name == "a"
    assert listing(there.stores, one.url) == [one]
    for nothing in ("none", "none/", "in/a/", "i"):
        with pytest.raises(Missing):
            listing(there.stores, f"{there.url}/{nothing}")


def test_an_empty_object_that_is_also_a_folder_is_a_folder(
    make: Callable[[str], Backend],
) -> None:
    there = make("azurite")
    fill(there, {"in": b"", "in/a": b"1"})
    assert [entry.name for entry in listing(there.stores, f"{there.url}/in")] == ["a"]


def test_markers_of_folders_are_no_objects(
    s3: MotoS3, make: Callable[[str], Backend], tmp_path: Path
) -> None:
    there, here = make("s3"), make("azurite")
    fill(there, {"in/a": b"1", "in/sub/b": b"2"})
    bucket = parse(there.url).container
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for key in ("in/sub/", "in/empty/"):
        request = urllib.request.Request(f"{s3.endpoint}/{bucket}/{key}", b"", method="PUT")
        direct.open(request, timeout=60).close()
    copy(there.stores, [f"{there.url}/in/"], f"{tmp_path}/out")
    assert held(folder(tmp_path / "out")) == {"a": b"1", "sub/b": b"2"}
    copy(together(there, here), [f"{there.url}/in/"], here.url)
    assert held(here) == {"a": b"1", "sub/b": b"2"}
    with pytest.raises(Incomplete, match=r"2 of 4 objects .* marks a folder"):
        remove(there.stores, [f"{there.url}/in"], recursive=True)


@pytest.mark.parametrize("kind", ["azurite", "s3"])
def test_deleting_takes_what_is_named_and_no_more(
    kind: str, make: Callable[[str], Backend]
) -> None:
    there = make(kind)
    fill(there, {"a": b"1", "a/x": b"2", "a/y/z": b"3", "a-b": b"4", "b": b""})
    stores = there.stores
    assert remove(stores, [f"{there.url}/b", f"{there.url}/b"]).changed == 1
    with pytest.raises(Missing):
        remove(stores, [f"{there.url}/b"])
    with pytest.raises(Missing):
        remove(stores, [f"{there.url}/b"], recursive=True)
    with pytest.raises(BadInput, match="`recursive`"):
        remove(stores, [f"{there.url}/a/"])
    assert remove(stores, [f"{there.url}/a/"], recursive=True).changed == 2
    assert set(held(there)) == {"a", "a-b"}
    assert remove(stores, [f"{there.url}/a"], recursive=True).changed == 1
    assert remove(stores, [there.url], recursive=True).changed == 1
    assert remove(stores, [there.url], recursive=True).changed == 0


def test_files_of_this_machine_are_never_deleted(media: Path) -> None:
    with pytest.raises(BadInput, match="with your shell's rm"):
        remove(Stores({}), [str(media)], recursive=True)
    assert held(folder(media))


def test_thousands_go_up_and_down(make: Callable[[str], Backend], tmp_path: Path) -> None:
    files = {f"{n // 500}/{n:05}.jpg": b"%05d" % n * 100 for n in range(2000)}
    source = write(tmp_path / "source", files)
    here = make("azurite")
    assert copy(here.stores, [f"{source}/"], here.url).changed == 2000
    assert len(listing(here.stores, here.url, recursive=True)) == 2000
    assert copy(here.stores, [f"{here.url}/"], f"{tmp_path}/back").changed == 2000
    assert held(folder(tmp_path / "back")) == files


def test_hundreds_go_away(make: Callable[[str], Backend], tmp_path: Path) -> None:
    # Of Azurite each takes the longer the more there are.
    source = write(tmp_path / "source", {f"{n:03}": b"x" for n in range(600)})
    here = make("s3")
    copy(here.stores, [f"{source}"], here.url)
    assert remove(here.stores, [here.url], recursive=True).changed == 600
    assert listing(here.stores, here.url) == []


@pytest.fixture
def config(
    make: Callable[[str], Backend], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Backend:
    """A container that the commands' config file tells how to reach."""
    there = make("azurite")
    assert there.profile
    path = write_config(tmp_path / "impasto.toml", there=there.profile)
    monkeypatch.setenv("IMPASTO_CONFIG", str(path))
    return there


def test_the_commands_move_list_and_delete(config: Backend, media: Path, tmp_path: Path) -> None:
    url = config.url
    done = call("cp", f"{media}/", f"{url}/in/")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{url}/in/: 2 objects copied, 6 B in ")
    done = call("cp", f"{media}/", f"{url}/in/", "--json")
    assert json.loads(done.stdout) | {"seconds": 0} == {
        "objects": 0,
        "skipped": 2,
        "failed": 0,
        "bytes": 0,
        "seconds": 0,
    }
    done = call("ls", f"{url}/in")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["sub/"]
    assert (lines[1][:2], lines[1][-1]) == (["3", "B"], "a.jpg")
    assert lines[2] == ["1", "object,", "3", "B"]
    rows = [
        json.loads(row) for row in call("ls", "-r", f"{url}/in", "--json").stdout.split("\n") if row
    ]
    assert [row["url"] for row in rows] == [f"{url}/in/a.jpg", f"{url}/in/sub/b.jpg"]
    assert rows[0]["size"] == 3
    assert rows[0]["modified"].endswith("Z")
    done = call("cp", f"{url}/in/a.jpg", f"{tmp_path}/a.jpg", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = call("rm", "-r", f"{url}/in")
    assert done.returncode == 0
    assert done.stdout.startswith("2 objects deleted")


BAD = {
    "listing nothing": (["ls", "{url}/none"], 2, "none"),
    "listing no container": (["ls", "{url}x"], 2, "container"),
    "listing no folder": (["ls", "{media}/none"], 2, "no such"),
    "a missing source": (["cp", "{media}/none", "{url}/"], 2, "none"),
    "a missing object": (["cp", "{url}/none", "{media}/"], 2, "none"),
    "no target": (["cp", "{media}"], 2, "--help"),
    "deleting nothing": (["rm", "{url}/none"], 2, "none"),
    "deleting a folder": (["rm", "{url}/in"], 2, "--recursive"),
    "deleting a file": (["rm", "{media}/a.jpg"], 2, "with your shell's rm"),
    "something in the way": (["cp", "{media}/a.jpg", "{url}/in/a.jpg"], 2, "--overwrite"),
    "some in the way": (["cp", "{media}/", "{url}/in"], 3, "1 of 2"),
}


@pytest.mark.parametrize("case", BAD)
def test_errors_are_clear_lines(case: str, config: Backend, media: Path) -> None:
    fill(config, {"in/a.jpg": b"another"})
    words, code, message = BAD[case]
    url = config.url
    # The container of the case without one has a profile, too.
    done = call(*(word.format(url=url, media=media) for word in words))
    assert done.returncode == code, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == (2 if code == 3 else 1)
    assert all(line.startswith("impasto: ") for line in lines)
    assert message in lines[-1]


def test_a_failure_is_json_where_that_was_asked_for(config: Backend, media: Path) -> None:
    fill(config, {"in/a.jpg": b"another"})
    done = call("cp", f"{media}/", f"{config.url}/in", "--json")
    line = json.loads(done.stdout)
    assert (line["objects"], line["failed"], line["exit_code"]) == (1, 1, done.returncode)
    assert "1 of 2" in line["error"]


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_stops_a_copy_which_then_goes_on(
    times: int,
    azurite: Azurite,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    source = write(tmp_path / "source", {f"{n:03}": b"x" for n in range(200)})
    with Proxy(azurite.endpoint(), authority) as proxy:
        # Of the first requests some are answered after the other end has lost patience.
        proxy.fault = lambda _: Delay(30 if times == 2 else 1) if proxy.count("PUT") > 60 else None
        here = azure(monkeypatch, azurite, proxy=proxy)
        assert here.profile
        path = write_config(tmp_path / "impasto.toml", here=here.profile)
        process = start("cp", f"{source}/", here.url, "--config", path)
        wait_for(lambda: proxy.count("PUT") > 62)
        for n in range(times):
            process.send_signal(signal.SIGINT)
            if n + 1 < times:
                assert process.stderr
                assert "finishing" in process.stderr.readline()
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "the same command" in errors
    direct = azure(monkeypatch, azurite, parse(here.url).container)
    tally = copy(direct.stores, [f"{source}/"], direct.url)
    assert 0 < tally.skipped < 200
    assert len(held(direct)) == 200


def test_a_store_that_hiccups_loses_nothing(
    azurite: Azurite,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    files = {f"{n:03}": os.urandom(1000) for n in range(100)} | {"large": os.urandom(20 << 20)}
    monkeypatch.setattr("impasto.storage.upload.ONE_PUT", 10 << 20)
    source = write(tmp_path / "source", files)
    with Proxy(azurite.endpoint(), authority) as proxy:
        proxy.fault = lambda _: Refuse() if len(proxy.records) % 7 == 0 else None
        there = azure(monkeypatch, azurite, proxy=proxy)
        copy(there.stores, [f"{source}/"], there.url)
        copy(there.stores, [f"{there.url}/"], f"{tmp_path}/back")
    assert held(folder(tmp_path / "back")) == files
