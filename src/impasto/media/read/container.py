"""Open media files within limits, and say plainly why one does not open.

FFmpeg follows what a file says: a playlist may name other files, a header may claim a picture of
gigabytes. Only the formats in ``FORMATS`` are tried, only local files are opened, and pictures
over ``MAX_PIXELS`` are refused.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import av
from av.stream import Discard, Disposition

from impasto.errors import BadInput

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

Source: TypeAlias = str | BinaryIO

MAX_PIXELS = 8192 * 8192
"""The largest picture that is decoded, in pixels; 8K video is half of it."""

FORMATS = (
    "mov,matroska,mpegts,mpeg,mpegvideo,avi,ogg,flv,asf,mxf,gxf,nut,ivf,gif,apng,dv,wtv,"
    "mjpeg,h264,hevc,m4v,h263,vc1,obu,yuv4mpegpipe"
)
"""FFmpeg's names of the demuxers allowed; none of them reads a second file."""

BUFFER = 64 * 1024
"""Bytes requested from a file object at once; reading further ahead is left to the file object."""

LIMITS = {"max_pixels": str(MAX_PIXELS)}
_GUARD = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
_PLAYLISTS = (b"#EXTM3U", b"ffconcat version", b"<MPD")
_NOT_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_PREFERRED = 5_000_000
"""Pixels by which another stream must be larger than the one that is flagged as the default."""
_LOOK = 250
"""Pictures read, at most, to find out which streams hold more than one."""


def open_source(
    source: Source, name: str, chosen: int | None = None, *, others: bool = False
) -> tuple[InputContainer, VideoStream]:
    """Open a media file and find its picture stream.

    Args:
        source: a local path, or a binary file object that can seek; it is rewound first. Closing
            the container leaves a file object open.
        name: what messages call the file.
        chosen: index of the picture stream; None takes the one that players would, see `_best`.
        others: whether packets of the other streams are wanted as well.

    Returns:
        The container, to be closed by the caller and not read yet, and its picture stream.

    Raises:
        BadInput: it is missing, empty, not media, without pictures, not decodable or too big, or
            it has no such picture stream.
        Exception: whatever a file object raises passes unchanged.
    """
    _refuse_at_sight(source, name)
    try:
        container = _open(source)
    except av.FFmpegError as error:
        raise _refusal(source, name, error) from error
    try:
        candidates = _candidates(container, name)
        if len(candidates) > 1 and chosen is None:
            chosen = _best(container, candidates)
            container.close()
            container = _open(source)  # what was read is needed again
            candidates = _candidates(container, name)
        stream = _picked(candidates, chosen, name)
    except BadInput:
        container.close()
        raise
    stream.codec_context.options = dict(LIMITS)
    for other in container.streams:
        if other.index != stream.index and not others:
            other.discard = Discard.all
    return container, stream


def _open(source: Source) -> InputContainer:
    if not isinstance(source, str):
        source.seek(0)
    return av.open(
        # The prefix keeps a colon in a path from being read as a protocol.
        f"file:{source}" if isinstance(source, str) else source,
        "r",
        options=dict(LIMITS),
        container_options=dict(_GUARD),
        metadata_errors="replace",
        buffer_size=BUFFER,
    )


def _refuse_at_sight(source: Source, name: str) -> None:
    """Refuse what FFmpeg only calls invalid data, or would follow to other files."""
    try:
        head = _head(source)
    except IsADirectoryError as error:
        raise BadInput(f"{name}: is a folder", "name a video in it") from error
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        raise BadInput(f"{name}: {error.strerror}", "check the path and its rights") from error
    if not head:
        raise BadInput(f"{name} is empty (0 bytes)", "copy it again")
    if any(mark in head for mark in _PLAYLISTS):
        raise BadInput(f"{name} is a playlist", "give the media file that it names")


def _head(source: Source) -> bytes:
    if isinstance(source, str):
        with Path(source).open("rb") as file:
            return file.read(1024)
    source.seek(0)
    return source.read(1024)


def _candidates(container: InputContainer, name: str) -> list[VideoStream]:
    streams = [s for s in container.streams.video if not s.disposition & _NOT_PICTURES]
    if not streams:
        found = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
        raise BadInput(f"{name} holds no video stream, only {found}", "give a video")
    return streams


def _best(container: InputContainer, candidates: list[VideoStream]) -> int:
    """Return the index of the stream that is the film, as FFmpeg chooses it.

    Moving pictures come before a still one, which may be a cover that is not marked as such. Of
    several, one flagged as the default comes first, unless another is far larger.
    """
    moving = _moving(container, candidates)

    def rank(stream: VideoStream) -> tuple[bool, bool, int]:
        context = stream.codec_context
        size = context.width * context.height if context else 0
        default = Disposition.default in stream.disposition
        return context is not None, stream.index in moving, size + default * _PREFERRED

    return max(candidates, key=rank).index


def _moving(container: InputContainer, candidates: list[VideoStream]) -> set[int]:
    """Read on until every stream but one has shown what it is; return those of several pictures."""
    pictures = {stream.index: 0 for stream in candidates}
    for stream in container.streams:
        stream.discard = Discard.default if stream.index in pictures else Discard.all
    with suppress(av.FFmpegError):
        for packet in islice(container.demux(candidates), _LOOK):
            pictures[packet.stream_index] += bool(packet.size)
            if all(count > 1 for count in pictures.values()):
                break
    return {index for index, count in pictures.items() if count > 1}


def _picked(candidates: list[VideoStream], chosen: int | None, name: str) -> VideoStream:
    """Return one of the streams, the first unless another is chosen, if it can be decoded."""
    stream = next((s for s in candidates if chosen in {None, s.index}), None)
    if stream is None:
        found = ", ".join(str(s.index) for s in candidates)
        raise BadInput(
            f"{name}: its stream {chosen} is not a video", f"choose `stream` from: {found}"
        )
    context = stream.codec_context
    if context is None:
        raise BadInput(f"{name}: its video codec has no decoder here", "convert it to H.264")
    limit = f"the limit of {MAX_PIXELS // 10**6} megapixels"
    if not context.width or not context.height:
        # FFmpeg hides a size over the limit that it was given.
        raise BadInput(f"{name}: its picture size is missing or over {limit}", "scale it down")
    if context.width * context.height > MAX_PIXELS:
        size = f"{context.width}x{context.height}"
        raise BadInput(f"{name}: its pictures of {size} are over {limit}", "scale it down")
    return stream


def _refusal(source: Source, name: str, error: av.FFmpegError) -> BadInput:
    """Return why a file did not open; open it again to get FFmpeg's own reason."""
    reason = _heard(source) or error.strerror or "unknown error"
    if "whitelist" in reason:
        return BadInput(
            f"{name} has a format that is not supported", "convert it to MP4 or Matroska"
        )
    if "Invalid data" in reason:
        reason = "its content is not in a known media format"
    return BadInput(f"{name} cannot be read ({reason})", "check that it is a complete video file")


def _heard(source: Source) -> str:
    """Return FFmpeg's last error while opening.

    Logging is on for this moment only: while it is on, freeing a decoder with frame threads can
    deadlock on the interpreter's lock.
    """
    av.logging.set_level(av.logging.ERROR)
    # Else the second of two files with the same fault would have none.
    av.logging.set_skip_repeated(False)
    try:
        with av.logging.Capture() as logs:
            _open(source).close()
    except av.FFmpegError:
        pass
    finally:
        av.logging.set_level(None)
    return logs[-1][2].strip() if logs else ""
