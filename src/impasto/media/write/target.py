"""The output's picture stream, decided once from the source's facts and a suffix."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import av

from impasto.errors import BadInput
from impasto.media.formats import Family, family_of
from impasto.media.frame import Layout
from impasto.media.read.container import MAX_PIXELS
from impasto.schema.base import Frozen
from impasto.schema.source import Colour

if TYPE_CHECKING:
    from impasto.schema.source import VideoFacts

Codec = Literal["libx264", "libx265", "libvpx-vp9"]


LONGEST: dict[Codec, int] = {"libx264": 16384, "libx265": 65535, "libvpx-vp9": 65535}
"""The most pixels in a row or column that an encoder takes."""

_SAMPLINGS = {
    (1, 1): "4:1:0",
    (1, 4): "4:1:1",
    (2, 2): "4:2:0",
    (2, 4): "4:2:2",
    (4, 2): "4:4:0",
    (4, 4): "4:4:4",
}
"""Names of chroma sub-sampling, by what is left of four samples across and four down."""

HDR = {16, 18}
"""Transfer characteristics of high dynamic range, as ITU-T H.273 code points."""


class Target(Frozen):
    """The picture stream to make; equal for every segment of a job.

    Attributes:
        family: the container.
        codec: the encoder's name.
        pixel_format: FFmpeg's name of the encoded layout; always 4:2:0.
        width: width in pixels of the pictures that a writer is given.
        height: height in pixels of those pictures.
        coded_width: encoded width in pixels; H.264 and H.265 require it to be even.
        coded_height: encoded height in pixels; even for the same encoders.
        time_base: seconds per timestamp unit, the source's.
        rate: nominal frames per second.
        sample_aspect: width over height of one pixel.
        display_matrix: the source's display matrix, see ``VideoFacts``.
        colour: the tags to write, and so the way to make the planes.
    """

    family: Family
    codec: Codec
    pixel_format: str
    width: int
    height: int
    coded_width: int
    coded_height: int
    time_base: Fraction
    rate: Fraction
    sample_aspect: Fraction = Fraction(1)
    display_matrix: tuple[int, ...] | None = None
    colour: Colour = Colour()

    @property
    def padding(self) -> tuple[int, int]:
        """Columns at the right and rows at the bottom that repeat the picture's edge."""
        return self.coded_width - self.width, self.coded_height - self.height

    @property
    def layout(self) -> Layout:
        """The planes that a writer is given."""
        depth = 10 if self.pixel_format.endswith("10le") else 8
        return Layout(self.width, self.height, depth, (1, 1), self.colour)


def target(facts: VideoFacts, suffix: str, width: int, height: int) -> Target:
    """Decide the output's picture stream.

    Args:
        facts: the source's picture stream.
        suffix: the output's file name suffix, such as ``.mp4``; case does not matter.
        width: width in pixels of the scored pictures.
        height: height in pixels of the scored pictures.

    Raises:
        BadInput: no container has that suffix, or the pictures are too large for a video.
    """
    family = family_of(f"output{suffix}")
    codec, pixel_format = _codec(family, bit_depth(facts.pixel_format))
    even = codec != "libvpx-vp9"
    made = Target(
        family=family,
        codec=codec,
        pixel_format=pixel_format,
        width=width,
        height=height,
        coded_width=width + (width % 2 if even else 0),
        coded_height=height + (height % 2 if even else 0),
        time_base=facts.time_base,
        rate=facts.rate,
        sample_aspect=facts.sample_aspect,
        display_matrix=facts.display_matrix,
        colour=_colour(facts),
    )
    _refuse_too_large(made)
    return made


def _refuse_too_large(target: Target) -> None:
    """Refuse what could be encoded, but then not be joined, or not be encoded at all.

    Pictures that come from image files may be larger than any that a video may have.
    """
    size = f"a video of {target.coded_width}x{target.coded_height} pictures"
    longest = LONGEST[target.codec]
    if max(target.coded_width, target.coded_height) > longest:
        raise BadInput(
            f"{size} is over {target.codec}'s {longest} pixels per side", "scale it down"
        )
    if target.coded_width * target.coded_height > MAX_PIXELS:
        limit = f"the limit of {MAX_PIXELS // 10**6} megapixels"
        raise BadInput(f"{size} is over {limit}", "scale it down")


def bit_depth(pixel_format: str) -> int:
    """Return the significant bits of one sample of an FFmpeg pixel format."""
    return max(part.bits for part in av.VideoFormat(pixel_format).components)


def sampling(pixel_format: str) -> str:
    """Return how densely a pixel format samples colour: ``RGB``, ``4:2:2``, ..., or ``grey``."""
    layout = av.VideoFormat(pixel_format)
    if layout.is_rgb or layout.has_palette:
        return "RGB"
    if sum(not part.is_alpha for part in layout.components) < 3:
        return "grey"
    return _SAMPLINGS[layout.chroma_width(4), layout.chroma_height(4)]


def changes(facts: VideoFacts, target: Target) -> list[str]:
    """Return how the output's pictures must differ from the source's, one line each."""
    found = losses(facts, target)
    if facts.alpha:
        found.append("transparent pictures become opaque")
    if facts.interlaced:
        found.append("interlaced pictures become progressive")
    if any(target.padding):
        size = f"{target.coded_width}x{target.coded_height}"
        found.append(f"pictures of {target.width}x{target.height} are padded to {size}")
    return found


def losses(facts: VideoFacts, target: Target) -> list[str]:
    """Return what an output's format cannot hold of its source's pictures, one line each."""
    found = []
    depth = bit_depth(facts.pixel_format)
    if depth > target.layout.depth:
        found.append(f"{depth}-bit pictures become {target.layout.depth}-bit")
    if (dense := sampling(facts.pixel_format)) not in {"4:2:0", "grey"}:
        found.append(f"{dense} colour becomes 4:2:0")
    if facts.colour.transfer in HDR:
        found.append("HDR mastering data, where the source has any, is not kept")
    return found


def _codec(family: Family, depth: int) -> tuple[Codec, str]:
    if family == "webm":
        return "libvpx-vp9", "yuv420p"
    return ("libx265", "yuv420p10le") if depth > 8 else ("libx264", "yuv420p")


def _colour(facts: VideoFacts) -> Colour:
    """Return the source's tags, but with limited BT.709 for RGB, which 4:2:0 cannot hold."""
    if not av.VideoFormat(facts.pixel_format).is_rgb:
        return facts.colour
    return facts.colour.model_copy(update={"matrix": 1, "full_range": False})
