"""The packets of what is not the picture, read from the source and ready to be muxed."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import av
from av.packet import Packet
from av.stream import Discard, Disposition

from impasto.errors import Unavailable
from impasto.media.streams import codec_name, shows_nothing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer
    from av.stream import Stream

    from impasto.media.streams import Convert
    from impasto.media.tags import Window
    from impasto.media.tracks import Track


class Ahead(NamedTuple):
    """What Matroska's header must be told before any packet is written.

    Attributes:
        covers: cover pictures, by stream.
        starts: seconds at which sounds start, but for those whose priming is told apart.
    """

    covers: dict[int, bytes]
    starts: dict[int, Fraction]


class Timed(NamedTuple):
    """A packet and the second at which it is decoded."""

    time: Fraction
    packet: Packet[Any]


def look_ahead(container: InputContainer) -> Ahead:
    """Read a source's first packets; it must be opened anew to be read from its start.

    Raises:
        Unavailable: the file system does not give the file.
    """
    covers = {s.index for s in container.streams if Disposition.attached_pic in s.disposition}
    sounds = {s.index for s in container.streams.audio}
    ahead = Ahead({}, {})
    for packet in _demuxed(container, covers | sounds):
        if packet.stream_index in covers:
            ahead.covers[packet.stream_index] = bytes(packet)
        elif codec_name(packet.stream) != "opus":
            ahead.starts.setdefault(packet.stream_index, (packet.pts or 0) * packet.time_base)
        if (packet.dts or 0) * packet.time_base > 1:
            break
    return ahead


def packets(
    container: InputContainer, tracks: list[Track], shift: Fraction, window: Window | None
) -> Iterator[Timed]:
    """Read the tracks' packets in file order, ready to be muxed.

    A damaged file ends where it is damaged, as it does for its pictures.

    Args:
        container: the source, opened for its other streams and not read yet.
        tracks: what to read.
        shift: seconds to subtract from every time.
        window: the range of the source's time that is kept, or None for all.

    Raises:
        Unavailable: the file system does not give the file.
    """
    wanted = {track.source.index: track for track in tracks}
    for packet in _demuxed(container, set(wanted)):
        track = wanted[packet.stream_index]
        if packet.dts is not None or track.still:
            yield from _moved(packet, track, shift, window)


def _demuxed(container: InputContainer, wanted: set[int]) -> Iterator[Packet[Any]]:
    for stream in container.streams:
        stream.discard = Discard.default if stream.index in wanted else Discard.all
    try:
        for packet in container.demux():
            if packet.size and packet.stream_index in wanted:
                yield packet
    except (av.InvalidDataError, av.EOFError):
        return
    except av.FFmpegError as error:
        raise Unavailable(
            f"{container.name}: cannot be read ({error.strerror}); check the disk and try again"
        ) from error


def _moved(
    packet: Packet[Stream], track: Track, shift: Fraction, window: Window | None
) -> Iterator[Timed]:
    unit = packet.time_base
    if track.still:
        packet.pts = packet.dts = 0
    else:
        _keep_on(packet, track)
        if window and not _clipped(packet, window, track.timed_text):
            return
        _move(packet, round((track.jump - shift) / unit))
    if track.convert:
        packet = _converted(packet, track.convert)
    if track.timed_text and shows_nothing(bytes(packet), track.target):
        return
    packet.stream = track.target
    yield Timed((packet.dts or 0) * unit, packet)


def _keep_on(packet: Packet[Stream], track: Track) -> None:
    """Where the source's clock jumps back, go on from the packet before, as the pictures do."""
    time = (packet.dts or 0) * packet.time_base
    if track.last is not None and time + track.jump < track.last:
        track.jump = track.end - time
    track.last = time + track.jump
    track.end = track.last + (packet.duration or 1) * packet.time_base


def _clipped(packet: Packet[Stream], window: Window, lasting: bool) -> bool:
    """Whether a packet falls into a range; a subtitle is cut to it."""
    unit = packet.time_base
    pts = packet.pts if packet.pts is not None else packet.dts or 0
    if not lasting:
        return window.start <= pts * unit < window.end
    start = max(pts, round(window.start / unit))
    end = min(pts + (packet.duration or 0), round(window.end / unit))
    packet.pts = packet.dts = start
    packet.duration = end - start
    return start < end


def _move(packet: Packet[Stream], ticks: int) -> None:
    packet.dts = None if packet.dts is None else packet.dts + ticks
    packet.pts = None if packet.pts is None else packet.pts + ticks


def _converted(packet: Packet[Stream], convert: Convert) -> Packet[Stream]:
    made = Packet(convert(bytes(packet)))
    made.pts, made.dts, made.duration = packet.pts, packet.dts, packet.duration
    made.time_base = packet.time_base
    made.is_keyframe = True
    return made
