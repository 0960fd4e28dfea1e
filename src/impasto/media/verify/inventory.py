"""Everything in a video that must survive, read into values that can be compared."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field, replace
from fractions import Fraction
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeAlias, cast

from av.audio.codeccontext import AudioCodecContext
from av.stream import AttachmentStream, Disposition

from impasto.errors import BadInput
from impasto.media.join.carry import packets, skipped
from impasto.media.join.streams import (
    MOVIE_TEXT,
    PLAIN_TEXT,
    codec_name,
    to_movie_text,
    to_plain_text,
)
from impasto.media.join.tags import chapters
from impasto.media.join.timeline import Timeline, start_of
from impasto.media.join.tracks import Track, data_kind
from impasto.media.read.container import open_source
from impasto.media.read.index import scan, select
from impasto.media.verify.setup import adts_setup, setup_of
from impasto.schema.bounds import NEVER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from av.container import InputContainer
    from av.container.core import Chapter
    from av.stream import Stream

    from impasto.media.read.container import Source
    from impasto.media.read.index import VideoIndex

Part: TypeAlias = tuple[Fraction | None, Fraction | None]
"""A half-open range of time, in seconds from a video's first frame; None is its start or end."""


@dataclass(frozen=True, slots=True)
class Contents:
    """One stream besides the picture.

    Attributes:
        kind: ``audio``, ``subtitle``, ``cover``, ``attachment``, ``chapters``, ``time code``,
            or what FFmpeg calls it.
        codec: FFmpeg's name of the codec.
        unit: seconds per timestamp unit.
        tags: the stream's tags.
        flags: the stream's dispositions.
        rate: samples of sound per second; 0 for other streams.
        channels: channels of sound; 0 for other streams.
        layout: FFmpeg's name of the speaker layout.
        digests: one number per packet, computed from its payload alone.
        pts: one timestamp per packet, in ``unit``.
        lasting: one duration per packet, in ``unit``; 0 where the container does not say.
        setup: what decoding needs of the codec's header.
        skipped: seconds at the start of each packet that are decoded but not heard.
    """

    kind: str
    codec: str
    unit: Fraction
    tags: Mapping[str, str]
    flags: Disposition
    rate: int = 0
    channels: int = 0
    layout: str = ""
    digests: array[int] = field(default_factory=lambda: array("Q"))
    pts: array[int] = field(default_factory=lambda: array("q"))
    lasting: array[int] = field(default_factory=lambda: array("q"))
    setup: bytearray = field(default_factory=bytearray)
    skipped: list[Fraction] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Inventory:
    """A video's contents.

    Attributes:
        pictures: the frames' timestamps and the picture stream's facts.
        picture: the picture stream's tags and flags.
        origin: where an output made of this video has its time 0.
        tags: the file's tags.
        chapters: the chapters.
        streams: the other streams, in the file's order.
    """

    pictures: VideoIndex
    picture: Contents
    origin: Timeline
    tags: Mapping[str, str]
    chapters: list[Chapter]
    streams: list[Contents]

    def of(self, kind: str) -> list[Contents]:
        """Return the streams of one kind, in the file's order."""
        return [stream for stream in self.streams if stream.kind == kind]


def take(
    source: Source, name: str, stream: int | None = None, part: Part | None = None
) -> Inventory:
    """Read a video's packets into an inventory; nothing but its first frames is decoded.

    Args:
        source: a local path, or a binary file object that can seek.
        name: what messages call it.
        stream: index of the picture stream; None chooses it.
        part: the half-open range of time that is taken, in seconds from the first frame; None is
            all.

    Raises:
        BadInput: it cannot be opened or read to its end, or no frame is in that range.
    """
    pictures, clip = _taken(scan(source, name, stream), name, part)
    container, picture = open_source(source, name, pictures.facts.stream, others=True)
    with container:
        found = {s.index: _contents(s, container) for s in container.streams}
        others = [s for s in container.streams if s.index != picture.index]
        tracks = [Track(s, s) for s in others if found[s.index].kind in _PACKETS]
        shifts = pictures.facts.shifts
        origin = start_of(pictures.facts, pictures.pts, clip, (container, picture))
        for _, packet in packets(container, tracks, Fraction(0), origin.window, shifts=shifts):
            contents = found[packet.stream_index]
            payload = bytes(packet)
            framed = contents.codec == "aac" and _has_adts_header(payload)
            if framed and not contents.setup:
                contents.setup.extend(adts_setup(payload))
            contents.digests.append(_digest(payload, contents.codec, framed=framed))
            contents.lasting.append(packet.duration or 0)
            contents.skipped.append(skipped(packet))
            contents.pts.append(packet.pts if packet.pts is not None else packet.dts or 0)
        return Inventory(
            pictures=pictures,
            picture=found[picture.index],
            origin=origin,
            tags=container.metadata,
            chapters=chapters(container.chapters(), Fraction(0), origin.window)
            if clip
            else container.chapters(),
            streams=[found[s.index] for s in others],
        )


_PACKETS = {"audio", "subtitle", "cover"}


def _taken(
    pictures: VideoIndex, name: str, part: Part | None
) -> tuple[VideoIndex, tuple[int, int] | None]:
    """Return the frames of a range, and its timestamps as jobs record them; None for all."""
    if part is None or part == (None, None):
        return pictures, None
    start, stop = select(pictures, *part)
    if start >= stop:
        raise BadInput(f"{name}: there are no frames in that time range", "widen `start` and `end`")
    pts, facts = pictures.pts, pictures.facts
    end = pts[stop] if stop < len(pts) else NEVER
    if end < NEVER:
        facts = facts.model_copy(update={"last_duration": end - pts[stop - 1]})
    return replace(pictures, pts=pts[start:stop], facts=facts), (pts[start], end)


def _contents(stream: Stream, container: InputContainer) -> Contents:
    cover = Disposition.attached_pic in stream.disposition
    codec, context = codec_name(stream), stream.codec_context
    heard = context if isinstance(context, AudioCodecContext) else None
    contents = Contents(
        kind="cover" if cover else data_kind(stream, container),
        codec=codec,
        unit=stream.time_base or Fraction(1),
        tags=stream.metadata,
        flags=stream.disposition,
        rate=heard.sample_rate if heard else 0,
        channels=heard.layout.nb_channels if heard else 0,
        layout=heard.layout.name if heard else "",
        setup=bytearray(setup_of(codec, (context.extradata or b"") if context else b"")),
    )
    if contents.kind == "attachment":
        contents.digests.append(_number(cast("AttachmentStream", stream).data))
    return contents


def _digest(payload: bytes, codec: str, *, framed: bool) -> int:
    if codec in MOVIE_TEXT | PLAIN_TEXT:
        # Plain text in both of its forms, without the markup that one of them cannot have.
        plain = to_plain_text(payload) if codec in MOVIE_TEXT else payload
        return _number(to_plain_text(to_movie_text(plain)))
    if framed:
        return _number(payload[7 if payload[1] & 1 else 9 :])
    return _number(payload)


def _has_adts_header(payload: bytes) -> bool:
    """Return whether an AAC packet has a header with its size (ISO 14496-3), as in MPEG-TS."""
    if len(payload) < 7 or payload[0] != 0xFF or payload[1] & 0xF6 != 0xF0:
        return False
    return (payload[3] & 3) << 11 | payload[4] << 3 | payload[5] >> 5 == len(payload)


def _number(payload: bytes) -> int:
    return int.from_bytes(blake2b(payload, digest_size=8).digest(), "big")
