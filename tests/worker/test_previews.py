"""Small pictures that workers leave in a job while they score."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import impasto
from impasto.jobs.job import Job
from impasto.jobs.keys import preview_key
from impasto.media.small import small_jpeg
from impasto.settings import Settings
from impasto.storage.stores import Stores
from impasto.worker import previews
from support.clips import make_clip

if TYPE_CHECKING:
    from impasto.media.frame import Frame
    from impasto.schema.source import VideoFacts

TESTS = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "SOON", 0.0)


def _run(tmp_path: Path, *, shard_frames: int = 8, **given: object) -> Job:
    clip = make_clip(tmp_path / "in.mp4", frames=24, size=(64, 48))
    spec = impasto.JobSpec(
        source=str(clip),
        output=str(tmp_path / "out.mp4"),
        scorer="identity",
        shard_frames=shard_frames,
    )
    settings = Settings.model_validate(
        {"home": str(tmp_path / "home"), "engine": "inline", **given}
    )
    result = impasto.run(spec, settings=settings)
    return Job(Stores.of(settings).open_home(settings.home), result.job)


def _picture(job: Job, item: int, which: str) -> Image.Image:
    key = preview_key(item, "source" if which == "source" else "scored")
    return Image.open(io.BytesIO(job.folder.read(key)))


def test_each_shard_leaves_a_pair_of_its_first_picture(tmp_path: Path) -> None:
    job = _run(tmp_path)
    plan = job.plan()
    assert plan
    starts = [shard.start for shard in plan.shards]
    assert sorted(job.listing().previews) == starts
    for item in starts:
        pair = [_picture(job, item, which) for which in ("source", "scored")]
        assert [(each.format, each.size) for each in pair] == [("JPEG", (64, 48))] * 2
        # Nothing was changed by the scorer, so both show the same.
        source, scored = (np.asarray(each, np.int16) for each in pair)
        assert np.abs(source - scored).mean() < 4


def test_a_job_of_many_shards_has_a_bounded_number_of_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "MOST", 2)
    job = _run(tmp_path)
    plan = job.plan()
    assert plan
    assert len(plan.shards) == 3
    assert sorted(job.listing().previews) == [plan.shards[0].start, plan.shards[2].start]


def test_the_pairs_of_a_long_shard_are_spread_over_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "MOST", 3)
    monkeypatch.setattr(previews, "EVERY", 0.0)
    found = sorted(_run(tmp_path, shard_frames=24).listing().previews)
    assert found[0] == 0
    assert all(after - before >= 8 for before, after in pairwise(found))


@pytest.mark.parametrize("engine", ["inline", "local"])
def test_the_last_pair_is_there_when_the_job_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    def slowly(frame: Frame, side: int, facts: VideoFacts | None) -> bytes:
        # Longer than the rest of the job takes.
        time.sleep(0.3)
        return small_jpeg(frame, side, facts)

    monkeypatch.setattr(previews, "small_jpeg", slowly)
    job = _run(tmp_path, shard_frames=24, engine=engine)
    for which in ("source", "scored"):
        assert _picture(job, job.listing().previews[0], which).size == (64, 48)


def test_previews_can_be_switched_off(tmp_path: Path) -> None:
    assert _run(tmp_path, previews=False).listing().previews == []


def test_a_store_that_fails_costs_only_the_preview(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bytes:
        raise OSError("no room")

    monkeypatch.setattr(previews, "small_jpeg", refuse)
    job = _run(tmp_path)
    assert job.result()
    assert job.listing().previews == []


def test_a_store_that_hangs_keeps_no_process_from_its_end(tmp_path: Path) -> None:
    code = (
        "import threading, sys\n"
        "from pathlib import Path\n"
        "from impasto.jobs.folder import JobFolder\n"
        "from worker.test_previews import _run\n"
        "create = JobFolder.create\n"
        "def hang(folder, key, data):\n"
        "    if key.startswith('previews/'):\n"
        "        threading.Event().wait()\n"
        "    return create(folder, key, data)\n"
        "JobFolder.create = hang\n"
        "assert _run(Path(sys.argv[1])).result()\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], cwd=TESTS, check=True, timeout=60)
