"""Packets of all streams but the picture, read from the source and ready to be muxed."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING, Any, NamedTuple

import av
from av.packet import Packet
from av.stream import Discard, Disposition

from impasto.errors import Unavailable
from impasto.media.join.streams import shows_nothing
from impasto.media.read.beside import believable, given_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from av.container import InputContainer
    from av.stream import Stream

    from impasto.media.join.sound import SoundEncoder
    from impasto.media.join.streams import Convert
    from impasto.media.join.tags import Window
    from impasto.media.join.tracks import Track
    from impasto.schema.source import Shift


LEAD = Fraction(1, 10)
"""Seconds of sound to decode before a range, so that its first sound is whole. Packets overlap, a
decoder may skip the first ones it is given, and Opus takes 80 ms to settle (RFC 7845, 4.6)."""


class Ahead(NamedTuple):
    """Facts that Matroska's header needs before any packet is written.

    Attributes:
        covers: cover pictures, by stream.
        starts: seconds at which the first packets of sounds start, by stream.
        heard: seconds at which sounds are first heard, past what decoders skip.
    """

    covers: dict[int, bytes]
    starts: dict[int, Fraction]
    heard: dict[int, Fraction]


class Timed(NamedTuple):
    """A packet and its decoding time, in ticks so fine that every stream's times are whole."""

    time: int
    packet: Packet[Any]


def look_ahead(container: InputContainer) -> Ahead:
    """Read a source's first packets; to read from its start, open it anew.

    Raises:
        Unavailable: the file system cannot read the file.
    """
    covers = {s.index for s in container.streams if Disposition.attached_pic in s.disposition}
    sounds = {s.index for s in container.streams.audio}
    ahead = Ahead({}, {}, {})
    for packet in _demuxed(container, covers | sounds):
        if packet.stream_index in covers:
            ahead.covers[packet.stream_index] = bytes(packet)
        elif packet.stream_index not in ahead.starts:
            start = (packet.pts or 0) * packet.time_base
            ahead.starts[packet.stream_index] = start
            ahead.heard[packet.stream_index] = start + skipped(packet)
        if (packet.dts or 0) * packet.time_base > 1:
            break
    return ahead


def skipped(packet: Packet[Any]) -> Fraction:
    """Return the seconds at the start of a packet of sound that are decoded but not heard."""
    rate = getattr(packet.stream.codec_context, "sample_rate", 0)
    if not rate or not packet.has_sidedata("skip_samples"):
        return Fraction(0)
    data = packet.get_sidedata("skip_samples")
    return Fraction(int.from_bytes(bytes(data)[:4], "little"), rate)


@dataclass(slots=True)
class _Course:
    """The state of reading a track; times are in the source stream's own unit.

    All in integers, since a file has many packets and fractions are slow.

    Attributes:
        track: what is read.
        fine: ticks of ``Timed`` per tick.
        scale: ticks of ``Timed`` per second.
        shift: ticks to subtract from every time, not rounded.
        window: the range that is kept: its first tick and one past its last, or None for all.
        ticks: whole ticks to add to every time, as of the last jump.
        jump: ticks added since the source's clock jumped back.
        last: tick at which the last packet was decoded, or None before the first.
        until: tick at which that packet ends.
        fixes: corrections of times, by the place of the first packet that needs it.
        place: how many packets were read.
        fix: the correction that is in force.
    """

    track: Track
    fine: int
    scale: int
    shift: Fraction
    window: tuple[int, int] | None
    ticks: int
    jump: int = 0
    last: int | None = None
    until: int = 0
    fixes: dict[int, int] = field(default_factory=dict)
    place: int = 0
    fix: int = 0


def packets(
    container: InputContainer,
    tracks: list[Track],
    shift: Fraction,
    window: Window | None,
    scale: int = 0,
    shifts: Sequence[Shift] = (),
    most: int | None = None,
) -> Iterator[Timed]:
    """Read the tracks' packets in file order, ready to be muxed.

    A damaged file ends where it is damaged, as it does for its pictures.

    Args:
        container: the source, opened for its other streams and not read yet.
        tracks: what to read.
        shift: seconds to subtract from every time.
        window: the range of the source's time that is kept, or None for all.
        scale: ticks of ``Timed`` per second, a multiple of every stream's own; 0 if decoding times
            are not needed.
        shifts: corrections of times, from the source's facts.
        most: bytes to read at the most, of all streams; None is all.

    Raises:
        Unavailable: the file system cannot read the file.
    """
    wanted = {track.source.index: _course(track, shift, window, scale) for track in tracks}
    for fix in shifts:
        if fix.stream in wanted:
            wanted[fix.stream].fixes[fix.place] = fix.by
    for packet in _demuxed(container, set(wanted), most):
        course = wanted[packet.stream_index]
        _put_right(packet, course)
        if packet.dts is not None or course.track.still:
            yield from _moved(packet, course)
    for course in wanted.values():
        if course.track.encoder:
            yield from _encoded(course.track.encoder, None, course)


