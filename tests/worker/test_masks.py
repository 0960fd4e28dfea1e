from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

from impasto import BadInput, JobSpec, Settings
from impasto.driver import api
from impasto.worker.masks import blended
from support import inprocess

if TYPE_CHECKING:
    from conftest import MakeClip

INVERT = """
class Invert:
    def score(self, batch):
        return 255 - batch
"""
WIDTH, HEIGHT, FRAMES = 32, 24, 8


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    inprocess.install(monkeypatch)


@pytest.fixture
def source(clip: MakeClip) -> Path:
    return clip(frames=FRAMES, size=(WIDTH, HEIGHT), gop=4)


def half(width: int, height: int, white: int) -> np.ndarray[Any, Any]:
    """A mask that is white in the first columns."""
    mask = np.zeros((height, width), np.uint8)
    mask[:, :white] = 255
    return mask


def film(path: Path, count: int) -> Path:
    """A mask of which each frame has two more white columns than the one before."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray"
        for n in range(count):
            mask = half(WIDTH, HEIGHT, 2 * n)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(mask, "gray")))
        out.mux(stream.encode(None))
    return path


def inverted(source: Path, name: str, **fields: Any) -> np.ndarray[Any, Any]:
    """The frames of a job that inverts pictures, (N, H, W, 3)."""
    folder = source.parent
    (folder / "invert.py").write_text(INVERT)
    fields = {"frames": "png", "output": str(folder / name), **fields}
    scorer = f"python:{folder / 'invert.py'}:Invert"
    job = JobSpec(source=str(source), scorer=scorer, **fields)
    api.run(job, settings=Settings(home=str(folder / f"home-{name}")))
    return np.stack([np.asarray(Image.open(path)) for path in sorted((folder / name).iterdir())])


def test_a_mask_chooses_between_the_source_and_the_scorers_picture() -> None:
    source, made = torch.zeros(2, 3, 4, 6), torch.ones(2, 3, 4, 6)
    masks = [half(6, 4, 2), np.full((4, 6), 51, np.uint8)]
    inside = blended(made, source, masks, "inside", 0)
    assert inside[0, 0, 0].tolist() == [1, 1, 0, 0, 0, 0]
    assert float(inside[1].min()) == float(inside[1].max()) == pytest.approx(0.2)
    outside = blended(made, source, masks, "outside", 0)
    assert torch.allclose(inside + outside, torch.ones_like(made))


def test_edges_are_softened_and_sizes_are_fitted() -> None:
    source, made = torch.zeros(1, 3, 20, 40), torch.ones(1, 3, 40, 80)
    soft = blended(made, source, [half(40, 20, 20)], "inside", 4.0)[0, 0, 20]
    assert soft.shape == (80,)
    assert float(soft[39] + soft[40]) == pytest.approx(1, abs=1e-3)
    assert float(soft[36]) == pytest.approx(0.81, abs=0.03)  # the normal distribution, at 3.5 of 4
    assert float(soft[10]) == pytest.approx(1, abs=1e-4)
    assert soft.diff().max() < 1e-4


def test_a_picture_masks_every_frame_of_a_video(source: Path) -> None:
    plain, still = inverted(source, "plain"), source.parent / "mask.png"
    Image.fromarray(half(WIDTH, HEIGHT, 10)).save(still)
    masked = inverted(source, "masked", mask=str(still))
    swapped = inverted(source, "swapped", mask=str(still), mask_side="outside")
    # Rounding to the samples of a video and back may cost a code.
    original = 255 - plain.astype(int)
    for made, first, second in ((masked, plain, original), (swapped, original, plain)):
        assert np.abs(made[:, :, :10].astype(int) - first[:, :, :10]).max() <= 2
        assert np.abs(made[:, :, 10:].astype(int) - second[:, :, 10:]).max() <= 2


def test_a_video_masks_each_frame_by_its_own_however_it_is_cut(source: Path) -> None:
    plain, mask = inverted(source, "plain"), film(source.parent / "mask.mkv", FRAMES)
    whole = inverted(source, "whole", mask=str(mask), shard_frames=FRAMES)
    cut = inverted(source, "cut", mask=str(mask), shard_frames=4)
    assert np.array_equal(whole, cut)
    for n in range(FRAMES):
        changed = np.abs(whole[n].astype(int) - (255 - plain[n].astype(int))).max((0, 2)) > 2
        assert changed[: 2 * n].mean() > 0.8 if n else not changed.any()
        assert not changed[2 * n :].any()


def test_a_mask_is_part_of_the_job(source: Path) -> None:
    folder = source.parent
    (folder / "invert.py").write_text(INVERT)
    still = folder / "mask.png"
    Image.fromarray(half(WIDTH, HEIGHT, 10)).save(still)
    job = JobSpec(
        source=str(source),
        output=str(folder / "o.mp4"),
        scorer=f"python:{folder / 'invert.py'}:Invert",
        mask=str(still),
    )
    settings = Settings(home=str(folder / "home"))
    first = api.run(job, settings=settings)
    (folder / "o.mp4").unlink()
    assert api.run(job, settings=settings).sha256 == first.sha256
    (folder / "o.mp4").unlink()
    Image.fromarray(half(WIDTH, HEIGHT, 12)).save(still)
    other = api.run(job, settings=settings)
    assert (other.job, other.sha256) != (first.job, first.sha256)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"mask": "short.mkv"}, "short.mkv: has 3 frames, and the source 8 or more; give"),
        ({"mask": "text.png"}, "`mask=.*text.png`: "),
        ({"mask": "gone.png"}, "gone.png: "),
        ({"mask": "mask.png", "frames": None, "output": "o.jsonl"}, "holds no pictures"),
        ({"mask_feather": 3}, "`mask_feather`: is about a mask; add `mask`"),
        ({"mask_side": "outside"}, "`mask_side`: is about a mask; add `mask`"),
    ],
)
def test_masks_that_make_no_sense_are_refused(
    source: Path, fields: dict[str, Any], said: str
) -> None:
    folder = source.parent
    film(folder / "short.mkv", 3)
    (folder / "text.png").write_text("no picture")
    Image.fromarray(half(WIDTH, HEIGHT, 10)).save(folder / "mask.png")
    for name in {"mask", "output"} & fields.keys():
        fields[name] = str(folder / fields[name])
    with pytest.raises(BadInput, match=said):
        inverted(source, "refused", **fields)
