"""Facts about a video, beyond its pictures, for people."""

from __future__ import annotations

from math import atan2, degrees
from typing import TYPE_CHECKING

from impasto.media.read.container import open_source

if TYPE_CHECKING:
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
