"""Adding streams to an output: as they are, and text subtitles in the container's own form."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, TypeAlias, cast

import av
from av.audio.stream import AudioStream

from impasto.media.join.sound import usual_layout
from impasto.media.names import container
from impasto.media.write.sink import MUXERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from av.container import OutputContainer
    from av.stream import Stream
    from av.subtitles.stream import SubtitleStream

    from impasto.media.formats import Family

Convert: TypeAlias = "Callable[[bytes], bytes]"

WEBM = frozenset({"opus", "vorbis", "webvtt"})
"""The codecs that WebM carries besides pictures."""

NOT_QUICKTIME = frozenset({"flac", "opus", "truehd"})
"""Codecs that FFmpeg lists for QuickTime but refuses when the header is written."""

MOVIE_TEXT = frozenset({"mov_text"})
PLAIN_TEXT = frozenset({"srt", "subrip", "text"})

STYLE = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Alignment
Style: Default,Arial,16,&Hffffff,2

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def codec_name(stream: Stream) -> str:
    """Return FFmpeg's name of a stream's codec, or its kind where FFmpeg has no decoder."""
    return stream.codec_context.name if stream.codec_context else stream.type


def carries(family: Family, codec: str) -> bool:
    """Return whether a container takes packets of a codec as they are."""
    if family == "webm":
        return codec in WEBM
    barred = NOT_QUICKTIME if family == "mov" else frozenset()
    return codec in _codecs(family) - barred


def holds(family: Family, sounds: Sequence[Stream]) -> bool:
    """Return whether a container takes sound tracks as they are, by writing a header for them."""
    if not all(carries(family, codec_name(sound)) for sound in sounds):
        return False
    try:
        with av.open(BytesIO(), "w", format=MUXERS[family]) as scratch:
            for sound in sounds:
                add_copy(scratch, sound, family)
            scratch.start_encoding()
    except (LookupError, ValueError, av.FFmpegError):
        return False
    return True


def converts(family: Family, codec: str) -> bool:
    """Return whether subtitles of a codec can be converted to a container's own form."""
    return codec in (PLAIN_TEXT if family in {"mp4", "mov"} else MOVIE_TEXT) and family != "webm"


def add_copy(out: OutputContainer, source: Stream, family: Family) -> Stream:
    """Add a stream that takes the packets of ``source`` unchanged.

    Raises:
        LookupError: the container cannot hold that codec.
    """
    name = codec_name(source)
    if source.codec_context is None or not carries(family, name):
        raise LookupError(f"{container(family)} cannot carry it")
    stream = out.add_stream_from_template(source, opaque=True)
    if isinstance(stream, AudioStream):
        # MP4 must state which speakers there are.
        layout = stream.codec_context.layout
        usual = usual_layout(layout.nb_channels, layout.name)
        if usual != layout.name:
            stream.codec_context.layout = usual
    return stream


def add_subtitles(
    out: OutputContainer, source: Stream, family: Family
) -> tuple[Stream, Convert | None]:
    """Add a stream of subtitles.

    Returns:
        The stream, and the function that converts a packet's payload to its form; None if the
        payload stays as it is.

    Raises:
        LookupError: the container cannot hold such subtitles.
    """
    if not converts(family, codec_name(source)):
        return add_copy(out, source, family), None
    if family == "mkv":
        return _add_text(out, source, "subrip"), to_plain_text
    return _add_text(out, source, "mov_text"), to_movie_text


def to_movie_text(payload: bytes) -> bytes:
    """Convert a SubRip event to an MP4 text sample, without its markup, which MP4 would show."""
    text = re.sub(rb"<[^>]*>|\{\\[^}]*\}", b"", payload)
    return len(text).to_bytes(2, "big") + text


def to_plain_text(payload: bytes) -> bytes:
    """Convert an MP4 text sample to a SubRip event, without the style boxes behind its text."""
    return payload[2 : 2 + int.from_bytes(payload[:2], "big")]


def shows_nothing(payload: bytes, stream: Stream) -> bool:
    """Return whether a subtitle packet only fills time, as MP4 requires between two of them."""
    return not (to_plain_text(payload) if codec_name(stream) in MOVIE_TEXT else payload)


@cache
def _codecs(family: Family) -> frozenset[str]:
    with av.open(BytesIO(), "w", format=MUXERS[family]) as scratch:
        return frozenset(scratch.supported_codecs)


def _add_text(out: OutputContainer, source: Stream, codec: str) -> Stream:
    stream = cast("SubtitleStream", out.add_stream(codec))
    stream.codec_context.subtitle_header = STYLE
    stream.codec_context.time_base = source.time_base or Fraction(1, 1000)
    return stream
