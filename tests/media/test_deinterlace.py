"""Interlaced frames become whole pictures, which do not depend on where a video is cut."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from impasto import JobSpec, Settings
from impasto.driver import api
from impasto.driver.open_job import open_draft
from impasto.jobs.find import find
from impasto.jobs.summary import details
from impasto.media.read.decode import read
from impasto.media.read.index import cut, scan
from impasto.sources.video import Video
from impasto.storage.named_file import File
from impasto.storage.stores import Stores
from support import inprocess

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from conftest import MakeClip
    from impasto.media.frame import Frame
    from impasto.media.read.index import VideoIndex
    from impasto.schema.progress import Progress

TOP_FIRST: dict[str, Any] = {
    "options": {"x264-params": "tff=1"},
    "woven": True,
    "frames": 30,
    "size": (160, 96),
}


def scanned(path: Path) -> VideoIndex:
    index = scan(str(path), "clip")
    assert index.facts.interlaced
    return replace(index, facts=index.facts.model_copy(update={"deinterlace": True}))


def frames(path: Path, index: VideoIndex, start: int, stop: int, threads: int = 1) -> list[Frame]:
    return list(read(str(path), "clip", index.facts, cut(index, start, stop), start, threads))


def combs(made: Sequence[Frame]) -> float:
    """Return by how much lines differ from the mean of their neighbours."""
    luma = np.stack([frame.planes[0] for frame in made]).astype(float)
    return float(np.abs(luma[:, 1:-1] - (luma[:, :-2] + luma[:, 2:]) / 2).mean())


@pytest.mark.parametrize("suffix", [".mp4", ".ts", ".h264"])
def test_every_shard_equals_the_whole_video_deinterlaced(clip: MakeClip, suffix: str) -> None:
    path = clip(suffix, **TOP_FIRST)
    index = scanned(path)
    whole = frames(path, index, 0, len(index))
    assert [frame.index for frame in whole] == list(range(30))
    for size in (1, 7, 12):
        for start in range(0, 30, size):
            part = frames(path, index, start, min(start + size, 30), threads=2)
            assert [frame.index for frame in part] == list(range(30))[start : start + size]
            for frame in part:
                for a, b in zip(frame.planes, whole[frame.index].planes, strict=True):
                    assert np.array_equal(a, b)


def test_combs_disappear(clip: MakeClip) -> None:
    path = clip(".mp4", **TOP_FIRST)
    index, plain = scanned(path), scan(str(path), "clip")
    assert combs(frames(path, index, 0, 30)) < combs(frames(path, plain, 0, 30)) / 2


def test_progressive_frames_stay_as_they_are(clip: MakeClip) -> None:
    path = clip(".mp4", frames=12)
    plain = scan(str(path), "clip")
    filtered = replace(plain, facts=plain.facts.model_copy(update={"deinterlace": True}))
    for a, b in zip(frames(path, plain, 0, 12), frames(path, filtered, 0, 12), strict=True):
        assert all(map(np.array_equal, a.planes, b.planes))


@pytest.mark.parametrize(
    ("mode", "said"),
    [("auto", "are deinterlaced, unless `deinterlace=no`"), ("no", "their combing")],
)
def test_a_job_says_before_it_scores_what_becomes_of_the_fields(
    clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, said: str
) -> None:
    inprocess.install(monkeypatch)
    path, output = clip(".mp4", **TOP_FIRST), tmp_path / "o.mp4"
    settings = Settings(home=str(tmp_path / "home"))
    spec = JobSpec(source=str(path), output=str(output), scorer="identity", crf=1, shard_frames=10)
    spec = spec.model_copy(update={"deinterlace": mode})
    events: list[Progress] = []
    result = api.run(spec, settings=settings, on_progress=events.append)
    first = next(event for event in events if event.stage == "scoring")
    assert (first.done, len(first.warnings)) == (0, 1)
    assert said in first.warnings[0]
    shown = details(find(open_draft(spec, settings).home, result.job))
    assert shown.warnings == first.warnings
    made = scan(str(output), "o.mp4")
    before = combs(frames(path, scan(str(path), "clip"), 0, 30))
    assert (combs(frames(output, made, 0, 30)) < before / 2) is (mode == "auto")


def test_probe_says_that_a_video_is_interlaced(clip: MakeClip) -> None:
    facts = Video(File(Stores({}), str(clip(".mp4", **TOP_FIRST)))).facts()
    assert facts["interlaced"]
    assert any("the video is interlaced" in line for line in facts["warnings"])
