"""A source and its result in one video, frame by frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from impasto.media.compare.pair import Given, half, refuse_strangers
from impasto.media.compare.pane import Form, Pane, orientation, side, split
from impasto.media.join import assemble
from impasto.media.read import decode, index
from impasto.media.write.segment import SegmentWriter
from impasto.media.write.target import target
from impasto.schema.bounds import NEVER
from impasto.schema.plan import Encoding
from impasto.storage.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction
    from pathlib import Path

    from impasto.media.frame import Layout
    from impasto.media.read.index import VideoIndex
    from impasto.media.write.target import Target
    from impasto.schema.source import VideoFacts


class _Part(NamedTuple):
    """The frames of a video that are shown."""

    given: Given
    found: VideoIndex
    start: int
    stop: int


def compare(
    before: Given,
    after: Given,
    path: Path,
    form: Form,
    start: Fraction | None = None,
    stream: int | None = None,
    threads: int = 1,
    on_frame: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[int, int]:
    """Write a video that shows a source and its result, with the source's times and sound.

    The result's frames are those of the source from ``start`` on, one by one. Pictures are upright,
    in the result's size, bit depth and colours; the source's are converted to these.

    Args:
        before: the source.
        after: the result that was made of it.
        path: where to write; its suffix names the container.
        form: ``side`` shows both beside each other; ``split``, one on each side of a moving line.
        start: where the result begins, in seconds from the source's first frame; None is there.
        stream: index of the source's picture stream; None chooses it.
        threads: threads of the decoders and of the encoder.
        on_frame: called with the frames that are done and their total.

    Returns:
        How many frames were written, and how many of the source come after them.

    Raises:
        BadInput: a video cannot be read, or they do not belong together.
        Unavailable: the file system refuses the video.
    """
    old = index.scan(before.source, before.name, stream)
    new = index.scan(after.source, after.name)
    first, _ = index.select(old, start)
    count = len(new)
    refuse_strangers(before.name, after.name, old, new, first)
    if old.facts.interlaced:
        old = replace(old, facts=old.facts.model_copy(update={"deinterlace": True}))
    pane = half(new.facts)
    aim = _target(old.facts, new.facts, pane, path.suffix, form)
    pts = old.pts[first : first + count]
    assemble.rehearse(before.source, before.name, old.facts, aim, pts[0], "auto")
    parts = (_Part(before, old, first, first + count), _Part(after, new, 0, count))
    with scratch() as folder:
        segment = folder / "segment.mp4"
        _encode(segment, parts, (pane, aim), form, Encoding(threads=threads), on_frame)
        whole = first == 0 and count == len(old)
        end = old.pts[first + count] if first + count < len(old) else NEVER
        clip = None if whole else (pts[0], end)
        assemble.assemble(
            path, before.source, before.name, old.facts, aim, pts, [segment], clip, "auto"
        )
    return count, len(old) - first - count


def _encode(
    path: Path,
    parts: tuple[_Part, _Part],
    made: tuple[Layout, Target],
    form: Form,
    encoding: Encoding,
    on_frame: Callable[[int, int], None],
) -> None:
    pane, aim = made
    panes = [Pane(part.found.facts, pane) for part in parts]
    streams = [
        decode.read(
            *part.given,
            part.found.facts,
            index.cut(part.found, part.start, part.stop),
            part.start,
            encoding.threads,
        )
        for part in parts
    ]
    old = parts[0]
    pts = old.found.pts[old.start : old.stop]
    with SegmentWriter(path, aim, encoding) as writer:
        for done, (time, *frames) in enumerate(zip(pts, *streams, strict=True), 1):
            left, right = (fit(frame) for fit, frame in zip(panes, frames, strict=True))
            seconds = float((time - pts[0]) * old.found.facts.time_base)
            picture = side(left, right) if form == "side" else split(left, right, seconds, pane)
            writer.write(picture, time)
            on_frame(done, len(pts))


def _target(old: VideoFacts, new: VideoFacts, pane: Layout, suffix: str, form: Form) -> Target:
    aspect = 1 / new.sample_aspect if orientation(new)[0] % 2 else new.sample_aspect
    facts = old.model_copy(
        update={
            "pixel_format": "yuv420p" if pane.depth == 8 else "yuv420p10le",
            "sample_aspect": aspect,
            "display_matrix": None,
            "colour": pane.colour,
        }
    )
    width = 2 * pane.width if form == "side" else pane.width
    return target(facts, PurePath(f"x{suffix}").suffix, width, pane.height)
