"""The folder store: put-if-absent, listings, and outputs that appear whole."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from impasto.errors import BadInput, Unavailable
from impasto.schema.url import parse
from impasto.storage.local import (
    check_output,
    is_folder,
    linked,
    list_folder,
    publishing,
    sweep_partial,
)
from impasto.storage.scratch import scratch, sweep_scratch
from impasto.storage.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(parse(str(tmp_path / "store")))


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
    assert store.folders() == ["x"]


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
        Store(parse(str(tmp_path / "file")))


def test_an_output_appears_whole_by_rename(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    with publishing(output, "job", overwrite=False) as temporary:
        temporary.write_bytes(b"half")
        assert not output.exists()
        temporary.write_bytes(b"whole")
    assert output.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [output]


def test_a_failed_output_leaves_nothing_and_keeps_the_old(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"old")
    with (
        pytest.raises(ZeroDivisionError),
        publishing(output, "job", overwrite=True) as temporary,
    ):
        temporary.write_bytes(b"half" * (1 // 0))
    assert output.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [output]


@pytest.mark.parametrize("folder", [False, True])
def test_what_appears_meanwhile_is_not_replaced_unasked(tmp_path: Path, folder: bool) -> None:
    output = tmp_path / "out"

    def make(path: Path, text: str) -> None:
        if folder:
            path.mkdir()
        (path / "1.png" if folder else path).write_text(text)

    def publish(overwrite: bool, mine: str = "") -> None:
        with publishing(output, "job", overwrite=overwrite) as temporary:
            make(temporary, "new")
            if mine:
                make(output, mine)

    with pytest.raises(BadInput):
        publish(overwrite=False, mine="mine")
    assert (output / "1.png" if folder else output).read_text() == "mine"
    publish(overwrite=True)
    assert (output / "1.png" if folder else output).read_text() == "new"
    assert list(tmp_path.iterdir()) == [output]


def killed_while(code: str, *words: object) -> None:
    """Run code in a process that is killed when it has printed a line."""
    command = [sys.executable, "-c", f"{code}\n    print(flush=True)\n    time.sleep(600)"]
    with subprocess.Popen([*command, *map(str, words)], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline()
        process.kill()


PUBLISHING = """
import sys, time
from pathlib import Path
from impasto.storage.local import publishing
with publishing(Path(sys.argv[1]), sys.argv[2], overwrite=False) as temporary:
    temporary.write_bytes(b"half")
