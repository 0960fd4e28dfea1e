"""Sheets drawn as one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.cli.render.sheet.cells import Line

GAP = 14
"""Pixels between any two things."""
LABEL = 190
"""Width of the column of labels, in pixels."""
CELL = (160, 480)
"""Minimum and maximum side of a picture's cell, in pixels."""
WIDE = 2600
"""Width of a sheet above which its pictures become smaller, in pixels."""
LINES = 12
"""Lines of text of a cell."""
INK, FAINT, PAPER, RED = "#1c1c1c", "#6b6b6b", "#ffffff", "#b00020"


def draw(heads: Sequence[str], rows: Sequence[Line]) -> Image.Image:
    """Draw a sheet.

    Args:
        heads: the columns' names.
        rows: the rows, the source's first.
    """
    side = max(CELL[0], min(CELL[1], (WIDE - LABEL) // len(heads) - GAP))
    head, small = ImageFont.load_default(19), ImageFont.load_default(16)
    shrunk = [[_fitted(cell.picture, side) for cell in row.cells] for row in rows]
    width = max([CELL[0], *(each.width for row in shrunk for each in row if each)])
    width = side if any(cell.text for row in rows for cell in row.cells) else width
    labels = [_label(row, small) for row in rows]
    texts = [[_wrapped(cell.text, small, width) for cell in row.cells] for row in rows]
    heights = [
        max(
            label.height,
            *(each.height if each else 0 for each in pictures),
            *(_tall(small) * len(text) for text in lines),
        )
        for label, pictures, lines in zip(labels, shrunk, texts, strict=True)
    ]
    top = _tall(head) + 2 * GAP
    size = (
        GAP + LABEL + len(heads) * (GAP + width) + GAP,
        top + sum(heights) + GAP * len(heights),
    )
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    lefts = [GAP + LABEL + GAP + n * (GAP + width) for n in range(len(heads))]
    for left, name in zip(lefts, heads, strict=True):
        pen.text((left, GAP), _cut(name, head, width), INK, head)
    for row, label, pictures, lines, height in zip(
        rows, labels, shrunk, texts, heights, strict=True
    ):
        sheet.paste(label, (GAP, top))
        for left, cell, picture, text in zip(lefts, row.cells, pictures, lines, strict=True):
            if picture:
                sheet.paste(picture, (left, top))
            pen.multiline_text((left, top), "\n".join(text), RED if cell.failed else INK, small)
        top += height + GAP
    return sheet


def _fitted(picture: Image.Image | None, side: int) -> Image.Image | None:
    """Shrink a picture to a longer side."""
    if picture is None:
        return None
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return small


def _label(row: Line, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> Image.Image:
    """Draw a row's name, below its painting if it has one."""
    painting = _fitted(row.painting, LABEL)
    top = painting.height + GAP // 2 if painting else 0
    text = _wrapped((row.label.name,), font, LABEL)[:3]
    text += _wrapped((row.label.setting,), font, LABEL)[:3]
    label = Image.new("RGB", (LABEL, top + _tall(font) * len(text)), PAPER)
    if painting:
        label.paste(painting, (0, 0))
    ImageDraw.Draw(label).multiline_text((0, top), "\n".join(text), FAINT, font)
    return label


def _wrapped(
    lines: Sequence[str], font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int
) -> list[str]:
    """Break lines that are too wide, at spaces where there are any."""
    found: list[str] = []
    for line in lines:
        rest = line
        while rest and len(found) <= LINES:
            count = len(rest)
            while count > 1 and font.getlength(rest[:count]) > width:
                count -= 1
            space = rest.rfind(" ", 0, count + 1)
            at = space if count < len(rest) and space > 0 else count
            found.append(rest[:at])
            rest = rest[at:].lstrip()
    return found if len(found) <= LINES else [*found[: LINES - 1], "..."]


def _cut(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> str:
    """Shorten a line in its middle until it fits."""
    shown, count = text, len(text)
    while count > 2 and font.getlength(shown) > width:
        count -= 1
        shown = f"{text[: count // 2]}...{text[len(text) - (count - count // 2) :]}"
    return shown


def _tall(font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> int:
    """Return the height of a line of text, as `multiline_text` sets it."""
    return round(font.getbbox("A")[3] + 4 + 1)
