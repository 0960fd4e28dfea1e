"""The output's picture stream, decided once from the source's facts and a suffix."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import av

from impasto.errors import BadInput
from impasto.media.codecs import Coded, choices, depth_of, is_clear, usual
from impasto.media.formats import Family, family_of
from impasto.media.frame import Layout
from impasto.media.names import codec as called
from impasto.media.names import container
from impasto.media.read.container import MAX_PIXELS
from impasto.media.read.planes import CHROMA
from impasto.schema.base import Frozen
from impasto.schema.source import Colour, Light, Mastering

if TYPE_CHECKING:
    from impasto.schema.job import PixelFormat, VideoCodec
    from impasto.schema.source import VideoFacts

Codec = Literal["libx264", "libx265", "libvpx-vp9", "libsvtav1", "prores_ks", "ffv1"]

ENCODERS: dict[Coded, Codec] = {
    "h264": "libx264",
    "hevc": "libx265",
    "av1": "libsvtav1",
    "vp9": "libvpx-vp9",
    "prores": "prores_ks",
    "ffv1": "ffv1",
}
LONGEST: dict[Codec, int] = {
    "libx264": 16384,
    "libx265": 65535,
    "libvpx-vp9": 65535,
    "libsvtav1": 8704,
    "prores_ks": 65535,
    "ffv1": 65535,
}
"""The most pixels in a row or column that an encoder takes."""
_ANY_SIDE: frozenset[Codec] = frozenset({"libvpx-vp9", "ffv1"})
"""The encoders of which pictures may have odd sides."""
_SHAPED: frozenset[Codec] = frozenset({"libx264", "libx265"})
"""The encoders that write the shape of pixels, which FFmpeg's Matroska muxer is not told."""
_GRADED: frozenset[Codec] = frozenset({"libx264", "libx265", "libsvtav1"})
"""The encoders that write on which display video was graded."""

_SAMPLINGS = {
    (1, 1): "4:1:0",
    (1, 4): "4:1:1",
    (2, 2): "4:2:0",
    (2, 4): "4:2:2",
    (4, 2): "4:4:0",
    (4, 4): "4:4:4",
}
"""Names of chroma sub-sampling, by what is left of four samples across and four down."""

OPAQUE = "transparent pictures become opaque"
OPAQUE_UNLESS = f"{OPAQUE}; `codec=prores` in .mov or `codec=vp9` in .webm keeps transparency"
"""The same, with the remedy."""


class Target(Frozen):
    """The picture stream to make; equal for every segment of a job.

    Attributes:
        family: the container.
        codec: the encoder's name.
        pixel_format: FFmpeg's name of the encoded layout, one of ``codecs.PIXELS``.
        width: width in pixels of the pictures that a writer is given.
        height: height in pixels of those pictures.
        coded_width: encoded width in pixels; most encoders require it to be even.
        coded_height: encoded height in pixels; even for the same encoders.
        time_base: seconds per timestamp unit, the source's.
        rate: nominal frames per second.
        sample_aspect: width over height of one pixel.
        display_matrix: the source's display matrix, see ``VideoFacts``.
        colour: the tags to write, and so the way to make the planes.
        mastering: the display on which it was graded, where that is written.
        light: how bright it gets, where that is written.
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
    mastering: Mastering | None = None
    light: Light | None = None

    @property
    def alpha(self) -> bool:
        """Whether pictures are transparent: a writer is then given a fourth plane (H, W)."""
        return is_clear(self.pixel_format)

    @property
    def sampling(self) -> str:
        """How densely colour is sampled, such as ``4:2:0``."""
        return sampling(self.pixel_format)

    @property
    def segments(self) -> Family:
        """The container of segments: MP4, except for what it cannot carry."""
        if self.codec == "ffv1" or (self.codec == "libvpx-vp9" and self.alpha):
            return "mkv"
        return "mov" if self.codec == "prores_ks" else "mp4"

    @property
    def numbered(self) -> bool:
        """Whether frames in segments have numbers for timestamps, which Matroska would round."""
        return self.segments == "mkv"

    @property
    def padding(self) -> tuple[int, int]:
        """Columns at the right and rows at the bottom that repeat the picture's edge."""
        return self.coded_width - self.width, self.coded_height - self.height

    @property
    def layout(self) -> Layout:
        """The planes that a writer is given."""
        depth, chroma = depth_of(self.pixel_format), CHROMA[self.pixel_format.lstrip("yuva")[:3]]
        return Layout(self.width, self.height, depth, chroma, self.colour)


