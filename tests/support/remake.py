"""A video decoded, encoded in segments and assembled, without a scorer in between."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from impasto.media.join.assemble import assemble
from impasto.media.read.decode import read
from impasto.media.read.index import cut, scan
from impasto.media.verify import verify as checker
from impasto.media.write.segment import SegmentWriter
from impasto.media.write.target import target
from impasto.schema.bounds import NEVER
from impasto.schema.plan import Encoding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from impasto.media.read.index import VideoIndex
    from impasto.media.verify.report import Report
    from impasto.media.write.target import Target

FAST = Encoding(preset="ultrafast", crf=30)


@dataclass(frozen=True)
class Remade:
    """An output, and what it was made from."""

    path: Path
    index: VideoIndex
    target: Target
    segments: list[Path]
    notes: list[str]


def remake(
    source: Path,
    output: Path,
    shard: int = 20,
    clip: tuple[int, int] | None = None,
    encoding: Encoding = FAST,
) -> Remade:
    """Make ``output`` from the frames ``clip`` (half-open; all when None) of ``source``."""
    index = scan(str(source), source.name)
    facts = index.facts
    start, stop = clip or (0, len(index))
    aim = target(facts, output.suffix, facts.width, facts.height)
    segments = []
    for first in range(start, stop, shard):
        path = output.with_name(f"{output.name}.{first}.mp4")
        segments.append(path)
        part = cut(index, first, min(first + shard, stop))
        with SegmentWriter(path, aim, encoding) as writer:
            frames = read(str(source), source.name, facts, part, first)
            for frame, pts in zip(frames, part.pts, strict=True):
                writer.write(frame.planes[:3], pts)
    past = index.pts[stop] if stop < len(index) else NEVER
    times = None if clip is None else (index.pts[start], past)
    notes = assemble(
        output, str(source), source.name, facts, aim, index.pts[start:stop], segments, times
    )
    return Remade(output, index, aim, segments, notes)


@dataclass(frozen=True)
class Sound:
    """One sound track: its packets' payloads and times in seconds."""

    payloads: list[bytes]
    times: list[Fraction]


def frame_times(path: Path) -> list[Fraction]:
    """Return the seconds of every frame that decodes; any decoding error is raised."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        unit = stream.time_base or Fraction(1)
        return [f.pts * unit for f in container.decode(stream) if f.pts is not None]


def sounds(path: Path) -> list[Sound]:
    """Return every sound track of a file."""
    found = []
    with av.open(str(path)) as container:
        count = len(container.streams.audio)
    for track in range(count):
        with av.open(str(path)) as container:
            packets = [p for p in container.demux(audio=track) if p.size]
            times = [p.pts * p.time_base for p in packets if p.pts is not None]
            found.append(Sound([bytes(p) for p in packets], times))
    return found


def samples(path: Path, track: int = 0) -> NDArray[Any]:
    """Return decoded samples of a sound track: (channels, samples)."""
    with av.open(str(path)) as container:
        planes = [f.to_ndarray() for f in container.decode(audio=track)]
    return np.concatenate(planes, axis=1)


def subtitles(path: Path) -> list[tuple[int, bytes]]:
    """Return the first text track: whole seconds and plain text, without markup in Matroska."""
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        packets = [p for p in container.demux(stream) if p.size > 2]
        found = []
        for packet in packets:
            payload = bytes(packet)
            text = payload[2:] if stream.codec_context.name == "mov_text" else payload
            shown = re.sub(rb"<.*?>|\{.*?\}", b"", text) if path.suffix == ".mkv" else text
            found.append((round((packet.pts or 0) * packet.time_base), shown))
        return found


def verify(source: str, output: str) -> Report:
    """Compare two local videos."""
    return checker.verify(source, output, source, output)
