"""Read a range of frames exactly: all of them, only them, in order.

Containers seek where they please, often past the requested keyframe. A reader therefore looks for
the keyframe itself among the packets, tries earlier places, and finally reads from the start.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import chain, islice
from typing import TYPE_CHECKING, cast

import av

from impasto.errors import BadInput, Unavailable
from impasto.media.frame import Frame
from impasto.media.read.container import LIMITS, open_source
from impasto.media.read.deinterlace import deinterlaced
from impasto.media.read.packets import decoded, pictures, retimed
from impasto.media.read.planes import layout, planes

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from impasto.media.frame import Plane
    from impasto.media.read.container import Source
    from impasto.schema.source import Keyframe, VideoCut, VideoFacts

    Packets = Iterator[Packet[VideoStream]]


BESIDE = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""The decoders that also read transparency that is kept beside the pictures."""


class _Astray(Exception):
    """Reading from this place does not yield what the scan saw."""


def read(
    source: Source, name: str, facts: VideoFacts, cut: VideoCut, first: int, threads: int = 1
) -> Generator[Frame]:
    """Decode the frames of one cut.

    A frame that cannot be decoded is replaced by the one before it (at the start of a cut, by
    the one after it) and marked as concealed; damage that decoders do not notice stays.

    Args:
        source: a local path or a binary file object that can seek.
        name: what messages call the video.
        facts: the video's facts, from its scan.
        cut: the range to read, from ``index.cut``.
        first: the index of the cut's first frame in the video.
        threads: decoder threads.

    Yields:
        Exactly ``len(cut.pts)`` frames, in order. Closing the generator closes the file.

    Raises:
        BadInput: no frame of the cut decodes, or the picture size changes within it.
        Unavailable: the file ended before a packet that the scan saw.
        Exception: whatever a file object raises passes unchanged.
    """
    shape = layout(facts)
    if facts.sequential:
        found = _counted(source, name, facts, cut, first, threads)
    else:
        found = _timed(source, name, facts, cut, threads)
    if facts.deinterlace:
        found = deinterlaced(found, threads)
    skipped = len(cut.before)
    found = islice(found, skipped, skipped + len(cut.pts))
    copied: VideoFrame | None = None
    pixels: tuple[Plane, ...] = ()
    for index, (picture, concealed) in enumerate(found, first):
        if (picture.width, picture.height) != (facts.width, facts.height):
            size = f"{picture.width}x{picture.height}"
            raise BadInput(
                f"{name}: its picture size changes to {size} at frame {index}", "cut it there"
            )
        if picture is not copied:
            pixels = planes(picture, facts.pixel_format, alpha=facts.keep_alpha)
            copied = picture
        yield Frame(index, pixels, shape, concealed, pts=cut.pts[index - first])


def _timed(
    source: Source, name: str, facts: VideoFacts, cut: VideoCut, threads: int
) -> Iterator[tuple[VideoFrame, bool]]:
    done = 0
    try:
        for found in _attempt(source, name, facts, cut, cut.keys, threads):
            yield found
            done += 1
    except _Astray:
        try:
            yield from islice(_attempt(source, name, facts, cut, (), threads), done, None)
        except _Astray as error:
            raise Unavailable(f"{name} {error}", "read it again") from error


def _attempt(
    source: Source,
    name: str,
    facts: VideoFacts,
    cut: VideoCut,
    keys: Sequence[Keyframe],
    threads: int,
) -> Iterator[tuple[VideoFrame, bool]]:
    """Decode the wanted frames from the first of ``keys``, or from the file's start."""
    container, stream, packets, position = _positioned(source, name, facts.stream, keys)
    with container:
        moved = dict(cut.moved)
        wanted = retimed(_exactly(packets, cut.stop - position), moved, position)
        frames = decoded(_decoder(stream, facts, cut, threads), wanted)
        if position:
            frames = _clean(frames, _shown(keys[0], moved))
        yield from _aligned(frames, cut.all_pts, name)


def _counted(
    source: Source, name: str, facts: VideoFacts, cut: VideoCut, first: int, threads: int
) -> Iterator[tuple[VideoFrame, bool]]:
    """Find the wanted frames of a video without usable timestamps, by counting from its start."""
    container, stream = open_source(source, name, facts.stream)
    with container:
        packets = _exactly(pictures(container, stream), cut.stop)
        skipped = first - len(cut.before)
        frames = islice(decoded(_decoder(stream, facts, cut, threads), packets), skipped, None)
        missing = len(cut.all_pts)
        try:
            for picture in islice(frames, missing):
                yield picture, False
                missing -= 1
        except _Astray as error:
            raise Unavailable(f"{name} {error}", "read it again") from error
        if missing:
            raise Unavailable(
                f"{name} has fewer frames than when it was scanned", "submit it again"
            )


