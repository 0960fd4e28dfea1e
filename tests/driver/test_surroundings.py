"""A source, or the temporary folder, that changes under a job while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from impasto import Incomplete, Progress, Settings
from impasto.driver import api
from support import inprocess
from support.clips import picture
from support.jobs import spec, the_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeClip


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    inprocess.install(monkeypatch)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path / "home"))


def when(done: int, act: Callable[[], object]) -> Callable[[Progress], None]:
    """Return a callback that acts once, when that many items are done."""
    acts = iter([act])

    def on_progress(event: Progress) -> None:
        if event.done >= done:
            next(acts, lambda: None)()

    return on_progress


def test_a_source_that_changes_while_it_is_scored_is_never_assembled(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes(clip(frames=24).read_bytes())
    watch = when(20, lambda: source.write_bytes(source.read_bytes() + b"\0"))
    with pytest.raises(Incomplete, match="has changed since job") as refused:
        api.run(spec(source, tmp_path / "o.mp4"), settings=settings, on_progress=watch)
    assert refused.value.job == the_job(settings).id
    assert not (tmp_path / "o.mp4").exists()


@pytest.mark.parametrize("other", [None, "black"], ids=["deleted", "replaced"])
def test_a_video_that_is_put_back_is_finished_as_if_nothing_had_happened(
    tmp_path: Path, settings: Settings, clip: MakeClip, other: str | None
) -> None:
    source, kept = tmp_path / "in.mp4", tmp_path / "kept.mp4"
    source.write_bytes(clip(frames=36).read_bytes())

    def disturb() -> None:
        source.rename(kept)
        if other:
            source.write_bytes(clip(frames=36, noise=9.0).read_bytes())

    job = spec(source, tmp_path / "o.mp4")
    with pytest.raises(Incomplete, match=r"12 of 36 frames are done and kept; put") as refused:
        api.run(job, settings=settings, on_progress=when(14, disturb))
    assert refused.value.job
    kept.rename(source)
    result = api.run(job, settings=settings)
    assert result.concealed == 0
    whole = api.run(spec(clip(frames=36), tmp_path / "whole.mp4"), settings=settings)
    assert (tmp_path / "o.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    assert whole.job != result.job


@pytest.mark.parametrize("other", [None, "black"], ids=["deleted", "replaced"])
def test_pictures_that_are_put_back_are_scored_again(
    tmp_path: Path, settings: Settings, other: str | None
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for n in range(6):
        Image.fromarray(np.moveaxis(picture(n, 96, 64), 0, 2)).save(folder / f"{n}.png")
    last, kept = folder / "5.png", tmp_path / "kept.png"

    def disturb() -> None:
        last.rename(kept)
        if other:
            Image.new("RGB", (96, 64), other).save(last)

    job = spec(folder, tmp_path / "out", shard_frames=3, max_failed=1)
    with pytest.raises(Incomplete, match=r"has changed since .* 3 of 6 images are done"):
        api.run(job, settings=settings, on_progress=when(1, disturb))
    kept.rename(last)
    assert api.run(job, settings=settings).failed == 0
    with Image.open(tmp_path / "out" / "5.png") as made, Image.open(last) as given:
        assert made.tobytes() == given.tobytes()


def test_a_temporary_folder_that_is_removed_is_named(
    tmp_path: Path, settings: Settings, clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    watch = when(12, lambda: folder.rename(tmp_path / "elsewhere"))
    job = spec(clip(frames=36), tmp_path / "o.mp4")
    with pytest.raises(
        Incomplete, match=r"temporary: the temporary folder is gone; . of 3"
    ) as lost:
        api.run(job, settings=settings, on_progress=watch)
    assert lost.value.job
    folder.mkdir()
    assert api.run(job, settings=settings).items == 36
    assert not [*folder.glob("*/*")]
