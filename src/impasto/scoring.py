"""What happens to a mini-batch on the device: planes -> RGB -> scorer -> planes."""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from impasto.media import colour
from impasto.media.frame import Frame, Layout
from impasto.plan import output_size
from impasto.spec import FrameError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from impasto.media.frame import Plane
    from impasto.scorers import Scorer


@dataclass(frozen=True, slots=True)
class Scored:
    """A picture on its way from the device to a writer.

    Attributes:
        index: place in the source.
        planes: as the output's layout wants them; empty when there is no picture to write.
        alpha: the source's transparency (H, W), or None.
        seconds: time on the device, its share of the mini-batch's.
        concealed: whether the source's picture could not be decoded.
        error: why the scorer, or the reader of an image, refused it.
    """

    index: int
    planes: tuple[Plane, ...]
    alpha: NDArray[np.uint8] | None = None
    seconds: float = 0.0
    concealed: bool = False
    error: FrameError | None = None


class Scoring:
    """Scores mini-batches of frames; safe to call from several threads at once."""

    def __init__(
        self, scorer: Scorer, device: torch.device, layout: Layout | None, longest: int | None
    ) -> None:
        """Bind a scorer to an output.

        Args:
            scorer: the model.
            device: where it is loaded.
            layout: the planes to make; None makes (H, W, 3) RGB at each picture's own size.
            longest: the longer side of the output at most, in pixels, or None.
        """
        self._scorer = scorer
        self._device = device
        self._layout = layout
        self._longest = longest
        self._local = threading.local()

    @torch.inference_mode()
    def __call__(self, frames: list[Frame]) -> list[Scored]:
        """Score frames that share a layout; returns one result a frame, in order.

        A frame that the scorer refuses keeps its source picture and carries the error.

        Raises:
            MemoryError: a single frame does not fit; another worker may have room.
            torch.AcceleratorError: the device is broken; another process may have a working one.
        """
        since = time.perf_counter()
        with self._stream():
            rgb = self._rgb(frames)
            results, errors = self._score(rgb, [frame.index for frame in frames])
            planes = self._planes(results, frames[0].layout)
        seconds = (time.perf_counter() - since) / len(frames)
        return [
            Scored(
                frame.index,
                self._kept(frame, errors) or tuple(plane[n] for plane in planes),
                self._alpha(frame),
                seconds,
                frame.concealed,
                errors.get(frame.index),
            )
            for n, frame in enumerate(frames)
        ]

    def _stream(self) -> AbstractContextManager[object]:
        """A CUDA stream for each thread, so that one's transfers hide behind another's scoring."""
        if self._device.type != "cuda":
            return nullcontext()
        if not hasattr(self._local, "stream"):
            self._local.stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        return torch.cuda.stream(self._local.stream)

    def _rgb(self, frames: list[Frame]) -> torch.Tensor:
        layout = frames[0].layout
        count = 1 if layout.chroma is None else 3
        stacked = [
            torch.stack([torch.from_numpy(frame.planes[n]) for frame in frames])
            for n in range(count)
        ]
        rgb = colour.to_rgb([self._upload(plane) for plane in stacked], layout)
        width, height = self._size(layout)
        return _resize(rgb, width, height).clamp_(0, 1)

    def _size(self, layout: Layout) -> tuple[int, int]:
        if self._layout:
            return self._layout.width, self._layout.height
        return output_size(layout.width, layout.height, self._longest)

    def _upload(self, plane: torch.Tensor) -> torch.Tensor:
        if self._device.type == "cuda":
            return plane.pin_memory().to(self._device, non_blocking=True)
        return plane

    def _score(
        self, rgb: torch.Tensor, indices: list[int]
    ) -> tuple[torch.Tensor, dict[int, FrameError]]:
        try:
            return self._checked(rgb), {}
        except torch.AcceleratorError:
            raise
        except Exception as error:
            if len(indices) == 1:
                if _out_of_memory(error):
                    raise MemoryError(f"frame {indices[0]} does not fit in memory") from error
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                return rgb, {indices[0]: FrameError(frame=indices[0], error=reason)}
        half = len(indices) // 2
        first, first_errors = self._score(rgb[:half], indices[:half])
        second, second_errors = self._score(rgb[half:], indices[half:])
        return torch.cat([first, second]), first_errors | second_errors

    def _checked(self, rgb: torch.Tensor) -> torch.Tensor:
        result = self._scorer.score(rgb)
        if result.shape != rgb.shape:
            raise ValueError(f"the scorer made {tuple(result.shape)} of {tuple(rgb.shape)}")
        if not bool(torch.isfinite(result.sum())):
            raise ValueError("the scorer made values that are not finite")
        return result

    def _planes(self, rgb: torch.Tensor, source: Layout) -> list[NDArray[np.uint8]]:
        layout = self._layout or Layout(rgb.shape[-1], rgb.shape[-2], 8, None, source.colour)
        return [plane.cpu().numpy() for plane in colour.from_rgb(rgb, layout)]

    def _kept(self, frame: Frame, errors: dict[int, FrameError]) -> tuple[Plane, ...]:
        """The source's own planes for a refused frame, where the output can hold them."""
        return frame.planes if frame.index in errors and frame.layout == self._layout else ()

    def _alpha(self, frame: Frame) -> NDArray[np.uint8] | None:
        if frame.layout.chroma is not None or len(frame.planes) == 1:
            return None
        alpha = torch.from_numpy(frame.planes[1])
        width, height = self._size(frame.layout)
        if (frame.layout.width, frame.layout.height) == (width, height):
            return alpha.numpy()
        scaled = _resize(alpha[None, None].float(), width, height)
        scaled_plane: NDArray[np.uint8] = scaled[0, 0].round().clamp(0, 255).byte().numpy()
        return scaled_plane


def _out_of_memory(error: Exception) -> bool:
    """Tell the machine's want of memory, which is no fault of the frame, from other errors."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)


def _resize(pictures: torch.Tensor, width: int, height: int) -> torch.Tensor:
    if pictures.shape[-2:] == (height, width):
        return pictures
    return functional.interpolate(
        pictures, (height, width), mode="bicubic", antialias=True, align_corners=False
    )
