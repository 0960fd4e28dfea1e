"""Join segments into one video without encoding again, and add the source's other streams."""

from __future__ import annotations

from contextlib import ExitStack
from heapq import merge
from math import lcm
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import av
from av.stream import Disposition

from impasto.errors import BadInput
from impasto.media import names
from impasto.media.join.carry import Ahead, look_ahead, packets
from impasto.media.join.join import Joiner, opened
from impasto.media.join.streams import codec_name
from impasto.media.join.tags import chapters, file_tags, in_keys
from impasto.media.join.timeline import start_of
from impasto.media.join.tracks import REMADE, add_track, data_kind, encoded, label, unkept
from impasto.media.read.container import open_source
from impasto.media.write.encoders import add_encoder, encoder_rate
from impasto.media.write.sink import DISK, clock, closing, open_output, writing
from impasto.media.write.target import changes, losses
from impasto.schema.bounds import NEVER
from impasto.schema.plan import Encoding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from fractions import Fraction

    from av.container import InputContainer, OutputContainer
    from av.video.stream import VideoStream

    from impasto.media.formats import Family
    from impasto.media.join.carry import Timed
    from impasto.media.join.join import Opened, Segment
    from impasto.media.join.timeline import Timeline
    from impasto.media.join.tracks import Track
    from impasto.media.read.container import Source
    from impasto.media.write.target import Target
    from impasto.schema.job import Audio
    from impasto.schema.source import Shift, VideoFacts


HEAD = 1 << 21
"""Bytes of a source that are read for a rehearsal; a header is most of what is tried."""


def assemble(
    output: Path,
    source: Source | None,
    name: str,
    facts: VideoFacts,
    target: Target,
    pts: Sequence[int],
    segments: Sequence[Segment],
    clip: tuple[int, int] | None = None,
    audio: Audio = "copy",
) -> list[str]:
    """Write the output video at ``output``, a local path; equal inputs give equal bytes.

    Args:
        output: where to write; replaced if it exists, and left unfinished after an error.
        source: the video that the pictures came from, whose other streams are copied packet by
            packet; None when there is none.
        name: what messages call the source.
        facts: the source's picture stream.
        target: the output's picture stream, as the segments were encoded.
        pts: the timestamps of all frames, ascending, in ``facts.time_base``.
        segments: the segments in order.
        clip: half-open range of time that was taken, in ``facts.time_base``; None for all.
        audio: what becomes of sound.

    Returns:
        What the output could not keep, one line each.

    Raises:
        BadInput: the segments do not fit the plan or each other, or the container cannot carry
            one of the source's sound tracks.
        Unavailable: the file system refuses the output.
        Exception: whatever a file object raises passes unchanged.
    """
    ahead = _look_ahead(source, name, facts.stream, target.family)
    with ExitStack() as stack:
        given = None if source is None else open_source(source, name, facts.stream, others=True)
        if given:
            stack.enter_context(given[0])
        out = stack.enter_context(_output(output, target, given))
        _, template = stack.enter_context(opened(segments[0], 0))
        stream = _add_pictures(out, template, target)
        tracks: list[Track] = []
        notes: list[str] = []
        if given:
            tracks, notes = _add_others(out, stream, given, target, ahead.covers, audio)
        if target.alpha and target.codec == "libvpx-vp9":
            # Without it, players take what is beside the pictures for nothing.
            stream.metadata["alpha_mode"] = "1"
        origin = start_of(facts, pts, clip, given)
        starts = [at for track in tracks if (at := _begins(track, ahead)) is not None]
        if starts and clip is None:
            origin = origin.not_before(min(starts))
        scale = lcm(*(unit.denominator for unit in _units(target, given)))
        shifts = facts.shifts
        others = _others(out, given[0], tracks, origin, scale, shifts) if given else iter(())
        last = clip[1] - pts[-1] if clip and clip[1] < NEVER else facts.last_duration
        decoder = template.codec_context
        joiner = Joiner(target, pts, origin.pictures, stream, decoder, scale, last)
        for timed in merge(joiner.packets(segments), others, key=lambda t: t.time):
            with writing(output):
                out.mux(timed.packet)
    return notes + changes(facts, target)


def rehearse(
    source: Source,
    name: str,
    facts: VideoFacts,
    target: Target,
    first: int = 0,
    audio: Audio = "copy",
) -> list[str]:
    """Write an output's head, so that a job that cannot finish does not start.

    It holds the header and the source's first packets of sound, subtitles and covers.

    Args:
        source: the video whose other streams would be carried.
        name: what messages call it.
        facts: its picture stream.
        target: the output's picture stream.
        first: the first frame's timestamp.
        audio: what becomes of sound.

    Returns:
        What the user should know before anything is scored, one line each.

    Raises:
        BadInput: the container cannot carry one of the source's sound tracks, or the pictures.
        Unavailable: the temporary folder cannot be written.
    """
    given = open_source(source, name, facts.stream, others=True)
    with TemporaryDirectory(prefix="impasto-") as folder, given[0]:
        path = Path(folder) / f"output.{target.family}"
        with _output(path, target, given) as out:
            stream = add_encoder(out, target, Encoding())
            tracks, notes = _add_others(out, stream, given, target, {}, audio)
            with writing(path):
                _start(out, target)
            origin = start_of(facts, [first], None, given)
            shifts = facts.shifts
            for timed in packets(given[0], tracks, origin.others, None, 0, shifts, HEAD):
                with writing(path):
                    out.mux(timed.packet)
            return notes + losses(facts, target)


