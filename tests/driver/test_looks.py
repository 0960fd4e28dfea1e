"""Jobs of the style network keep the look that they began with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from impasto import JobSpec, Settings
from impasto.driver import api
from support import inprocess
from support.clips import picture
from support.jobs import the_job

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeClip


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    inprocess.install(monkeypatch)


def test_a_job_that_began_with_another_look_resumes_to_its_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = tmp_path / "p.png", tmp_path / "o.png"
    Image.fromarray(np.moveaxis(picture(1, 96, 64), 0, 2)).save(source)
    job = JobSpec(source=str(source), output=str(output), params={"style": str(source)})
    before, today = (Settings(home=str(tmp_path / name)) for name in ("before", "today"))
    with monkeypatch.context() as patch:
        patch.setattr("impasto.scorers.style.scorer.LOOK", 1)
        first = api.run(job, settings=before)
    output.unlink()
    new = api.run(job, settings=today)
    assert new.job == first.job
    assert new.sha256 != first.sha256
    # As it would be if its only shard had not been done yet.
    output.unlink()
    the_job(before).drop([0])
    assert api.run(job, settings=before).sha256 == first.sha256


def test_a_fade_is_the_same_however_the_clip_is_cut(tmp_path: Path, clip: MakeClip) -> None:
    source = clip(frames=10, size=(32, 24), rate=10, start=7, gop=5)
    for n, name in enumerate(("a.png", "b.png")):
        Image.fromarray(np.moveaxis(picture(n, 64, 64), 0, 2)).save(tmp_path / name)
    fade = {"0.5": str(tmp_path / "b.png")}

    def paint(name: str, shard_frames: int, **params: object) -> np.ndarray[Any, Any]:
        job = JobSpec(
            source=str(source),
            output=str(tmp_path / name),
            frames="png",
            shard_frames=shard_frames,
            params={"style": str(tmp_path / "a.png"), **params},
        )
        api.run(job, settings=Settings(home=str(tmp_path / f"home-{name}")))
        made = sorted((tmp_path / name).iterdir())
        return np.stack([np.asarray(Image.open(path)) for path in made])

    whole, cut = paint("whole", 10, fade=fade), paint("cut", 5, fade=fade)
    assert np.array_equal(whole, cut)
    still = paint("still", 10)
    assert np.array_equal(whole[0], still[0])
    assert not np.array_equal(whole[2], still[2])
    second = paint("second", 10, style=str(tmp_path / "b.png"))
    assert np.array_equal(whole[5:], second[5:])
