"""The output's streams besides the picture, and their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from av.stream import AttachmentStream, Disposition

from impasto.errors import BadInput
from impasto.media.join.labels import flags, language
from impasto.media.join.sound import BEST, CODECS, SoundEncoder
from impasto.media.join.streams import add_copy, add_subtitles, carries, codec_name, holds
from impasto.media.join.tags import track_tags
from impasto.media.names import codec as name
from impasto.media.names import container
from impasto.media.names import track as called

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.stream import Stream

    from impasto.media.formats import Family
    from impasto.media.join.streams import Convert
    from impasto.schema.job import Audio

COVERS: frozenset[Family] = frozenset({"mp4", "mkv"})
"""The containers that keep a cover."""

REMADE: dict[Family, set[str]] = {
    "mp4": {"chapters", "time code"},
    "mov": {"chapters", "time code"},
    "mkv": {"chapters"},
    "webm": {"chapters"},
}
"""The kinds of data that muxers generate from chapters and tags."""


@dataclass(frozen=True, slots=True)
class Track:
    """A stream of the source and its place in the output.

    Attributes:
        source: where packets come from.
        target: where they go.
        convert: converts the source's payload to the target's; None where they are the same.
        encoder: encodes the source's sound again; None where packets are copied.
    """

    source: Stream
    target: Stream
    convert: Convert | None = None
    encoder: SoundEncoder | None = None

    @property
    def still(self) -> bool:
        """Whether this is a cover, which has no time."""
        return Disposition.attached_pic in self.source.disposition

    @property
    def timed_text(self) -> bool:
        """Whether packets have a duration, and so may reach into a range that begins after them."""
        return self.source.type == "subtitle"


def add_track(
    out: OutputContainer, source: Stream, family: Family, cover: bytes | None, audio: Audio
) -> Track | None:
    """Add a stream like ``source`` to the output.

    Args:
        out: the output, whose header is not written yet.
        source: any stream but the picture.
        family: the output's container.
        cover: the picture itself when ``source`` is a cover and Matroska is written.
        audio: what becomes of sound.

    Returns:
        The new track, or None when the whole stream went into the header.

    Raises:
        BadInput: the container cannot carry that sound.
        LookupError: that stream, which is not sound, is left out; the message says why.
    """
    if source.type == "audio":
        track = _sound(out, cast("AudioStream", source), family, audio)
    elif source.type == "subtitle":
        track = Track(source, *add_subtitles(out, source, family))
    elif source.type == "attachment" and family == "mkv":
        _attach(out, source, cast("AttachmentStream", source).data)
        return None
    elif Disposition.attached_pic in source.disposition and family == "mkv":
        _attach(out, source, cover or b"")
        return None
    elif Disposition.attached_pic in source.disposition:
        track = _cover(out, source, family)
    else:
        raise LookupError(drop_reason(source.type, family))
    label(track.target, source, family)
    return track


def drop_reason(kind: str, family: Family) -> str:
    """Return why a stream other than sound is left out."""
    return "only one is scored" if kind == "video" else f"{container(family)} cannot carry it"


def label(stream: Stream, source: Stream, family: Family) -> None:
    """Label an output's stream with the title, language, other tags and flags of the source's."""
    stream.metadata.update(track_tags(source.metadata, family))
    stream.disposition, _ = flags(source.disposition, family)


def unkept(source: Stream, family: Family) -> list[str]:
    """Name the labels of a stream that a container cannot hold, one line each."""
    _, lost = flags(source.disposition, family)
    named = called(source.type, source.index)
    notes = [f"{named} loses its flag '{f.name}'" for f in lost]
    if language(source.language, family) is None:
        notes.append(f"{named} loses its language '{source.language}'")
    return notes


def data_kind(stream: Stream, container: InputContainer) -> str:
    """Return what a stream holds: ``chapters``, ``time code``, or else its type."""
    titles = container.chapters() if "mov" in container.format.name else []
    if stream.type == "data" and "timecode" in stream.metadata:
        return "time code"
    if stream.type == "data" and titles and stream.frames == len(titles):
        return "chapters"
    return stream.type


def _cover(out: OutputContainer, source: Stream, family: Family) -> Track:
    if family not in COVERS:
        raise LookupError(drop_reason("cover", family))
    return Track(source, add_copy(out, source, family))


def _sound(out: OutputContainer, source: AudioStream, family: Family, audio: Audio) -> Track:
    codec, holder = codec_name(source), container(family)
    wanted = audio if audio in CODECS else codec
    if audio in CODECS and not carries(family, audio):
        raise BadInput(f"`audio={audio}`: {holder} cannot carry it", _choices(family, audio))
    if carries(family, codec) and codec == wanted:
        return Track(source, add_copy(out, source, family))
    fact = f"{called(source.type, source.index)} is {name(codec)}"
    if audio not in CODECS:
        fact += f", which {holder} cannot carry"
        wanted = BEST[family]
    if audio == "copy" and source.codec_context is not None:
        raise BadInput(fact, _advice(source))
    try:
        encoder = SoundEncoder(out, source, wanted)
    except LookupError as reason:
        raise BadInput(
            f"{fact}, and {reason}", "convert the sound first, or choose `audio=none`"
        ) from None
    return Track(source, encoder.target, encoder=encoder)


def _choices(family: Family, audio: Audio) -> str:
    """Return what to choose instead of a codec, or of a container that cannot carry it."""
    codecs = [f"`audio={each}`" for each in CODECS if carries(family, each)]
    suffixes = [f".{each}" for each in BEST if carries(each, audio)]
    return f"choose {_either(codecs)}, or an output that ends in {_either(suffixes)}"


def _either(names: Sequence[str]) -> str:
    return " or ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])


def _advice(source: AudioStream) -> str:
    """Return what to do about sound that a container cannot carry; what is named has been tried."""
    encode = "`audio=auto` to encode it"
    suffixes = [f".{each}" for each in BEST if holds(each, source.container.streams.audio)]
    if not suffixes:
        return f"choose {encode}"
    return f"choose an output that ends in {_either(suffixes)}, or {encode}"


def encoded(track: Track) -> str:
    """Say how a sound track is encoded again."""
    assert track.encoder
    given, made = (name(codec_name(each)) for each in (track.source, track.target))
    named = called(track.source.type, track.source.index)
    return f"{named} is {given}; it is encoded again as {made}"


def _attach(out: OutputContainer, source: Stream, data: bytes) -> None:
    image = codec_name(source).replace("mjpeg", "jpeg")
    kind = source.metadata.get("mimetype", f"image/{image}")
    name = source.metadata.get("filename", f"cover.{image.replace('jpeg', 'jpg')}")
    out.add_attachment(name, kind, data)
