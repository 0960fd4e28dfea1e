"""Painting what was found into a picture: boxes, masks, keypoints and labels."""

from __future__ import annotations

import colorsys
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL.ImageFont import FreeTypeFont

    from impasto.scorers.detection.found import Found

Colour: TypeAlias = tuple[int, int, int]

LINE, LETTERS = 250, 40
"""The shorter side of a picture, over the width of a line and over the size of letters."""
THINNEST, SMALLEST = 2, 12
"""Pixels of a line and of letters, at least."""
LEAST, SHARE = 8, 4
"""Pixels of letters at the box of a small object, at least, and the box's longer side over them."""
FILLED = 110
"""Opacity of a mask, of 255."""
SEEN = 0.5
"""The least score of a keypoint that is painted."""
TURN = 0.618034
"""The golden ratio: how far round the circle of hues the next class's colour is."""
LIMBS = (
    *((15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8)),
    *((7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6)),
)
"""Pairs of keypoints that are joined, where there are COCO's 17 of a person."""


def draw(pictures: torch.Tensor, found: Sequence[Sequence[Found]]) -> torch.Tensor:
    """Paint what was found into pictures; all other pixels stay exactly as they are.

    Args:
        pictures: RGB in [0, 1], (N, 3, H, W).
        found: what was found in each, the best first.

    Returns:
        The same on the same device.
    """
    height, width = pictures.shape[2:]
    made = pictures.clone()
    for picture, objects in zip(made, found, strict=True):
        if not objects:
            continue
        layer = torch.from_numpy(overlay(height, width, objects)).to(picture.device)
        painted = layer[..., 3] > 0
        values = layer[painted].T.float() / 255
        picture[:, painted] = picture[:, painted] * (1 - values[3]) + values[:3] * values[3]
    return made


def overlay(height: int, width: int, found: Sequence[Found]) -> NDArray[np.uint8]:
    """Return what is painted over a picture of a size, RGBA in bytes, (H, W, 4)."""
    short = min(height, width)
    line = max(THINNEST, round(short / LINE))
    letters = max(SMALLEST, round(short / LETTERS))
    layer = np.zeros((height, width, 4), np.uint8)
    # The best comes last, over all others.
    for each in reversed(found):
        if each.mask is not None:
            layer[each.mask] = (*colour(each.kind), FILLED)
    image = Image.fromarray(layer, "RGBA")
    pen = ImageDraw.Draw(image)
    for each in reversed(found):
        if each.box:
            pen.rectangle(_whole(each.box, height, width), outline=colour(each.kind), width=line)
        if each.points is not None:
            _points(pen, each.points, line)
    for each in reversed(found):
        _label(pen, each, _font(_size(each, letters)), line, (height, width))
    return np.array(image)


def colour(kind: int) -> Colour:
    """Return the colour of a class by its index: the same in every picture and job."""
    rgb = colorsys.hsv_to_rgb((kind * TURN) % 1, (0.85, 0.6)[kind % 2], (1.0, 0.85)[kind // 2 % 2])
    red, green, blue = (round(255 * part) for part in rgb)
    return red, green, blue


def _whole(
    box: tuple[float, float, float, float], height: int, width: int
) -> tuple[int, int, int, int]:
    """Return a box's pixels, the last ones included, inside the picture."""
    left, top = min(round(box[0]), width - 1), min(round(box[1]), height - 1)
    right = min(max(round(box[2]) - 1, left), width - 1)
    bottom = min(max(round(box[3]) - 1, top), height - 1)
    return left, top, right, bottom


def _points(pen: ImageDraw.ImageDraw, points: NDArray[np.float32], line: int) -> None:
    """Paint the keypoints of an object, (K, 2 or 3), and the limbs of a person."""
    seen = points[:, 2] >= SEEN if points.shape[1] > 2 else np.full(len(points), True)
    places = [(float(x), float(y)) for x, y in points[:, :2]]
    for one, other in LIMBS if len(points) == 1 + max(map(max, LIMBS)) else ():
        if seen[one] and seen[other]:
            pen.line((places[one], places[other]), fill=colour(one), width=line)
    for n, (x, y) in enumerate(places):
        if seen[n]:
            pen.ellipse((x - line, y - line, x + line, y + line), fill=colour(n))


def _size(found: Found, letters: int) -> int:
    """Return the size of a label's letters, so that it does not hide a small box and those by it.

    Args:
        found: the object.
        letters: the size that suits the picture, in pixels.
    """
    if not found.box:
        return letters
    left, top, right, bottom = found.box
    return max(LEAST, min(letters, round(max(right - left, bottom - top) / SHARE)))


def _label(
    pen: ImageDraw.ImageDraw,
    found: Found,
    font: FreeTypeFont,
    line: int,
    size: tuple[int, int],
) -> None:
    """Paint a class and its score above a box; inside where there is no room, or without a box."""
    height, width = size
    text = f"{_readable(found)} {found.score:.2f}"
    _, _, long, _ = font.getbbox(text)
    above, below = font.getmetrics()
    wide, high = round(long) + 2 * line, above + below + line
    left, top, _, _ = _whole(found.box, height, width) if found.box else (0, 0, 0, 0)
    left = max(0, min(left, width - wide))
    top = top - high if top >= high else top
    back = colour(found.kind)
    pen.rectangle((left, top, left + wide - 1, top + high - 1), fill=back)
    bright = 0.299 * back[0] + 0.587 * back[1] + 0.114 * back[2] > 140
    ink = (0, 0, 0) if bright else (255, 255, 255)
    pen.text((left + line, top + line // 2), text, font=font, fill=ink)


def _readable(found: Found) -> str:
    """Return a class's name on one line, in the letters that the font has: those of ASCII.

    Accents are dropped; a name without any such letter is the class's number.
    """
    plain = unicodedata.normalize("NFKD", " ".join(found.label.split()))
    kept = "".join(each for each in plain if not unicodedata.combining(each))
    text = kept.encode("ascii", "replace").decode()
    return text if any(map(str.isalnum, text)) or not found.label else str(found.kind)


@lru_cache(64)
def _font(size: int) -> FreeTypeFont:
    """Return Pillow's own font in a size, in pixels."""
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
