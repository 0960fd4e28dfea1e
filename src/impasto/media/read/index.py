"""Find where the frames of a video are by reading its packets, without decoding them.

The sorted timestamps of the packets are the timestamps of the decoded frames, for every intact file
that has timestamps. So a range of frames can be named exactly before anything is decoded. Files for
which that fails are marked here (``VideoFacts.sequential``): they are decoded once from start to
end, and their frames are counted.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice, pairwise
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import av

from impasto.errors import BadInput
from impasto.media.read.container import open_source
from impasto.media.read.deinterlace import REACH
from impasto.media.read.packets import decoded, pictures
from impasto.media.read.probe import agree, first_frames, video_facts
from impasto.schema.source import Keyframe, VideoCut, VideoFacts

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

    from impasto.media.read.container import Source

MAX_FRAMES = 1_000_000
"""The most frames a video may have: nine hours at 30 a second."""

MAX_REORDER = 16
"""The most frames that any codec here may hold back."""

TELLS_DURATIONS = ("mov", "matroska", "gif", "apng")
"""Demuxers of containers that say how long a frame is shown, even the last."""

SPARE_KEYS = 3
"""Earlier keyframes given to a reader, for containers that seek too late."""


def _no_spans() -> array[int]:
    return array("q")


@dataclass(frozen=True, slots=True)
class VideoIndex:
    """The frames of a video.

    Attributes:
        facts: what is known of the picture stream.
        pts: presentation timestamps of all frames, ascending, in ``facts.time_base``.
        positions: for each frame, the position in the file, counted in picture packets, of the
            last packet that it needs: its own, or the file's last when ``facts.sequential``.
        keys: keyframes by timestamp; empty when ``facts.sequential``.
        reorder: how many frames decoding order lags behind presentation order.
        warnings: what a user should know about the source, one line each.
        spans: for each picture packet by position, the bytes of the file where it begins and ends,
            one after the other; empty where the container does not say.
    """

    facts: VideoFacts
    pts: tuple[int, ...]
    positions: tuple[int, ...]
    keys: tuple[Keyframe, ...] = ()
    reorder: int = 0
    warnings: tuple[str, ...] = ()
    spans: array[int] = field(default_factory=_no_spans)

    def __len__(self) -> int:
        return len(self.pts)


class _Packet(NamedTuple):
    position: int
    pts: int | None
    dts: int | None
    key: bool
    discard: bool
    start: int
    size: int
    duration: int


class _Shown(NamedTuple):
    """A packet whose frame is shown."""

    pts: int
    position: int


def scan(source: Source, name: str, stream: int | None = None) -> VideoIndex:
    """Read a video's packets, and its first frames, into an index.

    Args:
        source: a local path or a binary file object that can seek.
        name: what messages call the video.
        stream: index of the picture stream; None chooses it.

    Raises:
        BadInput: the file cannot be opened, or holds no pictures or more than ``MAX_FRAMES``.
    """
    packets, last, warnings, stream = _packets(source, name, stream)
    shown = _shown(packets)
    reorder = _reorder(shown)
    facts, times = _facts(source, name, stream, reorder)
    reason = _unfit(packets, shown, reorder, times)
    if reason:
        warnings.append(f"{reason}; it is read as one piece, and timed at its nominal rate")
        return _sequential(source, name, facts, reason, len(packets), warnings)
    early = sum(not p.discard for p in packets) - len(shown)
    if early:
        warnings.append(f"pictures before the first keyframe, left out: {early}")
    ordered = sorted(shown)
    return VideoIndex(
        facts=facts.model_copy(update={"last_duration": last}),
        pts=tuple(p.pts for p in ordered),
        positions=tuple(p.position for p in ordered),
        keys=_keys(packets),
        reorder=reorder,
        warnings=tuple(warnings),
        spans=_spans(packets),
    )


def cut(index: VideoIndex, start: int, stop: int) -> VideoCut:
    """Return how to read the frames from ``start`` up to, not including, ``stop``."""
    beside = REACH if index.facts.deinterlace else 0
    low, high = max(start - beside, 0), min(stop + beside, len(index))
    positions = index.positions[low:high]
    first = min(positions)
    reach = bisect_right(index.keys, index.pts[low], key=lambda k: k.pts)
    usable = (k for k in reversed(index.keys[:reach]) if k.position <= first)
    keys = tuple(islice(usable, 1 + SPARE_KEYS))
    end = max(positions) + 1
    begin = keys[0].position if keys else 0
    spans = index.spans[2 * begin : 2 * end]
    return VideoCut(
        pts=index.pts[start:stop],
        before=index.pts[low:start],
        after=index.pts[stop:high],
        keys=keys,
        stop=end,
        reorder=index.reorder,
        span=(min(spans[::2]), max(spans[1::2])) if spans else None,
    )


def select(
    index: VideoIndex, first_time: Fraction | None = None, last_time: Fraction | None = None
) -> tuple[int, int]:
    """Find the frames shown in a half-open range of time.

    Args:
        index: the video's frames.
        first_time: seconds after the first frame; None is the start.
        last_time: seconds after the first frame; None is the end.

    Returns:
        ``(start, stop)``: the frames with ``first_time <= time < last_time``.
    """

    def rank(time: Fraction) -> int:
        return bisect_right(index.pts, index.pts[0] + ceil(time / index.facts.time_base) - 1)

    start = 0 if first_time is None else rank(first_time)
    return start, len(index) if last_time is None else max(start, rank(last_time))


def _packets(
    source: Source, name: str, chosen: int | None
) -> tuple[list[_Packet], int, list[str], int]:
    """Read all picture packets in file order; returns also their stream's index.

    Between the two: how long the last is shown, and what is wrong with them.
    """
    container, stream = open_source(source, name, chosen)
    picked = stream.index
    found: list[_Packet] = []
    warnings: list[str] = []
    damaged = 0
    with container:
        try:
            for n, p in enumerate(pictures(container, stream)):
                if n == MAX_FRAMES:
                    raise BadInput(f"{name} has over {MAX_FRAMES:,} frames", "split it")
                found.append(_packet(n, p))
                damaged += p.is_corrupt
        except av.FFmpegError as error:
            warnings.append(f"the file is damaged after {len(found)} pictures ({error.strerror})")
        if not found:
            raise BadInput(f"{name} holds no pictures", "it is cut off or damaged: copy it again")
        if _starts_with_key(container, stream, found[0]):
            found[0] = found[0]._replace(key=True)
        short = _shortfall(container, stream, found)
        last = _last_duration(container, stream, found, whole=not short)
        warnings += short
    if damaged:
        warnings.append(f"pictures flagged as damaged: {damaged}")
    return found, last, warnings, picked


def _packet(position: int, packet: Packet[VideoStream]) -> _Packet:
    return _Packet(
        position,
        packet.pts,
        packet.dts,
        packet.is_keyframe,
        packet.is_discard,
        -1 if packet.pos is None else packet.pos,
        packet.size,
        packet.duration or 0,
    )


def _last_duration(
    container: InputContainer, stream: VideoStream, packets: list[_Packet], *, whole: bool
) -> int:
    """Return how long the last frame is shown, in the stream's unit; 0 where nothing says so."""
    kind = container.format.name
    if not any(name in kind for name in TELLS_DURATIONS):
        return 0
    last = max(packets, key=lambda p: -1 if p.discard or p.pts is None else p.pts)
    if "mov" in kind and whole and stream.duration:
        # A packet's own duration is the time until the next is decoded, not shown.
        left = (stream.start_time or 0) + stream.duration - (last.pts or 0)
        return left if left > 0 else last.duration
    return last.duration


