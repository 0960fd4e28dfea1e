"""Facts about a video, beyond its pictures, for people."""

from __future__ import annotations

from math import atan2, degrees
from typing import TYPE_CHECKING, Any

from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext

from impasto.media.join.sound import usual_layout
from impasto.media.join.tracks import data_kind
from impasto.media.read.container import open_source

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

    from impasto.media.read.container import Source
    from impasto.schema.source import VideoFacts


def rotation(facts: VideoFacts) -> int:
    """Return how many degrees clockwise a player turns the picture, 0 to 359."""
    if facts.display_matrix is None:
        return 0
    a, b, *_ = facts.display_matrix
    return round(degrees(atan2(b, a))) % 360


def streams(source: Source, name: str, scored: int) -> list[str]:
    """Describe every stream of a file, one line each; raises BadInput when it cannot be opened.

    Args:
        source: a local path or a binary file object that can seek.
        name: what messages call it.
        scored: the index of the stream that is scored, which is marked.
    """
    container, _ = open_source(source, name, scored)
    with container:
        return [
            _line(stream) + (" [scored]" if stream.index == scored else "")
            for stream in container.streams
        ]


def mirrored(facts: VideoFacts) -> bool:
    """Return whether a player mirrors the picture."""
    if facts.display_matrix is None:
        return False
    a, b, _, c, d, *_ = facts.display_matrix
    return a * d - b * c < 0


def tracks(source: Source, name: str, scored: int) -> tuple[list[dict[str, Any]], list[str]]:
    """Describe every stream of a file exactly, and name its chapters.

    Args:
        source: a local path or a binary file object that can seek.
        name: what messages call it.
        scored: the index of the stream that is scored.

    Returns:
        For each stream its ``index``, ``kind``, ``codec``, ``language``, ``title``, ``flags`` and
        ``scored``; of pictures ``width`` and ``height``; of sound ``sample_rate``, ``channels``,
        ``layout`` and ``bit_rate``. And the titles of the chapters.

    Raises:
        BadInput: it cannot be opened.
    """
    container, _ = open_source(source, name, scored)
    with container:
        found = [_track(stream, container) for stream in container.streams]
        titles = [each["metadata"].get("title", "") for each in container.chapters()]
    return [each | {"scored": each["index"] == scored} for each in found], titles


def _track(stream: Stream, container: InputContainer) -> dict[str, Any]:
    context = stream.codec_context
    flags = [str(flag.name) for flag in stream.disposition]
    found: dict[str, Any] = {
        "index": stream.index,
        "kind": "cover" if "attached_pic" in flags else data_kind(stream, container),
        "codec": context.name if context else "",
        "language": stream.language or "",
        "title": stream.metadata.get("title", ""),
        "flags": flags,
    }
    if isinstance(context, VideoCodecContext):
        found |= {"width": context.width, "height": context.height}
    if isinstance(context, AudioCodecContext):
        layout = usual_layout(context.layout.nb_channels, context.layout.name)
        found |= {"sample_rate": context.sample_rate, "channels": context.layout.nb_channels}
        found |= {"layout": layout, "bit_rate": context.bit_rate}
    return found


def _line(stream: Stream) -> str:
    parts = [f"{stream.index}: {stream.type}"]
    context = getattr(stream, "codec_context", None)
    if context is not None:
        parts.append(context.name)
    if stream.type == "video" and context is not None:
        parts.append(f"{context.width}x{context.height}")
    if stream.type == "audio" and context is not None:
        parts.append(f"{context.sample_rate} Hz, {context.layout.name}")
    if stream.language:
        parts.append(f"({stream.language})")
    title = stream.metadata.get("title")
    return " ".join([*parts, *([f"“{title}”"] if title else [])])
