"""Facts about a source, and how to read a range of it."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from impasto.schema.base import Frozen


class Colour(Frozen):
    """How code values map to light, as ITU-T H.273 code points (2 is unspecified).

    Attributes:
        matrix: matrix coefficients (1 BT.709, 5 and 6 BT.601, 9 BT.2020).
        full_range: whether luma uses all codes (0 to 255) instead of 16 to 235; None if untagged.
        primaries: colour primaries.
        transfer: transfer characteristics.
    """

    matrix: int = 2
    full_range: bool | None = None
    primaries: int = 2
    transfer: int = 2


class Shift(Frozen):
    """A correction of times in a stream of sound or subtitles.

    Attributes:
        stream: index of the stream within the container.
        place: the packet, counted within the stream, from which it holds until the next one.
        by: what is added to the times in the file, in the stream's unit; a missing time is 0.
    """

    stream: int
    place: int
    by: int


class VideoFacts(Frozen):
    """Facts about a video's picture stream.

    Attributes:
        container: the demuxer's name, such as ``mov,mp4,m4a,3gp,3g2,mj2``.
        stream: index of the picture stream within the container.
        codec: the decoder's name.
        pixel_format: FFmpeg's name of the decoded layout, such as ``yuv420p``.
        width: coded width in pixels, before rotation.
        height: coded height in pixels, before rotation.
        time_base: seconds per timestamp unit.
        rate: nominal frames per second; a hint for encoders and displays, never a clock.
        sample_aspect: width over height of one pixel.
        display_matrix: the 3x3 display matrix in file order (row-major, 16.16 fixed point; the
            last column 2.30), or None.
        colour: the colour tags.
        interlaced: whether the stream is flagged as interlaced.
        deinterlace: whether its frames are deinterlaced when they are read.
        alpha: whether its pictures have transparency, which is not read.
        sequential: why the stream cannot be cut into ranges, or "" when it can; if it cannot, the
            time base is 1 / rate and a timestamp is the frame's number.
        shifts: corrections of the times of sounds and subtitles.
        last_duration: how long the last frame is shown, in ``time_base``; 0 where the container
            does not say.
    """

    container: str
    stream: int
    codec: str
    pixel_format: str
    width: int
    height: int
    time_base: Fraction
    rate: Fraction
    sample_aspect: Fraction = Fraction(1)
    display_matrix: tuple[int, ...] | None = None
    colour: Colour = Colour()
    interlaced: bool = False
    deinterlace: bool = False
    alpha: bool = False
    sequential: str = ""
    shifts: tuple[Shift, ...] = ()
    last_duration: int = 0


class Keyframe(Frozen):
    """A keyframe: where a decoder can start.

    Attributes:
        pts: presentation timestamp as it is in the file, in the stream's time base.
        dts: decoding timestamp, or None where the container has none.
        position: how many picture packets come before it in the file.
    """

    pts: int
    dts: int | None
    position: int


class VideoCut(Frozen):
    """Everything a worker needs to read one range of frames exactly.

    Attributes:
        pts: the exact presentation timestamps wanted, ascending, in the stream's time base.
        before: those of frames just before, which are read only because the first depends on them.
        after: those of frames just after, likewise.
        keys: keyframes to start from, best first; empty means from the file's start.
        stop: position, in decode order, just past the last packet needed.
        reorder: how many packets decode order may lag behind presentation order.
        moved: timestamps that are wrong in the file, as (position, right one); None is no frame's.
        span: the half-open range of the file's bytes that holds those packets, or None where the
            container does not say; for readers that fetch over a network.
    """

    pts: tuple[int, ...]
    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    keys: tuple[Keyframe, ...] = ()
    stop: int
    reorder: int = 0
    moved: tuple[tuple[int, int | None], ...] = ()
    span: tuple[int, int] | None = None

    @property
    def all_pts(self) -> tuple[int, ...]:
        """The timestamps of all frames that are read."""
        return (*self.before, *self.pts, *self.after)


class TableFacts(Frozen):
    """Facts about a table, from a look at all of it, so that every shard is read the same way.

    Attributes:
        format: how it is written.
        columns: name and pandas dtype of every column, in order.
        delimiter: what separates a CSV file's fields.
    """

    format: Literal["csv", "jsonl", "parquet"]
    columns: tuple[tuple[str, str], ...]
    delimiter: str = ","
