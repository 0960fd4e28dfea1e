"""Encode one shard into one file that joins its neighbours without being re-encoded."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Self

import av
import numpy as np

from impasto.errors import BadInput
from impasto.media.write.encoders import REORDER, add_encoder
from impasto.media.write.sink import abandon, clock, closing, open_output, rescale, writing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from av.packet import Packet
    from av.video.stream import VideoStream

    from impasto.media.frame import Plane
    from impasto.media.write.target import Target
    from impasto.schema.plan import Encoding


MILLISECOND = Fraction(1, 1000)


class SegmentWriter:
    """Writes pictures to a file whose timestamps count from its first picture.

    In Matroska, which rounds times to milliseconds, they are the numbers of the pictures.

    A context manager: leaving it closes the file, and after an error leaves it unfinished.

    Raises:
        BadInput: the encoder refuses the target.
        Unavailable: the file system refuses the file.
    """

    def __init__(self, path: Path, target: Target, encoding: Encoding) -> None:
        self._path = path
        self._target = target
        self._unit = MILLISECOND if target.numbered else clock(target.time_base)
        self._pts: list[int] = []
        self._muxed = 0
        self._size = 0
        with writing(path):
            self._out = open_output(path, target.segments, self._unit)
            self._stream = add_encoder(self._out, target, encoding)
            self._stream.time_base = self._unit

    def write(self, planes: Sequence[Plane], pts: int) -> None:
        """Encode one picture.

        Args:
            planes: Y (H, W), U and V (h, w) as ``target.layout`` has them, and transparency (H, W)
                where the target has it.
            pts: presentation timestamp in the target's time base, past the previous one.

        Raises:
            BadInput: ``pts`` is not past the previous one.
            Unavailable: the file system refuses the data.
        """
        if self._pts and pts <= self._pts[-1]:
            raise BadInput(
                f"{self._path}: timestamp {pts} is not after {self._pts[-1]}",
                "run the source through a remuxer",
            )
        frame = picture(planes, self._target)
        frame.pts, frame.time_base = len(self._pts), self._stream.codec_context.time_base
        self._pts.append(pts)
        with writing(self._path):
            self._mux(self._stream.encode(frame))

    def close(self) -> int:
        """Finish the file and return its size in bytes; a second call returns the same.

        Raises:
            BadInput: no picture was written, so there is nothing to join.
            Unavailable: the file system refuses the data.
        """
        if not self._pts:
            abandon(self._out)
            raise BadInput(f"{self._path}: no picture was written", "a segment needs at least one")
        if not self._size:
            with closing(self._out, self._path), writing(self._path):
                self._mux(self._stream.encode(None))
            self._size = self._path.stat().st_size
        return self._size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            abandon(self._out)

    def _mux(self, packets: Sequence[Packet[VideoStream]]) -> None:
        """Turn the frame numbers that the encoder was given back into timestamps.

        Decoding times are computed anew: x265's are not even initialised in segments of two frames.
        """
        for packet in packets:
            assert packet.pts is not None
            packet.time_base = self._unit
            packet.pts = self._ticks(packet.pts)
            packet.dts = self._ticks(self._muxed - REORDER[self._target.codec])
            self._muxed += 1
            packet.duration = 1 if self._target.numbered else frame_ticks(self._target)
            self._out.mux(packet)

    def _ticks(self, number: int) -> int:
        """Return the time since the first frame; decoding times before it are one tick apart."""
        if number < 0 or self._target.numbered:
            return number
        return rescale(self._pts[number] - self._pts[0], self._target.time_base, self._unit)


def frame_ticks(target: Target) -> int:
    """Return a frame's nominal duration, in the clock of the target's time base."""
    return max(1, round(1 / (target.rate * clock(target.time_base))))


def picture(planes: Sequence[Plane], target: Target) -> av.VideoFrame:
    """Lay planes out as the encoder needs them, repeating the edge where it needs more.

    Args:
        planes: Y (H, W), U and V (h, w) as ``target.layout`` has them, and transparency (H, W)
            where the target has it.
        target: what is encoded.
    """
    frame = laid_out(planes, target.coded_width, target.coded_height, target.pixel_format)
    if target.codec == "prores_ks":
        # It takes tags from pictures, where others take them from the stream.
        frame.colorspace = target.colour.matrix
        frame.color_primaries = target.colour.primaries
        frame.color_trc = target.colour.transfer
    return frame


def laid_out(planes: Sequence[Plane], width: int, height: int, pixel_format: str) -> av.VideoFrame:
    """Lay planes out as a frame of a planar pixel format, repeating the edge up to its size.

    Args:
        planes: Y (H, W), U and V (h, w), and transparency (H, W) where the format has it.
        width: width of the frame in pixels.
        height: height of the frame in pixels.
        pixel_format: FFmpeg's name of the layout.
    """
    frame = av.VideoFrame(width, height, pixel_format)
    for plane, data in zip(frame.planes, planes, strict=True):
        rows, columns = data.shape
        line = np.frombuffer(memoryview(plane), data.dtype).reshape(plane.height, -1)
        line[:rows, :columns] = data
        line[:rows, columns : plane.width] = data[:, -1:]
        line[rows:] = line[rows - 1]
    return frame
