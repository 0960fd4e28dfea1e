"""Killing real processes at any moment costs at most the shards that ran, and changes nothing."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import psutil
import pytest

from impasto.jobs.waiting import Undriven
from impasto.storage.stores import Stores
from support.command import (
    call,
    found,
    frozen,
    impasto,
    kill_tree,
    start,
    tree,
    wait_for,
    workers_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import MakeClip
    from impasto.jobs.job import Job

SHARDS, LENGTH = 6, 10


@pytest.fixture(scope="module")
def source(clip: MakeClip) -> Path:
    """A clip long enough to be caught at any stage."""
    return clip(frames=LENGTH * SHARDS, size=(160, 96), gop=LENGTH, audio=("aac",))


@pytest.fixture(scope="module")
def painting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import numpy as np
    from PIL import Image

    from support.clips import picture

    path = tmp_path_factory.mktemp("style") / "painting.png"
    Image.fromarray(np.moveaxis(picture(7, 256, 256), 0, 2)).save(path)
    return path


def undriven(folder: Path) -> list[Job]:
    """The jobs that a watcher would finish, an hour from now."""
    home = Stores({}).open_home(str(folder / "home"))
    return Undriven(home, lambda: time.time() + 3600).find()


def command(source: Path, painting: Path, folder: Path, workers: int = 2) -> list[object]:
    options = ["--shard-frames", LENGTH, "--home", folder / "home", "--json"]
    given = ["run", source, "--style", painting, "-o", folder / "out.mp4", *options]
    return [*given, "--workers", workers]


@pytest.fixture(scope="module")
def uninterrupted(source: Path, painting: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("whole")
    done = call(*command(source, painting, folder, 1))
    assert done.returncode == 0, done.stderr
    return (folder / "out.mp4").read_bytes()


def frames_logged(home: Path) -> Counter[int]:
    """How often frames of each shard were scored to the end of a shard."""
    lines = (json.loads(line) for path in home.glob("jobs/*/logs/*") for line in path.open())
    return Counter(line["shard"] for line in lines if line["event"] == "item")


def done_records(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.glob("jobs/*/done/*.json")}


MOMENTS: dict[str, Callable[[Path], object]] = {
    "before the plan": lambda folder: found(folder, "home/jobs/*/spec.json"),
    "at the plan": lambda folder: found(folder, "home/jobs/*/plan.json"),
    "while workers load": lambda folder: found(folder, "home/jobs/*/prepared.json"),
    "after the first shard": lambda folder: found(folder, "home/jobs/*/done/*.json"),
    "at a segment without its record": lambda folder: (
        found(folder, "home/jobs/*/segments/*.mp4") > found(folder, "home/jobs/*/done/*.json") >= 2
    ),
    "near the end": lambda folder: found(folder, "home/jobs/*/done/*.json") >= SHARDS - 1,
    "during assembly": lambda folder: found(folder, ".impasto-*"),
    "at the result": lambda folder: found(folder, "home/jobs/*/result.json"),
}

FLEETING = {"at a segment without its record", "during assembly", "at the result"}
"""Moments so short that the job may end before anybody sees them."""


@pytest.fixture(scope="module")
def job(source: Path, painting: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one job, stopped at each moment; beside it is what SIGKILL leaves then."""
    folder = tmp_path_factory.mktemp("job") / "job"
    folder.mkdir()
    process = start(*command(source, painting, folder))
    missed = {*MOMENTS}

    def keep(moments: set[str]) -> None:
        for moment in moments:
            shutil.copytree(folder, folder.with_name(moment))
        missed.difference_update(moments)

    def seen() -> bool:
        now = {moment for moment in missed if MOMENTS[moment](folder)}
        if now and process.poll() is None:
            with frozen(*tree(process)):
                keep({moment for moment in now if MOMENTS[moment](folder)})
        return not missed or process.poll() is not None

    wait_for(seen)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert missed <= FLEETING
    keep({*missed})
    return folder


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_job_resumes_to_the_same_bytes(
    moment: str, job: Path, source: Path, painting: Path, uninterrupted: bytes
) -> None:
    shutil.rmtree(job)
    shutil.copytree(job.with_name(moment), job)
    assert not (job / "out.mp4").exists() or moment in FLEETING
    records, logged = done_records(job / "home"), frames_logged(job / "home")

    again = call(*command(source, painting, job, 1))

    assert again.returncode == 0, again.stderr
    assert (job / "out.mp4").read_bytes() == uninterrupted
    assert json.loads(again.stdout)["items"] == LENGTH * SHARDS
    kept = done_records(job / "home")
    assert {name: kept[name] for name in records} == records
    for name in records:
        shard = int(name.removesuffix(".json"))
        assert frames_logged(job / "home")[shard] == logged[shard], "a done shard ran again"
    assert not list(job.glob(".impasto-*")), "a partial output was left"


