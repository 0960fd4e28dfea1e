"""What a source holds is known before its job is submitted, whatever kind it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from impasto import BadInput, JobSpec, Settings
from impasto.driver.open_job import open_job
from impasto.driver.weight import check_weight
from impasto.media.read import index
from impasto.schema.workers import Capacity
from support.stores import REMOTE, backend_of

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeClip
    from impasto.driver.open_job import OpenJob
    from support.stores import Backend


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """A folder of four pictures, of which one is larger, and one is none."""
    made = tmp_path / "frames"
    made.mkdir()
    for n in range(3):
        Image.new("RGB", (40 + 10 * n, 30)).save(made / f"{n}.png")
    (made / "3.png").write_bytes(b"no picture")
    return made


def opened(source: object, output: Path, home: Path, **fields: Any) -> OpenJob:
    given = {"source": str(source), "output": str(output), "scorer": "identity", **fields}
    return open_job(JobSpec.model_validate(given), Settings(home=str(home)))


def refused(job: OpenJob, **limits: int) -> str:
    with pytest.raises(BadInput) as caught:
        check_weight(job, **limits)
    return caught.value.fact


def test_a_video_has_frames_of_a_size(tmp_path: Path, clip: MakeClip) -> None:
    source = clip(frames=50, size=(160, 96))
    job = opened(source, tmp_path / "out.mp4", tmp_path / "home")
    check_weight(job, max_objects=1, max_frames=50, max_pixels=160 * 96)
    assert refused(job, max_frames=49) == f"{source.name}: has 50 frames, over 49"
    assert refused(job, max_pixels=9999) == f"{source.name}: is 160x96, over 9,999 pixels"
    part = opened(source, tmp_path / "out.mp4", tmp_path / "home", end=1)
    check_weight(part, max_frames=49)
    assert not (tmp_path / "home").exists()


def test_a_video_is_looked_through_once(
    tmp_path: Path, clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    scan = index.scan

    def counted(source: object, name: str, stream: int | None = None) -> index.VideoIndex:
        looked.append(name)
        return scan(source, name, stream)  # type: ignore[arg-type]

    monkeypatch.setattr(index, "scan", counted)
    job = opened(clip(frames=50), tmp_path / "out.mp4", tmp_path / "home")
    check_weight(job, max_frames=50, max_pixels=1 << 20)
    assert job.plan(Capacity(1, ""), 1, None).count == 50
    assert len(looked) == 1


def test_a_picture_has_a_size_and_must_be_one(tmp_path: Path, frames: Path) -> None:
    job = opened(frames / "2.png", tmp_path / "out.png", tmp_path / "home")
    check_weight(job, max_objects=1, max_frames=1, max_pixels=1800)
    assert refused(job, max_pixels=1799) == "2.png: is 60x30, over 1,799 pixels"
    job = opened(frames / "3.png", tmp_path / "out.png", tmp_path / "home")
    assert refused(job, max_pixels=1800).startswith("3.png: not a readable picture")


def test_of_many_pictures_the_largest_counts(tmp_path: Path, frames: Path) -> None:
    job = opened(frames, tmp_path / "out", tmp_path / "home")
    check_weight(job, max_objects=4, max_frames=4, max_pixels=1800)
    assert refused(job, max_objects=3) == "frames: has 4 files, over 3"
    assert refused(job, max_frames=3) == "frames: has 4 images, over 3"
    assert refused(job, max_pixels=1700) == "2.png: is 60x30, over 1,700 pixels"


def test_a_bomb_is_never_decoded(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((11000, 11000), np.uint8)).save(tmp_path / "bomb.png")
    job = opened(tmp_path / "bomb.png", tmp_path / "out.png", tmp_path / "home")
    assert "is 11000x11000, over" in refused(job, max_pixels=8192 * 8192)


def test_files_and_rows_are_counted(tmp_path: Path, frames: Path) -> None:
    script = tmp_path / "score.py"
    script.write_text("def init(): pass\ndef run(mini_batch): return list(mini_batch)\n")
    (tmp_path / "rows.csv").write_text("a\n1\n2\n3\n")
    scored: dict[str, Any] = {"scorer": f"script:{script}", "output": tmp_path / "out.csv"}
    scored["home"] = tmp_path / "home"
    rows = opened(tmp_path / "rows.csv", **scored, items="rows")
    check_weight(rows, max_objects=1, max_frames=3, max_pixels=1)
    assert refused(rows, max_frames=2) == "rows.csv: has 3 rows, over 2"
    files = opened(frames, **scored, items="files")
    check_weight(files, max_objects=4, max_frames=4, max_pixels=1)
    assert refused(files, max_objects=3) == "frames: has 4 files, over 3"


@pytest.mark.parametrize("kind", REMOTE)
def test_pictures_in_a_store_are_not_fetched_for_it(
    kind: str,
    tmp_path: Path,
    frames: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend: Backend = backend_of(kind, request, monkeypatch)
    assert backend.profile
    store = backend.open("frames")
    for path in frames.iterdir():
        store.put_file(path.name, path)
    spec = JobSpec(source=f"{backend.url}/frames", output=str(tmp_path / "o"), scorer="identity")
    settings = Settings(home=str(tmp_path / "home"), stores={"it": backend.profile})
    job = open_job(spec, settings)
    check_weight(job, max_objects=4, max_frames=4, max_pixels=1800)
    assert refused(job, max_pixels=1700) == "2.png: is 60x30, over 1,700 pixels"
