"""A source and what was made of it, frame by frame in one layout."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import torch

from impasto.errors import BadInput
from impasto.media import colour
from impasto.media.compare.pair import half, refuse_strangers
from impasto.media.compare.pane import Pane
from impasto.media.read import decode, index

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from fractions import Fraction
    from typing import TypeAlias

    import numpy as np
    from numpy.typing import NDArray

    from impasto.media.compare.pair import Given
    from impasto.media.frame import Frame, Layout
    from impasto.media.read.index import VideoIndex

    Picture: TypeAlias = NDArray[np.uint8]
    """RGB, (H, W, 3)."""


class _Video(NamedTuple):
    """A video of which some frames are read; ``first`` is the one that belongs to frame 0."""

    given: Given
    found: VideoIndex
    first: int


@dataclass(frozen=True, slots=True)
class Footage:
    """Videos that show the same frames: a source, its output, and perhaps another output.

    Attributes:
        videos: in this order.
        layout: of the output, upright, 4:2:0 with 8 bits; the others are converted to it.
        count: how many frames each of them shows.
        first: the source's frame that belongs to the output's first one.
        seconds: when each frame of the output is shown, from its first one on.
    """

    videos: tuple[_Video, ...]
    layout: Layout
    count: int
    first: int
    seconds: tuple[float, ...]

    def read(self, run: range, threads: int = 1) -> Iterator[tuple[Picture, ...]]:
        """Decode a run of frames.

        Args:
            run: numbers of the output's frames, from 0, one after the other.
            threads: threads of each decoder.

        Yields:
            For each frame, one picture of each video, (H, W, 3), all of the layout's size.

        Raises:
            BadInput: none of a video's frames can be decoded, or its picture size changes.
            Unavailable: a file ended early.
        """
        panes = [Pane(video.found.facts, self.layout) for video in self.videos]
        streams = [_read(video, run, threads) for video in self.videos]
        try:
            for frames in zip(*streams, strict=True):
                yield tuple(
                    _rgb(pane, frame, self.layout)
                    for pane, frame in zip(panes, frames, strict=True)
                )
        finally:
            for stream in streams:
                stream.close()


def open_footage(
    source: Given,
    outputs: Sequence[Given],
    part: tuple[Fraction | None, Fraction | None] = (None, None),
    stream: int | None = None,
) -> Footage:
    """Find the frames of a source and its outputs, without decoding them.

    Args:
        source: the source.
        outputs: what was made of it; the first one is measured, and sets the size.
        part: where the outputs begin and end, in seconds from the source's first frame.
        stream: index of the source's picture stream; None chooses it.

    Raises:
        BadInput: a video cannot be read, or they do not show the same frames.
    """
    old = index.scan(source.source, source.name, stream)
    first, stop = index.select(old, *part)
    if old.facts.interlaced:
        old = replace(old, facts=old.facts.model_copy(update={"deinterlace": True}))
    found = [index.scan(each.source, each.name) for each in outputs]
    for given, new in zip(outputs, found, strict=True):
        refuse_strangers(source.name, given.name, old, new, first)
        _refuse_other_length(source.name, given.name, stop - first, len(new))
    made = found[0]
    unit, zero = made.facts.time_base, made.pts[0]
    videos = [_Video(source, old, first)]
    videos += [_Video(given, new, 0) for given, new in zip(outputs, found, strict=True)]
    return Footage(
        tuple(videos),
        replace(half(made.facts), depth=8),
        len(made),
        first,
        tuple(round(float((time - zero) * unit), 6) for time in made.pts),
    )


def _refuse_other_length(name: str, other: str, wanted: int, found: int) -> None:
    if found != wanted:
        raise BadInput(
            f"{other}: has {found:,} frames, and its part of {name} has {wanted:,}",
            "give `start` and `end` as they were when it was made",
        )


def _read(video: _Video, run: range, threads: int) -> Generator[Frame]:
    start, stop = (video.first + number for number in (run.start, run.stop))
    cut = index.cut(video.found, start, stop)
    return decode.read(*video.given, video.found.facts, cut, start, threads)


def _rgb(pane: Pane, frame: Frame, layout: Layout) -> Picture:
    planes = [torch.from_numpy(plane.copy())[None] for plane in pane(frame)]
    rgb = colour.to_rgb(planes, layout)[0].mul_(255).round_()
    picture: Picture = rgb.byte().permute(1, 2, 0).contiguous().numpy()
    return picture
