"""What is found in an inbox."""

from __future__ import annotations

import errno
import os
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from impasto.errors import BadInput, Unavailable
from impasto.schema.url import parse
from impasto.watch import inbox as module
from impasto.watch.inbox import Inbox
from support.queues import put_object
from support.stores import KINDS, REMOTE, Backend, amazon, azure, backend_of, signed_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from impasto.storage.store import Stat
    from impasto.watch.arrival import Arrival
    from support.cloud import Azurite, MotoS3

    Env = pytest.MonkeyPatch


class Place:
    """An inbox below a prefix of some store, and what it tells."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.store = backend.open("in")
        self.told: list[str] = []
        self.inbox = Inbox(f"{backend.url}/in", backend.stores, self.told.append)

    def found(self) -> dict[str, Arrival]:
        walked = list(self.inbox.walk())
        assert len({each.key for each in walked}) == len(walked)
        return {each.key: each for each in walked}


@pytest.fixture
def place_of(request: pytest.FixtureRequest, monkeypatch: Env) -> Callable[[str], Place]:
    return lambda kind: Place(backend_of(kind, request, monkeypatch))


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, place_of: Callable[[str], Place]) -> Place:
    return place_of(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Place:
    place = Place(Backend("folder", str(tmp_path)))
    (tmp_path / "in").mkdir()
    return place


def test_all_that_is_below_an_inbox_is_found_and_looks_the_same_alone(place: Place) -> None:
    names = ["a.mp4", "deep/er/b c+é.mp4", "%2F.mp4", "*[x].mp4", "take#1"]
    for name in names[:4]:
        place.store.put(name, b"content")
    if place.backend.kind == "folder":
        (place.inbox.place.path / "take#1").write_bytes(b"content")
    else:
        place.store.put("take#1", b"content")
    place.backend.open("beside").put("not.mp4", b"")
    found = place.found()
    assert sorted(found) == sorted(names)
    assert all(each.size == 7 and each.version and each.stamp for each in found.values())
    for name, each in found.items():
        assert place.inbox.look(name) == each
    assert [each.key for each in place.inbox.below("deep")] == ["deep/er/b c+é.mp4"]
    assert list(place.inbox.below("nowhere")) == []
    assert place.inbox.look("nowhere/a.mp4") is None
    assert place.inbox.look("deep") is None
    assert place.told == []


def test_a_b_and_a_again_are_three_versions(place: Place) -> None:
    versions = []
    for content in (b"A", b"B", b"A"):
        place.store.put("a.mp4", content)
        versions.append(place.found()["a.mp4"].version)
        before = place.found()["a.mp4"].modified
        deadline = time.monotonic() + 5
        # The services' clocks show whole seconds.
        while int(time.time()) == int(before) and time.monotonic() < deadline:
            time.sleep(0.02)
    assert len(set(versions)) == 3


def test_a_version_outlives_new_numbers_of_files_but_a_stamp_does_not(folder: Place) -> None:
    file = folder.inbox.place.path / "a.mp4"
    file.write_bytes(b"one")
    first, facts = folder.found()["a.mp4"], file.stat()
    copy = file.with_name("copy")
    copy.write_bytes(b"one")
    os.utime(copy, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    copy.replace(file)
    second = folder.found()["a.mp4"]
    assert second.version == first.version
    assert second.stamp != first.stamp


def test_an_inbox_that_is_missing_is_not_an_empty_one(place: Place) -> None:
    if place.backend.kind != "folder":
        place.inbox = Inbox(f"{place.backend.url}-gone/in", place.backend.stores)
        with pytest.raises(Unavailable):
            list(place.inbox.walk())
        return
    for act in (place.found, lambda: place.inbox.look("a.mp4")):
        with pytest.raises(Unavailable, match="no such folder"):
            act()
    place.inbox.place.path.mkdir(parents=True)
    assert place.found() == {}


def test_an_inbox_that_goes_away_while_it_is_listed_is_not_an_empty_one(folder: Place) -> None:
    root = folder.inbox.place.path
    for name in ("1/a.mp4", "2/a.mp4"):
        folder.store.put(name, b"content")
    walk = folder.inbox.walk()
    next(walk)
    root.rename(root.with_name("away"))
    root.mkdir()
    with pytest.raises(Unavailable, match="went away"):
        list(walk)


def test_a_file_system_that_is_no_longer_mounted_is_not_an_empty_inbox(
    folder: Place, monkeypatch: Env
) -> None:
    monkeypatch.setattr("os.path.ismount", lambda _: True)
    assert folder.found() == {}
    monkeypatch.setattr("os.path.ismount", lambda _: False)
    with pytest.raises(Unavailable, match="no longer mounted"):
        folder.found()


def test_names_that_no_store_holds_are_told_once_and_stop_nothing(folder: Place) -> None:
    root = os.fsencode(folder.inbox.place.path)
    for name in (b"bad\xff.mp4", b"new\nline.mp4", b"back\\slash.mp4", b"take#1.mp4", b"good.mp4"):
        with open(os.path.join(root, name), "wb") as file:  # noqa: PTH118, PTH123 (bytes)
            file.write(b"1")
    os.mkdir(os.path.join(root, b"dir\xff"))  # noqa: PTH102, PTH118 (bytes)
    for _ in range(2):
        assert sorted(folder.found()) == ["good.mp4", "take#1.mp4"]
    assert len(folder.told) == 4
    assert all(line.isprintable() for line in folder.told)


def test_people_are_told_of_a_bounded_number_of_names(folder: Place, monkeypatch: Env) -> None:
    monkeypatch.setattr(module, "MOST_TOLD", 3)
    for n in range(10):
        (folder.inbox.place.path / f"{n}\n").write_bytes(b"")
    assert folder.found() == {}
    assert len(folder.told) == 4
    assert "more such objects" in folder.told[-1]


def test_links_pipes_and_folders_without_entry_are_passed_over(
    folder: Place, tmp_path: Path
) -> None:
    root = folder.inbox.place.path
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.mp4").write_bytes(b"secret")
    (root / "link.mp4").symlink_to(tmp_path / "outside/secret.mp4")
    (root / "away").symlink_to(tmp_path / "outside")
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "pipe.mp4")
    (root / "good.mp4").write_bytes(b"good")
    assert sorted(folder.found()) == ["good.mp4"]
    for key in ("link.mp4", "away/secret.mp4", "loop/good.mp4", "pipe.mp4"):
        assert folder.inbox.look(key) is None
        assert not folder.inbox.is_folder(key)
        with pytest.raises(BadInput):
            folder.inbox.read(key, 100)
    assert not folder.inbox.is_folder("away")
    assert list(folder.inbox.below("away")) == []


@pytest.mark.parametrize("key", ["../outside.mp4", "/etc/passwd", "a/../../b", "a//b", "."])
def test_no_key_leads_out_of_an_inbox(folder: Place, key: str) -> None:
    assert folder.inbox.look(key) is None
    with pytest.raises(BadInput):
        folder.inbox.read(key, 1 << 20)


def test_a_folder_that_may_not_be_read_is_told(folder: Place, monkeypatch: Env) -> None:
    folder.store.put("shut/a.mp4", b"1")
    folder.store.put("good.mp4", b"1")
    opened = os.open

    def refuse(path: Any, *args: Any, **how: Any) -> int:
        # Nothing is forbidden to root, who may run the tests.
        if path == "shut":
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, *args, **how)

    monkeypatch.setattr(os, "open", refuse)
    assert sorted(folder.found()) == ["good.mp4"]
    assert len(folder.told) == 1
    assert "may not be read" in folder.told[0]


def test_deep_trees_need_no_recursion(folder: Place) -> None:
    name = "/".join("d" * 400) + "/a.mp4"
    folder.store.put(name, b"1")
    assert list(folder.found()) == [name]


def test_a_few_bytes_are_read_and_no_more(place: Place) -> None:
    place.store.put("trigger.txt", b"frames")
    place.store.put("empty", b"")
    assert place.inbox.read("trigger.txt", 6) == b"frames"
    assert place.inbox.read("empty", 6) == b""
    with pytest.raises(BadInput, match="over 5 bytes"):
        place.inbox.read("trigger.txt", 5)
    with pytest.raises(BadInput):
        place.inbox.read("gone.txt", 5)


def test_objects_that_stand_for_folders_are_left_out(s3: MotoS3, monkeypatch: Env) -> None:
    place = Place(amazon(monkeypatch, s3))
    bucket = place.inbox.place.container
    for key in ("in/", "in/sub/", "in/sub.mp4"):
        put_object(s3, bucket, key)
    put_object(s3, bucket, "in/sub/a.mp4", b"1")
    assert sorted(place.found()) == ["sub.mp4", "sub/a.mp4"]


def test_folders_of_a_store_that_others_make_are_left_out(
    azurite: Azurite, monkeypatch: Env
) -> None:
    place = Place(azure(monkeypatch, azurite))
    for key in ("sub", "sub/a.mp4", "sub-b.mp4"):
        place.store.put(key, b"" if key == "sub" else b"1")
    assert sorted(place.found()) == ["sub-b.mp4", "sub/a.mp4"]


@pytest.mark.parametrize("auth", ["key", "sas", "connection_string", "identity"])
def test_a_name_that_the_client_refuses_hides_nothing_else_in_azure(
    auth: Any, azurite: Azurite, monkeypatch: Env
) -> None:
    writer = azure(monkeypatch, azurite)
    with signed_in(monkeypatch, azurite.token()), azurite._client("dataacct") as client:
        container = client.get_container_client(parse(writer.url).container)
        for name in ("a.mp4", "b//c.mp4", "d.mp4", "e\nf.mp4", "g/h é.mp4"):
            container.upload_blob(f"in/{name}", b"1")
        place = Place(azure(monkeypatch, azurite, container.container_name, auth=auth))
        for _ in range(2):
            found = place.found()
            assert sorted(found) == ["a.mp4", "d.mp4", "g/h é.mp4"]
        assert all(place.inbox.look(key) == each for key, each in found.items())
        assert len(place.told) == 2


def test_a_name_that_the_client_refuses_hides_nothing_else_in_s3(
    s3: MotoS3, monkeypatch: Env
) -> None:
    place = Place(amazon(monkeypatch, s3))
    for name in ("a.mp4", "b/c.mp4", "b//x.mp4", "../y", "back\\slash"):
        put_object(s3, place.inbox.place.container, f"in/{name}", b"1")
    found = place.found()
    assert sorted(found) == ["a.mp4", "b/c.mp4"]
    assert all(place.inbox.look(key) == each for key, each in found.items())
    assert [each.key for each in place.inbox.below("b")] == ["b/c.mp4"]
    assert len(place.told) == 3


@pytest.mark.parametrize("kind", REMOTE)
def test_a_listing_goes_on_where_the_client_gave_up(
    kind: str, place_of: Callable[[str], Place], monkeypatch: Env
) -> None:
    place, names = place_of(kind), [f"sub/{n}.mp4" for n in range(5)]
    for name in names:
        place.store.put(name, b"1")
    listed = place.inbox._store.walk

    def give_up(prefix: str = "") -> Iterator[Stat]:
        yield from islice(listed(prefix), 3)
        raise BadInput("a name that it refuses")

    monkeypatch.setattr(place.inbox._store, "walk", give_up)
    assert list(place.found()) == names
    assert [each.key for each in place.inbox.below("sub")] == names


@pytest.mark.parametrize("kind", REMOTE)
def test_a_store_is_opened_once(kind: str, place_of: Callable[[str], Place]) -> None:
    place = place_of(kind)
    place.store.put("a.mp4", b"1")
    place.found()
    opened = place.inbox._store
    place.found()
    assert place.inbox._store is opened
