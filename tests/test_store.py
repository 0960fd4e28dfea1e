"""The folder store: put-if-absent, listings, and outputs that appear whole."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from impasto.errors import BadInput, Unavailable
from impasto.store import Store, local_path, publishing


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_only_the_first_create_wins(store: Store) -> None:
    assert store.create("a/b.json", b"first")
    assert not store.create("a/b.json", b"second")
    assert store.read("a/b.json") == b"first"


def test_of_many_racing_creates_exactly_one_wins(store: Store) -> None:
    won: list[int] = []
    gate = threading.Barrier(8)

    def race(n: int) -> None:
        gate.wait()
        if store.create("key", str(n).encode()):
            won.append(n)

    threads = [threading.Thread(target=race, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert store.read("key") == str(won[0]).encode()


def test_listing_is_sorted_and_knows_sizes(store: Store) -> None:
    for key in ("x/2", "x/1", "y"):
        store.create(key, key.encode())
    assert [(stat.key, stat.size) for stat in store.list_all("x")] == [("x/1", 3), ("x/2", 3)]
    assert store.list_all("none") == []
    folders, files = store.children()
    assert (folders, [stat.key for stat in files]) == (["x"], ["y"])


def test_a_missing_object_is_none_or_a_clear_error(store: Store) -> None:
    assert store.stat("none") is None
    store.delete("none")
    with pytest.raises(BadInput, match="none: no such file"):
        store.read("none")


def test_a_changed_object_changes_its_etag(store: Store) -> None:
    store.put("key", b"one")
    before = store.stat("key")
    store.put("key", b"two")
    after = store.stat("key")
    assert before
    assert after
    assert before.etag != after.etag


def test_a_place_that_cannot_be_written_is_unavailable_or_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises((BadInput, Unavailable), match="file"):
        Store(tmp_path / "file")


def test_other_schemes_are_refused() -> None:
    with pytest.raises(BadInput, match="az://"):
        local_path("az://container/clip.mp4")
    assert local_path("file:///a%20b/c") == Path("/a b/c")


def test_an_output_appears_whole_by_rename(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    with publishing(output, "job") as temporary:
        temporary.write_bytes(b"half")
        assert not output.exists()
        temporary.write_bytes(b"whole")
    assert output.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [output]


def test_a_failed_output_leaves_nothing_and_keeps_the_old(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), publishing(output, "job") as temporary:
        temporary.write_bytes(b"half" * (1 // 0))
    assert output.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [output]


def test_what_a_killed_run_left_is_swept_and_a_living_one_is_not(tmp_path: Path) -> None:
    output = tmp_path / "out[1].mp4"
    dead = tmp_path / f".out[1].mp4.job-{2**22 + 1}-abc.mp4"
    alive = tmp_path / f".out[1].mp4.job-{os.getpid()}-abc.mp4"
    dead.write_bytes(b"")
    alive.write_bytes(b"")
    with publishing(output, "job") as temporary:
        temporary.write_bytes(b"")
    assert not dead.exists()
    assert alive.exists()


def test_a_folder_keeps_the_files_that_it_held(tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / "mine.txt").write_text("mine")
    with publishing(output, "job") as temporary:
        temporary.mkdir()
        (temporary / "1.png").write_text("new")
    assert sorted(path.name for path in output.iterdir()) == ["1.png", "mine.txt"]
