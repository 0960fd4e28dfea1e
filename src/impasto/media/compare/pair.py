"""Two videos of which one was made of the other: whether they fit, and in what layout they meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from impasto.errors import BadInput
from impasto.media.compare.pane import orientation
from impasto.media.frame import Layout
from impasto.media.matrix import resolved
from impasto.media.read.planes import layout
from impasto.media.write.target import bit_depth

if TYPE_CHECKING:
    from impasto.media.read.container import Source
    from impasto.media.read.index import VideoIndex
    from impasto.schema.source import Colour, VideoFacts


class Given(NamedTuple):
    """A video to compare.

    Attributes:
        source: a local path or a binary file object that can seek.
        name: what messages call it.
    """

    source: Source
    name: str


def refuse_strangers(name: str, other: str, old: VideoIndex, new: VideoIndex, first: int) -> None:
    """Refuse videos of which one cannot be made of the other."""
    left = len(old) - first
    if len(new) > left:
        raise BadInput(
            f"{other}: has {len(new):,} frames, and {name} has {left:,}"
            + (" from there on" if first else ""),
            "name the source that it was made of" + (", or correct `start`" if first else ""),
        )
    was, now = old.facts.colour, new.facts.colour
    if 2 not in {was.transfer, now.transfer} and was.transfer != now.transfer:
        raise BadInput(
            f"{other}: has another brightness curve than {name} (HDR beside SDR)",
            "name the source that it was made of",
        )


def half(facts: VideoFacts) -> Layout:
    """Return the layout in which two videos are compared: the result's own, upright and even."""
    given = layout(facts)
    turned = orientation(facts)[0] % 2
    sides = [side + side % 2 for side in (facts.width, facts.height)]
    width, height = sides[::-1] if turned else sides
    depth = 8 if bit_depth(facts.pixel_format) == 8 else 10
    return Layout(width, height, depth, (1, 1), _tagged(given))


def _tagged(given: Layout) -> Colour:
    """Return a layout's tags with its matrix, which players would else guess by another size."""
    return given.colour.model_copy(update={"matrix": resolved(given)})
