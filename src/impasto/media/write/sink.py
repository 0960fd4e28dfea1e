"""Open containers for writing, and say what went wrong when that fails."""

from __future__ import annotations

import errno
from contextlib import contextmanager, suppress
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING

import av

from impasto.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from av.container import OutputContainer

    from impasto.media.formats import Family

MUXERS: dict[Family, str] = {"mp4": "mp4", "mov": "mov", "mkv": "matroska", "webm": "webm"}
BITEXACT = 0x400
"""FFmpeg's flag for leaving out random identifiers and its own version."""

DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.ENOENT}
NAME = {errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EILSEQ}
FINEST = 20_000_000
COARSER = Fraction(1, 10_000_000)


def clock(time_base: Fraction) -> Fraction:
    """Return the unit in which a file keeps picture timestamps of ``time_base``.

    It is the same, except for nanoseconds and similarly fine units: MP4 keeps the time between two
    pictures in 32 bits, which at that scale is two seconds.
    """
    return time_base if time_base.denominator <= FINEST else COARSER


def rescale(ticks: int, time_base: Fraction, other: Fraction) -> int:
    """Express a timestamp in another unit; to the nearest tick, as ``round`` does.

    In integers, since fractions took a third of a join's time.
    """
    whole = time_base.denominator * other.numerator
    ticks, rest = divmod(ticks * time_base.numerator * other.denominator, whole)
    return ticks + (2 * rest > whole or (2 * rest == whole and ticks % 2))


def movie_scale(units: Iterable[Fraction]) -> int:
    """Return ticks per second in which the tracks of an MP4 file can all start exactly.

    The usual 1000 would move every start to the next millisecond. Units that would make the scale
    too fine are left out.
    """
    scale = 1
    for unit in units:
        both = lcm(scale, unit.denominator)
        scale = both if both <= FINEST else scale
    return scale


def open_output(
    path: Path,
    family: Family,
    time_base: Fraction,
    others: Iterable[Fraction] = (),
    *,
    keys: bool = False,
) -> OutputContainer:
    """Open a local file for muxing, so that equal inputs give equal bytes.

    Args:
        path: where to write.
        family: the container.
        time_base: of the pictures.
        others: time bases of the other streams.
        keys: whether an MP4 or QuickTime file's tags are written as keys of any name.

    Raises:
        Unavailable: the file system refuses the file.
        BadInput: it refuses the name.
    """
    if family in {"mp4", "mov"}:
        options = {
            "movflags": "+faststart+use_metadata_tags" if keys else "+faststart",
            "movie_timescale": str(movie_scale([time_base, *others])),
            "video_track_timescale": str(time_base.denominator),
        }
    else:
        options = {"default_mode": "passthrough"}
    with writing(path):
        out = av.open(str(path), "w", format=MUXERS[family], container_options=options)
        out.flags |= BITEXACT
    return out


@contextmanager
def closing(out: OutputContainer, path: Path) -> Iterator[OutputContainer]:
    """Close ``out``, which is written at ``path``, whatever happens.

    Raises:
        Unavailable: the file system refused the end of the file.
        BadInput: the container refused it.
    """
    try:
        yield out
    except BaseException:
        abandon(out)
        raise
    with writing(path):
        out.close()


def abandon(out: OutputContainer) -> None:
    """Close a file that another error already spoiled, without raising a second one."""
    with suppress(av.FFmpegError, OSError):
        out.close()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name the file and the remedy in whatever FFmpeg raises while ``path`` is written.

    Raises:
        Unavailable: the file system refused, for lack of space or otherwise.
        BadInput: it refused the name, or an encoder or the container refused its input.
    """
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        reason = error.strerror or str(error)
        if error.errno in DISK:
            raise Unavailable(
                f"{path}: cannot be written ({reason})", "free some space on its disk"
            ) from error
        if error.errno in NAME:
            raise BadInput(
                f"{path}: cannot be written ({reason})", "choose another name"
            ) from error
        raise BadInput(
            f"{path}: the output was refused ({reason})", "choose another container or size"
        ) from error
