"""Hints by the file system, which the real one gives."""

from __future__ import annotations

import os
import shutil
import threading
from typing import TYPE_CHECKING, Any

import pytest
import watchfiles

from impasto.storage.stores import Stores
from impasto.watch.inbox import Inbox
from impasto.watch.wakeups import base
from impasto.watch.wakeups.folder import FolderWakeup, file_system
from support.wakeups import Heard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Env = pytest.MonkeyPatch


class Listening:
    """A folder, and what is heard of it."""

    def __init__(self, root: Path) -> None:
        self.root, self.heard = root, Heard()
        self.inbox = Inbox(str(root), Stores({}))
        self.wakeup = FolderWakeup(self.inbox, self.heard.ring, self.heard.tell)

    def start(self) -> Listening:
        self.wakeup.start()
        self.heard.wait(lambda: self.heard.lists == 1)
        return self

    def wait_for(self, *keys: str) -> None:
        self.heard.wait(lambda: {*keys} <= {*self.heard.keys})


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Listening]:
    listening = Listening(tmp_path / "in")
    yield listening
    listening.wakeup.stop()
    assert not listening.wakeup._thread.is_alive()


@pytest.fixture
def listening(place: Listening) -> Listening:
    place.root.mkdir()
    return place.start()


def test_it_says_which_files_are_new_and_which_have_changed(listening: Listening) -> None:
    (listening.root / "a.mp4").write_bytes(b"1")
    listening.wait_for("a.mp4")
    listening.heard.keys.clear()
    with (listening.root / "a.mp4").open("ab") as file:
        file.write(b"2")
    listening.wait_for("a.mp4")


def test_files_in_new_folders_are_named_however_fast_they_come(
    listening: Listening, tmp_path: Path
) -> None:
    names = [f"{n}/deep/er/{m}.mp4" for n in range(20) for m in range(2)]
    for name in names:
        (listening.root / name).parent.mkdir(parents=True, exist_ok=True)
        (listening.root / name).write_bytes(b"1")
    (tmp_path / "moved/in").mkdir(parents=True)
    (tmp_path / "moved/in/a.mp4").write_bytes(b"1")
    (tmp_path / "moved").rename(listening.root / "moved")
    listening.wait_for(*names, "moved/in/a.mp4")


def test_a_flood_is_named_whole_or_answered_by_a_listing(listening: Listening) -> None:
    names = {f"{n}.mp4" for n in range(2000)}
    for name in names:
        (listening.root / name).write_bytes(b"1")
    heard = listening.heard
    heard.wait(lambda: heard.lists > 1 or names <= {*heard.keys})


def test_a_file_that_is_renamed_when_it_is_whole_needs_no_wait(listening: Listening) -> None:
    part = listening.root / "a.mp4.part"
    part.write_bytes(b"whole")
    part.rename(listening.root / "a.mp4")
    listening.wait_for("a.mp4")
    found = listening.inbox.look("a.mp4")
    assert found
    assert found.renamed
    assert "a.mp4.part" not in listening.heard.keys
    (listening.root / "b.mp4").write_bytes(b"perhaps half")
    listening.wait_for("b.mp4")
    other = listening.inbox.look("b.mp4")
    assert other
    assert not other.renamed


def test_a_folder_that_is_removed_and_made_again_is_listened_to_again(
    listening: Listening,
) -> None:
    heard = listening.heard
    shutil.rmtree(listening.root)
    heard.wait(lambda: len(heard.told) == 1)
    assert "no such folder" in heard.told[0]
    listening.root.mkdir()
    heard.wait(lambda: heard.lists == 2)
    assert heard.told[1:] == [f"{listening.root}: works again"]
    (listening.root / "a.mp4").write_bytes(b"1")
    listening.wait_for("a.mp4")


def test_another_folder_in_its_place_is_listed_and_listened_to(
    listening: Listening, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/old.mp4").write_bytes(b"1")
    listening.root.rename(tmp_path / "away")
    (tmp_path / "other").rename(listening.root)
    listening.heard.wait(lambda: listening.heard.lists >= 2)
    (listening.root / "a.mp4").write_bytes(b"1")
    listening.wait_for("a.mp4")


def test_a_folder_that_does_not_exist_yet_is_waited_for(place: Listening) -> None:
    place.wakeup.start()
    place.heard.wait(lambda: len(place.heard.told) == 1)
    place.root.mkdir()
    place.heard.wait(lambda: place.heard.lists == 1)


def test_odd_names_stop_nothing(listening: Listening) -> None:
    for name in ("new\nline.mp4", "take#1.mp4", "take#2", "é.mp4"):
        (listening.root / name).write_bytes(b"1")
    (listening.root / "link.mp4").symlink_to("/etc/passwd")
    (listening.root / "away").symlink_to("/etc")
    (listening.root / "last.mp4").write_bytes(b"1")
    listening.wait_for("take#1.mp4", "é.mp4", "last.mp4")
    looked = {key: listening.inbox.look(key) for key in listening.heard.keys}
    assert {key for key, each in looked.items() if each} == {"take#1.mp4", "é.mp4", "last.mp4"}
    assert not any(key.startswith("away/") for key in looked)
    assert listening.heard.told == []


def test_a_name_that_is_not_unicode_costs_a_listing(listening: Listening) -> None:
    heard = listening.heard
    (listening.root / os.fsdecode(b"bad\xff.mp4")).write_bytes(b"1")
    heard.wait(lambda: heard.lists == 2)
    (listening.root / "good.mp4").write_bytes(b"1")
    listening.wait_for("good.mp4")
    assert len(heard.told) == 2
    assert "not valid Unicode" in heard.told[0]
    assert heard.told[1].endswith("works again")


def test_what_the_system_cannot_watch_is_told_once(place: Listening, monkeypatch: Env) -> None:
    tried = threading.Semaphore(0)

    def full(*_: Any, **__: Any) -> Iterator[Any]:
        tried.release()
        raise OSError("OS file watch limit reached.")

    monkeypatch.setattr(watchfiles, "watch", full)
    monkeypatch.setattr("impasto.watch.wakeups.folder.GIVEN_UP", 0.01)
    place.root.mkdir()
    place.wakeup.start()
    for _ in range(3):
        assert tried.acquire(timeout=30)
    assert len(place.heard.told) == 1
    assert "OS file watch limit reached" in place.heard.told[0]


def test_an_error_that_nobody_foresaw_is_survived(place: Listening, monkeypatch: Env) -> None:
    monkeypatch.setattr(base, "SHORTEST", 0.01)
    place.wakeup._wait = 0.01
    real, broken = watchfiles.watch, [RuntimeError("one\ntwo"), RuntimeError("three")]

    def watch(*args: Any, **how: Any) -> Any:
        if broken:
            raise broken.pop(0)
        return real(*args, **how)

    monkeypatch.setattr(watchfiles, "watch", watch)
    place.root.mkdir()
    place.start()
    assert place.heard.told == [
        f"{place.root}: RuntimeError: one two",
        f"{place.root}: works again",
    ]


def test_the_type_of_a_file_system_is_read_from_the_mounts() -> None:
    mounts = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
90 22 0:51 / /media rw,nosuid master:3 - nfs4 server:/media rw,vers=4.2
"""
    assert file_system(os.makedev(8, 1), mounts) == "ext4"
    assert file_system(os.makedev(0, 51), mounts) == "nfs4"
    assert file_system(os.makedev(0, 52), mounts) == ""
