"""Facts about a source, and how to read a range of it."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from impasto.schema.base import Frozen
from impasto.schema.bounds import Aspect, Count, Delay, Moment, Ratio, Side, Word

CodePoint = Annotated[int, Field(ge=0, le=255)]
Fixed = Annotated[int, Field(ge=-(1 << 31), lt=1 << 32)]
"""A number of a display matrix, signed or not."""

_NAN = ("NaN", "-NaN", "nan", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN")
WORDS = ("NA", "N/A", "n/a", "<NA>", "#NA", "#N/A", "#N/A N/A", "NULL", "null", "None")
"""Text that pandas takes for a missing value, though it may be a word of its own."""
MISSING = ("", *WORDS, *_NAN)
"""All that pandas takes for a missing value."""


_DTYPES = {"bool", "boolean", "int64", "Int64", "float64", "str", "object"}
"""The dtypes of columns that are written as text."""


class Colour(Frozen):
    """How code values map to light, as ITU-T H.273 code points (2 is unspecified).

    Attributes:
        matrix: matrix coefficients (1 BT.709, 5 and 6 BT.601, 9 BT.2020).
        full_range: whether luma uses all codes (0 to 255) instead of 16 to 235; None if untagged.
        primaries: colour primaries.
        transfer: transfer characteristics.
    """

    matrix: CodePoint = 2
    full_range: bool | None = None
    primaries: CodePoint = 2
    transfer: CodePoint = 2


class Shift(Frozen):
    """A correction of times in a stream of sound or subtitles.

    Attributes:
        stream: index of the stream within the container.
        place: the packet, counted within the stream, from which it holds until the next one.
        by: what is added to the times in the file, in the stream's unit; a missing time is 0.
    """

    stream: Count
    place: Count
    by: Delay


Chromaticity = Annotated[int, Field(ge=0, le=50_000)]
Nits = Annotated[int, Field(ge=0, lt=1 << 32)]


class Mastering(Frozen):
    """The display on which HDR video was graded (SMPTE ST 2086), in the units of its messages.

    Attributes:
        primaries: x and y of red, green and blue, and of white, in steps of 1/50,000.
        brightest: its maximum luminance, in steps of 1/10,000 candela per square metre.
        darkest: its minimum luminance, in the same steps.
    """

    primaries: Annotated[tuple[Chromaticity, ...], Field(min_length=8, max_length=8)]
    brightest: Nits
    darkest: Nits


class Light(Frozen):
    """How bright HDR video gets (CTA-861.3), in candela per square metre.

    Attributes:
        brightest: that of its brightest pixel.
        average: the average of its brightest picture.
    """

    brightest: Annotated[int, Field(ge=0, lt=1 << 16)]
    average: Annotated[int, Field(ge=0, lt=1 << 16)]


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
        alpha: whether its pictures have transparency.
        keep_alpha: whether their transparency is read with them.
        mastering: the display on which it was graded, where the video says.
        light: how bright it gets, where the video says.
        dynamic: what people call the data for HDR displays that changes with the pictures, or "".
        sequential: why the stream cannot be cut into ranges, or "" when it can; if it cannot, the
            time base is 1 / rate and a timestamp is the frame's number.
        shifts: corrections of the times of sounds and subtitles.
        last_duration: how long the last frame is shown, in ``time_base``; 0 where the container
            does not say.
    """

    container: Word
    stream: Annotated[int, Field(ge=0, le=1 << 16)]
    codec: Word
    pixel_format: Word
    width: Side
    height: Side
    time_base: Ratio
    rate: Ratio
    sample_aspect: Aspect = Fraction(1)
    display_matrix: Annotated[tuple[Fixed, ...], Field(min_length=9, max_length=9)] | None = None
    colour: Colour = Colour()
    interlaced: bool = False
    deinterlace: bool = False
    alpha: bool = False
    keep_alpha: bool = False
    mastering: Mastering | None = None
    light: Light | None = None
    dynamic: Word = ""
    sequential: str = ""
    shifts: tuple[Shift, ...] = ()
    last_duration: Count = 0


class Keyframe(Frozen):
    """A keyframe: where a decoder can start.

    Attributes:
        pts: presentation timestamp as it is in the file, in the stream's time base.
        dts: decoding timestamp, or None where the container has none.
        position: how many picture packets come before it in the file.
    """

    pts: Moment
    dts: Moment | None
    position: Count


class VideoCut(Frozen):
    """Everything a worker needs to read one range of frames exactly.

    Attributes:
        pts: the exact presentation timestamps wanted, ascending, in the stream's time base.
        before: those of frames just before, which are read only because the first depends on them.
        after: those of frames just after, on which the last one depends.
        lead: how many of the frames before are scored with this range, nearest first.
        trail: how many of the frames after are.
        keys: keyframes to start from, best first; empty means from the file's start.
        stop: position, in decode order, just past the last packet needed.
        reorder: how many packets decode order may lag behind presentation order.
        moved: timestamps that are wrong in the file, as (position, right one); None is no frame's.
        span: the half-open range of the file's bytes that holds those packets, or None where the
            container does not say; for readers that fetch over a network.
    """

    pts: tuple[Moment, ...]
    before: tuple[Moment, ...] = ()
    after: tuple[Moment, ...] = ()
    lead: Count = 0
    trail: Count = 0
    keys: tuple[Keyframe, ...] = ()
    stop: Count
    reorder: Annotated[int, Field(ge=0, le=1 << 16)] = 0
    moved: tuple[tuple[Count, Moment | None], ...] = ()
    span: tuple[Count, Count] | None = None

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        """Refuse timestamps out of order."""
        if any(later <= earlier for earlier, later in pairwise(self.all_pts)):
            raise ValueError("has timestamps that do not ascend")
        if self.lead > len(self.before) or self.trail > len(self.after):
            raise ValueError("lacks frames beside it")
        return self

    @property
    def wide(self) -> VideoCut:
        """The same with the frames that are scored with it."""
        split, past = len(self.before) - self.lead, self.trail
        return self.model_copy(
            update={
                "pts": (*self.before[split:], *self.pts, *self.after[:past]),
                "before": self.before[:split],
                "after": self.after[past:],
                "lead": 0,
                "trail": 0,
            }
        )

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
        first_line: line of the file that holds the first row, from 1, if every row is one line;
            0 where rows are not lines, or in plans of earlier versions.
        arrow: a Parquet file's schema as Arrow serializes it, in base64; "" in plans of earlier
            versions and of other formats.
    """

    format: Literal["csv", "jsonl", "parquet"]
    columns: tuple[tuple[str, Word], ...]
    delimiter: Annotated[str, Field(pattern=r"^[\t !#-~]$")] = ","
    first_line: Count = 0
    arrow: str = ""

    @property
    def whole(self) -> bool:
        """Whether its columns are such as a reader finds."""
        names = {name for name, _ in self.columns}
        if len(names) < len(self.columns) or (self.format == "csv" and not names):
            return False
        # In Parquet, there may be others, which only pandas knows.
        return self.format == "parquet" or {dtype for _, dtype in self.columns} <= _DTYPES
