"""Segments as one stream of picture packets, with the plan's timestamps."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import av

from impasto.errors import BadInput
from impasto.media.join.carry import Timed
from impasto.media.read.container import open_source
from impasto.media.write.segment import MILLISECOND, frame_ticks
from impasto.media.write.sink import clock, rescale

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

    from impasto.media.write.target import Target

Segment: TypeAlias = Path | Callable[[], BinaryIO]
"""A local file, or a function that opens one for reading; it is called once or twice."""

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


class Joiner:
    """Yields the packets of every segment, with one segment open at a time.

    Encoders' own decoding times fail where frames are unevenly spaced, so they are computed anew:
    the packet at a place is decoded when the frame a few places before it is shown.
    """

    def __init__(
        self,
        target: Target,
        pts: Sequence[int],
        shift: Fraction,
        stream: VideoStream,
        decoder: VideoCodecContext,
        scale: int,
        last: int = 0,
    ) -> None:
        """Prepare to join.

        Args:
            target: the picture stream.
            pts: the plan's timestamps, ascending, in the target's time base.
            shift: seconds to subtract from every time.
            stream: the output's picture stream.
            decoder: set up for the first segment, and so for every one that fits it.
            scale: ticks of ``Timed`` per second, a multiple of the output's own.
            last: how long the last frame is shown, in the target's time base; 0 is nominal.
        """
        self._unit = clock(target.time_base)
        self._base = target.time_base
        self._pts = pts
        self._stream = stream
        self._decoder = decoder
        self._fine = int(self._unit * scale)
        self._nominal = frame_ticks(target)
        move = round(shift / self._unit)
        self._times = [rescale(time, self._base, self._unit) - move for time in pts]
        self._last = rescale(last, self._base, self._unit) or self._nominal
        self._numbered = target.numbered
        self._measured = target.family in {"mp4", "mov"}
        self._step = self._lead_step()
        self._early = self._step * decoder.reorder_depth

    def packets(self, segments: Sequence[Segment]) -> Iterator[Timed]:
        """Read all segments.

        Raises:
            BadInput: a segment is damaged, or its frames are not those of the plan.
        """
        done = 0
        for number, segment in enumerate(segments):
            with opened(segment, number) as (container, source):
                if source.codec_context.extradata != self._decoder.extradata:
                    raise _unfit(number, "was encoded with different settings from the first")
                since: _Since | _Numbered
                since = _Since(self._pts, done, self._base, self._unit)
                if self._numbered:
                    since = _Numbered(done, len(self._pts))
                given = source.time_base or self._unit
                ranks: set[int] = set()
                for packet in _pictures(container, source, number):
                    time = rescale(packet.pts or 0, given, since.unit)
                    rank = since.rank(time)
                    if rank is None:
                        fact = f"has a frame {time} ticks after its first that the plan does not"
                        raise _unfit(number, fact)
                    yield self._placed(packet, done + len(ranks), rank)
                    ranks.add(rank)
            if not ranks or ranks != set(range(done, done + len(ranks))):
                raise _unfit(number, f"holds {len(ranks)} frames with gaps between them")
            done += len(ranks)
        if done != len(self._pts):
            raise BadInput(
                f"the segments hold {done} frames where the plan has {len(self._pts)}", f"{REMEDY}"
            )

    def _lead_step(self) -> int:
        """Return the ticks between decoding times before the first frame is shown.

        MP4 measures a track from decoding time to decoding time. It starts so early that the last
        packet, whichever frame it holds, reaches the end and not beyond.
        """
        delay = self._decoder.reorder_depth
        if not self._measured or not delay:
            return self._nominal
        behind = self._times[-1] - self._times[max(0, len(self._times) - 1 - delay)]
        return max(self._nominal, -(-behind // delay))

    def _placed(self, packet: Packet[VideoStream], position: int, rank: int) -> Timed:
        behind = position - self._decoder.reorder_depth
        dts = self._times[max(behind, 0)] + min(behind, 0) * self._step
        packet.time_base = self._unit
        packet.pts, packet.dts = self._times[rank], dts
        packet.duration = self._duration(rank)
        if self._measured and position + 1 == len(self._times):
            packet.duration = max(packet.duration, self._times[-1] + self._last - dts - self._early)
        packet.stream = self._stream
        return Timed(dts * self._fine, packet)

    def _duration(self, rank: int) -> int:
        if rank + 1 == len(self._times):
            return self._last
        return self._times[rank + 1] - self._times[rank]


class _Since:
    """The plan's frames by their time since a segment's first, computed as far as needed."""

    def __init__(self, pts: Sequence[int], first: int, base: Fraction, unit: Fraction) -> None:
        self._pts, self._first = pts, first
        self._base, self.unit = base, unit
        self._next = first
        self._reached = -1
        self._ranks: dict[int, int] = {}

    def rank(self, time: int) -> int | None:
        """Return the frame shown ``time`` ticks after the first; None where the plan has none."""
        while self._reached < time and self._next < len(self._pts):
            passed = self._pts[self._next] - self._pts[self._first]
            self._reached = rescale(passed, self._base, self.unit)
            self._ranks.setdefault(self._reached, self._next)
            self._next += 1
        return self._ranks.get(time)


class _Numbered:
    """The plan's frames by their numbers, which stand for times in some segments."""

    unit = MILLISECOND

    def __init__(self, first: int, total: int) -> None:
        self._first, self._total = first, total

    def rank(self, number: int) -> int | None:
        """Return the frame of this number in a segment; None where the plan has none."""
        rank = self._first + number
        return rank if rank < self._total else None


REMEDY = "remove the job's segments and run it again"


def _pictures(
    container: InputContainer, source: VideoStream, number: int
) -> Iterator[Packet[VideoStream]]:
    try:
        yield from (packet for packet in container.demux(source) if packet.size)
    except av.FFmpegError as error:
        raise _unfit(number, f"is damaged ({error.strerror})") from error


def _unfit(number: int, fact: str) -> BadInput:
    return BadInput(f"segment {number} {fact}", f"{REMEDY}")