"""


def test_what_a_killed_run_left_is_swept_and_what_is_held_is_not(tmp_path: Path) -> None:
    output = tmp_path / "out[1].mp4"
    killed_while(PUBLISHING, output, "job")
    killed_while(PUBLISHING, output, "other")
    assert len(list(tmp_path.iterdir())) == 4
    # Of a process that this one cannot see, and of nobody that holds it.
    alike = tmp_path / f".impasto-job-{2**22 + 1}-abc.mp4"
    alike.write_bytes(b"mine")
    with publishing(output, "job", overwrite=False) as alive:
        alive.write_bytes(b"")
        sweep_partial(output, "job")
        assert alive.exists()
        others = {path for path in tmp_path.iterdir() if path.name.startswith(".impasto-other-")}
        assert len(others) == 2
        assert len(list(tmp_path.iterdir())) == len(others) + len({alike, alive, "its lock"})
    assert {*tmp_path.iterdir()} == {output, alike, *others}


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files, in this process and in others."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


SCRATCH = "import time\nfrom impasto.storage.scratch import scratch\nwith scratch():"


def test_scratch_folders_that_nobody_holds_are_swept(temporary: Path) -> None:
    killed_while(SCRATCH)
    (root,) = temporary.iterdir()
    (dead,) = root.iterdir()
    assert root.stat().st_mode & 0o777 == 0o700
    with scratch() as alive:
        sweep_scratch()
        assert alive.exists()
    assert list(root.iterdir()) == []
    assert not dead.exists()


def test_nothing_beside_the_users_own_scratch_is_swept(temporary: Path) -> None:
    mine = temporary / f"impasto-{2**22 + 1}-abc"
    mine.mkdir()
    with scratch() as alive:
        link, file = alive.parent / "link", alive.parent / "file"
        link.symlink_to(mine)
        file.write_text("mine")
        sweep_scratch()
        assert mine.exists()
        assert link.exists()
        assert file.exists()


@pytest.mark.parametrize("kind", ["link", "file", "open"])
def test_a_scratch_folder_that_others_can_reach_is_refused(temporary: Path, kind: str) -> None:
    root = temporary / f"impasto-{os.getuid()}"
    if kind == "link":
        (temporary / "elsewhere").mkdir(mode=0o700)
        root.symlink_to(temporary / "elsewhere")
    elif kind == "file":
        root.touch(mode=0o600)
    else:
        root.mkdir()
        root.chmod(0o777)
    with pytest.raises(BadInput, match="not a private folder of your own"), scratch():
        pass
    with pytest.raises(BadInput, match="TMPDIR"):
        sweep_scratch()


IMAGES = {".png"}


def test_an_empty_folder_counts_as_absent(tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    check_output(output, "job", None, folder=True)
    with publishing(output, "job", overwrite=False) as temporary:
        temporary.mkdir()
        (temporary / "1.png").write_text("new")
    assert [path.name for path in output.iterdir()] == ["1.png"]


def test_a_folder_is_replaced_only_when_asked_and_only_when_all_in_it_are_images(
    tmp_path: Path,
) -> None:
    (tmp_path / "1.png").write_text("old")
    with pytest.raises(BadInput, match="`overwrite`"):
        check_output(tmp_path, "job", None, folder=True)
    check_output(tmp_path, "job", IMAGES, folder=True)
    (tmp_path / "thesis.doc").write_text("mine")
    with pytest.raises(BadInput, match=r"thesis\.doc"):
        check_output(tmp_path, "job", IMAGES, folder=True)


def test_a_name_that_is_too_long_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="shorter"):
        check_output(tmp_path / f"{'ü' * 130}.mp4", "job", None, folder=False)
    check_output(tmp_path / f"{'ü' * 120}.mp4", "job", None, folder=False)
    with publishing(tmp_path / f"{'ü' * 120}.mp4", "job", overwrite=False) as temporary:
        temporary.write_text("")


def test_a_link_stands_for_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    link = tmp_path / "link"
    link.symlink_to("folder")
    assert linked(link) == tmp_path / "folder"
    assert linked(tmp_path / "none") == tmp_path / "none"
    (tmp_path / "folder").rmdir()
    with pytest.raises(BadInput, match="is a link to folder, which does not exist"):
        linked(link)


@pytest.mark.parametrize("replaceable", [None, IMAGES])
def test_what_is_no_file_is_never_replaced(tmp_path: Path, replaceable: set[str] | None) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", Path(os.devnull), linked(Path("/dev/stdin"))):
        with pytest.raises(BadInput, match="is a pipe, a device or a socket"):
            check_output(path, "job", replaceable, folder=False)


@pytest.mark.parametrize("replaceable", [None, IMAGES])
def test_a_file_is_never_replaced_by_a_folder_or_the_reverse(
    tmp_path: Path, replaceable: set[str] | None
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadInput, match="file: is a file, not a folder"):
        check_output(tmp_path / "file", "job", replaceable, folder=True)
    with pytest.raises(BadInput, match="folder: is a folder, not a file"):
        check_output(tmp_path / "folder", "job", replaceable, folder=False)


def test_a_path_that_leaves_no_room_for_a_temporary_name_is_refused_at_once(tmp_path: Path) -> None:
    room = os.pathconf(tmp_path, "PC_PATH_MAX") - 20
    folder = tmp_path
    while (left := room - len(str(folder))) > 1:
        folder /= "x" * min(200, left - 1)
    folder.mkdir(parents=True)
    with pytest.raises(BadInput, match="too long"):
        check_output(folder / "o.png", "job", None, folder=False)
    with pytest.raises(BadInput, match="too long"):
        is_folder(folder / ("x" * 260))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a file system that takes no files")
def test_a_place_that_takes_no_file_is_refused_at_once() -> None:
    with pytest.raises(BadInput, match="/proc: cannot be written"):
        check_output(Path("/proc/o.png"), "job", None, folder=False)


def test_a_check_leaves_nothing(tmp_path: Path) -> None:
    check_output(tmp_path / "o.png", "job", None, folder=False)
    assert not [*tmp_path.iterdir()]


def test_folders_are_listed_whatever_their_files_are_called(tmp_path: Path) -> None:
    names = {"a b.png", "x#1.png", "new\nline.png", "ü%20.png", "-dash.png"}
    for name in (*names, "._resource.png", ".hidden.png"):
        (tmp_path / name).write_text("")
    (tmp_path / "folder.png").mkdir()
    assert set(list_folder(tmp_path)[0]) == names