def _course(track: Track, shift: Fraction, window: Window | None, scale: int) -> _Course:
    unit = track.source.time_base or Fraction(1)
    whole = round if track.timed_text else ceil
    kept = None if window is None else (whole(window.start / unit), whole(window.end / unit))
    by = shift / unit
    return _Course(track, int(unit * scale), scale, by, kept, round(-by))


def _demuxed(
    container: InputContainer, wanted: set[int], most: int | None = None
) -> Iterator[Packet[Any]]:
    for stream in container.streams:
        # Where bytes are counted, those of every stream are.
        passed = stream.index in wanted or most is not None
        stream.discard = Discard.default if passed else Discard.all
    read = 0
    try:
        for packet in container.demux():
            read += packet.size
            if most is not None and read > most:
                return
            if packet.size and packet.stream_index in wanted:
                yield packet
    except (av.InvalidDataError, av.EOFError):
        return
    except av.FFmpegError as error:
        raise Unavailable(
            f"{container.name}: cannot be read ({error.strerror})", "check the disk and try again"
        ) from error


def _moved(packet: Packet[Stream], course: _Course) -> Iterator[Timed]:
    track = course.track
    if track.still:
        packet.pts = packet.dts = 0
    else:
        _keep_on(packet, course)
        if course.window and not _clipped(packet, *course.window, track.timed_text):
            if track.encoder and _leads(packet, course.window[0]):
                track.encoder.warm_up(packet)
            return
        _move(packet, course.ticks)
    if track.encoder:
        yield from _encoded(track.encoder, packet, course)
        return
    if track.convert:
        packet = _converted(packet, track.convert)
    if track.timed_text and shows_nothing(bytes(packet), track.target):
        return
    packet.stream = track.target
    yield Timed((packet.dts or 0) * course.fine, packet)


def _encoded(encoder: SoundEncoder, packet: Packet[Any] | None, course: _Course) -> Iterator[Timed]:
    for made in encoder.encode(packet):
        yield Timed(floor((made.dts or 0) * made.time_base * course.scale), made)


def _put_right(packet: Packet[Stream], course: _Course) -> None:
    course.fix = course.fixes.get(course.place, course.fix)
    course.place += 1
    if course.fix or (course.fixes and packet.dts is None):
        time = given_time(packet) or 0
        shown = believable(packet.pts)
        packet.pts = (time if shown is None else shown) + course.fix
        packet.dts = time + course.fix


def _keep_on(packet: Packet[Stream], course: _Course) -> None:
    """Continue from the previous packet where the source's clock jumps back, as pictures do.

    Facts hold no corrections where an earlier version found them.
    """
    time = packet.dts or 0
    if course.last is not None and time + course.jump < course.last:
        course.jump = course.until - time
        course.ticks = round(course.jump - course.shift)
    course.last = time + course.jump
    course.until = course.last + (packet.duration or 1)


def _clipped(packet: Packet[Stream], start: int, end: int, lasting: bool) -> bool:
    """Return whether a packet falls into a range of its own ticks; cut a subtitle to it."""
    pts = packet.pts if packet.pts is not None else packet.dts or 0
    if not lasting:
        return start <= pts < end
    start, end = max(start, pts), min(end, pts + (packet.duration or 0))
    packet.pts = packet.dts = start
    packet.duration = end - start
    return start < end


def _leads(packet: Packet[Stream], start: int) -> bool:
    """Return whether sound comes so shortly before a range of its ticks that decoders need it."""
    pts = packet.pts if packet.pts is not None else packet.dts or 0
    return start - LEAD / (packet.time_base or Fraction(1)) <= pts < start


def _move(packet: Packet[Stream], ticks: int) -> None:
    packet.dts = None if packet.dts is None else packet.dts + ticks
    packet.pts = None if packet.pts is None else packet.pts + ticks


def _converted(packet: Packet[Stream], convert: Convert) -> Packet[Stream]:
    made = Packet(convert(bytes(packet)))
    made.pts, made.dts, made.duration = packet.pts, packet.dts, packet.duration
    made.time_base = packet.time_base
    made.is_keyframe = True
    return made