def _spans(packets: list[_Packet]) -> array[int]:
    if any(p.start < 0 for p in packets):
        return array("q")
    return array("q", (edge for p in packets for edge in (p.start, p.start + p.size)))


def _starts_with_key(container: InputContainer, stream: VideoStream, packet: _Packet) -> bool:
    """Return whether the container calls its first picture a keyframe.

    FFmpeg clears the flag of a damaged one, and all pictures up to the next would be lost with it.
    """
    time = packet.dts if "mov" in container.format.name else packet.pts
    key = next((entry for entry in stream.index_entries if entry.is_keyframe), None)
    return key is not None and key.timestamp == time


def _shortfall(container: InputContainer, stream: VideoStream, packets: list[_Packet]) -> list[str]:
    """Warn where the header promises more than was found; some headers are written at the end."""
    if "mov" in container.format.name:
        promised, found = len(stream.index_entries), len(packets)
        if found < promised:
            return [f"the file ends early: {found} of {promised} pictures are there"]
    if "matroska" in container.format.name and container.duration and stream.time_base:
        # Where the first pictures are damaged, FFmpeg reports no start.
        claimed = Fraction((container.start_time or 0) + container.duration, av.time_base)
        reached = max(p.pts or 0 for p in packets) * stream.time_base
        if claimed - reached > 1:
            return [f"the pictures end at {float(reached):.1f} s of {float(claimed):.1f} s"]
    return []