def test_a_job_killed_again_and_again_still_ends_the_same(
    source: Path, painting: Path, uninterrupted: bytes, tmp_path: Path
) -> None:
    words = command(source, painting, tmp_path, 1)
    for shards in (1, 4):
        process = start(*words)
        wait_for(lambda n=shards: found(tmp_path, "home/jobs/*/done/*.json") >= n)  # type: ignore[misc]
        kill_tree(process)
        assert undriven(tmp_path), "a watcher would not go on with it"
    assert impasto(*words).returncode == 0
    assert (tmp_path / "out.mp4").read_bytes() == uninterrupted


def test_workers_end_when_their_driver_is_killed(
    source: Path, painting: Path, tmp_path: Path
) -> None:
    process = start(*command(source, painting, tmp_path))
    wait_for(lambda: found(tmp_path, "home/jobs/*/done/*.json"))
    started = psutil.Process(process.pid).children(recursive=True)
    assert len(workers_of(process)) == 2
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(started, 15)
    assert not alive


def test_a_killed_worker_is_replaced_and_its_shard_tried_again(
    source: Path, painting: Path, uninterrupted: bytes, tmp_path: Path
) -> None:
    process = start(*command(source, painting, tmp_path))
    wait_for(lambda: found(tmp_path, "home/jobs/*/done/*.json"))
    workers_of(process)[0].kill()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert json.loads(out)["items"] == LENGTH * SHARDS
    assert (tmp_path / "out.mp4").read_bytes() == uninterrupted
    (failure,) = (tmp_path / "home").glob("jobs/*/failed/*.json")
    assert "signal 9" in failure.read_text()


def test_a_worker_killed_while_it_starts_does_not_end_the_job(
    source: Path, painting: Path, uninterrupted: bytes, tmp_path: Path
) -> None:
    process = start(*command(source, painting, tmp_path))
    wait_for(lambda: workers_of(process))
    workers_of(process)[0].kill()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert (tmp_path / "out.mp4").read_bytes() == uninterrupted


def test_a_worker_that_hangs_is_stopped_and_its_shard_tried_again(
    source: Path, painting: Path, uninterrupted: bytes, tmp_path: Path
) -> None:
    impatient = "import functools; from impasto.driver import loop"
    impatient += "; loop.Task = functools.partial(loop.Task, stall=6.0)"
    code = f"{impatient}; from impasto.__main__ import main; main()"
    words = [sys.executable, "-c", code, *map(str, command(source, painting, tmp_path))]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: found(tmp_path, "home/jobs/*/done/*.json") >= 2)
    workers_of(process)[0].suspend()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert (tmp_path / "out.mp4").read_bytes() == uninterrupted
    (failure,) = (tmp_path / "home").glob("jobs/*/failed/*.json")
    assert "did not respond for 6 s" in failure.read_text()


def test_two_drivers_of_one_job_do_no_harm(
    source: Path, painting: Path, uninterrupted: bytes, tmp_path: Path
) -> None:
    both = [start(*command(source, painting, tmp_path, 1)) for _ in range(2)]
    codes = [(process.communicate(timeout=180), process.returncode) for process in both]
    assert {code for _, code in codes} <= {0, 2}, codes
    assert 0 in {code for _, code in codes}
    digest = hashlib.sha256((tmp_path / "out.mp4").read_bytes()).hexdigest()
    assert digest == hashlib.sha256(uninterrupted).hexdigest()


def test_the_first_ctrl_c_drains_and_says_how_to_go_on(
    source: Path, painting: Path, uninterrupted: bytes, tmp_path: Path
) -> None:
    process = start(*command(source, painting, tmp_path))
    wait_for(lambda: found(tmp_path, "home/jobs/*/done/*.json"))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    said = json.loads(out)
    assert said["exit_code"] == 130
    assert "and kept; run the same command (or 'impasto resume" in said["error"]
    assert "Traceback" not in err
    assert 2 <= len(done_records(tmp_path / "home")) < SHARDS
    assert not (tmp_path / "out.mp4").exists()
    (job,) = (tmp_path / "home" / "jobs").iterdir()
    assert call("resume", job.name[:6], "--home", tmp_path / "home").returncode == 0
    assert (tmp_path / "out.mp4").read_bytes() == uninterrupted


def test_the_second_ctrl_c_stops_at_once(source: Path, painting: Path, tmp_path: Path) -> None:
    process = start(*command(source, painting, tmp_path))
    wait_for(lambda: found(tmp_path, "home/jobs/*/prepared.json"))
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    assert process.stderr
    while "stopping: finishing " not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert json.loads(out)["error"].startswith("stopped: ")
    assert not psutil.wait_procs(workers, 10)[1]
    assert not undriven(tmp_path), "a watcher would go on with it"
    assert not list(tmp_path.glob("*out.mp4*"))