def target(
    facts: VideoFacts,
    suffix: str,
    width: int,
    height: int,
    codec: VideoCodec = "auto",
    pix_fmt: PixelFormat | None = None,
) -> Target:
    """Decide the output's picture stream.

    Args:
        facts: the source's picture stream.
        suffix: the output's file name suffix, such as ``.mp4``; case does not matter.
        width: width in pixels of the scored pictures.
        height: height in pixels of the scored pictures.
        codec: how they are encoded; see ``JobSpec``.
        pix_fmt: the samples that are encoded; None lets the codec and the source decide.

    Raises:
        BadInput: no container has that suffix, or the pictures are too large for a video.
    """
    family = family_of(f"output{suffix}")
    depth = depth_of(pix_fmt) if pix_fmt else bit_depth(facts.pixel_format)
    coded = usual(family, depth) if codec == "auto" else codec
    encoder = ENCODERS[coded]
    even = encoder not in _ANY_SIDE
    graded = encoder in _GRADED
    shaped = encoder in _SHAPED or family in {"mp4", "mov"}
    made = Target(
        family=family,
        codec=encoder,
        pixel_format=pix_fmt or _samples(facts, family, codec, coded),
        width=width,
        height=height,
        coded_width=width + (width % 2 if even else 0),
        coded_height=height + (height % 2 if even else 0),
        time_base=facts.time_base,
        rate=facts.rate,
        sample_aspect=facts.sample_aspect if shaped else Fraction(1),
        display_matrix=facts.display_matrix,
        colour=_colour(facts, encoder),
        mastering=facts.mastering if graded else None,
        light=facts.light if graded else None,
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
    if facts.alpha and not target.alpha:
        found.append(OPAQUE)
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
    dense, made = sampling(facts.pixel_format), sampling(target.pixel_format)
    if dense != "grey" and any(a > b for a, b in zip(_steps(made), _steps(dense), strict=True)):
        found.append(f"{dense} colour becomes {made}")
    if (facts.mastering, facts.light) != (target.mastering, target.light):
        found.append(f"{called(target.codec)} does not keep HDR mastering data")
    if facts.sample_aspect != target.sample_aspect:
        shape = f"{facts.sample_aspect.numerator}:{facts.sample_aspect.denominator}"
        found.append(f"pixels of {shape} become square in {container(target.family)}")
    if facts.dynamic:
        found.append(f"{facts.dynamic} data is not kept")
    return found


def _steps(dense: str) -> tuple[int, int]:
    """Return log2 of the chroma sub-sampling, across and down."""
    return CHROMA.get(dense.replace(":", ""), (0, 0))


def _samples(facts: VideoFacts, family: Family, asked: VideoCodec, codec: Coded) -> str:
    """Return the samples that keep most of the source, of those that players of a codec take."""
    depth, dense = bit_depth(facts.pixel_format), sampling(facts.pixel_format)
    if asked == "auto" or codec in {"h264", "hevc", "av1", "vp9"}:
        clear = facts.alpha and asked == "vp9" and "yuva420p" in choices(family, codec)
        deep = depth > 8 and codec in {"hevc", "av1"}
        return "yuva420p" if clear else "yuv420p10le" if deep else "yuv420p"
    if codec == "prores":
        if facts.alpha:
            return "yuva444p10le"
        return "yuv444p10le" if dense in {"RGB", "4:4:4"} else "yuv422p10le"
    # Two bits more keep RGB's codes apart.
    wanted = depth + 2 if dense == "RGB" else depth
    bits = next(each for each in (8, 10, 12, 16) if each >= min(wanted, 16))
    named = {"4:2:0": "420", "4:1:0": "420", "grey": "420", "4:2:2": "422", "4:1:1": "422"}
    end = "p" if bits == 8 else f"p{bits}le"
    best = f"yuv{'a' if facts.alpha else ''}{named.get(dense, '444')}{end}"
    return best if best in choices(family, codec) else f"yuva444{end}"


def _colour(facts: VideoFacts, encoder: Codec) -> Colour:
    """Return the source's tags, but with limited BT.709 for RGB; ProRes has no full range."""
    colour = facts.colour
    if av.VideoFormat(facts.pixel_format).is_rgb:
        return colour.model_copy(update={"matrix": 1, "full_range": False})
    if encoder == "prores_ks" and colour.full_range:
        return colour.model_copy(update={"full_range": False})
    return colour
