"""Mini-batches of pictures: planes -> RGB -> scorer -> planes, or records."""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import torch

from impasto.errors import BadInput
from impasto.media import colour
from impasto.media.frame import Frame, Layout, output_size
from impasto.outputs.arrays import arrays_of
from impasto.outputs.base import Scored
from impasto.scorers.base import Scores
from impasto.scorers.pictures import resize
from impasto.worker.masks import blended
from impasto.worker.scoring import divide, item_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from impasto.media.frame import Plane
    from impasto.schema.outcome import ItemError
    from impasto.schema.plan import Plan
    from impasto.scorers.base import Scorer, Wants
    from impasto.worker.masks import Masks


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """When a video shows its frames.

    Attributes:
        zero: timestamp of the first one.
        time_base: seconds of its unit.
    """

    zero: int
    time_base: Fraction

    @classmethod
    def of(cls, plan: Plan) -> FrameTimes | None:
        """Return the times of a plan's source; None if it is no video."""
        video = plan.source == "video" and plan.facts
        return cls(plan.zero, plan.facts.time_base) if video and plan.facts else None

    def seconds(self, frame: Frame) -> float:
        """Return when a frame is shown, counted from the first."""
        return float(((frame.pts or 0) - self.zero) * self.time_base)


class PictureScoring:
    """Scores mini-batches of frames that share a layout; safe to call from several threads."""

    def __init__(
        self,
        scorer: Scorer,
        device: str,
        longest: int | None,
        *,
        layout: Layout | None = None,
        wants: Wants = "pictures",
        arrays: str = "",
        times: FrameTimes | None = None,
        masks: Masks | None = None,
    ) -> None:
        """Bind a scorer to an output.

        Args:
            scorer: the model.
            device: where it is loaded, ``cpu`` or ``cuda:<n>``.
            longest: the maximum longer side of scored pictures, in pixels, or None.
            layout: the planes to make; None makes (H, W, 3) RGB at each picture's own size.
            wants: what the output is made of.
            arrays: the suffix of the files that arrays are written to, if they are wanted.
            times: tells when a video shows its frames; None of still pictures.
            masks: what the masks of frames mean; None where they have none.
        """
        self._times = times
        self._masks = masks
        self._scorer = scorer
        self._device = torch.device(device)
        self._longest = longest
        self._layout = layout
        self._wants = wants
        self._arrays = arrays
        self._local = threading.local()

    @torch.inference_mode()
    def __call__(self, items: Sequence[Frame], size: Callable[[int], None]) -> list[Scored]:
        """Score frames; see `Scoring`. An item that is set aside keeps its source picture."""
        since = time.perf_counter()
        with self.stream():
            rgb = self.rgb(items)
            made: list[Scored] = []
            for start, stop, scores in divide(
                lambda a, b: self.scores(rgb[a:b], lambda given: self.scored(items[a:b], given)),
                0,
                len(items),
                size,
            ):
                if isinstance(scores, Exception):
                    frame = items[start]
                    made.append(self.keep(frame, item_error(frame.index, scores)))
                else:
                    made += self.made(items[start:stop], scores)
        seconds = (time.perf_counter() - since) / len(items)
        return [replace(scored, seconds=seconds) for scored in made]

    @torch.inference_mode()
    def keep(self, item: Frame, error: ItemError) -> Scored:
        """Return a frame's source picture, in the size that the output requires."""
        planes: tuple[Plane, ...] = ()
        if self._wants == "pictures":
            fits = item.layout == self._layout
            planes = (
                item.planes[:3] if fits else tuple(self._planes(self.rgb([item]), item.layout, 0))
            )
        size = (self._layout.height, self._layout.width) if self._layout else None
        return Scored(
            item.index,
            planes,
            self._alpha(item, size),
            concealed=item.concealed,
            error=error,
            about=item.about,
        )

    @torch.inference_mode()
    def size_of(self, item: Frame) -> tuple[int, int] | None:
        """Return the width and height that a picture has after scoring; None if it fails."""
        try:
            scores = self.scored([item], self.rgb([item]))
        except Exception:  # noqa: BLE001 (it is set aside when its turn comes, and told then)
            return None
        made = scores if isinstance(scores, torch.Tensor) else scores.pictures
        return None if made is None else (int(made.shape[3]), int(made.shape[2]))

    def rgb(self, frames: Sequence[Frame]) -> torch.Tensor:
        """Return frames of one layout as the scorer gets them, (N, 3, H, W) on the device."""
        layout = frames[0].layout
        count = 1 if layout.chroma is None else 3
        stacked = [
            torch.stack([torch.from_numpy(frame.planes[n]) for frame in frames])
            for n in range(count)
        ]
        rgb = colour.to_rgb([self._upload(plane) for plane in stacked], layout)
        width, height = output_size(layout.width, layout.height, self._longest)
        return resize(rgb, (height, width), clamp=False).clamp_(0, 1)

    def stream(self) -> AbstractContextManager[object]:
        """Return a CUDA stream per thread, so that transfers of one overlap another's scoring."""
        if self._device.type != "cuda":
            return nullcontext()
        if not hasattr(self._local, "stream"):
            self._local.stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        return torch.cuda.stream(self._local.stream)

    def _upload(self, plane: torch.Tensor) -> torch.Tensor:
        if self._device.type == "cuda":
            return plane.pin_memory().to(self._device, non_blocking=True)
        return plane

    def scored(self, frames: Sequence[Frame], rgb: torch.Tensor) -> torch.Tensor | Scores:
        """Score pictures, (N, 3, H, W) on the device, that were made of these N frames."""
        return self.masked(frames, rgb, self.bare(frames, rgb))

    def bare(self, frames: Sequence[Frame], rgb: torch.Tensor) -> torch.Tensor | Scores:
        """Score pictures as `scored` does, whatever their masks."""
        if self._scorer.timed and self._times:
            return self._scorer.score_at(rgb, [self._times.seconds(frame) for frame in frames])
        return self._scorer.score(rgb)

    def masked(
        self, frames: Sequence[Frame], rgb: torch.Tensor, scores: torch.Tensor | Scores
    ) -> torch.Tensor | Scores:
        """Put what was made of pictures, (N, 3, H, W), into them where the frames' masks say so."""
        made = scores if isinstance(scores, torch.Tensor) else scores.pictures
        masks = [frame.mask for frame in frames if frame.mask is not None]
        if self._masks is None or made is None or not len(made) == len(masks) == len(frames):
            return scores
        made = blended(made, rgb, masks, self._masks.side, self._masks.feather)
        return made if isinstance(scores, torch.Tensor) else replace(scores, pictures=made)

    def scores(
        self, rgb: torch.Tensor, score: Callable[[torch.Tensor], torch.Tensor | Scores]
    ) -> Scores:
        """Score pictures, (N, 3, H, W), and check what is made of them.

        Args:
            rgb: the pictures, as `rgb` returns them.
            score: how.
        """
        scores = score(rgb)
        if isinstance(scores, torch.Tensor):
            scores = Scores(pictures=scores)
        if self._wants == "pictures":
            self._check_pictures(scores, rgb)
        else:
            self._check_records(scores, len(rgb))
        return scores

    def _check_records(self, scores: Scores, count: int) -> None:
        if scores.records is None:
            folder = "a folder, without `frames`" if self._arrays else "a folder"
            raise BadInput(
                "the scorer makes pictures", f"choose an output such as .mp4, or {folder}"
            )
        if len(scores.records) != count:
            raise ValueError(f"the scorer made records for {len(scores.records)} of {count} items")
        if self._arrays:
            for records in scores.records:
                arrays_of(records, self._arrays)

    def _check_pictures(self, scores: Scores, rgb: torch.Tensor) -> None:
        made = scores.pictures
        if made is None:
            raise BadInput(
                "the scorer makes records",
                "choose an output such as .jsonl or .csv; for arrays, a folder with `frames=npy`",
            )
        size = tuple(rgb.shape[2:])
        if self._scorer.resizes:
            layout = self._layout
            size = (layout.height, layout.width) if layout else tuple(made.shape[2:])
        if tuple(made.shape) != (len(rgb), 3, *size):
            wanted = (len(rgb), 3, *size)
            raise ValueError(
                f"the scorer made {tuple(made.shape)} from {tuple(rgb.shape)}, not {wanted}"
            )
        if not bool(torch.isfinite(made.sum())):
            raise ValueError("the scorer made values that are not finite")

    def made(self, frames: Sequence[Frame], scores: Scores) -> list[Scored]:
        """Return what the output holds of scored frames."""
        facts = scores.facts or [{}] * len(frames)
        if self._wants != "pictures":
            assert scores.records is not None
            return [
                Scored(frame.index, records=records, facts=known, concealed=frame.concealed)
                for frame, records, known in zip(frames, scores.records, facts, strict=True)
            ]
        assert scores.pictures is not None
        size = tuple(scores.pictures.shape[2:])
        planes = self._planes(scores.pictures, frames[0].layout)
        return [
            Scored(
                frame.index,
                tuple(plane[n] for plane in planes),
                self._alpha(frame, size),
                facts=facts[n],
                concealed=frame.concealed,
                about=frame.about,
            )
            for n, frame in enumerate(frames)
        ]

    def _planes(self, rgb: torch.Tensor, source: Layout, one: int | None = None) -> list[Plane]:
        """Make the output's planes of pictures, (N, H, W) each; or of a single one, (H, W)."""
        depth = self._depth(source)
        layout = self._layout or Layout(rgb.shape[-1], rgb.shape[-2], depth, None, source.colour)
        fitting = resize(rgb, (layout.height, layout.width), clamp=False)
        planes = [plane.cpu().numpy() for plane in colour.from_rgb(fitting, layout)]
        return planes if one is None else [plane[one] for plane in planes]

    def _depth(self, source: Layout) -> int:
        """Return the bits per sample of what is made."""
        if self._layout:
            return self._layout.depth
        # Still pictures keep their depth; a video's frames become images of 8 bits.
        return source.depth if source.chroma is None else 8

    def _alpha(self, frame: Frame, size: tuple[int, ...] | None) -> Plane | None:
        """Return a picture's transparency in the size (H, W) and depth of its result."""
        if frame.alpha is None:
            return None
        depth = self._depth(frame.layout)
        plane = _deepened(frame.alpha, frame.layout.depth, depth)
        width, height = output_size(frame.layout.width, frame.layout.height, self._longest)
        if size:
            height, width = size
        if (frame.layout.width, frame.layout.height) == (width, height):
            return plane
        alpha = torch.from_numpy(plane)
        scaled = resize(alpha[None, None].float(), (height, width), clamp=False)
        rounded: NDArray[np.float32] = scaled[0, 0].round().clamp(0, (1 << depth) - 1).numpy()
        return rounded.astype(np.uint8) if depth == 8 else rounded.astype(np.uint16)


def _deepened(alpha: Plane, depth: int, wanted: int) -> Plane:
    """Return a plane of transparency with other bits per sample."""
    if depth == wanted:
        return alpha
    top, most = (1 << depth) - 1, (1 << wanted) - 1
    scaled = (alpha.astype(np.uint32) * most + top // 2) // top
    return scaled.astype(np.uint8) if wanted == 8 else scaled.astype(np.uint16)