def _start(out: OutputContainer, target: Target) -> None:
    """Open the encoder and write the header; raises BadInput where one of them refuses."""
    try:
        out.start_encoding()
    except av.FFmpegError as error:
        if error.errno in DISK:
            raise
        size = f"{target.coded_width}x{target.coded_height}"
        what = f"{names.codec(target.codec)} in {names.container(target.family)}"
        raise BadInput(
            f"{what}: cannot hold a video of {size} ({error.strerror})",
            "choose another codec or size",
        ) from error


def _output(
    path: Path, target: Target, given: Opened | None
) -> AbstractContextManager[OutputContainer]:
    pictures, *others = _units(target, given)
    keys = given is not None and _in_keys(given[0], target.family)
    return closing(open_output(path, target.family, pictures, others, keys=keys), path)


def _in_keys(container: InputContainer, family: Family) -> bool:
    cover = any(Disposition.attached_pic in s.disposition for s in container.streams)
    return in_keys(container.metadata, container.format.name, family, cover=cover)


def _units(target: Target, given: Opened | None) -> list[Fraction]:
    """List the time bases of the output's pictures and then of the source's streams."""
    others = [s.time_base for s in given[0].streams if s.time_base] if given else []
    return [clock(target.time_base), *others]


def _add_pictures(out: OutputContainer, template: VideoStream, target: Target) -> VideoStream:
    stream: VideoStream = out.add_stream_from_template(template, opaque=True)
    stream.time_base = clock(target.time_base)
    stream.codec_context.framerate = encoder_rate(target.rate)
    if target.codec == "libx265":
        stream.codec_context.codec_tag = "hvc1"
    if target.codec == "prores_ks":
        # Its profile, which players show, is nowhere else.
        stream.codec_context.codec_tag = template.codec_context.codec_tag
    # Only some codecs hold it, and segments do not hand it on.
    stream.codec_context.sample_aspect_ratio = target.sample_aspect
    if target.display_matrix:
        stream.set_display_matrix(target.display_matrix)
    return stream


def _add_others(
    out: OutputContainer,
    stream: VideoStream,
    given: Opened,
    target: Target,
    covers: dict[int, bytes],
    audio: Audio,
) -> tuple[list[Track], list[str]]:
    """Add the streams to copy; return them, and what the output cannot hold of the source."""
    container, picture = given
    family = target.family
    keys = _in_keys(container, family)
    kept, lost = file_tags(container.metadata, family, keys=keys)
    out.metadata.update(kept)
    notes = (
        [f"tags dropped, which {names.container(family)} cannot store: {', '.join(lost)}"]
        if lost
        else []
    )
    label(stream, picture, family)
    tracks: list[Track] = []
    for source in container.streams:
        if source.index == picture.index or (source.type == "audio" and audio == "none"):
            continue
        try:
            track = add_track(out, source, family, covers.get(source.index), audio)
        except LookupError as reason:
            if data_kind(source, container) not in REMADE[family]:
                what = names.track(source.type, source.index)
                notes.append(f"{what} is dropped: {reason}")
        else:
            tracks += [track] if track else []
            notes += [encoded(track)] if track and track.encoder else []
            notes += unkept(source, family)
    return tracks, notes


def _others(
    out: OutputContainer,
    container: InputContainer,
    tracks: list[Track],
    origin: Timeline,
    scale: int,
    shifts: Sequence[Shift],
) -> Iterator[Timed]:
    out.set_chapters(chapters(container.chapters(), origin.others, origin.window))
    return packets(container, tracks, origin.others, origin.window, scale, shifts)


def _begins(track: Track, ahead: Ahead) -> Fraction | None:
    """Return the second at which a sound's first packet comes; None where Matroska stores it apart.

    It stores the priming of Opus.
    """
    place = track.source.index
    if place not in ahead.starts or codec_name(track.target) in {"opus", "libopus"}:
        return None
    if track.encoder is None:
        return ahead.starts[place]
    return ahead.heard[place] - track.encoder.early


def _look_ahead(source: Source | None, name: str, picture: int, family: Family) -> Ahead:
    if source is None or family in {"mp4", "mov"}:
        return Ahead({}, {}, {})
    container, _ = open_source(source, name, picture, others=True)
    with container:
        return look_ahead(container)
