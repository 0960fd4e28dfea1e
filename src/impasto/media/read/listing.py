"""List the picture packets of a file, and what is wrong with them, without decoding any."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import av

from impasto.errors import BadInput
from impasto.media.read.beside import Beside, believable
from impasto.media.read.container import open_source
from impasto.media.read.packets import pictures
from impasto.media.read.probe import DEFAULT_RATE
from impasto.media.read.settle import Picture, longest_gap

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

    from impasto.media.read.container import Source

MAX_FRAMES = 1_000_000
"""The most frames a video may have: nine hours at 30 a second."""

TELLS_DURATIONS = ("mov", "matroska", "gif", "apng")
"""Demuxers of containers that say how long a frame is shown, even the last."""


class Listing(NamedTuple):
    """What the packets of a picture stream tell.

    Attributes:
        pictures: all of them, in file order.
        beside: the times of sounds and subtitles.
        longest: the longest time without pictures that is real, or None if any is.
        last: how long the last frame is shown, in the stream's unit; 0 where nothing says so.
        warnings: what is wrong with them.
        stream: index of the stream.
    """

    pictures: list[Picture]
    beside: Beside
    longest: int | None
    last: int
    warnings: list[str]
    stream: int


def list_pictures(source: Source, name: str, chosen: int | None = None) -> Listing:
    """Read all picture packets, in file order.

    Args:
        source: a local path or a binary file object that can seek.
        name: what messages call the video.
        chosen: index of the picture stream; None chooses it.

    Raises:
        BadInput: the file cannot be opened, or holds no pictures or more than ``MAX_FRAMES``.
    """
    container, stream = open_source(source, name, chosen, others=True)
    beside = Beside()
    found: list[Picture] = []
    warnings: list[str] = []
    damaged, torn = 0, False
    with container:
        try:
            for n, p in enumerate(pictures(container, stream, beside)):
                if n == MAX_FRAMES:
                    raise BadInput(f"{name} has over {MAX_FRAMES:,} frames", "split it")
                found.append(_packet(n, p, found[-1].dts if found else None))
                torn = p.is_corrupt
                damaged += torn
        except av.FFmpegError as error:
            warnings.append(f"the file is damaged after {len(found)} pictures ({error.strerror})")
        if not found:
            raise BadInput(f"{name} holds no pictures", "it is cut off or damaged: copy it again")
        if torn and len(found) > 1 and "mov" in container.format.name:
            # The file ends within it, and no decoder would give its frame.
            found.pop()
            damaged -= 1
        if _starts_with_key(container, stream, found[0]):
            found[0] = found[0]._replace(key=True)
        short = _shortfall(container, stream, found)
        last = _last_duration(container, stream, found, whole=not short)
        warnings += short
        longest = longest_gap(container.format.name, stream.time_base or 1 / DEFAULT_RATE)
        index = stream.index
    if damaged:
        warnings.append(f"pictures flagged as damaged: {damaged}")
    return Listing(found, beside, longest, last, warnings, index)


def _packet(position: int, packet: Packet[VideoStream], before: int | None) -> Picture:
    # FFmpeg hides the second of two pictures with one decoding time; its own is not known.
    twice = packet.is_discard and packet.dts == before
    return Picture(
        position,
        None if twice else believable(packet.pts),
        believable(packet.dts),
        packet.is_keyframe,
        packet.is_discard and not twice,
        -1 if packet.pos is None else packet.pos,
        packet.size,
        packet.duration or 0,
    )


def _last_duration(
    container: InputContainer, stream: VideoStream, packets: list[Picture], *, whole: bool
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


def _starts_with_key(container: InputContainer, stream: VideoStream, packet: Picture) -> bool:
    """Return whether the container calls its first picture a keyframe.

    FFmpeg clears the flag of a damaged one, and all pictures up to the next would be lost with it.
    """
    time = packet.dts if "mov" in container.format.name else packet.pts
    key = next((entry for entry in stream.index_entries if entry.is_keyframe), None)
    return key is not None and key.timestamp == time


def _shortfall(container: InputContainer, stream: VideoStream, packets: list[Picture]) -> list[str]:
    """Warn where the header promises more than was found; some headers are written at the end."""
    if "mov" in container.format.name:
        promised, found = len(stream.index_entries), len(packets)
        if found < promised:
            return [f"the file ends early: {found} of {promised} pictures are there"]
    if "matroska" in container.format.name and container.duration and stream.time_base:
        claimed = Fraction(container.duration, av.time_base)
        reached = max((p.pts or 0) + p.duration for p in packets) * stream.time_base
        if claimed - reached > 1:
            return [f"the pictures end at {float(reached):.1f} s of {float(claimed):.1f} s"]
    return []
