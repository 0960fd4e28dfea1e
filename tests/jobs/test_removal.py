"""Removal of jobs and of what no job needs; nothing is lost that anyone could want."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from impasto.errors import BadInput
from impasto.jobs import find
from impasto.jobs.job import Job
from impasto.jobs.presence import present
from impasto.jobs.removal import FRESH, remove, remove_jobs, remove_staged
from impasto.schema.job import JobSpec
from impasto.schema.outcome import Result
from impasto.storage.stores import Stores
from support.command import call

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.storage.store import Store

NEVER = time.time() + 1e6
NAMED, UNNAMED, NEW = (letter * 64 for letter in "abc")


@pytest.fixture
def home(tmp_path: Path) -> Store:
    return Stores({}).open_home(str(tmp_path / "home"))


@pytest.fixture
def done(home: Store, tmp_path: Path) -> Job:
    """A finished job, whose output stands."""
    output = tmp_path / "out.csv"
    output.write_text("1\n")
    return make(home, "0123456789ab", output, finished=True)


def make(home: Store, job_id: str, output: Path, *, finished: bool = False, style: str = "") -> Job:
    job = Job(home, job_id)
    params = {"style": f"s3://c/home/staged/{style}/x.jpg"} if style else {}
    job.record(JobSpec(source="in.csv", output=str(output), params=params))
    if finished:
        numbers = {"items": 1, "failed": 0, "concealed": 0, "seconds": 1.0, "fps": 1.0, "bytes": 2}
        made = {"job": job_id, "output": str(output), "sha256": "", **numbers}
        job.record(Result.model_validate(made))
    return job


def test_a_removed_job_is_gone_and_its_output_stays(home: Store, done: Job, tmp_path: Path) -> None:
    size = sum(done.listing().sizes.values())
    assert remove(done) == size
    assert find.jobs(home) == []
    assert not (tmp_path / "home/jobs" / done.id).exists()
    assert (tmp_path / "out.csv").exists()


def test_a_running_job_is_not_removed(done: Job) -> None:
    with present(done.folder, "local"):
        with pytest.raises(BadInput, match=rf"is running \(process {os.getpid()} on .*cancel"):
            remove(done)
        (kept,) = remove_jobs(done.home, {"running"}, NEVER, dry_run=False)
        assert kept.kept == "it is running"
    assert done.exists()


def test_jobs_are_removed_by_state_and_age(home: Store, done: Job, tmp_path: Path) -> None:
    make(home, "aaaaaaaaaaaa", tmp_path / "b.csv")
    old = time.time() - 10 * 86400
    assert list(remove_jobs(home, {"done"}, old, dry_run=False)) == []
    (would,) = remove_jobs(home, {"done"}, NEVER, dry_run=True)
    assert (would.job, done.exists()) == (done.id, True)
    (removed,) = remove_jobs(home, {"done"}, NEVER, dry_run=False)
    assert removed == would
    assert [job.id for job in find.jobs(home)] == ["aaaaaaaaaaaa"]


def test_a_job_that_can_make_its_lost_output_again_stays(
    home: Store, done: Job, tmp_path: Path
) -> None:
    (tmp_path / "out.csv").unlink()
    (kept,) = remove_jobs(home, {"done"}, NEVER, dry_run=False)
    assert "its output is missing" in kept.kept
    assert done.exists()


def test_staged_files_that_no_job_names_are_removed(home: Store, done: Job, tmp_path: Path) -> None:
    make(home, "aaaaaaaaaaaa", tmp_path / "b.csv", style=NAMED)
    for digest in (NAMED, UNNAMED, NEW):
        home.create(f"staged/{digest}/x.jpg", b"picture")
    home.create("staged/notes.txt", b"somebody's")
    old = time.time() - 2 * FRESH
    for digest in (NAMED, UNNAMED):
        os.utime(tmp_path / "home/staged" / digest / "x.jpg", (old, old))
    (found,) = remove_staged(home, dry_run=True)
    assert (found.name, found.bytes) == (f"x.jpg ({UNNAMED[:12]})", 7)
    without = remove_staged(home, dry_run=True, without={"aaaaaaaaaaaa"})
    assert sorted(each.name[7:8] for each in without) == ["a", "b"]
    assert list(remove_staged(home, dry_run=False)) == [found]
    left = {stat.key.split("/")[1] for stat in home.list_ours("staged/")}
    assert left == {NAMED, NEW, "notes.txt"}


def test_gc_says_what_it_frees(done: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    left = tmp_path / f"impasto-{os.getuid()}" / "tmp0"
    left.mkdir(parents=True)
    left.parent.chmod(0o700)
    (left / "part").write_bytes(b"x" * 2000)
    words = ["gc", "--home", tmp_path / "home"]
    would = call(*words, "--dry-run").stdout.splitlines()
    assert would == [
        f"would remove   2.0 kB  temporary folder {left}",
        "would free 2.0 kB: 1 temporary folder",
    ]
    freed = call(*words).stdout.splitlines()
    assert freed[-1] == "freed 2.0 kB: 1 temporary folder"
    assert not left.exists()
    assert done.exists()
    assert call(*words, "--older-than", "1d").stdout == "nothing to remove\n"
    assert ": 1 job\n" in call(*words, "--state", "done").stdout
    assert not done.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rm", "abcdef"], "job abcdef: not found in"),
        (["rm", "/etc/passwd"], "only deletes jobs and what is in stores; delete local"),
        (["gc", "--state", "open"], "--state open: is not a state"),
        (["gc", "--older-than", "never"], "--older-than never: is not a time"),
    ],
)
def test_what_cannot_be_removed_is_refused(words: list[str], said: str, tmp_path: Path) -> None:
    ended = call(*words, "--home", tmp_path)
    assert ended.returncode == 2
    assert said in ended.stderr


def test_rm_removes_jobs_by_their_ids(home: Store, done: Job, tmp_path: Path) -> None:
    other = make(home, "aaaaaaaaaaaa", tmp_path / "b.csv")
    place = ["--home", tmp_path / "home"]
    refused = call("rm", done.id, "ffff", *place)
    assert (refused.returncode, done.exists()) == (2, True)
    ended = call("rm", done.id[:6], "aaaa", *place)
    assert ended.stdout.startswith(f"job {done.id}: removed, ")
    assert not done.exists()
    assert not other.exists()