def _facts(
    source: Source, name: str, chosen: int, reorder: int
) -> tuple[VideoFacts, list[int | None]]:
    """Return the facts, and the timestamps of the first frames as the decoder returns them."""
    container, stream = open_source(source, name, chosen)
    with container:
        frame, times, interlaced = first_frames(container, stream, reorder)
        if frame is None:
            raise BadInput(f"{name}: none of its pictures can be decoded", "copy it again")
        facts = video_facts(container, stream, frame)
        return facts.model_copy(update={"interlaced": interlaced}), times


def _shown(packets: list[_Packet]) -> list[_Shown]:
    """Pick the packets that yield a frame, in file order: decoding starts at the first keyframe."""
    first = next((p.pts for p in packets if p.key and p.pts is not None), None)
    return [
        _Shown(p.pts, p.position)
        for p in packets
        if p.pts is not None and first is not None and p.pts >= first and not p.discard
    ]


def _keys(packets: list[_Packet]) -> tuple[Keyframe, ...]:
    keys = (p for p in packets if p.key and not p.discard)
    found = [Keyframe(pts=p.pts, dts=p.dts, position=p.position) for p in keys if p.pts is not None]
    return tuple(sorted(found, key=lambda k: k.pts))


def _reorder(shown: list[_Shown]) -> int:
    ranks = sorted(range(len(shown)), key=shown.__getitem__)
    return min(MAX_REORDER, max((i - rank for rank, i in enumerate(ranks)), default=0))


def _unfit(
    packets: list[_Packet], shown: list[_Shown], reorder: int, times: list[int | None]
) -> str:
    """Return why ranges of frames cannot be named by timestamp, or "" when they can."""
    dts = [p.dts for p in packets if p.dts is not None]
    if any(p.pts is None for p in packets):
        return "some pictures have no timestamps"
    if any(later < earlier for earlier, later in pairwise(dts)):
        return "the timestamps run backwards"
    ordered = sorted(p.pts for p in shown)
    if len(set(ordered)) < len(ordered):
        return "several pictures share a timestamp"
    return "" if agree(ordered, reorder, times) else "the packets do not match the frames"


def _sequential(
    source: Source, name: str, facts: VideoFacts, reason: str, total: int, warnings: list[str]
) -> VideoIndex:
    """Index a video whose frames must be counted by decoding them all."""
    container, stream = open_source(source, name, facts.stream)
    with container:
        packets = islice(pictures(container, stream), total)
        frames = sum(1 for _ in decoded(stream.codec_context, packets))
    return VideoIndex(
        facts=facts.model_copy(update={"sequential": reason, "time_base": 1 / facts.rate}),
        pts=tuple(range(frames)),
        positions=(total - 1,) * frames,
        warnings=tuple(warnings),
    )
