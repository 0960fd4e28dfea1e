"""A source that is replaced under a job, or only touched."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from impasto.errors import Changed
from impasto.schema.plan import Plan
from impasto.sources.open import open_planned
from impasto.storage.content import version
from impasto.storage.local import etag
from impasto.storage.named_file import File
from impasto.storage.stores import Stores
from support.clips import make_clip
from support.command import call
from support.fuzz_records import Prepared, prepare

if TYPE_CHECKING:
    import subprocess


def replace_in_place(path: Path, content: bytes) -> None:
    """Give a file another content, and the size and time that it had."""
    facts = path.stat()
    assert len(content) <= facts.st_size
    with path.open("r+b") as file:
        file.write(content.ljust(facts.st_size, b"\0"))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert etag(path) == f"{facts.st_ino:x}-{facts.st_mtime_ns:x}-{facts.st_size:x}"


def source(made: Prepared) -> Path:
    return {
        "video": made.root / "clip.mp4",
        "rows": made.root / "rows.csv",
        "images": made.root / "in" / "2.png",
    }[made.kind]


def resume(made: Prepared) -> subprocess.CompletedProcess[str]:
    return call("resume", made.job, "--home", made.root / "home", "--json")


@pytest.fixture(params=["video", "rows", "images"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Prepared:
    """A job of two shards, of which the second is left."""
    return prepare(request.param, tmp_path)


def test_a_source_replaced_within_its_size_and_time_is_another_one(
    made: Prepared, tmp_path: Path
) -> None:
    path = source(made)
    other = path.read_bytes()[::-1]
    if made.kind == "video":
        clip = make_clip(tmp_path / "b.mp4", frames=12, size=(64, 48), gop=12, start=3)
        other = clip.read_bytes()[: path.stat().st_size]
    replace_in_place(path, other)
    ended = resume(made)
    assert ended.returncode == 2
    assert "has changed since job" in json.loads(ended.stdout)["error"]
    assert not list((made.root / "made").iterdir())


def test_a_touched_source_is_the_one_that_it_was(made: Prepared) -> None:
    path = source(made)
    copy = path.with_name("copy")
    shutil.copyfile(path, copy)
    copy.replace(path)
    os.utime(path, (1, 1))
    ended = resume(made)
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert result["job"] == made.job
    done = made.root / "home" / "jobs" / made.job / "done" / "00000.json"
    assert (
        done.read_bytes() == (made.kept / done.relative_to(made.root)).read_bytes()
        or made.kind == "images"
    )


def test_a_worker_that_meets_another_version_stops(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("x\n1\n")
    file = File(Stores({}), str(path))
    file.require_version(file.etag)
    replace_in_place(path, b"x\n2\n")
    with pytest.raises(Changed, match="has changed since the job began"):
        file.require_version(file.etag)


@pytest.mark.parametrize("made", ["video", "rows"], indirect=True)
def test_a_source_that_is_replaced_while_a_shard_is_read_fails_the_shard(made: Prepared) -> None:
    path = source(made)
    plan = Plan.model_validate_json(
        (made.root / "home" / "jobs" / made.job / "plan.json").read_bytes()
    )
    opened = open_planned(Stores({}), str(path), plan)
    items = opened.read(plan, plan.shards[0], 1)
    next(iter(items))
    replace_in_place(path, path.read_bytes()[:-3] + b"new")
    with pytest.raises(Changed):
        list(items)


@pytest.mark.parametrize("at", [0, 50_000, 123_456, 199_999])
def test_the_version_of_a_file_is_of_all_of_a_small_one(tmp_path: Path, at: int) -> None:
    path = tmp_path / "file"
    content = bytearray(range(256)) * 400
    path.write_bytes(content)
    before = version(path)
    os.utime(path, (1, 1))
    assert version(path) == before
    at %= len(content)
    content[at] ^= 1
    replace_in_place(path, bytes(content))
    assert version(path) != before


def test_an_edit_anywhere_in_a_source_makes_another_version(tmp_path: Path) -> None:
    path = tmp_path / "film"
    content = bytearray(1 << 20)
    path.write_bytes(content)
    before = File(Stores({}), str(path)).etag
    content[300_000] = 1
    path.write_bytes(content)
    assert File(Stores({}), str(path)).etag != before


def test_a_file_too_large_to_be_read_whole_is_known_by_its_time_too(tmp_path: Path) -> None:
    path = tmp_path / "film"
    versions = set()
    for time, at in enumerate((0, 5, -5, -1, 300_000)):
        content = bytearray(1 << 20)
        content[at] = 1
        path.write_bytes(content)
        os.utime(path, (time // 4, time // 4))
        versions.add(version(path))
    assert len(versions) == 5


def former_id(made: Prepared) -> str:
    """Return the id that a job of a video had before content was looked at."""
    path = source(made)
    fields = ("items", "frames", "fps", "max_size", "start", "end")
    identity = {
        "format": 2,
        "source": [str(path), etag(path)],
        "scorer": ["identity", {}, ""],
        "output": ["video", ".mkv"],
        "spec": {
            **dict.fromkeys(fields),
            "crf": 18,
            "preset": "ultrafast",
            "shard_frames": 6,
        },
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]


@pytest.mark.parametrize("command", ["run", "resume"])
def test_a_job_that_began_before_content_was_looked_at_goes_on(
    tmp_path: Path, command: str
) -> None:
    made = prepare("video", tmp_path)
    jobs, former = made.root / "home" / "jobs", former_id(made)
    place = (jobs / made.job).rename(jobs / former)
    plan = json.loads((place / "plan.json").read_text())
    (place / "plan.json").write_text(json.dumps(plan | {"etag": etag(source(made))}))
    first = (place / "done" / "00000.json").read_bytes()
    output = made.root / "made" / "out.mkv"
    again = [source(made), "-o", output, "--scorer=identity", "--shard-frames=6"]
    words = [*again, "--preset=ultrafast"] if command == "run" else [former]

    ended = call(command, *words, "--home", made.root / "home", "--json")

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["job"] == former
    assert [child.name for child in jobs.iterdir()] == [former]
    assert (place / "done" / "00000.json").read_bytes() == first
