"""Segments as one stream of picture packets, with the plan's timestamps."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import av

from impasto.errors import BadInput
from impasto.media.carry import Timed
from impasto.media.container import open_source
from impasto.media.segment import frame_ticks
from impasto.media.sink import clock, rescale

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

    from impasto.media.target import Target

Segment: TypeAlias = Path | Callable[[], BinaryIO]
"""A local file, or what opens one for reading; it is called once or twice."""

Opened: TypeAlias = "tuple[InputContainer, VideoStream]"


@contextmanager
def opened(segment: Segment, number: int) -> Iterator[Opened]:
    """Open a segment for reading.

    Args:
        segment: the file.
        number: its place among the segments, for messages.

    Yields:
        The container and its picture stream.

    Raises:
        BadInput: it is missing, empty or damaged.
    """
    name = f"segment {number}"
    if isinstance(segment, Path):
        container, stream = open_source(str(segment), name)
        with container:
            yield container, stream
    else:
        with closing(segment()) as file:
            container, stream = open_source(file, name)
            with container:
                yield container, stream


@dataclass(frozen=True, slots=True)
class Joiner:
    """Gives the packets of every segment, one segment open at a time.

    Encoders' own decoding times fail where frames are unevenly spaced, so they are made anew:
    the packet at a place is decoded when the frame a few places before it is shown.

    Attributes:
        target: the picture stream.
        pts: the plan's timestamps, ascending, in the target's time base.
        shift: seconds to subtract from every time.
        stream: the output's picture stream.
        decoder: set up for the first segment, and so for every one that fits it.
    """

    target: Target
    pts: Sequence[int]
    shift: Fraction
    stream: VideoStream
    decoder: VideoCodecContext

    def packets(self, segments: Sequence[Segment]) -> Iterator[Timed]:
        """Read all segments.

        Raises:
            BadInput: a segment is damaged, or holds other frames than the plan wants.
        """
        done = 0
        for number, segment in enumerate(segments):
            with opened(segment, number) as (container, source):
                if source.codec_context.extradata != self.decoder.extradata:
                    raise _unfit(number, "was encoded with other settings than the first")
                ranks: set[int] = set()
                for packet in _pictures(container, source, number):
                    rank = self._rank(packet, done, number)
                    yield self._placed(packet, done + len(ranks), rank)
                    ranks.add(rank)
            if not ranks or ranks != set(range(done, done + len(ranks))):
                raise _unfit(number, f"holds {len(ranks)} frames with gaps between them")
            done += len(ranks)
        if done != len(self.pts):
            raise BadInput(
                f"the segments hold {done} frames where the plan has {len(self.pts)}; {REMEDY}"
            )

    def _rank(self, packet: Packet[VideoStream], first: int, number: int) -> int:
        """The frame that a packet shows, told by its time since the segment's first frame."""
        unit = clock(self.target.time_base)

        def since(pts: int) -> int:
            return rescale(pts - self.pts[first], self.target.time_base, unit)

        time = rescale(packet.pts or 0, packet.time_base, unit)
        rank = bisect_left(self.pts, time, lo=first, key=since)
        if rank == len(self.pts) or since(self.pts[rank]) != time:
            raise _unfit(number, f"shows a frame {time} ticks after its first, the plan does not")
        return rank

    def _placed(self, packet: Packet[VideoStream], position: int, rank: int) -> Timed:
        unit = clock(self.target.time_base)
        behind = position - self.decoder.reorder_depth
        packet.time_base = unit
        packet.pts = self._time(rank)
        packet.dts = self._time(max(behind, 0)) + min(behind, 0) * frame_ticks(self.target)
        packet.duration = self._duration(rank)
        packet.stream = self.stream
        return Timed(packet.dts * unit, packet)

    def _duration(self, rank: int) -> int:
        if rank + 1 == len(self.pts):
            return frame_ticks(self.target)
        return self._time(rank + 1) - self._time(rank)

    def _time(self, rank: int) -> int:
        unit = clock(self.target.time_base)
        return rescale(self.pts[rank], self.target.time_base, unit) - round(self.shift / unit)


REMEDY = "remove the job's segments and run it again"


def _pictures(
    container: InputContainer, source: VideoStream, number: int
) -> Iterator[Packet[VideoStream]]:
    try:
        yield from (packet for packet in container.demux(source) if packet.size)
    except av.FFmpegError as error:
        raise _unfit(number, f"is damaged ({error.strerror})") from error


def _unfit(number: int, fact: str) -> BadInput:
    return BadInput(f"segment {number} {fact}; {REMEDY}")
