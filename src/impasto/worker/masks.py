"""Masks: where a scorer's pictures take the place of the source's, and where they do not.

A mask is a picture, or a video with a frame for each of the source's. White is 1, black is 0, and
what is between is a share of both. It is read beside the source, each frame with its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from impasto.errors import BadInput, Changed
from impasto.media import colour, images
from impasto.media.formats import is_video
from impasto.media.frame import Frame
from impasto.media.read import decode, index
from impasto.schema.url import parse
from impasto.scorers.pictures import resize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from impasto.schema.job import JobSpec
    from impasto.storage.stores import Stores

T = TypeVar("T")
Shares: TypeAlias = "NDArray[np.uint8]"
"""A mask of the size that its file has, (H, W)."""


class Masks:
    """The mask of a job.

    Attributes:
        side: ``inside`` or ``outside``, where the scorer's pictures are.
        feather: how soft its edges become, as `JobSpec`.
    """

    def __init__(self, spec: JobSpec, stores: Stores) -> None:
        """Read the mask.

        Args:
            spec: the job's, which names it.
            stores: what may be opened.

        Raises:
            BadInput: it is neither a picture nor a video.
            Changed: it is not the file with which the job began.
        """
        assert spec.mask
        self.side, self.feather = spec.mask_side, spec.mask_feather
        self._name = parse(spec.mask).name
        content = stores.read(spec.mask)
        if hashlib.sha256(content).hexdigest() != spec.pins.get("mask"):
            raise Changed(f"{spec.mask}: has changed since the job began", "run it again")
        self._still: Shares | None = None
        self._content = b""
        if not is_video(self._name):
            self._still = _shares(images.read(content, self._name))
            return
        self._content = content
        self._scanned = index.scan(BytesIO(content), self._name)

    def beside(self, items: Iterator[T], start: int, stop: int) -> Iterator[T]:
        """Give each frame its mask.

        Args:
            items: frames of the source, from `start` to before `stop`, in order.
            start: the first.
            stop: the one after the last.

        Raises:
            BadInput: the mask has too few frames.
        """
        found = self._frames(start, stop)
        for item in items:
            if isinstance(item, Frame):
                at, mask = next(found)
                while at < item.index:
                    at, mask = next(found)
                yield cast("T", replace(item, mask=mask))
            else:
                yield item

    def _frames(self, start: int, stop: int) -> Iterator[tuple[int, Shares]]:
        if self._still is not None:
            yield from ((at, self._still) for at in range(start, stop))
            return
        if len(self._scanned) < stop:
            raise BadInput(
                f"{self._name}: has {len(self._scanned):,} frames, and the source {stop:,} or more",
                "give the mask one for each of the source's, or a picture for all",
            )
        cut = index.cut(self._scanned, start, stop)
        facts = self._scanned.facts
        for frame in decode.read(BytesIO(self._content), self._name, facts, cut, start):
            yield frame.index, _shares(frame)


def blended(
    made: torch.Tensor, source: torch.Tensor, masks: list[Shares], side: str, feather: float
) -> torch.Tensor:
    """Put a scorer's pictures into the source's.

    Args:
        made: the scorer's, RGB in [0, 1], (N, 3, H, W).
        source: what it was given, (N, 3, h, w), resized where it makes other sizes.
        masks: N masks of any size, whose shares of white are those of `made`.
        side: ``inside`` or ``outside``, for the shares of black.
        feather: standard deviation, in pixels, of what softens the mask's edges.

    Returns:
        (N, 3, H, W).
    """
    size = (made.shape[2], made.shape[3])
    base = resize(source, size)
    known: dict[int, torch.Tensor] = {}
    for mask in masks:
        if id(mask) not in known:
            share = torch.from_numpy(mask).to(made.device)[None, None].float() / 255
            share = _softened(resize(share, size), feather)
            known[id(mask)] = 1 - share if side == "outside" else share
    return torch.lerp(base, made, torch.cat([known[id(mask)] for mask in masks]))


def _softened(share: torch.Tensor, deviation: float) -> torch.Tensor:
    """Blur (1, 1, H, W) by a Gaussian; beyond its edges, these go on."""
    if not deviation:
        return share
    reach = max(1, round(3 * deviation))
    at = torch.arange(-reach, reach + 1, device=share.device, dtype=torch.float32)
    kernel = torch.exp(-((at / deviation) ** 2) / 2)
    kernel = kernel / kernel.sum()
    share = F.conv2d(F.pad(share, (0, 0, reach, reach), "replicate"), kernel.view(1, 1, -1, 1))
    return F.conv2d(F.pad(share, (reach, reach, 0, 0), "replicate"), kernel.view(1, 1, 1, -1))


def _shares(frame: Frame) -> Shares:
    """Return the mask that a picture is: its mean of red, green and blue."""
    planes = [torch.from_numpy(plane)[None] for plane in frame.planes[:3]]
    if frame.layout.chroma is None:
        planes = planes[:1]
    rgb = colour.to_rgb(planes, frame.layout)[0]
    shares: Shares = (rgb.mean(0) * 255).round().byte().numpy()
    return shares