def _decoder(
    stream: VideoStream, facts: VideoFacts, cut: VideoCut, threads: int
) -> VideoCodecContext:
    context = stream.codec_context
    if facts.keep_alpha and facts.codec in BESIDE:
        context = cast("VideoCodecContext", av.CodecContext.create(BESIDE[facts.codec], "r"))
        context.options = dict(LIMITS)
    context.thread_count = threads
    context.thread_type = "AUTO"
    context.reorder_depth = max(context.reorder_depth, cut.reorder)
    return context


def _positioned(
    source: Source, name: str, chosen: int, keys: Sequence[Keyframe]
) -> tuple[InputContainer, VideoStream, Packets, int]:
    """Open a file; also return its packets from the first of ``keys`` on, and its position.

    Without keys, or where the first of them is the file's first picture, packets come from the
    start.
    """
    container, stream = open_source(source, name, chosen)
    if not keys or keys[0].position == 0:
        return container, stream, pictures(container, stream), 0
    for time in _places(keys):
        packets = _sought(container, stream, time, keys[0])
        if packets:
            return container, stream, packets, keys[0].position
    container.close()
    container, stream = open_source(source, name, chosen)
    packets = _from_key(pictures(container, stream), keys[0])
    if packets:
        return container, stream, packets, keys[0].position
    container.close()
    raise _Astray("has lost a keyframe since it was scanned")


def _places(keys: Sequence[Keyframe]) -> list[int]:
    """List times to seek to, best first: some containers seek by decoding time, some land late."""
    times = [keys[0].pts, *(k.dts if k.dts is not None else k.pts for k in keys)]
    return list(dict.fromkeys(times))


def _sought(
    container: InputContainer, stream: VideoStream, time: int, key: Keyframe
) -> Packets | None:
    try:
        container.seek(time, stream=stream)
    except av.FFmpegError:
        return None
    return _from_key(pictures(container, stream), key)


def _from_key(packets: Packets, key: Keyframe) -> Packets | None:
    """Return the packets from exactly this keyframe on; None where a later one comes first."""
    try:
        for packet in packets:
            if packet.is_keyframe and packet.pts is not None and packet.pts >= key.pts:
                return chain([packet], packets) if packet.pts == key.pts else None
    except av.FFmpegError:
        return None
    return None


def _exactly(packets: Packets, count: int) -> Packets:
    """Yield the next ``count`` packets, all of which the scan saw."""
    left = count
    try:
        for packet in islice(packets, count):
            yield packet
            left -= 1
    except av.FFmpegError as error:
        raise _Astray(f"cannot be read further ({error.strerror})") from error
    if left:
        raise _Astray(f"ended {left} pictures early")


def _shown(key: Keyframe, moved: dict[int, int | None]) -> int:
    time = moved.get(key.position)
    return key.pts if time is None else time


def _clean(frames: Iterator[VideoFrame], key: int) -> Iterator[VideoFrame]:
    """Yield the frames from the keyframe on, once it has come out first.

    With intra-refresh, packets flagged as keyframes refer to pictures before them: decoding there
    yields wrong pictures without any error, and the first one out is late or not a keyframe. Frames
    before the key, of an open group of pictures, lack what they refer to.
    """
    first = next((f for f in frames if f.pts is not None and f.pts >= key), None)
    if first is None or first.pts != key or not first.key_frame:
        raise _Astray("does not decode cleanly from a keyframe")
    yield first
    yield from frames


def _aligned(
    frames: Iterable[VideoFrame], wanted: Sequence[int], name: str
) -> Iterator[tuple[VideoFrame, bool]]:
    """Yield one picture for each wanted timestamp, and whether it replaces a missing one."""
    previous: VideoFrame | None = None
    done = 0
    for frame in frames:
        reach = done if frame.pts is None else bisect_left(wanted, frame.pts)
        if frame.pts is None or reach < done:
            continue
        for _ in range(done, reach):
            yield previous or frame, True
        done, previous = reach, frame
        if done < len(wanted) and wanted[done] == frame.pts:
            yield frame, False
            done += 1
        if done == len(wanted):
            return
    if previous is None:
        raise BadInput(
            f"{name}: none of {len(wanted)} pictures can be decoded", "the file is damaged"
        )
    for _ in range(done, len(wanted)):
        yield previous, True
